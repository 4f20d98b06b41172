"""
What an operator does from the command line: adding people and organisations, switching them off and on.

Each deed commits, and leaves one entry in each organisation concerned. What cannot be done raises RefusedError, and
nothing is changed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import delete, exists, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import aliased

from auditweb import clock
from auditweb.accounts import deletion, people, sessions, two_factor
from auditweb.accounts.entries import OPERATOR, as_target, organisations_of, record_in_each_organisation
from auditweb.accounts.founding import NewOrganisation, NewPerson, RefusedError, as_organisation_target, found
from auditweb.accounts.listing import is_member, is_owner, looking_up, organisation_at, person_at
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
from auditweb.models import Membership, Organisation, PasswordReset, Person
from auditweb.recorder import record

BUSY = "The database did not answer in time, and nothing was changed. Try again."


@contextmanager
def answered() -> Iterator[None]:
    """Refuse what a busy or lost database keeps from being done in the block, instead of breaking down."""
    try:
        yield
    except (OperationalError, TooSlow):
        raise RefusedError(BUSY) from None


def check_newcomer(email: str, slug: str) -> None:
    """Raise RefusedError unless there is this organisation, and nobody in it with this address."""
    with looking_up():
        _check_newcomer(email, slug)


# People


def add_to_organisation(person: NewPerson | str, slug: str, role: Role) -> str:
    """Make a newcomer, or the person with an address, a member, and return their name."""
    email = person.email if isinstance(person, NewPerson) else person
    with _one_deed(f"{email} got an account at the same moment. Look at it with: auditweb user list"):
        organisation = people.lock_organisation(organisation_at(slug).id)
        _check_newcomer(email, slug)
        found = (
            people.add_person(person.email, person.name, person.password_hash)
            if isinstance(person, NewPerson)
            else person_at(person)
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
        person = people.lock_person(person_at(email).id)
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
        found(new, owner if isinstance(owner, NewPerson) else person_at(owner), actor=OPERATOR)


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
        organisation = people.lock_organisation(organisation_at(slug).id)
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
    organisation = organisation_at(slug)
    person = people.find_person(email)
    if person is not None and organisation.id in organisations_of(person.id):
        raise RefusedError(f"{person.email} belongs to {organisation.name} already.")
    if person is not None and person.support:
        raise RefusedError(f"{person.email} is support staff, who belong to no organisation.")


def _check_owner(organisation: Organisation) -> None:
    """Raise RefusedError unless an organisation has an owner whose account is on."""
    owners = select(Person.id).join(Membership, Membership.person_id == Person.id)
    able = owners.where(Membership.org_id == organisation.id, is_member(), is_owner(), Person.active.is_(True))
    if db.session.scalar(able.limit(1)) is None:
        raise RefusedError(
            f"{organisation.name} has no owner whose account is on. Switch an owner’s on first (auditweb user enable), "
            "or add another owner (auditweb user create --role owner)."
        )


def _locked(email: str) -> Person:
    """Return a person, with their organisations locked: whether an owner is left is decided one deed at a time."""
    person = person_at(email)
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
    owned = owned.where(Membership.person_id == person_id, is_member(), is_owner(), ~another_owner)
    return list(db.session.scalars(owned.where(Organisation.disabled_at.is_(None)).order_by(Organisation.name)))


def _record(action: Action, person: Person) -> None:
    db.session.flush()
    record_in_each_organisation(action, person.id, actor=OPERATOR, target=as_target(person.id, person.name))


def _joined(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
