"""A finding says whether it was set aside by itself, and what sets aside findings says whom they are about."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

_LIKE_IT = " AND ".join(
    f"finding.{name} = finding_pattern.{name}" for name in ("org_id", "kind", "subject_type", "subject_id", "place")
)


def upgrade() -> None:
    op.add_column("finding", sa.Column("by_itself", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("finding_pattern", sa.Column("subject_name", sa.String, nullable=False, server_default=""))
    # Until now that followed from the moment: nobody decides in the very microsecond in which a finding is written.
    op.execute("UPDATE finding SET by_itself = true WHERE state = 'set_aside' AND decided_at = found_at")
    newest = f"SELECT subject_name FROM finding WHERE {_LIKE_IT} ORDER BY at DESC LIMIT 1"
    op.execute(f"UPDATE finding_pattern SET subject_name = COALESCE(({newest}), subject_id)")


def downgrade() -> None:
    op.drop_column("finding_pattern", "subject_name")
    op.drop_column("finding", "by_itself")
