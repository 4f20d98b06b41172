"""How much an export will be, told before it is made, and what follows from that."""

from dataclasses import replace
from datetime import datetime

from auditweb.exports.entries import Export
from auditweb.exports.formats import Format
from auditweb.extensions import db
from auditweb.reading.counts import Count, count, is_ranked
from auditweb.reading.filters import LogFilter
from auditweb.reading.matches import find_matches
from auditweb.reading.strides import read_stride

PACKED_FROM = 10_000  # entries, from which on a file is an archive with a manifest
LARGE = 100_000  # entries; more than those are prepared in the background

_COUNTING_TIME = 1.0  # seconds for what is counted entry by entry
_SAMPLE = 100  # newest entries by which a size is guessed


def how_many(wanted: LogFilter, now: datetime) -> Count:
    """Return how many entries an export of *wanted* has; where they are not all counted, there are so many at least."""
    if is_ranked(wanted):
        return count(wanted, now=now).categories[wanted.category]
    found = find_matches(wanted, cap=LARGE, budget=_COUNTING_TIME, now=now)
    number = found.count()
    return Count(min(number, LARGE), found.complete and number <= LARGE)


def is_packed(counted: Count) -> bool:
    """Tell whether so many entries are an archive in any case."""
    return counted.number >= PACKED_FROM or not counted.exact


def is_large(counted: Count) -> bool:
    """Tell whether so many entries are too many to wait for: they are prepared in the background."""
    return counted.number > LARGE or not counted.exact


def guess_bytes(export: Export, counted: Count) -> dict[Format, int]:
    """Return about how many bytes the entries of an export are in each format, going by the newest ones."""
    guesses = {}
    for format_ in Format:
        writer = replace(export, format=format_).writer()
        connection = db.session.connection()
        rows = read_stride(connection, export.wanted, export.made_at, writer.columns, size=_SAMPLE).rows
        length = len(writer.lines(rows)) * counted.number // len(rows) if rows else 0
        guesses[format_] = len(writer.head()) + length
    return guesses
