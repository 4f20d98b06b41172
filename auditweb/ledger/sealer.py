"""
The sealer: takes committed events off the queue and into the order, the counts and the search index of their log.

It takes turns (`turns`), so that one which is killed at any moment loses and doubles nothing, and any number may run.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Row, Table

from auditweb import rows, transactions
from auditweb.ledger import index, marks
from auditweb.ledger.turns import Head, Turns, change_head
from auditweb.models import Event, Leaf, SealQueue
from auditweb.reading.postings import ENTRY_COLUMNS, Entry

_event, _queue = cast(Table, Event.__table__), cast(Table, SealQueue.__table__)
_leaf = cast(Table, Leaf.__table__)

Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class _Batch:
    """What sealing some events takes: *taken* are the ids on the queue, *events* those of them that are still there."""

    org_id: int
    taken: list[int]
    events: list[Row[Any]]
    counts: marks.Plan
    words: index.Plan

    def __len__(self) -> int:
        return len(self.taken)

    def write(self, connection: Connection, head: Head) -> None:
        new = [event.id for event in self.events if event.leaf_index is None]
        leaves = [(self.org_id, head.size + place, event_id) for place, event_id in enumerate(new)]
        rows.add(connection, _leaf, leaves)
        self.counts.write(connection)
        index.write(connection, self.words)
        gone = rows.remove(connection, _queue, self.org_id, [(event_id,) for event_id in self.taken])
        if gone != len(self.taken):
            raise RuntimeError(f"organisation {self.org_id}: the queue changed under the lock of its head")
        change_head(connection, head, size=head.size + len(leaves))


class Sealer:
    """Seals all logs of one database, batch by batch."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turns = Turns(engine)
        self.held_up: set[int] = set()
        """Organisations whose events wait until a repair of their counts is finished."""

    def run(self, progress: Progress = lambda _: None, *, stopped: Callable[[], bool] = lambda: False) -> int:
        """
        Seal until nothing is left or *stopped* says so; return how many, telling *progress* after each batch.

        What goes wrong with one organisation does not keep the others: the first such error is raised at the end.
        """
        self.held_up.clear()
        total, org_id, failed = 0, self._next(0), None
        while org_id is not None and not stopped():
            try:
                while not stopped() and (sealed := self.seal_batch(org_id)):
                    total += sealed
                    progress(sealed)
            except Exception as error:  # noqa: BLE001 - it is raised below
                error.add_note(f"while sealing organisation {org_id}")
                failed = failed or error
            org_id = self._next(org_id)
        if failed is not None:
            raise failed
        return total

    def count_waiting(self) -> int:
        """Return how many events wait, in all queues."""
        with transactions.reading(), self._engine.connect() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(_queue)) or 0

    def seal_batch(self, org_id: int) -> int:
        """Seal the oldest events that wait in an organisation's queue and return how many; 0 if nothing was to do."""
        return len(self._turns.take(org_id, partial(self._prepare, org_id)))

    def _prepare(self, org_id: int, connection: Connection, head: Head | None, size: int) -> _Batch:
        """Work out the next batch, which is empty while the counts are being mended."""
        if head is not None and head.mending:
            self.held_up.add(org_id)
            size = 0
        return _prepare(connection, org_id, size)

    def _next(self, org_id: int) -> int | None:
        """Return the next organisation with a queue."""
        with transactions.reading(), self._engine.connect() as connection:
            found = connection.scalar(sa.select(sa.func.min(_queue.c.org_id)).where(_queue.c.org_id > org_id))
        return None if found is None else int(found)


def _prepare(connection: Connection, org_id: int, size: int) -> _Batch:
    waiting = (
        sa.select(_queue.c.event_id, _queue.c.leaf_index)
        .where(_queue.c.org_id == org_id)
        .order_by(_queue.c.event_id)
        .limit(size)
    ).subquery()
    there = sa.and_(_event.c.org_id == org_id, _event.c.id == waiting.c.event_id)
    query = sa.select(waiting, _event.c.recorded_at, *index.COLUMNS)
    found: Sequence[Row[Any]] = connection.execute(query.select_from(waiting.outerjoin(_event, there))).all()
    events = sorted((row for row in found if row.id is not None), key=lambda row: (row.recorded_at, row.id))
    return _Batch(
        org_id,
        [row.event_id for row in found],
        events,
        marks.prepare(connection, org_id, [(e.id, e.category, f"{e.actor_type}:{e.actor_id}") for e in events]),
        index.prepare(connection, org_id, [cast(Entry, tuple(event[-len(ENTRY_COLUMNS) :])) for event in events]),
    )
