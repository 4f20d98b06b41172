"""
One actor: what their organisation knows of them beside their entries, and what it takes to understand both.

An actor is a member, current or former, an API key, a system process, or whoever else has entries. Of the last two
nothing is known but these.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, and_, case, func, select

from auditweb import clock, ids
from auditweb.accounts.permissions import Role
from auditweb.catalogue import (
    AUDITOR_APPOINTED,
    AUDITOR_DISMISSED,
    MEMBER_ADDED,
    MEMBER_INVITED,
    MEMBER_JOINED,
    MEMBER_LEFT,
    MEMBER_REMOVED,
    MEMBER_ROLE_CHANGED,
    MEMBER_ROLE_RAISED,
    OWNERSHIP_ACCEPTED,
    OWNERSHIP_TRANSFERRED,
    Action,
    Category,
)
from auditweb.extensions import db
from auditweb.models import ApiKey, ApiKeyUse, Membership, Person, Presence, TwoFactor
from auditweb.parties import ActorRef, ActorType
from auditweb.reading import lives
from auditweb.reading.counts import Count, count_actors
from auditweb.reading.filters import LogFilter
from auditweb.reading.pages import Row

MOST_KEYS: Final = 50
LARGEST_PERSON_ID: Final = 2**31 - 1

_GIVES: Final = {
    AUDITOR_APPOINTED.slug: Role.AUDITOR,
    AUDITOR_DISMISSED.slug: Role.MEMBER,
    OWNERSHIP_TRANSFERRED.slug: Role.OWNER,
    OWNERSHIP_ACCEPTED.slug: Role.OWNER,
}
_ENDS: Final = (MEMBER_REMOVED.slug, MEMBER_LEFT.slug)
_TOLD_BY: Final = (
    *_GIVES,
    MEMBER_REMOVED.slug,
    *(action.slug for action in (MEMBER_ADDED, MEMBER_ROLE_CHANGED, MEMBER_ROLE_RAISED)),
)
_TOLD_THEMSELVES: Final = (
    (MEMBER_JOINED, Category.TEAM),
    (MEMBER_LEFT, Category.TEAM),
    (OWNERSHIP_ACCEPTED, Category.ORGANISATION),
)


@dataclass(frozen=True, slots=True)
class Known:
    """
    What an organisation knows of a member or of an API key of its own.

    It *began* when they joined or when the key was made, and *ended* when they left or it was revoked. *note* is an
    e-mail address. *factor_since* is told of present members only: how others sign in is no business of this
    organisation. *maker* is who made a key, which *expires*; *maker_left*: they do not belong there any more.
    """

    ref: ActorRef
    name: str
    began: datetime
    ended: datetime | None
    seen: datetime | None
    note: str = ""
    role: Role | None = None
    is_active: bool = True
    factor_since: datetime | None = None
    maker: tuple[ActorRef, str] | None = None
    maker_left: bool = False
    expires: datetime | None = None

    @property
    def person_id(self) -> int | None:
        """The id of a member; None for a key."""
        return int(self.ref.id) if self.ref.type == ActorType.MEMBER else None

    @property
    def outlives_its_maker(self) -> bool:
        """Whether this is a key that works although whoever made it has left."""
        works = self.ended is None and (self.expires is None or self.expires > clock.now())
        return self.maker_left and works


class RoleGiven(NamedTuple):
    """A role that somebody was given, or joined with, and the entry that tells of it."""

    role: Role
    row: Row


@dataclass(frozen=True, slots=True)
class History:
    """The roles that a member had, the last one first, and the entry that tells of their end."""

    roles: Sequence[RoleGiven]
    ended: Row | None


@dataclass(frozen=True, slots=True)
class MadeKey:
    """
    An API key that somebody made, how many entries it has since they left, and whether it was used at all.

    It was revoked, or expires, when it *ended*.
    """

    ref: ActorRef
    name: str
    ended: datetime | None
    used: datetime | None
    since: Count
    was_used: bool = False

    @property
    def works(self) -> bool:
        return self.ended is None or self.ended > clock.now()


@dataclass(frozen=True, slots=True)
class Aftermath:
    """
    What happened after somebody's last day: entries under their name, oldest first, and the keys that they made.

    There should be none of the former, and no key should have done anything, or be able to.
    """

    own: lives.Stretch
    keys: Sequence[MadeKey]
    has_more_keys: bool = False

    @property
    def is_clean(self) -> bool:
        return not self.own.rows and not any(key.since.number or key.was_used for key in self.keys)


def find_known(org_id: int, ref: ActorRef) -> Known | None:
    """Return what an organisation knows of a member, a former one or a key of its own; None of anybody else."""
    if ref.type == ActorType.MEMBER and (person_id := _person_id(ref.id)):
        return _member(org_id, ref, person_id)
    return _key(org_id, ref) if ref.type == ActorType.API_KEY else None


def has_entries(org_id: int, ref: ActorRef) -> bool:
    """Tell whether an entry of this organisation is by *ref* or about them."""
    return lives.is_actor(org_id, ref) or lives.is_target(org_id, ref.type, ref.id)


def find_invitation(org_id: int, known: Known) -> Row | None:
    """Return the entry that tells of the invitation somebody came by, if their address is still the one it went to."""
    if known.person_id is None:
        return None
    before = ids.first_id_at(known.began) + 1
    return lives.find_latest(org_id, MEMBER_INVITED.slug, before, fact="email", value=known.note)


def find_history(org_id: int, known: Known) -> History:
    """Return what became of a member's place since they joined, as far as the newest entries about them tell."""
    if known.person_id is None:
        return History((), None)
    since = ids.first_id_at(known.began)
    done = [row for row in lives.find_done_to(org_id, known.ref, _TOLD_BY) if row.id >= since]
    own = [row for action, category in _TOLD_THEMSELVES if (row := _own(org_id, known, action, category))]
    roles = [given for row in (*done, *own) if row.id >= since and (given := _given(row))]
    ended = next((row for row in (*done, *own) if row.action in _ENDS), None) if known.ended else None
    return History(_changes(sorted(roles, key=lambda given: -given.row.id)), ended)


def find_aftermath(org_id: int, org_zone: str, known: Known) -> Aftermath:
    """Return what happened under the name and under the keys of somebody who left, from that moment on."""
    assert known.ended is not None
    since = ids.last_id_at(known.ended) + 1
    own = lives.find_stretch(org_id, known.ref, since, ids.LAST_ID, did_only=True)
    # They record their leaving themselves, a moment after it is done.
    rows = [row for row in own.rows if row.action != MEMBER_LEFT.slug]
    every = _keys_of(org_id, known.person_id) if known.person_id is not None else []
    keys = every[:MOST_KEYS]
    asked = LogFilter(org_id=org_id, org_zone=org_zone)
    counted = count_actors(asked, [key.ref for key in keys], since=since) if keys else {}
    return Aftermath(
        lives.Stretch(rows, own.has_more),
        [replace(key, since=counted[key.ref], was_used=_is_after(key.used, known.ended)) for key in keys],
        has_more_keys=len(every) > MOST_KEYS,
    )


def _is_after(moment: datetime | None, ended: datetime) -> bool:
    return moment is not None and moment > ended


def _own(org_id: int, known: Known, action: Action, category: Category) -> Row | None:
    return lives.find_own(org_id, known.ref, action.slug, category=category.value)


def _changes(roles: Sequence[RoleGiven]) -> list[RoleGiven]:
    """Leave out who was given the role they had: an auditor joins as one, and then the log is opened to them."""
    before = [*(given.role for given in roles[1:]), None]
    return [given for given, role in zip(roles, before, strict=False) if given.role is not role]


def _given(row: Row) -> RoleGiven | None:
    """Return the role that an entry tells of, if it tells of one."""
    told = _GIVES[row.action] if row.action in _GIVES else str(row.facts.get("role", ""))
    return RoleGiven(Role(told), row) if told in set(Role) else None


def _member(org_id: int, ref: ActorRef, person_id: int) -> Known | None:
    belongs = Membership.removed_at.is_(None)
    found = (
        select(
            Person.name,
            Person.email,
            case((belongs, Person.active), else_=True),
            Membership.role,
            Membership.joined_at,
            Membership.removed_at,
            Presence.seen_at,
            case((belongs, TwoFactor.enrolled_at)),
        )
        .join_from(Membership, Person, Person.id == Membership.person_id)
        .outerjoin(Presence, and_(Presence.org_id == Membership.org_id, Presence.person_id == Person.id))
        .outerjoin(TwoFactor, TwoFactor.person_id == Person.id)
        .where(Membership.org_id == org_id, Membership.person_id == person_id)
    )
    row = db.session.execute(found).first()
    if row is None:
        return None
    name, email, is_active, role, began, ended, seen, factor_since = row
    return Known(ref, name, began, ended, seen, email, Role(role), bool(is_active), factor_since)


def _key(org_id: int, ref: ActorRef) -> Known | None:
    belongs = and_(
        Membership.org_id == ApiKey.org_id, Membership.person_id == ApiKey.maker_id, Membership.removed_at.is_(None)
    )
    found = (
        select(
            ApiKey.name,
            ApiKey.created_at,
            ApiKey.revoked_at,
            ApiKeyUse.used_at,
            ApiKey.expires_at,
            Person.id,
            Person.name,
            Membership.joined_at,
        )
        .join_from(ApiKey, Person, Person.id == ApiKey.maker_id)
        .outerjoin(Membership, belongs)
        .outerjoin(ApiKeyUse, _used_here())
        .where(ApiKey.org_id == org_id, ApiKey.id == ref.id)
    )
    row = db.session.execute(found).first()
    if row is None:
        return None
    name, began, ended, used, expires, maker_id, maker, maker_since = row
    made_by = (ActorRef(ActorType.MEMBER, str(maker_id)), maker)
    return Known(ref, name, began, ended, used, maker=made_by, maker_left=maker_since is None, expires=expires)


def _keys_of(org_id: int, person_id: int) -> list[MadeKey]:
    found = (
        select(ApiKey.id, ApiKey.name, func.coalesce(ApiKey.revoked_at, ApiKey.expires_at), ApiKeyUse.used_at)
        .outerjoin(ApiKeyUse, _used_here())
        .where(ApiKey.org_id == org_id, ApiKey.maker_id == person_id)
        .order_by(ApiKey.revoked_at.is_not(None), func.lower(ApiKey.name), ApiKey.id)
        .limit(MOST_KEYS + 1)
    )
    return [
        MadeKey(ActorRef(ActorType.API_KEY, id_), name, ended, used, Count(0))
        for id_, name, ended, used in db.session.execute(found)
    ]


def _used_here() -> ColumnElement[bool]:
    return and_(ApiKeyUse.key_id == ApiKey.id, ApiKeyUse.org_id == ApiKey.org_id)


def _person_id(text: str) -> int | None:
    """Return the number of a member's id as we write it; None for a host's or a damaged one."""
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and str(int(text)) == text):
        return None
    return number if 0 < (number := int(text)) <= LARGEST_PERSON_ID else None
