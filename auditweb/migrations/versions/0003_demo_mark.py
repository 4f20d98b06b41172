"""The mark on a database that holds the demo."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

MOMENT = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "demo_mark",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("entries", sa.Integer, nullable=False),
        sa.Column("loaded", sa.Integer, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_demo_mark"),
    )


def downgrade() -> None:
    op.drop_table("demo_mark")
