"""
Sign-in sessions: a random id in the signed cookie, its SHA-256 in the database.

The row decides: without it, or past its idle or absolute limit, the cookie opens nothing. The limits are those of the
person's organisations, of several the shortest.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Insert, and_, bindparam, delete, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError

from auditweb import clock
from auditweb.accounts.offers import is_offered
from auditweb.accounts.permissions import Right, Role, TwoFactorRule, may
from auditweb.database import TooSlow
from auditweb.extensions import db
from auditweb.models import Directory, Membership, Organisation, Person, Presence, SignInSession, TwoFactor
from auditweb.parties import Actor, ActorType, Origin

IDLE_LIMIT = timedelta(minutes=30)
ABSOLUTE_LIMIT = timedelta(hours=12)
"""Of someone who belongs to no organisation; the columns of organisations begin with the same."""

LONGEST_IDLE = timedelta(hours=2)
LONGEST = timedelta(hours=24)
"""What an organisation may allow at most."""

CODE_LIMIT = timedelta(minutes=10)
SEEN_EVERY = timedelta(minutes=1)
BEFORE_ALL = datetime.min.replace(tzinfo=UTC)

_log = structlog.stdlib.get_logger(__name__)


class SessionEndedError(Exception):
    """The session that asks for something has been ended meanwhile, by another request of the same person."""


@dataclass(frozen=True, slots=True)
class Place:
    """An organisation that someone belongs to today, and as what; for *people_stamp* see `Organisation`."""

    org_id: int
    slug: str
    name: str
    zone: str
    people_stamp: int
    role: Role
    two_factor_rule: TwoFactorRule = TwoFactorRule.OPTIONAL
    two_factor_from: datetime | None = None
    idle_limit: timedelta = IDLE_LIMIT
    absolute_limit: timedelta = ABSOLUTE_LIMIT
    deletion_due_at: datetime | None = None
    retention_months: int | None = None
    shorter_months: int | None = None
    shorter_from: datetime | None = None
    is_offered: bool = False  # its ownership, to this person
    visited_at: datetime | None = None  # by this person, to the minute

    @property
    def may_read_log(self) -> bool:
        return self.may(Right.READ_LOG)

    def may(self, right: Right) -> bool:
        """Tell whether the person has *right* here."""
        return may(self.role, right)

    @property
    def is_due(self) -> bool:
        """Whether it is time to write down that the person is here."""
        return self.visited_at is None or clock.now() - self.visited_at >= SEEN_EVERY

    @property
    def wants_two_factor(self) -> bool:
        """Whether the organisation asks a second factor of someone with this role, now or from a day to come."""
        return self.two_factor_rule.covers(self.role)

    @property
    def demands_two_factor(self) -> bool:
        """Whether nobody with this role gets in without a second factor any more."""
        return self.wants_two_factor and (self.two_factor_from is None or self.two_factor_from <= clock.now())


@dataclass(frozen=True, slots=True)
class SignedIn:
    """
    Who is behind a session, as the database knows them at this moment; *places* is ordered by name.

    Someone who *is_support* has no places.
    """

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
    must_enrol: bool = False
    has_two_factor: bool = False
    started_at: datetime = BEFORE_ALL
    is_support: bool = False

    @property
    def actor(self) -> Actor:
        return Actor(ActorType.MEMBER, str(self.person_id), self.name)

    @property
    def is_due(self) -> bool:
        """Whether it is time to write down that the session is in use."""
        return clock.now() - self.seen_at >= SEEN_EVERY

    @property
    def limits(self) -> tuple[timedelta, timedelta]:
        """How long their sessions last without use, and at most."""
        idle = min((place.idle_limit for place in self.places), default=IDLE_LIMIT)
        return idle, min((place.absolute_limit for place in self.places), default=ABSOLUTE_LIMIT)

    def place(self, slug: str) -> Place | None:
        return next((place for place in self.places if place.slug == slug), None)

    def lacks_two_factor(self, place: Place | None = None) -> bool:
        """Whether a second factor has to be set up before anything is opened, in *place* if one is meant."""
        return not self.has_two_factor and (self.must_enrol or (place is not None and place.demands_two_factor))


def start(person_id: int, origin: Origin, *, awaits_code: bool = False) -> str:
    """
    Open a session for a person, clear away those that have run out, and return the new one's id for the cookie.

    One that *awaits_code* opens nothing but the page that asks for it, and ends soon.
    """
    now = clock.now()
    db.session.execute(
        delete(SignInSession).where(
            (SignInSession.seen_at <= now - LONGEST_IDLE) | (SignInSession.started_at <= now - LONGEST)
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
            awaits_code=awaits_code,
        )
    )
    db.session.flush()
    return session_id


def renew(id_hash: str) -> str:
    """
    Give a session another id, and return that for the cookie: the old one opens nothing any more.

    The session is as old as it was. SessionEndedError if it has been ended meanwhile.
    """
    session_id = secrets.token_urlsafe(32)
    renewed = update(SignInSession).where(SignInSession.id_hash == id_hash).values(id_hash=_hash(session_id))
    if db.session.scalar(renewed.returning(SignInSession.person_id)) is None:
        raise SessionEndedError
    return session_id


def awaiting_code(session_id: str) -> int | None:
    """Return the id of the person whose password was right in this session, and whose code is still to come."""
    waiting = select(SignInSession.person_id).where(
        SignInSession.id_hash == _hash(session_id),
        SignInSession.awaits_code.is_(True),
        SignInSession.started_at > clock.now() - CODE_LIMIT,
    )
    return db.session.scalar(waiting)


def find(session_id: str) -> SignedIn | None:
    """
    Return who is behind a session that still holds, in one statement.

    It is read at every request, so that a demotion, a removal or a sign-out elsewhere counts from the next one.
    """
    now = clock.now()
    id_hash = _hash(session_id)
    rows = (
        db.session.connection()
        .execute(_FIND, {"id_hash": id_hash, "idle": now - LONGEST_IDLE, "absolute": now - LONGEST})
        .all()
    )
    if not rows:
        return None
    is_support = rows[0][12]  # who sees what is shared with support, and nothing else
    places = tuple(_place(*row[_PLACE]) for row in rows if row[_PLACE.start] is not None and not is_support)
    found = SignedIn(id_hash, *rows[0][:9], places, *rows[0][9:13])
    idle, absolute = found.limits
    return found if found.seen_at > now - idle and found.started_at > now - absolute else None


def _place(
    org_id: int,
    slug: str,
    name: str,
    zone: str,
    people_stamp: int,
    role: str,
    rule: str,
    rule_from: datetime | None,
    idle_minutes: int,
    session_hours: int,
    *rest: Any,
) -> Place:
    limits = timedelta(minutes=idle_minutes), timedelta(hours=session_hours)
    rules = TwoFactorRule(rule), rule_from
    return Place(org_id, slug, name, zone, people_stamp, Role(role), *rules, *limits, *rest)


def touch(person: SignedIn, place: Place | None) -> None:
    """
    Write down that a session is in use, and *place* visited, in a short transaction of its own, at most once a minute.

    Where the database is too busy for that it is left for the next request: no page fails for its sake.
    """
    now = clock.now()
    in_use = (
        update(SignInSession)
        .where(SignInSession.id_hash == person.id_hash, SignInSession.seen_at <= now - SEEN_EVERY)
        .values(seen_at=now)
    )
    try:
        with db.engine.begin() as connection:
            connection.execute(in_use)
            if place is not None:
                connection.execute(_seen(place.org_id, person.person_id, now))
    except (OperationalError, TooSlow):
        _log.warning("session use not noted")


def end(id_hash: str) -> None:
    """Delete a session: its cookie opens nothing any more."""
    db.session.execute(delete(SignInSession).where(SignInSession.id_hash == id_hash))


def end_all(person_id: int, *, but: str = "") -> int:
    """Delete all sessions of a person, or all *but* the one with this hash; return how many were open."""
    others = delete(SignInSession).where(SignInSession.person_id == person_id, SignInSession.id_hash != but)
    gone = db.session.scalars(others.returning(SignInSession.awaits_code)).all()
    return sum(not awaits_code for awaits_code in gone)


def end_waiting(session_id: str) -> bool:
    """Delete a session that awaits a code; False if it is gone already, so that of two at once one goes on."""
    waiting = delete(SignInSession).where(
        SignInSession.id_hash == _hash(session_id), SignInSession.awaits_code.is_(True)
    )
    return db.session.scalar(waiting.returning(SignInSession.person_id)) is not None


def continue_alone(person: SignedIn) -> str:
    """
    End all of someone's sessions but the one they are asking from; return the new id that it has from now on.

    SessionEndedError if it has been ended meanwhile: of two such requests at once one goes on.
    """
    session_id = renew(person.id_hash)
    end_all(person.person_id, but=_hash(session_id))
    return session_id


def note_presence(org_id: int, person_id: int) -> None:
    """Write down that someone is in an organisation now."""
    db.session.execute(_seen(org_id, person_id, clock.now()))


def _seen(org_id: int, person_id: int, now: datetime) -> Insert:
    insert = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    keys = {"org_id": org_id, "person_id": person_id}
    return (
        insert(Presence)
        .values(**keys, seen_at=now)
        .on_conflict_do_update(index_elements=list(keys), set_={"seen_at": now})
    )


def _hash(session_id: str) -> str:
    return hashlib.sha256(session_id.encode("utf-8", "replace")).hexdigest()


# Columns of tables, not of entities: this runs at every request, and the ORM's rows cost twice as much.
_session, _person = SignInSession.__table__.c, Person.__table__.c
_membership, _organisation, _factor = Membership.__table__.c, Organisation.__table__.c, TwoFactor.__table__.c
_presence = Presence.__table__.c
_PLACE = slice(13, 29)  # the columns about an organisation; those before are about the person
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
        _person.must_enrol,
        exists().where(_factor.person_id == _person.id, _factor.enrolled_at.is_not(None)),
        _session.started_at,
        _person.support,
        _organisation.id,
        _organisation.slug,
        _organisation.name,
        _organisation.zone,
        _organisation.people_stamp,
        _membership.role,
        _organisation.two_factor_rule,
        _organisation.two_factor_from,
        _organisation.idle_minutes,
        _organisation.session_hours,
        _organisation.deletion_due_at,
        _organisation.retention_months,
        _organisation.shorter_months,
        _organisation.shorter_from,
        is_offered(_organisation.id, _person.id),
        _presence.seen_at,
    )
    .select_from(SignInSession.__table__)
    .join(Person.__table__, _person.id == _session.person_id)
    .outerjoin(Membership.__table__, and_(_membership.person_id == _person.id, _membership.removed_at.is_(None)))
    .outerjoin(
        Organisation.__table__, and_(_organisation.id == _membership.org_id, _organisation.disabled_at.is_(None))
    )
    .outerjoin(Presence.__table__, and_(_presence.org_id == _organisation.id, _presence.person_id == _person.id))
    .where(_session.id_hash == bindparam("id_hash"), _session.awaits_code.is_(False), _person.active.is_(True))
    .where(_session.seen_at > bindparam("idle"), _session.started_at > bindparam("absolute"))
    .order_by(_organisation.name, _organisation.id)
)
