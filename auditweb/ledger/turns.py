"""
Turns at an organisation's ledger: a batch is one transaction under the lock of its head.

So whoever is killed at any moment loses and doubles nothing, and any number may be at work. Those who record never wait
for one on PostgreSQL; on SQLite, where all who write take turns, a batch is worked out beforehand and its turn lasts as
long as writing it down does.
"""

from collections.abc import Callable, Sized
from time import perf_counter, time_ns
from typing import Any, Protocol, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Row, Table

from auditweb import transactions
from auditweb.models import LogHead

SMALLEST, LARGEST = 200, 20_000  # events in a batch
_TURN = {"sqlite": 0.04, "postgresql": 1.0}  # seconds that writing a batch should take

_head = cast(Table, LogHead.__table__)

Head = Row[Any]


class OutrunError(Exception):
    """What was worked out beforehand is not so any more, though the head is the same."""


class Batch(Sized, Protocol):
    """What is to be done to some events; nothing is if there are none."""

    def write(self, connection: Connection, head: Head) -> None:
        """Do it, under the lock of the organisation's *head*, whose revision this changes; it may be outrun."""


_B = TypeVar("_B", bound=Batch)
Prepare = Callable[[Connection, Head | None, int], _B]
"""Works out a batch of so many events at most and writes nothing. It is good for as long as the head stays as it is."""


class Turns:
    """Takes turns, and remembers how large a batch may be so that its turn takes about as long as it should."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._size = SMALLEST

    def take(self, org_id: int, prepare: Prepare[_B]) -> _B:
        """Write what *prepare* works out, and return it."""
        if self._engine.dialect.name == "postgresql":
            return self._work_under_lock(org_id, prepare, self._size)
        batch = self._work_beforehand(org_id, prepare)
        # Against others who are always quicker, a few events are what one can be sure of.
        return self._work_under_lock(org_id, prepare, SMALLEST) if batch is None else batch

    def _work_beforehand(self, org_id: int, prepare: Prepare[_B]) -> _B | None:
        """Return the batch, or None if there is no head yet or it was changed before the batch could be written."""
        with transactions.reading(), self._engine.connect() as connection:
            head = connection.execute(_head_of(org_id)).first()
            batch = prepare(connection, head, self._size)
        if not len(batch) or head is None:
            return None if len(batch) else batch
        began = perf_counter()
        try:
            with self._engine.begin() as connection:
                locked = lock_head(connection, org_id)
                if locked.revision != head.revision:
                    return None
                batch.write(connection, locked)
        except OutrunError:
            return None
        self._fit(perf_counter() - began, len(batch))
        return batch

    def _work_under_lock(self, org_id: int, prepare: Prepare[_B], size: int) -> _B:
        began = perf_counter()
        with self._engine.begin() as connection:
            head = lock_head(connection, org_id)
            batch = prepare(connection, head, size)
            if len(batch):
                batch.write(connection, head)
        self._fit(perf_counter() - began, len(batch))
        return batch

    def _fit(self, seconds: float, events: int) -> None:
        if events > self._size // 2:
            wanted = int(events * _TURN[self._engine.dialect.name] / max(seconds, 0.001))
            self._size = min(max(wanted, SMALLEST, self._size // 2), self._size * 2, LARGEST)


def lock_head(connection: Connection, org_id: int) -> Head:
    """Take the lock of an organisation's head, which is made if it has none."""
    query = _head_of(org_id).with_for_update()
    if (head := connection.execute(query).first()) is not None:
        return head
    # What was counted is remembered by revision: of a log that was erased and begins anew none may come again.
    new = {"org_id": org_id, "size": 0, "revision": time_ns() // 1_000_000, "mending": 0}
    connection.execute(sa.text(_NEW_HEAD), new)
    return connection.execute(query).one()


def change_head(connection: Connection, head: Head, **values: int) -> None:
    """Set *values* of a head whose lock is held, and let its revision grow."""
    changed = {"revision": head.revision + 1, **values}
    connection.execute(sa.update(_head).where(_head.c.org_id == head.org_id).values(changed))


def _head_of(org_id: int) -> sa.Select[Any]:
    return sa.select(_head).where(_head.c.org_id == org_id)


_NEW_HEAD = (
    "INSERT INTO log_head (org_id, size, revision, mending) VALUES (:org_id, :size, :revision, :mending) "
    "ON CONFLICT DO NOTHING"
)
