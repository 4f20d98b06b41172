"""`auditweb purge` as it is called: it does what is due and says so, one at a time, and is safe to kill."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import Engine

from auditweb import catalogue, clock
from auditweb.cli import commands
from auditweb.database import UnusableError
from auditweb.ledger.doctor import Doctor
from auditweb.ledger.locks import only_one
from auditweb.models import Event
from tests.databases import Database
from tests.integration.conftest import Called
from tests.log_entries import entries_of
from tests.purging import by_operator, days_old, decide, fill
from tests.readers import Place, add_person, join
from tests.servers import clean_environ


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command tidies the folder of exports: not that of whoever runs the tests."""
    monkeypatch.setenv("AUDITWEB_DATA_DIR", str(tmp_path))


def purge(url: str, *options: str) -> Result:
    """Call the command in this process: starting another takes longer than the rest of a test."""
    return CliRunner().invoke(commands, ["purge", *options], env={"AUDITWEB_DATABASE_URL": url})


def test_command_does_what_is_due_and_says_so(
    auditweb: Called, app: Flask, fresh: Database, organisation: Place, other_organisation: Place
) -> None:
    now = clock.now()
    fill(app, organisation, days_old(1, 2, 800, 900), now=now)
    decide(app, organisation, shorter_months=24, shorter_from=now)
    someone = add_person(app, "Kenji Mori")
    join(app, other_organisation, someone, "owner")
    fill(app, other_organisation, days_old(1, 2), now=now)
    asked = datetime(2026, 3, 2, tzinfo=UTC)
    decide(app, other_organisation, deletion_due_at=now, deletion_asked_by=someone.id, deletion_asked_at=asked)

    dry = purge(fresh.owner_url, "--dry-run")
    assert dry.exit_code == 0, dry.stderr
    first, second = dry.stdout.splitlines()
    assert re.fullmatch(
        r"Northgate Imports: entries are kept for 2 years from now on\. 2 entries up to .* would be removed\.", first
    )
    assert second == (
        "Osaka Bay Motors: would be deleted, as Kenji Mori (kenji@northgate.example) asked for on 2 March 2026."
    )
    assert len(entries_of(app, organisation)) == 4

    done = auditweb("purge", database_url=fresh.owner_url)
    assert done.returncode == 0, done.stderr
    assert "Northgate Imports: entries are kept for 2 years from now on." in done.stdout
    assert "Northgate Imports: removed 2 entries up to" in done.stdout
    assert "Osaka Bay Motors: deleted, as Kenji Mori" in done.stdout
    assert [entry.action for entry in entries_of(app, organisation)][-2:] == [
        "organisation.log_retention_changed",
        "organisation.log_purged",
    ]
    assert purge(fresh.owner_url).stdout == "Nothing is due.\n"


def test_one_purge_at_a_time(fresh: Database, owner_engine: Engine) -> None:
    with only_one(owner_engine, "purge") as leads:
        assert leads()
        done = purge(fresh.owner_url)

    assert (done.exit_code, done.stdout) == (1, "")
    assert "Another purge is at work on this database." in done.stderr


def test_log_under_repair_has_to_wait(
    app: Flask, fresh: Database, organisation: Place, other_organisation: Place, owner_engine: Engine
) -> None:
    for place in (organisation, other_organisation):
        fill(app, place, days_old(1, 800), now=clock.now())
        decide(app, place, retention_months=12)
    with owner_engine.begin() as connection:
        connection.execute(sa.text("UPDATE log_head SET mending = 1 WHERE org_id = :id"), {"id": organisation.id})

    done = purge(fresh.owner_url)

    assert done.exit_code == 1
    assert "Northgate Imports: it has to wait." in done.stderr
    assert "auditweb doctor --repair" in done.stderr
    assert len(entries_of(app, organisation)) == 2
    assert "Osaka Bay Motors: removed 1 entry up to" in done.stdout


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_server_itself_may_not_purge(app: Flask, fresh: Database, organisation: Place) -> None:
    fill(app, organisation, days_old(1, 800), now=clock.now())
    decide(app, organisation, retention_months=12)

    done = purge(fresh.url)

    assert isinstance(done.exception, UnusableError)
    assert "permission denied" in str(done.exception)
    assert len(entries_of(app, organisation)) == 2


def test_killed_for_real_it_is_done_by_the_next(
    app: Flask,
    fresh: Database,
    organisation: Place,
    owner_engine: Engine,
    tmp_path: Path,
    rounds: Callable[[int, int], int],
) -> None:
    now = clock.now()
    number = 1_500
    fill(app, organisation, [timedelta(days=800, minutes=minute) for minute in range(number)], now=now)
    decide(app, organisation, retention_months=12)
    environ = clean_environ() | {"AUDITWEB_DATABASE_URL": fresh.owner_url, "AUDITWEB_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "auditweb.cli", "purge"]
    for _ in range(rounds(1, 10)):
        with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as running:
            before = _bids(owner_engine, organisation)
            deadline = time.monotonic() + 30
            while (
                _bids(owner_engine, organisation) == before and time.monotonic() < deadline and running.poll() is None
            ):
                time.sleep(0.01)
            running.send_signal(signal.SIGKILL)
    subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL)

    assert _bids(owner_engine, organisation) == 0
    told_of = [int(facts["entries"].replace(",", "")) for _, facts in by_operator(app, organisation)]
    assert sum(told_of) == number
    assert Doctor(owner_engine).examine(organisation.id, lambda _: None) == []


def _bids(engine: Engine, place: Place) -> int:
    counted = sa.select(sa.func.count()).where(Event.org_id == place.id, Event.action == catalogue.BID_RAISED.slug)
    with engine.connect() as connection:
        return connection.scalar(counted) or 0
