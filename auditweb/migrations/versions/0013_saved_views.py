"""Views of the log that people keep by name. There are none yet."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

MOMENT = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "saved_view",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("org_id", sa.Integer, nullable=False),
        sa.Column("maker_id", sa.Integer, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("query", sa.String, nullable=False),
        sa.Column("shared", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_saved_view"),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name="fk_saved_view_org_id_organisation"),
        sa.ForeignKeyConstraint(["maker_id"], ["person.id"], name="fk_saved_view_maker_id_person"),
    )
    op.create_index("ix_saved_view_org_id", "saved_view", ["org_id", "maker_id"])


def downgrade() -> None:
    op.drop_table("saved_view")
