"""Signing in and out: the checks, the waiting, and the entries that tell of them."""

import hashlib
import hmac
from dataclasses import dataclass

from sqlalchemy import Row, select, update

from auditweb.accounts import passwords, rate_limits, sessions
from auditweb.accounts.entries import as_actor, as_target, organisations_of, record_in_each_organisation
from auditweb.accounts.people import normalise_email
from auditweb.accounts.rate_limits import Limit, Verdict
from auditweb.catalogue import SIGN_IN_REFUSED, SIGNED_IN, SIGNED_OUT
from auditweb.extensions import db
from auditweb.models import Person
from auditweb.parties import UNKNOWN_PERSON, Origin, Outcome

FREE_TRIES_OF_AN_ACCOUNT = 10
FREE_TRIES_FROM_AN_ADDRESS = 100
TRIES_RECORDED = 20
"""In one window, so that a password guesser cannot flood an organisation's log; the rest is in the application log."""

_Account = Row[int, str, str, str, bool]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The person may come in; *session_id* belongs in their cookie."""

    session_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Not the right address and password, whichever of the two was wrong. *known*: the address is somebody's."""

    known: bool


@dataclass(frozen=True, slots=True)
class MustWait:
    """Too many tries: the right password is refused too for so many *seconds*."""

    seconds: int
    known: bool


def sign_in(email: str, password: str, *, origin: Origin, secret: str) -> Accepted | Refused | MustWait:
    """
    Check an address and its password, record the outcome and, if they are right, open a session.

    Makes transactions of its own: a refused try is kept whatever becomes of the request, and no lock is held while
    argon2 works. A known and an unknown address cost the same statements, commits and one hash. *secret* keys the
    counters, so that what was typed cannot be read from them.
    """
    email = normalise_email(email)
    account = Limit(f"account:{_keyed(email, secret)}", FREE_TRIES_OF_AN_ACCOUNT)
    address = Limit(f"address:{rate_limits.network(origin.ip)}", FREE_TRIES_FROM_AN_ADDRESS)
    verdict = rate_limits.count(address)
    if not verdict.refused:  # who may not try at all must not use up the tries of somebody's account
        verdict = rate_limits.count(account)
    person = _find(email)
    if verdict.refused:
        _record_refusal(person, "too many attempts", Outcome.DENIED, account, verdict, origin)
        db.session.commit()
        return MustWait(verdict.seconds, known=person is not None)
    db.session.commit()

    right = passwords.verify(person.password_hash if person else None, password)
    if person is None or not person.active or not right:
        reason = "wrong password" if person is None or person.active else "the account is switched off"
        _record_refusal(person, reason, Outcome.FAILURE, account, verdict, origin)
        db.session.commit()
        return Refused(known=person is not None)

    fresh_hash = passwords.hash_password(password) if passwords.is_outdated(person.password_hash) else None
    rate_limits.forget(account.key)
    rate_limits.give_back(address.key)
    if fresh_hash:
        db.session.execute(update(Person).where(Person.id == person.id).values(password_hash=fresh_hash))
    session_id = sessions.start(person.id, origin)
    record_in_each_organisation(SIGNED_IN, person.id, actor=as_actor(person.id, person.name), origin=origin)
    db.session.commit()
    return Accepted(session_id)


def sign_out(person: sessions.SignedIn, *, origin: Origin) -> None:
    """End the session and record it."""
    sessions.end(person.id_hash)
    record_in_each_organisation(SIGNED_OUT, person.person_id, actor=person.actor, origin=origin)
    db.session.commit()


def _find(email: str) -> _Account | None:
    columns = select(Person.id, Person.email, Person.name, Person.password_hash, Person.active)
    return db.session.execute(columns.where(Person.email == email)).first()


def _record_refusal(
    person: _Account | None, reason: str, outcome: Outcome, account: Limit, verdict: Verdict, origin: Origin
) -> None:
    """Record a refused try under the account it was meant for; of an unknown address nothing is stored."""
    if verdict.tries > TRIES_RECORDED:
        return
    if person is None:
        # A look-up and a write all the same, so that a known address takes no longer than this. Nobody has the id 0.
        organisations_of(0)
        rate_limits.rewrite(account.key)
        return
    record_in_each_organisation(
        SIGN_IN_REFUSED,
        person.id,
        actor=UNKNOWN_PERSON,
        target=as_target(person.id, person.name),
        facts={"email": person.email, "reason": reason},
        outcome=outcome,
        origin=origin,
    )


def _keyed(email: str, secret: str) -> str:
    return hmac.new(secret.encode(), email.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
