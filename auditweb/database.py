"""
The databases: how connections to SQLite and PostgreSQL are made, begun and guarded, and how the schema gets current.

An engine comes from `operator_engine` (migrations, purges, loading a demo) or from `engine_options` and `install` (the
server). The server's SQLite connections are guarded: they cannot change the schema or touch what is already recorded.
The same is done on PostgreSQL by giving the server a role of its own, with `grants`.
"""

import json
import math
import os
import random
import select
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any, cast

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, ExceptionContext, make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

MIGRATIONS = Path(__file__).resolve().parent / "migrations"
BUSY_TIMEOUT = 10  # seconds a SQLite writer waits for its turn
IDLE_UNTIL_ASKED = 5  # seconds after which a pooled PostgreSQL connection is checked before use
STATEMENT_TIMEOUT = 3  # seconds a request's statement may take; on SQLite one that only reads
STEPS_BETWEEN_LOOKS = (
    50_000  # of SQLite's virtual machine, a millisecond or two, from one look at the clock to the next
)

_UPGRADE_LOCK = 0x61756469_74776562  # one upgrade at a time; the number is "auditweb"
_reading: ContextVar[bool] = ContextVar("reading", default=False)


class TooSlow(sa.exc.SQLAlchemyError):
    """A statement was ended because it took longer than a request may wait. The connection is good afterwards."""


class UnusableError(Exception):
    """The database cannot be reached, or not be read or changed; the text is one sentence without its password."""


def normalise_url(url: str) -> URL:
    """Return *url* with psycopg 3 as the driver of every PostgreSQL address; ValueError for other engines."""
    parsed = make_url(url)
    if parsed.drivername in {"postgres", "postgresql"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise ValueError("an SQLite database needs a file: every connection to :memory: would see a log of its own")
    if parsed.drivername not in {"sqlite", "sqlite+pysqlite", "postgresql+psycopg"}:
        raise ValueError("the database is SQLite (sqlite:///…) or PostgreSQL (postgresql://…)")
    return parsed


def engine_options(url: str, *, statement_timeout: int = STATEMENT_TIMEOUT) -> dict[str, Any]:
    """Return the keyword arguments of `create_engine` (SQLALCHEMY_ENGINE_OPTIONS) for *url*; 0 means no timeout."""
    options: dict[str, Any] = {"json_serializer": _json, "hide_parameters": True}  # errors end up in logs
    if normalise_url(url).get_backend_name() == "sqlite":
        return options | {"connect_args": {"timeout": BUSY_TIMEOUT, "cached_statements": 256}}
    settings = f"-c timezone=UTC -c statement_timeout={statement_timeout * 1000}"
    return options | {"connect_args": {"options": settings}, "skip_autocommit_rollback": True}


def install(engine: Engine, *, guarded: bool = True) -> None:
    """
    Prepare every connection that *engine* opens from now on; call it once, before the first.

    *guarded* is for the server: on SQLite its connections refuse all that could alter what is recorded, and end what
    only reads and takes too long. PostgreSQL is told so by the options of the engine.
    """
    event.listen(engine, "handle_error", _name_slowness)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", partial(_prepare_sqlite, guarded))
        event.listen(engine, "begin", _begin_sqlite)
        event.listen(engine, "checkin", _end_sqlite)
        if guarded:
            event.listen(engine, "connect", _watch_sqlite)
            event.listen(engine, "before_cursor_execute", _start_watch)
    else:
        event.listen(engine, "connect", _plan_for_partitions)
        event.listen(engine, "checkin", _note_time)
        event.listen(engine, "checkout", _see_that_it_lives)
        event.listen(engine, "checkout", _choose_transactions)


def operator_engine(url: str) -> Engine:
    """Return an engine without guard and without time limit: for migrations, purges and bulk loading."""
    engine = sa.create_engine(normalise_url(url), **engine_options(url, statement_timeout=0))
    install(engine, guarded=False)
    return engine


@contextmanager
def patient_engine(url: str) -> Iterator[Engine]:
    """Give an engine with the server's guard and without its time limit: for the sealer, and for examining."""
    engine = sa.create_engine(normalise_url(url), **engine_options(url, statement_timeout=0))
    install(engine)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def reading() -> Iterator[None]:
    """Let transactions that begin within the block only read: on SQLite they then take no turn among the writers."""
    token = _reading.set(True)
    try:
        yield
    finally:
        _reading.reset(token)


def set_reading(only: bool) -> None:
    """Say whether transactions that begin from here on only read, where a `with` block does not fit (a request)."""
    _reading.set(only)


def is_reading() -> bool:
    return _reading.get()


def upgrade(url: str, *, partitions: int = 0) -> None:
    """
    Apply all migrations that the database at *url* lacks, in one transaction; several at once take turns.

    A SQLite file made here is for its owner's eyes only: it holds password hashes beside the log. With *partitions*
    the tables of a new PostgreSQL database are cut into so many; for any other UnusableError is raised.
    """
    parsed = normalise_url(url)
    path = parsed.database or ""
    on_sqlite = parsed.get_backend_name() == "sqlite"
    if on_sqlite and partitions:
        raise _uncut(parsed, "partitions are for PostgreSQL")
    if on_sqlite and Path(path).parent.is_dir():
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with _used_once(url) as engine, engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
        if partitions and sa.inspect(connection).get_table_names():
            raise _uncut(parsed, "it has tables already, and only a database without any can be")
        config = _alembic(connection)
        config.attributes["partitions"] = partitions
        command.upgrade(config, "head")


def is_current(url: str) -> bool:
    """Tell whether the database at *url* has all migrations, without changing it."""
    parsed = normalise_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").exists():
        if not Path(parsed.database or "").absolute().parent.is_dir():
            raise UnusableError(f"The database {parsed.render_as_string()} cannot be used: there is no such folder.")
        return False  # connecting would create the file
    with _used_once(url) as engine, reading(), engine.connect() as connection:
        applied = MigrationContext.configure(connection).get_current_heads()
        return set(applied) == set(ScriptDirectory.from_config(_alembic()).get_heads())


def grants(role: str, *, schema: str = "public") -> list[str]:
    """
    Return the SQL that makes *role* the server's role on PostgreSQL; the tables' owner runs it in one transaction.

    It may read and add events, never change or remove them, and of purges only read. Partitions are left to their
    tables: what is written to one directly passes by the tables' rights.
    """
    who, where = _quoted(role), _quoted(schema)
    kept = ", ".join(f"{where}.{table}" for table in ("event", "leaf", "purge", "alembic_version"))
    return [
        # A temporary table called event would stand before the real one and swallow what is recorded.
        "DO $$ BEGIN "
        "EXECUTE 'REVOKE TEMPORARY ON DATABASE ' || quote_ident(current_database()) || ' FROM PUBLIC'; "
        "END $$",
        f"GRANT USAGE ON SCHEMA {where} TO {who}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {where} TO {who}",
        "DO $$ DECLARE part regclass; BEGIN "
        f"FOR part IN SELECT oid FROM pg_class WHERE relispartition AND relkind = 'r' "
        f"AND relnamespace = {_literal(where)}::regnamespace LOOP "
        f"EXECUTE 'REVOKE ALL ON ' || part || ' FROM PUBLIC, ' || {_literal(who)}; "
        "END LOOP; END $$",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {where} TO {who}",
        f"REVOKE ALL ON {kept} FROM {who}",
        f"REVOKE ALL ON {kept} FROM PUBLIC",
        f"GRANT SELECT ON {kept} TO {who}",
        f"GRANT INSERT ON {where}.event, {where}.leaf TO {who}",
    ]


def _uncut(url: URL, reason: str) -> UnusableError:
    return UnusableError(f"The database {url.render_as_string()} cannot be cut into partitions: {reason}.")


@contextmanager
def _used_once(url: str) -> Iterator[Engine]:
    engine = operator_engine(url)
    try:
        yield engine
    except sa.exc.DBAPIError as error:
        reason = " ".join(str(error.orig).split()).rstrip(".?!")
        raise UnusableError(f"The database {engine.url.render_as_string()} cannot be used: {reason}.") from error
    finally:
        engine.dispose()


def _json(value: object) -> str:
    """Write JSON compactly, other scripts as they are and keys in the order they came."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _literal(text: str) -> str:
    """Quote *text* for a place within $$ … $$."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("$", "\\x24") + "'"


def _alembic(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _prepare_sqlite(guarded: bool, connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # or the driver begins transactions itself, late and deferred
    if not _takes_turn(connection, wal := "PRAGMA journal_mode = WAL"):  # on a new file; SQLite itself would not wait
        connection.execute(wal).close()  # the last try, whose failure is reported
    for pragma in ("synchronous = FULL", "foreign_keys = ON", "recursive_triggers = ON"):
        connection.execute(f"PRAGMA {pragma}").close()
    if guarded:
        # Where a list is asked for: SQLite declares this table at its first use, which the guard would refuse.
        connection.execute("SELECT value FROM json_each('[]')").close()
        connection.set_authorizer(_authorise)


def _begin_sqlite(connection: Connection) -> None:
    # Taking the lock at once makes a writer wait for its turn; taking it later would fail where another was quicker.
    if _reading.get():
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


def _end_sqlite(connection: sqlite3.Connection | None, _record: object) -> None:
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


def _watch_sqlite(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
    record.info["watch"] = watch = _Watch()
    connection.set_progress_handler(watch.is_over, STEPS_BETWEEN_LOOKS)


def _start_watch(connection: Connection, *_: object) -> None:
    # What writes is not ended: it had to wait for its turn, and would undo its transaction.
    connection.info["watch"].until = time.monotonic() + STATEMENT_TIMEOUT if _reading.get() else math.inf


def _name_slowness(context: ExceptionContext) -> TooSlow | None:
    """Let what was ended for taking too long be the same error on both engines."""
    cause = context.original_exception
    if isinstance(cause, psycopg.errors.QueryCanceled) or (
        isinstance(cause, sqlite3.OperationalError) and cause.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT
    ):
        return TooSlow("the statement took too long and was ended")
    return None


def _plan_for_partitions(connection: psycopg.Connection[Any], _record: object) -> None:
    # A plan for any organisation is one for all partitions: it walks their keys in order, whatever is looked for.
    connection.autocommit = True
    connection.execute(
        "SELECT set_config('plan_cache_mode', 'force_custom_plan', false) FROM pg_class "
        "WHERE oid = to_regclass('event') AND relkind = 'p'"
    )
    connection.autocommit = False


def _note_time(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info["used_at"] = time.monotonic()


def _see_that_it_lives(connection: psycopg.Connection[Any], record: ConnectionPoolEntry, _proxy: object) -> None:
    """
    Ask a connection that lay idle if the server still knows it.

    One used just now needs no such trip, unless something came in on it that nobody asked for: the server's goodbye.
    """
    used_lately = time.monotonic() - record.info.get("used_at", time.monotonic()) < IDLE_UNTIL_ASKED
    try:
        if used_lately and not _has_news(connection):
            return
        connection.autocommit = True
        connection.execute("SELECT 1")
    except psycopg.Error as error:
        raise DisconnectionError from error  # the pool then opens another


def _has_news(connection: psycopg.Connection[Any]) -> bool:
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))


def _choose_transactions(connection: psycopg.Connection[Any], _record: object, _proxy: object) -> None:
    """Have statements that only read commit themselves: BEGIN and ROLLBACK would be two more trips to the server."""
    if connection.autocommit != _reading.get():  # setting it, even to what it is, takes the driver a while
        connection.autocommit = _reading.get()


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
