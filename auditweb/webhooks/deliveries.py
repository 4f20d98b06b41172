"""
What became of the deliveries of a webhook, as its organisation sees it: the list, a test, and sending one again.

Every function works in the open transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import literal, select, tuple_, update

from auditweb import clock
from auditweb.accounts.sessions import SignedIn
from auditweb.accounts.team import MissingError, RefusedError
from auditweb.database import storable
from auditweb.extensions import db
from auditweb.models import WebhookDelivery
from auditweb.webhooks import outbox
from auditweb.webhooks.hooks import deliveries_of, in_charge_of
from auditweb.webhooks.sources import Kind

PAGE: Final = 50
PAUSED: Final = "This webhook is paused: let it go on first."


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery as its organisation knows it; see the table. *number* is how many items it tells of."""

    id: str
    kind: Kind | Literal["test"]
    number: int
    state: Literal["waiting", "delivered", "failed"]
    tries: int
    created_at: datetime
    next_at: datetime
    tried_at: datetime | None
    status: int | None
    reason: str
    under_way: bool


@dataclass(frozen=True, slots=True)
class Deliveries:
    """A page of a list, and whether there are more after it."""

    rows: Sequence[Delivery]
    has_more: bool = False


def find_deliveries(org_id: int, hook_id: str, *, after: str | None = None) -> Deliveries:
    """Return the deliveries of a webhook, the newest first, from the one *after* on; MissingError if there is none."""
    found = select(WebhookDelivery).where(*deliveries_of(org_id, hook_id))
    if after is not None:
        one = WebhookDelivery.id == storable(after)
        here = db.session.scalar(found.where(one).with_only_columns(WebhookDelivery.created_at))
        if here is None:
            raise MissingError
        place = tuple_(literal(here, WebhookDelivery.created_at.type), literal(after))
        found = found.where(tuple_(WebhookDelivery.created_at, WebhookDelivery.id) < place)
    newest = found.order_by(WebhookDelivery.created_at.desc(), WebhookDelivery.id.desc()).limit(PAGE + 1)
    rows = db.session.scalars(newest).all()
    return Deliveries([_delivery(row) for row in rows[:PAGE]], has_more=len(rows) > PAGE)


# Sending them


def send_test(org_id: int, by: SignedIn, hook_id: str) -> None:
    """Have a delivery sent that tells of nothing; RefusedError while the webhook is paused, or has too many."""
    _, hook = in_charge_of(org_id, by, hook_id)
    if hook.paused_at is not None:
        raise RefusedError(PAUSED)
    if not outbox.has_room(db.session.connection(), org_id, hook_id):
        raise RefusedError("Too many deliveries wait already: see first why they do not arrive.")
    outbox.add(db.session(), org_id, hook_id, "test", ())


def send_again(org_id: int, by: SignedIn, hook_id: str, delivery_id: str) -> bool:
    """
    Have a delivery sent at once, under its old id and with all its tries before it; False if it is being sent.

    RefusedError while the webhook is paused.
    """
    _, hook = in_charge_of(org_id, by, hook_id)
    one = (*deliveries_of(org_id, hook_id), WebhookDelivery.id == storable(delivery_id))
    if db.session.scalar(select(literal(1)).where(*one)) is None:
        raise MissingError
    if hook.paused_at is not None:
        raise RefusedError(PAUSED)
    now = clock.now()
    free = WebhookDelivery.claimed_until.is_(None) | (WebhookDelivery.claimed_until < now)
    again = {"state": "waiting", "tries": 0, "next_at": now, "claimed_until": None}
    sent = update(WebhookDelivery).where(*one, free).values(again).returning(WebhookDelivery.id)
    return db.session.scalar(sent) is not None


def _delivery(row: WebhookDelivery) -> Delivery:
    return Delivery(
        id=row.id,
        kind=row.kind,  # type: ignore[arg-type]  # as the table's own check has it
        number=row.items.count(",") + 1 if row.items != "[]" else 0,
        state=row.state,  # type: ignore[arg-type]
        tries=row.tries,
        created_at=row.created_at,
        next_at=row.next_at,
        tried_at=row.tried_at,
        status=row.status,
        reason=row.reason or "",
        under_way=row.claimed_until is not None and row.claimed_until >= clock.now(),
    )
