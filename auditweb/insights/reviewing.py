"""The security review of one log: hears its entries in their order, and tells what a person should look at."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from heapq import heappop
from typing import Any

from auditweb import ids
from auditweb.insights import thresholds as t
from auditweb.insights.detectors import second_factors
from auditweb.insights.detectors.bursts import Bursts, Busiest
from auditweb.insights.detectors.desk import Desk, Detector, SpotOf
from auditweb.insights.detectors.exports import Exports
from auditweb.insights.detectors.guessing import Guessing
from auditweb.insights.detectors.hours import Hours
from auditweb.insights.detectors.keys import Keys
from auditweb.insights.detectors.places import Places
from auditweb.insights.detectors.roles import Roles
from auditweb.insights.detectors.second_factors import SecondFactors
from auditweb.insights.detectors.silence import Silence
from auditweb.insights.entries import Entry
from auditweb.insights.found import Found
from auditweb.insights.memory import ORGANISATION, Memory

_GRACE = t.GRACE // timedelta(milliseconds=1)


class Reviewer:
    """
    Finds the same in the same entries, however they are cut into batches and however often it begins in between.

    What it knows is in *memory*; time is what entries say it is, and what `reach` says when none come.
    """

    def __init__(self, memory: Memory, zone: str, spot_of: SpotOf = lambda _: None) -> None:
        self._memory = memory
        self._found: dict[str, Found] = {}
        desk = Desk(memory, zone, spot_of, self._report)
        self._desk = desk
        self._second_factors, self._silence = SecondFactors(desk), Silence(desk)
        # Bursts are measured by the rhythm that hours keep, and what is the busiest hour comes after.
        self._detectors: Sequence[Detector] = (
            Places(desk), self._second_factors, Guessing(desk), Keys(desk), Roles(desk), Exports(desk),
            Hours(desk), Bursts(desk), Busiest(desk), self._silence,
        )  # fmt: skip

    def hear_all(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.hear(entry)

    def hear(self, entry: Entry) -> None:
        """Take in the next entry."""
        ms = entry.ms
        self._go_on(ms)
        self._memory.of(f"{entry.actor_type}:{entry.actor_id}").setdefault("since", ms)
        for detector in self._detectors:
            detector.hear(entry)

    def reach(self, now: datetime) -> None:
        """Take in that it is *now*, and that no entry came: what was waited for may be overdue."""
        self._go_on(ids.milliseconds(min(max(now, ids.EPOCH), ids.LAST_MOMENT)))

    @property
    def has_found(self) -> bool:
        return bool(self._found)

    def take_found(self) -> list[Found]:
        """Return what was found since this was last asked, each in its latest wording."""
        found, self._found = list(self._found.values()), {}
        return found

    def _report(self, found: Found) -> None:
        self._found[found.key] = found

    def _go_on(self, ms: int) -> None:
        """Let time pass up to *ms*, less what entries may be late."""
        deadlines: dict[str, Any] = self._memory.part(ORGANISATION, "deadlines")
        past = ms - _GRACE
        if past <= deadlines.get("past", -1):
            return
        waiting = deadlines.get("waiting", [])
        while waiting and waiting[0][0] <= past:
            due, name, subject = heappop(waiting)
            assert name == second_factors.NAME
            self._second_factors.overdue(subject, due)
        self._silence.reach(past)
        deadlines["past"] = past
