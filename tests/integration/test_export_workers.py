"""Preparing exports: each organisation in its turn, and each file whole or not at all, whoever is stopped when."""

import errno
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from auditweb import clock
from auditweb.accounts.permissions import Role
from auditweb.database import TooSlow
from auditweb.exports import keeping, work
from auditweb.exports.keeping import folder_in
from auditweb.exports.workers import Worker, working
from auditweb.extensions import db
from tests.export_jobs import actions, ask_for_log, exports, files, job, maya, prepare, ready
from tests.integration.conftest import FillLog, SignedInAs
from tests.log_entries import one_entry, told
from tests.log_pages import NOW
from tests.readers import Place, Reader
from tests.together import at_once

# ruff: noqa: F401, F811  (fixtures are imported)

pytestmark = pytest.mark.usefixtures("at_now")


# In their turn


def test_two_of_an_organisation_are_prepared_at_once(
    app: Flask, organisation: Place, other_organisation: Place, maya: Reader, signed_in_as: SignedInAs
) -> None:
    kenji = signed_in_as(Role.OWNER, other_organisation, name="Kenji Mori")
    ours = []
    for number in range(3):
        with clock.set_to(NOW + timedelta(seconds=number)):
            ours.append(ask_for_log(app, organisation, maya.someone, words=f"{number}"))
    theirs = ask_for_log(app, other_organisation, kenji.someone)

    with app.app_context():
        engine = db.engine

        def claim() -> str | None:
            claimed = work.claim(engine, Worker("here/x"))
            return claimed.id if claimed else None

        # Those who were too late for one take nothing, and ask again.
        taken = [id_ for id_ in (*at_once(claim, claim, claim, claim), claim(), claim(), claim()) if id_]

    assert sorted(taken) == sorted([*ours[:2], theirs])
    assert maya.get(exports(organisation, f"/{ours[2]}")).words.count("2 are before it") == 1


def test_one_organisation_does_not_keep_another_waiting(
    app: Flask, organisation: Place, other_organisation: Place, maya: Reader, signed_in_as: SignedInAs, tmp_path: Path
) -> None:
    kenji = signed_in_as(Role.OWNER, other_organisation, name="Kenji Mori")
    for number in range(3):
        ask_for_log(app, organisation, maya.someone, words=f"{number}")
    theirs = ask_for_log(app, other_organisation, kenji.someone)
    order = []
    with app.app_context(), working(folder_in(tmp_path)) as worker:
        for second in range(4):
            with clock.set_to(NOW + timedelta(seconds=second)):
                claimed = work.claim(db.engine, worker)
                assert claimed is not None
                order.append(claimed.id)
                work.prepare(db.engine, folder_in(tmp_path), worker, claimed, threading.Event())
    assert theirs in order[:2]


# Whole or not at all


def test_cancelled_half_way_nothing_is_left(
    app: Flask,
    organisation: Place,
    maya: Reader,
    tmp_path: Path,
    fill: FillLog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(30)
    monkeypatch.setattr(work, "SAID_EVERY", 0)
    job_id = ask_for_log(app, organisation, maya.someone)

    def cancelled(pieces: Iterator[tuple[bytes, int]]) -> Iterator[tuple[bytes, int]]:
        yield from pieces
        seen.extend(files(tmp_path))
        assert maya.post(exports(organisation, f"/{job_id}/cancel")).status == 303
        yield b"", 30

    seen: list[str] = []
    _interfere(monkeypatch, cancelled)
    prepare(app, tmp_path)

    assert next(name for name in seen if job_id in name).endswith(".part")
    assert files(tmp_path) == []
    assert job(app, job_id).state == "cancelled"
    assert actions(app, organisation) == ["export.requested", "export.cancelled"]
    assert "Nothing" not in maya.get(exports(organisation, f"/{job_id}")).words
    assert (
        "nothing was cancelled" in maya.get(str(maya.post(exports(organisation, f"/{job_id}/cancel")).location)).words
    )


def test_the_last_room_of_a_disk_is_left_to_others(
    app: Flask,
    organisation: Place,
    maya: Reader,
    tmp_path: Path,
    fill: FillLog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before anything is written, and while it is."""
    fill(3)
    monkeypatch.setattr(work, "SAID_EVERY", 0)
    disk = shutil.disk_usage(tmp_path)
    free: list[int] = []
    monkeypatch.setattr(shutil, "disk_usage", lambda _: disk._replace(total=10**12, free=free.pop()))
    written: list[bytes] = []

    def noted(pieces: Iterator[tuple[bytes, int]]) -> Iterator[tuple[bytes, int]]:
        for some, number in pieces:
            written.append(some)
            yield some, number

    _interfere(monkeypatch, noted)
    for left, pieces_ in (([10**9 - 1], 0), ([10**9 - 1, 10**9], 1)):
        free.extend(left)
        job_id = ask_for_log(app, organisation, maya.someone)
        prepare(app, tmp_path)
        assert "There was no room left for the file" in maya.get(exports(organisation, f"/{job_id}")).words
        assert (files(tmp_path), len(written)) == ([], pieces_)
    disk = disk._replace(total=10**8)  # of a small one a tenth
    monkeypatch.setattr(shutil, "disk_usage", lambda _: disk._replace(free=10**7))
    assert job(app, ready(app, organisation, maya, tmp_path)).state == "done"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "There was no room left for the file"),
        (OSError(errno.EIO, "Input/output error"), "could not be written on the server (Input/output error)"),
        (TooSlow("secret detail"), "The database was out of reach or too busy 3 times"),
        (RuntimeError("secret detail"), "Something went wrong on the server"),
    ],
)
def test_what_fails_says_so_and_what_to_do(
    app: Flask,
    organisation: Place,
    maya: Reader,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wrong: Exception,
    says: str,
) -> None:
    job_id = ask_for_log(app, organisation, maya.someone)

    def broken(pieces: Iterator[tuple[bytes, int]]) -> Iterator[tuple[bytes, int]]:
        yield next(pieces)
        raise wrong

    _interfere(monkeypatch, broken)
    with one_entry(app, organisation) as found:
        prepare(app, tmp_path)

    page = maya.get(exports(organisation, f"/{job_id}"))
    assert says in page.words
    assert "secret detail" not in page.text
    assert told(found[0])[:2] == ("export.failed", "Exports")
    assert says in found[0].facts["reason"]
    assert files(tmp_path) == []
    assert maya.get(exports(organisation, f"/{job_id}/file")).status == 303


def test_a_worker_that_is_gone_is_replaced_three_times_at_most(
    app: Flask, organisation: Place, maya: Reader, tmp_path: Path
) -> None:
    job_id = ask_for_log(app, organisation, maya.someone)
    folder = folder_in(tmp_path)
    with app.app_context():
        engine = db.engine
    for tries in range(1, work.MOST_TRIES + 1):
        with working(folder) as worker:
            assert work.claim(engine, worker) is not None
            (folder / keeping.name_of(organisation.id, job_id, worker, ".part")).write_bytes(b"half")
            assert work.revive(engine, folder) == 0, "it is at work"
        assert work.revive(engine, folder) == 1
        assert work.revive(engine, folder) == 0
        assert job(app, job_id).tries == tries
        keeping.tidy(engine, folder)
        assert files(tmp_path) == []
    assert job(app, job_id).state == "failed"
    assert actions(app, organisation) == ["export.requested", "export.failed"]
    assert "The server was stopped 3 times" in maya.get(exports(organisation, f"/{job_id}")).words


def test_a_worker_of_another_machine_is_gone_once_it_is_silent(
    app: Flask, organisation: Place, maya: Reader, tmp_path: Path
) -> None:
    job_id = ask_for_log(app, organisation, maya.someone)
    with app.app_context():
        engine = db.engine
    lost = Worker("elsewhere/abc")
    claimed = work.claim(engine, lost)
    assert claimed is not None
    with clock.set_to(NOW + work.SILENT):
        assert work.revive(engine, folder_in(tmp_path)) == 0
    with clock.set_to(NOW + work.SILENT + timedelta(seconds=1)):
        assert work.revive(engine, folder_in(tmp_path)) == 1
        assert prepare(app, tmp_path) == 1
        whole = files(tmp_path)
        with app.app_context():  # it was only slow, and comes back
            work.prepare(engine, folder_in(tmp_path), lost, claimed, threading.Event())
    assert files(tmp_path) == whole == [job(app, job_id).file]
    assert actions(app, organisation) == ["export.requested", "export.completed"]


def test_stopped_it_is_left_to_another_and_does_not_count(
    app: Flask, organisation: Place, maya: Reader, tmp_path: Path, fill: FillLog
) -> None:
    fill(3)
    job_id = ask_for_log(app, organisation, maya.someone)
    stopping = threading.Event()
    with app.app_context(), working(folder_in(tmp_path)) as worker:
        for _ in range(work.MOST_TRIES + 1):
            claimed = work.claim(db.engine, worker)
            assert claimed is not None
            stopping.set()
            work.prepare(db.engine, folder_in(tmp_path), worker, claimed, stopping)
            assert job(app, job_id).state == "queued"
    assert files(tmp_path) == []
    assert prepare(app, tmp_path) == 1
    assert job(app, job_id).state == "done"


def test_a_file_that_is_not_whole_is_not_handed_out(
    app: Flask, organisation: Place, maya: Reader, tmp_path: Path
) -> None:
    job_id = ready(app, organisation, maya, tmp_path)
    path = folder_in(tmp_path) / str(job(app, job_id).file)
    path.write_bytes(path.read_bytes()[:-1])
    for _ in range(2):
        answer = maya.get(exports(organisation, f"/{job_id}/file"))
        assert answer.status == 303
        assert "The file is not where it was put" in maya.get(str(answer.location)).words
        path.unlink(missing_ok=True)
    assert actions(app, organisation) == ["export.requested", "export.completed"]


def _interfere(
    monkeypatch: pytest.MonkeyPatch, change_: Callable[[Iterator[tuple[bytes, int]]], Iterator[tuple[bytes, int]]]
) -> None:
    """Let *change_* do something to what is written."""
    write = work._write

    def interfered(part: Path, pieces: Iterator[tuple[bytes, int]], say: Callable[[int], None]) -> Any:
        return write(part, change_(pieces), say)

    monkeypatch.setattr(work, "_write", interfered)
