"""
What an organisation decides about itself: its name, address and time zone, and how its people sign in.

Each change is one entry, and what stays as it was is none. Of two who change the same thing at once the later one wins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import case, delete, func, select
from sqlalchemy.exc import IntegrityError

from auditweb import catalogue, clock
from auditweb.accounts import slugs
from auditweb.accounts.charge import take_charge
from auditweb.accounts.people import find_by_former_slug, find_organisation
from auditweb.accounts.permissions import CAN_GRANT, Right, Role, TwoFactorRule
from auditweb.accounts.sessions import LONGEST, LONGEST_IDLE, SignedIn
from auditweb.catalogue import Action
from auditweb.extensions import db
from auditweb.models import FormerSlug, Membership, Organisation, Person, TwoFactor
from auditweb.parties import Origin
from auditweb.reading import days
from auditweb.recorder import record

IDLE_MINUTES: Final = range(5, int(LONGEST_IDLE.total_seconds()) // 60 + 1)
SESSION_HOURS: Final = range(1, int(LONGEST.total_seconds()) // 3600 + 1)

MOST_FORMER_SLUGS: Final = 10
"""Nobody else gets them, so that one organisation must not keep any number of words for itself."""

_TAKEN = "This address belongs to another organisation. Choose another."
_TOO_MANY = (
    f"There are {MOST_FORMER_SLUGS} former addresses already, which go on leading here, and there can be no more. "
    "Keep the present one, or take one of those again: {former}."
)


class Unfit(ValueError):  # noqa: N818  (its name says what it is)
    """What was wanted for *field* cannot be; the text tells why, to the person who wanted it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


def rename(org_id: int, name: str, *, by: SignedIn, origin: Origin) -> bool:
    """Give an organisation another name, and tell whether that changed anything."""
    organisation = take_charge(org_id, by, Right.MANAGE_SETTINGS).organisation
    return _change(organisation, catalogue.ORGANISATION_RENAMED, {"name": name}, by, origin, name=name)


def change_slug(org_id: int, slug: str, *, by: SignedIn, origin: Origin) -> bool:
    """
    Move an organisation's pages to another address, and tell whether that changed anything.

    The old one leads to the new one for good, and nobody else gets it. Raises Unfit, with the transaction rolled back
    if somebody else took the address at this very moment.
    """
    organisation = take_charge(org_id, by, Right.MANAGE_SETTINGS).organisation
    if slug == organisation.slug:
        return False
    check_slug(slug, org_id)
    former = db.session.scalars(select(FormerSlug.slug).where(FormerSlug.org_id == org_id)).all()
    if len(former) >= MOST_FORMER_SLUGS and slug not in former:
        raise Unfit("slug", _TOO_MANY.format(former=", ".join(sorted(former))))
    # Once their own: they may have it back.
    db.session.execute(delete(FormerSlug).where(FormerSlug.slug == slug, FormerSlug.org_id == org_id))
    db.session.add(FormerSlug(slug=organisation.slug, org_id=org_id, given_up_at=clock.now()))
    try:
        return _change(organisation, catalogue.SLUG_CHANGED, {"slug": slug}, by, origin, slug=slug)
    except IntegrityError:
        db.session.rollback()
        raise Unfit("slug", _TAKEN) from None


def check_slug(slug: str, org_id: int = 0) -> None:
    """Raise Unfit if *slug* cannot be the address of an organisation, of the one with this id if there is one yet."""
    if problem := slugs.problem_with(slug):
        raise Unfit("slug", problem)
    # In this order: who gives an address up turns it from the one into the other at a stroke.
    present = find_organisation(slug)
    owner = present.id if present else find_by_former_slug(slug)
    if owner is not None and owner != org_id:
        raise Unfit("slug", _TAKEN)


def change_zone(org_id: int, zone: str, *, by: SignedIn, origin: Origin) -> bool:
    """Set the zone that an organisation counts days in, and tell whether that changed anything."""
    organisation = take_charge(org_id, by, Right.MANAGE_SETTINGS).organisation
    values: dict[str, Any] = {"zone": zone}
    if zone != organisation.zone and (day := _day_of(organisation)):
        values["two_factor_from"] = days.start_of(day, zone)  # the same day, as it is counted now
    return _change(organisation, catalogue.TIME_ZONE_CHANGED, {"zone": zone}, by, origin, **values)


def require_two_factor(
    org_id: int, rule: TwoFactorRule, first_day: date | None, *, by: SignedIn, origin: Origin
) -> bool:
    """
    Say of whom a second factor is asked, and from which day in the organisation's zone on.

    Tells whether that changed anything. Raises Unfit if the day is past or over a year away.
    """
    organisation = take_charge(org_id, by, Right.MANAGE_SETTINGS).organisation
    before = TwoFactorRule(organisation.two_factor_rule)
    if rule is TwoFactorRule.OPTIONAL:
        return before is not rule and _change(
            organisation,
            catalogue.TWO_FACTOR_MADE_OPTIONAL,
            {},
            by,
            origin,
            two_factor_rule=rule.value,
            two_factor_from=None,
        )
    if before is rule and organisation.two_factor_from is not None and first_day == _day_of(organisation):
        return False
    first, last = first_days(organisation.zone)
    if first_day is None or not first <= first_day <= last:
        raise Unfit("first_day", f"Choose a day from {days.spelled(first)} (today) to {days.spelled(last)}.")
    return _change(
        organisation,
        _demand(before, rule),
        {"deadline": days.spelled(first_day)},
        by,
        origin,
        two_factor_rule=rule.value,
        two_factor_from=days.start_of(first_day, organisation.zone),
    )


def first_days(zone: str) -> tuple[date, date]:
    """Return the first and the last day from which a second factor may be made compulsory: from today up to a year."""
    today = days.day_of(clock.now(), zone)
    try:
        return today, today.replace(year=today.year + 1)
    except ValueError:
        return today, today.replace(year=today.year + 1, day=28)


def limit_sessions(org_id: int, idle_minutes: int, session_hours: int, *, by: SignedIn, origin: Origin) -> bool:
    """Set how long people stay signed in, without use and at most, and tell whether that changed anything."""
    if idle_minutes not in IDLE_MINUTES or session_hours not in SESSION_HOURS:
        raise ValueError("these limits are not within the bounds")
    told = {"without_use": f"{idle_minutes} minutes", "at_most": f"{session_hours} hours"}
    return _change(
        take_charge(org_id, by, Right.MANAGE_SETTINGS).organisation,
        catalogue.SESSION_LIMITS_CHANGED,
        told if session_hours > 1 else told | {"at_most": "1 hour"},
        by,
        origin,
        idle_minutes=idle_minutes,
        session_hours=session_hours,
    )


@dataclass(frozen=True, slots=True)
class WithoutTwoFactor:
    """
    How many of an organisation's *members* have no second factor, how many owners and admins among them, and who.

    Of the names only the first few are there, those of owners and admins before others.
    """

    members: int
    number: int
    administrators: int
    names: Sequence[tuple[str, Role]]


def find_without_two_factor(org_id: int, *, most_names: int) -> WithoutTwoFactor:
    """Return who of an organisation could not come in if a second factor was asked of everyone now."""
    lacks, administers = TwoFactor.person_id.is_(None), Membership.role.in_([role.value for role in CAN_GRANT])
    belong = (
        select()
        .select_from(Membership)
        .join(Person, Person.id == Membership.person_id)
        .outerjoin(TwoFactor, (TwoFactor.person_id == Person.id) & TwoFactor.enrolled_at.is_not(None))
        .where(Membership.org_id == org_id, Membership.removed_at.is_(None), Person.active.is_(True))
    )
    counted = belong.add_columns(func.count(), func.count(case((lacks, 1))), func.count(case((lacks & administers, 1))))
    members, number, administrators = db.session.execute(counted).one()
    named = belong.add_columns(Person.name, Membership.role).where(lacks)
    named = named.order_by(case((administers, 0), else_=1), Person.name, Person.id).limit(most_names)
    names = [(name, Role(role)) for name, role in db.session.execute(named)]
    return WithoutTwoFactor(members, number, administrators, names)


def _day_of(organisation: Organisation) -> date | None:
    """Return the day from which a second factor is asked, as the organisation counts days."""
    beginning = organisation.two_factor_from
    return days.day_of(beginning, organisation.zone) if beginning else None


def _demand(before: TwoFactorRule, rule: TwoFactorRule) -> Action:
    if before is rule:
        return catalogue.TWO_FACTOR_DEADLINE_CHANGED
    if rule is TwoFactorRule.EVERYONE:
        return catalogue.TWO_FACTOR_REQUIRED
    return catalogue.TWO_FACTOR_REQUIRED_OF_ADMINS


def _change(
    organisation: Organisation, action: Action, facts: Mapping[str, str], by: SignedIn, origin: Origin, **values: Any
) -> bool:
    """Set *values* of a locked organisation and record it, unless it has them all already."""
    if all(getattr(organisation, name) == value for name, value in values.items()):
        return False
    for name, value in values.items():
        setattr(organisation, name, value)
    db.session.flush()
    record(action, org_id=organisation.id, actor=by.actor, facts=facts, origin=origin)
    return True
