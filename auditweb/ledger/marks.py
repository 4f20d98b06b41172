"""
How many events there are: what the sealer adds to the counts that `reading/counts.py` reads.

Each event belongs to four chains: all of the organisation, those of its category, of its actor, and of both. A chain is
counted by months of UTC, and within a month some of its events are marked with their rank. So an event that comes late
moves no ranks but those of its own month.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, cast

from sqlalchemy import Table, text
from sqlalchemy.engine import Connection

from auditweb import rows
from auditweb.models import Mark, Tally
from auditweb.parties import ActorRef
from auditweb.reading.months import last_id_in, month_of

EVERY = 256  # events from one mark to the next
MOST = 2 * EVERY  # that there may be before another mark goes in between

_tally, _mark = cast(Table, Tally.__table__), cast(Table, Mark.__table__)


class Chain(NamedTuple):
    """The events of one month that are counted together; an empty text stands for all."""

    category: str
    actor: str
    month: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The rows to write."""

    tallies: list[rows.Row]
    marks: list[rows.Row]

    def write(self, connection: Connection) -> None:
        rows.put(connection, _tally, self.tallies)
        rows.put(connection, _mark, self.marks)


def prepare(connection: Connection, org_id: int, events: Iterable[tuple[int, str, str]]) -> Plan:
    """Work out what adding *events* (id, category, actor as text) to the counts takes; nothing is written yet."""
    added = _chains(events)
    known = _find_tallies(connection, org_id, list(added))
    plan = Plan([], [])
    late: dict[Chain, list[int]] = {}
    for chain, ids in added.items():
        n, last_id = known.get(chain, (0, -1))
        plan.tallies.append((org_id, *chain, n + len(ids), max(last_id, ids[-1])))
        if ids[0] > last_id:
            first = -n % EVERY or (EVERY if not n else 0)  # the first event of a month needs no mark
            plan.marks.extend((org_id, *chain[:2], ids[i], n + i) for i in range(first, len(ids), EVERY))
        elif n + len(ids) > EVERY:
            late[chain] = ids
    _prepare_late(connection, org_id, late, known, plan)
    return plan


@dataclass(frozen=True, slots=True)
class Removal:
    """
    The rows to change where events go.

    *left* are the months that still have some, *gone* those that have none. *moves* tell of the marks of a
    chain: those between two ids go with their events, those from there to another come so many ranks lower. *marks*
    are new ones.
    """

    org_id: int
    left: list[rows.Row]
    gone: list[rows.Row]
    moves: list[tuple[str, str, int, int, int, int]]
    marks: list[rows.Row]

    def write(self, connection: Connection) -> None:
        rows.put(connection, _tally, self.left)
        rows.remove(connection, _tally, self.org_id, self.gone)
        if self.moves and connection.dialect.name == "sqlite":
            gone = [(self.org_id, category, actor, first, last) for category, actor, first, last, *_ in self.moves]
            connection.exec_driver_sql(_UNMARK_ON_SQLITE, gone)
            moved = [(n, self.org_id, category, actor, last, end) for category, actor, _, last, end, n in self.moves]
            connection.exec_driver_sql(_MOVE_ON_SQLITE, moved)
        elif self.moves:
            given = (*map(list, zip(*self.moves, strict=True)), self.org_id)
            connection.exec_driver_sql(_UNMARK_ON_POSTGRESQL, given)
            connection.exec_driver_sql(_MOVE_ON_POSTGRESQL, given)
        rows.put(connection, _mark, self.marks)


def prepare_removal(connection: Connection, org_id: int, events: Iterable[tuple[int, str, str]]) -> Removal:
    """
    Work out what taking sealed *events* out of the counts takes; nothing is written yet.

    They are all there are in a span of ids: a mark within it is the mark of one of them.
    """
    removed = _chains(events)
    known = _find_tallies(connection, org_id, list(removed))
    marked = _find_last_marks(connection, org_id, removed)
    removal = Removal(org_id, [], [], [], [])
    for chain, ids in removed.items():
        n, last_id = known.get(chain, (0, -1))
        left = n - len(ids)
        if left > 0 and ids[-1] == last_id:  # what is left came late, and is older
            last_id = max(_sealed(connection, org_id, chain, chain.month, ids[0], []), default=-1)
        if left > 0:
            removal.left.append((org_id, *chain, left, last_id))
        else:
            removal.gone.append(chain)
        mark, rank = marked.get(chain, (-1, 0))
        ending = last_id_in(chain.month)
        if left <= EVERY:  # then there are no marks, on which `prepare` relies
            if chain in marked:
                removal.moves.append((*chain[:2], chain.month, ending, ending, 0))
            continue
        if mark >= ids[0]:
            removal.moves.append((*chain[:2], ids[0], ids[-1], ending, len(ids)))
        # The sealer marks each 256th by how many there are, and would never come to one where as many go as come.
        since = n - rank if mark > ids[-1] else left - rank if mark < ids[0] else left
        if since > EVERY:
            removal.marks.append((org_id, *chain[:2], last_id, left - 1))
    return removal


def check(connection: Connection, org_id: int, progress: Callable[[int], object]) -> list[str]:
    """Return what is wrong with an organisation's counts, a sentence each, after counting all its sealed events."""
    marks = _stream(connection, "SELECT category, actor, id, n FROM mark WHERE org_id = :org_id", org_id)
    unmet = {(category, actor, mark): n for category, actor, mark, n in marks}
    counted: dict[Chain, int] = defaultdict(int)
    last_ids: dict[Chain, int] = {}
    since_mark: dict[Chain, int] = defaultdict(int)
    wrong = longest = 0
    for event_id, category, actor in _stream(connection, _SEALED, org_id):
        month = month_of(event_id)
        for chain in _chains_of(category, actor, month):
            rank = unmet.pop((*chain[:2], event_id), None)
            wrong += rank is not None and rank != counted[chain]
            since_mark[chain] = 0 if rank is not None else since_mark[chain] + 1
            longest = max(longest, since_mark[chain])
            counted[chain] += 1
            last_ids[chain] = event_id
        progress(1)
    query = "SELECT category, actor, month, n, last_id FROM tally WHERE org_id = :org_id"
    tallies = {Chain(*chain): (n, last_id) for *chain, n, last_id in _stream(connection, query, org_id)}
    different = [
        chain
        for chain in counted.keys() | tallies.keys()
        if tallies.get(chain) != (counted[chain], last_ids.get(chain))
    ]
    problems = []
    if different:
        problems.append(f"{len(different)} counts of months differ from the entries there are.")
    if wrong or unmet:
        problems.append(f"{wrong + len(unmet)} marks differ from the entries there are.")
    if longest > MOST + EVERY:
        problems.append(f"Between two marks there are {longest} entries, which makes counting slow.")
    return problems


_SEALED = """
    SELECT e.id, e.category, e.actor_type || ':' || e.actor_id FROM event e WHERE e.org_id = :org_id AND NOT EXISTS (
        SELECT 1 FROM seal_queue q WHERE q.org_id = e.org_id AND q.event_id = e.id
    ) ORDER BY e.id
"""


def _stream(connection: Connection, query: str, org_id: int) -> Iterator[Any]:
    return iter(connection.execute(text(query).execution_options(yield_per=5_000), {"org_id": org_id}))


def _chains_of(category: str, actor: str, month: int) -> tuple[Chain, ...]:
    return (
        Chain("", "", month),
        Chain(category, "", month),
        Chain("", actor, month),
        Chain(category, actor, month),
    )


def _chains(events: Iterable[tuple[int, str, str]]) -> dict[Chain, list[int]]:
    """Return the ids by chain, rising."""
    added: dict[Chain, list[int]] = defaultdict(list)
    for event_id, category, actor in sorted(events):
        month = month_of(event_id)
        for chain in _chains_of(category, actor, month):
            added[chain].append(event_id)
    return added


def _find_tallies(connection: Connection, org_id: int, chains: Sequence[Chain]) -> dict[Chain, tuple[int, int]]:
    query = """
        WITH asked (category, actor, month) AS ({keys})
        SELECT t.category, t.actor, t.month, t.n, t.last_id FROM asked JOIN tally t
            ON t.org_id = ? AND t.category = asked.category AND t.actor = asked.actor AND t.month = asked.month
    """
    found = rows.find(connection, query, ("text", "text", "bigint"), chains, org_id)
    return {Chain(*chain): (n, last_id) for *chain, n, last_id in found}


def _prepare_late(
    connection: Connection,
    org_id: int,
    late: dict[Chain, list[int]],
    known: dict[Chain, tuple[int, int]],
    plan: Plan,
) -> None:
    """Move the marks after late events, and put others in between where the gaps get too long."""
    marked = _find_marks(connection, org_id, late)
    for chain, ids in late.items():
        n, last_id = known[chain]
        before = marked.get(chain, [])
        if not before or before[0][0] > ids[0]:
            before = [(chain.month, 0), *before]
        after = [(mark, rank + bisect_left(ids, mark)) for mark, rank in before]
        end = (max(last_id, ids[-1]) + 1, n + len(ids))
        moved = {mark: rank for (mark, old), (_, rank) in zip(before, after, strict=True) if rank != old}
        for (low, rank), (high, next_rank) in pairwise([*after, end]):
            if next_rank - rank > MOST:
                sealed = _sealed(connection, org_id, chain, low, high, ids)
                moved.update((sealed[i], rank + i) for i in range(EVERY, len(sealed) - EVERY // 2, EVERY))
        plan.marks.extend((org_id, *chain[:2], mark, rank) for mark, rank in moved.items())


def _find_marks(
    connection: Connection, org_id: int, late: dict[Chain, list[int]]
) -> dict[Chain, list[tuple[int, int]]]:
    """Return the marks of each chain that the first of its late events moves, and the one before them."""
    query = """
        WITH asked (category, actor, month, first, last) AS ({keys})
        SELECT asked.category, asked.actor, asked.month, m.id, m.n FROM asked JOIN mark m
            ON m.org_id = ? AND m.category = asked.category AND m.actor = asked.actor AND m.id <= asked.last
            AND m.id >= coalesce(
                (
                    SELECT max(id) FROM mark p WHERE p.org_id = ? AND p.category = asked.category
                        AND p.actor = asked.actor AND p.id >= asked.month AND p.id <= asked.first
                ),
                asked.month
            )
        ORDER BY m.id
    """
    keys = [(*chain, ids[0], last_id_in(chain.month)) for chain, ids in late.items()]
    found: dict[Chain, list[tuple[int, int]]] = defaultdict(list)
    types = ("text", "text", "bigint", "bigint", "bigint")
    for category, actor, month, mark, n in rows.find(connection, query, types, keys, org_id, org_id):
        found[Chain(category, actor, month)].append((mark, n))
    return found


def _find_last_marks(connection: Connection, org_id: int, chains: Iterable[Chain]) -> dict[Chain, tuple[int, int]]:
    """Return the last mark of each chain that has any, and its rank."""
    query = """
        WITH asked (category, actor, month, last) AS ({keys})
        SELECT asked.category, asked.actor, asked.month, m.id, m.n FROM asked JOIN mark m
            ON m.org_id = ? AND m.category = asked.category AND m.actor = asked.actor
            AND m.id = (
                SELECT max(id) FROM mark p WHERE p.org_id = ? AND p.category = asked.category
                    AND p.actor = asked.actor AND p.id >= asked.month AND p.id <= asked.last
            )
    """
    keys = [(*chain, last_id_in(chain.month)) for chain in chains]
    types = ("text", "text", "bigint", "bigint")
    found = rows.find(connection, query, types, keys, org_id, org_id)
    return {Chain(category, actor, month): (mark, n) for category, actor, month, mark, n in found}


def _sealed(connection: Connection, org_id: int, chain: Chain, low: int, high: int, added: list[int]) -> list[int]:
    """Return the ids from *low* up to *high* of the chain's events that are sealed, or *added* now."""
    clauses = ["org_id = ?", "id >= ?", "id < ?"]
    values: list[int | str] = [org_id, low, high]
    if chain.category:
        clauses.append("category = ?")
        values.append(chain.category)
    if chain.actor:
        clauses.append("actor_type = ? AND actor_id = ?")
        values.extend(ActorRef.parse(chain.actor))
    there = _ids(connection, f"SELECT id FROM event WHERE {' AND '.join(clauses)} ORDER BY id", values)
    queue = "SELECT event_id FROM seal_queue WHERE org_id = ? AND event_id >= ? AND event_id < ?"
    waiting = set(_ids(connection, queue, [org_id, low, high]))
    waiting.difference_update(added[bisect_left(added, low) : bisect_right(added, high)])
    return [event_id for event_id in there if event_id not in waiting]


def _ids(connection: Connection, query: str, values: Sequence[int | str]) -> list[int]:
    if connection.dialect.name == "postgresql":
        query = query.replace("?", "%s")
    return [row[0] for row in connection.exec_driver_sql(query, tuple(values))]


_UNMARK_ON_SQLITE = "DELETE FROM mark WHERE org_id = ? AND category = ? AND actor = ? AND id >= ? AND id <= ?"
_MOVE_ON_SQLITE = "UPDATE mark SET n = n - ? WHERE org_id = ? AND category = ? AND actor = ? AND id > ? AND id <= ?"
_MOVES = """
    unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
        AS move (category, actor, first, last, ending, n)
    WHERE mark.org_id = %s AND mark.category = move.category AND mark.actor = move.actor
"""
_UNMARK_ON_POSTGRESQL = f"DELETE FROM mark USING {_MOVES} AND mark.id >= move.first AND mark.id <= move.last"
_MOVE_ON_POSTGRESQL = (
    f"UPDATE mark SET n = mark.n - move.n FROM {_MOVES} AND mark.id > move.last AND mark.id <= move.ending"
)
