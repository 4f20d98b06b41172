"""A category that is usually busy, and of which nothing is heard while others go on: its recorder may be broken."""

from typing import Any, Final

from auditweb import ids
from auditweb.insights import thresholds as t
from auditweb.insights.detectors import rhythm
from auditweb.insights.detectors.desk import Desk, counted
from auditweb.insights.entries import HOUR, Entry
from auditweb.insights.found import Found
from auditweb.insights.memory import ORGANISATION
from auditweb.parties import ActorRef
from auditweb.reading.flags import Flag
from auditweb.sentences import Category

_SILENT = int(t.SILENT_FOR.total_seconds() * 1000)
_FARTHEST: Final = 24 * 45  # hours without any entry that are gone through one by one


class Silence:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def hear(self, entry: Entry) -> None:
        known = self._desk.memory.of(f"category:{entry.category}")
        rhythm.add(known, entry.ms // HOUR, 1, self._desk.zone)
        all_ = self._desk.of(ORGANISATION, "silence")
        all_["came"] = all_.get("came", 0) + 1
        categories = all_.setdefault("categories", [])
        if entry.category not in categories:
            categories.append(entry.category)
            categories.sort()
        if entry.ms >= known.get("last", 0):
            known["last"], known["last_id"], known["missing"], known["told"] = entry.ms, entry.id, 0.0, 0
            known["came"], known["due"] = all_["came"], all_.get("due", 0.0)

    def reach(self, ms: int) -> None:
        """Take in that it is *ms*: compare the hours that are over with what is usual in them."""
        all_ = self._desk.of(ORGANISATION, "silence")
        now = ms // HOUR
        hour = all_.get("hour")
        if hour is not None and now <= hour:
            return
        all_["hour"] = now
        if hour is None:
            return
        for each in range(max(hour, now - _FARTHEST), now):
            self._is_over(each, all_)

    def _is_over(self, hour: int, all_: dict[str, Any]) -> None:
        for category in all_.get("categories", ()):
            known = self._desk.memory.of(f"category:{category}")
            if rhythm.weeks_known(known, hour) < t.WEEKS_COMPARED:
                continue
            usual = _usual(known, hour)
            if not usual:
                continue
            all_["due"] = all_.get("due", 0.0) + usual
            if hour * HOUR > known["last"]:
                known["missing"] += usual
                if (
                    known["missing"] >= t.EXPECTED
                    and not known["told"]
                    and (hour + 1) * HOUR - known["last"] >= _SILENT
                ):
                    self._silent(hour, category, known, all_)

    def _silent(self, hour: int, category: str, known: dict[str, Any], all_: dict[str, Any]) -> None:
        elsewhere = all_["due"] - known["due"] - known["missing"]
        if elsewhere <= 0 or all_["came"] - known["came"] < t.OTHERS_GO_ON * elsewhere:
            return
        known["told"] = 1
        desk, last = self._desk, known["last"]
        silent = (hour + 1) * HOUR - last
        label = Category(category).label if category in set(Category) else category
        desk.report(
            Found(
                Flag.GONE_QUIET,
                ActorRef("category", category),
                label,
                known["last_id"],
                ids.moment_of((hour + 1) * HOUR << ids.SEQUENCE_BITS),
                f"Nothing has been recorded under {label} since {desk.clock(last)} {desk.whose_time} on "
                f"{desk.day(last)}, while other entries go on: what records it may be broken.",
                f"In {counted(silent / HOUR, 'hour')} about {counted(known['missing'], 'entry', 'entries')} would have "
                f"come, going by the {t.WEEKS_COMPARED} weeks before.",
                (known["last_id"],),
            )
        )


def _usual(known: rhythm.Rhythm, hour: int) -> float:
    """Return how many entries are usual in an hour: the mean of that hour in the weeks before, the busiest left out."""
    amounts = sorted(rhythm.amount(known, hour - rhythm.WEEK * week) for week in range(1, t.WEEKS_COMPARED + 1))
    return sum(amounts[:-1]) / (len(amounts) - 1)
