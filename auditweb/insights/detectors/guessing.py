"""Many refused sign-ins, then one that worked."""

from auditweb.insights import thresholds as t
from auditweb.insights.detectors.desk import Desk, counted
from auditweb.insights.detectors.places import SIGN_INS
from auditweb.insights.entries import DAY, Entry
from auditweb.insights.found import Found
from auditweb.parties import ActorRef, ActorType
from auditweb.reading.flags import Flag

REFUSED = frozenset({"sign_in.refused", "sign_in.blocked"})
_WITHIN = int(t.REFUSALS_WITHIN.total_seconds() * 1000)


class Guessing:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def hear(self, entry: Entry) -> None:
        if entry.action in REFUSED:
            whose = entry.target_member or (entry.actor_id if entry.is_members else "")
            if not whose:
                return
            kept = self._desk.of(ActorRef(ActorType.MEMBER, whose), "guessing")
            refused = [each for each in kept.get("refused", []) if each[0] > entry.ms - _WITHIN]
            kept["refused"] = [*refused, [entry.ms, entry.id, entry.action == "sign_in.refused"]][-t.EVIDENCE :]
        elif entry.action in SIGN_INS and entry.is_members and entry.outcome == "success":
            self._worked(entry)

    def _worked(self, entry: Entry) -> None:
        kept = self._desk.of(entry.actor, "guessing")
        heard = [each for each in kept.pop("refused", []) if each[0] > entry.ms - _WITHIN]
        times = sum(each[2] for each in heard)
        if not times:
            return
        today = entry.ms // DAY
        runs = [run for run in kept.get("runs", []) if run[0] >= today - t.REMEMBERED_DAYS][-t.EVIDENCE :]
        most = max((number for _, number in runs), default=0)
        kept["runs"] = [*runs, [today, times]]
        if times < t.REFUSALS:
            return
        told = f"Before that, {counted(most, 'refusal')} in a row at most in {t.REMEMBERED_DAYS} days."
        if not most:
            told = f"Before that, none in {t.REMEMBERED_DAYS} days."
        self._desk.report(
            Found(
                Flag.GUESSED_PASSWORD,
                entry.actor,
                entry.actor_name,
                entry.id,
                entry.at,
                f"{entry.actor_name} signed in at {self._desk.clock(entry.ms)} {self._desk.whose_time} after {times} "
                "refused attempts within an hour: somebody may have guessed.",
                told,
                (*(id_ for _, id_, _ in heard), entry.id),
            )
        )
