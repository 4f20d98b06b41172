"""
Sign-in sessions: a random id in the signed cookie, its SHA-256 in the database.

The row decides: without it, or past its idle or absolute limit, the cookie opens nothing.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import and_, bindparam, delete, select, update
from sqlalchemy.exc import OperationalError

from auditweb import clock
from auditweb.accounts.permissions import Right, Role, may
from auditweb.database import TooSlow
from auditweb.extensions import db
from auditweb.models import Directory, Membership, Organisation, Person, SignInSession
from auditweb.parties import Actor, ActorType, Origin

IDLE_LIMIT = timedelta(minutes=30)
ABSOLUTE_LIMIT = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """An organisation that someone belongs to today, and as what; for *people_stamp* see `Organisation`."""

    org_id: int
    slug: str
    name: str
    zone: str
    people_stamp: int
    role: Role

    @property
    def may_read_log(self) -> bool:
        return may(self.role, Right.READ_LOG)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is behind a session, as the database knows them at this moment; *places* is ordered by name."""

    id_hash: str
    person_id: int
    email: str
    name: str
    zone: str
    absolute_times: bool
    shortcuts: bool
    theme: str
    seen_at: datetime
    names_stamp: int
    places: tuple[Place, ...]

    @property
    def actor(self) -> Actor:
        return Actor(ActorType.MEMBER, str(self.person_id), self.name)

    @property
    def is_due(self) -> bool:
        """Whether it is time to write down that the session is in use."""
        return clock.now() - self.seen_at >= SEEN_EVERY

    def place(self, slug: str) -> Place | None:
        return next((place for place in self.places if place.slug == slug), None)


def start(person_id: int, origin: Origin) -> str:
    """Open a session for a person, clear away those that have run out, and return the new one's id for the cookie."""
    now = clock.now()
    db.session.execute(
        delete(SignInSession).where(
            (SignInSession.seen_at <= now - IDLE_LIMIT) | (SignInSession.started_at <= now - ABSOLUTE_LIMIT)
        )
    )
    session_id = secrets.token_urlsafe(32)
    db.session.add(
        SignInSession(
            id_hash=_hash(session_id),
            person_id=person_id,
            started_at=now,
            seen_at=now,
            ip=origin.ip,
            user_agent=origin.user_agent,
        )
    )
    db.session.flush()
    return session_id


def find(session_id: str) -> SignedIn | None:
    """
    Return who is behind a session that still holds, in one statement.

    It is read at every request, so that a demotion, a removal or a sign-out elsewhere counts from the next one.
    """
    now = clock.now()
    id_hash = _hash(session_id)
    rows = (
        db.session.connection()
        .execute(_FIND, {"id_hash": id_hash, "idle": now - IDLE_LIMIT, "absolute": now - ABSOLUTE_LIMIT})
        .all()
    )
    if not rows:
        return None
    places = tuple(
        Place(row[9], row[10], row[11], row[12], row[13], Role(row[14])) for row in rows if row[9] is not None
    )
    return SignedIn(id_hash, *rows[0][:9], places)


def touch(id_hash: str) -> None:
    """
    Write down that a session is in use, in a short transaction of its own, at most once a minute.

    Where the database is too busy for that it is left for the next request: no page fails for its sake.
    """
    now = clock.now()
    in_use = (
        update(SignInSession)
        .where(SignInSession.id_hash == id_hash, SignInSession.seen_at <= now - SEEN_EVERY)
        .values(seen_at=now)
    )
    try:
        with db.engine.begin() as connection:
            connection.execute(in_use)
    except (OperationalError, TooSlow):
        _log.warning("session use not noted")


def end(id_hash: str) -> None:
    """Delete a session: its cookie opens nothing any more."""
    db.session.execute(delete(SignInSession).where(SignInSession.id_hash == id_hash))


def _hash(session_id: str) -> str:
    return hashlib.sha256(session_id.encode("utf-8", "replace")).hexdigest()


# Columns of tables, not of entities: this runs at every request, and the ORM's rows cost twice as much.
_session, _person = SignInSession.__table__.c, Person.__table__.c
_membership, _organisation = Membership.__table__.c, Organisation.__table__.c
_FIND = (
    select(
        _person.id,
        _person.email,
        _person.name,
        _person.zone,
        _person.absolute_times,
        _person.shortcuts,
        _person.theme,
        _session.seen_at,
        select(Directory.names_stamp).scalar_subquery(),
        _organisation.id,
        _organisation.slug,
        _organisation.name,
        _organisation.zone,
        _organisation.people_stamp,
        _membership.role,
    )
    .select_from(SignInSession.__table__)
    .join(Person.__table__, _person.id == _session.person_id)
    .outerjoin(Membership.__table__, and_(_membership.person_id == _person.id, _membership.removed_at.is_(None)))
    .outerjoin(Organisation.__table__, _organisation.id == _membership.org_id)
    .where(_session.id_hash == bindparam("id_hash"), _person.active.is_(True))
    .where(_session.seen_at > bindparam("idle"), _session.started_at > bindparam("absolute"))
    .order_by(_organisation.name, _organisation.id)
)
