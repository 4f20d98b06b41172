"""
The ranks of many ids in one chain, such as the midnights of two years: month by month, each counted once.

From one purge to the next a month that has as many events as before has the same ones (`purges`), and what was counted
in it is true.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import Connection, Select, Table, literal_column, select, text

from auditweb import rows
from auditweb.extensions import db
from auditweb.models import Event
from auditweb.reading.filters import clauses
from auditweb.reading.memory import Memory
from auditweb.reading.months import month_of, months_between
from auditweb.reading.purges import find_last_purge
from auditweb.reading.questions import snapshot
from auditweb.reading.ranks import END, MOST_WAITING, Ask, find_ranks

FEW: Final = 10_000  # events whose ids are read; of more, it is marks
REMEMBERED: Final = 100  # chains, each in one zone: some thirty kilobytes

_MARKS_AT_ONCE = 10_000
_SPANS_AT_ONCE = 64  # whose events are counted by one statement: a few hundred in each at most

_event = cast(Table, Event.__table__).c


@cache
def oldest_ids(names: tuple[str, ...], most: int) -> Select[Any]:
    """Build the question for the ids, so many at *most*, of the oldest events that meet conditions of these *names*."""
    within = select(_event.id).where(*clauses(_event, names)).order_by(_event.id)
    return within.limit(literal_column(str(most)))


class _Month(NamedTuple):
    """From *start* to below *end*: how many events a chain has before and in it, and which ranks are asked for."""

    start: int
    end: int
    rank: int
    number: int
    limits: tuple[int, ...]


class _Told(NamedTuple):
    """Of so many events of a month, how many come before each of these limits."""

    number: int
    limits: tuple[int, ...]
    before: tuple[int, ...]


def find_many_ranks(org_id: int, asks: Sequence[Ask]) -> list[int] | None:
    """
    Answer all *asks*, which are of one chain and rise.

    None while the counts are mended, or while more waits for the sealer than can be counted.
    """
    connection, chain = db.session.connection(), asks[0]
    with snapshot(connection):
        months = _find_months(org_id, asks)
        if months is None:
            return None
        key = db.engine, org_id, find_last_purge(org_id), chain
        told = dict(_remembered.get(key) or {})
        changed = [month for month in months if told.get(month.start, ())[:2] != (month.number, month.limits)]
        if changed:
            told |= _count_anew(connection, org_id, chain, changed)
            _remembered.put(key, told)
    return [month.rank + before for month in months for before in told[month.start].before]


def _find_months(org_id: int, asks: Sequence[Ask]) -> list[_Month] | None:
    """Return all months from that of the first of *asks* to that of the last."""
    chain, asked = asks[0], groupby([ask.limit for ask in asks], key=month_of)
    limits = {month: tuple(some) for month, some in asked}
    spans = [(start, min(last + 1, END)) for start, last in months_between(asks[0].limit, asks[-1].limit)]
    ranks = find_ranks(org_id, [chain._replace(limit=limit) for span in spans for limit in span])
    if ranks is None:
        return None
    found = []
    for start, end in spans:
        before, after = (ranks[chain._replace(limit=limit)] for limit in (start, end))
        found.append(_Month(start, end, before, after - before, limits.get(start, ())))
    return found


def _count_anew(connection: Connection, org_id: int, chain: Ask, months: Sequence[_Month]) -> dict[int, _Told]:
    """Count what is before each limit of these *months*, by the months' starts."""
    first, last = months[0], months[-1]
    if last.rank + last.number - first.rank <= FEW:
        found = _find_ids(connection, org_id, chain, first.start, last.end)
        ranks = {limit: first.rank + bisect_left(found, limit) for month in months for limit in month.limits}
    else:
        ranks = _find_by_marks(connection, org_id, chain, months)
    return {
        month.start: _Told(month.number, month.limits, tuple(ranks[limit] - month.rank for limit in month.limits))
        for month in months
    }


def _find_ids(connection: Connection, org_id: int, chain: Ask, low: int, high: int) -> Sequence[int]:
    """Return the ids from *low* to below *high* of a chain that has few of them."""
    values = {"org_id": org_id, **_questions(chain), "since": low, "until": high}
    return connection.scalars(oldest_ids(tuple(values), FEW), values).all()


def _find_by_marks(connection: Connection, org_id: int, chain: Ask, months: Sequence[_Month]) -> dict[int, int]:
    """Return the ranks of all limits of *months*: each is counted from the nearest mark, or to it."""
    known = {month.start: month.rank for month in months}
    marks = [(id_, n) for id_, n in _read_marks(connection, org_id, chain, months) if month_of(id_) in known]
    # What waits for the sealer is in no mark.
    asked = {"org_id": org_id, "until": max((id_ for id_, _ in marks), default=0)}
    waiting = sorted(id_ for id_, *of in connection.execute(_WAITING, asked).all() if _is_of(chain, *of))
    for id_, number in marks:
        month = month_of(id_)
        known[id_] = known[month] + number + bisect_left(waiting, id_) - bisect_left(waiting, month)
    known |= {month.end: month.rank + month.number for month in months}
    ids = sorted(known)
    nearest = {limit: _nearest(ids, limit) for month in months for limit in month.limits}
    spans = {(min(near, limit), max(near, limit)) for limit, near in nearest.items()}
    numbers = _count(connection, org_id, chain, spans)
    return {
        limit: known[near] + numbers.get((near, limit), 0) - numbers.get((limit, near), 0)
        for limit, near in nearest.items()
    }


def _read_marks(connection: Connection, org_id: int, chain: Ask, months: Sequence[_Month]) -> Iterator[tuple[int, int]]:
    asked = {"org_id": org_id, "category": chain.category, "chain": chain.chain, "until": months[-1].end}
    after: int | None = months[0].start - 1
    while after is not None:
        found = connection.execute(_MARKS, {**asked, "after": after}).all()
        yield from map(tuple, found)
        after = found[-1].id if len(found) == _MARKS_AT_ONCE else None


def _is_of(chain: Ask, category: str, actor_type: str, actor_id: str) -> bool:
    given = {"category": category, "actor_type": actor_type, "actor_id": actor_id}
    return all(given[name] == value for name, value in _questions(chain).items())


def _questions(chain: Ask) -> dict[str, str]:
    """Return what a chain is of, by the names of columns; nothing for all events."""
    of_actor = {"actor_type": chain.actor_type, "actor_id": chain.actor_id} if chain.actor_id else {}
    return ({"category": chain.category} if chain.category else {}) | of_actor


def _nearest(ids: Sequence[int], limit: int) -> int:
    """Return the one of these rising *ids* that is nearest to *limit*."""
    after = bisect_left(ids, limit)
    return min(ids[max(after - 1, 0) : after + 1], key=lambda id_: abs(id_ - limit))


def _count(connection: Connection, org_id: int, chain: Ask, spans: set[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Return how many events of a chain there are in each span, from an id to below another."""
    questions = _questions(chain)
    query = _within(tuple(questions))
    wanted = sorted(span for span in spans if span[0] < span[1])
    found: dict[tuple[int, int], int] = {}
    for start in range(0, len(wanted), _SPANS_AT_ONCE):
        some = wanted[start : start + _SPANS_AT_ONCE]
        counted = rows.find(connection, query, ("bigint", "bigint"), some, org_id, *questions.values())
        found |= {(low, high): number for low, high, number in counted}
    return found


_MARKS = text(f"""
    SELECT id, n FROM mark WHERE org_id = :org_id AND category = :category AND actor = :chain
        AND id > :after AND id < :until ORDER BY id LIMIT {_MARKS_AT_ONCE}
""")
_WAITING = text(f"""
    SELECT id, category, actor_type, actor_id FROM event WHERE org_id = :org_id AND id IN (
        SELECT event_id FROM seal_queue WHERE org_id = :org_id AND event_id < :until LIMIT {MOST_WAITING + 1}
    )
""")


@cache
def _within(names: tuple[str, ...]) -> str:
    same = "".join([f"AND e.{name} = ? " for name in names])
    return f"""
        WITH span (low, high) AS ({{keys}})
        SELECT low, high, (
            SELECT count(*) FROM event e WHERE e.org_id = ? {same} AND e.id >= span.low AND e.id < span.high
        ) FROM span
    """


# By the last purge, the chain and the first limit: to each month's start what was told of it.
_remembered = Memory[Mapping[int, _Told]](REMEMBERED)
