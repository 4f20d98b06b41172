"""
The databases: how engines for SQLite and PostgreSQL are made, and how the schema gets current.

An engine comes from `operator_engine` (migrations, purges, loading a demo) or from `engine_options` and `install` (the
server). The server's SQLite connections are guarded: they cannot change the schema or touch what is already recorded.
The same is done on PostgreSQL by giving the server a role of its own, with `grants`.
"""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, ExceptionContext, make_url

from auditweb import postgresql, sqlite, transactions

MIGRATIONS = Path(__file__).resolve().parent / "migrations"

_UPGRADE_LOCK = 0x61756469_74776562  # one upgrade at a time; the number is "auditweb"


class TooSlow(sa.exc.SQLAlchemyError):
    """A statement was ended because it took longer than a request may wait. The connection is good afterwards."""


# What a request can do nothing about: the log cannot be reached, or too many want it. Sent again later, it may succeed.
OUT_OF_REACH = (TooSlow, sa.exc.OperationalError)


class UnusableError(Exception):
    """The database cannot be reached, or not be read or changed; the text is one sentence without its password."""


def normalise_url(url: str | URL) -> URL:
    """Return *url* with psycopg 3 as the driver of every PostgreSQL address; ValueError for other engines."""
    parsed = make_url(url)
    if parsed.drivername in {"postgres", "postgresql"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise ValueError("an SQLite database needs a file: every connection to :memory: would see a log of its own")
    if parsed.drivername not in {"sqlite", "sqlite+pysqlite", "postgresql+psycopg"}:
        raise ValueError("the database is SQLite (sqlite:///…) or PostgreSQL (postgresql://…)")
    return parsed


def engine_options(url: str | URL, *, statement_timeout: int = transactions.STATEMENT_TIMEOUT) -> dict[str, Any]:
    """Return the keyword arguments of `create_engine` (SQLALCHEMY_ENGINE_OPTIONS) for *url*; 0 means no timeout."""
    options: dict[str, Any] = {"json_serializer": _json, "json_deserializer": read_json}
    options["hide_parameters"] = True  # errors end up in logs
    if normalise_url(url).get_backend_name() == "sqlite":
        return options | {"connect_args": {"timeout": sqlite.BUSY_TIMEOUT, "cached_statements": 256}}
    settings = f"-c timezone=UTC -c statement_timeout={statement_timeout * 1000}"
    return options | {"connect_args": {"options": settings}, "skip_autocommit_rollback": True}


def install(engine: Engine, *, guarded: bool = True, limited: bool = True) -> None:
    """
    Prepare every connection that *engine* opens from now on; call it once, before the first.

    Both are for the server and about SQLite: *guarded* connections refuse all that could alter what is recorded,
    *limited* ones end what only reads and takes too long. PostgreSQL is told so by its grants and by the options of
    the engine.
    """
    event.listen(engine, "handle_error", _name_slowness)
    if engine.dialect.name == "sqlite":
        sqlite.install(engine, guarded=guarded, limited=limited)
    else:
        postgresql.install(engine)


def operator_engine(url: str | URL) -> Engine:
    """Return an engine without guard and without time limit: for migrations, purges and bulk loading."""
    engine = sa.create_engine(normalise_url(url), **engine_options(url, statement_timeout=0))
    install(engine, guarded=False, limited=False)
    return engine


@contextmanager
def patient_engine(url: str) -> Iterator[Engine]:
    """Give an engine with the server's guard and without its time limit: for the sealer, and for examining."""
    engine = sa.create_engine(normalise_url(url), **engine_options(url, statement_timeout=0))
    install(engine, limited=False)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def used_once(url: str | URL) -> Iterator[Engine]:
    """Give an operator's engine; what its driver reports within the block is raised as UnusableError."""
    engine = operator_engine(url)
    try:
        yield engine
    except sa.exc.DBAPIError as error:
        reason = " ".join(str(error.orig).split()).rstrip(".?!")
        raise UnusableError(f"The database {engine.url.render_as_string()} cannot be used: {reason}.") from error
    finally:
        engine.dispose()


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
    with used_once(url) as engine, engine.begin() as connection:
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
    with used_once(url) as engine, transactions.reading(), engine.connect() as connection:
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


def grants_script(role: str, *, schema: str = "public") -> str:
    """Return `grants` as a script for psql: all of it, or nothing."""
    return "\n".join(f"{statement};" for statement in ("BEGIN", *grants(role, schema=schema), "COMMIT"))


def _uncut(url: URL, reason: str) -> UnusableError:
    return UnusableError(f"The database {url.render_as_string()} cannot be cut into partitions: {reason}.")


def _json(value: object) -> str:
    """Write JSON compactly, other scripts as they are and keys in the order they came."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def storable(text: str) -> str:
    """Return *text* without NUL, which PostgreSQL takes in no row, and not even in a question."""
    return text.replace("\0", "\ufffd")


def read_json(text: str | bytes) -> Any:
    """Read JSON; what Python cannot (numbers of thousands of digits, thousands of levels) comes back as its text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return {"": text if isinstance(text, str) else text.decode()}


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


def _name_slowness(context: ExceptionContext) -> TooSlow | None:
    """Let what was ended for taking too long be the same error on both engines."""
    cause = context.original_exception
    if isinstance(cause, psycopg.errors.QueryCanceled) or (
        isinstance(cause, sqlite3.OperationalError) and cause.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT
    ):
        return TooSlow("the statement took too long and was ended")
    return None
