"""
A mail about the week that is over, on Monday at 08:00 in the organisation's zone, for those who want it.

Before it is handed in, that it was sent is written down: of many that send, one does, and nobody gets two. Only a mail
that the mail server certainly did not take is tried again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Select, delete, select, update

from auditweb import clock, transactions
from auditweb.accounts.permissions import GRANTED, Right
from auditweb.extensions import db
from auditweb.mail import Mailer, Message
from auditweb.models import Membership, Organisation, Person, WeeklyMail
from auditweb.webhooks import summary
from auditweb.webhooks.delivering import LogOf
from auditweb.webhooks.summary import Week

LATEST: Final = timedelta(hours=36)  # after which a mail that could not be sent is left for the next week
PAUSE: Final = timedelta(minutes=15)  # until it is tried again

_FIRST_ZONE: Final = "Pacific/Kiritimati"  # where it is Monday before it is anywhere else
_AT_ONCE: Final = 200

_log = structlog.stdlib.get_logger("auditweb.weekly")


@dataclass(frozen=True, slots=True)
class _Due:
    """Somebody who gets a mail now, having got that of *seen* last."""

    org_id: int
    slug: str
    name: str
    zone: str
    person_id: int
    email: str
    seen: str


# What somebody wants


def wanted_by(person_id: int) -> frozenset[int]:
    """Return the organisations of which a person wants a mail each week."""
    return frozenset(db.session.scalars(select(WeeklyMail.org_id).where(WeeklyMail.person_id == person_id)))


def choose(org_id: int, zone: str, person_id: int, *, wanted: bool) -> None:
    """Send a person a mail each week from the next Monday on, or no more, in the open transaction."""
    db.session.execute(delete(WeeklyMail).where(*_is(org_id, person_id)))
    if wanted:
        monday = last_monday(clock.now(), zone).isoformat()
        db.session.add(WeeklyMail(org_id=org_id, person_id=person_id, monday=monday))
    db.session.flush()


# Sending


class WeeklyMails:
    """Sends what is due: *log_of* tells the address of a log, *setting* that of where people choose."""

    def __init__(self, log_of: LogOf, setting: Callable[[], str]) -> None:
        self._log_of = log_of
        self._setting = setting
        self._not_before = datetime.min.replace(tzinfo=UTC)
        self._failed: dict[int, datetime] = {}  # organisations, and when writing for them last failed

    def send(self, mailer: Mailer) -> int:
        """Send the mails that are due, in transactions of their own, and return how many were taken."""
        now = clock.now()
        if now < self._not_before:
            return 0
        texts: dict[int, Message] = {}
        sent = 0
        for due in self._writable(now):
            if self._left_alone(due, now):
                continue
            try:
                sent += self._send(mailer, due, texts, now)
            except Exception:  # noqa: BLE001 - whatever is wrong with one organisation, the others get theirs
                db.session.rollback()
                self._failed[due.org_id] = now
                _log.exception("weekly mail failed", organisation=due.slug)
        if sent:
            _log.info("weekly_mails_sent", mails=sent)
        return sent

    def _send(self, mailer: Mailer, due: _Due, texts: dict[int, Message], now: datetime) -> bool:
        """Send one and tell if it was taken; not if it is too late, another one sends it or none is wanted any more."""
        monday = last_monday(now, due.zone)
        if summary.due(monday, due.zone) + LATEST < now:
            _move(due, due.seen, monday.isoformat())
            return False
        if due.org_id not in texts:
            texts[due.org_id] = self._written(due, monday)
        if not _move(due, due.seen, monday.isoformat()):
            return False
        text = texts[due.org_id]
        if mailer.send([Message(due.email, text.subject, text.text)]):
            _move(due, monday.isoformat(), due.seen)
            self._not_before = now + PAUSE
            _log.warning("weekly_mail_not_sent", organisation=due.slug)
            return False
        return True

    def _writable(self, now: datetime) -> Sequence[_Due]:
        """Return who gets a mail now, without those of an organisation of which none could be written just now."""
        return [due for due in _due(now) if not self._left_alone(due, now)][:_AT_ONCE]

    def _left_alone(self, due: _Due, now: datetime) -> bool:
        failed = self._failed.get(due.org_id)
        return failed is not None and now < failed + PAUSE

    def _written(self, due: _Due, monday: date) -> Message:
        week = Week(due.org_id, due.name, due.zone, self._log_of(due.slug), monday - timedelta(days=7))
        with transactions.reading():
            text = summary.tell(week, setting=self._setting())
            db.session.rollback()
        return Message("", week.subject, text)


def last_monday(now: datetime, zone: str) -> date:
    """Return the Monday whose mail was due last, by the clocks of *zone*."""
    local = now.astimezone(ZoneInfo(zone))
    monday = local.date() - timedelta(days=local.weekday())
    return monday if now >= summary.due(monday, zone) else monday - timedelta(days=7)


def _due(now: datetime) -> Sequence[_Due]:
    """Return who gets a mail now and may still read that log."""
    latest = last_monday(now, _FIRST_ZONE).isoformat()
    with transactions.reading():
        rows = [_Due(*row) for row in db.session.execute(_asked(latest))]
        db.session.rollback()
    return [row for row in rows if row.seen < last_monday(now, row.zone).isoformat()]


def _asked(latest: str) -> Select[*tuple[Any, ...]]:
    belongs = (Membership.org_id == WeeklyMail.org_id) & (Membership.person_id == WeeklyMail.person_id)
    readers = [role.value for role in GRANTED[Right.READ_LOG]]
    return (
        select(
            WeeklyMail.org_id,
            Organisation.slug,
            Organisation.name,
            Organisation.zone,
            WeeklyMail.person_id,
            Person.email,
            WeeklyMail.monday,
        )
        .join(Organisation, Organisation.id == WeeklyMail.org_id)
        .join(Person, Person.id == WeeklyMail.person_id)
        .join(Membership, belongs)
        .where(WeeklyMail.monday < latest, Organisation.disabled_at.is_(None), Person.active.is_(True))
        .where(Membership.removed_at.is_(None), Membership.role.in_(readers))
        .order_by(WeeklyMail.org_id, WeeklyMail.person_id)
    )


def _move(due: _Due, from_: str, to: str) -> bool:
    """Write down that the mail of *to* is the last one, unless somebody else wrote something."""
    moved = update(WeeklyMail).where(*_is(due.org_id, due.person_id), WeeklyMail.monday == from_).values(monday=to)
    done = db.session.scalar(moved.returning(WeeklyMail.org_id)) is not None
    db.session.commit()
    return done


def _is(org_id: int, person_id: int) -> tuple[Any, ...]:
    return WeeklyMail.org_id == org_id, WeeklyMail.person_id == person_id
