"""Rows by the thousand: on SQLite one statement many times over, on PostgreSQL one statement with arrays."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, LargeBinary, Table
from sqlalchemy.engine import Connection

Row = tuple[Any, ...]

_KEYS_AT_ONCE = 200  # in a statement on SQLite: the text stays the same then, and is compiled once


def put(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Write *rows*, all columns in the order of *table*; a row whose key is there already takes its place."""
    _write(connection, table, rows, _replacing(table))


def add(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Write *rows*, all columns in the order of *table*; IntegrityError where a key is there already."""
    _write(connection, table, rows, "")


def remove(connection: Connection, table: Table, rows: Sequence[Row]) -> int:
    """Delete the rows with these keys and return how many there were."""
    if not rows:
        return 0
    key = [column.name for column in table.primary_key]
    if connection.dialect.name == "sqlite":
        where = " AND ".join(f"{name} = ?" for name in key)
        return connection.exec_driver_sql(f"DELETE FROM {table.name} WHERE {where}", list(rows)).rowcount
    joined = " AND ".join(f"{table.name}.{name} = gone.{name}" for name in key)
    gone = f"unnest({_arrays(table, key)}) AS gone ({', '.join(key)})"
    return connection.exec_driver_sql(f"DELETE FROM {table.name} USING {gone} WHERE {joined}", _columns(rows)).rowcount


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
        return list(map(tuple, connection.exec_driver_sql(query, (*_columns(keys), *values))))
    found: list[Row] = []
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        some = list(keys[start : start + _KEYS_AT_ONCE])
        one = f"({', '.join('?' * len(types))})"
        text = query.replace("{keys}", f"VALUES {', '.join([one] * len(some))}")
        found += map(tuple, connection.exec_driver_sql(text, (*[part for key in some for part in key], *values)))
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
