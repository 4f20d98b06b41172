"""
The log in the order of commits, for those who collect it.

Places in that order (leaf indices) are given by the sealer: dense from 0, and never to two events. What has one is
committed, and so is all before it. So whoever remembers the last place that they have read misses nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, cast

from sqlalchemy import BigInteger, Column, Connection, Select, Table, bindparam, literal_column, select, text

from auditweb import clock, ids
from auditweb.extensions import db
from auditweb.models import Event, Leaf, LogHead
from auditweb.reading.filters import LogFilter, clauses
from auditweb.reading.pages import WHOLE_COLUMNS, WholeRow
from auditweb.reading.questions import execute, for_each_engine, holds

LARGEST = 1000
LOOKED_THROUGH = 2500  # places at most, when not every event is wanted

_event, _leaf = cast(Table, Event.__table__).c, cast(Table, Leaf.__table__).c
_head = cast(Table, LogHead.__table__).c


class Stretch(NamedTuple):
    """
    Events by their places, in order: all that match of those after a place up to *read_to*.

    *last* is the last place that there is, -1 in a log without any. A place of *rows* may be missing: its event was
    purged since.
    """

    rows: list[tuple[int, WholeRow]]
    read_to: int
    last: int


def find_last(org_id: int, connection: Connection | None = None) -> int:
    """Return the last place in an organisation's order, -1 while there is none."""
    return int((connection or db.session.connection()).scalar(_SIZE, {"org_id": org_id}) or 0) - 1


def find_stretch(
    wanted: LogFilter, after: int, limit: int, now: datetime | None = None, connection: Connection | None = None
) -> Stretch:
    """
    Return up to *limit* events *wanted* that come after a place, whatever place *wanted* itself is at.

    Where few match it ends before it has found so many: no more than LOOKED_THROUGH places are looked at. It is asked
    by *connection*, or by the app's own if none is given.
    """
    connection = connection or db.session.connection()
    last = find_last(wanted.org_id, connection)
    number = LOOKED_THROUGH if wanted.narrows else limit
    span = {"org_id": wanted.org_id, "after": after, "to": min(after + number, last)}
    places = {event_id: place for place, event_id in connection.execute(_PLACES, span).all()}
    if not places:
        return Stretch([], after, last)
    values = wanted.values(now or clock.now())
    since, until = int(values.pop("since", 0)), int(values.pop("until", ids.LAST_ID + 1))
    given = {**values, "events": [event_id for event_id in places if since <= event_id < until]}
    events = [WholeRow._make(row) for row in execute(connection, _events(tuple(values)), given)]
    terms = wanted.words.terms if wanted.words else ()
    rows = sorted((places[event.id], event) for event in events if holds(event, terms))
    if len(rows) > limit:
        return Stretch(rows[:limit], rows[limit - 1][0], last)
    return Stretch(rows, max(places.values()), last)


def read_on(
    connection: Connection, org_id: int, after: int, number: int, columns: tuple[Column[Any], ...]
) -> list[Any]:
    """Return up to *number* places after *after* in order, with these *columns* of each event that is there."""
    given = {"org_id": org_id, "after": after, "to": after + number}
    return list(execute(connection, _following(columns), given))


@cache
def _following(columns: tuple[Column[Any], ...]) -> Mapping[str, Select[Any]]:
    its_own = (_event.org_id == _leaf.org_id) & (_event.id == _leaf.event_id)
    # The only plan there is: a look-up for each, however many PostgreSQL believes there to be.
    each = select(*columns).where(its_own).limit(literal_column("1")).correlate(Leaf).lateral("found")
    found = {
        "sqlite": _PLACES.add_columns(*columns).outerjoin_from(Leaf, Event, its_own),
        "postgresql": _PLACES.add_columns(*each.c).outerjoin_from(Leaf, each, text("true")),
    }
    return {engine_name: query.order_by(_leaf.leaf_index) for engine_name, query in found.items()}


def find_placed(connection: Connection, org_id: int, places: Sequence[int]) -> list[tuple[int, WholeRow]]:
    """Return those of the events at these places that are still there, in order."""
    at = {event_id: place for place, event_id in execute(connection, _AT, {"org_id": org_id, "leaves": places})}
    given = {"org_id": org_id, "events": list(at)}
    events = [WholeRow._make(row) for row in execute(connection, _events(("org_id",)), given)] if at else []
    return sorted((at[event.id], event) for event in events)


_AT = for_each_engine("SELECT leaf_index, event_id FROM leaf WHERE org_id = :org_id AND leaf_index {leaves}")
_SIZE = select(_head.size).where(_head.org_id == bindparam("org_id"))
_PLACES = (
    select(_leaf.leaf_index, _leaf.event_id)
    .where(_leaf.org_id == bindparam("org_id"))
    .where(_leaf.leaf_index > bindparam("after", type_=BigInteger))
    .where(_leaf.leaf_index <= bindparam("to", type_=BigInteger))
)


@cache
def _events(names: tuple[str, ...]) -> Mapping[str, Select[Any]]:
    asked = select(*WHOLE_COLUMNS).where(*clauses(_event, names))
    # The only plan there is: a look-up for each, however many the planner believes there to be.
    each = asked.where(text("event.id = asked.id")).limit(literal_column("1")).lateral("found")
    return {
        "sqlite": asked.where(text("event.id IN (SELECT value FROM json_each(:events))")),
        "postgresql": select(*each.c).select_from(text("unnest(CAST(:events AS BIGINT[])) AS asked (id)"), each),
    }
