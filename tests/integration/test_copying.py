"""`auditweb copy`: everything moves from SQLite to PostgreSQL as it is, or nothing does."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from auditweb import copying, database
from auditweb.cli import copies
from auditweb.config import Settings
from auditweb.copying import CopyError
from auditweb.ledger.doctor import Doctor
from auditweb.ledger.locks import only_one
from auditweb.ledger.safety import find_dangers
from auditweb.ledger.sealer import Sealer
from auditweb.models import Base, Event, Person, Purge
from tests.databases import Database, fresh_database
from tests.integration.conftest import Called
from tests.integration.test_command_line import says
from tests.integration.test_database import empty_database
from tests.ledgers import NOON, a_bid, operator_engine, process_for, record_until_killed, server_engine, wait_for
from tests.whole_databases import ENTRIES, Rows, fill, rows_of

MADE_BY_MIGRATIONS = {"directory"}
STALL = 60


@pytest.fixture
def engine_name() -> str:
    """What is copied from."""
    return "sqlite"


@pytest.fixture(params=["postgresql", "partitioned"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A new database to copy to."""
    with fresh_database(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def plain_target(tmp_path: Path) -> Iterator[Database]:
    with fresh_database("postgresql", tmp_path) as made:
        yield made


@pytest.fixture
def full(fresh: Database, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """The source has something in each of its tables, and it takes many steps to copy it."""
    monkeypatch.setattr(copying, "_AT_ONCE", 7)
    with operator_engine(fresh.owner_url) as engine:
        fill(engine)
        return rows_of(engine)


def test_every_table_is_copied_as_it_is(fresh: Database, full: Rows, target: Database) -> None:
    """Whatever tables there are, and with what was sealed, what waits and what was purged."""
    assert all(full.values())
    heard: list[tuple[int, int, str]] = []

    copied = copying.copy(fresh.url, target.owner_url, lambda *step: heard.append(step))

    with operator_engine(target.owner_url) as engine:
        assert rows_of(engine) == full
        with engine.connect() as connection:
            assert [danger for danger in find_dangers(connection) if "trigger " in danger] == []
    with server_engine(target.url) as engine:
        assert [Doctor(engine).examine(org_id) for org_id in Doctor(engine).organisations()] == [[]] * 3
        assert Sealer(engine).count_waiting() == 3
        assert Sealer(engine).run() == 3
        assert [Doctor(engine).examine(org_id) for org_id in (1, 2, 3)] == [[]] * 3
    assert copied == sum(map(len, full.values()))
    assert heard[0][:2] == (0, copied)
    assert heard[-1][:2] == (copied, copied)
    assert [done for done, _, _ in heard] == sorted(done for done, _, _ in heard)


def test_every_table_is_known(fresh: Database) -> None:
    """One that only a migration knows of would be left behind."""
    with operator_engine(fresh.owner_url) as engine, engine.connect() as connection:
        assert set(sa.inspect(connection).get_table_names()) == {*Base.metadata.tables, "alembic_version"}
        rows = {table.name: connection.execute(sa.select(table)).all() for table in Base.metadata.sorted_tables}
    assert {name for name, found in rows.items() if found} == MADE_BY_MIGRATIONS == copying._MADE_BY_MIGRATIONS


@pytest.mark.usefixtures("full")
def test_new_rows_get_new_numbers(fresh: Database, plain_target: Database) -> None:
    copying.copy(fresh.url, plain_target.owner_url)

    with operator_engine(plain_target.owner_url) as engine, Session(engine) as session:
        highest = session.scalar(sa.select(sa.func.max(Person.id)))
        person = Person(email="new@example.org", name="New", password_hash="", created_at=NOON)
        purge = Purge(org_id=1, up_to_id=1, who="Ada", why="Another", started_at=NOON)
        session.add_all([person, purge])
        session.flush()
        assert (person.id, purge.id) == ((highest or 0) + 1, 2)


@pytest.mark.usefixtures("full")
def test_source_is_only_read(fresh: Database, plain_target: Database) -> None:
    with copying._read(fresh.url) as connection, pytest.raises(sa.exc.DBAPIError, match="readonly"):
        connection.exec_driver_sql("DELETE FROM seal_queue")

    with operator_engine(fresh.url) as engine:
        before = rows_of(engine)
    copying.copy(fresh.url, plain_target.owner_url)
    with operator_engine(fresh.url) as engine:
        assert rows_of(engine) == before


@pytest.mark.usefixtures("full")
def test_what_is_written_meanwhile_is_not_copied(fresh: Database, engine: Engine, plain_target: Database) -> None:
    """Writers go on, and the copy is that of one moment."""

    def record(*_: object) -> None:
        with Session(engine) as session, session.begin():
            a_bid(session)
        Sealer(engine).run()

    copying.copy(fresh.url, plain_target.owner_url, record)

    with server_engine(plain_target.url) as copied:
        assert [Doctor(copied).examine(org_id) for org_id in (1, 2, 3)] == [[]] * 3
        with Session(copied) as session:
            assert session.scalar(sa.select(sa.func.count()).select_from(Event)) == ENTRIES


# Interrupted


def stall(source: str, target: str, share: float, marker: str) -> None:
    """Copy until this *share* of all rows is copied, leave a mark, and wait to be killed."""

    def wait(done: int, of: int, _table: str) -> None:
        if done >= of * share:
            Path(marker).touch()
            time.sleep(STALL)

    copying._AT_ONCE = 7
    copying.copy(source, target, wait)


@pytest.mark.parametrize("share", [0.5, 1])
def test_killed_it_leaves_nothing_and_can_be_begun_again(
    fresh: Database, full: Rows, target: Database, tmp_path: Path, share: float
) -> None:
    marker = tmp_path / "marker"
    copy = process_for(stall, fresh.url, target.owner_url, share, str(marker))
    copy.start()
    wait_for(marker.exists)
    copy.kill()
    copy.join()

    with operator_engine(target.owner_url) as engine:
        assert {name for name, found in rows_of(engine).items() if found} == MADE_BY_MIGRATIONS
        copying.copy(fresh.url, target.owner_url)
        assert rows_of(engine) == full


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_stopped_it_leaves_nothing(fresh: Database, plain_target: Database, stop: type[BaseException]) -> None:
    def interrupt(done: int, of: int, _table: str) -> None:
        if done == of:
            raise stop

    with pytest.raises(stop):
        copying.copy(fresh.url, plain_target.owner_url, interrupt)

    with operator_engine(plain_target.owner_url) as engine:
        assert {name for name, found in rows_of(engine).items() if found} == MADE_BY_MIGRATIONS


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_takes_effect_between_two_steps(
    settings: Settings, plain_target: Database, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """Within one, the driver complained that it was busy, at length."""
    write, written = copying._write, []

    def write_and_stop(connection: sa.Connection, table: sa.Table, rows: Sequence[sa.Row[Any]]) -> None:
        os.kill(os.getpid(), number)
        write(connection, table, rows)
        written.append(table.name)

    monkeypatch.setattr(copying, "_write", write_and_stop)
    with pytest.raises(KeyboardInterrupt):
        copies.copy(settings, plain_target.owner_url)

    assert len(written) == 1
    with operator_engine(plain_target.owner_url) as engine:
        assert {name for name, found in rows_of(engine).items() if found} == MADE_BY_MIGRATIONS


@pytest.mark.usefixtures("full")
def test_copy_that_lacks_a_row_is_undone(
    fresh: Database, plain_target: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = copying._write
    monkeypatch.setattr(
        copying, "_write", lambda connection, table, rows: write(connection, table, rows[table.name == "leaf" :])
    )

    with pytest.raises(CopyError, match=r"^Of 32 rows of leaf, 27 are in the copy: it was undone\.$"):
        copying.copy(fresh.url, plain_target.owner_url)

    with operator_engine(plain_target.owner_url) as engine:
        assert {name for name, found in rows_of(engine).items() if found} == MADE_BY_MIGRATIONS


def test_copied_among_writers(fresh: Database, plain_target: Database, tmp_path: Path) -> None:
    """Whole transactions, and all that were acknowledged before it began."""
    acknowledged = tmp_path / "acknowledged"
    writer = process_for(record_until_killed, fresh.url, "writer", str(acknowledged))
    writer.start()
    wait_for(lambda: acknowledged.exists() and len(acknowledged.read_text().split()) > 5)
    before = set(acknowledged.read_text().split())
    copying.copy(fresh.url, plain_target.owner_url)
    writer.kill()
    writer.join()

    with server_engine(plain_target.url) as engine, Session(engine) as session:
        sales = [facts["sale"] for facts in session.scalars(sa.select(Event.facts))]
        assert before <= set(sales)
        assert {sales.count(sale) for sale in set(sales)} == {3}
        Sealer(engine).run()
        assert Doctor(engine).examine(1) == []


# Refused


def test_target_with_data_is_refused(fresh: Database, target: Database) -> None:
    with server_engine(target.url) as engine, Session(engine) as session, session.begin():
        a_bid(session)

    with pytest.raises(CopyError, match=r"holds data already, in the table event: copy into a new one\.$"):
        copying.copy(fresh.url, target.owner_url)

    with server_engine(target.url) as engine, Session(engine) as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Event)) == 1


def test_target_in_use_is_refused(fresh: Database, plain_target: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_PATIENCE", "50ms")
    with server_engine(plain_target.url) as engine, Session(engine) as session:
        a_bid(session)
        with pytest.raises(CopyError, match="Others are at work in the database"):
            copying.copy(fresh.url, plain_target.owner_url)


@pytest.mark.usefixtures("full")
def test_what_postgresql_does_not_take_is_named(fresh: Database, plain_target: Database) -> None:
    with operator_engine(fresh.url) as engine, engine.begin() as connection:
        connection.execute(sa.update(Person).values(name="nul \0"))

    with pytest.raises(CopyError, match=r"^The rows of person cannot be copied: .* NUL"):
        copying.copy(fresh.url, plain_target.owner_url)


Refusal = tuple[Callable[[Database, Database], tuple[str, str]], str]
REFUSED: dict[str, Refusal] = {
    "no address": (lambda here, there: (here.url, "example"), "is not the address of a database"),
    "another engine": (lambda here, there: (here.url, "mysql://u:p@h/d"), "is SQLite .* or PostgreSQL"),
    "a file": (lambda here, there: (here.url, here.url), "use auditweb backup"),
    "from PostgreSQL": (lambda here, there: (there.url, there.url), "pg_dump and pg_restore"),
    "nobody there": (lambda here, there: (here.url, "postgresql://u:hunter2@127.0.0.1:9/d"), "cannot be used"),
    "not the owner": (lambda here, there: (here.url, there.url), "permission denied"),
}


@pytest.mark.parametrize(("chosen", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_makes_no_sense_is_refused(
    fresh: Database, plain_target: Database, chosen: Callable[[Database, Database], tuple[str, str]], reason: str
) -> None:
    source, target = chosen(fresh, plain_target)

    def attempt() -> None:
        copying.prepare(source, target)
        copying.copy(source, target)

    with pytest.raises(CopyError, match=reason) as told:
        attempt()
    assert "hunter2" not in str(told.value)


def test_database_of_another_program_is_refused(fresh: Database, plain_target: Database, tmp_path: Path) -> None:
    with empty_database(plain_target, tmp_path) as url:
        with operator_engine(url) as engine, engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE customer (id integer)")
        with pytest.raises(CopyError, match="of another version or program: copy into a new one"):
            copying.prepare(fresh.url, url)


# As it is called


@pytest.mark.usefixtures("full")
def test_command_makes_the_tables_copies_and_examines(
    auditweb: Called, fresh: Database, plain_target: Database, tmp_path: Path
) -> None:
    """It says that a server is at work; to a database that is not sound it says so, and once there is data, no."""
    with operator_engine(fresh.url) as engine, engine.begin() as connection:
        connection.exec_driver_sql("UPDATE tally SET n = 7 WHERE org_id = 2 AND category = ''")
    with empty_database(plain_target, tmp_path) as url:
        with server_engine(fresh.url) as engine, only_one(engine, "sealer") as leads:
            assert leads()
            done = auditweb("copy", url, database_url=fresh.url)
        assert database.is_current(url)
        again = auditweb("copy", url, database_url=fresh.url)

    assert "A server is at work" in done.stderr
    assert "each table of the copy has as many as here." in done.stdout
    assert "Organisation 1: counts and search index agree with 30 entries sealed." in done.stdout
    assert "counts of months differ from the entries there are." in done.stdout
    assert done.returncode == 1
    assert "holds data already" in again.stderr
    assert (again.returncode, "Traceback" in again.stderr) == (2, False)


def test_command_wants_a_source_that_is_up_to_date(auditweb: Called, plain_target: Database) -> None:
    assert says(auditweb("copy", plain_target.owner_url)).endswith("is not up to date. Run: auditweb upgrade")
