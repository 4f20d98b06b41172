"""When somebody is usually at work: how much in each hour of the last months, and at which hours of the week."""

from bisect import bisect_left
from datetime import timedelta
from functools import lru_cache
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from auditweb import ids
from auditweb.insights.thresholds import REMEMBERED_DAYS

WEEK = 168  # hours
_REMEMBERED = REMEMBERED_DAYS * 24
_PRUNED_EVERY = 24

Rhythm = dict[str, Any]
"""
Hours since 2000 ("h", rising) with what was done in each ("n"), how many of them fall on each hour of the week
("slots", of *zone*), and the days with any of them ("days").
"""


def slot_of(hour: int, zone: str) -> int:
    """Return the hour of the week that an hour is in *zone*; 0 is Monday's first."""
    return _slot_of(hour, zone)


def add(rhythm: Rhythm, hour: int, weight: float, zone: str) -> None:
    """Take in that so much was done in an *hour*."""
    hours, amounts = rhythm.setdefault("h", []), rhythm.setdefault("n", [])
    if rhythm.get("zone") != zone:
        rhythm["zone"], rhythm["slots"] = zone, [0] * WEEK
        for each in hours:
            rhythm["slots"][slot_of(each, zone)] += 1
    if hours and hours[-1] == hour:
        amounts[-1] += weight
        return
    place = bisect_left(hours, hour)
    if place < len(hours) and hours[place] == hour:
        amounts[place] += weight
        return
    hours.insert(place, hour)
    amounts.insert(place, weight)
    rhythm["slots"][slot_of(hour, zone)] += 1
    _note_day(rhythm, hour)
    if hours[-1] - hours[0] > _REMEMBERED + _PRUNED_EVERY:
        _forget(rhythm, hours[-1] - _REMEMBERED, zone)


def amount(rhythm: Rhythm, hour: int) -> float:
    """Return how much was done in an *hour*."""
    hours = rhythm.get("h", ())
    place = bisect_left(hours, hour)
    return float(rhythm["n"][place]) if place < len(hours) and hours[place] == hour else 0.0


def busiest(rhythm: Rhythm, before: int) -> float:
    """Return the most that was done in an hour up to *before*."""
    return max(rhythm.get("n", [])[: bisect_left(rhythm.get("h", []), before)], default=0.0)


def active_days(rhythm: Rhythm) -> int:
    return len(rhythm.get("days", ()))


def weeks_known(rhythm: Rhythm, hour: int) -> int:
    hours = rhythm.get("h")
    return (hour - hours[0]) // WEEK if hours else 0


def in_slots(rhythm: Rhythm, slots: range) -> int:
    """Return how many hours fall on these hours of the week, which go round."""
    known = rhythm.get("slots")
    return sum(known[slot % WEEK] for slot in slots) if known else 0


def centre_and_spread(values: list[float]) -> tuple[float, float]:
    """Return the median, and the median of the distances from it (MAD)."""
    if not values:
        return 0.0, 0.0
    centre = median(values)
    return centre, median(abs(value - centre) for value in values)


def _note_day(rhythm: Rhythm, hour: int) -> None:
    noted = rhythm.setdefault("days", [])
    day = hour // 24
    place = bisect_left(noted, day)
    if place == len(noted) or noted[place] != day:
        noted.insert(place, day)


def _forget(rhythm: Rhythm, oldest: int, zone: str) -> None:
    gone = bisect_left(rhythm["h"], oldest)
    for hour in rhythm["h"][:gone]:
        rhythm["slots"][slot_of(hour, zone)] -= 1
    del rhythm["h"][:gone], rhythm["n"][:gone]
    del rhythm["days"][: bisect_left(rhythm["days"], oldest // 24)]


@lru_cache(maxsize=65_536)
def _slot_of(hour: int, zone: str) -> int:
    local = (ids.EPOCH + timedelta(hours=hour)).astimezone(ZoneInfo(zone))
    return local.weekday() * 24 + local.hour
