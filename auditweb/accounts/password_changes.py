"""Giving someone a new password: by themselves, or by a link that is sent to their address and works once."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, select

from auditweb import clock
from auditweb.accounts import passwords, rate_limits, sessions
from auditweb.accounts.entries import as_actor, as_target, record_in_each_organisation
from auditweb.accounts.people import lock_person, normalise_email
from auditweb.accounts.rate_limits import Limit
from auditweb.accounts.sessions import SignedIn
from auditweb.accounts.sign_in import MustWait, limits_of_account
from auditweb.catalogue import PASSWORD_CHANGED, PASSWORD_RESET, PASSWORD_RESET_REQUESTED
from auditweb.extensions import db
from auditweb.models import PasswordReset, Person
from auditweb.parties import UNKNOWN_PERSON, Origin

LINK_LIMIT = timedelta(hours=1)
FREE_LINKS_FOR_AN_ACCOUNT = 3
"""Asked for from one address: whoever else asks from elsewhere keeps the account's owner from nothing."""
FREE_LINKS_FOR_AN_ACCOUNT_FROM_EVERYWHERE = 20
FREE_LINKS_FROM_AN_ADDRESS = 20


@dataclass(frozen=True, slots=True)
class Link:
    """What to send to whoever asked for a new password: the *token* belongs in the address of the page that sets it."""

    email: str
    name: str
    token: str


@dataclass(frozen=True, slots=True)
class Owner:
    """The person whom a link belongs to."""

    person_id: int
    email: str
    name: str


def change(person: SignedIn, password: str, *, origin: Origin) -> str:
    """
    Give someone signed in a new password, and return the new id of their session; all their others end.

    Commits what came before, so that no lock is held while argon2 works.
    """
    db.session.commit()
    hashed = passwords.hash_password(password)
    _store(lock_person(person.person_id), hashed)
    session_id = sessions.continue_alone(person)
    record_in_each_organisation(PASSWORD_CHANGED, person.person_id, actor=person.actor, origin=origin)
    db.session.commit()
    return session_id


def request_link(email: str, *, origin: Origin, secret: str) -> Link | MustWait | None:
    """
    Make a link for whoever has this address, and record that it was asked for; None if nobody has it.

    An address that somebody has costs the statements and commits of one that nobody has.
    """
    email = normalise_email(email)
    network = rate_limits.network(origin.ip)
    account = Limit(f"reset:{rate_limits.keyed(email, secret)}", FREE_LINKS_FOR_AN_ACCOUNT_FROM_EVERYWHERE)
    verdict = rate_limits.count(Limit(f"reset from:{network}", FREE_LINKS_FROM_AN_ADDRESS))
    if not verdict.refused:
        verdict = rate_limits.count(Limit(f"{account.key} from {network}", FREE_LINKS_FOR_AN_ACCOUNT), account)
    owner = _find(Person.email == email)
    if verdict.refused:
        db.session.commit()
        return MustWait(verdict.seconds, known=owner is not None)
    person_id = owner.person_id if owner else 0  # nobody's
    stale = delete(PasswordReset).where(PasswordReset.person_id == person_id)
    db.session.execute(stale.where(PasswordReset.expires_at <= clock.now()))
    if (link := _made_link(owner) if owner else None) is None:
        rate_limits.rewrite(account.key)
    recorded = record_in_each_organisation(
        PASSWORD_RESET_REQUESTED,
        person_id,
        actor=UNKNOWN_PERSON,  # whoever knows an address can ask
        target=as_target(person_id, owner.name if owner else "Nobody"),
        origin=origin,
    )
    if not recorded:
        rate_limits.rewrite(account.key)
    db.session.commit()
    return link


def owner_of(token: str) -> Owner | None:
    """Return the person whose password a link sets, or None if it does not work any more, or never did."""
    good = (PasswordReset.token_hash == _hash(token), PasswordReset.expires_at > clock.now())
    return _find(Person.id == select(PasswordReset.person_id).where(*good).scalar_subquery())


def reset(token: str, password: str, *, origin: Origin, secret: str) -> bool:
    """
    Set a new password with a link, which is used up, and end all sessions of its owner; False if it does not work.

    Commits what came before, so that no lock is held while argon2 works.
    """
    owner = owner_of(token)
    db.session.commit()
    if owner is None:
        return False
    hashed = passwords.hash_password(password)
    person = lock_person(owner.person_id)
    used = delete(PasswordReset).where(PasswordReset.token_hash == _hash(token), PasswordReset.expires_at > clock.now())
    if not person.active or db.session.scalar(used.returning(PasswordReset.person_id)) is None:
        db.session.rollback()
        return False
    _store(person, hashed)
    sessions.end_all(person.id)
    rate_limits.forget(*(limit.key for limit in limits_of_account(person.email, origin, secret)))
    record_in_each_organisation(PASSWORD_RESET, person.id, actor=as_actor(person.id, person.name), origin=origin)
    db.session.commit()
    return True


def _store(person: Person, hashed: str) -> None:
    """Replace the hash of someone's password; links that were sent to them work no longer."""
    person.password_hash = hashed
    db.session.execute(delete(PasswordReset).where(PasswordReset.person_id == person.id))


def _made_link(owner: Owner) -> Link:
    token, expires_at = secrets.token_urlsafe(32), clock.now() + LINK_LIMIT
    db.session.add(PasswordReset(token_hash=_hash(token), person_id=owner.person_id, expires_at=expires_at))
    db.session.flush()
    return Link(owner.email, owner.name, token)


def _find(who: ColumnElement[bool]) -> Owner | None:
    found = db.session.execute(select(Person.id, Person.email, Person.name).where(who, Person.active.is_(True))).first()
    return Owner(*found) if found else None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
