"""How much an export will be, told before it is made, and what follows from that."""

import zlib
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from auditweb.exports.archive import LEVEL
from auditweb.exports.entries import Export
from auditweb.exports.formats import Format
from auditweb.extensions import db
from auditweb.reading.counts import Count, count, is_ranked
from auditweb.reading.filters import LogFilter
from auditweb.reading.matches import find_matches
from auditweb.reading.pages import find_page
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


class Guess(NamedTuple):
    """About how many bytes the entries of an export are, and in an archive, where it is rather less than that."""

    bare: int
    packed: int


def guess_bytes(export: Export, counted: Count) -> dict[Format, Guess]:
    """Return about how large an export is in each format, going by some of the newest entries and some older ones."""
    places = _places(export)
    guesses = {}
    for format_ in Format:
        writer = replace(export, format=format_).writer()
        connection = db.session.connection()
        samples = [
            read_stride(connection, export.wanted, export.made_at, writer.columns, before=place, size=_SAMPLE).rows
            for place in places
        ]
        lines = b"".join([writer.lines(rows) for rows in samples if rows])
        number = sum(map(len, samples)) or 1
        bare, packed = (len(text) * counted.number // number for text in (lines, zlib.compress(lines, LEVEL)))
        guesses[format_] = Guess(len(writer.head()) + bare, packed)
    return guesses


def _places(export: Export) -> list[int | None]:
    """Return before which entries to look: the newest, and three more on the way to the oldest, if that is far."""
    wanted = export.wanted
    if wanted.q or wanted.flag:
        return [None]  # to find the oldest takes as long as it likes
    ends = [find_page(wanted.at(oldest=oldest), size=_SAMPLE, now=export.made_at).rows for oldest in (False, True)]
    if len(ends[0]) < _SAMPLE:
        return [None]
    newest, oldest = ends[0][0].id, ends[1][-1].id
    return [None, *(newest - (newest - oldest) * quarter // 4 for quarter in (1, 2, 3))]
