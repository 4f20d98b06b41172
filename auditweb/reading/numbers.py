"""
All the numbers around one page, asked for in one place.

They are exact until so much waits for the sealer that it is not counted to the end. In such a flood they may be a
second old, too: counting would take many times as long as the page, and at such a pace no number is true for long.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic

from auditweb.catalogue import Category
from auditweb.extensions import db
from auditweb.reading.counts import Count, Counted, count, find_position, is_ranked
from auditweb.reading.filters import LogFilter
from auditweb.reading.flagged import stamp_flags
from auditweb.reading.histogram import Histogram, bars_for
from auditweb.reading.matches import CAP
from auditweb.reading.memory import Memory
from auditweb.reading.pages import Page, count_newer
from auditweb.reading.ranks import MOST_WAITING, count_waiting

REMEMBERED = 500  # questions, a few kilobytes each
FLOOD = MOST_WAITING  # events that wait for the sealer
LATELY = 1.0  # seconds
_LONG = 0.003  # seconds of counting, from which on it is worth while to ask whether there is a flood


@dataclass(frozen=True, slots=True)
class Numbers:
    """
    How many events a page's question finds: in each *categories* (None: all), and in each bar of the *histogram*.

    *position* is the ordinal of the page's first event, counted from 1 at the newest; None where it is not known.
    *later* is how many have come since the question was pinned.
    """

    categories: Mapping[Category | None, Count]
    position: int | None
    histogram: Histogram
    bars: Sequence[Count]
    later: Count


def find_numbers(wanted: LogFilter, page: Page, now: datetime, zone: str) -> Numbers:
    """Return the numbers around *page* of the events *wanted*, with bars in *zone* unless the question has its own."""
    histogram = bars_for(wanted, now, zone)
    # At either end of the log the place of a page needs no question.
    asked = page.rows[0].id if page.has_newer and page.has_older and page.rows else None
    stamp = _stamp(wanted, page)
    key = (db.engine, stamp, wanted.at(), histogram.bounds)
    lasts = stamp is not None and (is_ranked(wanted) or asked is None)
    counted = _remembered.get(key) if lasts else None
    if counted is None:
        behind = page.revision is None and not wanted.flag  # what is flagged is counted without the sealer
        counted = _count(wanted.at(), histogram, asked, now, behind=behind)
        position = counted.position
        # Flags may have changed and change back: what was counted meanwhile is of neither state.
        if lasts and counted.settled and (not wanted.flag or _stamp(wanted, page) == stamp):
            _remembered.put(key, counted)
    else:
        known = counted.categories[wanted.category].number
        position = None if asked is None else _known_position(key, wanted, page)
        if asked is not None and position is None:
            position = find_position(wanted.at(), asked, known, now)
    categories = dict(counted.categories)
    total = categories[wanted.category]
    if not total.exact and total.number < len(page.rows):
        categories[wanted.category] = Count(len(page.rows), exact=False)
    if page.rows and not page.has_newer:
        position = 1
    elif page.rows and not page.has_older:
        position = max(total.number - len(page.rows) + 1, 1) if total.exact else None
    if lasts and position is not None and page.rows:
        _ordinals.put((key, page.rows[0].id), position)
        _ordinals.put((key, page.rows[-1].id), position + len(page.rows) - 1)
    return Numbers(categories, position, histogram, counted.between, _count_later(wanted, now))


def _stamp(wanted: LogFilter, page: Page) -> Hashable | None:
    """
    Return what is another whenever the counts of a question are; None where nothing tells.

    That is the revision of the counts, and of what is flagged, whatever else is recorded, which events that are.
    """
    if wanted.last:
        return None
    return stamp_flags(wanted.org_id, wanted.flag) if wanted.flag else page.revision


def _known_position(key: Hashable, wanted: LogFilter, page: Page) -> int | None:
    """Return the ordinal of the page's first event where this page, or the one it is reached from, was shown lately."""
    ahead = {page.rows[0].id: 0, wanted.before: 1, wanted.after: -len(page.rows)}
    known = ((_ordinals.get((key, event_id)), more) for event_id, more in ahead.items() if event_id is not None)
    return next((ordinal + more for ordinal, more in known if ordinal is not None), None)


def _count_later(wanted: LogFilter, now: datetime) -> Count:
    if wanted.upto is None:
        return Count(0)
    number = count_newer(replace(wanted.at(), upto=None, last=""), wanted.upto, CAP + 1, now)
    return Count(min(number, CAP), exact=number <= CAP)


def _count(wanted: LogFilter, histogram: Histogram, asked: int | None, now: datetime, *, behind: bool) -> Counted:
    """Count anew. Where the sealer is *behind*, and that in a flood, return what was counted a moment ago."""
    key = (db.engine, wanted, histogram.bounds, asked)
    told = _told_lately.get(key) if behind else None
    began = monotonic()
    if told is not None and began - told[0] < LATELY:
        return told[1]
    counted = count(wanted, bounds=histogram.bounds, event_id=asked, now=now)
    if behind and monotonic() - began > _LONG and count_waiting(wanted.org_id) >= FLOOD:
        _told_lately.put(key, (monotonic(), counted))
    return counted


_remembered = Memory[Counted](REMEMBERED)  # by the revision of the counts: as long as that stands, so do these
_ordinals = Memory[int](
    REMEMBERED
)  # of the events at both ends of the pages that were shown, by the same and their ids
_told_lately = Memory[tuple[float, Counted]](REMEMBERED)
