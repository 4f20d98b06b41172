"""The files of prepared exports: fetched by those who may, deleted, and gone after a week."""

import os
import threading
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb import clock, holding
from auditweb.accounts.permissions import Role
from auditweb.catalogue import Category
from auditweb.exports import jobs, keeping
from auditweb.exports.jobs import EXPORTER, KEPT
from auditweb.exports.keeping import folder_in
from auditweb.extensions import db
from auditweb.models import DeletedOrganisation, ExportJob, Organisation, SignInSession
from auditweb.web import exporting, sending
from auditweb.web.gate import RightLostError
from auditweb.web.settings import exports as export_pages
from tests.databases import Database
from tests.export_jobs import (
    actions,
    another_browser,
    ask_for_all,
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
from tests.integration.conftest import Called, FillLog, SignedInAs
from tests.log_entries import DEVICE, one_entry, told
from tests.log_pages import NOW
from tests.readers import Place, Reader, Someone, join, open_session
from tests.teams import notice
from tests.together import at_once

# ruff: noqa: F401, F811  (fixtures are imported)

pytestmark = pytest.mark.usefixtures("at_now")


# Fetching it


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
    other, second = ready(app, organisation, maya, tmp_path, words="other"), another_browser(app, maya)
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
    browsers = maya, another_browser(app, maya)
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
