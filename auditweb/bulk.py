"""record_many(): many events at once, each held to what `record` holds it to, at several times its rate."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from json.encoder import encode_basestring as _quoted
from operator import itemgetter
from typing import Any, NamedTuple, cast

import psycopg
from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError, OperationalError

from auditweb import recordable, recorder
from auditweb.database import TooSlow
from auditweb.extensions import db
from auditweb.models import Event
from auditweb.recordable import RecordError
from auditweb.recorder import AnySession, IdempotencyConflict

CHUNK = 1_000  # written at once: in a fraction of a second, far from the limit on a statement's time

_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


_Numbered = tuple[int, Mapping[str, Any]]


class Checked(NamedTuple):
    """A row that may be written, its place among all, and what its caller omitted, where that matters."""

    row: dict[str, Any]
    place: int
    omitted: Set[str] = frozenset()


_Known = tuple[Checked, dict[str, Any]]
"""A row whose idempotency key is not free, and the one that has it, in the log or earlier among the same."""


def record_many(events: Iterable[Mapping[str, Any]], *, org_id: int, session: AnySession | None = None) -> int:
    """
    Add events to the transaction of *session* (the app's own if none is given); return how many were written.

    Each is what `record` takes, by name. One with an idempotency key that the log knows is not written again. An error
    takes back what this call wrote and leaves the transaction good: RecordError for the first event that cannot be
    recorded, IdempotencyConflict for one whose key belongs to other content; its *index* is the place among *events*.

    On SQLite nobody else writes until the transaction ends: a few thousand events are enough for one.
    """
    connection = (db.session if session is None else session).connection(bind_arguments={"mapper": Event})
    load = _copy_all if connection.dialect.name == "postgresql" else _insert_all
    numbered = enumerate(events)
    with connection.begin_nested(), _as_sqlalchemy_tells():
        # What the caller's generator does with the connection, it does between two chunks.
        return load(connection, org_id, iter(lambda: list(islice(numbered, CHUNK)), []))


def write_checked(items: Sequence[Checked], *, org_id: int, session: AnySession | None = None) -> Sequence[bool]:
    """
    Add rows, CHUNK of them at most, to the transaction of *session*; return which are new, in their order.

    For callers who have each row checked by themselves, to tell all that is wrong at once. A row whose idempotency key
    the log knows is not written again, and gets the id of the entry that has it. IdempotencyConflict names by *index*
    the first that says something else; then nothing is written.
    """
    connection = (db.session if session is None else session).connection(bind_arguments={"mapper": Event})
    write = _copy if connection.dialect.name == "postgresql" else _insert
    if len(items) == 1:  # no savepoints around it, which are a trip each
        return [_write_one(connection, items[0])]
    beaten: list[Checked] = []
    with connection.begin_nested(), _as_sqlalchemy_tells():
        known: list[_Known] = []
        fresh = _unknown(connection, org_id, list(items), known)
        write(connection, fresh, beaten)
    for item, entry in known:  # only now: what was refused above may be tried again, with ids of their own
        item.row["id"] = entry["id"]
    new = {item.place for item in fresh} - {item.place for item in beaten}
    return [item.place in new for item in items]


def write_alone(item: Checked) -> bool:
    """
    Commit one row by itself; tell whether it is new. Otherwise it gets the id of the entry with its idempotency key.

    On PostgreSQL the statement commits itself: BEGIN and COMMIT would be a trip each.
    """
    engine = db.engine
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.begin() as connection:
        return _write_one(connection, item)


def _write_one(connection: Connection, item: Checked) -> bool:
    beaten: list[Checked] = []
    _write_singly(connection, [item], beaten)
    return not beaten


def find_conflicts(
    items: Iterable[Checked], *, org_id: int, session: AnySession | None = None
) -> list[IdempotencyConflict]:
    """Return all that `write_checked` would refuse of these rows, in their order, where it names the first."""
    connection = (db.session if session is None else session).connection(bind_arguments={"mapper": Event})
    return [error for _, _, error in _found(connection, org_id, list(items)) if error is not None]


def _checked(event: Mapping[str, Any], place: int, org_id: int) -> Checked:
    try:
        row = recordable.checked(org_id=org_id, **event)
    except RecordError as error:
        error.index = place
        raise
    return Checked(row, place) if row["idempotency_key"] is None else Checked(row, place, recordable.omitted(**event))


def _unknown(connection: Connection, org_id: int, chunk: list[Checked], others: list[_Known]) -> list[Checked]:
    """
    Return those whose idempotency key neither the log has nor one before them.

    The others are compared with what has their key, and go to *others*.
    """
    fresh = []
    for item, known, error in _found(connection, org_id, chunk):
        if error is not None:
            raise error
        if known is None:
            fresh.append(item)
        else:
            others.append((item, known))
    return fresh


def _found(
    connection: Connection, org_id: int, chunk: list[Checked]
) -> Iterator[tuple[Checked, dict[str, Any] | None, IdempotencyConflict | None]]:
    """Yield each item, with the row that has its key unless that is free, and the conflict if that one says else."""
    keys = {key for item in chunk if (key := item.row["idempotency_key"]) is not None}
    known = recorder.find_by_keys(connection, org_id, keys) if keys else {}
    for item in chunk:
        key = item.row["idempotency_key"]
        if key not in known:
            if key is not None:
                known[key] = item.row
            yield item, None, None
            continue
        try:
            recorder.compare(known[key], item.row, item.omitted)
            yield item, known[key], None
        except IdempotencyConflict as error:
            error.index = item.place
            yield item, known[key], error


def _write_singly(connection: Connection, items: Sequence[Checked], beaten: list[Checked]) -> int:
    """
    Write as `record` does: an id is taken among these, or another transaction was quicker with a key.

    Those are added to *beaten*, and get the id of the entry that has their key.
    """
    written = 0
    for item in items:
        try:
            row = recorder.write(connection, item.row, item.omitted)
        except RecordError as error:
            error.index = item.place
            raise
        if row is item.row:
            written += 1
        else:
            item.row["id"] = row["id"]
            beaten.append(item)
    return written


@contextmanager
def _as_sqlalchemy_tells() -> Iterator[None]:
    """Let errors of the drivers, which are spoken to directly here, look as they do elsewhere."""
    try:
        yield
    except psycopg.errors.QueryCanceled as error:
        raise TooSlow("writing took too long and was ended") from error
    except (psycopg.OperationalError, sqlite3.OperationalError) as error:
        raise OperationalError("record_many", None, error) from error
    except (psycopg.Error, sqlite3.Error) as error:
        raise DBAPIError("record_many", None, error) from error


_event = cast(Table, Event.__table__)
_CHANGED = ("occurred_at", "recorded_at", "facts")  # what databases take in another form than rows have it
_KEPT = tuple(name for name in _event.columns.keys() if name not in _CHANGED)  # noqa: SIM118  (no dict)
_COLUMNS = ", ".join(_CHANGED + _KEPT)
_kept = itemgetter(*_KEPT)

# PostgreSQL: rows are sent as they are checked, so that it has written most of them when the last one comes


def _copy_all(connection: Connection, org_id: int, chunks: Iterable[list[_Numbered]]) -> int:
    written = 0
    for chunk in chunks:
        keyed: list[Checked] = []  # written afterwards: nothing can be asked while rows are sent
        written += _copy(connection, _without_key(chunk, org_id, keyed), [])
        if fresh := _unknown(connection, org_id, keyed, []):
            written += _copy(connection, fresh, [])
    return written


def _without_key(chunk: list[_Numbered], org_id: int, keyed: list[Checked]) -> Iterator[Checked]:
    for place, event in chunk:
        item = _checked(event, place, org_id)
        if item.row["idempotency_key"] is None:
            yield item
        else:
            keyed.append(item)


def _copy(connection: Connection, items: Iterable[Checked], beaten: list[Checked]) -> int:
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    items = iter(items)
    sent: list[Checked] = []
    driver.execute("SAVEPOINT chunk")
    try:
        with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
            for item in items:
                sent.append(item)
                row = item.row
                copy.write_row((str(row["occurred_at"]), str(row["recorded_at"]), _json(row["facts"]), *_kept(row)))
    except psycopg.errors.UniqueViolation:
        driver.execute("ROLLBACK TO SAVEPOINT chunk")
        return _write_singly(connection, [*sent, *items], beaten)
    driver.execute("RELEASE SAVEPOINT chunk")
    return len(sent)


def _json(facts: dict[str, str]) -> str:
    """Write facts as the engine's serializer does, which for a few texts is mostly its preparation."""
    return "{" + ",".join([f"{_quoted(name)}:{_quoted(value)}" for name, value in facts.items()]) + "}"


_COPY = f"COPY event ({_COLUMNS}) FROM STDIN"

# SQLite: while one statement is at work, which needs no Python, the next chunk is checked


def _insert_all(connection: Connection, org_id: int, chunks: Iterable[list[_Numbered]]) -> int:
    written = 0
    with ThreadPoolExecutor(1) as helper:
        under_way: Callable[[], int] = int
        for chunk in chunks:
            checked = [_checked(event, place, org_id) for place, event in chunk]
            written += under_way()
            fresh = _unknown(connection, org_id, checked, [])
            if len(fresh) < CHUNK:
                written += _insert(connection, fresh, [])
                under_way = int
            else:
                under_way = helper.submit(_insert, connection, fresh, []).result
        return written + under_way()


def _insert(connection: Connection, items: list[Checked], beaten: list[Checked]) -> int:
    driver = cast(sqlite3.Connection, connection.connection.driver_connection)
    lines = [_line(item.row) for item in items]
    first, written = 0, 0
    for size, statement in _INSERTS:
        while len(lines) - first >= size:
            try:
                driver.execute(statement, list(chain.from_iterable(lines[first : first + size])))
                written += size
            except sqlite3.IntegrityError:  # which undoes the statement
                written += _write_singly(connection, items[first : first + size], beaten)
            first += size
    return written


def _line(row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        (row["occurred_at"] - _UNIX_EPOCH) // _MICROSECOND,
        (row["recorded_at"] - _UNIX_EPOCH) // _MICROSECOND,
        _json(row["facts"]),
        *_kept(row),
    )


# SQLite first copies each page that a statement with triggers is about to change: one for each row takes twice as long
# as one for many. What is prepared stays in memory and grows with their number, so there are three sizes only.
_MARKS = f"({', '.join('?' * len(_CHANGED + _KEPT))})"
_INSERTS = [
    (size, f"INSERT INTO event ({_COLUMNS}) VALUES {', '.join([_MARKS] * size)}") for size in (CHUNK // 2, 50, 1)
]
