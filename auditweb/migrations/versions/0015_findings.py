"""What the security review found, and how far it has read each log. Nothing is read yet."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

MOMENT = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "finding",
        _org("finding"),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("subject_type", sa.String, nullable=False),
        sa.Column("subject_id", sa.String, nullable=False),
        sa.Column("subject_name", sa.String, nullable=False),
        sa.Column("place", sa.String, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("sentence", sa.String, nullable=False),
        sa.Column("unusual", sa.String, nullable=False),
        sa.Column("run", sa.BigInteger, nullable=False),
        sa.Column("found_at", MOMENT, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("decided_by", sa.Integer, nullable=True),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("note", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_finding"),
        sa.ForeignKeyConstraint(["decided_by"], ["person.id"], name="fk_finding_decided_by_person"),
        sa.CheckConstraint("state IN ('open', 'confirmed', 'set_aside')", name="ck_finding_state"),
    )
    for columns in (("at",), ("state", "at"), ("kind", "at"), ("kind", "state", "at")):
        op.create_index(f"ix_finding_org_id_{'_'.join(columns)}_id", "finding", ["org_id", *columns, "id"])
    op.create_index("ix_finding_org_id_number", "finding", ["org_id", "number"])
    op.create_table(
        "finding_event",
        _org("finding_event"),
        sa.Column("finding_id", sa.String, nullable=False),
        sa.Column("event_id", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("shown", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "finding_id", "event_id", name="pk_finding_event"),
    )
    for columns in (("event_id",), ("kind", "event_id")):
        name = f"ix_finding_event_org_id_{'_'.join(columns)}"
        shown = sa.text("shown = 1")
        op.create_index(name, "finding_event", ["org_id", *columns], sqlite_where=shown, postgresql_where=shown)
    op.create_table(
        "finding_pattern",
        _org("finding_pattern"),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("subject_type", sa.String, nullable=False),
        sa.Column("subject_id", sa.String, nullable=False),
        sa.Column("place", sa.String, nullable=False),
        sa.Column("note", sa.String, nullable=False),
        sa.Column("decided_by", sa.Integer, nullable=False),
        sa.Column("decided_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "kind", "subject_type", "subject_id", "place", name="pk_finding_pattern"),
        sa.ForeignKeyConstraint(["decided_by"], ["person.id"], name="fk_finding_pattern_decided_by_person"),
    )
    op.create_table(
        "review_cursor",
        _org("review_cursor"),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("run", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=True),
        sa.Column("found", sa.BigInteger, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("org_id", name="pk_review_cursor"),
    )
    op.create_table(
        "review_memory",
        _org("review_memory"),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("known", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "subject", name="pk_review_memory"),
    )


def downgrade() -> None:
    for table in ("review_memory", "review_cursor", "finding_pattern", "finding_event", "finding"):
        op.drop_table(table)


def _org(table: str) -> sa.Column[int]:
    key = sa.ForeignKey("organisation.id", name=f"fk_{table}_org_id_organisation")
    return sa.Column("org_id", sa.BigInteger, key, nullable=False)
