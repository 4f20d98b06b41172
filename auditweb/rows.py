"""Rows by the thousand: on SQLite one statement many times over, on PostgreSQL one statement with arrays."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, LargeBinary, Table, text
from sqlalchemy.engine import Connection

Row = tuple[Any, ...]

_KEYS_AT_ONCE = 200  # in a statement on SQLite: the text stays the same then, and is compiled once


def put(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Write *rows*, all columns in the order of *table*; a row whose key is there already takes its place."""
    _write(connection, table, rows, _replacing(table))


def add(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Write *rows*, all columns in the order of *table*; IntegrityError where a key is there already."""
    _write(connection, table, rows, "")


def remove(connection: Connection, table: Table, org_id: int, keys: Sequence[Row]) -> int:
    """Delete an organisation's rows with these keys, which leave it out, and return how many there were."""
    if not keys:
        return 0
    _, *names = [column.name for column in table.primary_key]
    if connection.dialect.name == "sqlite":
        where = " AND ".join(f"{name} = ?" for name in ("org_id", *names))
        given = [(org_id, *key) for key in keys]
        return connection.exec_driver_sql(f"DELETE FROM {table.name} WHERE {where}", given).rowcount
    where = " AND ".join([f"{table.name}.org_id = %s", *[f"{table.name}.{name} = gone.{name}" for name in names]])
    gone = f"unnest({_arrays(table, names)}) AS gone ({', '.join(names)})"
    statement = f"DELETE FROM {table.name} USING {gone} WHERE {where}"
    return connection.exec_driver_sql(statement, (*_columns(keys), org_id)).rowcount


def remove_some(connection: Connection, table: Table, org_id: int, most: int) -> int:
    """Delete an organisation's rows, so many at *most*, and return how many there were."""
    _, *names = [column.name for column in table.primary_key]
    key = ", ".join(names)
    mine = f"{table.name} WHERE org_id = :org_id"
    gone = text(f"DELETE FROM {mine} AND ({key}) IN (SELECT {key} FROM {mine} LIMIT {most})")
    return connection.execute(gone, {"org_id": org_id}).rowcount


def find(connection: Connection, query: str, types: Sequence[str], keys: Sequence[Row], *values: Any) -> list[Row]:
    """
    Return what *query* finds for these *keys*, which it knows as the table {keys}; *values* fill its question marks.

    *types* are those of the keys' columns on PostgreSQL.
    """
    if not keys:
        return []
    if connection.dialect.name == "postgresql":
        arrays = ", ".join(f"%s::{type_}[]" for type_ in types)
        query = query.replace("?", "%s").replace("{keys}", f"SELECT * FROM unnest({arrays})")
        return list(map(tuple, connection.exec_driver_sql(query, (*_columns(keys), *values)).all()))
    found: list[Row] = []
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        some = list(keys[start : start + _KEYS_AT_ONCE])
        one = f"({', '.join('?' * len(types))})"
        text = query.replace("{keys}", f"VALUES {', '.join([one] * len(some))}")
        found += map(tuple, connection.exec_driver_sql(text, (*[part for key in some for part in key], *values)).all())
    return found


def _write(connection: Connection, table: Table, rows: Sequence[Row], conflict: str) -> None:
    if not rows:
        return
    names = [column.name for column in table.columns]
    into = f"INSERT INTO {table.name} ({', '.join(names)})"
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"{into} VALUES ({', '.join('?' * len(names))}){conflict}", list(rows))
    else:
        source = f"SELECT * FROM unnest({_arrays(table, names)})"
        connection.exec_driver_sql(f"{into} {source}{conflict}", _columns(rows))


@cache
def _replacing(table: Table) -> str:
    key = [column.name for column in table.primary_key]
    others = [column.name for column in table.columns if column.name not in key]
    return f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in others)}"


def _arrays(table: Table, names: Sequence[str]) -> str:
    return ", ".join(f"%s::{_type(table, name)}[]" for name in names)


def _type(table: Table, name: str) -> str:
    kind = table.columns[name].type
    return "bigint" if isinstance(kind, BigInteger) else "bytea" if isinstance(kind, LargeBinary) else "text"


def _columns(rows: Sequence[Row]) -> tuple[list[Any], ...]:
    return tuple(map(list, zip(*rows, strict=True)))
