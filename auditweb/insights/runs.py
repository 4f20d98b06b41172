"""
Reviewing logs as they grow: reads on from where the review stands, stretch by stretch.

What a stretch shows, what is remembered after it and how far it goes are one transaction: whoever is killed at any
moment loses and doubles nothing. Whether one or several are at work does not matter, but that they do it in vain.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Final, cast

from sqlalchemy import Engine, Table

from auditweb import clock, courtesy, transactions
from auditweb.insights import storage
from auditweb.insights.detectors.desk import SpotOf
from auditweb.insights.entries import Entry
from auditweb.insights.memory import Memory
from auditweb.insights.reviewing import Reviewer
from auditweb.insights.storage import Log, OvertakenError
from auditweb.models import Event
from auditweb.reading import leaves

Progress = Callable[[int], object]

AT_ONCE: Final = 1_000  # places that are read at once
STRETCH: Final = 10 * AT_ONCE  # after so many at most, what is remembered is kept: a megabyte or more in a busy log
TURN: Final = 1.0  # seconds after which a stretch is over at the latest, as other logs wait
TICK: Final = 60.0  # seconds between looks at what is waited for, in a log to which nothing comes
FORGET_EVERY: Final = 3600.0
_MOST_KNOWN: Final = 5_000  # subjects that are remembered from one stretch to the next

_event = cast(Table, Event.__table__).c
_COLUMNS = tuple(_event[name] for name in Entry._fields)
_GIVE_WAY_EVERY: Final = 20


@dataclass(slots=True)
class _Known:
    """What is remembered of a log that is read up to *position* in its *run*-th reading."""

    position: int
    run: int
    zone: str
    memory: Memory
    reviewer: Reviewer
    ticked_at: float = -TICK
    forgot_at: float = -FORGET_EVERY
    forgot: int = 0


class Review:
    """Reviews all logs of one database."""

    def __init__(self, engine: Engine, spot_of: SpotOf = lambda _: None) -> None:
        self._engine = engine
        self._spot_of = spot_of
        self._known: dict[int, _Known] = {}

    def logs(self) -> list[Log]:
        with transactions.reading(), self._engine.connect() as connection:
            return storage.find_logs(connection)

    def run(self, progress: Progress = lambda _: None, *, stopped: Callable[[], bool] = lambda: False) -> int:
        """
        Read on in every log until its end or until *stopped* says so; return how many places, telling *progress*.

        They take turns, a stretch each: a log to which much comes holds up no other. What goes wrong with one does not
        keep the others, either: the first such error is raised at the end.
        """
        total, failed = 0, dict[int, Exception]()
        while not stopped():
            read = 0
            for log in self.logs():
                if log.org_id in failed or stopped():
                    continue
                try:
                    read += self._advance(log, progress)
                except Exception as error:  # noqa: BLE001 - it is raised below
                    error.add_note(f"while reviewing organisation {log.org_id}")
                    self._known.pop(log.org_id, None)
                    failed[log.org_id] = error
            total += read
            if not read:
                break
        for first in failed.values():
            raise first
        return total

    def _advance(self, log: Log, progress: Progress) -> int:
        """Take a log's turn: read its next stretch or, at its end, look after it; return how many places were read."""
        if read := self.read_on(log):
            progress(read)
        else:
            self._look_after(log)
        return read

    def read_on(self, log: Log) -> int:
        """Read the next stretch of a log and return how many places it had; 0 at its end."""
        known, position, over_at = self._known_of(log), log.position, monotonic() + TURN
        while position < min(log.size, log.position + STRETCH):
            position = self._hear(log, known, position)
            if monotonic() > over_at:
                break
        if position > log.position:
            self._keep(log, known, position)
        return position - log.position

    def _hear(self, log: Log, known: _Known, position: int) -> int:
        """Have the reviewer hear what stands from a position on, and return up to where."""
        with transactions.reading(), self._engine.connect() as connection:
            number = min(AT_ONCE, log.size - position)
            found = leaves.read_on(connection, log.org_id, position - 1, number, _COLUMNS)
            known.memory.load_with(lambda subject: storage.load(connection, log.org_id, subject))
            for number, row in enumerate(found):
                if row.id is not None:  # or it was purged since
                    known.reviewer.hear(Entry._make(row[2:]))
                if number % _GIVE_WAY_EVERY == 0:
                    courtesy.give_way()
        return found[-1].leaf_index + 1 if found else log.size

    def _look_after(self, log: Log) -> None:
        """See what is overdue in a log that is read to its end, and let go what is past its time."""
        known, now = self._known_of(log), monotonic()
        if log.run and now - known.forgot_at >= FORGET_EVERY:
            known.forgot_at = now
            self._forget(log, known)
        if log.waiting > 0 or now - known.ticked_at < TICK:
            return
        known.ticked_at = now
        with transactions.reading(), self._engine.connect() as connection:
            known.memory.load_with(lambda subject: storage.load(connection, log.org_id, subject))
            known.reviewer.reach(clock.now() - timedelta(seconds=TICK))  # what is recorded now is not sealed yet
        if known.reviewer.has_found:
            self._keep(log, known, log.position)

    def _forget(self, log: Log, known: _Known) -> None:
        with transactions.reading(), self._engine.connect() as connection:
            purged = storage.find_purged(connection, log.org_id)
        if purged != known.forgot:
            with self._engine.begin() as connection:
                storage.forget_purged(connection, log.org_id, purged)
            known.forgot = purged

    def _keep(self, log: Log, known: _Known, read_to: int) -> None:
        found, remembered = known.reviewer.take_found(), list(known.memory.take_touched())
        try:
            with self._engine.begin() as connection:
                storage.keep(connection, log, read_to, found, remembered, clock.now())
        except BaseException as error:
            self._known.pop(log.org_id, None)
            if isinstance(error, OvertakenError):
                return
            raise
        known.position, known.run = read_to, max(log.run, 1)
        if len(known.memory) > _MOST_KNOWN:
            del self._known[log.org_id]

    def _known_of(self, log: Log) -> _Known:
        known = self._known.get(log.org_id)
        if known is None or (known.position, known.run, known.zone) != (log.position, log.run, log.zone):
            memory = Memory()
            reviewer = Reviewer(memory, log.zone, self._spot_of)
            known = self._known[log.org_id] = _Known(log.position, log.run, log.zone, memory, reviewer)
        return known


def begin_again(engine: Engine) -> None:
    """Have every log read from its beginning: findings that are not found again go, unless something was decided."""
    with transactions.reading(), engine.connect() as connection:
        logs = storage.find_logs(connection)
    for log in logs:
        with engine.begin() as connection:
            storage.begin_again(connection, log.org_id)
