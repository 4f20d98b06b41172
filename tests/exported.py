"""Reading exports back, by other means than they were written with."""

import csv
import io
import json
import re
from typing import Any

from auditweb.exports.formats import Format

_ESCAPE = re.compile(r"\\u\{[0-9a-f]+\}")


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
