"""
Parts of a log shared with people outside: the links, their openings, what masked values are called; support staff.

Nothing is shared yet, and nobody is support staff.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

MOMENT = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.add_column("person", sa.Column("support", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_table(
        "share",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("org_id", sa.Integer, nullable=False),
        sa.Column("token_hash", sa.String, nullable=False),
        sa.Column("maker_id", sa.Integer, nullable=False),
        sa.Column("recipient", sa.String, nullable=False),
        sa.Column("note", sa.String, nullable=False, server_default=""),
        sa.Column("filter", sa.String, nullable=False, server_default=""),
        sa.Column("described", sa.String, nullable=False),
        sa.Column("masks", sa.String, nullable=False, server_default=""),
        sa.Column("follows", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("support_only", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("ended_how", sa.String, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_share"),
        sa.UniqueConstraint("token_hash", name="uq_share_token_hash"),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name="fk_share_org_id_organisation"),
        sa.ForeignKeyConstraint(["maker_id"], ["person.id"], name="fk_share_maker_id_person"),
    )
    op.create_index("ix_share_org_id_ended_at", "share", ["org_id", "ended_at"])
    op.create_table(
        "share_opening",
        sa.Column("share_id", sa.String, nullable=False),
        sa.Column("reader", sa.String, nullable=False),
        sa.Column("hour", sa.BigInteger, nullable=False),
        sa.Column("org_id", sa.Integer, nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("ip", sa.String, nullable=True),
        sa.Column("user_agent", sa.String, nullable=True),
        sa.PrimaryKeyConstraint("share_id", "reader", "hour", name="pk_share_opening"),
        sa.ForeignKeyConstraint(["share_id"], ["share.id"], name="fk_share_opening_share_id_share"),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name="fk_share_opening_org_id_organisation"),
    )
    op.create_index("ix_share_opening_org_id", "share_opening", ["org_id"])
    op.create_table(
        "share_alias",
        sa.Column("share_id", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("org_id", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("ref", sa.String, nullable=True),
        sa.PrimaryKeyConstraint("share_id", "kind", "key", name="pk_share_alias"),
        sa.ForeignKeyConstraint(["share_id"], ["share.id"], name="fk_share_alias_share_id_share"),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name="fk_share_alias_org_id_organisation"),
    )
    op.create_index("ix_share_alias_org_id", "share_alias", ["org_id"])


def downgrade() -> None:
    for table in ("share_alias", "share_opening", "share"):
        op.drop_table(table)
    op.drop_column("person", "support")
