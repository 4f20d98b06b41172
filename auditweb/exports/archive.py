"""
An export as a ZIP that cannot look whole when it is not: the entries, and then the manifest, which tells of them.

A ZIP has its directory at the end. One that was cut off has none, and nothing opens it.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo
from zoneinfo import ZoneInfo

from auditweb import ids
from auditweb.exports.entries import Entries, Export

MEDIA_TYPE = "application/zip"
MANIFEST = "manifest.json"
ENTRIES = "entries"  # and the ending of their format
FORM = "auditweb export 1"  # what a manifest is of, so that a later form is told from this one

LEVEL = 1  # of nine: a fifth of the size in a tenth of the time
_OLDEST, _NEWEST = 1980, 2107  # years that a ZIP can tell


class _Sink:
    """A file that only takes, until what it took is taken from it."""

    def __init__(self) -> None:
        self._taken: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._taken.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: `zipfile` asks for it."""

    def take(self) -> bytes:
        taken = b"".join(self._taken)
        self._taken.clear()
        return taken


def file_name(export: Export) -> str:
    """Return the name of the archive of *export*."""
    return f"{export.stem}.zip"


def zipped(export: Export) -> Iterator[tuple[bytes, int]]:
    """Return an export as pieces of a ZIP, each with how many entries went into it so far."""
    return _zipped(export, Entries(export))


def _zipped(export: Export, entries: Entries) -> Iterator[tuple[bytes, int]]:
    sink, digest, size = _Sink(), hashlib.sha256(), 0
    name = f"{ENTRIES}.{export.format.ending}"
    with ZipFile(sink, "w", ZIP_DEFLATED, compresslevel=LEVEL) as archive:  # type: ignore[call-overload]
        with archive.open(_member(name, export), "w", force_zip64=True) as file:
            for written, _ in entries:
                digest.update(written)
                size += len(written)
                file.write(written)
                if packed := sink.take():
                    yield packed, entries.number
        told = manifest(export, entries, {"name": name, "bytes": size, "sha256": digest.hexdigest()})
        archive.writestr(_member(MANIFEST, export), json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    yield sink.take(), entries.number


def manifest(export: Export, entries: Entries, file: dict[str, Any]) -> dict[str, Any]:
    """Return what the manifest tells: which entries these are, who took them out when, and what their file must be."""
    values = export.wanted.values(export.made_at)
    return {
        "form": FORM,
        "organisation": {"slug": export.organisation, "name": export.name},
        "filter": {
            "words": export.words,
            "address": export.address,
            "since": _moment_of(values.get("since")),
            "before": _moment_of(values.get("until")),
        },
        "order": "newest first",
        "zone": export.zone,
        "made_by": export.made_by,
        "made_at": f"{export.made_at:%Y-%m-%dT%H:%M:%S.%f}Z",
        "format": export.format.value,
        "entries": entries.number,
        "first": _spelled(entries.first_id),
        "last": _spelled(entries.last_id),
        "file": file,
    }


def _member(name: str, export: Export) -> ZipInfo:
    moment = export.made_at.astimezone(ZoneInfo(export.zone))
    member = ZipInfo(name, _time_of(moment))
    member.compress_type = ZIP_DEFLATED
    member.external_attr = 0o600 << 16
    return member


def _time_of(moment: datetime) -> tuple[int, int, int, int, int, int]:
    year = min(max(moment.year, _OLDEST), _NEWEST)
    return year, moment.month, moment.day, moment.hour, moment.minute, moment.second


def _spelled(event_id: int | None) -> str | None:
    return None if event_id is None else ids.to_text(event_id)


def _moment_of(bound: object) -> str | None:
    return None if bound is None else f"{ids.moment_of(int(str(bound))):%Y-%m-%dT%H:%M:%S.%f}Z"
