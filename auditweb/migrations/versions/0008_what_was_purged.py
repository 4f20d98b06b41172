"""
What has been removed from an organisation's log, and no entry tells of yet.

Counted in the transaction that removes it: a purge that is killed can say afterwards what it had done.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("organisation", sa.Column("purged_entries", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("organisation", sa.Column("purged_up_to", sa.BigInteger, nullable=True))
    op.add_column("organisation", sa.Column("purged_months", sa.Integer, nullable=True))


def downgrade() -> None:
    op.drop_column("organisation", "purged_months")
    op.drop_column("organisation", "purged_up_to")
    op.drop_column("organisation", "purged_entries")
