"""Organisations, people, memberships, API keys, sign-in sessions and rates."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

MOMENT = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "organisation",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("slug", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("zone", sa.String, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_organisation"),
        sa.UniqueConstraint("slug", name="uq_organisation_slug"),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("email", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("password_hash", sa.String, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("zone", sa.String, nullable=False),
        sa.Column("absolute_times", sa.Boolean, nullable=False),
        sa.Column("shortcuts", sa.Boolean, nullable=False),
        sa.Column("theme", sa.String, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_person"),
        sa.UniqueConstraint("email", name="uq_person_email"),
    )
    op.create_table(
        "membership",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("org_id", sa.Integer, nullable=False),
        sa.Column("person_id", sa.Integer, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("joined_at", MOMENT, nullable=False),
        sa.Column("removed_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_membership"),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name="fk_membership_org_id_organisation"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_membership_person_id_person"),
        sa.UniqueConstraint("org_id", "person_id", name="uq_membership_org_id_person_id"),
        sa.CheckConstraint("role IN ('owner', 'admin', 'auditor', 'member')", name=op.f("ck_membership_role")),
    )
    op.create_index("ix_membership_person_id", "membership", ["person_id"])
    op.create_table(
        "api_key",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("org_id", sa.Integer, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("maker_id", sa.Integer, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name="fk_api_key_org_id_organisation"),
        sa.ForeignKeyConstraint(["maker_id"], ["person.id"], name="fk_api_key_maker_id_person"),
    )
    op.create_index("ix_api_key_org_id", "api_key", ["org_id"])
    op.create_table(
        "sign_in_session",
        sa.Column("id_hash", sa.String, nullable=False),
        sa.Column("person_id", sa.Integer, nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("ip", sa.String, nullable=True),
        sa.Column("user_agent", sa.String, nullable=True),
        sa.PrimaryKeyConstraint("id_hash", name="pk_sign_in_session"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_sign_in_session_person_id_person"),
    )
    op.create_index("ix_sign_in_session_person_id", "sign_in_session", ["person_id"])
    op.create_table(
        "rate",
        sa.Column("key", sa.String, nullable=False),
        sa.Column("window", sa.BigInteger, nullable=False),
        sa.Column("hits", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_rate"),
    )
    op.create_index("ix_rate_window", "rate", ["window"])


def downgrade() -> None:
    for table in ("rate", "sign_in_session", "api_key", "membership", "person", "organisation"):
        op.drop_table(table)
