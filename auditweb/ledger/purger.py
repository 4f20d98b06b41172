"""
Purging: the oldest entries of a log go, and with them what the ledger tells of them; or all of it does.

It takes turns (`turns`). After each batch, the last one of a purge that was killed included, the log is what it would
be had the purge been meant to end there: what readers count, find and leaf through is exact. The leaves of entries
that are gone stay, since the order is there to prove that nothing was taken out of the middle; only erasing a whole
log takes them, from the newest back.

The engine is the operator's (`database.operator_engine`): the server may not delete.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import cast

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Table

from auditweb import clock, ids, rows, transactions
from auditweb.ledger import index, marks
from auditweb.ledger.locks import UnderRepairError
from auditweb.ledger.turns import Head, OutrunError, Turns, change_head, lock_head
from auditweb.models import Event, Leaf, LogHead, Mark, Posting, Purge, SealQueue, Segment, Tally
from auditweb.reading import postings
from auditweb.reading.postings import Entry

Progress = Callable[[int], object]
Note = Callable[[Connection, int, int], object]
"""Writes what else belongs in the transaction of a batch, which is of so many entries, the last of them this one."""

_AT_ONCE = 5_000  # rows of an erased log in a transaction

_event, _queue = cast(Table, Event.__table__), cast(Table, SealQueue.__table__)
_head, _leaf, _purge = cast(Table, LogHead.__table__), cast(Table, Leaf.__table__), cast(Table, Purge.__table__)
_posting = cast(Table, Posting.__table__)
_DERIVED = [cast(Table, model.__table__) for model in (Mark, Tally, Posting, Segment, SealQueue)]


def purge(
    engine: Engine,
    org_id: int,
    up_to_id: int,
    *,
    who: str,
    why: str,
    progress: Progress = lambda _: None,
    note: Note = lambda *_: None,
) -> int:
    """
    Remove all entries of an organisation with ids up to *up_to_id*, itself included, and return how many they were.

    Entries with such ids that are recorded meanwhile go too. *progress* is told how many each batch was; each leaves a
    row in the table of purges that says *who* and *why*. Killed at any moment, a purge is a shorter one: do it again.
    *note* is called in the transaction of each batch: what it writes is exact whenever a purge is killed, and what it
    raises ends the purge before that batch.

    Raises UnderRepairError while the ledger is being repaired, or when a repair of it was cut short.
    """
    turns, deed, total = Turns(engine), _Deed(org_id, up_to_id, who, why, note), 0
    while _has_any(engine, org_id, up_to_id):
        after = -1
        while batch := turns.take(org_id, partial(_prepare, deed, after)):
            after = batch.last_id  # what came late before it is found the next time round
            total += len(batch)
            progress(len(batch))
    while is_untidy(engine, org_id) and turns.take(org_id, partial(_prepare_tidying, org_id)):
        pass
    return total


def count_up_to(engine: Engine, org_id: int, up_to_id: int) -> int:
    """Return how many entries `purge` would remove now: as often its *progress* is told of one."""
    with transactions.reading(), engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).where(*_span(org_id, -1, up_to_id))) or 0


def is_untidy(engine: Engine, org_id: int) -> bool:
    """Tell whether a purge was killed before it took the last words of what is gone out of the search index."""
    noted = sa.select(_posting.c.word).where(_posting.c.org_id == org_id, _posting.c.word == postings.GONE).limit(1)
    with transactions.reading(), engine.connect() as connection:
        return connection.execute(noted).first() is not None


def erase(engine: Engine, org_id: int, *, who: str, why: str, progress: Progress = lambda _: None) -> int:
    """
    Remove an organisation's whole log, its order included, and return how many entries that were.

    Rows in the table of purges are what remains. Killed at any moment, it leaves a sound log, empty or shorter: do it
    again. It ends once nothing is recorded any more. It raises what `purge` does.
    """
    deed, total = _Deed(org_id, ids.LAST_ID, who, why), 0
    while True:
        total += purge(engine, org_id, ids.LAST_ID, who=who, why=why, progress=progress)
        if _dismantle(engine, deed, progress):
            return total


def count_to_erase(engine: Engine, org_id: int) -> int:
    """Return how often *progress* of `erase` would be told of something: of each entry, and each place in the order."""
    with transactions.reading(), engine.connect() as connection:
        leaves = connection.scalar(sa.select(_head.c.size).where(_head.c.org_id == org_id)) or 0
    return leaves + count_up_to(engine, org_id, ids.LAST_ID)


@dataclass(frozen=True, slots=True)
class _Deed:
    """What is to be purged, and what is put on record about it."""

    org_id: int
    up_to_id: int
    who: str
    why: str
    note: Note = lambda *_: None


@dataclass(frozen=True, slots=True)
class _Batch:
    """
    All events of an organisation in a span of ids, which begins after *after*, and what their going takes.

    *waiting* are those on the queue, *new* those of them that have no leaf.
    """

    deed: _Deed
    after: int
    events: Sequence[Entry]
    waiting: Sequence[int]
    new: Sequence[int]
    counts: marks.Removal
    words: index.Removal

    def __len__(self) -> int:
        return len(self.events)

    @property
    def last_id(self) -> int:
        return self.events[-1][0]

    def write(self, connection: Connection, head: Head) -> None:
        org_id = self.deed.org_id
        with _leave(connection, self.deed, self.last_id):
            self._delete(connection)
            rows.remove(connection, _queue, org_id, [(event_id,) for event_id in self.waiting])
            # What was never sealed gets its place all the same: who reads by the order learns that it was there.
            leaves = [(org_id, head.size + place, event_id) for place, event_id in enumerate(self.new)]
            rows.add(connection, _leaf, leaves)
            self.counts.write(connection)
            self.words.write(connection)
            change_head(connection, head, size=head.size + len(leaves))
            self.deed.note(connection, len(self), self.last_id)

    def _delete(self, connection: Connection) -> None:
        if connection.dialect.name == "postgresql":  # others may be recording in the same span
            rows.remove(connection, _event, self.deed.org_id, [event[:1] for event in self.events])
            return
        span = _span(self.deed.org_id, self.after, self.last_id)
        if connection.execute(sa.delete(_event).where(*span)).rowcount != len(self.events):  # quicker than one by one
            raise OutrunError


def _prepare(deed: _Deed, after: int, connection: Connection, head: Head | None, size: int) -> _Batch:
    _refuse_repair(head)
    org_id = deed.org_id
    found = sa.select(*index.COLUMNS).where(*_span(org_id, after, deed.up_to_id)).order_by(_event.c.id).limit(size)
    events = [cast(Entry, tuple(row)) for row in connection.execute(found)]
    waiting = _find_waiting(connection, org_id, {event[0] for event in events})
    sealed = [event for event in events if event[0] not in waiting] if waiting else events
    actors = [(event_id, category, f"{type_}:{id_}") for event_id, category, _, _, _, type_, id_, *_ in sealed]
    return _Batch(
        deed,
        after,
        events,
        sorted(waiting),
        _in_order(connection, org_id, [event_id for event_id, leaf_index in waiting.items() if leaf_index is None]),
        marks.prepare_removal(connection, org_id, actors),
        index.prepare_removal(connection, org_id, sealed, deed.up_to_id),
    )


@dataclass(frozen=True, slots=True)
class _Tidying:
    """What taking the words of events that are gone out of one segment takes, if there is any such."""

    words: index.Removal | None

    def __len__(self) -> int:
        return 0 if self.words is None else 1

    def write(self, connection: Connection, head: Head) -> None:
        assert self.words is not None
        self.words.write(connection)
        change_head(connection, head)


def _prepare_tidying(org_id: int, connection: Connection, head: Head | None, _size: int) -> _Tidying:
    _refuse_repair(head)
    return _Tidying(index.prepare_tidying(connection, org_id))


def _refuse_repair(head: Head | None) -> None:
    if head is not None and head.mending:
        raise UnderRepairError(f"organisation {head.org_id}: a repair is at work, or was cut short")


def _find_waiting(connection: Connection, org_id: int, event_ids: set[int]) -> dict[int, int | None]:
    """Return those of these events that are on the queue, with their places in the order if they have one."""
    if not event_ids:
        return {}
    waiting = sa.select(_queue.c.event_id, _queue.c.leaf_index).where(_queue.c.org_id == org_id)
    waiting = waiting.where(_queue.c.event_id >= min(event_ids), _queue.c.event_id <= max(event_ids))
    return {event_id: leaf_index for event_id, leaf_index in connection.execute(waiting) if event_id in event_ids}


def _in_order(connection: Connection, org_id: int, event_ids: Sequence[int]) -> list[int]:
    """Return events in the order in which a sealer would take them."""
    keys = [(event_id,) for event_id in event_ids]
    query = """
        WITH asked (id) AS ({keys})
        SELECT e.recorded_at, e.id FROM asked JOIN event e ON e.org_id = ? AND e.id = asked.id
    """
    return [event_id for _, event_id in sorted(rows.find(connection, query, ("bigint",), keys, org_id))]


def _has_any(engine: Engine, org_id: int, up_to_id: int) -> bool:
    with transactions.reading(), engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.min(_event.c.id)).where(*_span(org_id, -1, up_to_id))) is not None


def _span(org_id: int, after: int, last: int) -> tuple[sa.ColumnElement[bool], ...]:
    return _event.c.org_id == org_id, _event.c.id > after, _event.c.id <= last


@contextmanager
def _leave(connection: Connection, deed: _Deed, up_to_id: int) -> Iterator[None]:
    """Let events with ids up to *up_to_id*, and leaves, be deleted within the block, and keep a record of it."""
    given = {"org_id": deed.org_id, "up_to_id": up_to_id, "who": deed.who, "why": deed.why}
    begun = sa.insert(_purge).values(**given, started_at=clock.now()).returning(_purge.c.id)
    number = connection.execute(begun).scalar_one()
    yield
    connection.execute(sa.update(_purge).where(_purge.c.id == number).values(finished_at=clock.now()))


def _dismantle(engine: Engine, deed: _Deed, progress: Progress) -> bool:
    """Delete what is kept of a log without entries, its head last; False if one was recorded meanwhile."""
    org_id = deed.org_id
    while True:
        with engine.begin() as connection:
            head = lock_head(connection, org_id)
            _refuse_repair(head)
            if connection.execute(sa.select(_event.c.id).where(_event.c.org_id == org_id).limit(1)).first():
                return False
            leaves = _take_leaves(connection, deed, head)
            # Of a sound ledger nothing else is left.
            if not leaves and not any(rows.remove_some(connection, table, org_id, _AT_ONCE) for table in _DERIVED):
                connection.execute(sa.delete(_head).where(_head.c.org_id == org_id))
                return True
        progress(leaves)


def _take_leaves(connection: Connection, deed: _Deed, head: Head) -> int:
    """Delete the last leaves of an order, and return how many."""
    mine = sa.select(_leaf).where(_leaf.c.org_id == deed.org_id)
    last = mine.order_by(_leaf.c.leaf_index.desc()).limit(_AT_ONCE).subquery().c
    first, newest = connection.execute(sa.select(sa.func.min(last.leaf_index), sa.func.max(last.event_id))).one()
    if first is None:
        return 0
    with _leave(connection, deed, newest):
        gone = sa.delete(_leaf).where(_leaf.c.org_id == deed.org_id, _leaf.c.leaf_index >= first)
        number = connection.execute(gone).rowcount
        change_head(connection, head, size=first)
    return number
