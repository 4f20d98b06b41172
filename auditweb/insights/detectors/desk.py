"""What detectors work with: the memory they share, words for their sentences, and where to report."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heappush
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from auditweb import ids
from auditweb.insights.entries import DAY, Entry
from auditweb.insights.found import Found
from auditweb.insights.memory import ORGANISATION, Memory
from auditweb.places import Spot
from auditweb.reading import days

SpotOf = Callable[[str | None], Spot | None]

_MOST_WAITING = 2_000  # of what is waited for at a time


@dataclass(slots=True)
class Desk:
    """
    *zone* is whose days and hours count. *spot_of* tells the place of an address, where the operator has a file.

    *report* takes what was found; the same again, with more evidence, takes its place.
    """

    memory: Memory
    zone: str
    spot_of: SpotOf
    report: Callable[[Found], None]

    def of(self, subject: object, name: str) -> dict[str, Any]:
        """Return what the detector called *name* remembers of a subject."""
        found: dict[str, Any] = self.memory.part(str(subject), name)
        return found

    def known_days(self, subject: object, ms: int) -> int:
        """Return for how many days an actor has been around."""
        return int((ms - self.memory.of(str(subject)).get("since", ms)) // DAY)

    def wait(self, due: int, name: str, subject: object) -> None:
        """Have the detector called *name* told of *subject* once the moment *due* is past."""
        waiting = self.of(ORGANISATION, "deadlines").setdefault("waiting", [])
        if len(waiting) < _MOST_WAITING:
            heappush(waiting, [due, name, str(subject)])

    def local(self, ms: int) -> datetime:
        return (ids.EPOCH + timedelta(milliseconds=ms)).astimezone(ZoneInfo(self.zone))

    def clock(self, ms: int) -> str:
        """Tell a time of day, on the organisation's clocks."""
        return f"{self.local(ms):%H:%M}"

    @property
    def whose_time(self) -> str:
        """Tell whose clocks that are: readers may have others."""
        place = days.place(self.zone)
        return place if place == "UTC" else f"{place} time"

    def day(self, ms: int) -> str:
        """Tell a day, with its weekday."""
        local = self.local(ms)
        return f"{local:%A} {days.spelled(local.date())}"


class Detector(Protocol):
    """Hears entries in the order of the log."""

    def hear(self, entry: Entry) -> None:
        """Take in one entry, and report what it shows."""


def counted(number: float, word: str, words: str = "") -> str:
    """Spell a number with its word: no entries, 1 entry, 1,412 entries."""
    whole = round(number)
    if whole == 1:
        return f"1 {word}"
    return f"{f'{whole:,}' if whole else 'no'} {words or word + ('es' if word.endswith(('s', 'x')) else 's')}"


def often(times: int) -> str:
    """Tell how often: once, twice, 3 times."""
    return {1: "once", 2: "twice"}.get(times, f"{times:,} times")


def earlier(days: int) -> str:
    """Tell how long before: 5 days earlier, or less than one."""
    return f"{counted(days, 'day') if days else 'less than a day'} earlier"


def known_for(days: int) -> str:
    """Tell how long somebody has been here."""
    return f"in {counted(days, 'day')} here" if days else "on the first day here"


def keep_newest(seen: dict[str, int], oldest: int, most: int = 40) -> None:
    """
    Forget in *seen*, days by what was seen, what is older than *oldest*, once there are more than *most*.

    If these are all of late, those seen longest ago go: whoever writes to a log cannot make what is remembered grow.
    """
    if len(seen) <= most:
        return
    newest = sorted(seen.items(), key=lambda each: (-each[1], each[0]))[: most * 3 // 4]
    kept = {key: day for key, day in newest if day >= oldest}
    seen.clear()
    seen.update(kept)
