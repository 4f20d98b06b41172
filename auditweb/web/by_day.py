"""How the entries of a question lie in two years of days, for the pages about people and things."""

from datetime import date, datetime, timedelta
from typing import NamedTuple

from werkzeug.utils import cached_property

from auditweb import ids
from auditweb.reading import activity, days
from auditweb.reading.activity import Calendar, Gap
from auditweb.reading.counts import count_between
from auditweb.reading.filters import LogFilter
from auditweb.reading.pages import Row
from auditweb.web import figures
from auditweb.web.activity import Year, days_address, draw_days

MOST_GAPS = 3
LONG = 3  # days in a row without an entry, from which on they are worth a line

_WEEKEND = 5
_DAY = timedelta(days=1)


class Silence(NamedTuple):
    """Days in a row without an entry."""

    span: str
    length: str
    href: str


class ByDay:
    """
    The days of *wanted* in *zone*, up to now or, where the *newest* entry is older than two years, up to that.

    Entries could be made from the *oldest* on and, if that is given, *until* a moment.
    """

    def __init__(
        self,
        base: str,
        wanted: LogFilter,
        zone: str,
        now: datetime,
        oldest: Row,
        newest: Row,
        until: datetime | None = None,
    ) -> None:
        self._base = base
        self._wanted = wanted
        self._zone = zone
        self._now = now
        self._began = days.day_of(ids.moment_of(oldest.id), zone)
        self._ended = days.day_of(until or now, zone)
        today, last = days.day_of(now, zone), days.day_of(ids.moment_of(newest.id), zone)
        first = activity.first_day(today)
        self._first, self._final = (first, today) if last >= first else (activity.first_day(last), last)

    @cached_property
    def calendar(self) -> Calendar | None:
        """The days; None where what there is could not be counted by day."""
        between = count_between(self._wanted, activity.bounds(self._first, self._final, self._zone), self._now)
        return Calendar(self._zone, self._first, between) if all(each.exact for each in between) else None

    @property
    def years(self) -> list[Year]:
        assert self.calendar is not None
        return draw_days(self.calendar, days_address(self._base, self._wanted, self._zone))

    @property
    def span(self) -> str:
        return days.span(self._first, self._final)

    @property
    def spoken(self) -> str:
        """Say what the days show to those who do not see them."""
        assert self.calendar is not None
        counts = self.calendar.counts
        busy = [at for at, each in enumerate(counts) if each.number]
        told = f"{figures.entries(sum(each.number for each in counts))} on {_days(len(busy))}."
        if busy:
            busiest = max(busy, key=lambda at: counts[at].number)
            day = days.spelled(self._first + busiest * _DAY)
            told += f" Busiest day: {day} with {figures.entries(counts[busiest].number)}."
        return told

    @cached_property
    def silence(self) -> tuple[str, list[Silence]] | None:
        """Say on how many days there is no entry, and return the longest times without; None to tell none."""
        first, final = max(self._began, self._first), min(self._ended, self._final)
        if self.calendar is None or first > final:
            return None
        gaps = self.calendar.gaps(first, final)
        empty, every = sum(gap.days for gap in gaps), (final - first).days + 1
        if not empty:
            return None if every == 1 else (f"No day without an entry, {days.span(first, final)}.", [])
        told = f"No entry on {empty:,} of {_days(every)}, {days.span(first, final)}."
        at_work = sum(map(_weekdays, gaps))
        told += f" {at_work:,} of those {'is' if at_work == 1 else 'are'} between Monday and Friday."
        longest = sorted((gap for gap in gaps if gap.days >= LONG), key=lambda gap: (-gap.days, gap.first))
        return told, [self._silence(gap) for gap in longest[:MOST_GAPS]]

    def _silence(self, gap: Gap) -> Silence:
        wanted = self._wanted.with_(from_=gap.first, to=gap.final, tz=self._zone)
        return Silence(days.span(gap.first, gap.final), _days(gap.days), self._base + wanted.query())


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number:,} days"


def _weekdays(gap: Gap) -> int:
    return sum(_day(gap, at).weekday() < _WEEKEND for at in range(gap.days))


def _day(gap: Gap, at: int) -> date:
    return gap.first + at * _DAY
