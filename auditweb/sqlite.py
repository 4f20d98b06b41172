"""
SQLite: how its connections are prepared, take their turns at writing, and are kept from altering what is recorded.
"""

import math
import random
import sqlite3
import time
from functools import partial
from typing import cast

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import ConnectionPoolEntry

from auditweb import transactions

BUSY_TIMEOUT = 10  # seconds a SQLite writer waits for its turn
STEPS_BETWEEN_LOOKS = 50_000  # of its virtual machine, a millisecond or two, from one look at the clock to the next

_SETTINGS = (
    "synchronous = FULL",
    "foreign_keys = ON",
    "recursive_triggers = ON",
    "temp_store = MEMORY",  # where a statement with triggers notes what it may have to take back: a file took longer
    "wal_autocheckpoint = 4000",  # pages, 16 MB: at the usual 1,000, what each batch changes is copied too often
)


def install(engine: Engine, *, guarded: bool, limited: bool) -> None:
    """Prepare every connection that *engine* opens; see `database.install`."""
    event.listen(engine, "connect", partial(_prepare, guarded))
    event.listen(engine, "begin", _begin)
    event.listen(engine, "checkin", _end)
    if limited:
        event.listen(engine, "connect", _watch)
        event.listen(engine, "before_cursor_execute", _start_watch)


def _prepare(guarded: bool, connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # or the driver begins transactions itself, late and deferred
    if not _takes_turn(connection, wal := "PRAGMA journal_mode = WAL"):  # on a new file; SQLite itself would not wait
        connection.execute(wal).close()  # the last try, whose failure is reported
    for pragma in _SETTINGS:
        connection.execute(f"PRAGMA {pragma}").close()
    if guarded:
        # Where a list is asked for: SQLite declares this table at its first use, which the guard would refuse.
        connection.execute("SELECT value FROM json_each('[]')").close()
        connection.set_authorizer(_authorise)


def _begin(connection: Connection) -> None:
    # Taking the lock at once makes a writer wait for its turn; taking it later would fail where another was quicker.
    if transactions.is_reading():
        connection.exec_driver_sql("BEGIN")
    elif not _takes_turn(cast(sqlite3.Connection, connection.connection.driver_connection), "BEGIN IMMEDIATE"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # the last try, whose failure SQLAlchemy reports


def _takes_turn(connection: sqlite3.Connection, statement: str) -> bool:
    """
    Execute what one at a time may, as soon as no other does; False after BUSY_TIMEOUT in vain.

    SQLite's own waiting looks ten times a second, and misses its turn for long where others write one transaction after
    the other: of four of them on a busy machine, one waited its ten seconds in vain.
    """
    give_up_at = time.monotonic() + BUSY_TIMEOUT
    connection.execute("PRAGMA busy_timeout = 0").close()
    try:
        while True:
            try:
                connection.execute(statement).close()
                return True
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at:
                    return False
            time.sleep(random.uniform(0.0005, 0.003))
    finally:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT * 1000}").close()


def _end(connection: sqlite3.Connection | None, _record: object) -> None:
    # A COMMIT that SQLite refuses leaves the transaction open, and SQLAlchemy takes it for ended: the lock would stay.
    if connection is not None and connection.in_transaction:
        connection.rollback()


class _Watch:
    """The moment from which on SQLite ends what a connection is at."""

    __slots__ = ("until",)

    def __init__(self) -> None:
        self.until = math.inf

    def is_over(self) -> bool:
        return time.monotonic() > self.until


def _watch(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
    record.info["watch"] = watch = _Watch()
    connection.set_progress_handler(watch.is_over, STEPS_BETWEEN_LOOKS)


def _start_watch(connection: Connection, *_: object) -> None:
    # What writes is not ended: it had to wait for its turn, and would undo its transaction.
    limit = transactions.STATEMENT_TIMEOUT if transactions.is_reading() else math.inf
    connection.info["watch"].until = time.monotonic() + limit


_ORDINARY = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_TRANSACTION,
    sqlite3.SQLITE_SAVEPOINT,
    sqlite3.SQLITE_RECURSIVE,
}
_KEPT = {"event", "leaf", "purge", "alembic_version"}
_HARMLESS = {
    "busy_timeout",
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "table_info",
    "table_list",
    "table_xinfo",
}


def _authorise(deed: int, first: str | None, second: str | None, _database: str | None, _trigger: str | None) -> int:
    """
    Let the server's connections read, write ordinary rows and add events; refuse all else.

    All else is every change of the schema (temporary tables and triggers included: they could stand before the real
    ones), ATTACH, all PRAGMAs that alter more than a writer's patience, and changing or deleting what is recorded.
    """
    if deed in _ORDINARY:
        allowed = second != "load_extension"
    elif deed == sqlite3.SQLITE_INSERT:
        allowed = first in {"event", "leaf"} or (first not in _KEPT and not str(first).startswith("sqlite_"))
    elif deed in {sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}:
        allowed = first not in _KEPT and not str(first).startswith("sqlite_")
    elif deed == sqlite3.SQLITE_PRAGMA:
        allowed = second is None or first in _HARMLESS
    else:
        allowed = False
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
