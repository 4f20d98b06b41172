"""Which bars tell how a question's entries lie in time: hours, days, weeks, months or years of some zone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from auditweb import ids
from auditweb.reading import days
from auditweb.reading.filters import LogFilter

DAYS = 30  # shown of a log that is not narrowed to certain days

_MOST_IN_HOURS = timedelta(days=2)
_MOST_IN_DAYS = timedelta(days=92)
_MOST = 110  # bars of weeks, and of months
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


class Unit(StrEnum):
    """What a bar stands for."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class Bar(NamedTuple):
    """The days from *first* to *final*, or the hour of one that begins at *hour*, a moment in the bars' zone."""

    first: date
    final: date
    hour: datetime | None = None


_Starts = tuple[tuple[Bar, int], ...]  # bars, each with the smallest id that an event in it can have


@dataclass(frozen=True, slots=True)
class Histogram:
    """Bars oldest first. The events of one have ids from its bound up to the next; *current* is the place of now's."""

    unit: Unit
    zone: str
    bars: tuple[Bar, ...]
    bounds: tuple[int, ...]
    current: int | None


def bars_for(wanted: LogFilter, now: datetime, zone: str) -> Histogram:
    """
    Return the bars for the days that *wanted* asks for, in its own zone, or else for the last thirty in *zone*.

    Where only its last day is given, the thirty up to it. The first and the last bar end where the question does.
    """
    zone = wanted.tz or zone
    values = wanted.values(now)
    since, until = values.get("since"), values.get("until", ids.LAST_ID)
    pinned_at = wanted.as_of(now)
    final = wanted.to or pinned_at.astimezone(ZoneInfo(zone)).date()
    if isinstance(since, int):
        start = ids.moment_of(since)
        first = wanted.from_ or start.astimezone(ZoneInfo(zone)).date()
        final = max(first, final)
        asked = pinned_at - start if wanted.last else (final - first + _DAY)
    else:
        since, first, asked = 0, final - (DAYS - 1) * _DAY, DAYS * _DAY
    assert isinstance(until, int)
    unit = Unit.HOUR
    starts: _Starts = ()
    if asked <= _MOST_IN_HOURS:
        end = days.end_of(final, zone) if wanted.to else pinned_at
        starts = _hours(ids.moment_of(since), end, ZoneInfo(zone))
    if not starts:
        unit = Unit.DAY if asked <= _MOST_IN_DAYS else _larger_unit(first, final)
        starts = _starts(unit, first, final, zone)
    return _histogram(unit, zone, starts, max(since, starts[0][1]), until, ids.first_id_at(now))


def _histogram(unit: Unit, zone: str, starts: _Starts, since: int, until: int, now: int) -> Histogram:
    """Put bars and bounds together, without the days that a zone left out and what ids cannot tell."""
    bars: list[Bar] = []
    bounds: list[int] = []
    for bar, bound in reversed([(starts[0][0], since), *starts[1:]]):
        if bound < (bounds[-1] if bounds else until):
            bars.append(bar)
            bounds.append(bound)
    bars, bounds = bars[::-1], [*bounds[::-1], until]
    current = next((at for at in range(len(bars)) if bounds[at] <= now < bounds[at + 1]), None)
    return Histogram(unit, zone, tuple(bars), tuple(bounds), current)


def _larger_unit(first: date, final: date) -> Unit:
    if (final - _monday(first)).days // 7 < _MOST:
        return Unit.WEEK
    return Unit.MONTH if (final.year - first.year) * 12 + final.month - first.month < _MOST else Unit.YEAR


@lru_cache(maxsize=256)
def _starts(unit: Unit, first: date, final: date, zone: str) -> _Starts:
    return tuple((bar, ids.first_id_at(days.start_of(bar.first, zone))) for bar in _spans(unit, first, final))


def _spans(unit: Unit, first: date, final: date) -> Iterator[Bar]:
    """Return the days, weeks, months or years from *first* to *final*, those at the ends perhaps not whole."""
    while first <= final:
        last = min(_last_of(unit, first), final)
        yield Bar(first, last)
        first = last + _DAY


def _last_of(unit: Unit, day: date) -> date:
    """Return the last day of the week, the month or the year that *day* is in."""
    if unit is Unit.WEEK:
        return _monday(day) + 6 * _DAY
    if unit is Unit.MONTH:
        return date(day.year + day.month // 12, day.month % 12 + 1, 1) - _DAY
    return date(day.year, 12, 31) if unit is Unit.YEAR else day


def _monday(day: date) -> date:
    return day - day.weekday() * _DAY


def _hours(start: datetime, end: datetime, zone: ZoneInfo) -> _Starts:
    """Return the hours that clocks in *zone* show from *start* to *end*; one is shorter where they change within it."""
    starts = []
    while start < end:
        local = start.astimezone(zone)
        starts.append((Bar(local.date(), local.date(), local), ids.first_id_at(start)))
        into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        start += _HOUR - into
    return tuple(starts)
