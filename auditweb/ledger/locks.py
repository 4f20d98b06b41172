"""Work that one process at a time may do, on however many machines: gone with it, should it be killed."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TextIO

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

Work = Literal["sealer", "repair", "purge", "exports", "review", "webhooks"]

_KEYS: dict[Work, int] = {  # PostgreSQL's names for locks
    "sealer": 0x61756469_74736C72,
    "repair": 0x61756469_74727072,
    "purge": 0x61756469_74707267,
    "exports": 0x61756469_74657870,
    "review": 0x61756469_74727677,
    "webhooks": 0x61756469_74776863,
}


class UnderRepairError(Exception):
    """A repair of the same ledger is at work, or was cut short and has to be finished first."""


@contextmanager
def only_one(engine: Engine, work: Work) -> Iterator[Callable[[], bool]]:
    """Try to become the one that does *work*; what is given tells whether that succeeded and still holds."""
    if engine.dialect.name == "sqlite":
        with Path(f"{engine.url.database}-{work}").open("w") as file:
            yield lambda: _take(file)
    else:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            try:
                yield lambda: _take_advisory(connection, _KEYS[work])
            finally:
                connection.invalidate()  # in the pool it would keep the lock, which nobody could take any more


def _take(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held already, it is taken once more
    except BlockingIOError:
        return False
    return True


def _take_advisory(connection: Connection, key: int) -> bool:
    """Ask for the lock, or whether it is still held: it is the session's, and gone with the connection."""
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted"
    if connection.scalar(sa.text(held)):
        return True
    return bool(connection.scalar(sa.text("SELECT pg_try_advisory_lock(:key)"), {"key": key}))
