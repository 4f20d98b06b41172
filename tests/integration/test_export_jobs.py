"""Exports that are prepared in the background: asked for, prepared once and whole, fetched, and gone after a week."""

import errno
import hashlib
import io
import json
import os
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from stat import S_IMODE
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb import clock, holding, ids
from auditweb.accounts.permissions import Role
from auditweb.accounts.team import RefusedError
from auditweb.catalogue import Category
from auditweb.database import TooSlow
from auditweb.exports import jobs, keeping, sizes, work
from auditweb.exports.formats import Format
from auditweb.exports.jobs import EXPORTER, KEPT, LISTED
from auditweb.exports.keeping import folder_in
from auditweb.exports.workers import Worker, working
from auditweb.extensions import db
from auditweb.models import DeletedOrganisation, ExportJob, Organisation, SignInSession
from auditweb.web import exporting, sending
from auditweb.web.gate import RightLostError
from auditweb.web.settings import exports as export_pages
from tests.databases import Database
from tests.export_jobs import (
    ask_for_all,
    ask_for_log,
    change,
    data_export,
    exports,
    fetch,
    fetch_all,
    files,
    job,
    prepare,
)
from tests.integration.conftest import Called, FillLog, SignedInAs
from tests.integration.test_access import without_tokens
from tests.integration.test_data_management import at_once
from tests.log_entries import DEVICE, at_a_known_device, entries_of, one_entry, told
from tests.log_pages import NOW
from tests.readers import Place, Reader, Someone, join, open_session
from tests.teams import notice

pytestmark = pytest.mark.usefixtures("at_now")


@pytest.fixture
def maya(signed_in_as: SignedInAs) -> Reader:
    return at_a_known_device(signed_in_as(Role.OWNER, name="Maya Okafor"))


def actions(app: Flask, place: Place) -> list[str]:
    return [entry.action for entry in entries_of(app, place) if entry.action.startswith("export.")]


def ready(app: Flask, place: Place, maya: Reader, folder: Path, **wanted: Any) -> str:
    """Return the id of an export that is ready."""
    job_id = ask_for_log(app, place, maya.someone, **wanted)
    assert prepare(app, folder) == 1
    return job_id


def test_each_step_is_one_entry(app: Flask, organisation: Place, maya: Reader, tmp_path: Path, fill: FillLog) -> None:
    fill(3)
    with one_entry(app, organisation) as requested:
        answer = ask_for_all(maya, organisation)
    job_id = str(answer.location).rpartition("/")[2]
    with one_entry(app, organisation) as completed:
        prepare(app, tmp_path)
    with one_entry(app, organisation) as downloaded:
        assert fetch_all(maya, organisation, job_id).status_code == 200
    with clock.set_to(NOW + KEPT), one_entry(app, organisation) as expired, app.app_context():
        assert keeping.expire(db.engine, folder_in(tmp_path), actor=EXPORTER) == 1
        assert keeping.expire(db.engine, folder_in(tmp_path), actor=EXPORTER) == 0
    other = ask_for_log(app, organisation, maya.someone, words="Team entries", category=Category.TEAM)
    with one_entry(app, organisation) as cancelled:
        maya.post(exports(organisation, f"/{other}/cancel"))

    size = jobs.size_in_words(job(app, job_id).size or 0)
    what = {"scope": "the organisation’s data", "format": "ZIP"}
    assert told(requested[0]) == ("export.requested", "Maya Okafor", None, "127.0.0.1", DEVICE)
    assert requested[0].facts == what
    assert told(completed[0]) == ("export.completed", "Exports", None, None, None)
    digest = str(job(app, job_id).sha256)
    whole = what | {"records": "4", "size": size, "sha256": digest}
    assert completed[0].facts == whole, "three, and the request itself"
    shown = maya.get(f"{organisation.log}/entries/{ids.to_text(completed[0].id)}")
    assert f"SHA-256 {digest}" in shown.words
    assert told(downloaded[0]) == ("export.downloaded", "Maya Okafor", None, "127.0.0.1", DEVICE)
    assert downloaded[0].facts == what | {"size": size}
    assert told(expired[0]) == ("export.expired", "Exports", None, None, None)
    assert told(cancelled[0]) == ("export.cancelled", "Maya Okafor", None, "127.0.0.1", DEVICE)
    assert cancelled[0].facts == {"scope": "audit log entries: Team entries", "format": "JSON Lines"}
    assert files(tmp_path) == []


def test_the_file_is_what_was_asked_for(
    app: Flask, organisation: Place, maya: Reader, tmp_path: Path, fill: FillLog
) -> None:
    events = fill(30)
    job_id = ask_for_log(app, organisation, maya.someone, format_=Format.JSONL, category=Category.VEHICLES)
    with clock.set_to(NOW + timedelta(minutes=5)):
        prepare(app, tmp_path)
        answer = fetch(maya, organisation, job_id)

    done = job(app, job_id)
    assert answer.headers["Content-Disposition"] == f"attachment; filename={done.file_name}"
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert int(answer.headers["Content-Length"]) == len(answer.data) == done.size
    assert hashlib.sha256(answer.data).hexdigest() == done.sha256
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        lines = archive.read("entries.jsonl").splitlines()
        manifest = json.loads(archive.read("manifest.json"))
    assert [json.loads(line)["summary"] for line in lines] == [event.summary for event in events]
    assert manifest["entries"] == done.done == 30
    assert manifest["filter"]["address"].startswith(f"http://localhost{organisation.log}?category=vehicles&upto=")
    assert S_IMODE(folder_in(tmp_path).stat().st_mode) == 0o700
    assert [S_IMODE(path.stat().st_mode) for path in folder_in(tmp_path).iterdir()] == [0o600]


# Who may


def test_who_may_see_cancel_and_fetch_which(
    app: Flask, organisation: Place, maya: Reader, signed_in_as: SignedInAs, tmp_path: Path
) -> None:
    of_log = ready(app, organisation, maya, tmp_path)
    of_all = str(ask_for_all(maya, organisation).location).rpartition("/")[2]
    prepare(app, tmp_path)
    waiting = ask_for_log(app, organisation, maya.someone, words="another", category=Category.TEAM)
    pages = {
        "": "log",
        f"/{of_log}": "log",
        f"/{of_log}/progress": "log",
        f"/{of_log}/file": "log",
        f"/{of_log}/delete": "log",
        f"/{of_all}": "all",
        f"/{of_all}/progress": "all",
        f"/{of_all}/file": "all",
        f"/{of_all}/delete": "all",
    }
    for role, may in ((Role.ADMIN, {"log", "all"}), (Role.AUDITOR, {"log"}), (Role.MEMBER, set())):
        reader = signed_in_as(role)
        for rest, kind in pages.items():
            page = reader.get(exports(organisation, rest), htmx=rest.endswith("progress"))
            page.response.close()
            assert page.status == (200 if kind in may else 403), (role, rest)
            if page.status == 403:
                assert "Maya Okafor" in page.words or rest.endswith("progress")
        assert reader.get(data_export(organisation)).status == (200 if "all" in may else 403)
        assert ask_for_all(reader, organisation).status == (303 if "all" in may else 403)
        listed = reader.get(exports(organisation)).words
        assert ("The organisation’s data" in listed) == ("all" in may)
        refused = reader.post(exports(organisation, f"/{of_all}/cancel")).status
        assert refused == (303 if "all" in may else 403)
        if "all" not in may:
            assert reader.post(exports(organisation, f"/{of_all}/delete")).status == 403
    assert job(app, waiting).state == "queued"
    assert job(app, of_all).state == "done"


def test_another_organisations_exports_are_the_same_404(
    app: Flask, organisation: Place, other_organisation: Place, maya: Reader, signed_in_as: SignedInAs, tmp_path: Path
) -> None:
    kenji = signed_in_as(Role.OWNER, other_organisation, name="Kenji Mori")
    theirs = ready(app, other_organisation, kenji, tmp_path, words="KANARI")
    before = entries_of(app, other_organisation)
    for place, nowhere in (
        (organisation, exports(organisation, "/none")),
        (other_organisation, exports(replace(other_organisation, slug="nobody"))),
    ):
        missing = without_tokens(maya.get(nowhere).text)
        for rest in ("", "/file", "/progress", "/delete"):
            page = maya.get(exports(place, f"/{theirs}{rest}"))
            assert (page.status, without_tokens(page.text)) == (404, missing), (place.slug, rest)
    for place in (organisation, other_organisation):
        for does in ("cancel", "delete"):
            assert maya.post(exports(place, f"/{theirs}/{does}")).status == 404
    assert maya.get(exports(other_organisation)).status == 404
    assert maya.get(exports(organisation, f"?after={theirs}")).status == 404
    for damaged in ("/%00", "/%00/file", "/%00/progress", "?after=%00"):
        assert maya.get(exports(organisation, damaged)).status == 404, damaged
    assert "KANARI" not in maya.get(exports(organisation)).text
    assert len(entries_of(app, other_organisation)) == len(before)
    assert fetch(kenji, other_organisation, theirs).status_code == 200


def test_whoever_has_lost_the_right_is_refused(
    app: Flask, organisation: Place, maya: Reader, signed_in_as: SignedInAs, tmp_path: Path
) -> None:
    ines = signed_in_as(Role.AUDITOR, name="Ines Ferreira")
    job_id = ready(app, organisation, ines, tmp_path)
    assert ines.someone is not None
    join(app, organisation, ines.someone, Role.MEMBER)
    assert fetch(ines, organisation, job_id).status_code == 403
    assert fetch(maya, organisation, job_id).status_code == 200


def test_a_download_breaks_off_for_whoever_loses_the_right_meanwhile(
    app: Flask,
    organisation: Place,
    maya: Reader,
    signed_in_as: SignedInAs,
    tmp_path: Path,
    fill: FillLog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Signed out, or with another role: of a prepared file and of one that is sent at once, while others go on."""
    fill(9)
    monkeypatch.setattr(exporting, "_AT_ONCE", 200)
    monkeypatch.setattr(export_pages, "_AT_ONCE", 200)
    monkeypatch.setattr(sending, "ASKED_EVERY", 0)
    monkeypatch.setattr(holding, "STREAMS", 3)
    monkeypatch.setitem(holding.MOST, "stream", (3, 3))
    job_id = ready(app, organisation, maya, tmp_path)
    prepared = exports(organisation, f"/{job_id}/file")
    form = {"format": "csv", "zone": "Europe/London"}
    ends: dict[str, Callable[[Reader, Someone], object]] = {
        "signed out": lambda reader, _: reader.post("/sign-out"),
        "demoted": lambda _, someone: join(app, organisation, someone, Role.MEMBER),
        "still there": lambda _, someone: _last_used(app, someone, NOW - timedelta(minutes=20)),
    }
    for why, end in ends.items():
        reader = signed_in_as(Role.AUDITOR, name=why)
        assert reader.someone is not None
        others = maya.client.get(prepared, headers=maya.headers)
        own = [
            reader.post(f"{organisation.log}/export?category=vehicles", form).response,
            reader.get(prepared).response,
        ]
        end(reader, reader.someone)
        for answer in (others, *own):
            goes_on = answer is others or why == "still there"
            with nullcontext() if goes_on else pytest.raises(RightLostError):
                assert len(answer.get_data()) == answer.content_length
            answer.close()
    assert _last_used(app, reader.someone) == NOW, "or the session would run out in the middle"


def _last_used(app: Flask, someone: Someone | None, moment: datetime | None = None) -> datetime | None:
    """Return when somebody's session was in use last, having set that to *moment*, if one is given."""
    assert someone is not None
    own = SignInSession.person_id == someone.id
    with app.app_context():
        if moment:
            db.session.execute(sa.update(SignInSession).where(own).values(seen_at=moment))
            db.session.commit()
        return db.session.scalar(sa.select(SignInSession.seen_at).where(own))


def test_the_organisations_data_asks_for_fresh_proof(app: Flask, organisation: Place, maya: Reader) -> None:
    for form in ({}, {"password": "wrong"}):
        page = maya.post(data_export(organisation), form)
        assert page.status == 422
        assert page.select_one("#password-error")
    assert actions(app, organisation) == []
    assert ask_for_all(maya, organisation).status == 303
    assert actions(app, organisation) == ["export.requested"]


def test_so_does_its_download(app: Flask, organisation: Place, maya: Reader, tmp_path: Path) -> None:
    """Whoever has got hold of a session later gets nothing by it; parts of the log ask for no proof, as the page."""
    job_id = str(ask_for_all(maya, organisation).location).rpartition("/")[2]
    address = exports(organisation, f"/{job_id}/file")
    assert maya.get(address).location == exports(organisation, f"/{job_id}"), "it is not ready"
    prepare(app, tmp_path)
    asked = maya.get(address)
    assert asked.status == 200
    assert asked.select('input[type="password"]')
    wrong = fetch_all(maya, organisation, job_id, "wrong")
    assert (wrong.status_code, wrong.mimetype) == (422, "text/html")
    assert "This is not your password." in wrong.text
    assert actions(app, organisation) == ["export.requested", "export.completed"]
    for page in (exports(organisation), exports(organisation, f"/{job_id}")):
        link = maya.get(page).select_one(f'a[href="{address}"]')
        assert link is not None
        assert "download" not in link.attrs, "it leads to a page"
    with one_entry(app, organisation):
        content = fetch_all(maya, organisation, job_id)
    assert len(content.data) == job(app, job_id).size
    assert content.headers["Cache-Control"] == "private, no-store"


def test_looking_before_downloading_is_no_download(
    app: Flask, organisation: Place, maya: Reader, tmp_path: Path
) -> None:
    job_id = ready(app, organisation, maya, tmp_path)
    head = fetch(maya, organisation, job_id, method="HEAD")
    assert (head.status_code, int(head.headers["Content-Length"])) == (200, job(app, job_id).size)
    part = fetch(maya, organisation, job_id, Range="bytes=0-9")
    assert (part.status_code, len(part.data)) == (200, job(app, job_id).size)
    assert actions(app, organisation) == ["export.requested", "export.completed", "export.downloaded"]


# One at a time, and not too many


def test_pressed_twice_at_once_it_is_asked_for_once(app: Flask, organisation: Place, maya: Reader) -> None:
    maya.token()
    second = _another_browser(app, maya)

    answers = at_once(lambda: ask_for_all(maya, organisation), lambda: ask_for_all(second, organisation))

    assert [answer.status for answer in answers] == [303, 303]
    assert answers[0].location == answers[1].location
    assert actions(app, organisation) == ["export.requested"]


def _another_browser(app: Flask, reader: Reader) -> Reader:
    """Return someone at another of their devices, with a token for forms."""
    assert reader.someone is not None
    other = open_session(app, app.test_client(), reader.someone)
    other.token()
    return other


def test_the_same_question_a_moment_later_is_the_same_export(app: Flask, organisation: Place, maya: Reader) -> None:
    first = ask_for_log(app, organisation, maya.someone, category=Category.TEAM)
    with clock.set_to(NOW + timedelta(seconds=5)):
        assert ask_for_log(app, organisation, maya.someone, category=Category.TEAM) == first
        others = {
            ask_for_log(app, organisation, maya.someone, category=Category.VEHICLES),
            ask_for_log(app, organisation, maya.someone, category=Category.TEAM, format_=Format.CSV),
        }
    with clock.set_to(NOW + timedelta(minutes=2)):
        others.add(ask_for_log(app, organisation, maya.someone, category=Category.TEAM))
    assert len(others | {first}) == 4


def test_the_same_question_with_the_same_end_is_not_prepared_again(
    app: Flask, organisation: Place, maya: Reader, tmp_path: Path
) -> None:
    first = ready(app, organisation, maya, tmp_path)
    assert ask_for_log(app, organisation, maya.someone) == first
    with clock.set_to(NOW + timedelta(seconds=5)):  # something may have happened since
        assert ask_for_log(app, organisation, maya.someone) != first


def test_so_many_are_kept(
    app: Flask, organisation: Place, maya: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MOST_KEPT", 4)
    made = [ready(app, organisation, maya, tmp_path, words=f"{number}") for number in range(jobs.MOST_KEPT - 1)]
    waiting = ask_for_log(app, organisation, maya.someone, words="waits")
    refused = ask_for_all(maya, organisation)
    assert refused.status == 409
    assert "no more than 4 are kept at a time. Delete one" in notice(refused)
    assert maya.post(exports(organisation, f"/{waiting}/cancel")).status == 303
    change(app, made[0], expires_at=NOW)  # nobody deleted it yet
    ready(app, organisation, maya, tmp_path, words="in its place")
    for number in range(2):
        ready(app, organisation, maya, tmp_path, words=f"one more, number {number}")
        with pytest.raises(RefusedError):
            ask_for_log(app, organisation, maya.someone, words="and another")
        assert maya.post(exports(organisation, f"/{made.pop()}/delete")).status == 303


def test_so_many_may_wait(app: Flask, organisation: Place, maya: Reader) -> None:
    for number in range(jobs.MOST_WAITING):
        ask_for_log(app, organisation, maya.someone, words=f"{number}")
    page = ask_for_all(maya, organisation)
    assert page.status == 409
    assert "Wait until some are ready, or cancel one" in notice(page)
    with pytest.raises(RefusedError):
        ask_for_log(app, organisation, maya.someone, words="one more")
    assert actions(app, organisation) == ["export.requested"] * jobs.MOST_WAITING


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


# Deleting it


def test_who_needs_it_no_more_deletes_it(app: Flask, organisation: Place, maya: Reader, tmp_path: Path) -> None:
    job_id = ready(app, organisation, maya, tmp_path)
    address = exports(organisation, f"/{job_id}")
    link = maya.get(address).select_one("#delete-export")
    assert link is not None
    asked = maya.get(str(link["href"]))
    assert asked.heading() == "Delete the export?"
    assert len(files(tmp_path)) == 1
    with one_entry(app, organisation) as deleted:
        answer = maya.post(str(link["href"]))
    page = maya.get(str(answer.location))
    assert "The file is deleted." in notice(page)
    assert "deleted before its time was over" in page.words
    assert page.select(f'a[href="{address}/file"], #delete-export') == []
    assert files(tmp_path) == []
    assert told(deleted[0]) == ("export.deleted", "Maya Okafor", None, "127.0.0.1", DEVICE)
    size = jobs.size_in_words(job(app, job_id).size or 0)
    assert deleted[0].facts == {"scope": "the whole audit log", "format": "JSON Lines", "size": size}

    assert fetch(maya, organisation, job_id).status_code == 303
    assert "There is no file to delete" in maya.get(f"{address}/delete").words
    again = maya.post(f"{address}/delete")
    assert "nothing was deleted" in notice(maya.get(str(again.location)))
    assert actions(app, organisation)[-1] == "export.deleted"
    with clock.set_to(NOW + KEPT), app.app_context():
        assert keeping.expire(db.engine, folder_in(tmp_path), actor=EXPORTER) == 0


def test_what_is_being_fetched_is_fetched_whole_although_it_is_deleted(
    app: Flask, organisation: Place, maya: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine_name: str
) -> None:
    """Deleted after it was found and before it is opened, it is refused like one that was deleted before."""
    job_id = ready(app, organisation, maya, tmp_path)
    address = exports(organisation, f"/{job_id}")
    whole = (folder_in(tmp_path) / str(job(app, job_id).file)).read_bytes()
    fetched = maya.client.get(f"{address}/file", headers=maya.headers)
    maya.post(f"{address}/delete")
    assert fetched.get_data() == whole
    fetched.close()

    if engine_name == "sqlite":
        return  # which lets nobody in between
    other, second = ready(app, organisation, maya, tmp_path, words="other"), _another_browser(app, maya)
    open_it = jobs._opened

    def delete_it() -> None:
        with clock.set_to(NOW):
            assert second.post(exports(organisation, f"/{other}/delete")).status == 303

    def late(path: Path, size: int | None) -> Any:
        between = threading.Thread(target=delete_it)  # of another request, which knows nothing of this one
        between.start()
        between.join()
        return open_it(path, size)

    monkeypatch.setattr(jobs, "_opened", late)
    answer = maya.get(exports(organisation, f"/{other}/file"))
    assert answer.status == 303
    assert jobs.NOT_THERE in notice(maya.get(str(answer.location)))
    assert actions(app, organisation)[-2:] == ["export.completed", "export.deleted"]


def test_of_two_who_delete_and_the_clock_one_is_first(
    app: Flask, organisation: Place, maya: Reader, tmp_path: Path
) -> None:
    job_id = ready(app, organisation, maya, tmp_path)
    change(app, job_id, expires_at=NOW + timedelta(seconds=1))

    def expire() -> int:
        with clock.set_to(NOW + timedelta(seconds=1)), app.app_context():
            keeping.expire(db.engine, folder_in(tmp_path), actor=EXPORTER)
        return 303

    address = exports(organisation, f"/{job_id}/delete")
    browsers = maya, _another_browser(app, maya)
    done = at_once(*(lambda browser=browser: browser.post(address).status for browser in browsers), expire)
    assert done == [303] * 3
    ended = [action for action in actions(app, organisation) if action in ("export.deleted", "export.expired")]
    assert len(ended) == 1
    assert files(tmp_path) == []
    assert job(app, job_id).state == "expired"


# When its time is over


def test_past_its_time_nothing_is_handed_out_although_nobody_deleted_it(
    app: Flask, organisation: Place, maya: Reader, tmp_path: Path
) -> None:
    job_id = ready(app, organisation, maya, tmp_path)
    with clock.set_to(NOW + KEPT - timedelta(seconds=1)):
        assert maya.someone is not None
        again = open_session(app, app.test_client(), maya.someone)
        assert fetch(again, organisation, job_id).status_code == 200
    with clock.set_to(NOW + KEPT):
        again = open_session(app, app.test_client(), maya.someone)
        assert fetch(again, organisation, job_id).status_code == 303
        assert "Start the export again" in again.get(exports(organisation, f"/{job_id}")).words


def test_what_is_left_behind_is_swept(app: Flask, organisation: Place, maya: Reader, tmp_path: Path) -> None:
    job_id = ready(app, organisation, maya, tmp_path)
    folder, kept = folder_in(tmp_path), str(job(app, job_id).file)
    for left in (f"1-{job_id}.other.zip", f"1-{job_id}.other.part", "7-deleted.abc.zip", "1-unknown.abc.zip", "notes"):
        (folder / left).touch()
    with app.app_context():
        deleted = {"org_id": 7, "name": "Gone", "asked_by": "Ada", "asked_at": NOW, "deleted_at": NOW}
        db.session.execute(sa.insert(DeletedOrganisation).values(deleted))
        db.session.commit()
        keeping.tidy(db.engine, folder)
        others = ["1-unknown.abc.zip", "notes"]
        assert files(tmp_path) == sorted([kept, *others]), "what another database may tell of is kept"
        change(app, job_id, state="expired", file=None)
        keeping.tidy(db.engine, folder)
        assert files(tmp_path) == others
        for name in others:
            os.utime(folder / name, (0, 0))
        keeping.tidy(db.engine, folder)
    assert files(tmp_path) == ["notes"], "which is none of ours"


def test_the_list_forgets_what_ended_long_ago(app: Flask, organisation: Place, maya: Reader, tmp_path: Path) -> None:
    done = ready(app, organisation, maya, tmp_path)
    old = ask_for_log(app, organisation, maya.someone, words="old")
    change(app, old, state="cancelled", finished_at=NOW - LISTED - timedelta(seconds=1))
    with app.app_context():
        keeping.tidy(db.engine, folder_in(tmp_path))
    assert maya.get(exports(organisation, f"/{old}")).status == 404
    assert maya.get(exports(organisation, f"/{done}")).status == 200


# Its pages


def test_the_list_goes_on(app: Flask, organisation: Place, maya: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No exports" in maya.get(exports(organisation)).words
    monkeypatch.setattr(jobs, "PAGE", 2)
    made = []
    for number in range(5):
        with clock.set_to(NOW + timedelta(seconds=number)):
            made.append(ask_for_log(app, organisation, maya.someone, words=f"number {number}"))
    seen, address = [], exports(organisation)
    while address:
        page = maya.get(address)
        links = [str(link["href"]) for link in page.select(".exports .whoname a")]
        seen += [link.rpartition("/")[2] for link in links]
        more = page.select_one("[rel=next]")
        address = str(more["href"]) if more else ""
    assert seen == made[::-1]
    assert maya.get(exports(organisation, "?after=none")).status == 404


def test_the_page_asks_by_itself_until_it_is_over(
    app: Flask, organisation: Place, maya: Reader, tmp_path: Path
) -> None:
    job_id = ask_for_log(app, organisation, maya.someone, words="<b>x</b>\u202e")
    address = exports(organisation, f"/{job_id}")
    whole, part = maya.get(address), maya.get(f"{address}/progress", htmx=True)
    for page in (whole, part):
        asking = page.select_one("#export")
        assert asking is not None
        assert (asking["hx-get"], asking["hx-trigger"]) == (f"{address}/progress", "every 2s")
        assert page.select_one("#cancel-export")
        assert not page.select(".lede b, dd b")
        assert "\u202e" not in page.text
    assert maya.get(f"{address}/progress").location == address
    prepare(app, tmp_path)
    over = maya.get(f"{address}/progress", htmx=True)
    ended = over.select_one("#export")
    assert ended is not None
    assert "hx-get" not in ended.attrs
    assert over.response.headers["HX-Reswap"] == "outerHTML"
    assert over.select_one("#export-status[role=status]")
    assert over.select_one(f'a[href="{address}/file"]')


def test_asking_by_itself_is_no_use_of_a_session(app: Flask, organisation: Place, maya: Reader) -> None:
    job_id = ask_for_log(app, organisation, maya.someone)
    assert maya.get(exports(organisation, f"/{job_id}/progress"), htmx=True).status == 200
    maya.post("/sign-out")
    answer = maya.get(exports(organisation, f"/{job_id}/progress"), htmx=True)
    assert (answer.status, "HX-Redirect" in answer.response.headers) == (401, False)


def _interfere(
    monkeypatch: pytest.MonkeyPatch, change_: Callable[[Iterator[tuple[bytes, int]]], Iterator[tuple[bytes, int]]]
) -> None:
    """Let *change_* do something to what is written."""
    write = work._write

    def interfered(part: Path, pieces: Iterator[tuple[bytes, int]], say: Callable[[int], None]) -> Any:
        return write(part, change_(pieces), say)

    monkeypatch.setattr(work, "_write", interfered)


# What the operator's daily purge does


def test_the_purge_deletes_what_is_past_its_time(
    app: Flask, organisation: Place, maya: Reader, tmp_path: Path, fresh: Database, auditweb: Called
) -> None:
    for category, left in ((Category.VEHICLES, timedelta(days=1)), (Category.TEAM, timedelta(seconds=-1))):
        job_id = ready(app, organisation, maya, tmp_path, category=category)
        change(app, job_id, expires_at=datetime.now(UTC) + left)  # the command knows of no pretended time
    settings = {"database_url": fresh.owner_url, "data_dir": str(tmp_path)}
    with one_entry(app, organisation) as expired:
        assert (
            "1 prepared export whose time was over would be deleted."
            in auditweb("purge", "--dry-run", **settings).stdout
        )
        assert len(files(tmp_path)) == 2
        assert "Deleted 1 prepared export whose time was over." in auditweb("purge", **settings).stdout
    assert told(expired[0])[:2] == ("export.expired", "Operator (command line)")
    assert len(files(tmp_path)) == 1
    assert "Nothing is due." in auditweb("purge", **settings).stdout


def test_a_deleted_organisation_takes_its_files_along(
    app: Flask,
    organisation: Place,
    other_organisation: Place,
    maya: Reader,
    signed_in_as: SignedInAs,
    tmp_path: Path,
    fresh: Database,
    auditweb: Called,
) -> None:
    kenji = signed_in_as(Role.OWNER, other_organisation, name="Kenji Mori")
    ready(app, organisation, maya, tmp_path)
    theirs = ready(app, other_organisation, kenji, tmp_path)
    change(app, theirs, expires_at=datetime.now(UTC) + timedelta(days=1))
    assert maya.someone is not None
    asked = {"deletion_asked_by": maya.someone.id, "deletion_asked_at": NOW, "deletion_due_at": NOW}
    with app.app_context():
        db.session.execute(sa.update(Organisation).where(Organisation.id == organisation.id).values(asked))
        db.session.commit()
    done = auditweb("purge", database_url=fresh.owner_url, data_dir=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert files(tmp_path) == [job(app, theirs).file]
    with app.app_context():
        assert db.session.scalars(sa.select(ExportJob.org_id)).all() == [other_organisation.id]


# From the page of exports


def test_what_is_too_large_to_wait_for_is_prepared(
    app: Flask, organisation: Place, maya: Reader, tmp_path: Path, fill: FillLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(8)
    address = f"{organisation.log}/export?category=vehicles"
    form = {"format": "csv", "zone": "Asia/Tokyo"}
    small = maya.post(address, {**form, "zone": "Europe/London"}).response
    assert small.mimetype == "text/csv"
    small.close()
    monkeypatch.setattr(sizes, "LARGE", 7)
    assert "Prepare the file" in maya.get(address).words
    form["zone"] = "Europe/London"
    with one_entry(app, organisation) as requested:
        first, again = maya.post(address, form), maya.post(address, form)
    assert first.status == 303
    assert first.location == again.location
    assert requested[0].summary == "Asked for an export of audit log entries: Vehicles entries"
    prepare(app, tmp_path)
    job_id = str(first.location).rpartition("/")[2]
    with zipfile.ZipFile(io.BytesIO(fetch(maya, organisation, job_id).data)) as archive:
        assert archive.read("entries.csv").count(b"\r\n") == 9
    for number in range(jobs.MOST_WAITING):
        ask_for_log(app, organisation, maya.someone, words=f"{number}")
    refused = maya.post(address, {**form, "zone": "UTC"})
    assert refused.status == 409
    assert "Wait until some are ready" in notice(refused)
    monkeypatch.undo()


def test_two_downloads_of_an_organisation_at_a_time(
    app: Flask, organisation: Place, maya: Reader, tmp_path: Path
) -> None:
    job_id = ready(app, organisation, maya, tmp_path)
    with app.app_context():
        ends = [holding._take_place(tmp_path / "streams", organisation.id) for _ in range(holding.STREAMS)]
    assert fetch(maya, organisation, job_id).status_code == 429
    for end in ends:
        end()
    with one_entry(app, organisation):
        assert fetch(maya, organisation, job_id).status_code == 200
        assert maya.get(exports(organisation, f"/{job_id}")).status == 200
