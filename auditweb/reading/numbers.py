"""All the numbers around one page, asked for in one place."""

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from auditweb.catalogue import Category
from auditweb.extensions import db
from auditweb.reading.counts import Count, Counted, count, find_position, is_ranked
from auditweb.reading.filters import LogFilter
from auditweb.reading.histogram import Histogram, bars_for
from auditweb.reading.pages import Page

REMEMBERED = 500  # questions, a few kilobytes each


@dataclass(frozen=True, slots=True)
class Numbers:
    """
    How many events a page's question finds: in each *categories* (None: all), and in each bar of the *histogram*.

    *position* is the ordinal of the page's first event, counted from 1 at the newest; None where it is not known.
    """

    categories: Mapping[Category | None, Count]
    position: int | None
    histogram: Histogram
    bars: Sequence[Count]


def find_numbers(wanted: LogFilter, page: Page, now: datetime, zone: str) -> Numbers:
    """Return the numbers around *page* of the events *wanted*, with bars in *zone* unless the question has its own."""
    histogram = bars_for(wanted, now, zone)
    # At either end of the log the place of a page needs no question.
    asked = page.rows[0].id if page.has_newer and page.has_older and page.rows else None
    key = (db.engine, page.revision, wanted.at(), histogram.bounds)
    lasts = page.revision is not None and not wanted.last and (is_ranked(wanted) or asked is None)
    counted = _remembered.get(key) if lasts else None
    if counted is None:
        counted = count(wanted.at(), bounds=histogram.bounds, event_id=asked, now=now)
        position = counted.position
        if lasts and counted.settled:
            _remembered.put(key, counted)
    else:
        known = counted.categories[wanted.category].number
        position = None if asked is None else find_position(wanted.at(), asked, known, now)
    categories = dict(counted.categories)
    total = categories[wanted.category]
    if not total.exact and total.number < len(page.rows):
        categories[wanted.category] = Count(len(page.rows), exact=False)
    if page.rows and not page.has_newer:
        position = 1
    elif page.rows and not page.has_older:
        position = max(total.number - len(page.rows) + 1, 1) if total.exact else None
    return Numbers(categories, position, histogram, counted.between)


class Memory:
    """What was counted lately in this process, by the revision of the counts: as long as that stands, so do these."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, Counted] = OrderedDict()

    def get(self, key: Hashable) -> Counted | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: Hashable, counted: Counted) -> None:
        with self._lock:
            self._kept[key] = counted
            if len(self._kept) > REMEMBERED:
                self._kept.popitem(last=False)


_remembered = Memory()
