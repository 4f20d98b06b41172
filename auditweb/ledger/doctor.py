"""
Whether the ledger agrees with the entries, and how it is mended.

The order of sealing (the leaves) is never altered here. Counts and search index are taken away and what they told is
put back on the queue, for the sealer to take in anew: readers meanwhile count and search what waits, and writers go on.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from heapq import merge
from itertools import groupby, repeat
from operator import itemgetter
from typing import cast

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Table

from auditweb import rows, transactions
from auditweb.ledger import index, marks
from auditweb.ledger.locks import UnderRepairError, only_one
from auditweb.ledger.safety import find_dangers
from auditweb.ledger.turns import change_head, lock_head
from auditweb.models import Event, Leaf, LogHead, Mark, Posting, SealQueue, Segment, Tally

_event, _queue = cast(Table, Event.__table__), cast(Table, SealQueue.__table__)
_head, _leaf, _tally = cast(Table, LogHead.__table__), cast(Table, Leaf.__table__), cast(Table, Tally.__table__)
STEPS = 2  # of progress for each sealed event, besides its leaf: its counts and its words
_AT_ONCE = 5_000  # rows in a transaction: on SQLite others wait for their turn meanwhile

Progress = Callable[[int], object]


class Doctor:
    """Examines the ledgers of one database, and mends them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find_dangers(self) -> list[str]:
        """Return what is not safe about the database's settings and its guards, a sentence each."""
        with transactions.reading(), self._engine.connect() as connection:
            return find_dangers(connection)

    def organisations(self) -> list[int]:
        """Return the organisations that have entries or a ledger."""
        hop = sa.select(sa.func.min(_event.c.org_id).label("id")).cte("hop", recursive=True)
        following = sa.select(sa.func.min(_event.c.org_id)).where(_event.c.org_id > hop.c.id).scalar_subquery()
        hop = hop.union_all(sa.select(following).where(hop.c.id.is_not(None)))
        with transactions.reading(), self._engine.connect() as connection:
            found = {org_id for org_id in connection.scalars(sa.select(hop.c.id)) if org_id is not None}
            return sorted(found.union(connection.scalars(sa.select(_head.c.org_id))))

    def count_sealed(self, org_id: int) -> int:
        """Return how many events of an organisation are sealed and there, going by the counts."""
        counted = sa.select(sa.func.sum(_tally.c.n)).where(_tally.c.org_id == org_id)
        with transactions.reading(), self._engine.connect() as connection:
            return int(connection.scalar(counted.where(_tally.c.category == "", _tally.c.actor == "")) or 0)

    def count_leaves(self, org_id: int) -> int:
        """Return how many places there are in an organisation's order, those of purged events among them."""
        with transactions.reading(), self._engine.connect() as connection:
            return connection.scalar(sa.select(_head.c.size).where(_head.c.org_id == org_id)) or 0

    def examine(self, org_id: int, progress: Progress = lambda _: None) -> list[str]:
        """
        Return what is wrong with an organisation's ledger, a sentence each; nothing if all agrees.

        *progress* is told of every leaf, and STEPS times of every sealed event that is there.
        """
        with _snapshot(self._engine) as connection:
            head = connection.execute(sa.select(_head).where(_head.c.org_id == org_id)).first()
            if head is not None and head.mending:
                return ["A repair was begun and not finished."]
            return [
                *_check_leaves(connection, org_id, head.size if head else 0, progress),
                *marks.check(connection, org_id, progress),
                *index.check(connection, org_id, progress),
            ]

    def put_back(self, org_id: int, progress: Progress = lambda _: None) -> None:
        """
        Take an organisation's counts and search index away, and put all its events back on the queue.

        Those that have a leaf keep it; those that were lost get one. Many short transactions: until the last, also when
        they are cut short, nobody seals or relies on what is left. *progress* is told of every leaf and every event.

        Raises UnderRepairError while another process does the same.
        """
        with only_one(self._engine, "repair") as taken:
            if not taken():
                raise UnderRepairError
            self._set_head(org_id, mending=1)
            for model in (Mark, Tally, Posting, Segment):
                self._clear(cast(Table, model.__table__), org_id)
            self._queue(org_id, _SEALED_AGAIN, _LEAVES, progress)
            self._queue(org_id, _LOST, _EVENTS, progress)
            with self._engine.connect() as connection:
                last = connection.scalar(sa.select(sa.func.max(_leaf.c.leaf_index)).where(_leaf.c.org_id == org_id))
            self._set_head(org_id, mending=0, size=0 if last is None else last + 1)

    def _queue(self, org_id: int, again: sa.TextClause, places: sa.TextClause, progress: Progress) -> None:
        """Queue by *again* what lies between two of the *places*, the last of some thousand each time."""
        place: int | None = -1
        while place is not None:
            with self._engine.begin() as connection:
                given = {"org_id": org_id, "after": place, "some": _AT_ONCE}
                place, number = connection.execute(places, given).one()
                connection.execute(again, given | {"last": place})
            progress(number)

    def _set_head(self, org_id: int, **values: int) -> None:
        with self._engine.begin() as connection:
            change_head(connection, lock_head(connection, org_id), **values)

    def _clear(self, table: Table, org_id: int) -> None:
        """Delete an organisation's rows, some thousand at a time."""
        deleted = _AT_ONCE
        while deleted == _AT_ONCE:
            with self._engine.begin() as connection:
                deleted = rows.remove_some(connection, table, org_id, _AT_ONCE)


def _check_leaves(connection: Connection, org_id: int, size: int, progress: Progress) -> Iterator[str]:
    """Compare the leaves with the events and the queue, both in the order of ids."""
    leaves = sa.select(sa.func.count(), sa.func.min(_leaf.c.leaf_index), sa.func.max(_leaf.c.leaf_index))
    number, first, last = connection.execute(leaves.where(_leaf.c.org_id == org_id)).one()
    if (number, first or 0, -1 if last is None else last) != (size, 0, size - 1):
        yield f"The order has gaps: {number} leaves, of which the head counts {size}."
    there = _stream(connection, sa.select(_event.c.id).where(_event.c.org_id == org_id).order_by(_event.c.id))
    new = sa.and_(_queue.c.org_id == org_id, _queue.c.leaf_index.is_(None))
    waiting = _stream(connection, sa.select(_queue.c.event_id).where(new).order_by(_queue.c.event_id))
    sealed = _stream(connection, sa.select(_leaf.c.event_id).where(_leaf.c.org_id == org_id).order_by(_leaf.c.event_id))
    purged = connection.scalar(sa.text("SELECT max(up_to_id) FROM purge WHERE org_id = :org_id"), {"org_id": org_id})
    lost = doubled = strange = 0
    tagged = (zip(ids, repeat(tag), strict=False) for ids, tag in ((there, "e"), (waiting, "w"), (sealed, "s")))
    for event_id, group in groupby(merge(*tagged), key=itemgetter(0)):
        tags = Counter(tag for _, tag in group)
        lost += tags["e"] and not tags["w"] and not tags["s"]
        doubled += tags["s"] + tags["w"] > 1
        strange += tags["s"] and not tags["e"] and event_id > (purged or 0)
        progress(tags["s"])
    if lost:
        yield f"Neither sealed nor waiting to be: {_entries(lost)}."
    if doubled:
        yield f"In more than one place of the order: {_entries(doubled)}."
    if strange:
        yield f"In the order, and neither there nor purged: {_entries(strange)}."


def _entries(number: int) -> str:
    return f"{number:,} {'entry' if number == 1 else 'entries'}"


_SEALED_AGAIN = sa.text(
    "INSERT INTO seal_queue (org_id, event_id, leaf_index) SELECT org_id, event_id, leaf_index FROM leaf "
    "WHERE org_id = :org_id AND leaf_index > :after AND leaf_index <= :last "
    # Readers look at so many that wait and no more: those that were purged would stand before the others.
    "AND EXISTS (SELECT 1 FROM event WHERE event.org_id = :org_id AND event.id = leaf.event_id) "
    "ON CONFLICT DO NOTHING"
)
_LEAVES = sa.text(
    "SELECT max(leaf_index), count(*) FROM ("
    "SELECT leaf_index FROM leaf WHERE org_id = :org_id AND leaf_index > :after ORDER BY leaf_index LIMIT :some) part"
)
_LOST = sa.text(
    "INSERT INTO seal_queue (org_id, event_id) SELECT org_id, id FROM event "
    "WHERE org_id = :org_id AND id > :after AND id <= :last ON CONFLICT DO NOTHING"
)
_EVENTS = sa.text(
    "SELECT max(id), count(*) FROM ("
    "SELECT id FROM event WHERE org_id = :org_id AND id > :after ORDER BY id LIMIT :some) part"
)


def _stream(connection: Connection, query: sa.Select[tuple[int]]) -> Iterator[int]:
    return iter(connection.scalars(query.execution_options(yield_per=_AT_ONCE)))


@contextmanager
def _snapshot(engine: Engine) -> Iterator[Connection]:
    """Give a connection that sees one state of everything for as long as the block lasts."""
    if engine.dialect.name == "sqlite":
        with transactions.reading(), engine.connect() as connection:
            yield connection
    else:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            yield connection
