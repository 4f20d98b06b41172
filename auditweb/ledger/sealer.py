"""
The sealer: takes committed events off the queue and into the order, the counts and the search index of their log.

A batch is one transaction under the lock of the organisation's head, so a sealer that is killed at any moment loses
and doubles nothing, and any number of them may run. Writers never wait for one on PostgreSQL; on SQLite, where all who
write take turns, a batch is worked out beforehand and its turn lasts as long as writing it down does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Row, Table

from auditweb import rows, transactions
from auditweb.ledger import index, marks
from auditweb.models import Event, Leaf, LogHead, SealQueue
from auditweb.reading.postings import ENTRY_COLUMNS, Entry

_SMALLEST, _LARGEST = 200, 20_000  # events in a batch
_TURN = {"sqlite": 0.04, "postgresql": 1.0}  # seconds that writing a batch should take

_event, _queue = cast(Table, Event.__table__), cast(Table, SealQueue.__table__)
_head, _leaf = cast(Table, LogHead.__table__), cast(Table, Leaf.__table__)

Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class _Batch:
    """What sealing some events takes: *taken* are the ids on the queue, *events* those of them that are still there."""

    org_id: int
    taken: list[int]
    events: list[Row[Any]]
    counts: marks.Plan
    words: index.Plan

    def write(self, connection: Connection) -> None:
        if not self.taken:
            return
        head = connection.execute(_head_of(self.org_id)).one()
        new = [event.id for event in self.events if event.leaf_index is None]
        leaves = [(self.org_id, head.size + place, event_id) for place, event_id in enumerate(new)]
        rows.add(connection, _leaf, leaves)
        self.counts.write(connection)
        index.write(connection, self.words)
        gone = rows.remove(connection, _queue, [(self.org_id, event_id) for event_id in self.taken])
        if gone != len(self.taken):
            raise RuntimeError(f"organisation {self.org_id}: the queue changed under the lock of its head")
        changed = {"size": head.size + len(leaves), "revision": head.revision + 1}
        connection.execute(sa.update(_head).where(_head.c.org_id == self.org_id).values(changed))


class Sealer:
    """
    Seals all logs of one database, batch by batch.

    It remembers how large a batch may be so that writing it takes about as long as it should.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._size = _SMALLEST
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
        while True:
            began, batch = self._seal(org_id)
            if batch is not None:
                self._fit(perf_counter() - began, len(batch.events))
                return len(batch.taken)

    def _seal(self, org_id: int) -> tuple[float, _Batch | None]:
        """Return when the writing of a batch began, and the batch; none if another sealer was quicker."""
        if self._engine.dialect.name == "postgresql":
            began = perf_counter()
            with self._engine.begin() as connection:
                batch = _prepare(connection, org_id, self._room(lock_head(connection, org_id)))
                batch.write(connection)
            return began, batch
        with transactions.reading(), self._engine.connect() as connection:
            head = connection.execute(_head_of(org_id)).first()
            batch = _prepare(connection, org_id, self._room(head))
        if not batch.taken:
            return perf_counter(), batch
        began = perf_counter()
        with self._engine.begin() as connection:
            if lock_head(connection, org_id).revision != (head.revision if head else 0):
                return began, None
            batch.write(connection)
        return began, batch

    def _room(self, head: Row[Any] | None) -> int:
        """Return how many events may be sealed at once: none while the counts are being mended."""
        if head is None or not head.mending:
            return self._size
        self.held_up.add(head.org_id)
        return 0

    def _next(self, org_id: int) -> int | None:
        """Return the next organisation with a queue."""
        with transactions.reading(), self._engine.connect() as connection:
            found = connection.scalar(sa.select(sa.func.min(_queue.c.org_id)).where(_queue.c.org_id > org_id))
        return None if found is None else int(found)

    def _fit(self, seconds: float, events: int) -> None:
        if events == self._size:
            wanted = int(events * _TURN[self._engine.dialect.name] / max(seconds, 0.001))
            self._size = min(max(wanted, _SMALLEST, self._size // 2), self._size * 2, _LARGEST)


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


def lock_head(connection: Connection, org_id: int) -> Row[Any]:
    """Take the lock of an organisation's head, which is made if it has none."""
    query = _head_of(org_id).with_for_update()
    if (head := connection.execute(query).first()) is not None:
        return head
    new = {"org_id": org_id, "size": 0, "revision": 0, "mending": 0}
    connection.execute(sa.text(_NEW_HEAD), new)
    return connection.execute(query).one()


def _head_of(org_id: int) -> sa.Select[Any]:
    return sa.select(_head).where(_head.c.org_id == org_id)


_NEW_HEAD = (
    "INSERT INTO log_head (org_id, size, revision, mending) VALUES (:org_id, :size, :revision, :mending) "
    "ON CONFLICT DO NOTHING"
)
