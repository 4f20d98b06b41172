"""
The partitioned profile of PostgreSQL: what organisations' logs are made of, cut by organisation into hash partitions.

Each request is about one organisation, so it touches one partition of each table; the same cut lets the tables be
spread over several machines. A database is made this way or it is not: `database.upgrade(url, partitions=16)`.

Purges stay in one table. They are few, and that none is left unfinished is held by a reference to their own number,
which a key that begins with the organisation could not be.
"""

from collections.abc import Iterator

from sqlalchemy import Connection

TABLES = ("event", "seal_queue", "log_head", "leaf", "tally", "mark", "segment", "posting")
MOST = 256


def count(connection: Connection) -> int:
    """Return how many partitions each of the tables has, going by that of the events; 0 where there are none."""
    if connection.dialect.name == "sqlite":
        return 0
    found = "SELECT count(*) FROM pg_inherits WHERE inhparent = to_regclass('event')"
    return int(connection.exec_driver_sql(found).scalar_one())


def clause(partitions: int) -> str:
    """Return what the CREATE TABLE of a table that is cut ends with."""
    return "PARTITION BY HASH (org_id)" if partitions else ""


def names(table: str, partitions: int) -> list[str]:
    return [f"{table}_p{remainder}" for remainder in range(partitions)]


def creation(table: str, partitions: int) -> Iterator[str]:
    """Yield the statements that make the partitions of *table*. They get its indexes, and its triggers for each row."""
    for remainder, name in enumerate(names(table, partitions)):
        yield (
            f"CREATE TABLE {name} PARTITION OF {table} FOR VALUES WITH (MODULUS {partitions}, REMAINDER {remainder})"
        )
