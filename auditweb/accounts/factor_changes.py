"""Setting up one's second factor, turning it off, and new recovery codes for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from auditweb.accounts import sessions, two_factor
from auditweb.accounts.entries import record_in_each_organisation
from auditweb.accounts.people import lock_person
from auditweb.accounts.sessions import Place, SignedIn
from auditweb.catalogue import RECOVERY_CODES_CREATED, TWO_FACTOR_ENROLLED, TWO_FACTOR_REMOVED, Action
from auditweb.extensions import db
from auditweb.parties import Origin

LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The second factor is in use: the new id of the session, and the recovery codes, to be shown this once."""

    session_id: str
    recovery_codes: Sequence[str]


def demanded_by(person: SignedIn) -> Place | None:
    """Return an organisation that lets the person in only with a second factor."""
    return next((place for place in person.places if place.demands_two_factor), None)


def wanted_by(person: SignedIn) -> Place | None:
    """Return the organisation that first demands a second factor of the person, now or from a day to come."""
    asking = [place for place in person.places if place.wants_two_factor]
    return min(asking, key=lambda place: place.two_factor_from or LONG_AGO, default=None)


def begin(person: SignedIn) -> str:
    """Make a new secret for someone's authenticator app, and return it; nothing of one that is in use."""
    two_factor.begin(person.person_id)
    secret = two_factor.pending_secret(person.person_id) or ""
    db.session.commit()
    return secret


def enrol(person: SignedIn, code: str, *, origin: Origin) -> Enrolled | None:
    """Take a second factor into use, and end the person's other sessions; None if *code* is wrong."""
    row = lock_person(person.person_id)
    if not two_factor.enrol(person.person_id, code):
        db.session.rollback()
        return None
    row.must_enrol = False
    codes = two_factor.new_recovery_codes(person.person_id)
    session_id = sessions.continue_alone(person)
    _record(TWO_FACTOR_ENROLLED, person, origin, method="authenticator app")
    return Enrolled(session_id, codes)


def turn_off(person: SignedIn, *, origin: Origin) -> str:
    """
    Take someone's second factor away, end their other sessions, and return the new id of this one.

    Not where an organisation demands it: see `demanded_by`.
    """
    lock_person(person.person_id)
    session_id = sessions.continue_alone(person)
    if two_factor.remove(person.person_id):
        _record(TWO_FACTOR_REMOVED, person, origin)
    return session_id


def make_recovery_codes(person: SignedIn, *, origin: Origin) -> Sequence[str]:
    """Give someone with a second factor new recovery codes, to be shown this once; the old ones work no longer."""
    lock_person(person.person_id)
    codes = two_factor.new_recovery_codes(person.person_id)
    _record(RECOVERY_CODES_CREATED, person, origin)
    return codes


def _record(action: Action, person: SignedIn, origin: Origin, **facts: str) -> None:
    """Record what someone did to their second factor, and make it count."""
    record_in_each_organisation(action, person.person_id, actor=person.actor, facts=facts, origin=origin)
    db.session.commit()
