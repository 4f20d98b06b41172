"""What there is, for whoever runs the server: people, organisations, and what was deleted."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, select

from auditweb import transactions
from auditweb.accounts import people
from auditweb.accounts.founding import RefusedError
from auditweb.accounts.permissions import Role
from auditweb.extensions import db
from auditweb.models import DeletedOrganisation, Membership, Organisation, Person, TwoFactor


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
        members = select(Membership.person_id).where(Membership.org_id == organisation_at(slug).id, is_member())
        wanted = wanted.where(Person.id.in_(members))
    roles: dict[int, dict[str, str]] = defaultdict(dict)
    places = select(Membership.person_id, Organisation.slug, Membership.role).join(
        Organisation, Organisation.id == Membership.org_id
    )
    for person_id, place, role in db.session.execute(places.where(is_member()).order_by(Organisation.slug)):
        roles[person_id][place] = role
    return [ListedPerson(*row, roles.get(row.id, {})) for row in db.session.execute(wanted)]


def list_organisations() -> list[ListedOrganisation]:
    """Return all organisations by their address."""
    with looking_up():
        return _listed_organisations()


def _listed_organisations() -> list[ListedOrganisation]:
    members = select(Membership.org_id, func.count()).where(is_member()).group_by(Membership.org_id)
    counts = {row[0]: row[1] for row in db.session.execute(members)}
    owners: dict[int, list[str]] = defaultdict(list)
    found_owners = select(Membership.org_id, Person.email).join(Person, Person.id == Membership.person_id)
    for org_id, email in db.session.execute(found_owners.where(is_member(), is_owner()).order_by(Person.email)):
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
        return person_at(email).name


def name_of_organisation(slug: str) -> str:
    """Return what the organisation with this address is called; RefusedError if there is none."""
    with looking_up():
        return organisation_at(slug).name


def deletion_of(slug: str) -> datetime | None:
    """Return when the organisation with this address is going to be deleted, if its deletion was asked for."""
    with looking_up():
        return organisation_at(slug).deletion_due_at


def id_of_organisation(slug: str) -> int:
    """Return the id of the organisation with this address; RefusedError if there is none."""
    with looking_up():
        return organisation_at(slug).id


def is_known(email: str) -> bool:
    """Tell whether someone has an account with this address."""
    with looking_up():
        return people.find_person(email) is not None


def person_at(email: str) -> Person:
    """Return the person with an address; RefusedError if there is none."""
    person = people.find_person(email)
    if person is None:
        raise RefusedError(f"There is no account with the address {email}.")
    return person


def organisation_at(slug: str) -> Organisation:
    """Return the organisation with an address; RefusedError if there is none."""
    organisation = people.find_organisation(slug)
    if organisation is None:
        raise RefusedError(f"There is no organisation with the address {slug}. These are: auditweb org list")
    return organisation


def is_member() -> ColumnElement[bool]:
    """Return what holds of memberships that have not ended."""
    return Membership.removed_at.is_(None)


def is_owner() -> ColumnElement[bool]:
    """Return what holds of the memberships of owners."""
    return Membership.role == Role.OWNER.value
