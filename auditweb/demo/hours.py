"""When people work: their days and hours in their own zone, so that the demo's entries stand at believable times."""

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

WEEKDAYS = frozenset(range(5))
MONDAY_TO_SATURDAY = frozenset(range(6))

_CLOSED = {
    "Asia/Tokyo": frozenset({(1, 1), (1, 2), (1, 3), (5, 3), (5, 4), (5, 5), (12, 31)}),
    "Europe/London": frozenset({(1, 1), (12, 25), (12, 26)}),
}
# Shares of a working day, hour for hour: slow to start, busiest mid-morning, quiet over lunch, tailing off.
_RHYTHM = (0.7, 1.2, 1.3, 1.2, 0.6, 0.9, 1.2, 1.1, 0.8, 0.4)


@dataclass(frozen=True, slots=True)
class Hours:
    """Someone's working hours on *days* (0 is Monday), local to *zone*; *always*: on holidays, too."""

    zone: str
    opens: time
    closes: time
    days: frozenset[int] = WEEKDAYS
    always: bool = False

    def includes(self, moment: datetime) -> bool:
        """Tell if *moment* falls into working hours."""
        local = moment.astimezone(_zone(self.zone))
        return self.works_on(local.date()) and self.opens <= local.time() < self.closes

    def works_on(self, day: date) -> bool:
        is_open = self.always or (day.month, day.day) not in _CLOSED.get(self.zone, ())
        return day.weekday() in self.days and is_open

    def local_day(self, moment: datetime) -> date:
        return moment.astimezone(_zone(self.zone)).date()

    def working_day(self, moment: datetime, step: int) -> date:
        """Return the day of *moment* or the next (*step* 1, or with -1 the last) day on which they work."""
        day = self.local_day(moment)
        while not self.works_on(day):
            day += timedelta(days=step)
        return day

    def soon(self, rng: random.Random, after: datetime, *, minutes: tuple[float, float] = (2, 25)) -> datetime:
        """Return a moment a few *minutes* after *after*, or early on the next working day when that is too late."""
        moment = after + timedelta(seconds=rng.uniform(minutes[0] * 60, minutes[1] * 60))
        if self.includes(moment):
            return moment
        opening = self._opening_after(moment)
        return opening + timedelta(seconds=rng.uniform(120, 5400))

    def later(self, rng: random.Random, after: datetime, *, days: tuple[float, float]) -> datetime:
        """Return a moment of a working day some *days* after *after*, at an hour that people keep."""
        moment = after + timedelta(days=rng.uniform(*days))
        day = self.local_day(moment)
        while True:
            if self.works_on(day):
                chosen = self.sometime(rng, day)
                if chosen > after:
                    return chosen
            day += timedelta(days=1)

    def sometime(self, rng: random.Random, day: date) -> datetime:
        """Return a moment of *day* within working hours, mid-morning rather than lunch."""
        opening = self.at(day, self.opens)
        length = (self.at(day, self.closes) - opening).total_seconds()
        slot = rng.choices(range(len(_RHYTHM)), _RHYTHM)[0]
        return opening + timedelta(seconds=length * (slot + rng.random()) / len(_RHYTHM))

    def at(self, day: date, clock_time: time) -> datetime:
        """Return the moment of *clock_time* on *day* where they are, in UTC."""
        return datetime.combine(day, clock_time, _zone(self.zone)).astimezone(UTC)

    def _opening_after(self, moment: datetime) -> datetime:
        day = self.local_day(moment)
        while True:
            if self.works_on(day):
                opening = self.at(day, self.opens)
                if opening > moment:
                    return opening
            day += timedelta(days=1)


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
