"""What goes out by itself: webhooks with their deliveries, and who gets a mail each week."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from auditweb.models.base import Base, Moment

WAITING = text("state = 'waiting'")
OVER = text("state <> 'waiting'")


class Webhook(Base):
    """
    An address of another system that is told of what is new, signed with *secret*.

    *kind* says of what: entries (those that *query*, a canonical query string, selects; *view* is what that was
    called) or findings. All up to *cursor* has been taken into deliveries. The *former_secret* signs as well until
    *former_until*. *answered_at* is when a delivery last arrived, *failing_since* when the first of those since then
    did not.
    """

    __tablename__ = "webhook"
    __table_args__ = (
        CheckConstraint("kind IN ('entries', 'findings')", name="kind"),
        Index("ix_webhook_org_id_name", "org_id", "name"),
        Index("ix_webhook_kind", "kind"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    maker_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    name: Mapped[str]
    url: Mapped[str]
    kind: Mapped[str]
    view: Mapped[str] = mapped_column(server_default="")
    query: Mapped[str] = mapped_column(server_default="")
    secret: Mapped[str]
    former_secret: Mapped[str | None]
    former_until: Mapped[datetime | None] = mapped_column(Moment)
    cursor: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(Moment)
    paused_at: Mapped[datetime | None] = mapped_column(Moment)
    answered_at: Mapped[datetime | None] = mapped_column(Moment)
    failing_since: Mapped[datetime | None] = mapped_column(Moment)


class WebhookDelivery(Base):
    """
    Something that a webhook is told: *items* (whole numbers as JSON: places of entries, or numbers of findings).

    While it is waiting it is due at *next_at*, unless somebody who said so sends it until *claimed_until*. It was tried
    *tries* times, the last time at *tried_at*, when *status* was answered, or *reason* says why nothing was.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        CheckConstraint("kind IN ('entries', 'findings', 'test')", name="kind"),
        CheckConstraint("state IN ('waiting', 'delivered', 'failed')", name="state"),
        Index("ix_webhook_delivery_org_id_hook_id", "org_id", "hook_id", "created_at", "id"),
        Index(
            "ix_webhook_delivery_waiting",
            "org_id",
            "hook_id",
            "next_at",
            sqlite_where=WAITING,
            postgresql_where=WAITING,
        ),
        Index("ix_webhook_delivery_due", "next_at", "id", sqlite_where=WAITING, postgresql_where=WAITING),
        Index("ix_webhook_delivery_over", "created_at", "id", sqlite_where=OVER, postgresql_where=OVER),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    hook_id: Mapped[str] = mapped_column(ForeignKey("webhook.id"))
    kind: Mapped[str]
    items: Mapped[str]
    state: Mapped[str]
    tries: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(Moment)
    next_at: Mapped[datetime] = mapped_column(Moment)
    claimed_until: Mapped[datetime | None] = mapped_column(Moment)
    tried_at: Mapped[datetime | None] = mapped_column(Moment)
    status: Mapped[int | None]
    reason: Mapped[str | None]


class WeeklyMail(Base):
    """Somebody wants a mail about an organisation each week: *monday* is the day of the last one that they got."""

    __tablename__ = "weekly_mail"
    __table_args__ = (Index("ix_weekly_mail_monday", "monday"),)

    org_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    monday: Mapped[str]
