"""
Walking through a log by its search index, from the newest event to older ones or the other way.

What is sealed is asked of the index, segment after segment; what is not yet, is read and compared. Segments overlap
where entries were back-dated, so that a match is certain to be the next one when it lies before all that is unread.
"""

import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

from sqlalchemy import BigInteger, Connection, Select, Table, bindparam, select

from auditweb import ids
from auditweb.catalogue import Category
from auditweb.models import Event, SealQueue
from auditweb.reading import postings
from auditweb.reading.flagged import find_flagged
from auditweb.reading.questions import Sought, execute, for_each_engine, known_places, read_events

_GROUPS = (4, 16, 64, 256)  # segments that are asked at once, more each time
_CHUNKS = (64, 256, 1024)  # unsealed events that are read at once
_FLAGGED_CHUNKS = (64, 256, 400)  # flagged ones: of many more PostgreSQL rather reads the table
_MOST_LOOKUPS = 16 * 1024  # words times segments in one statement
_CATEGORIES = {postings.category_word(category): category.value for category in Category}

_event, _queue = cast(Table, Event.__table__).c, cast(Table, SealQueue.__table__).c


class Segment(NamedTuple):
    """What the list of segments tells of one."""

    number: int
    first_id: int
    last_id: int
    size: int


class Hits(Protocol):
    """What collects the events that walks come across."""

    def add_segment(self, segment: Segment, ids: bytes, found: int, doubtful: int, categories: dict[str, int]) -> None:
        """Take the events at the places *found*; of those *doubtful* the texts decide. *categories* if asked for."""

    def add_events(self, categories: dict[int, str]) -> None:
        """Take these events, each with its category, by their ids."""


class Deadline:
    """A moment when time is up."""

    def __init__(self, seconds: float) -> None:
        self._end = monotonic() + seconds

    def passed(self) -> bool:
        return monotonic() >= self._end


def monotonic() -> float:
    """Return the time on a clock that only this module's time limits go by."""
    return time.monotonic()


class Walk:
    """
    The matches of a question in order. It ends before the end when time is up; `searched_to` tells where.

    Matches are told by keys, which rise in the order of the walk: their ids, or these negative. Of those *doubtful* the
    texts decide.
    """

    def __init__(self, connection: Connection, question: Sought, deadline: Deadline, *, newest_first: bool) -> None:
        self._question = question
        self._newest_first = newest_first
        self._deadline = deadline
        self._keys: list[int] = []
        self.doubtful: set[int] = set()
        self._sources = Sources(connection, question, newest_first=newest_first)
        self.searched_to: int | None = None

    def take(self, number: int) -> list[int]:
        """Return the next *number* matches, or fewer at the end and when time is up."""
        keys, sources = self._keys, self._sources
        while True:
            frontier = sources.frontier
            ready = len(keys) if frontier is None else bisect_left(keys, frontier)
            if ready >= number or frontier is None:
                break
            if sources.have_moved and self._deadline.passed():
                self.searched_to = sources.searched_to
                break
            sources.advance(number - ready, self)
            keys.sort()
        taken = keys[: min(ready, number)]
        del keys[: len(taken)]
        return taken

    def stops_after(self, key: int) -> bool:
        """Tell whether time is up while there may be more; *key*, the last one looked at, is how far it went then."""
        if not self._deadline.passed() or (self._sources.frontier is None and not self._keys):
            return False
        self.searched_to = abs(key)
        return True

    def add_segment(self, segment: Segment, ids: bytes, found: int, doubtful: int, _categories: dict[str, int]) -> None:
        self._keys += self._keys_of(segment, ids, found)
        if doubtful:
            self.doubtful.update(self._keys_of(segment, ids, doubtful))

    def add_events(self, categories: dict[int, str]) -> None:
        self._keys += [-event_id for event_id in categories] if self._newest_first else categories

    def _keys_of(self, segment: Segment, ids: bytes, places: int) -> list[int]:
        low, high = self._question.low, self._question.high
        picked = postings.pick(ids, places)
        if segment.first_id < low or segment.last_id >= high:
            picked = [event_id for event_id in picked if low <= event_id < high]
        return [-event_id for event_id in picked] if self._newest_first else picked


class Sources:
    """What is sealed and what is not, gone through at the same pace."""

    def __init__(self, connection: Connection, question: Sought, *, newest_first: bool, labelled: bool = False) -> None:
        self._newest_first = newest_first
        self._sources: list[_Source] = []
        if question.flag:
            self._sources.append(_Flagged(connection, question, newest_first))
        elif question.revision is None:  # or nothing waits
            self._sources.append(_Unsealed(connection, question, newest_first))
        if not question.mending and not question.flag:
            self._sources.append(_Sealed(connection, question, newest_first, labelled))
        self._start = self.frontier

    @property
    def frontier(self) -> int | None:
        """The key from which on not all is known, or None if all is."""
        return min((each.frontier for each in self._sources if each.frontier is not None), default=None)

    @property
    def have_moved(self) -> bool:
        return self.frontier != self._start

    @property
    def searched_to(self) -> int | None:
        """The id up to which, itself included, all is known; None if all is."""
        frontier = self.frontier
        if frontier is None:
            return None
        return 1 - frontier if self._newest_first else frontier - 1

    def advance(self, number: int, hits: Hits) -> None:
        """Go on where least is known, to about *number* more matches."""
        behind = min((each for each in self._sources if each.frontier is not None), key=_frontier_of)
        behind.advance(number, hits)


class _Source(Protocol):
    frontier: int | None  # the least key that hits not returned yet can have; None if there are none

    def advance(self, number: int, hits: Hits) -> None:
        """Go on to where about *number* more hits are known, and add to *hits* what was found on the way."""


class _Sealed:
    """What the index knows of."""

    def __init__(self, connection: Connection, question: Sought, newest_first: bool, labelled: bool) -> None:
        self._connection = connection
        self._question = question
        self._newest_first = newest_first
        self._labelled = labelled
        self._words = question.looked_up()
        self._groups = iter(_GROUPS)
        self._group = 0
        self._few = (
            self._listed(_FEW_SEGMENTS, {"segments": list(question.only)}) if question.only is not None else None
        )
        self._next: list[Segment] = []  # listed, not asked yet
        self._asked: list[tuple[Segment, int, int]] = []  # and what was found in them, not returned yet
        self.frontier: int | None = None if question.low >= question.high else _first_key(question, newest_first)

    def advance(self, number: int, hits: Hits) -> None:
        if not self._asked:
            self._ask()
        taken = 0
        while taken < len(self._asked) and number > 0:
            number -= self._asked[taken][1].bit_count()
            taken += 1
        self._add([each for each in self._asked[:taken] if each[1]], hits)
        self._asked = self._asked[taken:]
        unread = [each[0] for each in self._asked[:1]] or self._next[:1]
        start = _first_key(self._question, self._newest_first)
        self.frontier = max(start, self._key(unread[0])) if unread else None

    def _ask(self) -> None:
        """Ask the index about the next group of segments."""
        self._group = next(self._groups, self._group)
        size = max(1, min(self._group, _MOST_LOOKUPS // max(1, len(self._words))))
        if self._few is not None:
            group, self._next, self._few = self._few[:size], self._few[size : size + 1], self._few[size:]
        else:
            passed = self._key(self._next[0]) if self._next else -ids.LAST_ID if self._newest_first else 0
            listed = self._listed(
                _NEWEST_SEGMENTS if self._newest_first else _OLDEST_SEGMENTS,
                {"low": self._question.low, "last": self._question.high - 1, "limit": size + 1, "passed": abs(passed)},
            )
            group, self._next = listed[:size], listed[size:]
        numbers = [segment.number for segment in group]
        known = known_places(self._connection, self._question.org_id, self._words, numbers)
        for (number, word), place in self._question.single.items():
            known.setdefault(number, {})[word] = place
        for segment in group:
            found, doubtful = self._question.places(known[segment.number], segment.size)
            self._asked.append((segment, found, doubtful))

    def _add(self, segments: Sequence[tuple[Segment, int, int]], hits: Hits) -> None:
        numbers = [segment.number for segment, _, _ in segments]
        if not numbers:
            return
        org_id = self._question.org_id
        spelled = dict(execute(self._connection, _IDS, {"org_id": org_id, "segments": numbers}))
        categories = known_places(self._connection, org_id, list(_CATEGORIES), numbers) if self._labelled else {}
        for segment, found, doubtful in segments:
            of_categories = {_CATEGORIES[word]: places for word, places in categories.get(segment.number, {}).items()}
            ids = spelled[segment.number]
            there = ~postings.nobodys_places(ids)
            hits.add_segment(segment, ids, found & there, doubtful & there, of_categories)

    def _listed(self, statement: Mapping[str, Any], given: dict[str, Any]) -> list[Segment]:
        bounds = {"org_id": self._question.org_id}
        listed = [Segment(*row) for row in execute(self._connection, statement, bounds | given)]
        low, high = self._question.low, self._question.high
        return sorted([each for each in listed if each.last_id >= low and each.first_id < high], key=self._key)

    def _key(self, segment: Segment) -> int:
        return -segment.last_id if self._newest_first else segment.first_id


class _Unsealed:
    """What no sealer has taken yet, usually nothing or little, read event by event; all there is, during a repair."""

    def __init__(self, connection: Connection, question: Sought, newest_first: bool) -> None:
        self._connection = connection
        self._question = question
        self._newest_first = newest_first
        self._wanted = [(name, value) for name, value in question.values.items() if name in _COMPARED]
        self._chunks = iter(_CHUNKS)
        self._chunk = 0
        self.frontier: int | None = None if question.low >= question.high else _first_key(question, newest_first)

    def advance(self, number: int, hits: Hits) -> None:
        assert self.frontier is not None
        self._chunk = next(self._chunks, self._chunk)
        question, sign = self._question, -1 if self._newest_first else 1
        low, last = (question.low, -self.frontier) if self._newest_first else (self.frontier, question.high - 1)
        statement = _UNSEALED[question.mending, self._newest_first]
        given = {"org_id": question.org_id, "low": low, "last": last, "limit": self._chunk}
        events = self._connection.execute(statement, given).all()
        self.frontier = sign * events[-1].id + 1 if len(events) == self._chunk else None
        hits.add_events({event.id: event.category for event in events if self._matches(event)})

    def _matches(self, event: Any) -> bool:
        return all(getattr(event, _COMPARED[name]) == value for name, value in self._wanted) and (
            self._question.holds(event)
        )


class _Flagged(_Unsealed):
    """
    What is flagged, read entry by entry: the index does not know of it.

    There is no more of it than the review finds, whatever the size of the log.
    """

    def __init__(self, connection: Connection, question: Sought, newest_first: bool) -> None:
        super().__init__(connection, question, newest_first)
        self._chunks = iter(_FLAGGED_CHUNKS)
        self._ids: list[int] | None = None

    def advance(self, number: int, hits: Hits) -> None:
        if self._ids is None:
            self._ids = self._listed()
        self._chunk = next(self._chunks, self._chunk)
        taken, self._ids = self._ids[: self._chunk], self._ids[self._chunk :]
        events = read_events(self._connection, self._question.org_id, taken, texts=bool(self._question.terms))
        sign = -1 if self._newest_first else 1
        self.frontier = sign * taken[-1] + 1 if self._ids else None
        hits.add_events({id_: event.category for id_, event in events.items() if self._matches(event)})

    def _listed(self) -> list[int]:
        question = self._question
        bounds = question.low, question.high - 1
        found = find_flagged(self._connection, question.org_id, question.flag, *bounds)
        return sorted(set(found), reverse=self._newest_first)


def _frontier_of(source: _Source) -> int:
    assert source.frontier is not None
    return source.frontier


def _first_key(question: Sought, newest_first: bool) -> int:
    return 1 - question.high if newest_first else question.low


def _unsealed(*, mending: bool, newest_first: bool) -> Select[Any]:
    entry = select(*[_event[name] for name in postings.ENTRY_COLUMNS])
    source, event_id = (_event, _event.id) if mending else (_queue, _queue.event_id)
    if not mending:
        entry = entry.join_from(SealQueue, Event, (_event.org_id == _queue.org_id) & (_event.id == _queue.event_id))
    return (
        entry.where(source.org_id == bindparam("org_id"))
        .where(event_id >= bindparam("low", type_=BigInteger))
        .where(event_id <= bindparam("last", type_=BigInteger))
        .order_by(event_id.desc() if newest_first else event_id)
        .limit(bindparam("limit", type_=BigInteger))
    )


_UNSEALED = {
    (mending, newest_first): _unsealed(mending=mending, newest_first=newest_first)
    for mending in (False, True)
    for newest_first in (False, True)
}
_LISTED = "SELECT number, first_id, last_id, size FROM segment WHERE org_id = :org_id"
_FEW_SEGMENTS = for_each_engine(f"{_LISTED} AND number {{segments}}")
_NEWEST_SEGMENTS = for_each_engine(
    f"{_LISTED} AND last_id >= :low AND first_id <= :last AND last_id <= :passed ORDER BY last_id DESC LIMIT :limit"
)
_OLDEST_SEGMENTS = for_each_engine(
    f"{_LISTED} AND last_id >= :low AND first_id <= :last AND first_id >= :passed ORDER BY first_id LIMIT :limit"
)
_IDS = for_each_engine("SELECT number, ids FROM segment WHERE org_id = :org_id AND number {segments}")
_COMPARED = {
    name: name for name in ("category", "actor_type", "actor_id", "target_type", "target_id", "action", "outcome")
} | {"mishap": "outcome"}
