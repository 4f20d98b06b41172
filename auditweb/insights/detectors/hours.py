"""Activity at hours at which somebody is never at work."""

from typing import Any

from auditweb import ids
from auditweb.insights import thresholds as t
from auditweb.insights.detectors import rhythm
from auditweb.insights.detectors.desk import Desk, counted
from auditweb.insights.detectors.guessing import REFUSED
from auditweb.insights.entries import HOUR, Entry
from auditweb.insights.found import Found
from auditweb.parties import ActorRef
from auditweb.reading.flags import Flag

PASSIVE = frozenset({"sign_out.completed", "session.expired"}) | REFUSED
"""What tells of nobody at a desk."""

_REST = int(t.REST.total_seconds() * 1000)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Hours:
    """
    Keeps everybody's rhythm, and reports when it is broken.

    What is done at an odd hour teaches nothing before the occasion is over, so that it does not excuse itself.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def hear(self, entry: Entry) -> None:
        if not entry.is_members or entry.action in PASSIVE:
            return
        known = self._desk.of(entry.actor, "rhythm")
        hour = entry.ms // HOUR
        occasion = known.get("odd")
        if occasion is not None and not 0 <= entry.ms - occasion["last"] < _REST:
            self._end(known)
            occasion = None
        if known.get("h") and known["h"][-1] == hour and occasion is None:
            rhythm.add(known, hour, weight_of(entry), self._desk.zone)
            return
        if why := self._why_odd(known, hour):
            if occasion is None:
                occasion = known["odd"] = {"first": entry.id, "why": why, "evidence": [], "n": 0, "learn": []}
            occasion["last"] = entry.ms
            self._goes_on(entry, known, occasion, hour)
            return
        if occasion is not None:
            self._end(known)
        rhythm.add(known, hour, weight_of(entry), self._desk.zone)

    def _why_odd(self, known: rhythm.Rhythm, hour: int) -> str:
        """Tell which hours these are at which this person is never at work; nothing if they may be."""
        weeks, active = rhythm.weeks_known(known, hour), rhythm.active_days(known)
        if active < t.ACTIVE_DAYS or weeks < t.WEEKS_KNOWN:
            return ""
        slot = rhythm.slot_of(hour, self._desk.zone)
        weekday, time = divmod(slot, 24)
        around = range(slot - t.AROUND, slot + t.AROUND + 1)
        if not any(rhythm.in_slots(known, range(first.start, first.stop)) for first in _each_day(around)):
            return f"between {(time - t.AROUND) % 24:02}:00 and {(time + t.AROUND + 1) % 24:02}:00"
        if active < t.ACTIVE_DAYS_FOR_WEEKDAY or weeks < t.WEEKS_FOR_WEEKDAY:
            return ""
        if not rhythm.in_slots(known, range(weekday * 24, weekday * 24 + 24)) and not rhythm.in_slots(known, around):
            return f"on a {_WEEKDAYS[weekday]}"
        return ""

    def _goes_on(self, entry: Entry, known: rhythm.Rhythm, occasion: dict[str, Any], hour: int) -> None:
        learn = occasion["learn"]
        if learn and learn[-1][0] == hour:
            learn[-1][1] += weight_of(entry)
        else:
            learn.append([hour, weight_of(entry)])
        occasion["n"] += 1
        if len(occasion["evidence"]) < t.EVIDENCE:
            occasion["evidence"].append(entry.id)
        self._report(entry.actor, entry.actor_name, known, occasion)

    def _report(self, who: ActorRef, name: str, known: rhythm.Rhythm, occasion: dict[str, Any]) -> None:
        first, desk = occasion["first"], self._desk
        began = first >> ids.SEQUENCE_BITS
        from_, to = desk.clock(began), desk.clock(occasion["last"])
        span = f"{f'at {from_}' if from_ == to else f'from {from_} to {to}'} {desk.whose_time}"
        told = f"In {counted(rhythm.active_days(known), 'day')} of work in the last {t.REMEMBERED_DAYS} days, nothing "
        told += f"{occasion['why']}."
        desk.report(
            Found(
                Flag.ODD_HOURS,
                who,
                name,
                first,
                ids.moment_of(first),
                f"{name} was at work {span} on {desk.day(began)} ({counted(occasion['n'], 'entry', 'entries')}), and "
                f"never is {occasion['why']}.",
                told,
                tuple(occasion["evidence"]),
                occasion["why"],
            )
        )

    def _end(self, known: rhythm.Rhythm) -> None:
        """Let what was done at an odd hour be part of the past."""
        for hour, weight in known.pop("odd")["learn"]:
            rhythm.add(known, hour, weight, self._desk.zone)


def weight_of(entry: Entry) -> float:
    return t.DELETION if entry.action.endswith(".deleted") else 1.0


def _each_day(slots: range) -> list[range]:
    return [range(slots.start + 24 * day, slots.stop + 24 * day) for day in range(7)]
