"""Exports that are prepared in the background: asked for once and not too many, and shown to those who may see them."""

import hashlib
import io
import json
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from stat import S_IMODE

import pytest
from flask import Flask

from auditweb import clock, ids
from auditweb.accounts.permissions import Role
from auditweb.accounts.team import RefusedError
from auditweb.catalogue import Category
from auditweb.exports import jobs, keeping, sizes
from auditweb.exports.formats import Format
from auditweb.exports.jobs import EXPORTER, KEPT, LISTED
from auditweb.exports.keeping import folder_in
from auditweb.extensions import db
from tests.export_jobs import (
    actions,
    another_browser,
    ask_for_all,
    ask_for_log,
    change,
    data_export,
    exports,
    fetch,
    fetch_all,
    files,
    job,
    maya,
    prepare,
    ready,
)
from tests.integration.conftest import FillLog, SignedInAs
from tests.log_entries import DEVICE, entries_of, one_entry, told
from tests.log_pages import NOW
from tests.readers import Place, Reader, without_tokens
from tests.teams import notice
from tests.together import at_once

# ruff: noqa: F401, F811  (fixtures are imported)

pytestmark = pytest.mark.usefixtures("at_now")


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


# One at a time, and not too many


def test_pressed_twice_at_once_it_is_asked_for_once(app: Flask, organisation: Place, maya: Reader) -> None:
    maya.token()
    second = another_browser(app, maya)

    answers = at_once(lambda: ask_for_all(maya, organisation), lambda: ask_for_all(second, organisation))

    assert [answer.status for answer in answers] == [303, 303]
    assert answers[0].location == answers[1].location
    assert actions(app, organisation) == ["export.requested"]


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


def test_the_list_forgets_what_ended_long_ago(app: Flask, organisation: Place, maya: Reader, tmp_path: Path) -> None:
    done = ready(app, organisation, maya, tmp_path)
    old = ask_for_log(app, organisation, maya.someone, words="old")
    change(app, old, state="cancelled", finished_at=NOW - LISTED - timedelta(seconds=1))
    with app.app_context():
        keeping.tidy(db.engine, folder_in(tmp_path))
    assert maya.get(exports(organisation, f"/{old}")).status == 404
    assert maya.get(exports(organisation, f"/{done}")).status == 200


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
