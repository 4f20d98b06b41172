"""
What an organisation decides about itself and its people: rules of signing in, invitations, ownership, retention.

What is there already keeps working as it did: no second factor is asked of anybody, sessions last as long as before,
and every entry is kept.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

MOMENT = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    _add_columns()
    op.create_table(
        "former_slug",
        sa.Column("slug", sa.String, nullable=False),
        sa.Column("org_id", sa.Integer, nullable=False),
        sa.Column("given_up_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("slug", name="pk_former_slug"),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name="fk_former_slug_org_id_organisation"),
    )
    op.create_index("ix_former_slug_org_id", "former_slug", ["org_id"])
    op.create_table(
        "presence",
        sa.Column("org_id", sa.Integer, nullable=False),
        sa.Column("person_id", sa.Integer, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "person_id", name="pk_presence"),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name="fk_presence_org_id_organisation"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_presence_person_id_person"),
    )
    op.create_index("ix_presence_person_id", "presence", ["person_id"])
    _create_invitation()
    _create_factors()
    op.create_table(
        "ownership_offer",
        sa.Column("org_id", sa.Integer, nullable=False),
        sa.Column("from_id", sa.Integer, nullable=False),
        sa.Column("to_id", sa.Integer, nullable=False),
        sa.Column("offered_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("org_id", name="pk_ownership_offer"),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name="fk_ownership_offer_org_id_organisation"),
        sa.ForeignKeyConstraint(["from_id"], ["person.id"], name="fk_ownership_offer_from_id_person"),
        sa.ForeignKeyConstraint(["to_id"], ["person.id"], name="fk_ownership_offer_to_id_person"),
    )
    op.create_table(
        "deleted_organisation",
        sa.Column("org_id", sa.Integer, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("asked_by", sa.String, nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("org_id", name="pk_deleted_organisation"),
    )


def _add_columns() -> None:
    for column in (
        sa.Column("two_factor_rule", sa.String, nullable=False, server_default="optional"),
        sa.Column("two_factor_from", MOMENT, nullable=True),
        sa.Column("idle_minutes", sa.Integer, nullable=False, server_default="30"),
        sa.Column("session_hours", sa.Integer, nullable=False, server_default="12"),
        sa.Column("retention_months", sa.Integer, nullable=True),
        sa.Column("shorter_months", sa.Integer, nullable=True),
        sa.Column("shorter_from", MOMENT, nullable=True),
        sa.Column("deletion_due_at", MOMENT, nullable=True),
        sa.Column("deletion_asked_by", sa.Integer, nullable=True),
        sa.Column("deletion_asked_at", MOMENT, nullable=True),
        sa.Column("disabled_at", MOMENT, nullable=True),
    ):
        op.add_column("organisation", column)
    op.add_column("person", sa.Column("must_enrol", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("sign_in_session", sa.Column("awaits_code", sa.Boolean, nullable=False, server_default=sa.false()))


def _create_invitation() -> None:
    op.create_table(
        "invitation",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("org_id", sa.Integer, nullable=False),
        sa.Column("email", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("token_hash", sa.String, nullable=False),
        sa.Column("inviter_id", sa.Integer, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("sent_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("mail", sa.String, nullable=False, server_default="none"),
        sa.PrimaryKeyConstraint("id", name="pk_invitation"),
        sa.UniqueConstraint("token_hash", name="uq_invitation_token_hash"),
        sa.UniqueConstraint("org_id", "email", name="uq_invitation_org_id_email"),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name="fk_invitation_org_id_organisation"),
        sa.ForeignKeyConstraint(["inviter_id"], ["person.id"], name="fk_invitation_inviter_id_person"),
        sa.CheckConstraint("role IN ('owner', 'admin', 'auditor', 'member')", name="ck_invitation_role"),
        sa.CheckConstraint("mail IN ('none', 'sent', 'failed')", name="ck_invitation_mail"),
    )


def _create_factors() -> None:
    op.create_table(
        "two_factor",
        sa.Column("person_id", sa.Integer, nullable=False),
        sa.Column("secret", sa.String, nullable=False),
        sa.Column("last_step", sa.BigInteger, nullable=False),
        sa.Column("enrolled_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("person_id", name="pk_two_factor"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_two_factor_person_id_person"),
    )
    op.create_table(
        "recovery_code",
        sa.Column("code_hash", sa.String, nullable=False),
        sa.Column("person_id", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("code_hash", name="pk_recovery_code"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_recovery_code_person_id_person"),
    )
    op.create_index("ix_recovery_code_person_id", "recovery_code", ["person_id"])
    op.create_table(
        "password_reset",
        sa.Column("token_hash", sa.String, nullable=False),
        sa.Column("person_id", sa.Integer, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_password_reset"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_password_reset_person_id_person"),
    )
    op.create_index("ix_password_reset_person_id", "password_reset", ["person_id"])


def downgrade() -> None:
    for table in (
        "deleted_organisation",
        "ownership_offer",
        "password_reset",
        "recovery_code",
        "two_factor",
        "invitation",
        "presence",
        "former_slug",
    ):
        op.drop_table(table)
    op.drop_column("sign_in_session", "awaits_code")
    op.drop_column("person", "must_enrol")
    for column in (
        "disabled_at",
        "deletion_asked_at",
        "deletion_asked_by",
        "deletion_due_at",
        "shorter_from",
        "shorter_months",
        "retention_months",
        "session_hours",
        "idle_minutes",
        "two_factor_from",
        "two_factor_rule",
    ):
        op.drop_column("organisation", column)
