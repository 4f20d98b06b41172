"""
What is recorded stays as it is: ways round that, tried with the rights the server has.

Each way is a list of statements that run one after the other on a connection of their own, in one transaction; at least
one must be refused aloud, and the rest is tried all the same. Afterwards row and triggers are as they were.
"""

import sqlite3
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from auditweb import database
from auditweb.models import Event
from tests.databases import OWNER, SERVER, Database
from tests.ledgers import NOON, a_bid, operator_engine, server_engine

COPY = (
    "org_id, {id}, occurred_at, recorded_at, category, action, 'Nothing happened', facts, actor_type, actor_id, "
    "'Nobody', via_type, via_id, via_name, target_type, target_id, target_name, target_url, ip, user_agent, "
    "request_id, outcome, {key} FROM event"
)
COLUMNS = ", ".join(Event.__table__.columns.keys())
SAME_ID = f"INTO event ({COLUMNS}) SELECT {COPY.format(id='id', key='NULL')}"
SAME_KEY = f"INTO event ({COLUMNS}) SELECT {COPY.format(id='id + 1', key='idempotency_key')}"

PLAIN = {
    "change the sentence": ["UPDATE event SET summary = 'Nothing happened'"],
    "change nothing": ["UPDATE event SET id = id"],
    "move to another organisation": ["UPDATE event SET org_id = 2"],
    "change the key": ["UPDATE event SET id = id - 1"],
    "forget the key that makes it one": ["UPDATE event SET idempotency_key = NULL"],
    "delete all": ["DELETE FROM event"],
    "delete one": ["DELETE FROM event WHERE org_id = 1 AND id > 0"],
    "delete and return": ["DELETE FROM event RETURNING id"],
    "insert the same id": [f"INSERT {SAME_ID}"],
    "insert the same idempotency key": [f"INSERT {SAME_KEY}"],
    "update on conflict": [f"INSERT {SAME_ID} WHERE true ON CONFLICT (org_id, id) DO UPDATE SET summary = 'Nothing'"],
    "a purge that nobody wrote": ["DELETE FROM event WHERE EXISTS (SELECT 1 FROM purge) OR true"],
    "a purge of something else": [
        "INSERT INTO purge (org_id, up_to_id, who, why, started_at) SELECT 2, id, 'a', 'b', recorded_at FROM event",
        "DELETE FROM event",
    ],
    "a purge up to just before": [
        "INSERT INTO purge (org_id, up_to_id, who, why, started_at) SELECT 1, id - 1, 'a', 'b', recorded_at FROM event",
        "DELETE FROM event",
    ],
    "a purge that is finished already": [
        "INSERT INTO purge (org_id, up_to_id, who, why, started_at, finished_at) "
        "SELECT 1, id, 'a', 'b', recorded_at, recorded_at FROM event",
        "DELETE FROM event",
    ],
}  # fmt: skip

SQLITE_ROWS = PLAIN | {
    "update on conflict": [f"INSERT {SAME_ID} WHERE true ON CONFLICT (id) DO UPDATE SET summary = 'Nothing'"],
    "update on any conflict": [f"INSERT {SAME_KEY} WHERE true ON CONFLICT DO UPDATE SET summary = 'Nothing'"],
    "replace the id": [f"INSERT OR REPLACE {SAME_ID}"],
    "replace the id, short form": [f"REPLACE {SAME_ID}"],
    "replace the idempotency key": [f"INSERT OR REPLACE {SAME_KEY}"],
    "replace by an update": ["UPDATE OR REPLACE event SET summary = 'Nothing happened'"],
    "ignore the conflict": [f"INSERT OR IGNORE {SAME_ID}"],
    "fail half way": [f"INSERT OR FAIL {SAME_ID}"],
    "update the rowid": ["UPDATE event SET rowid = 7"],
    "update from itself": ["UPDATE event SET summary = 'Nothing' FROM event AS other WHERE other.id = event.id"],
    "without an id": [f"INSERT INTO event ({COLUMNS}) SELECT {COPY.format(id='NULL', key='NULL')}"],
    "with a negative id": [f"INSERT INTO event ({COLUMNS}) SELECT {COPY.format(id='-5', key='NULL')}"],
}

SQLITE_SERVER = SQLITE_ROWS | {
    "drop the table": ["DROP TABLE event"],
    "drop the triggers": [
        "DROP TRIGGER event_is_not_deleted",
        "DROP TRIGGER event_is_not_changed",
        "DROP TRIGGER event_is_added",
        "DELETE FROM event",
    ],
    "rename the table": ["ALTER TABLE event RENAME TO gone", "CREATE TABLE event AS SELECT * FROM gone WHERE 0"],
    "rename a column": ["ALTER TABLE event RENAME COLUMN summary TO was"],
    "drop a column": ["ALTER TABLE event DROP COLUMN summary"],
    "add a column": ["ALTER TABLE event ADD COLUMN void INTEGER"],
    "write the schema": [
        "PRAGMA writable_schema = ON",
        "DELETE FROM sqlite_master WHERE type = 'trigger'",
        "UPDATE sqlite_schema SET sql = ''",
    ],
    "purge without foreign keys": [
        "COMMIT",
        "PRAGMA foreign_keys = OFF",
        "BEGIN IMMEDIATE",
        "INSERT INTO purge (org_id, up_to_id, who, why, started_at) SELECT 1, id, 'a', 'b', 0 FROM event",
        "DELETE FROM event",
    ],
    "a purge of its own": [
        "INSERT INTO purge (org_id, up_to_id, who, why, started_at) SELECT 1, id, 'a', 'b', 0 FROM event",
        "DELETE FROM event",
    ],
    "a temporary purge": [
        "CREATE TEMP TABLE purge (org_id, up_to_id, finished_at)",
        "INSERT INTO temp.purge SELECT org_id, id, NULL FROM event",
        "DELETE FROM event",
    ],
    "a temporary table in front": ["CREATE TEMP TABLE event AS SELECT * FROM main.event WHERE 0"],
    "a temporary view in front": ["CREATE TEMP VIEW event AS SELECT 1 AS id"],
    "a temporary trigger that swallows": [
        "CREATE TEMP TRIGGER swallow BEFORE INSERT ON event BEGIN SELECT RAISE(IGNORE); END"
    ],
    "a trigger that swallows": ["CREATE TRIGGER swallow BEFORE INSERT ON event BEGIN SELECT RAISE(IGNORE); END"],
    "a trigger elsewhere that deletes": [
        "CREATE TRIGGER sweep AFTER INSERT ON person BEGIN DELETE FROM event; END",
    ],
    "another index": ["CREATE UNIQUE INDEX one ON event (org_id)"],
    "drop an index": ["DROP INDEX uq_event_idempotency_key"],
    "attach the file a second time": ["COMMIT", "ATTACH DATABASE 'file:other?mode=memory' AS other"],
    "ignore the checks": ["PRAGMA ignore_check_constraints = ON"],
    "forget the journal": ["COMMIT", "PRAGMA journal_mode = OFF"],
    "write carelessly": ["COMMIT", "PRAGMA synchronous = OFF"],
    "forget the migrations": ["DELETE FROM alembic_version"],
    "vacuum into another file": ["COMMIT", "VACUUM INTO 'elsewhere.sqlite3'"],
}

POSTGRESQL_ROWS = PLAIN | {
    "delete in a common table": ["WITH gone AS (DELETE FROM event RETURNING *) SELECT * FROM gone"],
    "update in a common table": ["WITH new AS (UPDATE event SET summary = '' RETURNING *) SELECT * FROM new"],
    "delete only here": ["DELETE FROM ONLY event"],
    "update from itself": ["UPDATE event SET summary = '' FROM event AS other WHERE other.id = event.id"],
    "merge an update": [
        "MERGE INTO event USING (SELECT 1 AS n) one ON true WHEN MATCHED THEN UPDATE SET summary = 'Nothing'"
    ],
    "merge a delete": ["MERGE INTO event USING (SELECT 1 AS n) one ON true WHEN MATCHED THEN DELETE"],
    "update by a cursor": [
        "DECLARE here CURSOR FOR SELECT * FROM event",
        "FETCH 1 FROM here",
        "UPDATE event SET summary = 'Nothing' WHERE CURRENT OF here",
    ],
    "truncate": ["TRUNCATE event"],
    "truncate in cascade": ["TRUNCATE event RESTART IDENTITY CASCADE"],
    "truncate only here": ["TRUNCATE ONLY event"],
    "replication role": ["SET session_replication_role = replica", "DELETE FROM event"],
    "a temporary purge": [
        "CREATE TEMP TABLE purge (org_id bigint, up_to_id bigint, finished_at timestamptz)",
        "SET search_path = pg_temp, public",
        "INSERT INTO pg_temp.purge SELECT org_id, id, NULL FROM event",
        "DELETE FROM public.event",
    ],
    "a block of code": ["DO $$ BEGIN DELETE FROM event; EXCEPTION WHEN others THEN UPDATE event SET ip = ''; END $$"],
    "through a view": ["CREATE TEMP VIEW door AS SELECT * FROM public.event", "DELETE FROM door"],
    "another role's settings": ["SET row_security = off", "SET CONSTRAINTS ALL DEFERRED", "DELETE FROM event"],
}

POSTGRESQL_SERVER = POSTGRESQL_ROWS | {
    "a temporary table in front": ["CREATE TEMP TABLE event (LIKE public.event)"],
    "a temporary view in front": ["CREATE TEMP VIEW event AS SELECT * FROM public.event WHERE false"],
    "drop the table": ["DROP TABLE event"],
    "drop in cascade": ["DROP TABLE event CASCADE"],
    "drop the schema": ["DROP SCHEMA public CASCADE"],
    "drop the trigger": ["DROP TRIGGER event_is_kept ON event", "DELETE FROM event"],
    "disable the trigger": ["ALTER TABLE event DISABLE TRIGGER event_is_kept", "DELETE FROM event"],
    "disable all triggers": ["ALTER TABLE event DISABLE TRIGGER ALL", "DELETE FROM event"],
    "drop the function": ["DROP FUNCTION event_is_kept() CASCADE", "DELETE FROM event"],
    "another function in its place": [
        "CREATE OR REPLACE FUNCTION event_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$"
    ],
    "rename the table": ["ALTER TABLE event RENAME TO gone", "CREATE TABLE event AS SELECT * FROM gone"],
    "rename a column": ["ALTER TABLE event RENAME COLUMN summary TO was"],
    "another type": ["ALTER TABLE event ALTER COLUMN summary TYPE text USING ''"],
    "move it elsewhere": ["CREATE SCHEMA elsewhere", "ALTER TABLE event SET SCHEMA elsewhere"],
    "own it": ["ALTER TABLE event OWNER TO CURRENT_USER"],
    "a rule": ["CREATE RULE nothing AS ON INSERT TO event DO INSTEAD NOTHING"],
    "a rule on another table": ["CREATE RULE sweep AS ON INSERT TO person DO ALSO DELETE FROM event"],
    "a trigger that swallows": [
        "CREATE FUNCTION pg_temp.swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
        "CREATE TRIGGER swallow BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION pg_temp.swallow()",
    ],
    "row security": [
        "ALTER TABLE event ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY nothing ON event USING (false)",
    ],
    "a child that inherits": ["CREATE TABLE child () INHERITS (event)"],
    "a parent with partitions": [
        "CREATE TABLE parent (LIKE event) PARTITION BY LIST (org_id)",
        "ALTER TABLE parent ATTACH PARTITION event FOR VALUES IN (1)",
        "TRUNCATE parent",
    ],
    "a reference that cascades": [
        "CREATE TABLE mine (org_id bigint, id bigint, PRIMARY KEY (org_id, id))",
        "ALTER TABLE event ADD FOREIGN KEY (org_id, id) REFERENCES mine ON DELETE CASCADE",
        "DELETE FROM mine",
    ],
    "be the owner": [f"SET ROLE {OWNER}", "ALTER TABLE event DISABLE TRIGGER ALL"],
    "be the owner from the start": [f"SET SESSION AUTHORIZATION {OWNER}", "ALTER TABLE event DISABLE TRIGGER ALL"],
    "grant the right": ["GRANT ALL ON event TO CURRENT_USER", "DELETE FROM event"],
    "write the catalogues": ["DELETE FROM pg_trigger", "UPDATE pg_class SET relhastriggers = false"],
    "a purge of its own": [
        "INSERT INTO purge (org_id, up_to_id, who, why, started_at) SELECT 1, id, 'a', 'b', now() FROM event",
        "DELETE FROM event",
    ],
    "lock it for others": ["LOCK TABLE event IN ACCESS EXCLUSIVE MODE"],
    "lock the rows": ["SELECT * FROM event FOR UPDATE"],
    "copy from a program": ["COPY event FROM PROGRAM 'cat /dev/null'"],
    "forget the migrations": ["DELETE FROM alembic_version"],
    "sort it anew": ["CLUSTER event USING pk_event"],
}


@pytest.fixture
def recorded(fresh: Database) -> Database:
    """A log of one entry."""
    with server_engine(fresh.url) as engine, Session(engine) as session, session.begin():
        a_bid(session, occurred_at=NOON, idempotency_key="once")
    if fresh.engine_name == "postgresql":  # a database copied from a template does not copy the rights to itself
        with operator_engine(fresh.owner_url) as owner, owner.begin() as connection:
            for statement in database.grants(SERVER):
                connection.exec_driver_sql(statement)
    return fresh


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_server_on_sqlite_finds_no_way_round(recorded: Database) -> None:
    with server_engine(recorded.url) as engine:
        _try_all(recorded, engine, SQLITE_SERVER)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_triggers_on_sqlite_need_no_guard(recorded: Database) -> None:
    """Any program that opens the file is held by them, with the settings that connections have by default too."""
    ways = SQLITE_ROWS | {"a temporary purge": SQLITE_SERVER["a temporary purge"]}
    with operator_engine(recorded.url) as operator:
        _try_all(recorded, operator, ways)
    plain = sa.create_engine(recorded.url)
    _try_all(recorded, plain, ways)
    plain.dispose()


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_server_on_postgresql_finds_no_way_round(recorded: Database) -> None:
    with server_engine(recorded.url) as engine:
        _try_all(recorded, engine, POSTGRESQL_SERVER)


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_triggers_on_postgresql_hold_the_owner_too(recorded: Database) -> None:
    with operator_engine(recorded.owner_url) as engine:
        _try_all(recorded, engine, POSTGRESQL_ROWS)


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_copy_only_adds(recorded: Database) -> None:
    """COPY is a way to record in bulk, and no way to put one entry in the place of another."""
    before = _state(recorded)
    row = before["rows"][0]
    with psycopg.connect(_conninfo(recorded.url)) as connection:
        copying = connection.cursor().copy(f"COPY event ({COLUMNS}) FROM STDIN".encode())
        with pytest.raises(psycopg.errors.UniqueViolation), copying as copy:
            copy.write_row([*row[:6], "Nothing happened", '{"n": "1"}', *row[8:-1], None])
        connection.rollback()

    assert _state(recorded) == before


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
@pytest.mark.parametrize("above", ["PARTITION BY LIST (org_id)", ""], ids=["partition", "child"])
def test_entries_are_held_through_a_table_above_them(recorded: Database, above: str) -> None:
    """The owner may make the table a partition or an heir of another; its triggers go with it."""
    join = "ATTACH PARTITION event FOR VALUES IN (1)" if above else ""
    with operator_engine(recorded.owner_url) as engine, engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE TABLE whole (LIKE event) {above}")
        connection.exec_driver_sql(f"ALTER TABLE whole {join}" if above else "ALTER TABLE event INHERIT whole")
        for way in (
            "DELETE FROM whole",
            "UPDATE whole SET summary = ''",
            "UPDATE whole SET org_id = 2",
            "TRUNCATE whole",
        ):
            assert _refused(connection, way), way
        assert connection.exec_driver_sql("SELECT count(*) FROM whole").scalar_one() == 1


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_superuser_as_replica_is_held_by_the_triggers(recorded: Database) -> None:
    """The triggers fire ALWAYS, so what a replica skips is not skipped here."""
    with operator_engine(recorded.owner_url) as engine, engine.connect() as connection:
        modes = connection.execute(
            sa.text("SELECT tgname, tgenabled::text FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname")
        ).all()

    assert {mode for _, mode in modes} == {"A"}
    kept = {name for name, _ in modes} & {
        "event_is_kept",
        "event_is_not_truncated",
        "purge_is_kept",
        "purge_is_not_truncated",
    }
    assert len(kept) == 4


def test_server_reads_and_records_all_the_same(recorded: Database) -> None:
    with server_engine(recorded.url) as engine, Session(engine) as session, session.begin():
        a_bid(session, org_id=2)
        assert len(session.scalars(sa.select(Event)).all()) == 2
        session.execute(sa.text("SELECT id FROM purge"))


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_server_on_sqlite_may_look_at_the_schema(recorded: Database) -> None:
    with server_engine(recorded.url) as engine, engine.connect() as connection:
        names = sa.inspect(connection).get_table_names()
        synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()

    assert {"event", "purge"} <= set(names)
    assert synchronous == 2


def _try_all(recorded: Database, engine: Engine, ways: dict[str, list[str]]) -> None:
    before = _state(recorded)
    for way, statements in ways.items():
        assert _refusals(engine, statements), f"nothing was refused: {way}"
        assert _state(recorded) == before, way


def _refusals(engine: Engine, statements: list[str]) -> int:
    with engine.connect() as connection:
        refused = sum(_refused(connection, statement) for statement in statements)
        try:
            connection.commit()
        except DBAPIError:
            refused += 1
        connection.invalidate()  # temporary tables and settings end with it
    return refused


def _refused(connection: Connection, statement: str) -> bool:
    """
    Run *statement* and tell whether it was refused for want of a right or by what keeps the rows.

    Other errors are no refusal: they come from statements left with nothing to work on. The transaction goes on.
    """
    on_postgresql = connection.dialect.name == "postgresql"
    try:
        if on_postgresql:
            with connection.begin_nested():
                connection.exec_driver_sql(statement)
        else:
            connection.exec_driver_sql(statement)
    except DBAPIError as error:
        cause = error.orig
        if isinstance(cause, psycopg.Error):
            return cause.sqlstate == "42501" or (cause.sqlstate or "").startswith("23")
        return isinstance(cause, sqlite3.IntegrityError) or "authoriz" in str(cause)
    return False


def _state(recorded: Database) -> dict[str, Any]:
    """All that must stay: the rows, and what keeps them."""
    with operator_engine(recorded.owner_url) as engine, engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            schema = connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_schema ORDER BY name").all()
        else:
            schema = connection.exec_driver_sql(
                "SELECT c.relname, c.relowner, c.relacl::text, t.tgname, t.tgenabled::text, p.prosrc FROM pg_class c "
                "LEFT JOIN pg_trigger t ON t.tgrelid = c.oid LEFT JOIN pg_proc p ON p.oid = t.tgfoid "
                "WHERE c.relnamespace = 'public'::regnamespace ORDER BY c.relname, t.tgname"
            ).all()
        rows = connection.exec_driver_sql(f"SELECT {COLUMNS} FROM event").all()
        purges = connection.exec_driver_sql("SELECT * FROM purge").all()
    return {"rows": [tuple(row) for row in rows], "purges": purges, "schema": [tuple(item) for item in schema]}


def _conninfo(url: str) -> str:
    return database.normalise_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
@pytest.mark.parametrize("column", ["occurred_at", "recorded_at"])
@pytest.mark.parametrize("moment", ["infinity", "-infinity", "20000-01-01Z", "1999-12-31Z"])
def test_table_refuses_moments_that_no_clock_shows(recorded: Database, column: str, moment: str) -> None:
    others = COPY.format(id="id + 1", key="NULL").replace(column, f"'{moment}'", 1)
    insert = f"INSERT INTO event ({COLUMNS}) SELECT {others}"
    with operator_engine(recorded.owner_url) as owner, owner.connect() as connection, pytest.raises(DBAPIError):
        connection.exec_driver_sql(insert)
