"""
Deliveries: each is written down before it is sent, tried until it arrives or three days are over, and kept for a month.

Whoever sends one has claimed it first, so that of many workers one does at a time; the claim of one that was killed is
over after twenty seconds, and the delivery is sent again, under the same id.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from auditweb import clock, ids, transactions
from auditweb.models import Organisation, Webhook, WebhookDelivery
from auditweb.webhooks.sending import Answer
from auditweb.webhooks.sources import SOURCES, Kind

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
PAUSES: Final = (
    _MINUTE,
    5 * _MINUTE,
    30 * _MINUTE,
    2 * _HOUR,
    5 * _HOUR,
    10 * _HOUR,
    14 * _HOUR,
    20 * _HOUR,
    24 * _HOUR,
)
"""How long after each try that failed the next one comes; after the one that follows the last, it is given up."""
KEPT: Final = timedelta(days=30)
CLAIMED_FOR: Final = timedelta(seconds=20)  # a call takes five, and SQLite may let one wait ten to note it
MOST_WAITING: Final = 200  # deliveries of a webhook; the rest waits in the log

_AT_ONCE: Final = 500


class Due(NamedTuple):
    """A webhook that is to be sent something now, and where it calls."""

    org_id: int
    hook_id: str
    url: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is ours until *until*, for the *tries*-th time, and all that is needed to send it."""

    id: str
    kind: Kind | Literal["test"]
    items: Sequence[int]
    tries: int
    created_at: datetime
    until: datetime
    hook_id: str
    hook_name: str
    url: str
    secrets: Sequence[str]
    view: str
    query: str
    org_id: int
    org_slug: str
    org_name: str
    org_zone: str


def add(
    connection: Connection | Session, org_id: int, hook_id: str, kind: Kind | Literal["test"], items: Sequence[int]
) -> str:
    """Write a delivery down in the open transaction, due at once, and return its id."""
    now = clock.now()
    # What was written down first is sent first, also within the same moment.
    delivery_id = f"msg_{ids.to_text(ids.new_id(now)).lower()}{ids.random_name(7)}"
    values = {
        "id": delivery_id,
        "org_id": org_id,
        "hook_id": hook_id,
        "kind": kind,
        "items": json.dumps(list(items), separators=(",", ":")),
        "state": "waiting",
        "tries": 0,
        "created_at": now,
        "next_at": now,
    }
    connection.execute(sa.insert(WebhookDelivery).values(values))
    return delivery_id


def has_room(connection: Connection, org_id: int, hook_id: str) -> bool:
    """Tell whether a webhook takes more deliveries for now."""
    waiting = sa.select(sa.literal(1)).where(*_of(org_id, hook_id), _WAITS).limit(MOST_WAITING).subquery()
    return (connection.scalar(sa.select(sa.func.count()).select_from(waiting)) or 0) < MOST_WAITING


def due(engine: Engine) -> Sequence[Due]:
    """Return the webhooks that have something to be sent, first that of which one waits for longest."""
    with transactions.reading(), Session(engine) as session:
        return [Due(*row) for row in session.execute(_due(clock.now()))]


def asked_for(engine: Engine, hook_ids: Collection[str]) -> Collection[str]:
    """Return those of some webhooks of which somebody wants a delivery sent at once: a test, or one sent again."""
    if not hook_ids:
        return ()
    found = sa.select(WebhookDelivery.hook_id).distinct().join(Webhook, _ITS_HOOK)
    with transactions.reading(), Session(engine) as session:
        return session.scalars(found.where(Webhook.id.in_(hook_ids), _WAITS, _IS_ASKED_FOR)).all()


def claim(engine: Engine, of: Due) -> Claimed | None:
    """
    Make the delivery that comes next of a webhook one's own; what somebody asked for comes first.

    A webhook is sent one at a time, so that its receiver is not overrun: None also if it is being sent something.
    """
    with Session(engine) as session, session.begin():
        # Two workers that take two deliveries of the same webhook see each other's claim.
        return _claim(session, of.org_id, of.hook_id, clock.now())


def note(engine: Engine, claimed: Claimed, answer: Answer) -> bool:
    """Write down what became of a try; False, and nothing is, if the claim was over by then."""
    now = clock.now()
    given_up = claimed.tries > len(PAUSES)
    values: dict[str, Any] = {"tried_at": now, "status": answer.status, "reason": answer.reason or None}
    values |= {"claimed_until": None}
    if answer.arrived:
        values["state"] = "delivered"
    elif given_up:
        values["state"] = "failed"
    else:
        values["next_at"] = now + PAUSES[claimed.tries - 1]
    mine = (*_of(claimed.org_id, claimed.hook_id), WebhookDelivery.id == claimed.id, _WAITS)
    hook = sa.update(Webhook).where(Webhook.org_id == claimed.org_id, Webhook.id == claimed.hook_id)
    with Session(engine) as session, session.begin():
        told = sa.update(WebhookDelivery).where(*mine, WebhookDelivery.claimed_until == claimed.until).values(values)
        if not session.scalar(told.returning(WebhookDelivery.id)):
            return False
        if answer.arrived:
            session.execute(hook.values(answered_at=now, failing_since=None))
        else:
            session.execute(hook.where(Webhook.failing_since.is_(None)).values(failing_since=now))
    return True


def tidy(engine: Engine) -> int:
    """Delete deliveries that have been over for long enough; return how many they were."""
    gone = 0
    old = (WebhookDelivery.state != "waiting", WebhookDelivery.created_at < clock.now() - KEPT)
    while True:
        some = sa.select(WebhookDelivery.id).where(*old).order_by(WebhookDelivery.created_at).limit(_AT_ONCE)
        with Session(engine) as session, session.begin():
            found = session.scalars(some).all()
            if found:
                session.execute(sa.delete(WebhookDelivery).where(WebhookDelivery.id.in_(found), *old))
        gone += len(found)
        if len(found) < _AT_ONCE:
            return gone


# Spelled out, as in the condition of the indexes: of a parameter, no database concludes that they apply.
_WAITS = WebhookDelivery.state == sa.literal_column("'waiting'")
_ITS_HOOK = sa.and_(Webhook.org_id == WebhookDelivery.org_id, Webhook.id == WebhookDelivery.hook_id)
_IS_ASKED_FOR = sa.and_(
    WebhookDelivery.tries == 0, sa.or_(WebhookDelivery.kind == "test", WebhookDelivery.tried_at.is_not(None))
)
_IN_ORDER = (WebhookDelivery.next_at, WebhookDelivery.created_at, WebhookDelivery.id)


def _of(org_id: int, hook_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return WebhookDelivery.org_id == org_id, WebhookDelivery.hook_id == hook_id


def _due(now: datetime) -> sa.Select[int, str, str]:
    # One look at an index for each webhook, however many of its deliveries wait.
    first = sa.select(sa.func.min(WebhookDelivery.next_at)).where(_ITS_HOOK, _WAITS).correlate(Webhook)
    waits_since = first.scalar_subquery()
    return (
        sa.select(Webhook.org_id, Webhook.id, Webhook.url)
        .join(Organisation, Organisation.id == Webhook.org_id)
        .where(Webhook.kind.in_(SOURCES), Webhook.paused_at.is_(None), Organisation.disabled_at.is_(None))
        .where(waits_since <= now)
        .order_by(waits_since, Webhook.id)
    )


def _claim(session: Session, org_id: int, hook_id: str, now: datetime) -> Claimed | None:
    locked = sa.select(Webhook).where(Webhook.org_id == org_id, Webhook.id == hook_id, Webhook.paused_at.is_(None))
    hook = session.scalars(locked.with_for_update()).first()
    if hook is None:
        return None
    claims = sa.select(sa.literal(1)).where(*_of(org_id, hook_id), _WAITS, WebhookDelivery.claimed_until >= now)
    if session.execute(claims.limit(1)).first():
        return None
    waiting = sa.select(WebhookDelivery).where(*_of(org_id, hook_id), _WAITS, WebhookDelivery.next_at <= now)
    order = (sa.case((_IS_ASKED_FOR, 0), else_=1), *_IN_ORDER)
    delivery = session.scalars(waiting.order_by(*order).limit(1)).first()
    if delivery is None:
        return None
    delivery.tries += 1
    delivery.claimed_until = now + CLAIMED_FOR
    organisation = session.get_one(Organisation, org_id)
    return Claimed(
        id=delivery.id,
        kind=delivery.kind,  # type: ignore[arg-type]  # as the table's own check has it
        items=json.loads(delivery.items),
        tries=delivery.tries,
        created_at=delivery.created_at,
        until=delivery.claimed_until,
        hook_id=hook.id,
        hook_name=hook.name,
        url=hook.url,
        secrets=secrets_of(hook, now),
        view=hook.view,
        query=hook.query,
        org_id=org_id,
        org_slug=organisation.slug,
        org_name=organisation.name,
        org_zone=organisation.zone,
    )


def secrets_of(hook: Webhook, now: datetime) -> list[str]:
    """Return what a delivery is signed with: the former secret as well, as long as it counts."""
    former = hook.former_until is not None and now < hook.former_until and hook.former_secret
    return [hook.secret, former] if former else [hook.secret]
