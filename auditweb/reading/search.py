"""
Searching the log: a page of the events in which words occur.

However rare or common the words, no search outlives its time limit; one that is cut short says how far it came, and
goes on from there.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, Table
from sqlalchemy.sql.elements import NamedColumn

from auditweb import clock
from auditweb.extensions import db
from auditweb.models import Event
from auditweb.reading.filters import LogFilter
from auditweb.reading.matches import Matches, find_matches
from auditweb.reading.questions import Sought, read_events, snapshot, sought
from auditweb.reading.walks import Deadline, Walk

__all__ = ["TIME_LIMIT", "Found", "Matches", "find", "find_matches"]

TIME_LIMIT = 1.5  # seconds for a page

_id = cast(Table, Event.__table__).c.id
_CHECKED_AT_ONCE = 400  # candidates whose texts are read by one statement


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
    revision: int | None = None


def find(wanted: LogFilter, columns: Sequence[NamedColumn[Any]], *, size: int, now: datetime | None = None) -> Found:
    """Return one page of the events *wanted*, with these *columns* first in each row."""
    values = wanted.values(now or clock.now())
    with snapshot(db.session.connection()) as connection:
        question = sought(connection, values, wanted.words.terms if wanted.words else ())
        found = _find(_Search(connection, tuple(columns), Deadline(TIME_LIMIT)), question, wanted, size)
        # What is flagged changes without anything being sealed.
        return found._replace(revision=None if wanted.flag else question.revision)


def count_newer(wanted: LogFilter, after_id: int, limit: int, now: datetime) -> int:
    """Return how many events *wanted* are newer than *after_id*, counted up to *limit* and as far as time allows."""
    with snapshot(db.session.connection()) as connection:
        question = sought(connection, wanted.values(now), wanted.words.terms if wanted.words else ())
        search = _Search(connection, (_id,), Deadline(TIME_LIMIT))
        rows, _ = search.rows(question.between(after_id + 1, question.high), limit, newest_first=False)
        return len(rows)


def _find(search: "_Search", question: Sought, wanted: LogFilter, size: int) -> Found:
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


class _Search:
    """The rows of what walks find."""

    def __init__(self, connection: Connection, columns: tuple[NamedColumn[Any], ...], deadline: Deadline) -> None:
        self._connection = connection
        self._columns = columns
        self._deadline = deadline

    def rows(self, question: Sought, number: int, *, newest_first: bool) -> tuple[list[Any], int | None]:
        """Return up to *number* rows in the order of the walk, and how far it came if time was up before."""
        walk = Walk(self._connection, question, self._deadline, newest_first=newest_first)
        rows: list[Any] = []
        chunk = min(number, _CHECKED_AT_ONCE)
        while len(rows) < number and (keys := walk.take(chunk)):
            events = read_events(self._connection, question.org_id, [abs(key) for key in keys], self._columns)
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
