"""The entries to measure on: the demo's, brought in by the thousand and not one by one."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import psycopg
from flask import Flask
from sqlalchemy.engine import make_url

from auditweb import ids
from auditweb.demo import loading
from auditweb.demo.loading import Told

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
        stream = map(_row, loading.tell_all(loading.worlds_of(mark), entries))
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


def fill_postgresql(app: Flask, owner_url: str, source: str, entries: int, progress: Progress) -> None:
    """Put what `fill_sqlite` made at *source* into a migrated PostgreSQL database, by COPY."""
    with app.app_context():
        loading.begin(UNTIL, entries)
    done = 0
    with closing(psycopg.connect(conninfo(owner_url))) as connection, closing(sqlite3.connect(source)) as rows:
        with connection.cursor() as cursor, cursor.copy(f"COPY event ({', '.join(COLUMNS)}) FROM STDIN") as copy:
            for row in rows.execute(f"SELECT {', '.join(COLUMNS)} FROM event ORDER BY id"):
                copy.write_row((*row[:2], _moment(row[2]), _moment(row[3]), *row[4:]))
                done += 1
                if done % _BATCH == 0:
                    progress(done)
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE event")
    progress(done)


def conninfo(url: str) -> str:
    """Return *url* as PostgreSQL's own library reads it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


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
