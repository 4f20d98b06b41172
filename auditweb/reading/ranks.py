"""
The ranks of ids, from what the sealer keeps (models/ledger.py): exact, and as quick among ten million as among ten.

The rank of an id is how many events of a chain come before it: the months before its own, the rank of the mark that is
nearest, and the few hundred events from there, or to there. Those are counted by the index, sealed or not; what waits
in the queue from before the mark is added. That is little, unless much comes late: what happens now comes after all
marks.
"""

from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple, Self, cast

from sqlalchemy import Table, select, text

from auditweb import ids, rows
from auditweb.catalogue import Category
from auditweb.extensions import db
from auditweb.models import Event
from auditweb.parties import ActorRef
from auditweb.reading.filters import clauses
from auditweb.reading.months import last_id_in, month_of

END = ids.LAST_ID  # comes after every event
MOST_WAITING = 10_000

_event = cast(Table, Event.__table__).c


class Ask(NamedTuple):
    """How many events have ids below *limit*, of one category or of all (''), by one actor or by all ('', '')?"""

    category: str
    actor_type: str
    actor_id: str
    limit: int

    @classmethod
    def of(cls, category: Category | None, actor: ActorRef | None, limit: int) -> Self:
        return cls(category.value if category else "", *(actor or ("", "")), limit)

    @property
    def chain(self) -> str:
        """Its actor as the counts call them: "member:42", or nothing for all."""
        return f"{self.actor_type}:{self.actor_id}" if self.actor_id else ""


def find_ranks(org_id: int, asks: Iterable[Ask]) -> dict[Ask, int] | None:
    """Answer all *asks*; None while the counts are mended, or while more waits for the sealer than can be counted."""
    kinds: dict[tuple[bool, bool], list[Ask]] = defaultdict(list)
    for ask in dict.fromkeys(asks):
        kinds[bool(ask.category), bool(ask.actor_id)].append(ask)
    found: dict[Ask, int] = {}
    for kind, alike in kinds.items():
        keys = [(*ask, ask.chain, month := month_of(ask.limit), last_id_in(month)) for ask in alike]
        connection = db.session.connection()
        query = _query(*kind)
        for *asked, rank, waiting, mending in rows.find(connection, query, _TYPES, keys, *[org_id] * query.count("?")):
            if waiting > MOST_WAITING or mending:
                return None
            found[Ask(*asked)] = rank
    return found


def find_nth(org_id: int, chain: Ask, rank: int) -> int | None:
    """
    Return the id of the event that so many of its chain come before, whatever the limit.

    None if there is none, and when the counts began to be mended just now.
    """
    connection = db.session.connection()
    asked: dict[str, int | str] = {"org_id": org_id, "category": chain.category, "chain": chain.chain}
    months = [row.month for row in connection.execute(MONTHS, asked)]
    ranks = find_ranks(org_id, [chain._replace(limit=month) for month in months])
    if ranks is None:
        return None
    start, before = max(((ask.limit, n) for ask, n in ranks.items() if n <= rank), default=(0, 0))
    # What waits for the sealer is in no mark: one that is safely below is looked up, and its true rank.
    below = {"start": start, "n": rank - before - count_waiting(org_id)}
    mark = connection.execute(_MARK, asked | below).scalar() if start else None
    if mark is not None:
        marked = find_ranks(org_id, [chain._replace(limit=mark)])
        if marked is None:
            return None
        start, before = mark, marked[chain._replace(limit=mark)]
    return _step(org_id, chain, start, rank - before)


def count_waiting(org_id: int) -> int:
    """Return how many of an organisation's events wait for the sealer, counted up to MOST_WAITING."""
    return int(db.session.connection().execute(_WAITING, {"org_id": org_id}).scalar_one())


def _step(org_id: int, chain: Ask, start: int, steps: int) -> int | None:
    """Return the id that is so many *steps*, a few hundred, after the first one of the chain from *start* on."""
    values: dict[str, int | str] = {"org_id": org_id, "since": start}
    if chain.category:
        values["category"] = chain.category
    if chain.actor_id:
        values |= {"actor_type": chain.actor_type, "actor_id": chain.actor_id}
    query = select(_event.id).where(*clauses(_event, values)).order_by(_event.id).offset(steps).limit(1)
    return db.session.connection().scalar(query, values)


MONTHS = text(
    "SELECT month FROM tally WHERE org_id = :org_id AND category = :category AND actor = :chain ORDER BY month"
)
_WAITING = text(f"SELECT count(*) FROM (SELECT 1 FROM seal_queue WHERE org_id = :org_id LIMIT {MOST_WAITING}) q")
_MARK = text("""
    SELECT max(id) FROM mark WHERE org_id = :org_id AND category = :category AND actor = :chain AND id >= :start
        AND n <= :n AND id < (
            SELECT coalesce(min(month), 9223372036854775807) FROM tally
            WHERE org_id = :org_id AND category = :category AND actor = :chain AND month > :start
        )
""")


_TYPES = ("text", "text", "text", "bigint", "text", "bigint", "bigint")


@cache
def _query(of_category: bool, of_actor: bool) -> str:
    """Build the statement for chains of one kind, so that each uses the index of its kind."""
    same = ("AND {0}.category = a.category " if of_category else "") + (
        "AND {0}.actor_type = a.actor_type AND {0}.actor_id = a.actor_id " if of_actor else ""
    )
    return f"""
        WITH keys (category, actor_type, actor_id, ending, chain, month_of_ending, end_of_month) AS ({{keys}}),
        newest AS MATERIALIZED (
            SELECT coalesce(max(month), 0) AS month FROM tally WHERE org_id = ? AND category = '' AND actor = ''
        ),
        b AS (
            SELECT keys.*, CASE WHEN month_of_ending < newest.month THEN month_of_ending ELSE newest.month END AS month
            FROM keys, newest
        ),
        beside AS MATERIALIZED (
            SELECT b.*, (
                SELECT max(m.id) FROM mark m WHERE m.org_id = ? AND m.category = b.category
                    AND m.actor = b.chain AND m.id >= b.month AND m.id < b.ending
            ) AS below, (
                SELECT min(m.id) FROM mark m WHERE m.org_id = ? AND m.category = b.category
                    AND m.actor = b.chain AND m.id >= b.ending AND m.id <= b.end_of_month
            ) AS above FROM b
        ),
        a AS MATERIALIZED (
            SELECT beside.*, CASE
                WHEN above IS NULL OR above - ending >= ending - coalesce(below, month) THEN below ELSE above
            END AS base FROM beside
        ),
        waiting AS MATERIALIZED (
            SELECT e.id, e.category, e.actor_type, e.actor_id FROM event e WHERE e.org_id = ? AND e.id IN (
                SELECT event_id FROM seal_queue
                WHERE org_id = ? AND event_id < (SELECT max(coalesce(base, month)) FROM a) LIMIT {MOST_WAITING + 1}
            )
        )
        SELECT a.category, a.actor_type, a.actor_id, a.ending,
            (
                SELECT CAST(coalesce(sum(t.n), 0) AS BIGINT) FROM tally t WHERE t.org_id = ?
                    AND t.category = a.category AND t.actor = a.chain AND t.month < a.month
            ) + coalesce(
                (
                    SELECT m.n FROM mark m WHERE m.org_id = ? AND m.category = a.category
                        AND m.actor = a.chain AND m.id = a.base
                ), 0
            ) + CASE WHEN a.base >= a.ending THEN -(
                SELECT count(*) FROM event e WHERE e.org_id = ? {same.format("e")}
                    AND e.id >= a.ending AND e.id < a.base
            ) ELSE (
                SELECT count(*) FROM event e WHERE e.org_id = ? {same.format("e")}
                    AND e.id >= coalesce(a.base, a.month) AND e.id < a.ending
            ) END + (
                SELECT count(*) FROM waiting w WHERE w.id < coalesce(a.base, a.month) {same.format("w")}
            ),
            (SELECT count(*) FROM (SELECT 1 FROM seal_queue WHERE org_id = ? LIMIT {MOST_WAITING + 1}) q),
            (SELECT h.mending FROM log_head h WHERE h.org_id = ?)
        FROM a
    """
