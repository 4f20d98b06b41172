"""
The ranks of many ids in one chain, such as the midnights of two years: from all of its marks between them.

See `ranks`, which looks for the marks beside each id; of hundreds in a row that takes twice as long.
"""

from bisect import bisect_left
from collections.abc import Sequence
from functools import cache

from sqlalchemy import Connection, text

from auditweb import rows
from auditweb.extensions import db
from auditweb.reading.months import last_id_in, month_of
from auditweb.reading.questions import snapshot
from auditweb.reading.ranks import MONTHS, MOST_WAITING, Ask, find_ranks

MOST_MARKS = 10_000  # that are read; of an actor with more entries than those stand for, each rank is looked for

_AT_ONCE = 64  # spans whose events are counted by one statement: a few hundred in each at most


def find_many_ranks(org_id: int, asks: Sequence[Ask]) -> list[int] | None:
    """
    Answer all *asks*, which are of one chain and rise.

    None where its marks are too many, while the counts are mended, or while more waits for the sealer than can be
    counted.
    """
    connection = db.session.connection()
    with snapshot(connection):
        known = _find_known(connection, org_id, asks)
        if known is None:
            return None
        ids = sorted(known)
        nearest = [_nearest(ids, ask.limit) for ask in asks]
        spans = {(min(near, ask.limit), max(near, ask.limit)) for near, ask in zip(nearest, asks, strict=True)}
        numbers = _count(connection, org_id, asks[0], spans)
    return [
        known[near] + numbers.get((near, ask.limit), 0) - numbers.get((ask.limit, near), 0)
        for near, ask in zip(nearest, asks, strict=True)
    ]


def _find_known(connection: Connection, org_id: int, asks: Sequence[Ask]) -> dict[int, int] | None:
    """Return the ranks of the marks around and between *asks*, and of the beginnings of all months that have events."""
    chain, low, high = asks[0], month_of(asks[0].limit), last_id_in(month_of(asks[-1].limit))
    asked = {"org_id": org_id, "category": chain.category, "chain": chain.chain, "low": low, "high": high}
    months = find_ranks(org_id, [chain._replace(limit=month) for (month,) in connection.execute(MONTHS, asked)])
    marks = connection.execute(_MARKS, asked).all()
    if months is None or len(marks) > MOST_MARKS:
        return None
    known = {0: 0} | {ask.limit: rank for ask, rank in months.items()}
    # What waits for the sealer is in no mark.
    found = connection.execute(_WAITING, {"org_id": org_id, "until": max((id_ for id_, _ in marks), default=0)})
    waiting = sorted(id_ for id_, *of in found if _is_of(chain, *of))
    for id_, number in marks:
        month = month_of(id_)
        late = bisect_left(waiting, id_) - bisect_left(waiting, month)
        known[id_] = known[month] + number + late
    return known


def _is_of(chain: Ask, category: str, actor_type: str, actor_id: str) -> bool:
    of_category = not chain.category or chain.category == category
    return of_category and (not chain.actor_id or chain[1:3] == (actor_type, actor_id))


def _nearest(ids: Sequence[int], limit: int) -> int:
    """Return the one of these rising *ids* that is nearest to *limit*."""
    after = bisect_left(ids, limit)
    return min(ids[max(after - 1, 0) : after + 1], key=lambda id_: abs(id_ - limit))


def _count(connection: Connection, org_id: int, chain: Ask, spans: set[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Return how many events of a chain there are in each span, from an id to below another."""
    names = (("category",) if chain.category else ()) + (("actor_type", "actor_id") if chain.actor_id else ())
    query, values = _within(names), [getattr(chain, name) for name in names]
    wanted = sorted(span for span in spans if span[0] < span[1])
    found: dict[tuple[int, int], int] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        counted = rows.find(connection, query, ("bigint", "bigint"), some, org_id, *values)
        found |= {(low, high): number for low, high, number in counted}
    return found


_MARKS = text(f"""
    SELECT id, n FROM mark WHERE org_id = :org_id AND category = :category AND actor = :chain
        AND id >= :low AND id <= :high LIMIT {MOST_MARKS + 1}
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
