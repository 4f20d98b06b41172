"""Exports that are prepared in the background: what was asked for, how far it is, and which file it became."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

MOMENT = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "export_job",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("org_id", sa.Integer, nullable=False),
        sa.Column("maker_id", sa.Integer, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("question", sa.String, nullable=False),
        sa.Column("words", sa.String, nullable=False),
        sa.Column("log", sa.String, nullable=False),
        sa.Column("format", sa.String, nullable=False),
        sa.Column("zone", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=True),
        sa.Column("claimed_by", sa.String, nullable=True),
        sa.Column("heartbeat_at", MOMENT, nullable=True),
        sa.Column("file", sa.String, nullable=True),
        sa.Column("file_name", sa.String, nullable=True),
        sa.Column("size", sa.BigInteger, nullable=True),
        sa.Column("sha256", sa.String, nullable=True),
        sa.Column("reason", sa.String, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_export_job"),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name="fk_export_job_org_id_organisation"),
        sa.ForeignKeyConstraint(["maker_id"], ["person.id"], name="fk_export_job_maker_id_person"),
        sa.CheckConstraint("kind IN ('log', 'organisation')", name="ck_export_job_kind"),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'failed', 'cancelled', 'expired')", name="ck_export_job_state"
        ),
    )
    op.create_index("ix_export_job_org_id_created_at_id", "export_job", ["org_id", "created_at", "id"])
    _create_partial("ix_export_job_under_way", ["org_id", "created_at", "id"], "state IN ('queued', 'running')")
    _create_partial("ix_export_job_ended", ["finished_at", "id"], "state IN ('failed', 'cancelled', 'expired')")
    _create_partial("ix_export_job_ready", ["expires_at", "id"], "state = 'done'")


def downgrade() -> None:
    op.drop_table("export_job")


def _create_partial(name: str, columns: list[str], condition: str) -> None:
    op.create_index(name, "export_job", columns, sqlite_where=sa.text(condition), postgresql_where=sa.text(condition))
