"""
The webhooks of an organisation: making them and looking after them.

Every function works in the open transaction. Those that change something wait for whoever is changing the
organisation's people or webhooks at the moment, and go by what is true afterwards. A secret is shown once, to whoever
had it made. A webhook belongs to the organisation: it goes on when its maker has left, and the list says so.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, delete, func, select

from auditweb import clock, ids
from auditweb.accounts.charge import take_charge
from auditweb.accounts.key_rights import InvalidError
from auditweb.accounts.permissions import Right
from auditweb.accounts.sessions import SignedIn
from auditweb.accounts.team import MissingError, RefusedError
from auditweb.catalogue import (
    WEBHOOK_CHANGED,
    WEBHOOK_CREATED,
    WEBHOOK_DELETED,
    WEBHOOK_PAUSED,
    WEBHOOK_RESUMED,
    WEBHOOK_ROTATED,
    Action,
)
from auditweb.database import storable
from auditweb.extensions import db
from auditweb.models import Membership, Organisation, Person, Webhook, WebhookDelivery
from auditweb.parties import Origin, Target
from auditweb.reading.filters import read_query
from auditweb.reading.parameters import BadFilter
from auditweb.recorder import record
from auditweb.webhooks import signing
from auditweb.webhooks.sources import SOURCES, Kind
from auditweb.webhooks.targets import Target as Place
from auditweb.webhooks.targets import TargetError

LONGEST_NAME: Final = 80
MOST: Final = 20  # of an organisation
OVERLAPS: Final[Mapping[str, timedelta]] = {
    "at once": timedelta(0),
    "1 hour": timedelta(hours=1),
    "24 hours": timedelta(hours=24),
    "7 days": timedelta(days=7),
}
"""How long deliveries may be signed with the former secret, too, by what that is called."""


@dataclass(frozen=True, slots=True)
class Draft:
    """
    What is to be told, and to whom: *view* is what the view with this *query* is called.

    Everybody who looks after webhooks and whoever reads the log sees that, so it is not the name of a private view.
    """

    name: str
    url: str
    kind: Kind
    view: str = ""
    query: str = ""


@dataclass(frozen=True, slots=True)
class Hook:
    """
    A webhook as its organisation knows it; see the table.

    *maker_left*: whoever made it does not belong there any more. *former_until* is how long its former secret counts;
    *version* tells this secret from others, and nothing about it. *waiting* deliveries have not arrived yet.
    """

    id: str
    name: str
    url: str
    kind: Kind
    view: str
    query: str
    maker: str
    maker_left: bool
    created_at: datetime
    paused_at: datetime | None
    answered_at: datetime | None
    failing_since: datetime | None
    former_until: datetime | None
    version: str
    waiting: int

    @property
    def host(self) -> str:
        """Where it calls, without what else may be in the address: that can be a secret of the other system."""
        return host_of(self.url)


@dataclass(frozen=True, slots=True)
class Made:
    """A webhook whose secret has just been made."""

    id: str
    name: str
    secret: str


# Which there are


def find_hooks(org_id: int) -> Sequence[Hook]:
    """Return the webhooks by name: there are never many."""
    return [_hook(*row) for row in db.session.execute(_all(org_id).order_by(func.lower(Webhook.name), Webhook.id))]


def find_hook(org_id: int, hook_id: str) -> Hook:
    """Return one webhook; MissingError unless the organisation has it."""
    row = db.session.execute(_all(org_id).where(*_is(org_id, hook_id))).first()
    if row is None:
        raise MissingError
    return _hook(*row)


# Changing them


def create(org_id: int, by: SignedIn, draft: Draft, *, origin: Origin) -> Made:
    """Make a webhook for what comes from now on, and return it with its secret."""
    organisation = take_charge(org_id, by, Right.MANAGE_WEBHOOKS).organisation
    check_name(org_id, draft.name)
    check_url(draft.url)
    check_query(organisation, draft.query)
    if (db.session.scalar(select(func.count()).where(Webhook.org_id == org_id)) or 0) >= MOST:
        raise RefusedError(f"There are {MOST} webhooks already. Delete one that is not needed any more first.")
    hook = Webhook(
        id="wh_" + ids.random_name(10),
        org_id=org_id,
        maker_id=by.person_id,
        name=draft.name,
        url=draft.url,
        kind=draft.kind,
        view=draft.view,
        query=draft.query,
        secret=signing.new_secret(),
        cursor=_end(org_id, draft.kind),
        created_at=clock.now(),
    )
    db.session.add(hook)
    db.session.flush()
    facts = {"destination": host_of(draft.url), "tells": draft.view or draft.kind}
    _record(WEBHOOK_CREATED, organisation, by, hook, origin, facts)
    return Made(hook.id, hook.name, hook.secret)


def change(org_id: int, by: SignedIn, hook_id: str, *, name: str, url: str, origin: Origin) -> bool:
    """Call a webhook something else, or have it call another address; False, and nothing recorded, if it is so."""
    organisation, hook = in_charge_of(org_id, by, hook_id)
    if (hook.name, hook.url) == (name, url):
        return False
    check_name(org_id, name, but=hook_id)
    check_url(url)
    hook.name, hook.url = name, url
    db.session.flush()
    _record(WEBHOOK_CHANGED, organisation, by, hook, origin, {"destination": host_of(url)})
    return True


def rotate(org_id: int, by: SignedIn, hook_id: str, overlap: str, *, version: str, origin: Origin) -> Made:
    """
    Give a webhook another secret and return that; deliveries are signed with both for as long as *overlap* says.

    RefusedError if the secret is no longer the one of *version*: somebody else has replaced it just now.
    """
    organisation, hook = in_charge_of(org_id, by, hook_id)
    if _version(hook.secret) != version:
        raise RefusedError("The secret was replaced a moment ago. Look first who did that: nothing was changed now.")
    lasts = OVERLAPS[overlap]
    hook.former_secret, hook.former_until = (hook.secret, clock.now() + lasts) if lasts else (None, None)
    hook.secret = signing.new_secret()
    db.session.flush()
    _record(WEBHOOK_ROTATED, organisation, by, hook, origin, {"overlap": overlap if lasts else "none"})
    return Made(hook.id, hook.name, hook.secret)


def pause(org_id: int, by: SignedIn, hook_id: str, *, origin: Origin) -> bool:
    """Send nothing to a webhook until it may go on; False, and nothing recorded, if it was paused before."""
    organisation, hook = in_charge_of(org_id, by, hook_id)
    if hook.paused_at is not None:
        return False
    hook.paused_at = clock.now()
    db.session.flush()
    _record(WEBHOOK_PAUSED, organisation, by, hook, origin)
    return True


def resume(org_id: int, by: SignedIn, hook_id: str, *, from_now: bool, origin: Origin) -> bool:
    """
    Let a webhook go on: with what came meanwhile, oldest first, or, *from_now*, with what comes.

    False, and nothing recorded, if it was not paused.
    """
    organisation, hook = in_charge_of(org_id, by, hook_id)
    if hook.paused_at is None:
        return False
    hook.paused_at = None
    if from_now:
        hook.cursor = _end(org_id, hook.kind)
    db.session.flush()
    if from_now:
        waiting = (*deliveries_of(org_id, hook_id), WebhookDelivery.state == "waiting")
        db.session.execute(delete(WebhookDelivery).where(*waiting))
    facts = {"begins": "with what comes from now on" if from_now else "with what came meanwhile"}
    _record(WEBHOOK_RESUMED, organisation, by, hook, origin, facts)
    return True


def remove(org_id: int, by: SignedIn, hook_id: str, *, origin: Origin) -> str:
    """Delete a webhook with its deliveries, and return what it was called."""
    organisation, hook = in_charge_of(org_id, by, hook_id)
    name = hook.name
    _record(WEBHOOK_DELETED, organisation, by, hook, origin, {"destination": host_of(hook.url)})
    db.session.execute(delete(WebhookDelivery).where(*deliveries_of(org_id, hook_id)))
    db.session.delete(hook)
    db.session.flush()
    return name


# What is asked for, checked


def check_name(org_id: int, name: str, *, but: str = "") -> None:
    """Raise InvalidError for a name that is none, or that of another webhook than the one *but*."""
    if not name.strip() or len(name) > LONGEST_NAME:
        raise InvalidError("name", f"Enter a name of at most {LONGEST_NAME} characters.")
    others = select(Webhook.name).where(Webhook.org_id == org_id, Webhook.id != but)
    if name.casefold() in {other.casefold() for other in db.session.scalars(others)}:
        raise InvalidError("name", "There is a webhook of this name. Give this one another.")


def check_url(url: str) -> None:
    """Raise InvalidError for an address that no webhook may have; what its name leads to is seen when it is called."""
    try:
        Place.parse(url)
    except TargetError as error:
        raise InvalidError("url", str(error)) from None


def check_query(organisation: Organisation, query: str) -> None:
    """Raise InvalidError for a view that cannot be watched."""
    if reason := why_unwatched(query, org_id=organisation.id, org_zone=organisation.zone):
        raise InvalidError("view", reason)


def why_unwatched(query: str, *, org_id: int, org_zone: str) -> str:
    """Tell why a view cannot be watched, or nothing if it can: all that comes into it must be known as it comes."""
    try:
        wanted = read_query(query, org_id=org_id, org_zone=org_zone)
    except BadFilter as error:
        return f"This view cannot be read any more. {error.reason}"
    if wanted.upto is not None:
        return "This view ends at a moment that is over: nothing new can come into it."
    if wanted.flag:
        return (
            "Entries are flagged some time after they were taken in, so that a webhook would miss some. "
            "Choose the findings of the security review instead."
        )
    return ""


def host_of(url: str) -> str:
    """Return where an address leads, without its path."""
    return Place.parse(url).authority


# The statements


def in_charge_of(org_id: int, by: SignedIn, hook_id: str) -> tuple[Organisation, Webhook]:
    """Keep everybody else from changing a webhook until this transaction is over; return it with its organisation."""
    organisation = take_charge(org_id, by, Right.MANAGE_WEBHOOKS).organisation
    found = select(Webhook).where(*_is(org_id, hook_id)).with_for_update().execution_options(populate_existing=True)
    hook = db.session.scalars(found).first()
    if hook is None:
        raise MissingError
    return organisation, hook


def _end(org_id: int, kind: str) -> int:
    """Return where a webhook begins that is told of what comes from now on."""
    return SOURCES[kind].end(db.session.connection(), org_id)  # type: ignore[index]  # as the table's own check has it


def _record(
    action: Action,
    organisation: Organisation,
    by: SignedIn,
    hook: Webhook,
    origin: Origin,
    facts: Mapping[str, str] | None = None,
) -> None:
    target = Target("webhook", hook.id, hook.name)
    record(action, org_id=organisation.id, actor=by.actor, target=target, facts=facts, origin=origin)


def _is(org_id: int, hook_id: str) -> tuple[ColumnElement[bool], ...]:
    return Webhook.org_id == org_id, Webhook.id == storable(hook_id)


def deliveries_of(org_id: int, hook_id: str) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of the deliveries of a webhook."""
    return WebhookDelivery.org_id == org_id, WebhookDelivery.hook_id == storable(hook_id)


def _all(org_id: int) -> Select[*tuple[Any, ...]]:
    belongs = and_(
        Membership.org_id == Webhook.org_id, Membership.person_id == Webhook.maker_id, Membership.removed_at.is_(None)
    )
    waiting = select(func.count()).where(
        WebhookDelivery.org_id == Webhook.org_id,
        WebhookDelivery.hook_id == Webhook.id,
        WebhookDelivery.state == "waiting",
    )
    return (
        select(Webhook, Person.name, Membership.joined_at, waiting.scalar_subquery())
        .join_from(Webhook, Person, Person.id == Webhook.maker_id)
        .outerjoin(Membership, belongs)
        .where(Webhook.org_id == org_id)
    )


def _hook(row: Webhook, maker: str, maker_since: datetime | None, waiting: int) -> Hook:
    return Hook(
        id=row.id,
        name=row.name,
        url=row.url,
        kind=row.kind,  # type: ignore[arg-type]  # as the table's own check has it
        view=row.view,
        query=row.query,
        maker=maker,
        maker_left=maker_since is None,
        created_at=row.created_at,
        paused_at=row.paused_at,
        answered_at=row.answered_at,
        failing_since=row.failing_since,
        former_until=row.former_until if row.former_until is not None and clock.now() < row.former_until else None,
        version=_version(row.secret),
        waiting=waiting,
    )


def _version(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:16]
