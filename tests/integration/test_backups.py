"""`auditweb backup`: a file that has the name is whole, holds one moment, and nobody waits for it."""

import errno
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from auditweb import backups, database, sqlite
from auditweb.backups import BackupError
from auditweb.database import UnusableError
from auditweb.ledger.doctor import Doctor
from auditweb.ledger.safety import find_dangers
from auditweb.ledger.sealer import Sealer
from auditweb.models import Event
from tests.databases import SERVER, Database, fresh_database
from tests.integration.conftest import Called
from tests.integration.test_command_line import says
from tests.integration.test_database import empty_database
from tests.ledgers import a_bid, operator_engine, process_for, record_until_killed, server_engine, wait_for
from tests.whole_databases import fill, rows_of

STALL = 60


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "_PAGES", 5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the backup goes: a folder of its own."""
    folder = tmp_path / "backups of auditweb?"
    folder.mkdir()
    return folder / "monday"


@contextmanager
def restored(fresh: Database, backup: Path, folder: Path) -> Iterator[Database]:
    """Give the database that docs/operate.md makes of a backup."""
    with empty_database(fresh, folder) as url:
        if fresh.engine_name == "sqlite":
            shutil.copy(backup, make_url(url).database or "")
            yield Database("sqlite", url, url)
            return
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        options = ["--exit-on-error", "--no-owner", "--no-privileges", f"--dbname={plain}"]
        subprocess.run(["pg_restore", *options, backup], check=True)
        with operator_engine(url) as engine, engine.begin() as connection:
            for statement in database.grants(SERVER):
                connection.exec_driver_sql(statement)
        yield Database("postgresql", make_url(url).set(username=SERVER).render_as_string(hide_password=False), url)


@pytest.mark.parametrize("engine_name", ["sqlite", "postgresql", "partitioned"], indirect=True)
def test_what_is_restored_is_the_whole_database(fresh: Database, path: Path, tmp_path: Path) -> None:
    with operator_engine(fresh.owner_url) as engine:
        fill(engine)
        rows = rows_of(engine)
    heard: list[tuple[int, int, str]] = []

    size = backups.back_up(fresh.owner_url, path, lambda *step: heard.append(step))

    assert names(path) == [path.name]
    assert (path.stat().st_size, stat.S_IMODE(path.stat().st_mode)) == (size, 0o600)
    assert heard[-1] == (1, 1, "checking")
    with restored(fresh, path, tmp_path) as back:
        with operator_engine(back.owner_url) as engine, engine.connect() as connection:
            assert rows_of(engine) == rows
            assert [danger for danger in find_dangers(connection) if "trigger " in danger] == []
        with server_engine(back.url) as engine:
            assert Sealer(engine).run() == 3
            assert [Doctor(engine).examine(org_id) for org_id in (1, 2, 3)] == [[]] * 3


def test_nobody_waits_for_it(fresh: Database, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is recorded meanwhile is; SQLite's backup holds what was there when it began, and all of that."""
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0)
    written = 0
    with server_engine(fresh.url) as engine:
        record(engine)

        def write(*_: object) -> None:
            nonlocal written
            if written < 50:  # a backup that begins anew each time would never end
                record(engine)
                written += 1

        backups.back_up(fresh.owner_url, path, write)

    assert written
    with restored(fresh, path, tmp_path) as back, server_engine(back.url) as engine, Session(engine) as session:
        kept = session.scalar(sa.select(sa.func.count()).select_from(Event)) or 0
        assert kept == 1 if fresh.engine_name == "sqlite" else 1 <= kept <= 1 + written


def test_taken_among_writers(fresh: Database, path: Path, tmp_path: Path) -> None:
    """Whole transactions, and all that were acknowledged before it began."""
    files = [tmp_path / f"acknowledged by {n}" for n in range(2)]
    writers = [process_for(record_until_killed, fresh.url, f"writer {n}", str(file)) for n, file in enumerate(files)]
    for writer in writers:
        writer.start()
    wait_for(lambda: all(file.exists() and file.stat().st_size for file in files))
    before = [(f"writer {n}", sale) for n, file in enumerate(files) for sale in file.read_text().split()]
    backups.back_up(fresh.owner_url, path)
    for writer in writers:
        writer.kill()
        writer.join()

    with restored(fresh, path, tmp_path) as back, server_engine(back.url) as engine:
        with Session(engine) as session:
            sales = [(actor, facts["sale"]) for actor, facts in session.execute(sa.select(Event.actor_id, Event.facts))]
        assert set(before) <= set(sales)
        assert {sales.count(sale) for sale in set(sales)} == {3}
        Sealer(engine).run()
        assert Doctor(engine).examine(1) == []


# Interrupted


def stall(url: str, path: str, marker: str) -> None:
    """Begin with a backup, leave a mark, and wait to be killed."""

    def wait(*_: object) -> None:
        Path(marker).touch()
        time.sleep(STALL)

    backups._PAGES = 5
    backups.back_up(url, Path(path), wait)


def test_killed_it_leaves_no_file_of_the_name(fresh: Database, path: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    backup = process_for(stall, fresh.owner_url, str(path), str(marker))
    backup.start()
    wait_for(marker.exists)
    backup.kill()
    backup.join()

    (left,) = names(path)
    assert left.endswith(".part")
    backups.back_up(fresh.owner_url, path)
    with restored(fresh, path, tmp_path) as back:
        assert database.is_current(back.url)


def test_stopped_it_leaves_nothing(fresh: Database, path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        backups.back_up(fresh.owner_url, path, interrupt)
    assert names(path) == []


def test_nothing_is_overwritten(fresh: Database, path: Path) -> None:
    """Neither what is there before, nor what somebody puts there meanwhile."""
    with pytest.raises(BackupError, match="has been made by someone else meanwhile"):
        backups.back_up(fresh.owner_url, path, lambda *_: path.write_text("precious") and None)
    with pytest.raises(BackupError, match="is there already"):
        backups.back_up(fresh.owner_url, path)
    assert path.read_text() == "precious"
    assert names(path) == [path.name]


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_file_system_without_second_names(fresh: Database, path: Path, tmp_path: Path) -> None:
    with patch.object(os, "link", side_effect=OSError(errno.EPERM, "Operation not permitted")):
        backups.back_up(fresh.owner_url, path)
        with (
            pytest.raises(BackupError, match="cannot be written"),
            patch.object(os.path, "lexists", return_value=False),
        ):
            backups.back_up(fresh.owner_url, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with restored(fresh, path, tmp_path) as back:
        assert database.is_current(back.url)
    assert names(path) == [path.name]


# Refused


def test_folder_must_be_there(fresh: Database, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"cannot be written \(No such file or directory\)\.$"):
        backups.back_up(fresh.owner_url, tmp_path / "nowhere" / "monday")


def test_database_without_a_log_is_named(fresh: Database, path: Path, tmp_path: Path) -> None:
    """An empty backup would be found out on the day it is needed."""
    with empty_database(fresh, tmp_path) as url:
        if fresh.engine_name == "sqlite":
            with pytest.raises(BackupError, match="is not there"):
                backups.back_up(url, path)
            Path(make_url(url).database or "").touch()
        with pytest.raises(BackupError, match="holds no log"):
            backups.back_up(url, path)
    assert names(path) == []


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_damaged_file_makes_no_backup(fresh: Database, path: Path, engine: Engine) -> None:
    for _ in range(40):
        record(engine)
    engine.dispose()
    file = Path(make_url(fresh.url).database or "")
    with file.open("r+b") as bytes_:
        bytes_.seek(-4096 * 2, os.SEEK_END)
        bytes_.write(b"\xff" * 4096 * 2)

    with pytest.raises(BackupError, match="is damaged, and so was its copy"):
        backups.back_up(fresh.url, path)

    file.write_bytes(b"not a database " * 100)
    with pytest.raises(BackupError, match="file is not a database"):
        backups.back_up(fresh.url, path)
    assert names(path) == []


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_missing_program_is_named(fresh: Database, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(path.parent))

    with pytest.raises(BackupError, match=r"^pg_dump is missing, .* package postgresql-client\)\.$"):
        backups.back_up(fresh.owner_url, path)


def test_what_pg_dump_complains_of_is_told(path: Path, tmp_path: Path) -> None:
    """The server's role has no right on partitions: backups are the owner's."""
    with (
        fresh_database("partitioned", tmp_path) as fresh,
        pytest.raises(BackupError, match=r"pg_dump could not back up .*: query failed: ERROR: +permission denied"),
    ):
        backups.back_up(fresh.url, path)
    assert names(path) == []


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_password_is_not_among_the_arguments(fresh: Database, path: Path) -> None:
    url = make_url(fresh.owner_url).set(password="hunter2").render_as_string(hide_password=False)
    with patch.object(subprocess, "Popen", wraps=subprocess.Popen) as started:
        backups.back_up(url, path)

    command, environ = started.call_args_list[0].args[0], started.call_args_list[0].kwargs["env"]
    assert environ["PGPASSWORD"] == "hunter2"
    assert "hunter2" not in " ".join(command)
    assert make_url(url).database in command[-1]


def test_server_that_does_not_answer(path: Path) -> None:
    with pytest.raises(UnusableError, match=r"u:\*\*\*@127"):
        backups.back_up("postgresql://u:hunter2@127.0.0.1:9/log", path)


# As it is called


def test_command_says_where_the_backup_is(auditweb: Called, fresh: Database, path: Path) -> None:
    done = auditweb("backup", str(path), database_url=fresh.owner_url)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith(f"The backup {path} is whole: ")
    assert path.is_file()
    assert says(auditweb("backup", str(path), database_url=fresh.owner_url)).startswith(f"{path} is there already")


def names(path: Path) -> list[str]:
    """Return what is in the folder of backups."""
    return [file.name for file in path.parent.iterdir()]


def record(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        a_bid(session)


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt
