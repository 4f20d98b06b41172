"""All the numbers around one page, asked for in one place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from auditweb.catalogue import Category
from auditweb.reading.counts import Count, count
from auditweb.reading.filters import LogFilter
from auditweb.reading.histogram import Histogram, bars_for
from auditweb.reading.pages import Page


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
    between = page.has_newer and page.has_older and page.rows
    counted = count(wanted.at(), bounds=histogram.bounds, event_id=page.rows[0].id if between else None, now=now)
    categories = dict(counted.categories)
    total = categories[wanted.category]
    if not total.exact and total.number < len(page.rows):
        categories[wanted.category] = Count(len(page.rows), exact=False)
    position = counted.position
    if page.rows and not page.has_newer:
        position = 1
    elif page.rows and not page.has_older:
        position = max(total.number - len(page.rows) + 1, 1) if total.exact else None
    return Numbers(categories, position, histogram, counted.between)
