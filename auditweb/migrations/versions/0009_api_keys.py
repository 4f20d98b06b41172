"""
API keys that other systems write and read with: what each may do, the hash of its secret, and when it was last used.

Keys that are there already have no secret, so that none of them opens anything. Use is noted apart, because whatever
changes in `api_key` has the names on every page looked up anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

MOMENT = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.add_column("api_key", sa.Column("secret_hash", sa.String, nullable=True))
    op.add_column("api_key", sa.Column("former_hash", sa.String, nullable=True))
    op.add_column("api_key", sa.Column("former_until", MOMENT, nullable=True))
    op.add_column("api_key", sa.Column("scopes", sa.String, nullable=False, server_default=""))
    op.add_column("api_key", sa.Column("categories", sa.String, nullable=False, server_default=""))
    op.add_column("api_key", sa.Column("networks", sa.String, nullable=False, server_default=""))
    op.add_column("api_key", sa.Column("expires_at", MOMENT, nullable=True))
    op.create_table(
        "api_key_use",
        sa.Column("key_id", sa.String, nullable=False),
        sa.Column("org_id", sa.Integer, nullable=False),
        sa.Column("used_at", MOMENT, nullable=False),
        sa.Column("ip", sa.String, nullable=True),
        sa.PrimaryKeyConstraint("key_id", name="pk_api_key_use"),
        sa.ForeignKeyConstraint(["key_id"], ["api_key.id"], name="fk_api_key_use_key_id_api_key"),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name="fk_api_key_use_org_id_organisation"),
    )
    op.create_index("ix_api_key_use_org_id", "api_key_use", ["org_id"])


def downgrade() -> None:
    op.drop_table("api_key_use")
    for name in ("expires_at", "networks", "categories", "scopes", "former_until", "former_hash", "secret_hash"):
        op.drop_column("api_key", name)
