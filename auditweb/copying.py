"""
Moving from SQLite to PostgreSQL: every row of every table as it is, with its ids and what was sealed.

All of it is one transaction of the target. Whatever ends it early leaves the target as empty as it was, so what can be
seen there is whole; and the source is read as it was at one moment, whoever goes on writing.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import psycopg
import sqlalchemy as sa
from sqlalchemy import Column, Connection, Table
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.types import TypeEngine

from auditweb import database, transactions
from auditweb.ledger.locks import only_one
from auditweb.models import Base, Directory, Event, Purge, SealQueue

Progress = Callable[[int, int, str], object]
"""Told how many rows are copied, of how many, and of which table the last were."""

_queue = cast(Table, SealQueue.__table__)
_AT_ONCE = 5_000  # rows in a COPY: what its triggers are shown of it still fits into memory
_PATIENCE = "10s"  # for others who are at work in the target's tables
_MADE_BY_MIGRATIONS = {Directory.__tablename__}  # a new database has their rows already
_SET_AT_THE_END = {Purge.__tablename__: "finished_at"}  # the trigger wants a purge to begin unfinished


class CopyError(Exception):
    """Nothing was copied; the text is one sentence that says why."""


def prepare(source: str, target: str) -> None:
    """
    See that the SQLite database *source* can go to the PostgreSQL database *target*; make its tables if it has none.

    Raises CopyError.
    """
    to = _parsed(target)
    if database.normalise_url(source).get_backend_name() != "sqlite":
        raise CopyError(
            "AUDITWEB_DATABASE_URL is PostgreSQL already, and copy moves a log from SQLite to PostgreSQL: "
            "one PostgreSQL database gets into another by pg_dump and pg_restore."
        )
    if to.get_backend_name() != "postgresql":
        raise CopyError("The target must be PostgreSQL (postgresql://…): for another SQLite file, use auditweb backup.")
    try:
        with database.used_once(to) as engine:
            is_new = not sa.inspect(engine).get_table_names()
        if is_new:
            database.upgrade(target)
        elif not database.is_current(target):
            raise CopyError(
                f"The database {to.render_as_string()} has tables of another version or program: copy into a new one."
            )
    except database.UnusableError as error:
        raise CopyError(str(error)) from error


def is_served(source: str) -> bool:
    """Tell whether a server or a sealer is at work on the SQLite database *source*."""
    with database.patient_engine(source) as engine, only_one(engine, "sealer") as taken:
        return not taken()


def copy(source: str, target: str, progress: Progress = lambda done, of, table: None) -> int:
    """
    Copy all rows of *source* to the empty database *target*, see that all are there, and return how many.

    Raises CopyError, having changed nothing.
    """
    with _read(source) as origin, _written(_parsed(target)) as copies:
        tables = _tables()
        numbers = {table: _count(origin, table) for table in tables}
        _take_over(copies, tables)
        done, of = 0, sum(numbers.values())
        for table in tables:
            progress(done, of, table.name)
            for rows in _chunks(origin, table):
                with _told_of(table):
                    _write(copies, table, rows)
                done += len(rows)
                progress(done, of, table.name)
        for table in tables:
            if (there := _count(copies, table)) != numbers[table]:
                raise CopyError(
                    f"Of {numbers[table]:,} rows of {table.name}, {there:,} are in the copy: it was undone."
                )
            _go_on_counting(copies, table)
        copies.exec_driver_sql(f"ANALYZE {_listed(copies, tables)}")
    return done


def _parsed(target: str) -> URL:
    try:
        return database.normalise_url(make_url(target))
    except ArgumentError:
        raise CopyError("The target is not the address of a database: write postgresql://user@host/database.") from None
    except ValueError as error:
        raise CopyError(f"The target cannot be meant: {error}.") from None


def _tables() -> list[Table]:
    """Return all tables, those that others refer to first, and the queue last, which adding entries fills meanwhile."""
    return [*(table for table in Base.metadata.sorted_tables if table is not _queue), _queue]


@contextmanager
def _read(source: str) -> Iterator[Connection]:
    """Give a connection that sees *source* as it is now, until the end of the block, and cannot change it."""
    path = Path(database.normalise_url(source).database or "").absolute()
    url = URL.create("sqlite", database=path.as_uri(), query={"mode": "ro", "uri": "true"})
    with database.used_once(url) as engine:
        with transactions.reading():
            connection = engine.connect()
            connection.exec_driver_sql("SELECT 1 FROM event LIMIT 1")  # only now it is one moment's
        with connection:
            yield connection


@contextmanager
def _written(target: URL) -> Iterator[Connection]:
    """Give a transaction of *target*; what PostgreSQL refuses in it is a CopyError."""
    engine = database.operator_engine(target)
    try:
        with engine.begin() as connection:
            yield connection
    except (sa.exc.DBAPIError, psycopg.Error) as error:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        if not isinstance(cause, psycopg.Error):
            raise  # it is the source's
        raise CopyError(_why(engine.url, cause)) from error
    finally:
        engine.dispose()


def _why(target: URL, error: psycopg.Error) -> str:
    place = target.render_as_string()
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return f"Others are at work in the database {place}: stop the server or the other copy there."
    return f"The database {place} cannot be copied to: {_in_one_line(error)}"


@contextmanager
def _told_of(table: Table) -> Iterator[None]:
    """Name the *table* whose rows PostgreSQL does not take."""
    try:
        yield
    except psycopg.Error as error:
        raise CopyError(f"The rows of {table.name} cannot be copied: {_in_one_line(error)}") from error


def _in_one_line(error: psycopg.Error) -> str:
    return " ".join(str(error).split()).rstrip(".") + "."


def _take_over(connection: Connection, tables: Sequence[Table]) -> None:
    """Keep others out of the target's tables, and see that there is nothing in them."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_PATIENCE}'")
    connection.exec_driver_sql(f"LOCK TABLE {_listed(connection, tables)} IN ACCESS EXCLUSIVE MODE")
    for table in tables:
        if table.name in _MADE_BY_MIGRATIONS:
            connection.execute(sa.delete(table))
        elif connection.scalar(sa.select(sa.exists(sa.select(table)))):
            place = connection.engine.url.render_as_string()
            raise CopyError(f"The database {place} holds data already, in the table {table.name}: copy into a new one.")


def _chunks(origin: Connection, table: Table) -> Iterator[Sequence[sa.Row[Any]]]:
    columns = [sa.type_coerce(column, _kept_type(column)) for column in _columns(table)]
    query = sa.select(*columns).order_by(*table.primary_key).execution_options(yield_per=_AT_ONCE)
    with origin.execute(query) as result:
        yield from result.partitions()


def _columns(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if column.computed is None]


def _kept_type(column: Column[Any]) -> TypeEngine[Any]:
    """Return how a column is read and written; JSON as its very text, which is not read and spelled anew."""
    return sa.Text() if isinstance(column.type, sa.JSON) else column.type


def _write(connection: Connection, table: Table, rows: Sequence[sa.Row[Any]]) -> None:
    """Add *rows*. Nothing new stays on the queue: the source's own comes last."""
    late = _SET_AT_THE_END.get(table.name)
    columns = [(place, column) for place, column in enumerate(_columns(table)) if column.name != late]
    names = ", ".join(connection.dialect.identifier_preparer.format_column(column) for _, column in columns)
    spelled = [(place, _speller(connection, column)) for place, column in columns]
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    with driver.cursor() as cursor, cursor.copy(f"COPY {_listed(connection, [table])} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([row[place] if spell is None else spell(row[place]) for place, spell in spelled])
    if late is not None:
        _set_late(connection, table, late, rows)
    if table.name == Event.__tablename__:
        connection.exec_driver_sql(f"TRUNCATE {_listed(connection, [_queue])}")


def _speller(connection: Connection, column: Column[Any]) -> Callable[[Any], Any] | None:
    """Return what makes of a value what the driver is given; None where it is given as it is."""
    return _kept_type(column).dialect_impl(connection.dialect).bind_processor(connection.dialect)


def _set_late(connection: Connection, table: Table, name: str, rows: Sequence[sa.Row[Any]]) -> None:
    (key,) = table.primary_key
    query = sa.update(table).where(key == sa.bindparam("key")).values({name: sa.bindparam("value")})
    connection.execute(query, [{"key": row._mapping[key.name], "value": row._mapping[name]} for row in rows])


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def _go_on_counting(connection: Connection, table: Table) -> None:
    """Let the numbers that PostgreSQL gives to rows go on after those that were copied."""
    name = _listed(connection, [table])
    for column in table.primary_key:
        found = sa.select(sa.func.pg_get_serial_sequence(name, column.name))
        if (sequence := connection.scalar(found)) is not None:
            connection.execute(sa.select(sa.func.setval(sequence, sa.func.max(column))).where(column.is_not(None)))


def _listed(connection: Connection, tables: Sequence[Table]) -> str:
    return ", ".join(map(connection.dialect.identifier_preparer.format_table, tables))
