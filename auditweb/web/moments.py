"""A moment that stands by itself, such as when somebody was last here: in the reader's zone and in our words."""

from datetime import datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from auditweb import clock
from auditweb.accounts.viewers import MemberViewer
from auditweb.reading.days import MONTHS
from auditweb.web.times import Told as Told
from auditweb.web.times import exact, utc

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Moments:
    """Tells moments to one reader during one request."""

    def __init__(self, now: datetime, zone: str, *, absolute: bool) -> None:
        self._now = now
        self._zone = ZoneInfo(zone)
        self._absolute = absolute

    @classmethod
    def of(cls, viewer: MemberViewer) -> Self:
        return cls(clock.now(), viewer.zone, absolute=viewer.absolute_times)

    def local(self, moment: datetime) -> datetime:
        """Return *moment* in the reader's zone."""
        return moment.astimezone(self._zone)

    def since(self, moment: datetime) -> Told:
        """Tell a moment that is over: "4 min ago", "3 h ago", "yesterday", "12 Nov"."""
        local, age = moment.astimezone(self._zone), self._now - moment
        days = (self._now.astimezone(self._zone).date() - local.date()).days
        if self._absolute:
            return self._told(local, f"{self._date(local)}, {local:%H:%M}")
        if age < _MINUTE:
            return self._told(local, "just now")
        if age < _HOUR:
            return self._told(local, f"{age // _MINUTE} min ago")
        if age < _DAY:
            return self._told(local, f"{age // _HOUR} h ago")
        return self._told(local, "yesterday" if days == 1 else self._date(local))

    def until(self, moment: datetime) -> Told:
        """Tell a moment to come: "in 40 min", "in 3 h", "in 6 days"."""
        local, left = moment.astimezone(self._zone), moment - self._now
        if left < _HOUR:
            return self._told(local, f"in {max(left // _MINUTE, 1)} min")
        if left < _DAY:
            return self._told(local, f"in {left // _HOUR} h")
        days = round(left / _DAY)
        return self._told(local, f"in {days} days" if days > 1 else "in a day")

    def day(self, moment: datetime) -> Told:
        """Tell on which day something was: "12 Nov 2026"."""
        local = moment.astimezone(self._zone)
        return self._told(local, f"{local.day} {MONTHS[local.month - 1][:3]} {local.year}")

    def _told(self, local: datetime, brief: str) -> Told:
        return Told(utc(local), exact(local), brief)

    def _date(self, local: datetime) -> str:
        year = "" if local.year == self._now.astimezone(self._zone).year else f" {local.year}"
        return f"{local.day} {MONTHS[local.month - 1][:3]}{year}"
