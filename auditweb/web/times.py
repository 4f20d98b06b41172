"""Times as a reader sees them: in their zone, in our words."""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from auditweb.ids import moment_of
from auditweb.reading.days import MONTHS, WEEKDAYS

LATE = timedelta(hours=1)

_MONTHS = tuple(month[:3] for month in MONTHS)
_DAY = timedelta(days=1)
_MINUTES_A_DAY = 24 * 60


class Told(NamedTuple):
    """A moment for machines, in full, and in brief."""

    machine: str
    full: str
    brief: str


class Clock:
    """Tells times to one reader during one request."""

    def __init__(self, now: datetime, zone: str, *, absolute: bool) -> None:
        self.now = now
        self.zone = ZoneInfo(zone)
        self.today = now.astimezone(self.zone).date()
        self._absolute = absolute
        self._days: dict[date, str] = {}

    def local(self, event_id: int) -> datetime:
        """Return when an event occurred, in the reader's zone; its id tells to the millisecond."""
        return moment_of(event_id).astimezone(self.zone)

    def tell(self, event_id: int) -> tuple[date, str, str, str]:
        """Return the day on which an event occurred, and its time for machines, in full, and in brief."""
        moment = moment_of(event_id)
        local = moment.astimezone(self.zone)
        day = local.date()
        if (told := self._days.get(day)) is None:
            told = self._days[day] = f"{WEEKDAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]} {day.year}"
        clock = f"{local.hour:02}:{local.minute:02}:{local.second:02}"
        full = f"{told} at {clock} {zone_of(local)}"
        return day, f"{moment.isoformat()[:19]}Z", full, self._brief(self.now - moment, clock)

    def alone(self, moment: datetime) -> str:
        """Tell *moment* where no day stands above it: "4 min ago", "22 Nov 20:18"."""
        age = self.now - moment
        return self.place(moment.astimezone(self.zone)) if self._absolute or age >= _DAY else self._brief(age, "")

    def told(self, moment: datetime) -> Told:
        """Tell *moment* as `alone` does, with what a machine and a closer look want to know."""
        local = moment.astimezone(self.zone)
        return Told(utc(local), exact(local), self.alone(moment))

    def _brief(self, age: timedelta, clock: str) -> str:
        """Tell how long ago something was, "4 min ago", or what clocks showed: its day stands above it."""
        if self._absolute or age >= _DAY:
            return clock[:5]
        minutes = max(age.days * _MINUTES_A_DAY + age.seconds // 60, 0)
        if minutes < 1:
            return "just now"
        return f"{minutes} min ago" if minutes < 60 else f"{minutes // 60} h ago"

    def heading(self, day: date) -> tuple[str, str]:
        """Return what to call *day* ("Today", "Yesterday" or nothing) and the day itself, "Friday 20 November"."""
        name = "Today" if day == self.today else "Yesterday" if day == self.today - _DAY else ""
        year = "" if day.year == self.today.year else f" {day.year}"
        return name, f"{WEEKDAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]}{year}"

    def place(self, moment: datetime) -> str:
        """Tell *moment* for a title: "22 Nov 20:18", with the year when it is not this one."""
        year = "" if moment.year == self.today.year else f" {moment.year}"
        return f"{moment.day} {_MONTHS[moment.month - 1]}{year} {moment.hour:02}:{moment.minute:02}"


def is_late(event_id: int, recorded_at: datetime) -> bool:
    """Tell whether an event was recorded so long after it occurred that a reader should know."""
    return recorded_at - moment_of(event_id) > LATE


def exact(moment: datetime) -> str:
    """Tell a local *moment* to the second: "23 Nov 2026, 10:19:07 GMT"."""
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}, {moment:%H:%M:%S} {zone_of(moment)}"


def utc(moment: datetime) -> str:
    """Write *moment* for machines: 2026-11-23T10:38:07Z."""
    return f"{moment.astimezone(UTC).isoformat()[:19]}Z"


def zone_of(moment: datetime) -> str:
    """Name the zone as people there do (GMT, JST), or tell its distance where they have no name for it."""
    name = moment.tzname() or ""
    return name if name.isalpha() else f"UTC{moment.isoformat()[-6:]}"
