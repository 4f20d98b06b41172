"""
The shares of an organisation: making them, looking after them, ending them.

Every function works in the open transaction. Those that change something wait for whoever is changing the
organisation's people at the moment, and go by what is true afterwards. A token is returned once, to whoever had the
share made. A share belongs to the organisation: it goes on when its maker has left or lost their role, and the list
says so.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, case, delete, func, literal, select, tuple_, update

from auditweb import clock, ids
from auditweb.accounts.charge import take_charge
from auditweb.accounts.permissions import Right, Role, may
from auditweb.accounts.sessions import SignedIn
from auditweb.accounts.team import MissingError, RefusedError
from auditweb.catalogue import LOG_SHARE_REVOKED, LOG_SHARED, Action
from auditweb.database import storable
from auditweb.extensions import db
from auditweb.models import Membership, Person, Share, ShareAlias, ShareOpening
from auditweb.parties import Origin, Target
from auditweb.reading import days
from auditweb.reading.filters import LogFilter
from auditweb.recorder import record
from auditweb.sharing.masking import Mask

PERIODS: Final[Mapping[str, timedelta]] = {
    "1 hour": timedelta(hours=1),
    "8 hours": timedelta(hours=8),
    "1 day": timedelta(days=1),
    "3 days": timedelta(days=3),
    "7 days": timedelta(days=7),
    "14 days": timedelta(days=14),
    "30 days": timedelta(days=30),
}
"""How long a share can be open, by what that is called."""
LONGEST_RECIPIENT: Final = 80
LONGEST_NOTE: Final = 1000
MOST_OPEN: Final = 200  # shares of an organisation
PAGE: Final = 50
REVOKED: Final = "revoked"
EXPIRED: Final = "expired"


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be shared, how many *entries*, how, and for how long: *period* is one of `PERIODS`."""

    part: LogFilter
    described: str
    recipient: str
    period: str
    masks: frozenset[Mask]
    note: str = ""
    follows: bool = False
    support_only: bool = False
    entries: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """A share that has just been made, and the token of its link, which nobody can find out later."""

    id: str
    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Listed:
    """
    A share as its organisation knows it.

    *maker_may*: whoever made it could still make one. *ended_how* is revoked, expired or, while it is open, nothing;
    one whose time is over counts as expired, also before anybody wrote that down. *openings* are how often it was
    opened, the last time at *opened_at* from *opened_from*.
    """

    id: str
    recipient: str
    described: str
    filter: str
    note: str
    masks: frozenset[Mask]
    follows: bool
    support_only: bool
    maker: str
    maker_may: bool
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    ended_how: str
    openings: int = 0
    opened_at: datetime | None = None
    opened_from: str | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """Who opened a share, when and from where."""

    who: str
    at: datetime
    ip: str | None
    user_agent: str | None


@dataclass(frozen=True, slots=True)
class Shares:
    """A page of a list, and whether there are more after it."""

    rows: Sequence[Listed]
    has_more: bool = False


# Which there are


def find_open(org_id: int) -> Shares:
    """Return the open shares, the newest first: there are never many."""
    found = _all(org_id).where(_is_open()).order_by(Share.created_at.desc(), Share.id)
    return Shares(_with_openings([_listed(*row) for row in db.session.execute(found)]))


def find_over(org_id: int, *, after: str | None = None) -> Shares:
    """Return the shares that are over, the last first, from the one *after* on; MissingError if that is not one."""
    found = _all(org_id).where(~_is_open())
    over_at = func.coalesce(Share.ended_at, Share.expires_at)
    if after is not None:
        here = db.session.scalar(select(over_at).where(*_is(org_id, after), ~_is_open()))
        if here is None:
            raise MissingError
        found = found.where(tuple_(over_at, Share.id) < tuple_(literal(here, Share.ended_at.type), literal(after)))
    rows = db.session.execute(found.order_by(over_at.desc(), Share.id.desc()).limit(PAGE + 1)).all()
    return Shares(_with_openings([_listed(*row) for row in rows[:PAGE]]), has_more=len(rows) > PAGE)


def find_share(org_id: int, share_id: str) -> Listed:
    """Return one share, open or over; MissingError unless the organisation has it."""
    row = db.session.execute(_all(org_id).where(*_is(org_id, share_id))).first()
    if row is None:
        raise MissingError
    return _with_openings([_listed(*row)])[0]


def find_openings(org_id: int, share_id: str) -> Sequence[Opening]:
    """Return the last times that a share was opened, the newest first."""
    columns = select(ShareOpening.who, ShareOpening.opened_at, ShareOpening.ip, ShareOpening.user_agent)
    theirs = columns.where(ShareOpening.share_id == share_id, ShareOpening.org_id == org_id)
    return [Opening(*row) for row in db.session.execute(theirs.order_by(ShareOpening.opened_at.desc()).limit(PAGE))]


def count(org_id: int) -> tuple[int, int]:
    """Return how many shares of an organisation are open, and how many are over."""
    is_open = func.coalesce(func.sum(case((_is_open(), 1), else_=0)), 0)
    row = db.session.execute(select(is_open, func.count()).where(Share.org_id == org_id)).one()
    return row[0], row[1] - row[0]


# Making and ending them


def make(org_id: int, by: SignedIn, draft: Draft, *, origin: Origin) -> Made:
    """Share a part of the log, and return the token of the link, which is not kept."""
    organisation = take_charge(org_id, by, Right.SHARE_LOG).organisation
    if count(org_id)[0] >= MOST_OPEN:
        raise RefusedError(f"{MOST_OPEN} shares are open already. End what is not needed any more first.")
    now = clock.now()
    token, share_id = secrets.token_urlsafe(32), new_id()
    expires_at = now + PERIODS[draft.period]
    add(
        org_id,
        share_id,
        by.person_id,
        draft,
        token=token,
        created_at=now,
        expires_at=expires_at,
    )
    facts = {
        "recipient": draft.recipient,
        "filter": draft.described[:1000],
        "until": _told(expires_at, organisation.zone),
    }
    if draft.entries:
        facts["entries"] = draft.entries
    if draft.masks:
        facts["masks"] = ", ".join(mask.label for mask in Mask if mask in draft.masks)
    _record(LOG_SHARED, org_id, by, share_id, origin, facts)
    return Made(share_id, token, expires_at)


def revoke(org_id: int, by: SignedIn, share_id: str, *, origin: Origin) -> bool:
    """End a share at once and for good; False, and nothing recorded, if it was over before. It stays on record."""
    take_charge(org_id, by, Right.SHARE_LOG)
    recipient = db.session.scalar(select(Share.recipient).where(*_is(org_id, share_id)))
    if recipient is None:
        raise MissingError
    ended = update(Share).where(*_is(org_id, share_id), _is_open()).values(ended_at=clock.now(), ended_how=REVOKED)
    if db.session.scalar(ended.returning(Share.id)) is None:
        return False
    db.session.execute(delete(ShareAlias).where(ShareAlias.share_id == share_id))  # nobody reads by them any more
    _record(LOG_SHARE_REVOKED, org_id, by, share_id, origin, {"recipient": recipient})
    return True


# Without anybody who asks, and without an entry: for what fills a database


def add(
    org_id: int,
    share_id: str,
    maker_id: int,
    draft: Draft,
    *,
    token: str,
    created_at: datetime,
    expires_at: datetime,
) -> None:
    """Add a share, whose link has this *token*."""
    db.session.add(
        Share(
            id=share_id,
            org_id=org_id,
            token_hash=hashed(token),
            maker_id=maker_id,
            recipient=draft.recipient,
            note=draft.note,
            filter=draft.part.query(),
            described=draft.described,
            masks=" ".join(mask.value for mask in Mask if mask in draft.masks),
            follows=draft.follows,
            support_only=draft.support_only,
            created_at=created_at,
            expires_at=expires_at,
        )
    )
    db.session.flush()


def new_id() -> str:
    """Return a fresh name for a share, which opens nothing."""
    return ids.random_name(12)


def hashed(token: str) -> str:
    """Return what is kept of a token: it has nothing that could be guessed, so a slow hash would protect nothing."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def read_masks(text: str) -> frozenset[Mask]:
    return frozenset(map(Mask, text.split()))


def as_target(share_id: str, recipient: str) -> Target:
    """Return a share as what an entry is about."""
    return Target("share", share_id, f"Share with {recipient}")


def _told(moment: datetime, zone: str) -> str:
    local = moment.astimezone(ZoneInfo(zone))
    return f"{days.spelled(local.date())}, {local:%H:%M} ({days.place(zone)})"


def _record(action: Action, org_id: int, by: SignedIn, share_id: str, origin: Origin, facts: Mapping[str, str]) -> None:
    target = as_target(share_id, facts["recipient"])
    record(action, org_id=org_id, actor=by.actor, target=target, origin=origin, facts=facts)


def _is(org_id: int, share_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Share.org_id == org_id, Share.id == storable(share_id)


def _is_open() -> ColumnElement[bool]:
    return and_(Share.ended_at.is_(None), Share.expires_at > clock.now())


_Columns = Select[
    str, str, str, str, str, str, bool, bool, str, str | None, datetime, datetime, datetime | None, str | None
]  # fmt: skip


def _all(org_id: int) -> _Columns:
    belongs = and_(
        Membership.org_id == Share.org_id, Membership.person_id == Share.maker_id, Membership.removed_at.is_(None)
    )
    return (
        select(
            Share.id,
            Share.recipient,
            Share.described,
            Share.filter,
            Share.note,
            Share.masks,
            Share.follows,
            Share.support_only,
            Person.name,
            Membership.role,
            Share.created_at,
            Share.expires_at,
            Share.ended_at,
            Share.ended_how,
        )
        .join_from(Share, Person, Person.id == Share.maker_id)
        .outerjoin(Membership, belongs)
        .where(Share.org_id == org_id)
    )


def _listed(
    id_: str,
    recipient: str,
    described: str,
    filter_: str,
    note: str,
    masks: str,
    follows: bool,
    support_only: bool,
    maker: str,
    maker_role: str | None,
    created_at: datetime,
    expires_at: datetime,
    ended_at: datetime | None,
    ended_how: str | None,
) -> Listed:
    if ended_at is None and expires_at <= clock.now():
        ended_at, ended_how = expires_at, EXPIRED
    return Listed(
        id=id_,
        recipient=recipient,
        described=described,
        filter=filter_,
        note=note,
        masks=read_masks(masks),
        follows=follows,
        support_only=support_only,
        maker=maker,
        maker_may=maker_role is not None and may(Role(maker_role), Right.SHARE_LOG),
        created_at=created_at,
        expires_at=expires_at,
        ended_at=ended_at,
        ended_how=ended_how or "",
    )


def _with_openings(listed: Sequence[Listed]) -> list[Listed]:
    """Return the same with how often each was opened, and the last time, in one question for all."""
    ids = [share.id for share in listed]
    columns = select(
        ShareOpening.share_id,
        func.count().over(partition_by=ShareOpening.share_id),
        ShareOpening.opened_at,
        ShareOpening.ip,
        func.row_number()
        .over(partition_by=ShareOpening.share_id, order_by=ShareOpening.opened_at.desc())
        .label("place"),
    )
    theirs = columns.where(ShareOpening.share_id.in_(ids)).subquery()
    last = select(theirs).where(theirs.c.place == 1)
    opened = {share_id: rest for share_id, *rest in db.session.execute(last)} if ids else {}
    return [
        replace(share, openings=opened[share.id][0], opened_at=opened[share.id][1], opened_from=opened[share.id][2])
        if share.id in opened
        else share
        for share in listed
    ]
