"""
How many events match a search, in all, in each category and between moments.

Most is told by the index alone, without looking at a single event: matches are bits, and bits are counted at once.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection
from werkzeug.utils import cached_property

from auditweb import clock, ids
from auditweb.extensions import db
from auditweb.reading import postings
from auditweb.reading.filters import LogFilter
from auditweb.reading.questions import Sought, read_events, snapshot, sought
from auditweb.reading.walks import Deadline, Segment, Sources

CAP = 10_000  # matches that are counted
COUNTING_TIME = 0.25  # seconds

_CHECKED_AT_ONCE = 400  # events whose texts are read by one statement


class Matches:
    """
    The newest events that match: all those with ids from *since* on.

    There are no others when it is *complete*.
    """

    def __init__(self, low: int, high: int) -> None:
        self.complete = False
        self.since = low
        self._high = high
        self._parts: list[_Part] = []

    def add(self, part: "_Part") -> None:
        self._parts.append(part)

    def count(self, category: str = "", low: int = 0, high: int = ids.LAST_ID + 1) -> int:
        """Return how many are known, of *category* if one is given, with ids from *low* to below *high*."""
        low, high = max(low, self.since), min(high, self._high)
        return sum([part.count(category, low, high) for part in self._parts]) if low < high else 0

    @cached_property
    def ids(self) -> list[int]:
        """The ids of those known, newest first."""
        return self._ids_of("")

    @cached_property
    def categories(self) -> dict[str, list[int]]:
        """The same for each category that has any."""
        names = {name for part in self._parts for name in part.categories}
        return {name: found for name in sorted(names) if (found := self._ids_of(name))}

    def _ids_of(self, category: str) -> list[int]:
        found: list[int] = []
        for part in self._parts:
            known = part.ids_of(category)
            found += known[bisect_left(known, self.since) : bisect_left(known, self._high)]
        return sorted(found, reverse=True)


def find_matches(
    wanted: LogFilter, *, cap: int = CAP, budget: float = COUNTING_TIME, now: datetime | None = None
) -> Matches:
    """
    Return the events *wanted*, whatever its place in the log: all, or at least the newest *cap*.

    Or fewer, if no more were found within *budget* seconds.
    """
    values = wanted.values(now or clock.now())
    with snapshot(db.session.connection()) as connection:
        question = sought(connection, values, wanted.words.terms if wanted.words else ())
        sources = Sources(connection, question, newest_first=True, labelled=True)
        deadline = Deadline(budget)
        matches = Matches(question.low, question.high)
        checker = _Checker(connection, question, deadline, matches)
        missing = cap + 1
        while missing > 0 and sources.frontier is not None:
            if sources.have_moved and deadline.passed():
                break
            sources.advance(missing, checker)
            matches.since = max(question.low, sources.searched_to or 0, checker.checked_to)
            missing = cap + 1 - matches.count()
        matches.complete = sources.frontier is None and not checker.checked_to
        return matches


class _Checker:
    """Takes what the index finds, and looks into the texts where it is in doubt, as far as time allows."""

    def __init__(self, connection: Connection, question: Sought, deadline: Deadline, matches: Matches) -> None:
        self._connection = connection
        self._question = question
        self._deadline = deadline
        self._matches = matches
        self.checked_to = 0  # what lies below was not looked at; nothing does as long as there is time
        self._has_checked = False

    def add_segment(self, segment: Segment, ids: bytes, found: int, doubtful: int, categories: dict[str, int]) -> None:
        if doubtful:
            found &= ~self._refuted(segment, ids, doubtful)
        self._matches.add(_Part(segment.first_id, segment.last_id, ids, found, categories))

    def add_events(self, categories: dict[int, str]) -> None:
        if categories:
            bits: dict[str, int] = {}
            for place, category in enumerate(categories.values()):
                bits[category] = bits.get(category, 0) | 1 << place
            everywhere = postings.all_places(len(categories))
            part = _Part(min(categories), max(categories), postings.spell_ids(categories), everywhere, bits)
            self._matches.add(part)

    def _refuted(self, segment: Segment, spelled_ids: bytes, doubtful: int) -> int:
        """Return the places of those events that do not match after all."""
        if self._has_checked and self._deadline.passed():
            self.checked_to = max(self.checked_to, segment.last_id + 1)
            return 0
        event_ids = postings.read_ids(spelled_ids)
        pairs = sorted([(event_ids[place], place) for place in postings.listed(doubtful)], reverse=True)
        refuted = 0
        for start in range(0, len(pairs), _CHECKED_AT_ONCE):
            part = pairs[start : start + _CHECKED_AT_ONCE]
            events = read_events(self._connection, self._question.org_id, [event_id for event_id, _ in part])
            for event_id, place in part:
                if event_id not in events or not self._question.holds(events[event_id]):
                    refuted |= 1 << place
            self._has_checked = True
            if start + len(part) < len(pairs) and self._deadline.passed():
                self.checked_to = max(self.checked_to, part[-1][0])
                break
        return refuted


@dataclass(slots=True)
class _Part:
    """Some of the matches: bits of a segment, with the bits of each category in it."""

    first_id: int
    last_id: int
    spelled_ids: bytes
    found: int
    categories: dict[str, int]
    _listed: dict[str, list[int]] = field(default_factory=dict)

    def count(self, category: str, low: int, high: int) -> int:
        if high <= self.first_id or self.last_id < low:
            return 0
        if low <= self.first_id and self.last_id < high:
            return self._places(category).bit_count()
        known = self.ids_of(category)
        return bisect_left(known, high) - bisect_left(known, low)

    def ids_of(self, category: str) -> list[int]:
        """Return the ids, the oldest first."""
        if category not in self._listed:
            self._listed[category] = sorted(postings.pick(self.spelled_ids, self._places(category)))
        return self._listed[category]

    def _places(self, category: str) -> int:
        return self.found & self.categories.get(category, 0) if category else self.found
