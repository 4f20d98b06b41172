"""The second step of signing in: a code of the authenticator app, or a recovery code, after the right password."""

from dataclasses import dataclass

from auditweb.accounts import rate_limits, sessions, two_factor
from auditweb.accounts.entries import as_actor, record_in_each_organisation
from auditweb.accounts.people import lock_person
from auditweb.accounts.rate_limits import Limit
from auditweb.accounts.sign_in import TRIES_RECORDED, Accepted, MustWait, record_refusal
from auditweb.catalogue import RECOVERY_CODE_USED, SIGNED_IN
from auditweb.extensions import db
from auditweb.models import Person
from auditweb.parties import Origin, Outcome

FREE_TRIES = 5
MOST_TRIES = 10
"""In one window, whoever makes them; with each wrong one from then on the password has to be typed anew, too."""


@dataclass(frozen=True, slots=True)
class WrongCode:
    """Not a code of this person, or one that was used already."""


@dataclass(frozen=True, slots=True)
class Expired:
    """The session no longer awaits a code: its time is over, or there were *too_many* wrong ones."""

    too_many: bool = False


def enter(waiting_id: str, code: str, *, recovery: bool, origin: Origin) -> Accepted | WrongCode | MustWait | Expired:
    """
    Check a code, or a *recovery* code, typed in the session that awaits it; record what came of it.

    If it is right, that session is over and another one open. Makes transactions of its own: a try counts, and a
    refused one is recorded, whatever becomes of the request.
    """
    person_id = sessions.awaiting_code(waiting_id)
    if person_id is None:
        return Expired()
    limit, refusals = Limit(f"code:{person_id}", FREE_TRIES), f"refused code:{person_id}"
    verdict = rate_limits.count(limit)
    db.session.commit()

    person = lock_person(person_id, shared=True)
    if not person.active or not two_factor.is_enrolled(person_id):
        sessions.end_waiting(waiting_id)
        db.session.commit()
        return Expired()
    if not verdict.refused and _take(person_id, code, recovery=recovery):
        if not sessions.end_waiting(waiting_id):
            db.session.rollback()  # another request was quicker, or the password has been changed: no code is used up
            return Expired()
        rate_limits.forget(limit.key, refusals)
        session_id = sessions.start(person_id, origin)
        _record_success(person, recovery=recovery, origin=origin)
        db.session.commit()
        return Accepted(session_id)

    tries = rate_limits.tally(refusals)
    if tries <= TRIES_RECORDED:
        reason = ("too many attempts", Outcome.DENIED) if verdict.refused else ("wrong code", Outcome.FAILURE)
        record_refusal(person_id, person.name, person.email, *reason, origin)
    too_many = tries >= MOST_TRIES
    if too_many:
        sessions.end_waiting(waiting_id)
    db.session.commit()
    if too_many:
        return Expired(too_many=True)
    return MustWait(verdict.seconds, known=True) if verdict.refused else WrongCode()


def _take(person_id: int, code: str, *, recovery: bool) -> bool:
    take = two_factor.take_recovery_code if recovery else two_factor.take_code
    return take(person_id, code)


def _record_success(person: Person, *, recovery: bool, origin: Origin) -> None:
    action, facts = (RECOVERY_CODE_USED, {}) if recovery else (SIGNED_IN, {"method": "password and code"})
    actor = as_actor(person.id, person.name)
    record_in_each_organisation(action, person.id, actor=actor, facts=facts, origin=origin)
