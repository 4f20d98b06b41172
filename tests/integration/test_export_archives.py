"""Archives of entries: with a manifest they can be checked by, and never looking whole when they are not."""

import io
import json
import os
import socket
import sys
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
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

from auditweb.bulk import record_many
from auditweb.exports import check, entries, sizes
from auditweb.exports.check import NotAnExportError
from auditweb.exports.formats import Format
from auditweb.extensions import db
from auditweb.reading import strides
from tests.exported import CSV, EXPORT, download, ids_in
from tests.integration.conftest import FillLog, Operate
from tests.log_entries import entries_of
from tests.log_pages import ADA, LOG, STEPWGN, spelled
from tests.readers import Place, Reader
from tests.servers import LiveServer, clean_environ, free_port, running


def unpacked(content: bytes) -> tuple[str, bytes, dict[str, Any]]:
    """Return the name and the content of the entries in an archive, and its manifest, which comes last."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.testzip() is None
        name, last = packed.namelist()
        assert last == "manifest.json"
        return name, packed.read(name), json.loads(packed.read(last))


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


def _noted(content: Iterable[Any], received: bytearray) -> Iterator[bytes]:
    for some in content:
        received += some
        yield b""


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
