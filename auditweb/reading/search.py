"""
Searching the log: a page of the events in which words occur, and how many there are.

However rare or common the words, no search outlives its time limit; one that is cut short says how far it came, and
goes on from there.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, cast

from psycopg import Connection as PostgresConnection
from sqlalchemy import Column, Connection, Select, Table, bindparam, select, text
from sqlalchemy.exc import DBAPIError

from auditweb import clock
from auditweb.extensions import db
from auditweb.models import Event
from auditweb.reading import postings, questions
from auditweb.reading.filters import LogFilter
from auditweb.reading.questions import Sought
from auditweb.reading.walks import Deadline, Walk

TIME_LIMIT = 1.5  # seconds for a page
CAP = 10_000  # matches that are counted
COUNTING_TIME = 0.25  # seconds

_CHECKED_AT_ONCE = 400  # candidates whose texts are read by one statement
_event = cast(Table, Event.__table__).c
_TEXTS = tuple(_event[name] for name in postings.ENTRY_COLUMNS)


class Found(NamedTuple):
    """
    Rows newest first, and whether others that match are newer or older.

    *searched_to* is set when time ran out before the page was full: nothing between where the page starts and this id
    was left unsearched. After an event and at the oldest page it is the newest id searched, otherwise the oldest.
    """

    rows: Sequence[Any]
    has_newer: bool
    has_older: bool
    searched_to: int | None = None


class Matches(NamedTuple):
    """Ids of events that match, newest first, in all and of each category; unless *complete*, there are more."""

    ids: list[int]
    categories: dict[str, list[int]]
    complete: bool


def find(wanted: LogFilter, columns: Sequence[Column[Any]], *, size: int, now: datetime | None = None) -> Found:
    """Return one page of the events *wanted*, with these *columns* first in each row."""
    values = wanted.values(now or clock.now())
    with _snapshot(db.session.connection()) as connection:
        question = questions.sought(connection, values, wanted.words.terms if wanted.words else ())
        search = _Search(connection, question, tuple(columns), Deadline(TIME_LIMIT))
        if wanted.before is not None:
            rows, searched_to = search.rows(question.between(0, wanted.before), size + 1, newest_first=True)
            has_newer = search.has_any(question.between(wanted.before, question.high), newest_first=False)
            return Found(rows[:size], has_newer, len(rows) > size, _unless_full(searched_to, rows, size))
        if wanted.after is not None:
            return _after(search, question, wanted.after, size)
        if wanted.oldest:
            rows, searched_to = search.rows(question, size + 1, newest_first=False)
            return Found(rows[:size][::-1], len(rows) > size, False, _unless_full(searched_to, rows, size))
        rows, searched_to = search.rows(question, size + 1, newest_first=True)
        return Found(rows[:size], False, len(rows) > size, _unless_full(searched_to, rows, size))


def find_matches(
    wanted: LogFilter, *, cap: int = CAP, budget: float = COUNTING_TIME, now: datetime | None = None
) -> Matches:
    """
    Return the newest *cap* events *wanted*, its place and its category apart, or those found within *budget* seconds.

    Those that are missing then are all older than those returned.
    """
    values = wanted.with_(category=None).values(now or clock.now())
    with _snapshot(db.session.connection()) as connection:
        question = questions.sought(connection, values, wanted.words.terms if wanted.words else ())
        deadline = Deadline(budget)
        search = _Search(connection, question, (), deadline)
        walk = Walk(connection, question, deadline, newest_first=True, labelled=True)
        found: list[int] = []
        while len(found) <= cap and (keys := walk.take(cap + 1 - len(found))):
            found += search.held(walk, keys)
            if walk.searched_to is not None:
                break
    counted = [-key for key in found[:cap]]
    categories: dict[str, list[int]] = {}
    for key in found[:cap]:
        categories.setdefault(walk.categories[key], []).append(-key)
    return Matches(counted, categories, len(found) <= cap and walk.searched_to is None)


class _Search:
    """The rows of what walks find."""

    def __init__(
        self, connection: Connection, question: Sought, columns: tuple[Column[Any], ...], deadline: Deadline
    ) -> None:
        self._connection = connection
        self._question = question
        self._columns = columns
        self._deadline = deadline

    def rows(self, question: Sought, number: int, *, newest_first: bool) -> tuple[list[Any], int | None]:
        """Return up to *number* rows in the order of the walk, and how far it came if time was up before."""
        walk = Walk(self._connection, question, self._deadline, newest_first=newest_first)
        rows: list[Any] = []
        chunk = number
        while len(rows) < number and (keys := walk.take(chunk)):
            events = self._fetch(keys)
            for key in keys:
                event = events.get(abs(key))  # what was purged is not there any more
                if event is not None and (key not in walk.doubtful or question.holds(event)):
                    rows.append(event)
            if len(rows) < number and walk.stops_after(keys[-1]):
                break
            chunk = min(chunk * 2, _CHECKED_AT_ONCE)
        return rows[:number], walk.searched_to

    def has_any(self, question: Sought, *, newest_first: bool) -> bool:
        """Tell whether the log has a match; also true when time was up before that was known."""
        rows, searched_to = self.rows(question, 1, newest_first=newest_first)
        return bool(rows) or searched_to is not None

    def held(self, walk: Walk, keys: list[int]) -> list[int]:
        """Return those hits that the texts bear out, as far as time allows."""
        if walk.doubtful.isdisjoint(keys):
            return keys
        held: list[int] = []
        for start in range(0, len(keys), _CHECKED_AT_ONCE):
            part = keys[start : start + _CHECKED_AT_ONCE]
            events = self._fetch([key for key in part if key in walk.doubtful])
            for key in part:
                event = events.get(abs(key))
                if key not in walk.doubtful or (event is not None and self._question.holds(event)):
                    held.append(key)
            if walk.stops_after(part[-1], more=start + _CHECKED_AT_ONCE < len(keys)):
                break
        return held

    def _fetch(self, keys: list[int]) -> dict[int, Any]:
        if not keys:
            return {}
        statement = _events(self._columns, self._connection.dialect.name)
        given = {"org_id": self._question.org_id, "events": [abs(key) for key in keys]}
        return {event.id: event for event in questions.execute(self._connection, statement, given)}


def _after(search: _Search, question: Sought, event_id: int, size: int) -> Found:
    """Return those just newer than an event; where they are too few for a page, the newest page, if there is time."""
    rows, searched_to = search.rows(question.between(event_id + 1, question.high), size + 1, newest_first=False)
    if len(rows) < size and searched_to is None:
        newest, cut_short = search.rows(question, size + 1, newest_first=True)
        if cut_short is None:
            return Found(newest[:size], False, len(newest) > size)
    has_older = search.has_any(question.between(0, event_id + 1), newest_first=True)
    return Found(rows[:size][::-1], len(rows) > size, has_older, _unless_full(searched_to, rows, size))


def _unless_full(searched_to: int | None, rows: Sequence[Any], size: int) -> int | None:
    return searched_to if len(rows) <= size else None


@contextmanager
def _snapshot(connection: Connection) -> Iterator[Connection]:
    """
    Let all that is asked within the block see one state: what is sealed meanwhile could be missed on both sides.

    On SQLite every transaction does. On PostgreSQL reading requests have none.
    """
    driver = connection.connection.driver_connection
    if not isinstance(driver, PostgresConnection) or not driver.autocommit:
        yield connection
        return
    connection.exec_driver_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        yield connection
    finally:
        with suppress(DBAPIError):  # the connection is lost, which what was asked of it says already
            connection.exec_driver_sql("COMMIT")


@cache
def _events(columns: tuple[Column[Any], ...], engine_name: str) -> Mapping[str, Select[Any]]:
    """Build the question for the events of some ids: the *columns* first, then what else decides if they match."""
    names = {column.name for column in columns}
    asked = select(*columns, *[column for column in _TEXTS if column.name not in names])
    asked = asked.where(_event.org_id == bindparam("org_id"))
    if engine_name == "sqlite":
        return {engine_name: asked.where(text("event.id IN (SELECT value FROM json_each(:events))"))}
    return {engine_name: asked.where(text("event.id = ANY(CAST(:events AS BIGINT[]))"))}
