"""All the numbers around one page, asked for in one place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from auditweb.catalogue import Category
from auditweb.reading.counts import Count, count_between, count_categories, find_position
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
    categories = count_categories(wanted.at(), now)
    histogram = bars_for(wanted, now, zone)
    return Numbers(
        categories,
        _position(wanted, page, categories[wanted.category], now),
        histogram,
        count_between(wanted.at(), histogram.bounds, now),
    )


def _position(wanted: LogFilter, page: Page, total: Count, now: datetime) -> int | None:
    """Tell where a page begins, which at either end of the log needs no question."""
    if not page.rows:
        return None
    if not page.has_newer:
        return 1
    if not page.has_older and total.exact:
        return max(total.number - len(page.rows) + 1, 1)
    position = find_position(wanted.at(), page.rows[0].id, now)
    return position.number if position and position.exact else None
