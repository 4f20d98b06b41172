"""Far more within an hour than somebody ever does at that hour of the week; a deletion counts as three."""

from bisect import insort
from math import sqrt
from typing import Any

from auditweb import ids
from auditweb.insights import thresholds as t
from auditweb.insights.detectors import rhythm
from auditweb.insights.detectors.desk import Desk, counted
from auditweb.insights.detectors.hours import PASSIVE, weight_of
from auditweb.insights.entries import DAY, HOUR, Entry
from auditweb.insights.found import Found
from auditweb.insights.memory import ORGANISATION
from auditweb.reading.flags import Flag

_WINDOW = int(t.WINDOW.total_seconds() * 1000)
_CALM = int(t.CALM.total_seconds() * 1000)
_MOST = 400  # entries of the last hour that are remembered
_CONSISTENT = 1.4826  # what makes a MAD a standard deviation, where the distribution is normal


class Bursts:
    """Goes by the rhythm that `Hours` keeps, which must hear an entry first."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def hear(self, entry: Entry) -> None:
        if not entry.is_members or entry.action in PASSIVE:
            return
        kept = self._desk.of(entry.actor, "burst")
        recent: list[list[Any]] = kept.setdefault("recent", [])
        if recent and entry.ms <= recent[-1][0] - _WINDOW:
            return  # recorded late: it is part of no hour that is under way
        weight = weight_of(entry)
        insort(recent, [entry.ms, weight, entry.id])
        while recent[0][0] <= recent[-1][0] - _WINDOW or len(recent) > _MOST:
            del recent[0]
        if len(recent) * t.DELETION < t.LEAST_IN_BURST:
            return
        amount = sum(each[1] for each in recent)
        if amount < t.LEAST_IN_BURST:
            return
        under_way = kept.get("now")
        if under_way is not None and 0 <= entry.ms - under_way["last"] < _CALM:
            self._goes_on(entry, under_way, weight, amount)
        elif (usual := self._usual(entry, amount)) is not None:
            now = kept["now"] = {
                "first": recent[0][2],
                "evidence": [each[2] for each in recent],
                "n": len(recent),
                "deleted": sum(each[1] > 1 for each in recent),
                "most": amount,
                "last": entry.ms,
                "usual": usual,
            }
            self._report(entry, now)

    def _goes_on(self, entry: Entry, now: dict[str, Any], weight: float, amount: float) -> None:
        now["n"] += 1
        now["deleted"] += weight > 1
        now["last"], now["most"] = entry.ms, max(now["most"], amount)
        if len(now["evidence"]) < t.EVIDENCE:
            now["evidence"].append(entry.id)
        self._report(entry, now)

    def _usual(self, entry: Entry, amount: float) -> list[float] | None:
        """Return what is usual (the median of such hours, and the busiest one), or None if this is."""
        known = self._desk.of(entry.actor, "rhythm")
        hour = entry.ms // HOUR
        if rhythm.active_days(known) < t.KNOWN_DAYS:
            most = max(self._desk.of(ORGANISATION, "busiest").values(), default=0.0)
            return [0.0, most] if most and amount > t.BUSIER * max(most, t.LEAST_IN_BURST) else None
        weeks = min(rhythm.weeks_known(known, hour), t.REMEMBERED_DAYS // 7)
        hours = [
            rhythm.amount(known, hour - rhythm.WEEK * week + by) for week in range(1, weeks + 1) for by in (-1, 0, 1)
        ]
        centre, spread = rhythm.centre_and_spread([_steadied(each) for each in hours])
        busiest = rhythm.busiest(known, hour - 1)
        unusual = (_steadied(amount) - (centre or _steadied(0))) / max(1.0, _CONSISTENT * spread) >= t.MODIFIED_Z
        if unusual and amount > t.BUSIER * busiest:
            return [max(0.0, (centre / 2) ** 2 - 3 / 8), busiest]
        return None

    def _report(self, entry: Entry, now: dict[str, Any]) -> None:
        first = now["first"]
        began = first >> ids.SEQUENCE_BITS
        minutes = max(1, round((entry.ms - began) / 60_000))
        deleted, others = now["deleted"], now["n"] - now["deleted"]
        parts = [counted(deleted, "deletion")] if deleted else []
        parts += (
            [counted(others, "entry", "entries") if not deleted else f"{others:,} other" + "s" * (others != 1)]
            if others
            else []
        )
        usual, busiest = now["usual"]
        told = (
            f"Usually about {usual:.0f} in such an hour of the week, and {busiest:.0f} in the busiest hour of the last "
        )
        told += f"{t.REMEMBERED_DAYS} days; now {now['most']:.0f} within an hour"
        told += f", where a deletion counts as {t.DELETION:.0f}." if deleted else "."
        within = counted(minutes, "minute") if minutes < 120 else counted(minutes / 60, "hour")
        self._desk.report(
            Found(
                Flag.BURST,
                entry.actor,
                entry.actor_name,
                first,
                ids.moment_of(first),
                f"{entry.actor_name} did far more than usual on {self._desk.day(began)} from "
                f"{self._desk.clock(began)} {self._desk.whose_time}: {' and '.join(parts)} within {within}.",
                told,
                tuple(now["evidence"]),
                "deletions" if deleted > others else "",
            )
        )


class Busiest:
    """Keeps the busiest hours of the organisation's members, for those who have no past of their own yet."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def hear(self, entry: Entry) -> None:
        if not entry.is_members or entry.action in PASSIVE:
            return
        recent = self._desk.of(entry.actor, "burst").get("recent", ())
        if len(recent) < 5 or recent[-1][2] != entry.id:
            return
        amount, day = sum(each[1] for each in recent), str(entry.ms // DAY)
        days = self._desk.of(ORGANISATION, "busiest")
        if amount > days.get(day, 0.0):
            days[day] = amount
            if len(days) > t.REMEMBERED_DAYS:
                oldest = entry.ms // DAY - t.REMEMBERED_DAYS
                for each in [each for each in days if int(each) < oldest]:
                    del days[each]


def _steadied(count: float) -> float:
    """Return a count whose spread no longer depends on its size (Anscombe's transform of Poisson counts)."""
    return 2 * sqrt(count + 3 / 8)
