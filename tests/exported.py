"""Exports made on their page or without a server, and read back by other means than they were written with."""

import csv
import io
import json
from datetime import datetime
from typing import Any

from auditweb import clock
from auditweb.exports.entries import Export
from auditweb.exports.formats import Format
from auditweb.reading.filters import LogFilter
from tests.log_pages import LOG
from tests.readers import Page, Reader

EXPORT = f"{LOG}/export"
CSV = {"format": "csv", "zone": "Europe/London"}


def download(reader: Reader, query: str = "", **form: str | list[str]) -> Page:
    """Ask for a file, and read it to its end."""
    page = reader.post(EXPORT + query, {**CSV, **form})
    assert page.response.get_data() is not None
    page.response.close()
    return page


def export_of(log: LogFilter, format_: Format = Format.CSV, *, made_at: datetime | None = None) -> Export:
    """Return an export of what *log* selects, made now unless it says when, with the times of clocks in Kathmandu."""
    return Export.of(
        log,
        format_,
        zone="Asia/Kathmandu",
        organisation="northgate",
        name="Northgate",
        log="https://x.example/log",
        made_by="Ada",
        made_at=made_at or clock.now(),
    )


def table_of(content: bytes) -> list[dict[str, str]]:
    """Return the lines of a CSV file by the names of its columns, as a spreadsheet reads them."""
    assert content.startswith("\ufeff".encode())
    read = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))
    assert all(len(line) == len(read[0]) for line in read)
    return [dict(zip(read[0], line, strict=True)) for line in read[1:]]


def objects_of(content: bytes) -> list[dict[str, Any]]:
    """Return the objects of a file with one on each line."""
    assert not content or content.endswith(b"\n")
    return [json.loads(line) for line in content.splitlines()]


def ids_in(content: bytes, format_: Format) -> list[str]:
    """Return the ids of the entries in a file, in its order."""
    if format_ is Format.CSV:
        return [line["Entry"] for line in table_of(content)]
    if format_ is Format.OCSF:
        return [event["metadata"]["uid"] for event in objects_of(content)]
    return [entry["id"] for entry in objects_of(content)]
