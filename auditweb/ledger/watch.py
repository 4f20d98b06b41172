"""Sealing without end: a thread of the server, of which one among all workers and machines does the work at a time."""

import fcntl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import sqlalchemy as sa
import structlog
from sqlalchemy import Connection, Engine

from auditweb import database
from auditweb.ledger.sealer import Sealer

PAUSE = 0.5  # seconds between looks at the queue
_PAUSE_AFTER_FAILURE = 5.0
_LEADER = 0x61756469_74736C72  # PostgreSQL's name for the lock of the one that works

_log = structlog.stdlib.get_logger("auditweb.sealer")


def watch(engine: Engine, stopping: threading.Event, progress: Callable[[int], object] = lambda _: None) -> None:
    """Seal whatever comes until *stopping* is set. Failures are logged, and it is tried again."""
    sealer = Sealer(engine)
    while not stopping.is_set():
        try:
            with _leadership(engine) as leads:
                while leads() and not stopping.is_set():
                    sealer.run(progress, stopped=stopping.is_set)
                    stopping.wait(PAUSE)
        except Exception:  # noqa: BLE001 - whatever it was, entries must be sealed once it is over
            _log.exception("sealing failed")
            stopping.wait(_PAUSE_AFTER_FAILURE)
        stopping.wait(PAUSE)


class SealingThread(threading.Thread):
    """Seals the logs of the database at *url* for as long as the process serves."""

    def __init__(self, url: str) -> None:
        super().__init__(name="sealer", daemon=True)
        self._url = url
        self._stopping = threading.Event()

    def run(self) -> None:
        with database.patient_engine(self._url) as engine:
            watch(engine, self._stopping)

    def stop(self, *, within: float) -> None:
        """Let the batch under way be the last; wait so many seconds for it at most."""
        self._stopping.set()
        self.join(within)


@contextmanager
def _leadership(engine: Engine) -> Iterator[Callable[[], bool]]:
    """Try to become the one that works; what is given tells whether that succeeded and still holds."""
    if engine.dialect.name == "sqlite":
        with _lock_file(engine).open("w") as file:
            yield lambda: _take(file)
    else:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield lambda: _take_advisory(connection)


def _lock_file(engine: Engine) -> Path:
    return Path(f"{engine.url.database}-sealer")


def _take(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held already, it is taken once more
    except BlockingIOError:
        return False
    return True


def _take_advisory(connection: Connection) -> bool:
    """Ask for the lock, or whether it is still held: it is the session's, and gone with the connection."""
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted"
    if connection.scalar(sa.text(held)):
        return True
    return bool(connection.scalar(sa.text("SELECT pg_try_advisory_lock(:key)"), {"key": _LEADER}))
