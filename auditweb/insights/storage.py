"""Keeping what the review finds and remembers: all that a stretch of the log shows, in one transaction with its end."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy import Connection, Table, bindparam, text

from auditweb import ids, rows
from auditweb.insights.found import Found
from auditweb.models import (
    Finding,
    FindingEvent,
    FindingPattern,
    LogHead,
    Organisation,
    Purge,
    ReviewCursor,
    ReviewMemory,
)
from auditweb.models.base import Moment

_finding, _evidence = cast(Table, Finding.__table__), cast(Table, FindingEvent.__table__)
_pattern, _memory = cast(Table, FindingPattern.__table__).c, cast(Table, ReviewMemory.__table__)
_cursor, _head = cast(Table, ReviewCursor.__table__), cast(Table, LogHead.__table__)
_organisation = cast(Table, Organisation.__table__)


class Log(NamedTuple):
    """A log as the review sees it: how many leaves it has, how many of them are read, in which reading, until where."""

    org_id: int
    zone: str
    size: int
    position: int
    run: int
    until: int | None

    @property
    def waiting(self) -> int:
        return self.size - self.position


class OvertakenError(Exception):
    """Somebody else has read on meanwhile, or began to read anew: what was worked out counts no more."""


def find_logs(connection: Connection) -> list[Log]:
    """Return the log of every organisation that has one."""
    return [Log._make(row) for row in connection.execute(_LOGS)]


def load(connection: Connection, org_id: int, subject: str) -> bytes | None:
    """Return what is remembered of a subject."""
    return connection.scalar(_LOAD, {"org_id": org_id, "subject": subject})


def keep(
    connection: Connection,
    log: Log,
    read_to: int,
    found: Iterable[Found],
    remembered: Iterable[tuple[str, bytes]],
    now: datetime,
) -> None:
    """
    Write down that *log* is read up to *read_to* places, with what was found and what is remembered.

    Raises OvertakenError if that is not where it stands any more.
    """
    _move(connection, log, read_to)
    rows.put(connection, _memory, [(log.org_id, subject, known) for subject, known in remembered])
    for each in found:
        _put(connection, log, each, now)
    if log.until is not None and read_to >= log.until:
        _drop_what_was_not_found_again(connection, log)


def begin_again(connection: Connection, org_id: int) -> None:
    """Have a log read from its beginning, as if nothing had been; findings stay until they are passed."""
    size = sa.select(_head.c.size).where(_head.c.org_id == org_id).scalar_subquery()
    again = {"position": 0, "run": _cursor.c.run + 1, "until": size}
    connection.execute(sa.update(_cursor).where(_cursor.c.org_id == org_id).values(again))
    connection.execute(sa.delete(_memory).where(_memory.c.org_id == org_id))


def find_purged(connection: Connection, org_id: int) -> int:
    """Return up to which entry a log was purged; 0 if it never was."""
    purged = sa.select(sa.func.max(Purge.up_to_id)).where(Purge.org_id == org_id, Purge.finished_at.is_not(None))
    return connection.scalar(purged) or 0


def forget_purged(connection: Connection, org_id: int, up_to: int) -> None:
    """Let findings go that are of the time up to an entry: what shows them is gone."""
    given = {"org_id": org_id, "up_to": up_to, "at": ids.moment_of(up_to)}
    connection.execute(_FORGET_EVIDENCE, given)
    connection.execute(_FORGET, given)


def _move(connection: Connection, log: Log, read_to: int) -> None:
    if not log.run:
        connection.execute(_NEW_CURSOR, {"org_id": log.org_id})
    here = (_cursor.c.org_id == log.org_id, _cursor.c.position == log.position, _cursor.c.run == max(log.run, 1))
    values: dict[str, Any] = {"position": read_to}
    if log.until is not None and read_to >= log.until:
        values["until"] = None
    if connection.execute(sa.update(_cursor).where(*here).values(values)).rowcount != 1:
        raise OvertakenError


def _put(connection: Connection, log: Log, found: Found, now: datetime) -> None:
    """Add a finding, or bring the one that is there up to date; what was decided about it stays."""
    pattern = connection.execute(
        sa.select(_pattern.note, _pattern.decided_by, _pattern.decided_at).where(
            _pattern.org_id == log.org_id,
            _pattern.kind == found.kind.value,
            _pattern.subject_type == found.subject.type,
            _pattern.subject_id == found.subject.id,
            _pattern.place == found.place,
        )
    ).first()
    state = connection.scalar(
        _PUT,
        {
            "org_id": log.org_id,
            "id": found.key,
            "number": connection.scalar(_NEXT_NUMBER, {"org_id": log.org_id}),
            "kind": found.kind.value,
            "subject_type": found.subject.type,
            "subject_id": found.subject.id,
            "subject_name": found.name,
            "place": found.place,
            "at": found.at,
            "sentence": found.sentence,
            "unusual": found.unusual,
            "run": max(log.run, 1),
            "now": now,
            "state": "set_aside" if pattern else "open",
            "decided_by": pattern.decided_by if pattern else None,
            "decided_at": now if pattern else None,
            "note": pattern.note if pattern else "",
            "by_itself": pattern is not None,
        },
    )
    shown = int(state != "set_aside")
    evidence = [(log.org_id, found.key, event_id, found.kind.value, shown) for event_id in found.evidence]
    rows.put(connection, _evidence, evidence)


def _drop_what_was_not_found_again(connection: Connection, log: Log) -> None:
    given = {"org_id": log.org_id, "run": log.run}
    connection.execute(_DROP_EVIDENCE, given)
    connection.execute(_DROP, given)


_LOGS = (
    sa.select(
        _organisation.c.id,
        _organisation.c.zone,
        _head.c.size,
        sa.func.coalesce(_cursor.c.position, 0),
        sa.func.coalesce(_cursor.c.run, 0),
        _cursor.c.until,
    )
    .join(_head, _head.c.org_id == _organisation.c.id)
    .outerjoin(_cursor, _cursor.c.org_id == _organisation.c.id)
    .where(_head.c.mending == 0)
    .order_by(_organisation.c.id)
)
_LOAD = sa.select(_memory.c.known).where(
    _memory.c.org_id == bindparam("org_id"), _memory.c.subject == bindparam("subject")
)
_NEW_CURSOR = text("INSERT INTO review_cursor (org_id, position, run) VALUES (:org_id, 0, 1) ON CONFLICT DO NOTHING")
_PUT = text("""
    INSERT INTO finding (org_id, id, number, kind, subject_type, subject_id, subject_name, place, at, sentence, unusual,
        run, found_at, state, decided_by, decided_at, note, by_itself)
    VALUES (:org_id, :id, :number, :kind, :subject_type, :subject_id, :subject_name, :place, :at, :sentence, :unusual,
        :run, :now, :state, :decided_by, :decided_at, :note, :by_itself)
    ON CONFLICT (org_id, id) DO UPDATE SET
        subject_name = excluded.subject_name, sentence = excluded.sentence, unusual = excluded.unusual,
        run = excluded.run
    RETURNING state
""").bindparams(*(bindparam(name, type_=Moment()) for name in ("at", "now", "decided_at")))
_NEXT_NUMBER = text("UPDATE review_cursor SET found = found + 1 WHERE org_id = :org_id RETURNING found")
_OLD = "SELECT id FROM finding WHERE org_id = :org_id AND at <= :at"
_FORGET_EVIDENCE = text(
    f"DELETE FROM finding_event WHERE org_id = :org_id AND (event_id <= :up_to OR finding_id IN ({_OLD}))"
).bindparams(bindparam("at", type_=Moment()))
_FORGET = text("DELETE FROM finding WHERE org_id = :org_id AND at <= :at").bindparams(bindparam("at", type_=Moment()))
_GONE = "finding WHERE org_id = :org_id AND state = 'open' AND run < :run"
_DROP_EVIDENCE = text(f"DELETE FROM finding_event WHERE org_id = :org_id AND finding_id IN (SELECT id FROM {_GONE})")
_DROP = text(f"DELETE FROM {_GONE}")
