"""
The histogram strip: how the entries lie in time, a bar for each day, hour, week, month or year.

One drawing without a template, a hundred bars in one pass. Its places and sizes are attributes of its shapes: the
content policy allows no style.
"""

from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from math import ceil
from typing import NamedTuple

from markupsafe import Markup

from auditweb.reading.counts import Count
from auditweb.reading.days import MONTHS, WEEKDAYS
from auditweb.reading.histogram import Bar, Histogram, Unit
from auditweb.web import figures
from auditweb.web.times import zone_of

_WIDTH, _HEIGHT = 960, 44
_LEAST = 1.5  # so that a single entry beside a burst of thousands can be seen
_LABELS = 4.3  # and the last: so many have room on a phone
_NOTHING = Markup("")


class Strip(NamedTuple):
    """The sum of the bars, what to say of them to those who do not see them, and the drawing with its axis."""

    total: str
    spoken: str
    bars: Markup
    axis: Markup


def draw(histogram: Histogram, counts: Sequence[Count], year: int, address: Callable[[Bar], str] | None) -> Strip:
    """
    Draw *counts* as the bars of *histogram*, each a link to its *address*, escaped already, unless there is none.

    *year* is the one that goes without saying.
    """
    total = figures.total(counts)
    return Strip(
        figures.exact(total),
        _spoken(histogram, counts, total),
        _bars(histogram, counts, address),
        _axis(histogram, year),
    )


def _bars(histogram: Histogram, counts: Sequence[Count], address: Callable[[Bar], str] | None) -> Markup:
    if not counts:
        return _NOTHING
    most = max(max([count.number for count in counts]), 1)
    drawn = []
    for at, (bar, count, (hit, place)) in enumerate(zip(histogram.bars, counts, _places(len(counts)), strict=True)):
        shape = f"<title>{_name(histogram.unit, bar)}: {figures.spoken(count)}</title>{hit}"
        if count.number:
            height = max(count.number / most * _HEIGHT, _LEAST)
            current = " now" if at == histogram.current else ""
            shape += f'<rect class="bar{current}" {place} y="{_HEIGHT - height:.1f}" height="{height:.1f}" rx="1.5"/>'
        if address:
            href = address(bar)
            drawn.append(f'<a href="{href}" hx-get="{href}" tabindex="-1">{shape}</a>')
        else:
            drawn.append(f"<g>{shape}</g>")
    return Markup("".join(drawn))


@lru_cache(maxsize=256)
def _places(number: int) -> list[tuple[str, str]]:
    """Return for each of *number* bars what can be pointed at, the whole height of it, and where it stands."""
    width = _WIDTH / number
    gap = min(1.5, width / 8)
    return [
        (
            f'<rect class="hit" x="{at * width:.1f}" y="0" width="{width:.1f}" height="{_HEIGHT}"/>',
            f'x="{at * width + gap:.1f}" width="{width - 2 * gap:.1f}"',
        )
        for at in range(number)
    ]


def _axis(histogram: Histogram, year: int) -> Markup:
    """Name some bars, evenly apart, and the last one."""
    bars = histogram.bars
    last = len(bars) - 1
    if last < 0:
        return _NOTHING
    step = ceil(len(bars) / _LABELS)
    named = [at for at in range(0, last, step) if last - at >= step * 0.7]
    labels = [
        f'<text x="{100 * at / len(bars):.2f}%" y="11">{_label(histogram.unit, bars[at], year)}</text>' for at in named
    ]
    final = (
        "Today"
        if histogram.unit is Unit.DAY and histogram.current == last
        else _label(histogram.unit, bars[last], year)
    )
    labels.append(f'<text x="100%" y="11" text-anchor="end">{final}</text>')
    return Markup("".join(labels))


def _spoken(histogram: Histogram, counts: Sequence[Count], total: Count) -> str:
    told = figures.spoken(total)
    if not total.number:
        return f"{told}."
    busiest = max(range(len(counts)), key=lambda at: counts[at].number)
    return (
        f"{told}. Busiest {histogram.unit.value}: {_name(histogram.unit, histogram.bars[busiest])}"
        f" with {figures.spoken(counts[busiest])}. Use the date filter to choose days."
    )


def _name(unit: Unit, bar: Bar) -> str:
    """Name a bar in full: "Tuesday 10 November 2026", "2 to 8 March 2026", "Sunday 25 October 2026, 01:00 BST"."""
    first, final, hour = bar
    told = _days(unit, first, final)
    # Not kept: to a cache, the two hours that clocks show alike when they go back are equal.
    return f"{told}, {hour:%H:%M} {zone_of(hour)}" if hour else told


@lru_cache(maxsize=4096)
def _days(unit: Unit, first: date, final: date) -> str:
    if unit is Unit.YEAR:
        return str(first.year)
    month = f"{MONTHS[first.month - 1]} {first.year}"
    if unit is Unit.MONTH:
        return month
    if first == final:
        return f"{WEEKDAYS[first.weekday()]} {first.day} {month}"
    start = f"{first.day}" if first.month == final.month else f"{first.day} {MONTHS[first.month - 1]}"
    if first.year != final.year:
        start += f" {first.year}"
    return f"{start} to {final.day} {MONTHS[final.month - 1]} {final.year}"


def _label(unit: Unit, bar: Bar, year: int) -> str:
    """Name a bar as short as an axis allows: "10 Nov", "Mar 2026", "06:00"."""
    first, _, hour = bar
    if hour:
        return f"{hour:%H:%M}"
    if unit is Unit.YEAR:
        return str(first.year)
    month = MONTHS[first.month - 1][:3]
    if unit is Unit.MONTH:
        return f"{month} {first.year}"
    return f"{first.day} {month}" if first.year == year else f"{first.day} {month} {first.year}"
