"""
All the events that match, newest first, thousands at a time: what exports are made of.

Rows are plain tuples as the driver gives them, of whatever columns are asked for: usually all, moments in microseconds
since 1970 and facts as the text that is stored. Each stride is read for itself, so that whoever takes long over one
keeps no transaction open.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Select,
    Table,
    Text,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy import type_coerce as as_it_is

from auditweb import courtesy
from auditweb.database import read_json
from auditweb.models import Event
from auditweb.models.base import Moment
from auditweb.reading.filters import LogFilter, clauses
from auditweb.reading.pages import WHOLE_COLUMNS, WholeRow
from auditweb.reading.questions import execute, read_events, snapshot, sought
from auditweb.reading.walks import Deadline, Walk

# Rows of a stride. For two thousand, PostgreSQL rather reads all that match and sorts them, each time anew.
SIZES = (250, 500, 1000)
TIME_LIMIT = 1.0  # seconds that a stride may search; what it has not found then, the next one goes on with

_CHECKED_AT_ONCE = 400  # matches of a search whose rows are read by one statement
_FETCHED_AT_ONCE = 100
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_event = cast(Table, Event.__table__).c
# What has an index of its own, or holds for most events. All else is asked of the search index, however rare it is.
_INDEXED = tuple(
    frozenset(names)
    for names in (
        (),
        ("category",),
        ("actor_type", "actor_id"),
        ("actor_type", "actor_id", "category"),
        ("target_type", "target_id"),
        ("action",),
        ("outcome",),
        ("mishap",),
    )
)
_LISTED = {
    "sqlite": "event.id IN (SELECT value FROM json_each(:events))",
    "postgresql": "event.id = ANY(CAST(:events AS BIGINT[]))",
}

Raw = tuple[Any, ...]
Columns = Callable[[str], tuple[ColumnElement[Any], ...]]  # by the name of the engine


class Stride(NamedTuple):
    """Rows newest first, and before which event the next stride begins; None where there is nothing more."""

    rows: Sequence[Raw]
    go_on: int | None


def raw_columns(engine_name: str) -> tuple[ColumnElement[Any], ...]:
    """Return all that an event holds, in the order of `WholeRow`, as `whole` takes it."""
    return tuple(
        in_microseconds(column, engine_name) if isinstance(column.type, Moment) else as_text(column, engine_name)
        for column in WHOLE_COLUMNS
    )


def read_stride(
    connection: Connection,
    wanted: LogFilter,
    now: datetime,
    columns: Columns = raw_columns,
    *,
    before: int | None = None,
    size: int = SIZES[0],
) -> Stride:
    """
    Return up to *size* events *wanted*, newest first, from *before* an event on, whatever place *wanted* is at.

    *columns* says what of them, the id first. A search may return fewer, or none, and go on all the same.
    """
    values = wanted.values(now)
    if before is not None:
        values["until"] = min(before, int(values.get("until", before)))
    if not wanted.q and values.keys() - {"org_id", "since", "until"} in _INDEXED:
        rows = _fetched(connection, _statement(columns, connection.dialect.name, tuple(values), size), values)
        return Stride(rows, rows[-1][0] if len(rows) == size else None)
    with snapshot(connection):
        return _search(connection, wanted, values, columns, size)


def whole(row: Raw) -> WholeRow:
    """Return what a row of a stride holds, as a page has it."""
    id_, occurred_at, recorded_at, category, action, summary, facts, *rest = row
    return WholeRow(
        id_, moment_of(occurred_at), moment_of(recorded_at), category, action, summary, read_json(facts), *rest
    )


def in_microseconds(moment: Column[Any], engine_name: str) -> ColumnElement[Any]:
    """Return a column of moments as microseconds since 1970."""
    if engine_name == "sqlite":
        return as_it_is(moment, BigInteger)
    # Exact: until 2106 a double tells seconds to half a microsecond, and the cast rounds. EXTRACT takes much longer.
    return sql_cast(func.date_part("epoch", moment) * literal_column("1000000"), BigInteger)


def as_text(column: Column[Any], engine_name: str) -> ColumnElement[Any]:
    """Return a column as it is, and one of facts as the text that is stored."""
    if column.name != "facts":
        return column
    return as_it_is(column, Text) if engine_name == "sqlite" else sql_cast(column, Text)


def moment_of(microseconds: int) -> datetime:
    """Return the moment so long after 1970 began."""
    return _UNIX_EPOCH + timedelta(microseconds=microseconds)


def _search(
    connection: Connection, wanted: LogFilter, values: Mapping[str, Any], columns: Columns, size: int
) -> Stride:
    question = sought(connection, values, wanted.words.terms if wanted.words else ())
    walk = Walk(connection, question, Deadline(TIME_LIMIT), newest_first=True)
    rows: list[Raw] = []
    while keys := walk.take(min(_CHECKED_AT_ONCE, size - len(rows))):
        doubtful = [-key for key in keys if key in walk.doubtful]
        texts = read_events(connection, question.org_id, doubtful)
        refuted = {id_ for id_ in doubtful if id_ not in texts or not question.holds(texts[id_])}
        found = _by_id(connection, columns, question.org_id, [-key for key in keys if -key not in refuted])
        rows += [found[-key] for key in keys if -key in found]  # what was purged is not there any more
        if len(rows) == size:
            return Stride(rows, -keys[-1])
        if walk.stops_after(keys[-1]):
            break
    return Stride(rows, walk.searched_to)


def _by_id(connection: Connection, columns: Columns, org_id: int, event_ids: list[int]) -> dict[int, Raw]:
    if not event_ids:
        return {}
    given = {"org_id": org_id, "events": event_ids}
    return {row[0]: tuple(row) for row in execute(connection, _events(columns, connection.dialect.name), given)}


def _fetched(connection: Connection, statement: Select[Any], values: Mapping[str, Any]) -> list[Raw]:
    """Return the driver's own tuples: rows of a result would take as long again."""
    result = connection.execute(statement, values)
    cursor = result.cursor
    assert cursor is not None
    rows: list[Raw] = []
    # Not all at once: the driver of PostgreSQL lets no other thread run while it makes rows, and that of SQLite wants
    # the interpreter back at each of them.
    while more := cursor.fetchmany(_FETCHED_AT_ONCE):
        rows += more
        courtesy.give_way()
    result.close()
    return rows


@cache
def _statement(columns: Columns, engine_name: str, names: tuple[str, ...], size: int) -> Select[Any]:
    asked = select(*columns(engine_name)).where(*clauses(_event, names))
    return asked.order_by(_event.id.desc()).limit(literal_column(str(size)))


@cache
def _events(columns: Columns, engine_name: str) -> Mapping[str, Select[Any]]:
    asked = select(*columns(engine_name)).where(*clauses(_event, ("org_id",)))
    return {engine_name: asked.where(text(_LISTED[engine_name]))}
