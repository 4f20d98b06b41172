"""
Signing in and out: the checks, the waiting, and the entries that tell of them.

Of someone with a second factor, the password opens only the page that asks for a code; `second_step` takes it there.
"""

from dataclasses import dataclass

from sqlalchemy import Row, select, update

from auditweb.accounts import passwords, rate_limits, sessions, two_factor
from auditweb.accounts.entries import as_actor, as_target, organisations_of, record_in_each_organisation
from auditweb.accounts.people import lock_person, normalise_email
from auditweb.accounts.rate_limits import Limit
from auditweb.catalogue import SIGN_IN_REFUSED, SIGNED_IN, SIGNED_OUT
from auditweb.extensions import db
from auditweb.models import Person
from auditweb.parties import UNKNOWN_PERSON, Origin, Outcome

FREE_TRIES_OF_AN_ACCOUNT = 10
"""From one address: whoever else tries the account from elsewhere keeps its owner from nothing."""
FREE_TRIES_OF_AN_ACCOUNT_FROM_EVERYWHERE = 100
"""More than any address alone can use up, and few enough for those who guess from many."""
FREE_TRIES_FROM_AN_ADDRESS = 100
TRIES_RECORDED = 20
"""In one window, so that a password guesser cannot flood an organisation's log; the rest is in the application log."""

_Account = Row[int, str, str, str, bool]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The person may come in; *session_id* belongs in their cookie."""

    session_id: str


@dataclass(frozen=True, slots=True)
class CodeWanted:
    """The password is right, and the person has a second factor: *session_id* is that of the session that awaits it."""

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


def sign_in(email: str, password: str, *, origin: Origin, secret: str) -> Accepted | CodeWanted | Refused | MustWait:
    """
    Check an address and its password, record the outcome and, if they are right, open a session.

    Nothing is recorded yet where a code is still wanted.

    Makes transactions of its own: a refused try is kept whatever becomes of the request, and no lock is held while
    argon2 works. A known and an unknown address cost the same statements, commits and one hash. *secret* keys the
    counters, so that what was typed cannot be read from them.
    """
    email = normalise_email(email)
    account = limits_of_account(email, origin, secret)
    address = Limit(f"address:{rate_limits.network(origin.ip)}", FREE_TRIES_FROM_AN_ADDRESS)
    verdict = rate_limits.count(address)
    may_try = not verdict.refused  # who may not try at all must not use up the tries of somebody's account
    if may_try:
        verdict = rate_limits.count(*account)
    person = _find(email)
    if verdict.refused:
        if may_try:
            _record_refusal(person, "too many attempts", Outcome.DENIED, account, origin)
        db.session.commit()
        return MustWait(verdict.seconds, known=person is not None)
    db.session.commit()

    right = passwords.verify(person.password_hash if person else None, password)
    fresh_hash = None
    if person is not None and person.active and right:
        if passwords.is_outdated(person.password_hash):
            fresh_hash = passwords.hash_password(password)
        right = _stays_right(person, password, alone=fresh_hash is not None)
    if person is None or not person.active or not right:
        reason = "wrong password" if person is None or person.active else "the account is switched off"
        _record_refusal(person, reason, Outcome.FAILURE, account, origin)
        db.session.commit()
        return Refused(known=person is not None)

    rate_limits.give_back(address.key)  # in the order of counting, or two at once wait for each other
    rate_limits.forget(*(limit.key for limit in account))
    return _begin(person, fresh_hash, origin)


def limits_of_account(email: str, origin: Origin, secret: str) -> tuple[Limit, Limit]:
    """Return how often the password of an address may be tried from where this request comes from, and by anyone."""
    key = f"account:{rate_limits.keyed(email, secret)}"
    here = Limit(f"{key} from {rate_limits.network(origin.ip)}", FREE_TRIES_OF_AN_ACCOUNT)
    return here, Limit(key, FREE_TRIES_OF_AN_ACCOUNT_FROM_EVERYWHERE)


def sign_out(person: sessions.SignedIn, *, origin: Origin) -> None:
    """End the session and record it."""
    sessions.end(person.id_hash)
    record_in_each_organisation(SIGNED_OUT, person.person_id, actor=person.actor, origin=origin)
    db.session.commit()


def _stays_right(person: _Account, password: str, *, alone: bool) -> bool:
    """
    Tell whether a password that was right a moment ago still is; if so, it is until this transaction is over.

    *alone*: the person's row is going to be changed.
    """
    verified = person.password_hash
    while (present := lock_person(person.id, shared=not alone).password_hash) != verified:
        db.session.rollback()  # no lock is held while argon2 works
        if not passwords.verify(present, password):
            return False
        verified = present
    return True


def _begin(person: _Account, fresh_hash: str | None, origin: Origin) -> Accepted | CodeWanted:
    """Open a session for someone whose password is right, and store the *fresh_hash* of it if there is one."""
    if fresh_hash:
        db.session.execute(update(Person).where(Person.id == person.id).values(password_hash=fresh_hash))
    if two_factor.is_enrolled(person.id):
        waiting_id = sessions.start(person.id, origin, awaits_code=True)
        db.session.commit()
        return CodeWanted(waiting_id)
    session_id = sessions.start(person.id, origin)
    actor, facts = as_actor(person.id, person.name), {"method": "password"}
    record_in_each_organisation(SIGNED_IN, person.id, actor=actor, facts=facts, origin=origin)
    db.session.commit()
    return Accepted(session_id)


def _find(email: str) -> _Account | None:
    columns = select(Person.id, Person.email, Person.name, Person.password_hash, Person.active)
    return db.session.execute(columns.where(Person.email == email)).first()


def _record_refusal(
    person: _Account | None, reason: str, outcome: Outcome, account: tuple[Limit, Limit], origin: Origin
) -> None:
    """Record a refused try under the account it was meant for; of an unknown address nothing is stored."""
    _, everywhere = account
    if rate_limits.tally(f"refused {everywhere.key}") > TRIES_RECORDED:
        return
    if person is None:
        # A look-up and a write all the same, so that a known address takes no longer than this. Nobody has the id 0.
        organisations_of(0)
        rate_limits.rewrite(everywhere.key)
        return
    record_refusal(person.id, person.name, person.email, reason, outcome, origin)


def record_refusal(person_id: int, name: str, email: str, reason: str, outcome: Outcome, origin: Origin) -> None:
    """Record that somebody could not sign in as this person; who tried is not known."""
    record_in_each_organisation(
        SIGN_IN_REFUSED,
        person_id,
        actor=UNKNOWN_PERSON,
        target=as_target(person_id, name),
        facts={"email": email, "reason": reason},
        outcome=outcome,
        origin=origin,
    )
