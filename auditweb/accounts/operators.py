"""
What an operator does from the command line: looking up people and organisations, and switching them off and on.

Each deed commits, and leaves one entry in each organisation concerned. What cannot be done raises RefusedError, and
nothing is changed.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, func, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import aliased

from auditweb import clock, transactions
from auditweb.accounts import deletion, people, sessions, two_factor
from auditweb.accounts.entries import OPERATOR, as_target, organisations_of, record_in_each_organisation
from auditweb.accounts.founding import NewOrganisation, NewPerson, RefusedError, as_organisation_target, found
from auditweb.accounts.permissions import Role
from auditweb.catalogue import (
    MEMBER_ADDED,
    MEMBER_REINSTATED,
    MEMBER_SUSPENDED,
    ORGANISATION_SWITCHED_OFF,
    ORGANISATION_SWITCHED_ON,
    PASSWORD_SET,
    TWO_FACTOR_RESET,
    Action,
)
from auditweb.database import TooSlow
from auditweb.extensions import db
from auditweb.models import DeletedOrganisation, Membership, Organisation, PasswordReset, Person, TwoFactor
from auditweb.recorder import record

BUSY = "The database did not answer in time, and nothing was changed. Try again."


@contextmanager
def answered() -> Iterator[None]:
    """Refuse what a busy or lost database keeps from being done in the block, instead of breaking down."""
    try:
        yield
    except (OperationalError, TooSlow):
        raise RefusedError(BUSY) from None


# Looking up


@contextmanager
def looking_up() -> Iterator[None]:
    """Only read in the block, and hold nothing afterwards: an operator may take their time over the next question."""
    with transactions.reading():
        try:
            yield
        finally:
            db.session.rollback()


@dataclass(frozen=True, slots=True)
class ListedPerson:
    """A person with their roles by the addresses of their organisations."""

    id: int
    email: str
    name: str
    enabled: bool
    two_factor: bool
    support: bool
    roles: dict[str, str]


@dataclass(frozen=True, slots=True)
class ListedOrganisation:
    """An organisation with how many members it has, and the addresses of its owners."""

    id: int
    slug: str
    name: str
    zone: str
    enabled: bool
    deletion_due_at: datetime | None
    members: int
    owners: list[str]


@dataclass(frozen=True, slots=True)
class ListedDeletion:
    """What remains of a deleted organisation; without *deleted_at* its deletion has begun and is to be gone on with."""

    id: int
    name: str
    asked_by: str
    asked_at: datetime
    deleted_at: datetime | None


def list_people(slug: str | None = None) -> list[ListedPerson]:
    """Return everyone, or the members of one organisation, by e-mail address."""
    with looking_up():
        return _listed_people(slug)


def _listed_people(slug: str | None) -> list[ListedPerson]:
    enrolled = exists().where(TwoFactor.person_id == Person.id, TwoFactor.enrolled_at.is_not(None))
    columns = (Person.id, Person.email, Person.name, Person.active, enrolled, Person.support)
    wanted = select(*columns).order_by(Person.email)
    if slug is not None:
        members = select(Membership.person_id).where(Membership.org_id == _organisation(slug).id, _is_member())
        wanted = wanted.where(Person.id.in_(members))
    roles: dict[int, dict[str, str]] = defaultdict(dict)
    places = select(Membership.person_id, Organisation.slug, Membership.role).join(
        Organisation, Organisation.id == Membership.org_id
    )
    for person_id, place, role in db.session.execute(places.where(_is_member()).order_by(Organisation.slug)):
        roles[person_id][place] = role
    return [ListedPerson(*row, roles.get(row.id, {})) for row in db.session.execute(wanted)]


def list_organisations() -> list[ListedOrganisation]:
    """Return all organisations by their address."""
    with looking_up():
        return _listed_organisations()


def _listed_organisations() -> list[ListedOrganisation]:
    members = select(Membership.org_id, func.count()).where(_is_member()).group_by(Membership.org_id)
    counts = {row[0]: row[1] for row in db.session.execute(members)}
    owners: dict[int, list[str]] = defaultdict(list)
    found_owners = select(Membership.org_id, Person.email).join(Person, Person.id == Membership.person_id)
    for org_id, email in db.session.execute(found_owners.where(_is_member(), _is_owner()).order_by(Person.email)):
        owners[org_id].append(email)
    return [
        ListedOrganisation(
            each.id,
            each.slug,
            each.name,
            each.zone,
            each.disabled_at is None,
            each.deletion_due_at,
            counts.get(each.id, 0),
            owners.get(each.id, []),
        )
        for each in db.session.scalars(select(Organisation).order_by(Organisation.slug))
    ]


def list_deleted() -> list[ListedDeletion]:
    """Return the organisations that were deleted, or are being, in the order of asking for it."""
    with looking_up():
        found = db.session.scalars(select(DeletedOrganisation).order_by(DeletedOrganisation.asked_at))
        return [ListedDeletion(each.org_id, each.name, each.asked_by, each.asked_at, each.deleted_at) for each in found]


def name_of(email: str) -> str:
    """Return what the person with this address is called; RefusedError if there is none."""
    with looking_up():
        return _person(email).name


def name_of_organisation(slug: str) -> str:
    """Return what the organisation with this address is called; RefusedError if there is none."""
    with looking_up():
        return _organisation(slug).name


def deletion_of(slug: str) -> datetime | None:
    """Return when the organisation with this address is going to be deleted, if its deletion was asked for."""
    with looking_up():
        return _organisation(slug).deletion_due_at


def id_of_organisation(slug: str) -> int:
    """Return the id of the organisation with this address; RefusedError if there is none."""
    with looking_up():
        return _organisation(slug).id


def is_known(email: str) -> bool:
    """Tell whether someone has an account with this address."""
    with looking_up():
        return people.find_person(email) is not None


def check_newcomer(email: str, slug: str) -> None:
    """Raise RefusedError unless there is this organisation, and nobody in it with this address."""
    with looking_up():
        _check_newcomer(email, slug)


# People


def add_to_organisation(person: NewPerson | str, slug: str, role: Role) -> str:
    """Make a newcomer, or the person with an address, a member, and return their name."""
    email = person.email if isinstance(person, NewPerson) else person
    with _one_deed(f"{email} got an account at the same moment. Look at it with: auditweb user list"):
        organisation = people.lock_organisation(_organisation(slug).id)
        _check_newcomer(email, slug)
        found = (
            people.add_person(person.email, person.name, person.password_hash)
            if isinstance(person, NewPerson)
            else _person(person)
        )
        people.add_member(organisation, found, role)
        record(
            MEMBER_ADDED,
            org_id=organisation.id,
            actor=OPERATOR,
            target=as_target(found.id, found.name),
            facts={"role": role.value},
        )
        return found.name


def make_support(person: NewPerson | str) -> str | None:
    """
    Let a newcomer, or the person with an address, read what is shared with support; return their name.

    None if they could already. Who belongs to an organisation cannot: support staff see nothing of their own.
    """
    email = person.email if isinstance(person, NewPerson) else person
    with _one_deed(f"{email} got an account at the same moment. Look at it with: auditweb user list"):
        if isinstance(person, NewPerson):
            found = people.add_person(person.email, person.name, person.password_hash)
        else:
            found = _locked(person)
        if places := organisations_of(found.id):
            raise RefusedError(
                f"{found.email} belongs to {len(places)} {'organisation' if len(places) == 1 else 'organisations'}: "
                "support staff belong to none. Use another address for it."
            )
        if found.support:
            return None
        found.support = True
        sessions.end_all(found.id)
        return found.name


def end_support(email: str) -> bool:
    """Let someone read what is shared with support no longer; False if they could not."""
    with _one_deed():
        person = people.lock_person(_person(email).id)
        was, person.support = person.support, False
        sessions.end_all(person.id)
        return was


def has_support() -> bool:
    """Tell whether anybody is support staff, and could open what is shared with support only."""
    able = select(Person.id).where(Person.support.is_(True), Person.active.is_(True))
    return db.session.scalar(able.limit(1)) is not None


def disable(email: str) -> bool:
    """
    Switch an account off and end its sessions; False if it was off already.

    The last owner of an organisation stays: nobody could run it any more. It can be switched off as a whole.
    """
    with _one_deed():
        person = _locked(email)
        if not person.active:
            return False
        if places := _run_by_nobody_else(person.id):
            raise RefusedError(
                f"{person.name} is the last owner of {_joined(places)}. Add another owner first (auditweb user create "
                "--role owner), or switch the organisation off (auditweb org disable)."
            )
        person.active = False
        sessions.end_all(person.id)
        _record(MEMBER_SUSPENDED, person)
        return True


def enable(email: str) -> bool:
    """Switch an account on again; False if it was on."""
    with _one_deed():
        person = _locked(email)
        if person.active:
            return False
        person.active = True
        _record(MEMBER_REINSTATED, person)
        return True


def reset_password(email: str, password_hash: str) -> None:
    """Give someone another password, end their sessions, and let no link for a new one open any more."""
    with _one_deed():
        person = _locked(email)
        person.password_hash = password_hash
        sessions.end_all(person.id)
        db.session.execute(delete(PasswordReset).where(PasswordReset.person_id == person.id))
        _record(PASSWORD_SET, person)


def reset_two_factor(email: str) -> bool:
    """
    Take someone's second factor away and end their sessions; False if they have none.

    They set up another one before they go anywhere else.
    """
    with _one_deed():
        person = _locked(email)
        if not two_factor.remove(person.id):
            return False
        person.must_enrol = True
        sessions.end_all(person.id)
        _record(TWO_FACTOR_RESET, person)
        return True


# Organisations


def create_organisation(new: NewOrganisation, owner: NewPerson | str) -> None:
    """Create an organisation for a newcomer or for the person with an address."""
    with _one_deed(f"The address {new.slug} or the owner’s was taken at the same moment. Try again."):
        found(new, owner if isinstance(owner, NewPerson) else _person(owner), actor=OPERATOR)


def switch_off(slug: str) -> bool:
    """Let nobody open an organisation, from their next click on; False if it was so already."""
    return _switch(slug, ORGANISATION_SWITCHED_OFF, clock.now())


def switch_on(slug: str) -> bool:
    """
    Let people in again; False if they were let in.

    If its deletion was asked for, its owners have all the time to call it off that they had at first. Refused where
    no owner could come in.
    """
    return _switch(slug, ORGANISATION_SWITCHED_ON, None)


def _switch(slug: str, action: Action, disabled_at: datetime | None) -> bool:
    with _one_deed():
        organisation = people.lock_organisation(_organisation(slug).id)
        if (organisation.disabled_at is None) == (disabled_at is None):
            return False
        organisation.disabled_at = disabled_at
        if disabled_at is None:
            _check_owner(organisation)
            if organisation.deletion_due_at is not None:
                organisation.deletion_due_at = clock.now() + deletion.NOTICE
        db.session.flush()
        record(action, org_id=organisation.id, actor=OPERATOR, target=as_organisation_target(organisation))
        return True


# Below, what the deeds share


@contextmanager
def _one_deed(taken: str = "") -> Iterator[None]:
    """Commit what is done in the block, or nothing of it; where a constraint is in the way, refuse as *taken*."""
    try:
        yield
        db.session.commit()
    except IntegrityError:
        if not taken:
            raise
        raise RefusedError(taken) from None
    finally:
        db.session.rollback()


def _check_newcomer(email: str, slug: str) -> None:
    organisation = _organisation(slug)
    person = people.find_person(email)
    if person is not None and organisation.id in organisations_of(person.id):
        raise RefusedError(f"{person.email} belongs to {organisation.name} already.")
    if person is not None and person.support:
        raise RefusedError(f"{person.email} is support staff, who belong to no organisation.")


def _check_owner(organisation: Organisation) -> None:
    """Raise RefusedError unless an organisation has an owner whose account is on."""
    owners = select(Person.id).join(Membership, Membership.person_id == Person.id)
    able = owners.where(Membership.org_id == organisation.id, _is_member(), _is_owner(), Person.active.is_(True))
    if db.session.scalar(able.limit(1)) is None:
        raise RefusedError(
            f"{organisation.name} has no owner whose account is on. Switch an owner’s on first (auditweb user enable), "
            "or add another owner (auditweb user create --role owner)."
        )


def _person(email: str) -> Person:
    person = people.find_person(email)
    if person is None:
        raise RefusedError(f"There is no account with the address {email}.")
    return person


def _organisation(slug: str) -> Organisation:
    organisation = people.find_organisation(slug)
    if organisation is None:
        raise RefusedError(f"There is no organisation with the address {slug}. These are: auditweb org list")
    return organisation


def _locked(email: str) -> Person:
    """Return a person, with their organisations locked: whether an owner is left is decided one deed at a time."""
    person = _person(email)
    for org_id in organisations_of(person.id):
        people.lock_organisation(org_id)
    return people.lock_person(person.id)


def _run_by_nobody_else(person_id: int) -> list[str]:
    """Return the names of the organisations, switched-off ones apart, whose only owner with an account is a person."""
    other, account = aliased(Membership), aliased(Person)
    another_owner = exists().where(
        other.org_id == Membership.org_id,
        other.person_id != person_id,
        other.removed_at.is_(None),
        other.role == Role.OWNER.value,
        account.id == other.person_id,
        account.active.is_(True),
    )
    owned = select(Organisation.name).join(Membership, Membership.org_id == Organisation.id)
    owned = owned.where(Membership.person_id == person_id, _is_member(), _is_owner(), ~another_owner)
    return list(db.session.scalars(owned.where(Organisation.disabled_at.is_(None)).order_by(Organisation.name)))


def _record(action: Action, person: Person) -> None:
    db.session.flush()
    record_in_each_organisation(action, person.id, actor=OPERATOR, target=as_target(person.id, person.name))


def _is_member() -> ColumnElement[bool]:
    return Membership.removed_at.is_(None)


def _is_owner() -> ColumnElement[bool]:
    return Membership.role == Role.OWNER.value


def _joined(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
