"""The last purge of a log is looked up: as long as it is the same, nothing has been lost."""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.create_index("ix_purge_org_id_id", "purge", ["org_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_purge_org_id_id", "purge")
