"""PostgreSQL: how its connections are prepared, seen to be alive, and taken into transactions."""

import select
import time
from typing import Any

import psycopg
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from auditweb import transactions

IDLE_UNTIL_ASKED = 5  # seconds after which a pooled connection is checked before use


def install(engine: Engine) -> None:
    """Prepare every connection that *engine* opens; see `database.install`."""
    event.listen(engine, "connect", _choose_plans)
    event.listen(engine, "checkin", _note_time)
    event.listen(engine, "checkout", _see_that_it_lives)
    event.listen(engine, "checkout", _choose_transactions)


def _choose_plans(connection: psycopg.Connection[Any], _record: object) -> None:
    """
    Have statements planned once for all values, as our indexes answer each of them in one way (tests/plans.py).

    Left to itself, PostgreSQL planned the page in the middle and the counts anew each time, which took as long as
    answering. Of partitions, though, a plan for any organisation walks all, whatever is looked for.
    """
    connection.autocommit = True
    connection.execute(
        "SELECT set_config('plan_cache_mode', CASE relkind WHEN 'p' THEN 'force_custom_plan' ELSE 'force_generic_plan' "
        "END, false) FROM pg_class WHERE oid = to_regclass('event')"
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
    if connection.autocommit != transactions.is_reading():  # setting it, even to what it is, takes the driver a while
        connection.autocommit = transactions.is_reading()
