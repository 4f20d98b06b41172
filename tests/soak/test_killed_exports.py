"""Exports whose process is killed at work, alone or with the whole server: each becomes a whole file all the same."""

import hashlib
import os
import signal
import time
import zipfile
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from auditweb.exports.keeping import folder_in
from auditweb.models import ExportJob
from tests.databases import Database
from tests.export_jobs import ask_for_log, delete, files, job
from tests.ledgers import operator_engine, wait_for
from tests.log_entries import entries_of
from tests.log_pages import fill_log
from tests.readers import Place, add_organisation, add_person, hash_cheaply, join
from tests.servers import LiveServer, serve

Rounds = Callable[[int, int], int]

QUICK = 20  # exports that may be done before they can be killed


def test_an_export_whose_process_is_killed_is_whole_in_the_end(
    fresh: Database, app: Flask, tmp_path: Path, rounds: Rounds, pytestconfig: pytest.Config
) -> None:
    hash_cheaply()
    place, someone = add_organisation(app, "northgate", "Northgate Imports"), add_person(app, "Ada Okafor")
    join(app, place, someone, "owner")
    fill_log(app, place, rounds(300, 5000))
    kills = rounds(1, 40)
    with ExitStack() as servers:
        server = servers.enter_context(serve(fresh.url, tmp_path, settings={"AUDITWEB_WORKERS": "2"}))
        asked = 0
        for number in range(kills):
            killed = False
            while not killed:
                job_id = ask_for_log(app, place, someone, words=f"number {asked}")
                asked += 1
                assert asked < kills + QUICK
                killed = _kill_half_way(fresh, server, job_id, with_server=number % 2 == 0)
                if not killed:
                    delete(app, tmp_path, place, someone, job_id)
            if number % 2 == 0:
                assert server.process.poll() is not None
                server = servers.enter_context(serve(fresh.url, tmp_path, settings={"AUDITWEB_WORKERS": "2"}))
            wait_for(lambda job_id=job_id: job(app, job_id).state not in ("queued", "running"))  # type: ignore[misc]
            _assert_whole(app, place, tmp_path, job_id)
            delete(app, tmp_path, place, someone, job_id)  # or they would be too many to be kept
        wait_for(lambda: not files(tmp_path), 90)
    told = [entry.action for entry in entries_of(app, place) if entry.action.startswith("export.")]
    assert told == ["export.requested", "export.completed", "export.deleted"] * asked
    pytestconfig.get_terminal_writer().line(f"{fresh.engine_name}: {kills} exports killed, all whole in the end")


def _kill_half_way(fresh: Database, server: LiveServer, job_id: str, *, with_server: bool) -> bool:
    """
    Kill the process that prepares an export once it is at it, and before it is done; False if it was done sooner.

    It cannot finish meanwhile, for want of the job's lock; on SQLite that is the lock of the whole database.
    """
    with operator_engine(fresh.owner_url) as engine:
        give_up_at = time.monotonic() + 60
        while time.monotonic() < give_up_at:
            with Session(engine) as session, session.begin():
                state = session.scalar(sa.select(ExportJob.state).where(ExportJob.id == job_id).with_for_update())
                if state == "done":  # between two looks, of which a busy machine may let half a minute pass
                    return False
                assert state in ("queued", "running"), state
                if state == "running":
                    preparing = _preparing(server)
                    assert preparing
                    if with_server:
                        server.kill()
                    for pid in preparing:
                        with suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
                    return True
            time.sleep(0.005)
    raise AssertionError("nobody took it")


def _preparing(server: LiveServer) -> list[int]:
    """Return the processes that prepare exports for a server: they are children of its workers."""
    return [pid for worker in _children(server.process.pid) for pid in _children(worker)]


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            found += [int(each) for each in task.read_text().split()]
    return found


def _assert_whole(app: Flask, place: Place, folder: Path, job_id: str) -> None:
    done = job(app, job_id)
    assert (done.state, done.tries) == ("done", 2), done.reason
    path = folder_in(folder) / str(done.file)
    content = path.read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (done.size, done.sha256)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert len(archive.read("entries.jsonl").splitlines()) == done.done
        assert done.done >= len(entries_of(app, place)) - 2
