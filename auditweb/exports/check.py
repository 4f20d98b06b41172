"""
Whether the file of an export is whole and unchanged: its entries are held against what its manifest says of them.

Somebody who writes a new manifest for other entries is not found out so, but by the SHA-256 of the whole file, where an
entry of the log tells it.
"""

import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from errno import EINVAL
from lzma import LZMAError
from os import SEEK_END
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile, ZipFile, is_zipfile

from auditweb.exports import organisation
from auditweb.exports.archive import ENTRIES, FORM, MANIFEST
from auditweb.exports.formats import Format

_AT_ONCE = 1024 * 1024
_LONGEST_LINE = 8 * 1024 * 1024  # bytes: no entry is longer
_LARGEST_MANIFEST = 1024 * 1024  # bytes: one that is longer is none of ours
_ZIP_BEGINS = b"PK\x03\x04"
_END_BEGINS, _LENGTH_OF_END, _NO_COMMENT = b"PK\x05\x06", 22, b"\0\0"  # what a ZIP without a comment ends with


_BROKEN = "Its directory or its manifest is damaged: the file was changed, or did not arrive as it was sent."


class NotAnExportError(Exception):
    """What is no archive of an export, or cannot be read; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came out: how many entries a file has, of whom, and what is wrong with it, a sentence each."""

    entries: int
    organisation: str
    filter: str
    made_by: str
    made_at: str
    problems: list[str]


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a whole file; NotAnExportError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise NotAnExportError(f"{path} cannot be read: {error.strerror or error}.") from None


def check(path: Path) -> Checked:
    """Read the whole of an export, in constant memory, and tell whether it is what its manifest says."""
    try:
        if not is_zipfile(path):
            return _without_directory(path)
        with ZipFile(path) as archive:
            checked = _check(path, archive)
            if _is_padded(path, archive):
                checked.problems.append("There is something before or after the archive in this file: it was changed.")
            return checked
    except FileNotFoundError:
        raise NotAnExportError(f"There is no file {path}.") from None
    except OSError as error:
        if error.errno == EINVAL:  # its directory tells of a place before the file's beginning
            return _damaged(_BROKEN)
        raise NotAnExportError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (BadZipFile, RuntimeError, ValueError, TypeError, LZMAError, zlib.error, EOFError):
        # Whatever was written into it by somebody else: another method, a password, numbers that are none.
        return _damaged(_BROKEN)


def _without_directory(path: Path) -> Checked:
    with path.open("rb") as file:
        if file.read(len(_ZIP_BEGINS)) != _ZIP_BEGINS:
            raise NotAnExportError(
                f"{path} is not an archive of an export. A bare file of entries has no manifest, but the entry that "
                f"tells of it has its SHA-256; that of this file is {digest_of(path)}."
            )
    return _damaged("It was cut off: an archive ends with its directory, and this one has none. Export it again.")


def _is_padded(path: Path, archive: ZipFile) -> bool:
    """Tell whether a file has more than the archive, which begins with its first member and ends with its directory."""
    with path.open("rb") as file:
        file.seek(-_LENGTH_OF_END, SEEK_END)
        end = file.read()
        return (
            not (end.startswith(_END_BEGINS) and end.endswith(_NO_COMMENT))
            or min(member.header_offset for member in archive.infolist()) != 0
        )


def _check(path: Path, archive: ZipFile) -> Checked:
    told = _manifest(path, archive)
    if told["form"] == organisation.FORM:
        return _check_all(told, archive)
    names = archive.namelist()
    if names != [told["file"]["name"], MANIFEST]:
        listed = ", ".join(names)
        return _found(told, [f"There should be {told['file']['name']} and {MANIFEST} in it, and there is {listed}."])
    try:
        measured = _measure(archive, told["file"]["name"])
    except (BadZipFile, zlib.error, EOFError):
        return _found(told, ["Its entries are damaged: the file was changed, or did not arrive as it was sent."])
    problems = []
    if measured.size != told["file"]["bytes"]:
        problems.append(f"Its entries are {measured.size:,} bytes, and the manifest says {told['file']['bytes']:,}.")
    problems += _miscounted(told, measured, told["format"])
    if measured.digest != told["file"]["sha256"]:
        problems.append("Its entries are not those that were exported: their SHA-256 is another than the manifest’s.")
    return _found(told, problems)


def _miscounted(told: dict[str, Any], measured: "_Measured", format_: str) -> Iterator[str]:
    """Yield in what the number of entries, the first and the last of them are others than the manifest says."""
    heads = 1 if format_ == Format.CSV else 0
    entries = measured.lines - heads
    if entries != told["entries"]:
        yield f"It has {entries:,} entries, and the manifest says {told['entries']:,}."
    last = measured.last if entries > 0 else b""
    for name, line in (("first", measured.beginning[heads]), ("last", last)):
        found, said = _id_in(line, format_), told.get(name)
        if found != said:
            yield f"Its {name} entry is {found or 'none'}, and the manifest says {said or 'none'}."


def _id_in(line: bytes, format_: str) -> str | None:
    """Return the id of the entry that a line is of, or None."""
    try:
        if format_ == Format.CSV:
            return line.partition(b",")[0].decode("ascii") or None
        entry = json.loads(line)
        return str(entry["metadata"]["uid"] if format_ == Format.OCSF else entry["id"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _manifest(path: Path, archive: ZipFile) -> dict[str, Any]:
    """Return what the manifest tells, if it is one; BadZipFile where it is not what it was."""
    ours = any(name.startswith(f"{ENTRIES}.") for name in archive.namelist())
    try:
        with archive.open(MANIFEST) as file:
            text = file.read(_LARGEST_MANIFEST + 1)
        told: dict[str, Any] = json.loads(text) if len(text) <= _LARGEST_MANIFEST else {}
        if told["form"] == organisation.FORM:
            return _of_an_organisation(told)
        if told["form"] != FORM:
            raise NotAnExportError(f"{path} is an export in a form that this version does not know.")
        _ = told["file"]["name"] + told["file"]["sha256"] + told["format"] + told["organisation"]["name"]
        _ = _number(told["file"]["bytes"]) + _number(told["entries"])
        _ = told["filter"]["words"] + told["made_by"] + told["made_at"]
    except KeyError as missing:
        if MANIFEST not in archive.namelist():
            if ours:
                raise BadZipFile from None
            raise NotAnExportError(f"{path} is a ZIP, but not an export: it has no {MANIFEST}.") from None
        raise NotAnExportError(f"{path} is a ZIP, but not a whole export: its {MANIFEST} lacks {missing}.") from None
    except (BadZipFile, zlib.error, EOFError):
        if ours:
            raise
        raise NotAnExportError(f"{path} is a ZIP, but its {MANIFEST} cannot be read.") from None
    except (ValueError, TypeError, RecursionError):
        raise NotAnExportError(f"{path} is a ZIP, but its {MANIFEST} cannot be read.") from None
    return told


def _of_an_organisation(told: dict[str, Any]) -> dict[str, Any]:
    """Return what the manifest of an organisation's data tells, if all of it is there."""
    for file in told["files"]:
        _ = file["name"] + file["sha256"], _number(file["bytes"]) + _number(told["entries"])
    if organisation.ENTRIES not in [file["name"] for file in told["files"]]:
        raise ValueError("the log is not in it")
    _ = told["organisation"]["name"] + told["made_by"] + told["made_at"]
    return {**told, "filter": {"words": "all data of the organisation"}}


def _check_all(told: dict[str, Any], archive: ZipFile) -> Checked:
    """Hold each file of an organisation's data against what the manifest says of it."""
    names, expected = archive.namelist(), [*(file["name"] for file in told["files"]), MANIFEST]
    if names != expected:
        return _found(told, [f"There should be {', '.join(expected)} in it, and there is {', '.join(names)}."])
    problems = []
    for file in told["files"]:
        try:
            measured = _measure(archive, file["name"])
        except (BadZipFile, zlib.error, EOFError):
            problems.append(f"{file['name']} is damaged: the file was changed, or did not arrive as it was sent.")
            continue
        if (measured.size, measured.digest) != (file["bytes"], file["sha256"]):
            problems.append(f"{file['name']} is not what was exported: its SHA-256 is another than the manifest’s.")
        if file["name"] == organisation.ENTRIES:
            problems += _miscounted(told, measured, Format.JSONL)
    return _found(told, problems)


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("not a number")
    return value


class _Measured(NamedTuple):
    """What a member is: how many bytes, which hash, how many lines; its first two lines and the last one."""

    size: int
    digest: str
    lines: int
    beginning: tuple[bytes, bytes]
    last: bytes


def _measure(archive: ZipFile, name: str) -> _Measured:
    digest, size, lines = hashlib.sha256(), 0, 0
    head = tail = b""
    with archive.open(name) as file:
        while some := file.read(_AT_ONCE):
            digest.update(some)
            size += len(some)
            lines += some.count(b"\n")
            if head.count(b"\n") < 2 and len(head) < 2 * _LONGEST_LINE:
                head += some
            tail += some
            tail = tail[tail.rfind(b"\n", 0, -1) + 1 :][-_LONGEST_LINE:]
    first, second, *_ = [*head.split(b"\n", 2), b"", b""]
    return _Measured(size, digest.hexdigest(), lines, (first, second), tail)


def _found(told: dict[str, Any], problems: list[str]) -> Checked:
    return Checked(
        entries=told["entries"],
        organisation=told["organisation"]["name"],
        filter=told["filter"]["words"],
        made_by=told["made_by"],
        made_at=told["made_at"],
        problems=problems,
    )


def _damaged(problem: str) -> Checked:
    return Checked(entries=0, organisation="", filter="", made_by="", made_at="", problems=[problem])
