"""Taking entries out of the log: the page that asks how, the files, and who may."""

import io
import json
import os
import re
import socket
import sys
import threading
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from pathlib import Path
from secrets import token_urlsafe
from time import monotonic
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from flask import Flask
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from auditweb import clock, courtesy, holding
from auditweb.bulk import record_many
from auditweb.exports import check, entries, sizes
from auditweb.exports.check import NotAnExportError
from auditweb.exports.formats import Format
from auditweb.extensions import db
from auditweb.reading import strides
from auditweb.reading.filters import LogFilter
from tests.exported import export_of, ids_in, table_of
from tests.integration.conftest import AnEvent, FillLog, Operate, SignedInAs
from tests.log_entries import DEVICE, at_a_known_device, entries_of, one_entry, told
from tests.log_pages import ADA, LOG, STEPWGN, spelled
from tests.readers import Page, Place, Reader
from tests.servers import LiveServer, clean_environ, free_port, running

EXPORT = f"{LOG}/export"
CSV = {"format": "csv", "zone": "Europe/London"}


def download(reader: Reader, query: str = "", **form: str | list[str]) -> Page:
    """Ask for a file, and read it to its end."""
    page = reader.post(EXPORT + query, {**CSV, **form})
    assert page.response.get_data() is not None
    page.response.close()
    return page


def unpacked(content: bytes) -> tuple[str, bytes, dict[str, Any]]:
    """Return the name and the content of the entries in an archive, and its manifest, which comes last."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.testzip() is None
        name, last = packed.namelist()
        assert last == "manifest.json"
        return name, packed.read(name), json.loads(packed.read(last))


def test_the_head_of_the_log_leads_to_an_export_of_what_is_shown(reader: Reader, fill: FillLog) -> None:
    fill(3)

    for htmx in (False, True):
        page = reader.get(f"{LOG}?category=vehicles&last=7d", htmx=htmx)
        assert page.select_one("#export-pop p").get_text() == "3 entries, newest first"  # type: ignore[union-attr]
        links = [str(link["href"]) for link in page.select("#export-pop a")]
        kept = "?category=vehicles&last=7d"
        assert links[0] == f"{EXPORT}{kept}&format=csv"
        assert links[-1] == f"{LOG}/print{kept}"
        assert [reader.get(link).status for link in links] == [200] * 4
    assert str(reader.get(LOG).select("#export-pop a")[2]["href"]) == f"{EXPORT}?format=ocsf"


def test_the_page_says_before_what_the_file_will_be(
    organisation: Place, reader: Reader, fill: FillLog, an_event: AnEvent
) -> None:
    fill(3)
    an_event("member.left", org_id=organisation.id)

    page = reader.get(f"{EXPORT}?category=vehicles&format=jsonl")

    assert page.heading() == "Export entries"
    assert page.select(".terms dd")[0].get_text(strip=True) == "3 entries"
    assert "Vehicles entries, up to" in page.words
    assert [str(each["value"]) for each in page.select("[name=format]:checked, option[selected]")] == [
        "jsonl",
        "Europe/London",
    ]
    told = [each.get_text() for each in page.select(".options .muted")]
    assert all(each.startswith("about ") for each in told)
    assert (len(told), told[0].split()[-1]) == (3, "kB")

    action = str(page.select_one("form.panel")["action"])  # type: ignore[index]
    assert "upto=" in action
    an_event(org_id=organisation.id)  # what comes after the page was opened is not in what it offered
    content = download(reader, action.removeprefix(EXPORT)).response.data
    assert len(table_of(content)) == 3
    assert reader.get(f"{EXPORT}?category=suppliers").select("form.panel") == []


@pytest.mark.parametrize("format_", Format)
def test_a_small_export_is_the_bare_file(
    app: Flask, organisation: Place, reader: Reader, fill: FillLog, format_: Format
) -> None:
    events = fill(7)
    at_a_known_device(reader)

    with one_entry(app, organisation) as recorded:
        page = download(reader, format=format_.value)

    headers = page.response.headers
    assert ids_in(page.response.data, format_) == spelled(events)
    assert headers["Content-Type"] == format_.media_type
    assert headers["Content-Disposition"].startswith("attachment; filename=northgate-audit-log-2")
    assert headers["Content-Disposition"].endswith(f".{format_.ending}")
    assert headers["Content-Length"] == str(len(page.response.data))
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("private, no-store", "nosniff")
    (entry,) = recorded
    assert told(entry) == ("audit_log.exported", "Ines Ferreira", None, "127.0.0.1", DEVICE)
    assert entry.summary == f"Exported audit log entries as {format_.label}"
    assert entry.facts["entries"] == "7"
    assert entry.facts["sha256"] == sha256(page.response.data).hexdigest()
    assert entry.facts["filter"].startswith("Entries, up to ")


def test_times_are_told_in_the_zone_that_was_chosen(reader: Reader, an_event: AnEvent, organisation: Place) -> None:
    summer, winter = (datetime(2026, month, 30, 23, 30, 0, 123456, tzinfo=UTC) for month in (6, 1))
    for moment in (summer, winter):
        an_event(org_id=organisation.id, occurred_at=moment)

    london, utc = (
        table_of(download(reader, "?category=vehicles", zone=zone).response.data) for zone in (CSV["zone"], "UTC")
    )

    assert [line["Time (Europe/London)"] for line in london] == ["2026-07-01 00:30:00", "2026-01-30 23:30:00"]
    assert [line["Time (UTC)"] for line in london] == ["2026-06-30T23:30:00.123456Z", "2026-01-30T23:30:00.123456Z"]
    assert [line["Time (UTC)"] for line in utc[:1]] == ["2026-06-30T23:30:00.123456Z"]


def test_the_size_that_is_told_is_that_of_the_file(
    reader: Reader, organisation: Place, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where older entries are far longer than the newest, and where the file is an archive."""
    with app.app_context():
        for months, fields in ((0, "mileage"), (3, "colour, mileage, " * 40), (6, "grade, " * 80)):
            at = clock.now() - timedelta(days=30 * months)
            told = {"action": "vehicle.updated", "actor": ADA, "target": STEPWGN, "facts": {"fields": fields}}
            record_many(
                [{**told, "occurred_at": at - timedelta(minutes=number)} for number in range(150)],
                org_id=organisation.id,
            )
        db.session.commit()

    def told_of(page: Page, format_: Format) -> list[float]:
        label = page.select_one(f"label:has([value={format_.value}]) .muted")
        assert label is not None
        numbers = re.findall(r"([0-9.]+) (bytes|kB|MB)", label.get_text())
        return [float(number) * {"bytes": 1, "kB": 1e3, "MB": 1e6}[unit] for number, unit in numbers]

    bare = {each: len(download(reader, "?category=vehicles", format=each.value).response.data) for each in Format}
    page = reader.get(f"{EXPORT}?category=vehicles")
    for each in Format:
        assert told_of(page, each) == [pytest.approx(bare[each], rel=0.3)]
    monkeypatch.setattr(sizes, "PACKED_FROM", 100)
    page = reader.get(f"{EXPORT}?category=vehicles")
    for each in Format:
        packed = len(download(reader, "?category=vehicles", format=each.value).response.data)
        assert told_of(page, each) == [pytest.approx(packed, rel=0.6), pytest.approx(bare[each], rel=0.3)]


def test_json_lines_are_what_the_api_gives(reader: Reader, fill: FillLog) -> None:
    events = fill(3)

    content = download(reader, format="jsonl").response.data

    whole = [reader.get(f"{LOG}/entries/{spelled_id}.json").text for spelled_id in spelled(events)]
    assert content.decode() == "".join(whole)


@pytest.mark.parametrize("packed_from", [5, sizes.PACKED_FROM])
def test_a_larger_export_and_one_with_manifest_are_an_archive(
    reader: Reader, fill: FillLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed_from: int
) -> None:
    monkeypatch.setattr(sizes, "PACKED_FROM", packed_from)
    events = fill(5)
    form = {} if packed_from == 5 else {"manifest": "y"}

    page = download(reader, "?category=vehicles", **form)

    assert page.response.mimetype == "application/zip"
    assert page.response.headers["Content-Disposition"].endswith(".zip")
    name, content, manifest = unpacked(page.response.data)
    assert name == "entries.csv"
    assert ids_in(content, Format.CSV) == spelled(events)
    filter_ = manifest.pop("filter")
    assert filter_["address"].startswith(f"http://localhost{LOG}?category=vehicles&upto=")
    assert filter_["words"].startswith("Vehicles entries, up to ")
    assert reader.get(filter_["address"].removeprefix("http://localhost")).select(".row")
    assert manifest.pop("made_at").endswith("Z")
    assert {each: manifest[each] for each in ("organisation", "zone", "made_by", "entries", "first", "last")} == {
        "organisation": {"slug": "northgate", "name": "Northgate Imports"},
        "zone": "Europe/London",
        "made_by": "Ines Ferreira",
        "entries": 5,
        "first": spelled(events)[0],
        "last": spelled(events)[-1],
    }
    file = tmp_path / "export.zip"
    file.write_bytes(page.response.data)
    found = check.check(file)
    assert (found.entries, found.problems) == (5, [])


def test_an_archive_of_nothing_is_whole_too(reader: Reader, tmp_path: Path) -> None:
    for format_, content in (("csv", 1), ("jsonl", 0)):
        packed = download(reader, "?category=vehicles", format=format_, manifest="y").response.data
        assert unpacked(packed)[1].count(b"\n") == content
        (tmp_path / "file.zip").write_bytes(packed)
        assert check.check(tmp_path / "file.zip").problems == []


def test_check_export_tells_whole_files_from_others(
    operate: Operate, reader: Reader, fill: FillLog, tmp_path: Path
) -> None:
    fill(9)
    whole: bytes = download(reader, manifest="y").response.data
    name, content, manifest = unpacked(whole)

    def packed(content: bytes, manifest: object, *more: str) -> bytes:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as file:
            file.writestr(name, content)
            for other in more:
                file.writestr(other, "")
            file.writestr("manifest.json", json.dumps(manifest))
        return made.getvalue()

    forged = content.replace(b"Ada", b"Eve")
    told_of = {"name": name, "bytes": len(forged), "sha256": sha256(forged).hexdigest()}
    nothing = io.BytesIO()
    zipfile.ZipFile(nothing, "w").close()
    changed = bytearray(whole)
    changed[200] ^= 1

    def flipped(place: int) -> bytes:
        return whole[:place] + bytes([whole[place] ^ 1]) + whole[place:][1:]

    cases: dict[str, tuple[bytes, int, str]] = {
        "whole": (whole, 0, "is whole, and as its manifest says: Ines Ferreira exported it"),
        "cut off": (whole[:-30], 1, "It was cut off"),
        "cut off early": (whole[:40], 1, "It was cut off"),
        "a changed byte": (bytes(changed), 1, "Its entries are damaged"),
        "one entry less": (packed(content[: content.rindex(b"\r\n", 0, -2) + 2], manifest), 1, "It has 8 entries"),
        "another text": (packed(content.replace(b"Ada", b"Eve"), manifest), 1, "not those that were exported"),
        "something added": (packed(content, manifest, "more.csv"), 1, "There should be entries.csv"),
        "something after it": (whole + b"junk", 1, "something before or after"),
        "something before it": (whole[:4] + whole, 1, "something before or after"),
        "another last": (
            packed(content, manifest | {"last": manifest["first"]}),
            1,
            f"the manifest says {manifest['first']}",
        ),
        "no last": (packed(content, manifest | {"last": None}), 1, "and the manifest says none"),
        "no first": (packed(content, {k: v for k, v in manifest.items() if k != "first"}), 1, "Its first entry is "),
        "another name in its directory": (flipped(-30), 1, "Its directory or its manifest is damaged"),
        "a changed manifest": (flipped(-300), 1, "Its directory or its manifest is damaged"),
        "another place of its directory": (flipped(-4), 1, "Its directory or its manifest is damaged"),
        "a comment that is not there": (flipped(-1), 1, "something before or after"),
        "another filter": (packed(content, manifest | {"filter": {"words": "x"}}), 0, "only the manifest tells"),
        "no number": (packed(content, manifest | {"entries": "9"}), 2, "cannot be read"),
        "for a terminal": (packed(content, manifest | {"made_at": "\x1b]0;x\x07"}), 0, "\\u{1b}]0;x\\u{7}"),
        "no manifest": (packed(content, []), 2, "cannot be read"),
        "another form": (packed(content, {"form": "x"}), 2, "in a form that this version does not know"),
        "an empty ZIP": (nothing.getvalue(), 2, "not an export"),
        "a bare file": (content, 2, f"that of this file is {sha256(content).hexdigest()}"),
        "a new manifest": (packed(forged, manifest | {"file": told_of}), 0, "is found out by the log alone"),
        "nothing": (b"", 2, "is not an archive of an export"),
    }
    for format_ in (Format.JSONL, Format.OCSF):
        cases[f"whole {format_}"] = (
            download(reader, manifest="y", format=format_).response.data,
            0,
            " entries of North",
        )
    for about, (data, code, said) in cases.items():
        file = tmp_path / f"{about}.zip"
        file.write_bytes(data)
        done = operate("check-export", str(file))
        assert (about, done.code) == (about, code)
        assert said in done.said + done.refused, about
        assert (f"SHA-256 of the file: {sha256(data).hexdigest()}" in done.said) is (code == 0), about
    assert operate("check-export", str(tmp_path / "none.zip")).refused.endswith("none.zip.\n")
    with pytest.raises(NotAnExportError):
        check.check(tmp_path)


def test_what_goes_wrong_in_the_middle_never_looks_whole(
    app: Flask, organisation: Place, reader: Reader, fill: FillLog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fill(7)
    monkeypatch.setattr(entries, "SIZES", (3,))
    read: list[int] = []

    def fail_later(*arguments: Any, **more: Any) -> strides.Stride:
        read.append(len(read))
        if len(read) > 1:
            raise OperationalError("SELECT", {}, Exception("gone"))
        return strides.read_stride(*arguments, **more)

    monkeypatch.setattr(entries, "read_stride", fail_later)
    with pytest.raises(OperationalError):  # the bare file is made whole before anything is sent, or told
        download(reader)
    assert "audit_log.exported" not in [entry.action for entry in entries_of(app, organisation)]
    read.clear()
    sent = reader.client.post(
        EXPORT, data={**CSV, "manifest": "y", "csrf_token": reader.token()}, headers={"Referer": "http://localhost/"}
    )
    received = bytearray()
    with pytest.raises(OperationalError):
        received.extend(b"".join(_noted(sent.response, received)))
    sent.close()
    (tmp_path / "file.zip").write_bytes(received)
    assert check.check(tmp_path / "file.zip").problems


def test_postgresql_finds_the_next_entries_while_those_before_are_written(
    app: Flask, organisation: Place, engine_name: str, fill: FillLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing of that goes on when the export is given up."""
    fill(7)
    monkeypatch.setattr(entries, "SIZES", (3,))
    read = threading.Semaphore(0)

    def noted(*arguments: Any, **more: Any) -> strides.Stride:
        stride = strides.read_stride(*arguments, **more)
        read.release()
        return stride

    monkeypatch.setattr(entries, "read_stride", noted)
    with app.app_context():
        made = entries.pieces(export_of(LogFilter(org_id=organisation.id, org_zone=organisation.zone)))
        head, first = next(made), next(made)
    assert (head[1], first[1]) == (0, 3)
    assert read.acquire(timeout=0)
    ahead = engine_name == "postgresql"
    assert read.acquire(timeout=10 if ahead else 0.1) == ahead
    del made
    assert not read.acquire(timeout=0.1)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]


@pytest.mark.parametrize(("enough", "asked"), [(10**6, [2, 3, 4, 4]), (300, [2, 2, 2, 2, 2, 2])])
def test_a_stretch_has_the_fewer_entries_the_longer_those_before_are(
    app: Flask, organisation: Place, fill: FillLog, monkeypatch: pytest.MonkeyPatch, enough: int, asked: list[int]
) -> None:
    fill(11)
    monkeypatch.setattr(entries, "SIZES", (2, 3, 4))
    monkeypatch.setattr(entries, "_ENOUGH", enough)
    sizes: list[int] = []

    def noted(*arguments: Any, **more: Any) -> strides.Stride:
        sizes.append(more["size"])
        return strides.read_stride(*arguments, **more)

    monkeypatch.setattr(entries, "read_stride", noted)
    with app.app_context():
        made = list(entries.pieces(export_of(LogFilter(org_id=organisation.id, org_zone=organisation.zone))))
    assert made[-1][1] == 11
    assert sizes == asked


def test_what_breaks_off_on_the_way_is_seen_to_be_short(
    app: Flask,
    organisation: Place,
    reader: Reader,
    engine_name: str,
    database_url: str,
    tmp_path: Path,
) -> None:
    """
    On the real server, to a caller who reads slowly: the answer has no end, and the archive no directory.

    First two stop reading, and one loses its place to another: the server is told to wait a second. Then, on one engine
    the server is killed; on the other the database fails under it, which it notices and logs.
    """
    more = {"action": "vehicle.updated", "actor": ADA, "target": STEPWGN}
    with app.app_context():
        told = ({**more, "facts": {"fields": token_urlsafe(700)}} for _ in range(7_000))  # no packing makes it small
        record_many(told, org_id=organisation.id)
        db.session.commit()
    form = urlencode({**CSV, "manifest": "y", "csrf_token": reader.token()})
    with _hurried_server(database_url, tmp_path) as server, ExitStack() as stack:

        def ask() -> HTTPResponse:
            return stack.enter_context(_reading_nothing(server.url, f"auditweb={reader.cookie()}", form))

        first, second, third = ask(), ask(), ask()
        assert (first.status, second.status, third.status) == (200, 200, 429)
        began = monotonic()
        while (answer := ask()).status == 429:
            assert monotonic() < began + 10
        assert _breaks_off(first) or _breaks_off(second)  # whichever place was free first

        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/zip")
        received = bytearray(answer.read(1_000))
        if engine_name == "postgresql":
            server.kill()
        else:
            for file in tmp_path.glob(f"{Path(make_url(database_url).database or '').name}*"):
                if not file.name.endswith("-shm"):
                    os.truncate(file, 4096)
        with pytest.raises((IncompleteRead, ConnectionResetError)) as broken:
            received += answer.read()
    received += getattr(broken.value, "partial", b"")
    (tmp_path / "file.zip").write_bytes(received)
    assert check.check(tmp_path / "file.zip").problems == [
        "It was cut off: an archive ends with its directory, and this one has none. Export it again."
    ]


def _hurried_server(database_url: str, folder: Path) -> AbstractContextManager[LiveServer]:
    """Run the real server, with one worker that waits a second for those who take nothing."""
    settings = {
        "AUDITWEB_DATABASE_URL": database_url,
        "AUDITWEB_DATA_DIR": str(folder),
        "AUDITWEB_PORT": str(port := free_port()),
        "AUDITWEB_SECRET_KEY": "s" * 32,
        "AUDITWEB_WORKERS": "1",
    }
    hurried = "from auditweb.cli import main, patience; patience.ANSWER = 1; main()"
    command = [sys.executable, "-c", hurried, "serve"]
    return running(command, clean_environ() | settings, folder / "server.log", port)


def _breaks_off(answer: HTTPResponse) -> bool:
    try:
        answer.read()
    except (IncompleteRead, ConnectionResetError):
        return True
    return False


def _noted(content: Iterable[Any], received: bytearray) -> Iterator[bytes]:
    for some in content:
        received += some
        yield b""


@contextmanager
def _reading_nothing(url: str, cookie: str, form: str) -> Iterator[HTTPResponse]:
    """Ask for an archive by a connection that keeps little unread, and return its answer once its head is there."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=20)
    connection.sock = socket.socket()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.sock.settimeout(20)
    connection.sock.connect(("127.0.0.1", urlsplit(url).port or 0))
    headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded", "Referer": f"{url}/"}
    with closing(connection):
        connection.request("POST", EXPORT, body=form, headers=headers)
        with connection.getresponse() as answer:
            yield answer


def test_two_exports_at_a_time(
    app: Flask, organisation: Place, reader: Reader, fill: FillLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(1)
    with app.app_context():
        ends = [holding.begin_stream(organisation.id) for _ in range(2)]
    before = len(entries_of(app, organisation))

    refused = download(reader)
    assert (refused.status, refused.response.headers["Retry-After"]) == (429, "10")
    assert "Nothing was exported" in refused.words
    assert refused.select_one(".problem a[href^='/o/northgate/settings/audit-log/export']")
    assert len(entries_of(app, organisation)) == before
    for end in ends:
        end()
    for _ in range(3):  # each makes room for the next
        assert download(reader).status == 200
        assert download(reader, manifest="y").status == 200
    monkeypatch.setitem(holding.MOST, "stream", (0, 0))
    assert download(reader).status == 503


def test_nothing_is_taken_out_by_a_form_or_an_address_that_cannot_be_meant(
    app: Flask, organisation: Place, reader: Reader
) -> None:
    forms: list[dict[str, str | list[str]]] = [
        {"format": "xls"},
        {"format": ""},
        {"format": []},
        {"format": ["csv", "jsonl"]},
        {"zone": "Asia/Tokyo"},
        {"zone": ""},
        {"zone": []},
        {"zone": ["Europe/London", "UTC"]},
        {"manifest": "maybe"},
        {"manifest": ["y", "y"]},
    ]
    for form in forms:
        page = download(reader, "?category=team", **form)
        assert page.status == 422, form
        assert page.select(".fielderror")
        assert [str(each["value"]) for each in page.select("option[selected], [name=format]:checked")]
    for query in ("?category=boats", "?format=csv", "?action=boat.sunk"):
        assert download(reader, query).status == 400
    assert reader.get(f"{EXPORT}?format=xls").status == 400
    assert reader.get(f"{EXPORT}?format=csv&format=jsonl").status == 400
    assert entries_of(app, organisation) == []


def test_who_may(signed_in_as: SignedInAs, other_organisation: Place, visitor: Reader) -> None:
    for role, status in (("owner", 200), ("admin", 200), ("auditor", 200), ("member", 403)):
        person = signed_in_as(role)
        assert person.get(EXPORT).status == person.get(f"{LOG}/print").status == download(person).status == status
    stranger = signed_in_as("owner", other_organisation)
    for page in (stranger.get(EXPORT), download(stranger), stranger.get(f"{LOG}/print")):
        assert (page.status, "Northgate" in page.text) == (404, False)
    assert visitor.get(EXPORT).status == 302


def test_entries_of_a_clock_that_is_ahead_are_on_the_screen_and_in_the_file(
    reader: Reader, organisation: Place, an_event: AnEvent
) -> None:
    ahead = an_event(org_id=organisation.id, occurred_at=clock.now() + timedelta(minutes=4))

    assert ids_in(download(reader, "?category=vehicles").response.data, Format.CSV) == spelled([ahead])


QUERIES = [
    "",
    "category=vehicles",
    "actor=member:ada-okafor",
    "category=vehicles&actor=member:ada-okafor",
    "target=thing:thing-1",
    "action=vehicle.updated",
    "outcome=success",
    "outcome=denied",
    "category=vehicles&outcome=success",
    "actor=member:ada-okafor&target=thing:thing-1",
    "q=stepwgn",
    "q=stepwgn+-ben",
    "last=24h",
    "before=7ZZZZZZZZZZZZ",
    "oldest=1",
]


@pytest.mark.parametrize("query", QUERIES)
def test_the_file_has_what_the_view_finds_however_it_is_read(
    reader: Reader, fill: FillLog, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    """Also where each stride has few entries, and where a search has no time for more than one step."""
    fill(12)
    monkeypatch.setattr(entries, "SIZES", (2, 3))
    monkeypatch.setattr(strides, "TIME_LIMIT", 0)
    monkeypatch.setattr(strides, "_CHECKED_AT_ONCE", 2)

    on_the_screen = [str(row["id"]).removeprefix("e-") for row in reader.get(f"{LOG}?{query}").select("tr.row")]

    assert ids_in(download(reader, f"?{query}").response.data, Format.CSV) == on_the_screen


def test_exports_go_after_those_that_somebody_waits_for(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """But not after themselves, and not for ever."""
    monkeypatch.setattr(courtesy, "PATIENCE", 0.2)

    def waiting() -> float:
        began = monotonic()
        courtesy.give_way()
        return monotonic() - began

    assert waiting() < 0.1
    with app.test_request_context("/healthz"):
        app.preprocess_request()
        assert waiting() >= 0.2
        with courtesy.standing_back():
            assert waiting() < 0.1
    assert waiting() < 0.1


# The page to print


def test_the_page_to_print_has_full_times(reader: Reader, fill: FillLog) -> None:
    events = fill(60)

    page = reader.get(f"{LOG}/print?category=vehicles&after=0000000000000")

    assert page.heading() == "Audit log of Northgate Imports"
    lines = [[cell.get_text(" ", strip=True) for cell in row.select("td, th")] for row in page.select("tbody tr")]
    assert [line[-1] for line in lines] == spelled(events)
    assert lines[0][0] == "23 Nov 2026, 10:41:07 GMT"
    assert lines[0][1:3] == ["Vehicles", "Updated the details of 2020 Honda Stepwgn Spada Recorded late"]
    assert "60 entries, newest first. Times in London." in page.words
    assert not page.select(".notice")
    assert reader.get(f"{LOG}/print?category=suppliers").select(".notice")
    assert reader.get(f"{LOG}/print?category=boats").status == 400


def test_the_page_to_print_says_what_is_not_on_it(
    reader: Reader, fill: FillLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditweb.web.printing.MOST", 7)
    monkeypatch.setattr("auditweb.web.printing.LARGEST", 3)
    fill(9)

    page = reader.get(f"{LOG}/print?category=vehicles")

    assert len(page.select("tbody tr")) == 7
    assert "7 entries of 9 entries, newest first" in page.words
    assert "These are the newest 7 entries only; older ones are not on this page." in page.words
