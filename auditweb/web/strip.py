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
from auditweb.reading.days import MONTHS, WEEKDAYS, spelled
from auditweb.reading.histogram import Bar, Histogram, Unit
from auditweb.web import figures
from auditweb.web.times import zone_of

_WIDTH, _HEIGHT = 960, 44
_LEAST = 1.5  # so that a single entry beside a burst of thousands can be seen
_LABELS = 4.3  # and the last: so many have room on a phone
_NAMED = 0.2  # of the width: what was not counted is labelled if it takes more
_NOTHING = Markup("")
_HATCH = (
    '<pattern id="not-counted" patternUnits="userSpaceOnUse" width="7" height="7" patternTransform="rotate(45)">'
    '<path d="M0 0V7"/></pattern>'
)


class Strip(NamedTuple):
    """How many entries the bars show, what to say to those who do not see them, and the drawing with its axis."""

    total: str
    spoken: str
    bars: Markup
    axis: Markup


def draw(
    histogram: Histogram, counts: Sequence[Count], whole: Count, year: int, address: Callable[[Bar], str] | None
) -> Strip:
    """
    Draw *counts* as the bars of *histogram*, each a link to its *address*, escaped already, unless there is none.

    They are of no more than the *whole*, whose cap holds for their sum as well. *year* is the one that goes without
    saying.
    """
    total = figures.total(counts)
    if total.number > whole.number:
        total = whole
    uncounted = max([at + 1 for at, count in enumerate(counts) if not count.exact], default=0)
    return Strip(
        figures.headed(total),
        _spoken(histogram, counts, total, uncounted),
        _bars(histogram, counts, uncounted, address),
        _axis(histogram, year, uncounted),
    )


def _bars(
    histogram: Histogram, counts: Sequence[Count], uncounted: int, address: Callable[[Bar], str] | None
) -> Markup:
    """Draw the bars; the first of them, as many as were not counted to the end, stand on a band that says so."""
    if not counts:
        return _NOTHING
    most = max(max([count.number for count in counts]), 1)
    drawn = []
    if uncounted:
        width = _WIDTH * uncounted / len(counts)
        drawn.append(
            f'{_HATCH}<rect class="uncounted" fill="url(#not-counted)" width="{width:.1f}" height="{_HEIGHT}"/>'
        )
    for at, (bar, count, (hit, place)) in enumerate(zip(histogram.bars, counts, _places(len(counts)), strict=True)):
        shape = f"<title>{_name(histogram.unit, bar)}: {_number(count)}</title>{hit}"
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


def _number(count: Count) -> str:
    if count.exact:
        return figures.spoken(count)
    return f"{figures.spoken(count)}, not all counted" if count.number else "not counted"


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


def _axis(histogram: Histogram, year: int, uncounted: int) -> Markup:
    """Name some bars, evenly apart, and the last one; and above them what was not counted."""
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
    if uncounted > len(bars) * _NAMED:
        middle = 50 * uncounted / len(bars)
        labels.append(f'<text class="uncounted" x="{middle:.2f}%" y="-16" text-anchor="middle">not counted</text>')
    return Markup("".join(labels))


def _spoken(histogram: Histogram, counts: Sequence[Count], total: Count, uncounted: int) -> str:
    told = f"{figures.spoken(total)}."
    if not total.number and not uncounted:
        return told
    if uncounted:
        # What was left out may have a bar higher than any, so that none is called the busiest.
        counted = histogram.bars[uncounted:]
        since = f": from {_start(counted[0])} on" if counted else ""
        told += f" Only the newest entries were counted{since}."
    else:
        busiest = max(range(len(counts)), key=lambda at: counts[at].number)
        name = _name(histogram.unit, histogram.bars[busiest])
        told += f" Busiest {histogram.unit.value}: {name} with {figures.spoken(counts[busiest])}."
    return f"{told} Use the date filter to choose days."


def _start(bar: Bar) -> str:
    return _name(Unit.HOUR, bar) if bar.hour else spelled(bar.first)


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
