"""Exports and shares that are larger than ever before, here or by this person."""

from typing import Any

from auditweb.insights import thresholds as t
from auditweb.insights.detectors.desk import Desk, counted
from auditweb.insights.entries import Entry
from auditweb.insights.found import Found
from auditweb.insights.memory import ORGANISATION
from auditweb.parties import ActorRef, ActorType
from auditweb.reading.flags import Flag

_SIZED = {
    "export.completed": ("records", "an export of {scope}", "exports of data"),
    "audit_log.exported": ("entries", "an export of the audit log", "exports of the log"),
    "audit_log.shared": ("entries", "a part of the audit log", "shares of the log"),
}
_WAITING = 50  # exports that were asked for and are not finished


def called(action: str) -> str:
    """Return what is like what entries of an *action* tell of, in words: exports of data."""
    return _SIZED[action][2]


class Exports:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def hear(self, entry: Entry) -> None:
        if entry.outcome != "success":
            return
        if entry.action == "export.requested" and entry.is_members:
            asked = self._desk.of(ORGANISATION, "exports").setdefault("asked", [])
            asked.append([_what(entry), entry.actor_id, entry.actor_name, entry.id])
            del asked[:-_WAITING]
        elif entry.action in _SIZED:
            fact, _, _ = _SIZED[entry.action]
            size = _number(entry.fact(fact))
            if size:
                self._sized(entry, size)

    def _sized(self, entry: Entry, size: int) -> None:
        who, name = entry.actor, entry.actor_name
        evidence: tuple[int, ...] = (entry.id,)
        ours = self._desk.of(ORGANISATION, "exports")
        if entry.action == "export.completed":
            asked = ours.get("asked", [])
            mine = next((each for each in reversed(asked) if each[0] == _what(entry)), None)
            if mine is not None:
                asked.remove(mine)
                who, name, evidence = ActorRef(ActorType.MEMBER, mine[1]), mine[2], (mine[3], entry.id)
        all_, own = ours.setdefault(entry.action, {}), self._desk.of(who, "exports").setdefault(entry.action, {})
        if reason := self._reason(entry, who, size, all_, own):
            self._report(entry, who, name, evidence, size, reason, all_, own)
        for kept in (all_, own):
            kept["n"], kept["most"] = kept.get("n", 0) + 1, max(size, kept.get("most", 0))

    def _reason(self, entry: Entry, who: ActorRef, size: int, all_: dict[str, Any], own: dict[str, Any]) -> str:
        if size < t.LARGE:
            return ""
        if _is_larger(size, all_):
            return "larger than any before"
        if _is_larger(size, own):
            return "larger than any of theirs before"
        new = who.type == ActorType.MEMBER and self._desk.known_days(who, entry.ms) >= t.NEVER_EXPORTED_DAYS
        return "and had never had one before" if new and not own.get("n") else ""

    def _report(
        self,
        entry: Entry,
        who: ActorRef,
        name: str,
        evidence: tuple[int, ...],
        size: int,
        reason: str,
        all_: dict[str, Any],
        own: dict[str, Any],
    ) -> None:
        unit, what, kind = _SIZED[entry.action]
        verb = "shared" if entry.action == "audit_log.shared" else "took"
        told = f"There had been no {kind} before."
        if number := all_.get("n", 0):
            which = f"largest of {number:,} {kind} before" if number > 1 else f"only one of the {kind} before"
            told = f"The {which} had {all_['most']:,} {unit}; "
            told += f"of {own['n']:,} by {name}, {own['most']:,}." if own.get("n") else f"{name} had none."
        sized = counted(size, "entry", "entries") if unit == "entries" else counted(size, "record")
        comma = "," if reason[0] == "l" else ""
        self._desk.report(
            Found(
                Flag.LARGE_EXPORT,
                who,
                name,
                evidence[0],
                entry.at,
                f"{name} {verb} {what.format(scope=entry.fact('scope') or 'data')} with {sized}{comma} {reason}.",
                told,
                evidence,
                entry.action,
            )
        )


def _is_larger(size: int, before: dict[str, Any]) -> bool:
    return any(before.get("n", 0) >= number and size > times * before["most"] for number, times in t.LARGER)


def _what(entry: Entry) -> str:
    return f"{entry.fact('scope')}\n{entry.fact('format')}"


def _number(told: str) -> int:
    digits = told.replace(",", "").replace(".", "").replace(" ", "").removesuffix("+")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 16 else 0
