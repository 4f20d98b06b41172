"""
When somebody is at work: two years of days, a square for each, and the hours of the day as bars.

Drawings without a template, like the strip of the log: places and sizes are attributes, for the content policy allows
no style.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from markupsafe import Markup, escape

from auditweb.reading.activity import Calendar, Habits
from auditweb.reading.days import MONTHS, WEEKDAYS, spelled
from auditweb.reading.filters import LogFilter
from auditweb.web import figures

_SIDE, _STEP, _TOP = 9, 11, 16
_HALF = 53  # weeks in the first of the two drawings, which stand one above the other on a phone
_SHADES = (0.25, 0.5, 0.75)  # how many of the days with entries are in a lighter shade
_APART = 3  # weeks at least between the names of two months
_HOUR, _TALL = 40, 44
_DAY = timedelta(days=1)


class Year(NamedTuple):
    """One of the two drawings: how wide and how high it is, and what is in it."""

    width: int
    height: int
    shapes: Markup


def draw_days(calendar: Calendar, address: Callable[[date], str]) -> list[Year]:
    """Draw the days of two years in columns of weeks; one with entries leads to its *address*, escaped already."""
    worked = sorted(count.number for count in calendar.counts if count.number)
    steps = [worked[int(len(worked) * share)] for share in _SHADES] if worked else []
    weeks = -(-len(calendar.counts) // 7)
    return [
        _draw_year(calendar, address, steps, range(first, min(first + _HALF, weeks)))
        for first in range(0, weeks, _HALF)
    ]


def days_address(base: str, wanted: LogFilter, zone: str) -> Callable[[date], str]:
    """Return what makes the address of one day of *wanted*: seven hundred times a page, so it is put together once."""
    day = date.min
    address = base + wanted.with_(from_=day, to=day, tz=zone).query()
    head, _, tail = address.partition(f"from={day.isoformat()}&to={day.isoformat()}")
    before, after = str(escape(head)), str(escape(tail))
    return lambda day: f"{before}from={day.isoformat()}&amp;to={day.isoformat()}{after}"


def draw_hours(habits: Habits) -> Markup:
    """Draw the hours of the day, the usual ones in another colour."""
    most = max(habits.hours)
    first, final = habits.usual
    usual = {(first + at) % 24 for at in range((final - first) % 24 or 24)}
    shapes = []
    for hour, number in enumerate(habits.hours):
        height = max(number / most * _TALL, 1.5 if number else 0)
        shapes.append(
            f"<g><title>{hour:02}:00 to {(hour + 1) % 24:02}:00: {figures.entries(number)}</title>"
            f'<rect class="hit" x="{hour * _HOUR}" y="0" width="{_HOUR}" height="{_TALL}"/>'
            f'<rect class="bar{" now" if hour in usual else ""}" x="{hour * _HOUR + 3}" y="{_TALL - height:.1f}"'
            f' width="{_HOUR - 6}" height="{height:.1f}" rx="2"/></g>'
        )
    return Markup("".join(shapes))


def weekdays_told(weekdays: Sequence[int]) -> str:
    """Tell on which days of the week most is done: "Monday to Friday", "Tuesday and Thursday", "Every day"."""
    floor = sum(weekdays) * 0.02
    days = [day for day, number in enumerate(weekdays) if number > floor]
    names = [WEEKDAYS[day] for day in days]
    if len(days) == len(WEEKDAYS):
        return "Every day of the week"
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return f"{names[0]} to {names[-1]}"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _draw_year(calendar: Calendar, address: Callable[[date], str], steps: Sequence[int], weeks: range) -> Year:
    shapes, empty = [], []
    for week in weeks:
        x = (week - weeks[0]) * _STEP
        for weekday in range(7):
            at = week * 7 + weekday
            if at >= len(calendar.counts):
                break
            day, y = calendar.first + at * _DAY, _TOP + weekday * _STEP
            if number := calendar.counts[at].number:
                shade = 1 + sum(number > step for step in steps)
                shapes.append(
                    f'<a href="{address(day)}" tabindex="-1"><rect class="d{shade}" x="{x}" y="{y}" width="{_SIDE}"'
                    f' height="{_SIDE}" rx="2"><title>{WEEKDAYS[weekday]} {spelled(day)}: {figures.entries(number)}'
                    f"</title></rect></a>"
                )
            else:
                empty.append(f"M{x} {y}h{_SIDE}v{_SIDE}h-{_SIDE}z")
    shapes.append(f'<path class="d0" d="{"".join(empty)}"/>')
    names: list[str] = []
    free = weeks[0]
    for week in weeks:
        monday = calendar.first + week * 7 * _DAY
        if monday.day <= 7 and week >= free and weeks[-1] - week >= 1:
            name = MONTHS[monday.month - 1][:3] if monday.month > 1 else str(monday.year)
            free = week + _APART
            names.append(f'<text x="{(week - weeks[0]) * _STEP}" y="10">{name}</text>')
    return Year(len(weeks) * _STEP - _STEP + _SIDE, _TOP + 7 * _STEP, Markup("".join([*names, *shapes])))
