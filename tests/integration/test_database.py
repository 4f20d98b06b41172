"""Connections and schema: careful settings, writers that take turns, migrations that agree with the models."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy.exc import IntegrityError, OperationalError

from auditweb import database, postgresql, sqlite, transactions
from auditweb.extensions import db
from auditweb.ledger.doctor import Doctor
from auditweb.ledger.sealer import Sealer
from auditweb.models import Base
from tests.databases import Database
from tests.ledgers import a_bid, operator_engine, process_for, server_engine

WRITTEN_BY_HAND = {"event", "purge", "seal_queue", "log_head", "leaf", "tally", "mark", "segment", "posting"}


@contextmanager
def empty_database(fresh: Database, folder: Path) -> Iterator[str]:
    """A database without any table, on the same engine as *fresh*."""
    if fresh.engine_name == "sqlite":
        yield f"sqlite:///{folder / 'empty.sqlite3'}"
        return
    url = database.normalise_url(fresh.owner_url)
    name = f"auditweb_empty_{uuid4().hex[:8]}"
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg.connect(plain, autocommit=True)) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        try:
            yield url.set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


# Connections


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
@pytest.mark.parametrize("connected", [server_engine, operator_engine])
def test_sqlite_is_set_up_for_safety(database_url: str, connected: type) -> None:
    """A commit that was acknowledged survives a power cut, and waiting writers wait."""
    with connected(database_url) as engine, engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("synchronous", "journal_mode", "foreign_keys", "busy_timeout", "recursive_triggers")
        }

    assert settings == {
        "synchronous": 2,  # FULL
        "journal_mode": "wal",
        "foreign_keys": 1,
        "busy_timeout": 10_000,
        "recursive_triggers": 1,
    }


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_postgresql_is_set_up_for_requests(fresh: Database) -> None:
    with server_engine(fresh.url) as engine, engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW timezone").scalar_one() == "UTC"
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar_one() == "3s"
    with operator_engine(fresh.owner_url) as engine, engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW timezone").scalar_one() == "UTC"
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar_one() == "0"


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_writers_take_turns_and_readers_none(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0)
    with server_engine(database_url) as engine, server_engine(database_url) as other, engine.connect() as writer:
        writer.exec_driver_sql("SELECT 1")
        with transactions.reading(), other.connect() as reader:
            assert transactions.is_reading()
            assert reader.exec_driver_sql("SELECT count(*) FROM event").scalar_one() == 0
        assert not transactions.is_reading()
        with other.connect() as second, pytest.raises(OperationalError, match="locked"):
            second.exec_driver_sql("SELECT 1")


def test_only_writers_on_postgresql_pay_for_a_transaction(app: Flask, engine_name: str) -> None:
    with app.app_context():
        for _ in range(2):  # the second time on connections that served the other purpose before
            with transactions.reading(), db.engine.connect() as reader:
                reader.execute(sa.text("SELECT 1"))
                left_open = _in_transaction(reader)
            with db.engine.connect() as writer:
                writer.execute(sa.text("SELECT 1"))
                assert _in_transaction(writer)
            assert left_open is (engine_name == "sqlite")  # where it keeps a request's statements on one state


@pytest.mark.parametrize("engine_name", ["postgresql"])  # a file drops nobody
def test_a_connection_that_the_server_dropped_is_replaced(
    app: Flask, fresh: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "IDLE_UNTIL_ASKED", 0)
    with app.app_context(), db.engine.connect() as connection:
        dropped = connection.scalar(sa.text("SELECT pg_backend_pid()"))
    owner = database.operator_engine(fresh.owner_url)
    with owner.connect() as connection:
        assert connection.scalar(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": dropped})
    owner.dispose()

    with app.app_context(), db.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT pg_backend_pid()")) != dropped


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_a_statement_is_planned_once_for_all_values(app: Flask, fresh: Database) -> None:
    with app.app_context(), db.engine.connect() as connection:
        assert connection.scalar(sa.text("SHOW plan_cache_mode")) == "force_generic_plan"


def _in_transaction(connection: sa.Connection) -> bool:
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        return bool(driver.in_transaction)
    return bool(driver.info.transaction_status != psycopg.pq.TransactionStatus.IDLE)


def test_reading_can_be_set_where_no_block_fits() -> None:
    with transactions.reading():
        transactions.set_reading(False)
        assert not transactions.is_reading()
        transactions.set_reading(True)
        assert transactions.is_reading()
    assert not transactions.is_reading()


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_reading_sees_one_state(database_url: str) -> None:
    """A transaction that reads keeps seeing what it saw first, whatever is recorded meanwhile."""
    with server_engine(database_url) as engine, engine.connect() as writer:
        with transactions.reading(), engine.connect() as reader:
            assert reader.exec_driver_sql("SELECT count(*) FROM event").scalar_one() == 0
            with sa.orm.Session(writer) as session:
                a_bid(session)
                session.commit()
            assert reader.exec_driver_sql("SELECT count(*) FROM event").scalar_one() == 0
        with transactions.reading(), engine.connect() as reader:
            assert reader.exec_driver_sql("SELECT count(*) FROM event").scalar_one() == 1


# Addresses


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("postgres://u:p@host/db", "postgresql+psycopg"),
        ("postgresql://u:p@host:5433/db?sslmode=require", "postgresql+psycopg"),
        ("postgresql+psycopg://host/db", "postgresql+psycopg"),
        ("sqlite:///audit.sqlite3", "sqlite"),
    ],
)
def test_addresses_of_databases(url: str, driver: str) -> None:
    assert database.normalise_url(url).drivername == driver


@pytest.mark.parametrize(
    "url", ["mysql://host/db", "postgresql+psycopg2://host/db", "sqlite://", "sqlite:///:memory:", "oracle://x"]
)
def test_other_engines_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="SQLite"):
        database.normalise_url(url)


# Migrations


def test_empty_database_is_brought_up_to_date(fresh: Database, tmp_path: Path) -> None:
    with empty_database(fresh, tmp_path) as url:
        assert not database.is_current(url)
        database.upgrade(url)
        assert database.is_current(url)
        database.upgrade(url)
        assert database.is_current(url)


def test_asking_creates_no_file(tmp_path: Path) -> None:
    assert not database.is_current(f"sqlite:///{tmp_path / 'none.sqlite3'}")
    assert list(tmp_path.iterdir()) == []


def test_several_upgrades_at_once_take_turns(fresh: Database, tmp_path: Path) -> None:
    """As when several workers start on a new database."""
    with empty_database(fresh, tmp_path) as url:
        processes = [process_for(database.upgrade, url) for _ in range(3)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)

        assert [process.exitcode for process in processes] == [0, 0, 0]
        assert database.is_current(url)


def upgrade_since(revision: str, url: str, statements: Sequence[str], events: Sequence[dict[str, object]] = ()) -> None:
    """Make a database as it was at *revision*, put rows into it by *statements*, and bring it up to date."""
    with operator_engine(url) as engine:
        moments: dict[str, Any] = {"early": "2000-01-01T00:00:00Z", "late": "2000-01-01T00:00:00.000001Z"}
        if engine.dialect.name == "sqlite":
            moments = {"early": 946_684_800_000_000, "late": 946_684_800_000_001}
        with engine.begin() as connection:
            command.upgrade(database._alembic(connection), revision)
        with engine.begin() as connection:
            for event in events:
                _insert(connection, event | {"occurred_at": moments["early"], "recorded_at": moments["early"]})
            for statement in statements:
                connection.execute(sa.text(statement), moments)
    database.upgrade(url)


def test_upgrade_keeps_what_is_there(fresh: Database, tmp_path: Path) -> None:
    """From the first schema that was given out."""
    with empty_database(fresh, tmp_path) as url:
        upgrade_since("0003", url, OLD_ROWS, [GOOD])

        with operator_engine(url) as engine:
            assert Sealer(engine).run() == 1
            assert Doctor(engine).examine(1) == []
        with operator_engine(url) as engine, engine.begin() as connection:
            assert connection.exec_driver_sql("SELECT id, summary FROM event").all() == [(5, "Did")]
            assert connection.exec_driver_sql("SELECT person_id, name FROM former_name").all() == FORMER_NAMES
            stamps = sa.text("SELECT people_stamp, names_stamp FROM organisation, directory")
            first = connection.execute(stamps).one()
            assert 0 not in first
            connection.exec_driver_sql("UPDATE person SET name = 'Maya Sato'")
            connection.exec_driver_sql("UPDATE membership SET role = 'owner'")
            assert not set(connection.execute(stamps).one()) & set(first)
            assert connection.exec_driver_sql("SELECT name, role FROM person, membership").all() == [
                ("Maya Sato", "owner")
            ]


FORMER_NAMES = [(1, "A")]  # whose entry that is
OLD_ROWS = (
    "INSERT INTO organisation (id, slug, name, zone, created_at)"
    " VALUES (1, 'northgate', 'Northgate Imports', 'Europe/London', :early)",
    "INSERT INTO person (id, email, name, password_hash, active, zone, absolute_times, shortcuts, theme, created_at)"
    " VALUES (1, 'maya@northgate.example', 'Maya', '', true, '', false, true, 'system', :early)",
    "INSERT INTO membership (id, org_id, person_id, role, joined_at) VALUES (1, 1, 1, 'owner', :early)",
)


def test_what_was_set_aside_by_itself_is_known_after_an_upgrade(fresh: Database, tmp_path: Path) -> None:
    with empty_database(fresh, tmp_path) as url:
        upgrade_since("0017", url, (*OLD_ROWS, *OLD_FINDINGS))

        with operator_engine(url) as engine, engine.begin() as connection:
            told = connection.exec_driver_sql("SELECT id, by_itself FROM finding ORDER BY id").all()
            assert [(id_, bool(by_itself)) for id_, by_itself in told] == [("a", True), ("b", False), ("c", False)]
            patterns = connection.exec_driver_sql("SELECT kind, subject_name FROM finding_pattern ORDER BY kind").all()
            assert patterns == [("burst", "Maya Sato"), ("role_raised", "1")]


def test_which_invitation_a_finished_review_had_is_known_after_an_upgrade(fresh: Database, tmp_path: Path) -> None:
    with empty_database(fresh, tmp_path) as url:
        upgrade_since("0019", url, (*OLD_ROWS, *OLD_REVIEWS))

        with operator_engine(url) as engine, engine.begin() as connection:
            told = connection.exec_driver_sql("SELECT id, entries, invitation_id FROM member_review ORDER BY id").all()
            assert list(map(tuple, told)) == [("open", None, None), ("with", 3, 7), ("without", 3, None)]


_REVIEW = (
    "INSERT INTO member_review (id, org_id, person_id, kind, zone, since_id, until_id, starter_id, started_at,"
    " finished_at, entries) VALUES ('{}', 1, 1, 'joining', 'UTC', 10, 20, 1, :early, {})"
)
_TICK = (
    "INSERT INTO member_review_tick (review_id, event_id, org_id, person_id, ticked_at) VALUES ('{}', {}, 1, 1, :early)"
)
OLD_REVIEWS = (
    _REVIEW.format("open", "NULL, NULL"),
    _REVIEW.format("with", ":early, 3"),
    _REVIEW.format("without", ":early, 3"),
    *(_TICK.format(*each) for each in (("open", 7), ("with", 7), ("with", 12), ("without", 12))),
)
_FINDING = (
    "INSERT INTO finding (org_id, id, kind, subject_type, subject_id, subject_name, place, at, sentence, unusual, run,"
    " found_at, state, decided_by, decided_at, note) VALUES (1, {}, 'burst', 'member', '1', {}, '', {}, '', '', 1,"
    " :early, {}, '')"
)
_PATTERN = (
    "INSERT INTO finding_pattern (org_id, kind, subject_type, subject_id, place, note, decided_by, decided_at)"
    " VALUES (1, '{}', 'member', '1', '', '', 1, :early)"
)
OLD_FINDINGS = (
    _FINDING.format("'a'", "'Maya'", ":early", "'set_aside', 1, :early"),
    _FINDING.format("'b'", "'Maya Sato'", ":late", "'set_aside', 1, :late"),
    _FINDING.format("'c'", "'Maya'", ":early", "'open', NULL, NULL"),
    _PATTERN.format("burst"),
    _PATTERN.format("role_raised"),
)


def test_migrations_make_what_the_models_say(fresh: Database) -> None:
    with operator_engine(fresh.owner_url) as engine, engine.connect() as connection:
        inspector = sa.inspect(connection)
        for table in Base.metadata.sorted_tables:
            made = {column["name"]: column["nullable"] for column in inspector.get_columns(table.name)}
            made.pop("unfinished", None)  # of purge: computed, for the database alone
            if table.name in {"event", "purge"} and engine.dialect.name == "sqlite":
                made["id"] = False  # an INTEGER PRIMARY KEY is never null, and SQLite says otherwise
            assert made == {column.name: bool(column.nullable) for column in table.columns}, table.name
        context = MigrationContext.configure(
            connection,
            opts={
                "include_object": lambda item, name, kind, *_: (
                    (name if kind == "table" else getattr(getattr(item, "table", None), "name", ""))
                    not in WRITTEN_BY_HAND
                )
            },
        )
        assert compare_metadata(context, Base.metadata) == []


GOOD: dict[str, object] = {
    "org_id": 1, "id": 5, "occurred_at": 0, "recorded_at": 0, "category": "team", "action": "a.b_done",
    "summary": "Did", "facts": "{}", "actor_type": "member", "actor_id": "1", "actor_name": "A", "outcome": "success",
}  # fmt: skip


@pytest.mark.parametrize("engine_name", ["sqlite", "postgresql"], indirect=True)
def test_schema_checks_what_raw_sql_writes(database_url: str) -> None:
    bad: list[dict[str, object]] = [
        {"category": "laundry"},
        {"actor_type": "robot"},
        {"outcome": "maybe"},
        {"via_type": "member"},
        {"via_type": "robot", "via_id": "1", "via_name": "R"},
        {"via_id": "1"},
        {"target_type": "vehicle", "target_id": "1"},
        {"target_url": "/vehicles/1"},
        {"id": -1},
        {"summary": None},
        {"actor_name": None},
        {"org_id": None},
        {"facts": None},
        {"facts": "[1]"},
        {"facts": "7"},
        {"org_id": 0},
        {"actor_id": ""},
        {"id": 1 << 40},  # of another millisecond than the time of occurrence
    ]
    with server_engine(database_url) as engine:
        moment = 946_684_800_000_000 if engine.dialect.name == "sqlite" else "2000-01-01T00:00:00Z"
        good = GOOD | {"occurred_at": moment, "recorded_at": moment}
        bad.append({"recorded_at": 946_684_799_999_000 if engine.dialect.name == "sqlite" else "1999-12-31T23:59:59Z"})
        for change in bad:
            with engine.connect() as connection, pytest.raises(IntegrityError):
                _insert(connection, good | change)
        with engine.begin() as connection:
            _insert(connection, good)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "change", [{"facts": "{"}, {"occurred_at": "yesterday"}, {"org_id": "northgate"}, {"summary": b"\xff"}]
)
def test_sqlite_holds_to_the_types(database_url: str, change: dict[str, object]) -> None:
    good = GOOD | {"occurred_at": 946_684_800_000_000, "recorded_at": 946_684_800_000_000}
    with server_engine(database_url) as engine:
        with engine.connect() as connection, pytest.raises(IntegrityError):
            _insert(connection, good | change)
        with engine.begin() as connection:
            _insert(connection, good)


def _insert(connection: sa.Connection, row: dict[str, object]) -> None:
    names = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    connection.execute(sa.text(f"INSERT INTO event ({names}) VALUES ({values})"), row)


# Rights


def test_a_sqlite_file_is_for_its_owners_eyes(tmp_path: Path) -> None:
    path = tmp_path / "new.sqlite3"
    database.upgrade(f"sqlite:///{path}")

    assert path.stat().st_mode & 0o777 == 0o600


def test_grants_name_the_role_whatever_it_is_called() -> None:
    statements = database.grants('we"ird; DROP TABLE event', schema="Log")

    assert 'GRANT INSERT ON "Log".event, "Log".leaf TO "we""ird; DROP TABLE event"' in statements
    assert not any("UPDATE" in statement and "event" in statement.split(" TO ")[0] for statement in statements)
