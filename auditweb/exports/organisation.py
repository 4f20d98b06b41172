"""
All that is held about an organisation as one archive, with a README that tells what each file is.

Each file of rows is there twice, as JSON and as CSV for spreadsheets; the log is JSON Lines, the form of evidence. The
manifest, with the SHA-256 of every other file, is written last: an archive that was cut off has none. What opens a door
(hashes of passwords and tokens, secrets of second factors) never leaves the database.
"""

import csv
import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from io import StringIO
from textwrap import fill
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from auditweb import ids, transactions
from auditweb.exports.entries import Entries, Export
from auditweb.exports.holdings import SHEETS, Question, roles, settings_of
from auditweb.exports.tables import END, safe_cell

ENTRIES: Final = "entries.jsonl"
MANIFEST: Final = "manifest.json"
FORM: Final = "auditweb organisation 1"  # what the manifest is of, so that a later form is told from this one
_PIECE: Final = 256 * 1024

_README: Final = """\
{title}
{underline}

{first}

The files
---------

{files}

Each list is there twice with the same rows: as JSON, for programs, and as CSV,
for spreadsheets. In the CSV files a cell that a spreadsheet would take for a
formula begins with an apostrophe, and a character that cannot be seen stands
as its number; the JSON files have everything exactly as it is stored. Moments
are in UTC. All files are in UTF-8.

What is not in here
-------------------

No password, no API key's secret, no link of an invitation, no secret of
two-factor authentication and nothing that they could be found out from: such
things never leave the database. What the service makes from the entries to
count and to search them is left out as well, since nothing in it is new.

Is it whole and unchanged?
--------------------------

{manifest} is written last and has the SHA-256 of every other file. The
command

    auditweb check-export FILE.zip

compares them, and so can any other program that knows SHA-256. An archive
that was cut off on its way does not open. Somebody who changed both a file
and {manifest} is not found out so: the audit log of the organisation has the
SHA-256 of the whole archive, in the entry that says it was finished.
"""


def archive_of(engine: Engine, org_id: int, export: Export) -> Iterator[tuple[bytes, int]]:
    """Yield the archive in pieces, each with the number of entries up to it; *export* is that of the whole log."""
    archive = _Archive(export.made_at)
    archive.add("README.txt", _readme(export))
    for name, content in _holdings(engine, org_id):
        archive.add(name, content)
    entries = Entries(export)
    yield from archive.adding(ENTRIES, entries)
    archive.add(MANIFEST, _json(_manifest(export, entries, archive.files)))
    archive.close()
    yield archive.taken(), entries.number


class _Archive:
    """A ZIP that is written from its beginning to its end, and taken away piece by piece."""

    def __init__(self, moment: datetime) -> None:
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_DEFLATED, compresslevel=1)  # type: ignore[call-overload]
        self._moment = moment.timetuple()[:6]
        self.files: list[dict[str, object]] = []

    def add(self, name: str, content: bytes) -> None:
        """Add a file that is there already."""
        with self._open(name) as write:
            write(content)

    def adding(self, name: str, pieces: Entries) -> Iterator[tuple[bytes, int]]:
        """Add a file as it comes, and yield what of the archive is ready, with what stands beside its pieces."""
        number = 0
        with self._open(name) as write:
            for piece, number in pieces:
                write(piece)
                # Also where nothing is ready yet: whoever takes it says how far it is, and may have had enough.
                yield self.taken() if self._sink.size >= _PIECE else b"", number
        yield self.taken(), number

    def taken(self) -> bytes:
        """Return what is ready and was not taken yet."""
        return self._sink.take()

    def close(self) -> None:
        self._zip.close()

    @contextmanager
    def _open(self, name: str) -> Iterator[Callable[[bytes], None]]:
        digest, size = hashlib.sha256(), 0
        info = zipfile.ZipInfo(name, self._moment)
        info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
        with self._zip.open(info, "w", force_zip64=True) as file:

            def write(piece: bytes) -> None:
                nonlocal size
                file.write(piece)
                digest.update(piece)
                size += len(piece)

            yield write
        self.files.append({"name": name, "bytes": size, "sha256": digest.hexdigest()})


class _Sink:
    """Where a ZIP is written to: it keeps nothing that was taken."""

    def __init__(self) -> None:
        self._kept = bytearray()

    @property
    def size(self) -> int:
        return len(self._kept)

    def write(self, piece: bytes) -> int:
        self._kept += piece
        return len(piece)

    def flush(self) -> None:
        """Do nothing: whoever takes what is here does it."""

    def take(self) -> bytes:
        kept = bytes(self._kept)
        self._kept.clear()
        return kept


def _holdings(engine: Engine, org_id: int) -> Iterator[tuple[str, bytes]]:
    """Yield the files about an organisation, its log apart: they are never large."""
    with transactions.reading(), Session(engine) as session:
        (settings,) = _rows(session, settings_of(org_id))
        read = [(sheet, _rows(session, sheet.query(org_id))) for sheet in SHEETS]
    yield "organisation.json", _json(settings)
    yield "roles.json", _json(roles())
    for sheet, rows in read:
        names = [column["name"] for column in sheet.query(org_id).column_descriptions]
        yield f"{sheet.name}.json", _json(rows)
        yield f"{sheet.name}.csv", _csv(names, rows)


def _rows(session: Session, query: Question) -> list[dict[str, object]]:
    return [{name: _plain(value) for name, value in row._mapping.items()} for row in session.execute(query)]


def _plain(value: object) -> object:
    return f"{value:%Y-%m-%dT%H:%M:%S.%f}Z" if isinstance(value, datetime) else value


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def _csv(names: Sequence[str], rows: Sequence[dict[str, object]]) -> bytes:
    written = StringIO(newline="")
    writer = csv.writer(written, lineterminator=END)
    writer.writerow(names)
    writer.writerows([_cell(row[name]) for name in names] for row in rows)
    return ("\ufeff" + written.getvalue()).encode()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return safe_cell(str(value))


def _readme(export: Export) -> bytes:
    told = {
        "organisation.json": "The organisation itself: name, address, time zone, rules of signing in, how long entries "
        "are kept, and whether its ownership was offered or its deletion asked for.",
        "roles.json": "What each role may do.",
        **{f"{sheet.name}.json, {sheet.name}.csv": sheet.told for sheet in SHEETS},
        ENTRIES: "The whole audit log, newest entry first, one JSON object a line, as the API gives them.",
        MANIFEST: "Who asked for this archive and when, how many entries it has, and the SHA-256 of every file.",
    }
    title = f"All data of {safe_cell(export.name)}"
    text = _README.format(
        title=title,
        underline="=" * len(title),
        first=fill(
            f"Everything that the audit log service holds about {safe_cell(export.name)}, as it was on "
            f"{export.made_at:%Y-%m-%d} at {export.made_at:%H:%M} UTC. {safe_cell(export.made_by)} asked for it.",
            76,
        ),
        files="\n\n".join(f"{names}\n{_wrapped(words)}" for names, words in told.items()),
        manifest=MANIFEST,
    )
    return text.encode()


def _wrapped(words: str) -> str:
    return fill(words, 76, initial_indent="    ", subsequent_indent="    ")


def _manifest(export: Export, entries: Entries, files: list[dict[str, object]]) -> dict[str, object]:
    return {
        "form": FORM,
        "organisation": {"slug": export.organisation, "name": export.name},
        "log": export.log,
        "made_by": export.made_by,
        "made_at": _plain(export.made_at),
        "entries": entries.number,
        "first": entries.first_id and ids.to_text(entries.first_id),
        "last": entries.last_id and ids.to_text(entries.last_id),
        "files": files,
    }
