"""The devices on which someone is signed in, as they see them, and signing out on one of them from another."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from auditweb import clock
from auditweb.accounts import sessions
from auditweb.accounts.entries import record_in_each_organisation
from auditweb.accounts.people import lock_person
from auditweb.accounts.sessions import SignedIn
from auditweb.catalogue import OTHER_SESSIONS_ENDED, SESSION_ENDED, Action
from auditweb.extensions import db
from auditweb.models import SignInSession
from auditweb.parties import Origin


@dataclass(frozen=True, slots=True)
class Device:
    """A session that still holds. *id_hash* names it; *current*: it is the one that asks."""

    id_hash: str
    ip: str | None
    user_agent: str | None
    started_at: datetime
    seen_at: datetime
    current: bool


def all_of(person: SignedIn) -> Sequence[Device]:
    """Return where someone is signed in: this device first, then the one seen last."""
    now, (idle, absolute) = clock.now(), person.limits
    of = SignInSession
    current = of.id_hash == person.id_hash
    held = (of.seen_at > now - idle, of.started_at > now - absolute, of.awaits_code.is_(False))
    columns = select(of.id_hash, of.ip, of.user_agent, of.started_at, of.seen_at, current)
    mine = columns.where(of.person_id == person.person_id, *held)
    return [Device(*row) for row in db.session.execute(mine.order_by(current.desc(), of.seen_at.desc(), of.id_hash))]


def sign_out(person: SignedIn, other: Device, what: str, *, origin: Origin) -> bool:
    """End another session of someone's, on *what* kind of device; False if it has ended already."""
    theirs = (SignInSession.person_id == person.person_id, SignInSession.id_hash == other.id_hash)
    ended = delete(SignInSession).where(*theirs).returning(SignInSession.id_hash)
    if other.current or db.session.scalar(ended) is None:
        return False
    _record(SESSION_ENDED, person, origin, device=what)
    return True


def sign_out_others(person: SignedIn, *, origin: Origin) -> int:
    """End all sessions of someone's but this one, and return how many there were."""
    lock_person(person.person_id)
    number = sum(not device.current for device in all_of(person))
    sessions.end_all(person.person_id, but=person.id_hash)
    if number:
        _record(OTHER_SESSIONS_ENDED, person, origin, devices=str(number))
    return number


def _record(action: Action, person: SignedIn, origin: Origin, **facts: str) -> None:
    record_in_each_organisation(action, person.person_id, actor=person.actor, facts=facts, origin=origin)
    db.session.commit()
