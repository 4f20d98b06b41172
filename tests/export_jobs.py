"""What the tests of prepared exports do again and again."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.test import TestResponse

from auditweb.accounts.permissions import Role
from auditweb.accounts.sessions import SignedIn, find, start
from auditweb.exports import jobs, keeping
from auditweb.exports.formats import Format
from auditweb.exports.keeping import folder_in
from auditweb.exports.work import work
from auditweb.exports.workers import working
from auditweb.extensions import db
from auditweb.models import ExportJob
from auditweb.parties import Origin
from auditweb.reading.filters import LogFilter
from tests.log_entries import at_a_known_device, entries_of
from tests.readers import PASSWORD, Page, Place, Reader, Someone, open_session

ORIGIN = Origin(ip="127.0.0.1")


@pytest.fixture
def maya(signed_in_as: Callable[..., Reader]) -> Reader:
    """Maya Okafor, an owner of Northgate, at a browser that says what it is."""
    return at_a_known_device(signed_in_as(Role.OWNER, name="Maya Okafor"))


def exports(place: Place, rest: str = "") -> str:
    return f"/o/{place.slug}/settings/audit-log/exports{rest}"


def data_export(place: Place) -> str:
    return f"/o/{place.slug}/settings/data/export"


def ask_for_log(
    app: Flask, place: Place, someone: Someone | None, *, format_: Format = Format.JSONL, words: str = "", **wanted: Any
) -> str:
    """Ask for entries of the log as the page does that hands large exports on, and return the id of the job."""
    assert someone is not None
    with app.app_context():
        asked = LogFilter(org_id=place.id, org_zone=place.zone, **wanted)
        by = signed_in(someone)
        job_id = jobs.request_log(
            asked,
            format_,
            words=words,
            zone=place.zone,
            log=f"http://localhost{place.log}",
            total=None,
            by=by,
            origin=ORIGIN,
        )
        db.session.commit()
        return job_id


def ask_for_all(reader: Reader, place: Place) -> Page:
    return reader.post(data_export(place), {"password": PASSWORD})


def signed_in(someone: Someone) -> SignedIn:
    """Return someone as their session knows them."""
    found = find(start(someone.id, ORIGIN))
    assert found is not None
    return found


def prepare(app: Flask, folder: Path) -> int:
    """Prepare what waits, as a process of the server does, and return how many exports were taken."""
    with app.app_context(), working(folder_in(folder)) as worker:
        return work(db.engine, folder_in(folder), worker, threading.Event())


def delete(app: Flask, folder: Path, place: Place, someone: Someone, job_id: str) -> None:
    """Delete the file of an export, as its page does."""
    with app.app_context():
        file = jobs.delete(place.id, job_id, by=signed_in(someone), origin=ORIGIN)
        db.session.commit()
        assert file is not None
        keeping.delete(folder_in(folder), [file])


def job(app: Flask, job_id: str) -> ExportJob:
    with app.app_context():
        found = db.session.get_one(ExportJob, job_id)
        db.session.expunge(found)
        return found


def change(app: Flask, job_id: str, **values: Any) -> None:
    with app.app_context():
        db.session.execute(sa.update(ExportJob).where(ExportJob.id == job_id).values(values))
        db.session.commit()


def files(folder: Path) -> list[str]:
    """Return the names of what lies in the folder of exports."""
    return sorted(path.name for path in folder_in(folder).iterdir())


def fetch(reader: Reader, place: Place, job_id: str, *, method: str = "GET", **headers: str) -> TestResponse:
    """Fetch the file of an export, all of it."""
    address = exports(place, f"/{job_id}/file")
    return reader.client.open(address, method=method, headers={**reader.headers, **headers}, buffered=True)


def fetch_all(reader: Reader, place: Place, job_id: str, password: str = PASSWORD) -> TestResponse:
    """Fetch the archive of an organisation, for which it takes proof of who asks."""
    form = {"password": password, "csrf_token": reader.token()}
    address = exports(place, f"/{job_id}/file")
    headers = {**reader.headers, "Referer": "http://localhost/"}
    return reader.client.post(address, data=form, headers=headers, buffered=True)


def another_browser(app: Flask, reader: Reader) -> Reader:
    """Return someone at another of their devices, with a token for forms."""
    assert reader.someone is not None
    other = open_session(app, app.test_client(), reader.someone)
    other.token()
    return other


def ready(app: Flask, place: Place, maya: Reader, folder: Path, **wanted: Any) -> str:
    """Return the id of an export that is ready."""
    job_id = ask_for_log(app, place, maya.someone, **wanted)
    assert prepare(app, folder) == 1
    return job_id


def actions(app: Flask, place: Place) -> list[str]:
    """Return what the log of an organisation tells of exports, in order."""
    return [entry.action for entry in entries_of(app, place) if entry.action.startswith("export.")]
