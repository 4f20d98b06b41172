"""
The people of an organisation: who belongs, who did, and changing that.

Every function works in the open transaction. Those that change something take charge of the organisation first: they
wait for whoever is changing its people at the moment, and go by what is true afterwards. So one owner is always left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, literal, or_, select, tuple_, update

from auditweb import clock
from auditweb.accounts import sessions, two_factor
from auditweb.accounts.charge import RightsError, role_of, take_charge
from auditweb.accounts.directory import contains
from auditweb.accounts.entries import ELSEWHERE, as_target, organisations_of
from auditweb.accounts.people import lock_organisation, lock_person
from auditweb.accounts.permissions import GRANTED, Right, Role, may_manage
from auditweb.accounts.sessions import SignedIn
from auditweb.catalogue import (
    AUDITOR_APPOINTED,
    AUDITOR_DISMISSED,
    MEMBER_LEFT,
    MEMBER_REMOVED,
    MEMBER_ROLE_CHANGED,
    MEMBER_ROLE_RAISED,
    TWO_FACTOR_RESET,
    Action,
)
from auditweb.extensions import db
from auditweb.models import Invitation, Membership, OwnershipOffer, Person, Presence, TwoFactor
from auditweb.parties import Origin
from auditweb.recorder import record

PAGE = 50

OWNERS_ONLY = "Only an owner can make someone an owner, or change or remove one. Nothing was changed."
LAST_OWNER = "An organisation needs an owner, and there is no other. Make somebody else an owner first."

_HEIGHT = {Role.OWNER: 2, Role.ADMIN: 1, Role.AUDITOR: 0, Role.MEMBER: 0}


class MissingError(Exception):
    """There is no such member or invitation in this organisation."""


class RefusedError(Exception):
    """It cannot be done as things are; the text is a sentence for whoever asked."""


@dataclass(frozen=True, slots=True)
class Member:
    """
    Someone who belongs to an organisation, or did until *removed_at*.

    *seen_at* is when they last opened a page of it; *active* is False for someone whom the operator switched off.
    """

    person_id: int
    name: str
    email: str
    active: bool
    role: Role
    joined_at: datetime
    removed_at: datetime | None
    seen_at: datetime | None
    has_two_factor: bool


@dataclass(frozen=True, slots=True)
class Members:
    """A page of a list, and whether there are more after it."""

    rows: Sequence[Member]
    has_more: bool


@dataclass(frozen=True, slots=True)
class Counts:
    members: int
    invitations: int
    former: int


# Who belongs


def find_members(org_id: int, text: str = "", *, after: int | None = None) -> Members:
    """
    Return members by name, those whose name or address contains *text*, from the one *after* a person on.

    Raises MissingError where that person is not in the organisation.
    """
    order = func.lower(Person.name), Person.id
    found = _everyone(org_id).where(Membership.removed_at.is_(None), *_matching(text))
    if after is not None:
        name, person_id = _place(select(*order), org_id, after)
        found = found.where(tuple_(*order) > tuple_(literal(name), literal(person_id)))
    return _page(found.order_by(*order))


def find_former(org_id: int, text: str = "", *, after: int | None = None) -> Members:
    """Return those who left or were removed, the last first; see `find_members`."""
    order = Membership.removed_at, Membership.person_id
    found = _everyone(org_id).where(Membership.removed_at.is_not(None), *_matching(text))
    if after is not None:
        left_at, person_id = _place(select(*order).where(Membership.removed_at.is_not(None)), org_id, after)
        found = found.where(tuple_(*order) < tuple_(literal(left_at, Membership.removed_at.type), literal(person_id)))
    return _page(found.order_by(*(column.desc() for column in order)))


def find_member(org_id: int, person_id: int) -> Member:
    """Return who has this id in an organisation; MissingError unless they belong to it now."""
    found = _everyone(org_id).where(Membership.person_id == person_id, Membership.removed_at.is_(None))
    row = db.session.execute(found).first()
    if row is None:
        raise MissingError
    return _member(*row)


def former_name(org_id: int, person_id: int) -> str | None:
    """Return the name of someone who belonged to an organisation and does no longer."""
    gone = Membership.removed_at.is_not(None), Membership.org_id == org_id, Membership.person_id == person_id
    return db.session.scalar(select(Person.name).join(Membership, Membership.person_id == Person.id).where(*gone))


def count(org_id: int) -> Counts:
    """Return how many belong to an organisation, are invited, and belonged to it, in one statement."""
    numbers = (
        select(func.count()).where(Membership.org_id == org_id, Membership.removed_at.is_(None)).scalar_subquery(),
        select(func.count()).where(Invitation.org_id == org_id).scalar_subquery(),
        select(func.count()).where(Membership.org_id == org_id, Membership.removed_at.is_not(None)).scalar_subquery(),
    )
    return Counts(*db.session.execute(select(*numbers)).one())


def is_last_owner(org_id: int, person_id: int) -> bool:
    """Tell whether an organisation would have no owner without this one."""
    return role_of(org_id, person_id) is Role.OWNER and not _has_other_owner(org_id, person_id)


# Changing who does


def change_role(org_id: int, by: SignedIn, person_id: int, role: Role, *, origin: Origin) -> bool:
    """Give a member another role; False, and nothing recorded, if it is what they have."""
    mine = take_charge(org_id, by, Right.MANAGE_TEAM).role
    member = find_member(org_id, person_id)
    if not (may_manage(mine, member.role) and may_manage(mine, role)):
        raise RightsError(OWNERS_ONLY)
    if member.role is role:
        return False
    if member.role is Role.OWNER and not _has_other_owner(org_id, person_id):
        raise RefusedError(LAST_OWNER)
    db.session.execute(update(Membership).where(*_is(org_id, person_id)).values(role=role.value))
    if Role.OWNER in (member.role, role):
        _end_offers(org_id, person_id)
    action = _action(member.role, role)
    facts = {"role": role.value} if "role" in action.needed else {}
    target = as_target(person_id, member.name)
    record(action, org_id=org_id, actor=by.actor, target=target, facts=facts, origin=origin)
    return True


def remove(org_id: int, by: SignedIn, person_id: int, *, origin: Origin) -> None:
    """End a membership, and every session of that person. Their entries stay."""
    mine = take_charge(org_id, by, Right.MANAGE_TEAM).role
    member = find_member(org_id, person_id)
    if person_id == by.person_id:
        raise RefusedError("Nobody removes themselves. You can leave the organisation instead.")
    if not may_manage(mine, member.role):
        raise RightsError(OWNERS_ONLY)
    lock_person(person_id)  # no session is being opened that would be missed
    _end_membership(org_id, person_id)
    sessions.end_all(person_id)
    target = as_target(person_id, member.name)
    record(MEMBER_REMOVED, org_id=org_id, actor=by.actor, target=target, origin=origin)


def leave(org_id: int, person: SignedIn, *, origin: Origin) -> None:
    """End one's own membership, whatever one's role."""
    lock_organisation(org_id)
    role = role_of(org_id, person.person_id)
    if role is None:
        raise MissingError
    if role is Role.OWNER and not _has_other_owner(org_id, person.person_id):
        raise RefusedError(LAST_OWNER)
    _end_membership(org_id, person.person_id)
    record(MEMBER_LEFT, org_id=org_id, actor=person.actor, origin=origin)


def reset_two_factor(org_id: int, by: SignedIn, person_id: int, *, origin: Origin) -> None:
    """
    Take a member's second factor away, and sign them out: they set up another at their next sign-in.

    That opens every organisation of theirs, so it takes someone who could do it in each one whose log they read. The
    others are told of it, and not who did it: that is no business of theirs.
    """
    mine = take_charge(org_id, by, Right.MANAGE_TEAM).role
    member = find_member(org_id, person_id)
    if person_id == by.person_id:
        raise RefusedError("Your own two-factor authentication is changed in your sign-in settings.")
    if not may_manage(mine, member.role):
        raise RightsError(OWNERS_ONLY)
    if _reads_what_is_not_for(by.person_id, person_id, org_id):
        raise RefusedError(
            f"The account of {member.name} opens more than this organisation, and so it is not for you alone to reset "
            "its two-factor authentication. Ask whoever runs this server."
        )
    lock_person(person_id)  # no session is being opened that would be missed, and no factor set up
    if not two_factor.remove(person_id):
        raise RefusedError(f"{member.name} has no two-factor authentication that could be reset.")
    db.session.execute(update(Person).where(Person.id == person_id).values(must_enrol=True))
    sessions.end_all(person_id)
    target = as_target(person_id, member.name)
    now = clock.now()
    for place in organisations_of(person_id):
        known = place == org_id or role_of(place, by.person_id) is not None
        actor, seen = (by.actor, origin) if known else (ELSEWHERE, None)
        record(TWO_FACTOR_RESET, org_id=place, actor=actor, target=target, occurred_at=now, origin=seen)


# The statements


def _everyone(org_id: int) -> Select[int, str, str, bool, str, datetime, datetime | None, datetime | None, bool]:
    in_use = exists().where(TwoFactor.person_id == Person.id, TwoFactor.enrolled_at.is_not(None))
    seen = and_(Presence.org_id == Membership.org_id, Presence.person_id == Membership.person_id)
    return (
        select(
            Person.id,
            Person.name,
            Person.email,
            Person.active,
            Membership.role,
            Membership.joined_at,
            Membership.removed_at,
            Presence.seen_at,
            in_use,
        )
        .join_from(Membership, Person, Person.id == Membership.person_id)
        .outerjoin(Presence, seen)
        .where(Membership.org_id == org_id)
    )


def _matching(text: str) -> list[ColumnElement[bool]]:
    # An index does not help to find a part of a name: of one organisation's people, that is no matter.
    return [contains(text, Person.__table__.c.name, Person.__table__.c.email)] if text else []


def _place(order: Select[datetime | str | None, int], org_id: int, person_id: int) -> tuple[datetime | str | None, int]:
    """Return where a person stands in an order, which is the place to go on from."""
    here = order.join_from(Membership, Person, Person.id == Membership.person_id)
    row = db.session.execute(here.where(Membership.org_id == org_id, Membership.person_id == person_id)).first()
    if row is None:
        raise MissingError
    return row[0], row[1]


def _page(found: Select[int, str, str, bool, str, datetime, datetime | None, datetime | None, bool]) -> Members:
    rows = db.session.execute(found.limit(PAGE + 1)).all()
    return Members([_member(*row) for row in rows[:PAGE]], has_more=len(rows) > PAGE)


def _member(
    person_id: int,
    name: str,
    email: str,
    active: bool,
    role: str,
    joined_at: datetime,
    removed_at: datetime | None,
    seen_at: datetime | None,
    has_two_factor: bool,
) -> Member:
    return Member(person_id, name, email, active, Role(role), joined_at, removed_at, seen_at, bool(has_two_factor))


def _is(org_id: int, person_id: int) -> tuple[ColumnElement[bool], ...]:
    return (Membership.org_id == org_id, Membership.person_id == person_id, Membership.removed_at.is_(None))


def _has_other_owner(org_id: int, person_id: int) -> bool:
    """Tell whether somebody else could go on as owner: someone switched off could not."""
    others = (
        select(Membership.person_id)
        .join(Person, Person.id == Membership.person_id)
        .where(Membership.org_id == org_id, Membership.role == Role.OWNER.value, Membership.removed_at.is_(None))
        .where(Membership.person_id != person_id, Person.active.is_(True))
    )
    return db.session.scalar(others.limit(1)) is not None


def _end_membership(org_id: int, person_id: int) -> None:
    db.session.execute(update(Membership).where(*_is(org_id, person_id)).values(removed_at=clock.now()))
    _end_offers(org_id, person_id)


def _end_offers(org_id: int, person_id: int) -> None:
    """Close what was offered by or to someone whose part in the organisation has just changed."""
    concerned = or_(OwnershipOffer.from_id == person_id, OwnershipOffer.to_id == person_id)
    db.session.execute(delete(OwnershipOffer).where(OwnershipOffer.org_id == org_id, concerned))


def _action(old: Role, new: Role) -> Action:
    if _HEIGHT[new] > _HEIGHT[old]:
        return MEMBER_ROLE_RAISED
    if (old, new) == (Role.MEMBER, Role.AUDITOR):
        return AUDITOR_APPOINTED
    if (old, new) == (Role.AUDITOR, Role.MEMBER):
        return AUDITOR_DISMISSED
    return MEMBER_ROLE_CHANGED


def _reads_what_is_not_for(person_id: int, other_id: int, org_id: int) -> bool:
    """Tell whether *other_id* reads the log of another organisation, where *person_id* may not manage them."""
    rows = db.session.execute(
        select(Membership.org_id, Membership.person_id, Membership.role).where(
            Membership.person_id.in_([person_id, other_id]),
            Membership.org_id != org_id,
            Membership.removed_at.is_(None),
        )
    ).all()
    mine = {row.org_id: Role(row.role) for row in rows if row.person_id == person_id}
    theirs = {row.org_id: Role(row.role) for row in rows if row.person_id == other_id}
    return any(
        role in GRANTED[Right.READ_LOG] and not (place in mine and may_manage(mine[place], role))
        for place, role in theirs.items()
    )
