"""
Whether the file of an export is whole and unchanged: its entries are held against what its manifest says of them.

Somebody who writes a new manifest for other entries is not found out so, but by the SHA-256 of the whole file, where an
entry of the log tells it.
"""

import hashlib
import json
import zlib
from dataclasses import dataclass
from lzma import LZMAError
from os import SEEK_END
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile, is_zipfile

from auditweb.exports import organisation
from auditweb.exports.archive import ENTRIES, FORM, MANIFEST

_AT_ONCE = 1024 * 1024
_LARGEST_MANIFEST = 1024 * 1024  # bytes: one that is longer is none of ours
_ZIP_BEGINS = b"PK\x03\x04"
_END_BEGINS, _LENGTH_OF_END = b"PK\x05\x06", 22  # what a ZIP without a comment ends with


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
        raise NotAnExportError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (BadZipFile, RuntimeError, ValueError, TypeError, LZMAError, zlib.error, EOFError):
        # Whatever was written into it by somebody else: another method, a password, numbers that are none.
        return _damaged("Its directory is damaged: the file was changed, or did not arrive as it was sent.")


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
        return (
            file.read(len(_END_BEGINS)) != _END_BEGINS
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
        size, digest, lines = _measure(archive, told["file"]["name"])
    except (BadZipFile, zlib.error, EOFError):
        return _found(told, ["Its entries are damaged: the file was changed, or did not arrive as it was sent."])
    problems = []
    if size != told["file"]["bytes"]:
        problems.append(f"Its entries are {size:,} bytes, and the manifest says {told['file']['bytes']:,}.")
    entries = lines - 1 if told["format"] == "csv" else lines
    if entries != told["entries"]:
        problems.append(f"It has {entries:,} entries, and the manifest says {told['entries']:,}.")
    if digest != told["file"]["sha256"]:
        problems.append("Its entries are not those that were exported: their SHA-256 is another than the manifest’s.")
    return _found(told, problems)


def _manifest(path: Path, archive: ZipFile) -> dict[str, Any]:
    """Return what the manifest tells, if it is one."""
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
            whole = "a whole export" if ours else "an export"
            raise NotAnExportError(f"{path} is a ZIP, but not {whole}: it has no {MANIFEST}.") from None
        raise NotAnExportError(f"{path} is a ZIP, but not a whole export: its {MANIFEST} lacks {missing}.") from None
    except (ValueError, TypeError, RecursionError, BadZipFile, zlib.error, EOFError):
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
            size, digest, lines = _measure(archive, file["name"])
        except (BadZipFile, zlib.error, EOFError):
            problems.append(f"{file['name']} is damaged: the file was changed, or did not arrive as it was sent.")
            continue
        if (size, digest) != (file["bytes"], file["sha256"]):
            problems.append(f"{file['name']} is not what was exported: its SHA-256 is another than the manifest’s.")
        if file["name"] == organisation.ENTRIES and lines != told["entries"]:
            problems.append(f"It has {lines:,} entries, and the manifest says {told['entries']:,}.")
    return _found(told, problems)


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("not a number")
    return value


def _measure(archive: ZipFile, name: str) -> tuple[int, str, int]:
    """Return how many bytes, which hash and how many lines a member has."""
    digest, size, lines = hashlib.sha256(), 0, 0
    with archive.open(name) as file:
        while some := file.read(_AT_ONCE):
            digest.update(some)
            size += len(some)
            lines += some.count(b"\n")
    return size, digest.hexdigest(), lines


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
