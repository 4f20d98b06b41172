"""Creating and finding organisations and their people. Every function works in the open transaction."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import delete, exists, func, insert, select, update

from auditweb import clock
from auditweb.accounts import passwords
from auditweb.accounts.permissions import CAN_GRANT, Role
from auditweb.database import storable
from auditweb.extensions import db
from auditweb.models import DeletedOrganisation, FormerName, FormerSlug, Membership, Organisation, Person, WeeklyMail
from auditweb.models.base import Base

Row = TypeVar("Row", bound=Base)


def create_organisation(slug: str, name: str, zone: str, *, created_at: datetime | None = None) -> Organisation:
    """Add an organisation, with nobody in it yet, and return it. Its id is one that no other ever had."""
    return _added(
        Organisation(id=_never_given(), slug=slug, name=name, zone=zone, created_at=created_at or clock.now())
    )


def create_person(
    email: str, name: str, password: str, zone: str = "", *, created_at: datetime | None = None
) -> Person:
    """Add someone who can sign in, a member of nothing yet, and return them."""
    return add_person(email, name, passwords.hash_password(password), zone, created_at=created_at)


def add_person(
    email: str, name: str, password_hash: str, zone: str = "", *, created_at: datetime | None = None
) -> Person:
    """Add the same with a password that is hashed already: argon2 takes its time, and a lock may be held."""
    return _added(
        Person(
            email=normalise_email(email),
            name=name,
            password_hash=password_hash,
            zone=zone,
            created_at=created_at or clock.now(),
        )
    )


def add_member(
    organisation: Organisation, person: Person, role: Role | str, joined_at: datetime | None = None
) -> Membership:
    """Make *person* a member, or a member again, of *organisation*."""
    joined_at = joined_at or clock.now()
    membership = _membership(organisation, person)
    if membership is None:
        return _added(
            Membership(org_id=organisation.id, person_id=person.id, role=Role(role).value, joined_at=joined_at)
        )
    membership.role, membership.joined_at, membership.removed_at = Role(role).value, joined_at, None
    # What they wanted when they belonged to it before they may not want any more.
    wished = WeeklyMail.org_id == organisation.id, WeeklyMail.person_id == person.id
    db.session.execute(delete(WeeklyMail).where(*wished))
    db.session.flush()
    return membership


def remove_member(organisation: Organisation, person: Person, removed_at: datetime | None = None) -> None:
    """End a membership. The row stays, so that the person's entries still say who they were."""
    db.session.execute(
        update(Membership)
        .where(Membership.org_id == organisation.id, Membership.person_id == person.id, Membership.removed_at.is_(None))
        .values(removed_at=removed_at or clock.now())
    )


def find_organisation(slug: str) -> Organisation | None:
    return db.session.scalar(select(Organisation).where(Organisation.slug == slug))


def find_by_former_slug(slug: str) -> int | None:
    """Return the id of the organisation that once had the address *slug*."""
    return db.session.scalar(select(FormerSlug.org_id).where(FormerSlug.slug == storable(slug)))


def find_switched_off(person_id: int) -> Sequence[Organisation]:
    """Return the organisations of a person that nobody can open at present, by name."""
    return db.session.scalars(
        select(Organisation)
        .join(Membership, Membership.org_id == Organisation.id)
        .where(Membership.person_id == person_id, Membership.removed_at.is_(None))
        .where(Organisation.disabled_at.is_not(None))
        .order_by(Organisation.name, Organisation.id)
    ).all()


def lock_organisation(org_id: int) -> Organisation:
    """
    Return the organisation, whose row nobody else changes or locks until this transaction is over.

    What must hold for all members together (an owner is left) is checked and changed under it. On SQLite a writing
    transaction has the whole database to itself anyway.
    """
    # Not so that new rows could not refer to it: noting who was there does, and holds what is waited for here.
    locked = select(Organisation).where(Organisation.id == org_id).with_for_update(key_share=True)
    return db.session.scalars(locked.execution_options(populate_existing=True)).one()


def lock_person(person_id: int, *, shared: bool = False) -> Person:
    """
    Return the person as they are until this transaction is over.

    Whoever opens a session locks them together with others who do (*shared*), and whoever changes how they sign in
    locks them alone: so no session that the change ends is opened behind its back.
    """
    locked = select(Person).where(Person.id == person_id).with_for_update(read=shared, key_share=not shared)
    return db.session.scalars(locked.execution_options(populate_existing=True)).one()


def find_person(email: str) -> Person | None:
    return db.session.scalar(select(Person).where(Person.email == normalise_email(email)))


@dataclass(frozen=True, slots=True)
class Helper:
    """Someone to turn to for a right one does not have."""

    name: str
    email: str
    role: Role


def who_can_help(org_id: int, roles: Collection[Role] = CAN_GRANT) -> Sequence[Helper]:
    """Return the members of an organisation who have one of *roles*, owners first."""
    rows = db.session.execute(
        select(Person.name, Person.email, Membership.role)
        .join(Membership, Membership.person_id == Person.id)
        .where(Membership.org_id == org_id, Membership.removed_at.is_(None), Person.active.is_(True))
        .where(Membership.role.in_([role.value for role in roles]))
        .order_by(Membership.role == Role.ADMIN.value, Person.name, Person.id)
    )
    return [Helper(name, email, Role(role)) for name, email, role in rows]


def save_profile(person_id: int, *, name: str, zone: str, absolute_times: bool, shortcuts: bool, theme: str) -> None:
    """Store what a person said about themselves and how they like to read; the name they had stays on record."""
    is_kept = exists().where(FormerName.person_id == Person.id, FormerName.name == Person.name)
    former = select(Person.id, Person.name).where(Person.id == person_id, Person.name != name, ~is_kept)
    db.session.execute(insert(FormerName).from_select(["person_id", "name"], former))
    db.session.execute(
        update(Person)
        .where(Person.id == person_id)
        .values(name=name, zone=zone, absolute_times=absolute_times, shortcuts=shortcuts, theme=theme)
    )


def save_theme(person_id: int, theme: str) -> None:
    db.session.execute(update(Person).where(Person.id == person_id).values(theme=theme))


def normalise_email(email: str) -> str:
    """Return *email* as it is stored and looked up: without blanks around it, in lower case."""
    return storable(email.strip().lower())


def _never_given() -> int | None:
    """Return an id where SQLite must not choose it: it would give that of a deleted organisation once more."""
    if db.engine.dialect.name != "sqlite":
        return None
    deleted, newest = (
        db.session.scalar(select(func.max(ids))) for ids in (DeletedOrganisation.org_id, Organisation.id)
    )
    return max(deleted, newest or 0) + 1 if deleted else None


def _membership(organisation: Organisation, person: Person) -> Membership | None:
    return db.session.scalar(
        select(Membership).where(Membership.org_id == organisation.id, Membership.person_id == person.id)
    )


def _added(row: Row) -> Row:
    db.session.add(row)
    db.session.flush()
    return row
