"""Second factors that were reset, turned off, or gone round with a recovery code."""

from typing import Any

from auditweb import ids
from auditweb.insights import thresholds as t
from auditweb.insights.detectors.desk import Desk, counted, earlier, known_for, often
from auditweb.insights.entries import DAY, Entry
from auditweb.insights.found import Found
from auditweb.insights.memory import ORGANISATION
from auditweb.parties import ActorRef, ActorType
from auditweb.reading.flags import Flag

_ENROLS = frozenset({"two_factor.enrolled", "passkey.added"})
_LEAVES = frozenset({"member.removed", "member.left"})
_HIGH = {"owner": "an owner", "admin": "an admin"}
NAME = "second_factors"


class SecondFactors:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def hear(self, entry: Entry) -> None:
        if entry.action == "two_factor.reset" and entry.target_member:
            self._reset(entry)
        elif entry.action in _ENROLS and entry.is_members:
            self._desk.of(entry.actor, NAME).pop("reset", None)
        elif entry.action in _LEAVES:
            whose = entry.target_member or entry.actor_id
            self._desk.of(ActorRef(ActorType.MEMBER, whose), NAME).pop("reset", None)
        elif entry.action == "two_factor.removed" and entry.is_members:
            self._once(
                entry,
                Flag.TWO_FACTOR_OFF,
                f"{entry.actor_name} turned off their two-factor authentication: from then on a password is enough.",
                "time that it was turned off",
            )
        elif entry.action == "recovery_codes.used" and entry.is_members:
            self._once(
                entry,
                Flag.RECOVERY_CODE,
                f"{entry.actor_name} signed in with a recovery code instead of their second factor: whoever finds the "
                "list of codes can do that, too.",
                "recovery code that was used",
            )

    def overdue(self, subject: str, due: int) -> None:
        """Take in that the time to set up a second factor again is over."""
        kept = self._desk.of(subject, NAME)
        reset = kept.get("reset")
        if reset is not None and reset["due"] == due:
            del kept["reset"]
            reset["reasons"].append("it had not been set up again a day later")
            self._report(subject, reset)

    def _reset(self, entry: Entry) -> None:
        mine, ours = self._desk.of(entry.actor, NAME), self._desk.of(ORGANISATION, NAME)
        subject = ActorRef(ActorType.MEMBER, entry.target_member)
        role = self._desk.memory.of(str(subject)).get("role", "")
        reasons = []
        known = self._desk.known_days(entry.actor, entry.ms)
        if entry.is_members and not mine.get("resets") and known >= t.NEVER_RESET_DAYS:
            reasons.append(f"{entry.actor_name} had never reset anyone’s before")
        if role in _HIGH:
            reasons.append(f"{entry.target_name or 'this member'} is {_HIGH[role]}")
        due = entry.ms + int(t.ENROLS_WITHIN.total_seconds() * 1000)
        reset = {
            "due": due,
            "id": entry.id,
            "by": [*entry.actor, entry.actor_name],
            "of": entry.target_name or "a member",
            "mine": mine.get("resets", 0),
            "ours": ours.get("resets", 0),
            "known": known,
            "reasons": reasons,
        }
        mine["resets"], ours["resets"] = mine.get("resets", 0) + 1, ours.get("resets", 0) + 1
        self._desk.of(subject, NAME)["reset"] = reset
        self._desk.wait(due, NAME, subject)
        if reasons:
            self._report(str(subject), reset)

    def _report(self, subject: str, reset: dict[str, Any]) -> None:
        from_, id_, name = reset["by"]
        reasons = "; ".join(reset["reasons"])
        told = f"Before this one, {counted(reset['mine'], 'reset')} by {name} {known_for(reset['known'])}, "
        told += f"and {reset['ours'] or 'none'} in the whole organisation."
        self._desk.report(
            Found(
                Flag.TWO_FACTOR_RESET,
                ActorRef(from_, id_),
                name,
                reset["id"],
                ids.moment_of(reset["id"]),
                f"{name} reset two-factor authentication for {reset['of']}: {reasons}.",
                told,
                (reset["id"],),
                subject,
            )
        )

    def _once(self, entry: Entry, kind: Flag, sentence: str, what: str) -> None:
        mine, ours = self._desk.of(entry.actor, NAME), self._desk.of(ORGANISATION, NAME)
        day, known = entry.ms // DAY, self._desk.known_days(entry.actor, entry.ms)
        times, last = mine.get(kind, [0, day])
        told = f"The first {what} by {entry.actor_name} {known_for(known)}"
        if times:
            told = f"Before this, {often(times)} by {entry.actor_name}, last {earlier(day - last)}"
        told += f"; {often(ours[kind])} before in the whole organisation." if kind in ours else ", and by anyone."
        mine[kind], ours[kind] = [times + 1, day], ours.get(kind, 0) + 1
        self._desk.report(Found(kind, entry.actor, entry.actor_name, entry.id, entry.at, sentence, told, (entry.id,)))
