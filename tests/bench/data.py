"""The entries to measure on: the demo's, brought in by the thousand and not one by one."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import chain, count, islice, pairwise
from typing import Any

import psycopg
from flask import Flask
from sqlalchemy.engine import make_url

from auditweb import ids
from auditweb.demo import loading
from auditweb.demo.cast import NORTHGATE
from auditweb.demo.loading import Told
from auditweb.demo.world import World
from tests.databases import Database

BURST, BURST_ENTRIES = date(2026, 6, 11), 100_000  # a day on which that many came, a tenth of the log at most
UNTIL = datetime(2026, 11, 20, 16, 30, tzinfo=UTC)
COLUMNS = (
    "org_id", "id", "occurred_at", "recorded_at", "category", "action", "summary", "facts",
    "actor_type", "actor_id", "actor_name", "via_type", "via_id", "via_name",
    "target_type", "target_id", "target_name", "target_url", "ip", "user_agent", "request_id",
    "outcome", "idempotency_key",
)  # fmt: skip

_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BATCH = 20_000

Progress = Callable[[int], object]


def fill_sqlite(app: Flask, path: str, entries: int, progress: Progress) -> int:
    """Put the demo of about *entries* entries into the migrated SQLite file at *path*; return how many they are."""
    with app.app_context():
        mark = loading.begin(UNTIL, entries)
        told = loading.tell_all(loading.worlds_of(mark), entries)
        first = list(islice(told, min(BURST_ENTRIES, entries // 10)))
        stream = map(_row, chain(first, told, map(_on_that_day, count(), first)))
    marks = ", ".join("?" * len(COLUMNS))
    insert = f"INSERT INTO event ({', '.join(COLUMNS)}) VALUES ({marks})"
    done = 0
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        while rows := list(islice(stream, _BATCH)):
            connection.execute("BEGIN")
            connection.executemany(insert, rows)
            connection.execute("COMMIT")
            done += len(rows)
            progress(done)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return done


def fill_postgresql(app: Flask, owner_url: str, source: str, entries: int, times: int, progress: Progress) -> int:
    """
    Put what `fill_sqlite` made at *source* into a migrated PostgreSQL database; return how many entries it has then.

    So many *times*, each a few hours before the last, the burst apart: the server multiplies them in a tenth of the
    time that making them takes.
    """
    with app.app_context():
        loading.begin(UNTIL, entries)
    with closing(psycopg.connect(conninfo(owner_url), autocommit=True)) as connection:
        connection.execute(f"CREATE UNLOGGED TABLE source AS SELECT {', '.join(COLUMNS)} FROM event")
        into = f"COPY source ({', '.join(COLUMNS)}) FROM STDIN"
        with closing(sqlite3.connect(source)) as rows, connection.cursor() as cursor, cursor.copy(into) as copy:
            for row in rows.execute(f"SELECT {', '.join(COLUMNS)} FROM event ORDER BY id"):
                copy.write_row((*row[:2], _moment(row[2]), _moment(row[3]), *row[4:]))
        done = 0
        connection.execute("SET work_mem = '512MB'")
        connection.execute("CREATE INDEX ON source (id)")
        (bounds,) = connection.execute(_PARTS).fetchone() or ([],)
        for first, last in pairwise([*bounds, ids.LAST_ID]):
            done += connection.execute(_MULTIPLY, {"times": times, "first": first, "last": last}).rowcount
            progress(done)
        connection.execute("DROP TABLE source")
        connection.execute("VACUUM ANALYZE event")
    return done


_EARLIER = 7_919_123  # milliseconds
_KEPT = ", ".join(COLUMNS[4:])
_PARTS = "SELECT array_agg(first ORDER BY first) FROM (SELECT min(id) AS first FROM source GROUP BY id >> 53) parts"
_MULTIPLY = f"""
INSERT INTO event (org_id, id, occurred_at, recorded_at, {_KEPT})
SELECT org_id, id - (({_EARLIER} * n) << {ids.SEQUENCE_BITS}), occurred_at - n * INTERVAL '{_EARLIER} milliseconds',
    recorded_at - n * INTERVAL '{_EARLIER} milliseconds', {_KEPT}
FROM source CROSS JOIN generate_series(0, %(times)s::bigint - 1) AS n
WHERE id >= %(first)s AND id < %(last)s AND (n = 0 OR occurred_at::date <> '{BURST.isoformat()}')
ORDER BY 2 ON CONFLICT DO NOTHING
"""


def settle(made: Database) -> None:
    """Let PostgreSQL know its tables, as it does by itself after a while, and SQLite empty its journal."""
    if made.engine_name == "sqlite":
        with closing(sqlite3.connect(make_url(made.url).database or "")) as file:
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    else:
        with closing(psycopg.connect(conninfo(made.owner_url), autocommit=True)) as connection:
            connection.execute("VACUUM ANALYZE")


def some(entries: int) -> list[Told]:
    """Return so many happenings, to be recorded once more."""
    world = World(NORTHGATE, UNTIL, defaultdict(lambda: "1"))
    return list(islice(loading.tell_all({1: world}, entries + entries // 5), entries))


def conninfo(url: str) -> str:
    """Return *url* as PostgreSQL's own library reads it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _on_that_day(number: int, told: Told) -> Told:
    """Return the same happening as one of the burst's."""
    at = datetime(BURST.year, BURST.month, BURST.day, 9, tzinfo=UTC) + number * timedelta(milliseconds=300)
    return Told(1, replace(told.happening, at=at))


def _row(told: Told) -> tuple[Any, ...]:
    """Return the row that `record` would write."""
    done, via = told.happening, told.happening.via
    target, origin = done.target, done.origin
    return (
        told.org_id,
        ids.new_id(done.at),
        (done.at - _UNIX_EPOCH) // _MICROSECOND,
        (done.heard_at - _UNIX_EPOCH) // _MICROSECOND,
        done.action.category.value,
        done.action.slug,
        done.action.sentence(done.facts, target.name if target else ""),
        json.dumps(dict(done.facts), ensure_ascii=False, separators=(",", ":")),
        *(done.actor.type.value, done.actor.id, done.actor.name),
        *((via.type.value, via.id, via.name) if via else (None, None, None)),
        *((target.type, target.id, target.name, target.url) if target else (None, None, None, None)),
        *((origin.ip, origin.user_agent, origin.request_id) if origin else (None, None, None)),
        done.outcome.value,
        None,
    )


def _moment(microseconds: int) -> datetime:
    return _UNIX_EPOCH + timedelta(microseconds=microseconds)
