"""
How the entries of two years lie in days, and those of a sample in hours and days of the week, of some zone.

Days are counted exactly, as the log counts them; see `counts`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from auditweb import ids
from auditweb.extensions import db
from auditweb.reading import days
from auditweb.reading.counts import Count, is_ranked
from auditweb.reading.filters import LogFilter
from auditweb.reading.lives import Seen, find_sample
from auditweb.reading.memory import Memory

WEEKS: Final = 105
"""So many weeks are two years, whatever days they begin and end on."""

_DAY = timedelta(days=1)
_MOSTLY = 0.9  # of the entries are in somebody's usual hours
_REMEMBERED = 100


class Gap(NamedTuple):
    """Days in a row without an entry."""

    first: date
    final: date

    @property
    def days(self) -> int:
        return (self.final - self.first).days + 1


@dataclass(frozen=True, slots=True)
class Calendar:
    """Two years of days from a Monday on, and how many entries each has."""

    zone: str
    first: date
    counts: Sequence[Count]

    @property
    def final(self) -> date:
        return self.first + (len(self.counts) - 1) * _DAY

    def number(self, day: date) -> int:
        return self.counts[(day - self.first).days].number

    def gaps(self, first: date, final: date) -> list[Gap]:
        """Return the stretches without an entry between two days, as far as they are in the calendar, in order."""
        first, final = max(first, self.first), min(final, self.final)
        every = [first + at * _DAY for at in range((final - first).days + 1)]
        runs = [list(run) for empty, run in groupby(every, key=lambda day: not self.number(day)) if empty]
        return [Gap(run[0], run[-1]) for run in runs]


@dataclass(frozen=True, slots=True)
class Habits:
    """
    When and from where the entries of a sample came: how many in each hour of the day, on each weekday, from where.

    *usual* are the fewest hours in a row with nine in ten of them, from the first to the one that they end at. An
    address comes with its number and the id of its newest entry, the most frequent first.
    """

    zone: str
    size: int
    oldest: int
    hours: Sequence[int]
    weekdays: Sequence[int]
    addresses: Sequence[tuple[str, int, int]]
    unknown: int

    @property
    def usual(self) -> tuple[int, int]:
        first, length = usual_hours(self.hours)
        return first, (first + length) % 24


def first_day(today: date) -> date:
    """Return the Monday with which two years end in the week of *today*."""
    return today - timedelta(days=today.weekday(), weeks=WEEKS - 1)


@lru_cache(maxsize=32)
def bounds(first: date, final: date, zone: str) -> tuple[int, ...]:
    """Return for each day the smallest id that an entry of it can have, and the one after the last."""
    number = (final - first).days + 1
    starts = [ids.first_id_at(days.start_of(first + at * _DAY, zone)) for at in range(number)]
    return *starts, ids.first_id_at(days.end_of(final, zone))


def find_habits(wanted: LogFilter, zone: str, now: datetime, last_purge: int, total: Count) -> Habits | None:
    """
    Return the habits that the newest of the events *wanted* tell; None if there are none.

    They are a *total*, counted after the *last_purge* of the log was looked up: if they are as many, they are the same
    (`purges`).
    """
    key = (db.engine, wanted, zone, last_purge, total.number)
    habits = _remembered.get(key)
    if habits is None and (sample := find_sample(wanted, now)):
        habits = habits_in(sample, zone)
        if is_ranked(wanted) and total.exact and not wanted.last:
            _remembered.put(key, habits)
    return habits


def habits_in(sample: Sequence[Seen], zone: str) -> Habits:
    """Tell the hours, weekdays and addresses of a *sample* that is newest first and not empty."""
    local = ZoneInfo(zone)
    hours, weekdays = [0] * 24, [0] * 7
    addresses: Counter[str] = Counter()
    newest: dict[str, int] = {}
    for id_, ip in sample:
        moment = ids.moment_of(id_).astimezone(local)
        hours[moment.hour] += 1
        weekdays[moment.weekday()] += 1
        if ip:
            addresses[ip] += 1
            newest.setdefault(ip, id_)
    ranked = sorted(addresses, key=lambda ip: (-addresses[ip], -newest[ip]))
    return Habits(
        zone,
        len(sample),
        sample[-1].id,
        hours,
        weekdays,
        [(ip, addresses[ip], newest[ip]) for ip in ranked],
        len(sample) - addresses.total(),
    )


def usual_hours(hours: Sequence[int]) -> tuple[int, int]:
    """Return the first of the fewest hours in a row, round midnight if need be, that have nine in ten; and how many."""
    needed = _MOSTLY * sum(hours)
    for length in range(1, 25):
        sums = [sum(hours[(first + at) % 24] for at in range(length)) for first in range(24)]
        if max(sums) >= needed:
            return sums.index(max(sums)), length
    raise AssertionError("all hours have all of them")


_remembered = Memory[Habits](_REMEMBERED)
