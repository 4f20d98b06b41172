"""Findings about somebody are found by an index, for their page."""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    columns = ["org_id", "subject_type", "subject_id", "at", "id"]
    op.create_index("ix_finding_org_id_subject", "finding", columns)


def downgrade() -> None:
    op.drop_index("ix_finding_org_id_subject", "finding")
