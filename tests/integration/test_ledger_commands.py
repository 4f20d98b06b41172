"""`auditweb seal` and `auditweb doctor` as they are called: what they say, and how they end."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from auditweb.ledger.doctor import Doctor
from auditweb.ledger.safety import find_dangers
from tests.databases import Database
from tests.integration.conftest import Called
from tests.ledgers import a_bid, operator_engine
from tests.servers import clean_environ

# The server of the tests keeps nothing when the power fails: that is said, and it is no health.
UNSAFE = {"sqlite": [], "postgresql": ["fsync is off", "full_page_writes is off", "synchronous_commit is off"]}


@pytest.fixture
def three(session: Session) -> None:
    for _ in range(3):
        a_bid(session)
    session.commit()


@pytest.mark.usefixtures("three")
def test_seal_takes_in_what_waits(auditweb: Called, database_url: str) -> None:
    first, second = (auditweb("seal", database_url=database_url) for _ in range(2))

    assert (first.returncode, first.stdout.splitlines()[-1]) == (0, "Sealed 3 entries.")
    assert (second.returncode, second.stdout.splitlines()[-1]) == (0, "Everything was sealed already.")


def test_seal_watches_until_it_is_stopped(fresh: Database, engine: Engine, session: Session, tmp_path: Path) -> None:
    environ = clean_environ() | {"AUDITWEB_DATABASE_URL": fresh.url, "AUDITWEB_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "auditweb.cli", "seal", "--watch"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as watching:
        try:
            a_bid(session)
            session.commit()
            deadline = time.monotonic() + 20
            while Doctor(engine).count_sealed(1) == 0 and time.monotonic() < deadline:
                time.sleep(0.1)
            assert Doctor(engine).count_sealed(1) == 1
            watching.send_signal(signal.SIGTERM)
            assert watching.wait(20) == 0
        finally:
            watching.kill()


@pytest.mark.usefixtures("three")
def test_doctor_tells_what_is_wrong_and_mends_it(auditweb: Called, fresh: Database) -> None:
    if fresh.engine_name == "sqlite":
        Path(fresh.url.removeprefix("sqlite:///")).chmod(0o600)
    behind = auditweb("doctor", database_url=fresh.url)
    auditweb("seal", database_url=fresh.url)
    with operator_engine(fresh.owner_url) as owner, owner.begin() as connection:
        connection.execute(sa.text("UPDATE tally SET n = 7 WHERE category = ''"))

    ill = auditweb("doctor", database_url=fresh.url)
    mended = auditweb("doctor", "--repair", database_url=fresh.url)
    well = auditweb("doctor", database_url=fresh.url)

    assert "Sealing: 3 entries behind." in behind.stdout
    assert ill.returncode == 1
    assert "Organisation 1: 2 counts of months differ from the entries there are." in ill.stdout
    assert "counts and search index are made anew" in mended.stdout
    assert "Organisation 1: counts and search index agree with 3 entries sealed." in well.stdout
    assert all(unsafe in well.stdout for unsafe in UNSAFE[fresh.engine_name])
    assert well.returncode == (1 if UNSAFE[fresh.engine_name] else 0)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_doctor_sees_a_missing_guard(auditweb: Called, fresh: Database) -> None:
    with operator_engine(fresh.owner_url) as owner, owner.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER event_is_not_deleted")

    told = auditweb("doctor", database_url=fresh.url)

    assert told.returncode == 1
    assert "the trigger event_is_not_deleted is missing" in told.stdout
    assert "can be read by others" in told.stdout


@pytest.mark.usefixtures("three")
def test_a_repair_cut_short_is_told_by_those_who_wait_for_it(auditweb: Called, fresh: Database, engine: Engine) -> None:
    with patch.object(Doctor, "_clear", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        Doctor(engine).put_back(1)

    told = auditweb("seal", database_url=fresh.url)

    assert told.returncode == 1
    assert "sealed already" not in told.stdout
    assert "Organisation 1: its entries wait for a repair." in told.stderr
    assert "auditweb doctor --repair" in told.stderr


def test_doctor_sees_settings_that_are_not_safe(tmp_path: Path) -> None:
    """Where a file system takes no journal of that kind, or a connection is not the server's."""
    plain = sa.create_engine(f"sqlite:///{tmp_path}/plain.sqlite3")
    with plain.connect() as connection:
        connection.exec_driver_sql("PRAGMA synchronous = NORMAL")
        dangers = find_dangers(connection)
    plain.dispose()
    assert [danger.split()[:3] for danger in dangers][:2] == [
        ["journal_mode", "is", "delete:"],
        ["synchronous", "is", "1:"],
    ]


@pytest.mark.parametrize("command", ["seal", "doctor"])
def test_a_database_that_is_behind_is_refused(auditweb: Called, tmp_path: Path, command: str) -> None:
    place = f"sqlite:///{tmp_path}/new.sqlite3"

    told = auditweb(command, database_url=place)

    assert told.returncode == 2
    assert told.stderr == (
        f"auditweb: AUDITWEB_DATABASE_URL: the database {place} is not up to date. Run: auditweb upgrade\n"
    )
