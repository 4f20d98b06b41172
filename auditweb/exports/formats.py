"""The formats of an export, and what writes rows in them: CSV for spreadsheets, JSON Lines, OCSF for a SIEM."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import ColumnElement

from auditweb.exports import ocsf
from auditweb.exports.tables import TableWriter
from auditweb.reading.as_json import entry_object, spell
from auditweb.reading.strides import Raw, raw_columns, whole


class Format(StrEnum):
    """One way to write entries. All are texts in UTF-8, and one entry is one line in each."""

    CSV = "csv"
    JSONL = "jsonl"
    OCSF = "ocsf"

    @property
    def label(self) -> str:
        return {Format.CSV: "CSV", Format.JSONL: "JSON Lines", Format.OCSF: "OCSF"}[self]

    @property
    def media_type(self) -> str:
        return "text/csv; charset=utf-8; header=present" if self is Format.CSV else "application/x-ndjson"

    @property
    def ending(self) -> str:
        return {Format.CSV: "csv", Format.JSONL: "jsonl", Format.OCSF: "ocsf.jsonl"}[self]


class Writer(Protocol):
    """Writes entries one after the other."""

    def columns(self, engine_name: str) -> tuple[ColumnElement[Any], ...]:
        """Return what rows must have to be written."""
        ...

    def head(self) -> bytes:
        """Return what stands before the first entry."""
        ...

    def lines(self, rows: Sequence[Raw]) -> bytes:
        """Return a line for each row."""
        ...


def writer_for(format_: Format, *, zone: str, organisation: str, log: str) -> Writer:
    """Return what writes entries of an *organisation* (its slug) whose *log* is at this whole address."""
    if format_ is Format.CSV:
        return TableWriter(zone)
    if format_ is Format.OCSF:
        return _OcsfWriter(organisation, log)
    return _JsonWriter(organisation, log)


class _JsonWriter:
    """The objects that the API gives: the form of evidence, in which nothing is shown otherwise than it is stored."""

    def __init__(self, organisation: str, log: str) -> None:
        self._organisation = organisation
        self._log = log

    def columns(self, engine_name: str) -> tuple[ColumnElement[Any], ...]:
        return raw_columns(engine_name)

    def head(self) -> bytes:
        return b""

    def lines(self, rows: Sequence[Raw]) -> bytes:
        return "".join([spell(self._object(row)) + "\n" for row in rows]).encode()

    def _object(self, row: Raw) -> dict[str, object]:
        return entry_object(whole(row), organisation=self._organisation, log=self._log)


class _OcsfWriter(_JsonWriter):
    def _object(self, row: Raw) -> dict[str, object]:
        return ocsf.event_of(whole(row), organisation=self._organisation, log=self._log)
