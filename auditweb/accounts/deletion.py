"""
Asking for an organisation to be deleted, and calling it off: any owner can do either, for fourteen days.

What happens then stands in `removal`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from auditweb import catalogue, clock
from auditweb.accounts.charge import take_charge
from auditweb.accounts.permissions import Right
from auditweb.accounts.sessions import SignedIn
from auditweb.extensions import db
from auditweb.models import Organisation, Person
from auditweb.parties import Origin
from auditweb.recorder import record

NOTICE: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Request:
    """Who asked for a deletion, when, and when it is due."""

    by_name: str
    at: datetime
    due_at: datetime


def find_request(org_id: int) -> Request | None:
    """Return what was asked for an organisation, if anything."""
    columns = select(Person.name, Organisation.deletion_asked_at, Organisation.deletion_due_at)
    asked = columns.join(Person, Person.id == Organisation.deletion_asked_by).where(Organisation.id == org_id)
    name, at, due_at = db.session.execute(asked).first() or ("", None, None)
    return Request(name, at, due_at) if at and due_at else None


def request(org_id: int, *, by: SignedIn, origin: Origin) -> datetime | None:
    """Ask for the deletion, and return when it will be; None if somebody has asked for it already."""
    organisation = take_charge(org_id, by, Right.OWN).organisation
    if organisation.deletion_due_at is not None:
        return None
    now = clock.now()
    _set(organisation, now + NOTICE, by.person_id, now)
    record(catalogue.DELETION_REQUESTED, org_id=org_id, actor=by.actor, origin=origin)
    return now + NOTICE


def call_off(org_id: int, *, by: SignedIn, origin: Origin) -> bool:
    """Keep the organisation after all, and tell whether its deletion had been asked for and had not begun."""
    organisation = take_charge(org_id, by, Right.OWN).organisation
    if organisation.deletion_due_at is None:
        return False
    _set(organisation, None, None, None)
    record(catalogue.DELETION_CANCELLED, org_id=org_id, actor=by.actor, origin=origin)
    return True


def _set(organisation: Organisation, due_at: datetime | None, by: int | None, at: datetime | None) -> None:
    organisation.deletion_due_at, organisation.deletion_asked_by, organisation.deletion_asked_at = due_at, by, at
