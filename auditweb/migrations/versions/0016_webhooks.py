"""What goes out by itself: webhooks with their deliveries, and who gets a mail each week."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

MOMENT = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("org_id", sa.Integer, nullable=False),
        sa.Column("maker_id", sa.Integer, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("url", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("view", sa.String, nullable=False, server_default=""),
        sa.Column("query", sa.String, nullable=False, server_default=""),
        sa.Column("secret", sa.String, nullable=False),
        sa.Column("former_secret", sa.String, nullable=True),
        sa.Column("former_until", MOMENT, nullable=True),
        sa.Column("cursor", sa.BigInteger, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("paused_at", MOMENT, nullable=True),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.Column("failing_since", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_webhook"),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name="fk_webhook_org_id_organisation"),
        sa.ForeignKeyConstraint(["maker_id"], ["person.id"], name="fk_webhook_maker_id_person"),
        sa.CheckConstraint("kind IN ('entries', 'findings')", name="ck_webhook_kind"),
    )
    op.create_index("ix_webhook_org_id_name", "webhook", ["org_id", "name"])
    op.create_index("ix_webhook_kind", "webhook", ["kind"])
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("org_id", sa.Integer, nullable=False),
        sa.Column("hook_id", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("items", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("claimed_until", MOMENT, nullable=True),
        sa.Column("tried_at", MOMENT, nullable=True),
        sa.Column("status", sa.Integer, nullable=True),
        sa.Column("reason", sa.String, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_delivery"),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name="fk_webhook_delivery_org_id_organisation"),
        sa.ForeignKeyConstraint(["hook_id"], ["webhook.id"], name="fk_webhook_delivery_hook_id_webhook"),
        sa.CheckConstraint("kind IN ('entries', 'findings', 'test')", name="ck_webhook_delivery_kind"),
        sa.CheckConstraint("state IN ('waiting', 'delivered', 'failed')", name="ck_webhook_delivery_state"),
    )
    op.create_index("ix_webhook_delivery_org_id_hook_id", "webhook_delivery", ["org_id", "hook_id", "created_at", "id"])
    _create_partial("ix_webhook_delivery_waiting", ["org_id", "hook_id", "next_at"], "state = 'waiting'")
    _create_partial("ix_webhook_delivery_due", ["next_at", "id"], "state = 'waiting'")
    _create_partial("ix_webhook_delivery_over", ["created_at", "id"], "state <> 'waiting'")
    op.create_table(
        "weekly_mail",
        sa.Column("org_id", sa.Integer, nullable=False),
        sa.Column("person_id", sa.Integer, nullable=False),
        sa.Column("monday", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "person_id", name="pk_weekly_mail"),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name="fk_weekly_mail_org_id_organisation"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_weekly_mail_person_id_person"),
    )
    op.create_index("ix_weekly_mail_monday", "weekly_mail", ["monday"])


def downgrade() -> None:
    for table in ("weekly_mail", "webhook_delivery", "webhook"):
        op.drop_table(table)


def _create_partial(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "webhook_delivery", columns, sqlite_where=where, postgresql_where=where)
