"""
Reviews of what new and departing members did: which entries somebody has seen, and what they noted.

Nothing is reviewed yet.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

MOMENT = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")
OPEN = sa.text("finished_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "member_review",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("org_id", sa.Integer, nullable=False),
        sa.Column("person_id", sa.Integer, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("zone", sa.String, nullable=False),
        sa.Column("since_id", sa.BigInteger, nullable=False),
        sa.Column("until_id", sa.BigInteger, nullable=False),
        sa.Column("note", sa.String, nullable=False, server_default=""),
        sa.Column("starter_id", sa.Integer, nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finisher_id", sa.Integer, nullable=True),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("entries", sa.Integer, nullable=True),
        sa.CheckConstraint("kind IN ('joining', 'leaving')", name="ck_member_review_kind"),
        sa.PrimaryKeyConstraint("id", name="pk_member_review"),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name="fk_member_review_org_id_organisation"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_member_review_person_id_person"),
        sa.ForeignKeyConstraint(["starter_id"], ["person.id"], name="fk_member_review_starter_id_person"),
        sa.ForeignKeyConstraint(["finisher_id"], ["person.id"], name="fk_member_review_finisher_id_person"),
    )
    op.create_index(
        "ix_member_review_org_id_person_id_started_at", "member_review", ["org_id", "person_id", "started_at"]
    )
    op.create_index(
        "uq_member_review_open",
        "member_review",
        ["org_id", "person_id", "kind"],
        unique=True,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_table(
        "member_review_tick",
        sa.Column("review_id", sa.String, nullable=False),
        sa.Column("event_id", sa.BigInteger, nullable=False),
        sa.Column("org_id", sa.Integer, nullable=False),
        sa.Column("person_id", sa.Integer, nullable=False),
        sa.Column("ticked_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("review_id", "event_id", name="pk_member_review_tick"),
        sa.ForeignKeyConstraint(
            ["review_id"], ["member_review.id"], name="fk_member_review_tick_review_id_member_review"
        ),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name="fk_member_review_tick_org_id_organisation"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_member_review_tick_person_id_person"),
    )
    op.create_index("ix_member_review_tick_org_id", "member_review_tick", ["org_id"])


def downgrade() -> None:
    op.drop_table("member_review_tick")
    op.drop_table("member_review")
