"""Reading what is taken out of the log: in strides, ahead of the writing, and after those that somebody waits for."""

import threading
from time import monotonic
from typing import Any

import pytest
from flask import Flask

from auditweb import courtesy
from auditweb.exports import entries
from auditweb.exports.formats import Format
from auditweb.reading import strides
from auditweb.reading.filters import LogFilter
from tests.exported import download, export_of, ids_in
from tests.integration.conftest import FillLog
from tests.log_pages import LOG
from tests.readers import Place, Reader


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
