"""
The search index: in which places of which segments each word occurs.

Events are indexed in the order in which they are sealed, SEGMENT_SIZE to a segment. The last segment is open until it
is full, and what is kept about it is written anew with every batch.
"""

import json
import struct
from array import array
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, NamedTuple, cast

from sqlalchemy import BigInteger, Connection, Table, bindparam, select, text

from auditweb import rows
from auditweb.models import Event, Posting, Segment
from auditweb.reading import postings
from auditweb.reading.postings import ENTRY_COLUMNS, Entry
from auditweb.reading.questions import execute

Progress = Callable[[int], object]  # told how many more events are done

_event = cast(Table, Event.__table__).c
_segment, _posting = cast(Table, Segment.__table__).c, cast(Table, Posting.__table__).c
COLUMNS = tuple(_event[name] for name in ENTRY_COLUMNS)
"""What `prepare` needs of an event, in this order."""


class SegmentRow(NamedTuple):
    """A segment as it is written."""

    number: int
    first_id: int
    last_id: int
    size: int
    ids: bytes


@dataclass(slots=True)
class Plan:
    """What is to be written to index some events: segments, and a word's places in a segment, by word."""

    org_id: int
    segments: list[SegmentRow] = field(default_factory=list)
    postings: list[tuple[str, int, bytes]] = field(default_factory=list)


def prepare(connection: Connection, org_id: int, events: Sequence[Entry]) -> Plan:
    """
    Work out what is to be written to index *events*, given in the order of sealing, and write nothing.

    The plan is good as long as nobody else indexes events of this organisation.
    """
    plan = Plan(org_id)
    last = _last_segment(connection, org_id)
    if last is not None and last.size < postings.SEGMENT_SIZE:
        taken = postings.SEGMENT_SIZE - last.size
        if events:
            _fill(connection, plan, last, events[:taken])
    else:
        taken = 0
        last = last or SegmentRow(-1, 0, 0, 0, b"")
    for number, start in enumerate(range(taken, len(events), postings.SEGMENT_SIZE), last.number + 1):
        _fill(connection, plan, SegmentRow(number, 0, 0, 0, b""), events[start : start + postings.SEGMENT_SIZE])
    plan.postings.sort()  # neighbours in the table are then written together
    return plan


def write(connection: Connection, plan: Plan) -> None:
    """Write what `prepare` worked out."""
    # Past SQLAlchemy's statements: a row costs the driver a tenth of what it costs them.
    if connection.dialect.name == "sqlite":
        for statement, given in ((_WRITE_SEGMENT_ON_SQLITE, plan.segments), (_WRITE_ON_SQLITE, plan.postings)):
            if given:
                connection.exec_driver_sql(statement, [(plan.org_id, *row) for row in given])
    else:
        for statement, given in ((_WRITE_SEGMENTS_ON_POSTGRESQL, plan.segments), (_WRITE_ON_POSTGRESQL, plan.postings)):
            if given:
                connection.exec_driver_sql(statement, (plan.org_id, *map(list, zip(*given, strict=True))))


@dataclass(slots=True)
class Removal:
    """What is to be done where events go: segments and postings to write anew, and the keys of those to delete."""

    left: Plan
    segments: list[tuple[int]] = field(default_factory=list)
    postings: list[tuple[str, int]] = field(default_factory=list)

    def write(self, connection: Connection) -> None:
        write(connection, self.left)
        rows.remove(connection, cast(Table, Segment.__table__), self.left.org_id, self.segments)
        rows.remove(connection, cast(Table, Posting.__table__), self.left.org_id, self.postings)


def prepare_removal(connection: Connection, org_id: int, events: Iterable[Entry], up_to_id: int) -> Removal:
    """
    Work out what is to be done to take sealed *events* out of the index, and write nothing.

    A segment that will have gone as a whole when all up to *up_to_id* has keeps the words of what is gone till then,
    and notes them: taking them out each time would write most of its words anew for every few of its events.
    """
    removal = Removal(Plan(org_id))
    going = {event[0]: event for event in events}
    if going:
        span = {"org_id": org_id, "first": min(going), "last": max(going)}
        for row in connection.execute(_SEGMENTS_AROUND, span):
            _take_out(connection, removal, SegmentRow(*row), going, up_to_id)
    removal.left.postings.sort()
    removal.postings.sort()
    return removal


def prepare_tidying(connection: Connection, org_id: int) -> Removal | None:
    """Work out how to take words out of a segment that are only of events that are gone; None if there are none."""
    row = connection.execute(_UNTIDY, {"org_id": org_id}).first()
    if row is None:
        return None
    segment, removal = SegmentRow(*row), Removal(Plan(org_id))
    _take_words_out(connection, removal, segment, _words_gone(connection, org_id, segment.number))
    removal.postings.append((postings.GONE, segment.number))
    return removal


def check(connection: Connection, org_id: int, progress: Progress = lambda _: None) -> list[str]:
    """Say where the index and what is sealed disagree, a sentence for each place; nothing is well."""
    found: list[str] = []
    kept: dict[int, int] = dict(connection.execute(_POSTINGS_PER_SEGMENT, {"org_id": org_id}).all())
    indexed = array("q")
    number = -1
    while segment := connection.execute(_NEXT_SEGMENT, {"org_id": org_id, "after": number}).first():
        number = segment.number
        words_kept = kept.pop(segment.number, 0)
        try:
            ids = postings.read_ids(segment.ids)
            found += _disagreements(connection, org_id, segment, ids, words_kept)
        except (ValueError, struct.error):
            found.append(f"Segment {segment.number} of the search index cannot be read.")
            ids = ()
        there = [event_id for event_id in ids if event_id != postings.NOBODY]
        indexed.extend(there)
        progress(len(there))
    with connection.execute(_SEALED, {"org_id": org_id}) as sealed:
        differs = any(one != other for one, other in zip_longest(sorted(indexed), sealed.scalars()))
    if differs:
        found.append("The search index does not hold each sealed entry once.")
    found += [f"The search index knows words of segment {number}, which there is not." for number in sorted(kept)]
    return found


def _last_segment(connection: Connection, org_id: int) -> SegmentRow | None:
    row = connection.execute(_LAST_SEGMENT, {"org_id": org_id}).first()
    return SegmentRow(*row) if row else None


def _fill(connection: Connection, plan: Plan, segment: SegmentRow, events: Sequence[Entry]) -> None:
    """Add to *plan* that *events* follow in *segment*, which has room for them."""
    ids = [event[0] for event in events]
    plan.segments.append(
        SegmentRow(
            segment.number,
            min(ids) if not segment.size else min(segment.first_id, *ids),
            max(ids) if not segment.size else max(segment.last_id, *ids),
            segment.size + len(ids),
            postings.spell_ids(ids, segment.ids),
        )
    )
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, event in enumerate(events, segment.size):
        for word in postings.words_in(event):
            places[word].append(place)
    known = _known_places(connection, plan.org_id, segment.number, list(places)) if segment.size else {}
    number, spell = segment.number, postings.spell_places
    plan.postings += [(word, number, spell(of_word, known.get(word, b""))) for word, of_word in places.items()]


def _take_out(
    connection: Connection, removal: Removal, segment: SegmentRow, going: Mapping[int, Entry], up_to_id: int
) -> None:
    """Add to *removal* what becomes of *segment* without the events *going*. Places stay as they are."""
    ids = list(postings.read_ids(segment.ids))
    places = [place for place, event_id in enumerate(ids) if event_id in going]
    if not places:
        return
    words = set().union(*[postings.words_in(going[ids[place]]) for place in places])
    gone = _words_gone(connection, removal.left.org_id, segment.number)
    for place in places:
        ids[place] = postings.NOBODY
    there = [event_id for event_id in ids if event_id != postings.NOBODY]
    if not there:
        removal.segments.append((segment.number,))
        removal.postings += [(word, segment.number) for word in {*words, *gone, postings.GONE}]
        return
    left = segment._replace(first_id=min(there), last_id=max(there), ids=postings.spell_ids(ids))
    removal.left.segments.append(left)
    if segment.last_id <= up_to_id:
        noted = json.dumps(sorted({*words, *gone})).encode()
        removal.left.postings.append((postings.GONE, segment.number, noted))
        return
    _take_words_out(connection, removal, left, {*words, *gone})
    if gone:
        removal.postings.append((postings.GONE, segment.number))


def _take_words_out(connection: Connection, removal: Removal, segment: SegmentRow, words: Collection[str]) -> None:
    """Add to *removal* what becomes of these words in *segment*, as its ids are now."""
    nobodys = postings.nobodys_places(segment.ids)
    for word, known in _known_places(connection, removal.left.org_id, segment.number, list(words)).items():
        if spelled := postings.without_places(known, nobodys):
            removal.left.postings.append((word, segment.number, spelled))
        else:
            removal.postings.append((word, segment.number))


def _words_gone(connection: Connection, org_id: int, number: int) -> set[str]:
    """Return the words that are noted in a segment because events that had them are gone."""
    noted = _known_places(connection, org_id, number, [postings.GONE])
    return set(json.loads(noted[postings.GONE])) if noted else set()


def _known_places(connection: Connection, org_id: int, number: int, words: list[str]) -> dict[str, bytes]:
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql(_KNOWN_ON_SQLITE, (org_id, json.dumps(words), number))
    else:
        found = connection.exec_driver_sql(_KNOWN_ON_POSTGRESQL, (words, org_id, number))
    return dict(found.all())


def _disagreements(connection: Connection, org_id: int, segment: Any, ids: Sequence[int], words_kept: int) -> list[str]:
    """Compare one segment with the events that it says it holds."""
    there = [event_id for event_id in ids if event_id != postings.NOBODY]
    if len(ids) != segment.size or (segment.first_id, segment.last_id) != (min(there), max(there)):
        return [f"Segment {segment.number} of the search index is wrong about the span of its entries."]
    events = {row.id: row for row in execute(connection, _EVENTS, {"org_id": org_id, "ids": there})}
    expected: defaultdict[str, list[int]] = defaultdict(list)
    for place, event_id in enumerate(ids):
        for word in postings.words_in(cast(Entry, tuple(events[event_id]))) if event_id in events else ():
            expected[word].append(place)
    gone, nobodys = _words_gone(connection, org_id, segment.number), postings.nobodys_places(segment.ids)
    words = expected.keys() | gone
    known = _known_places(connection, org_id, segment.number, list(words))
    known |= {word: postings.without_places(known[word], nobodys) for word in gone if word in known}
    wrong = sum(known.get(word) != postings.spell_places(expected.get(word, ())) for word in words)
    number = len(words) + bool(gone)
    if wrong or words_kept != number:
        differ = wrong or abs(words_kept - number)
        return [f"Segment {segment.number} of the search index is wrong about {differ:,} of its words."]
    return []


_EVENTS_OF = select(*COLUMNS).where(_event.org_id == bindparam("org_id"))
_EVENTS = {
    "sqlite": _EVENTS_OF.where(text("event.id IN (SELECT value FROM json_each(:ids))")),
    # Not a list of thousands of parameters: where no index is chosen, each event would be compared with each of them.
    "postgresql": _EVENTS_OF.where(text("event.id IN (SELECT unnest(CAST(:ids AS BIGINT[])))")),
}
_SEALED = text("""
    SELECT e.id FROM event e WHERE e.org_id = :org_id AND NOT EXISTS (
        SELECT 1 FROM seal_queue q WHERE q.org_id = e.org_id AND q.event_id = e.id
    ) ORDER BY e.id
""").execution_options(yield_per=5_000)
_SEGMENTS = select(*[_segment[name] for name in SegmentRow._fields]).where(_segment.org_id == bindparam("org_id"))
_LAST_SEGMENT = _SEGMENTS.order_by(_segment.number.desc()).limit(1)
_SEGMENTS_AROUND = _SEGMENTS.where(
    _segment.first_id <= bindparam("last", type_=BigInteger), _segment.last_id >= bindparam("first", type_=BigInteger)
)
_UNTIDY = _SEGMENTS.join_from(
    Segment, Posting, (_posting.org_id == _segment.org_id) & (_posting.segment == _segment.number)
)
_UNTIDY = _UNTIDY.where(_posting.word == postings.GONE).order_by(_segment.number).limit(1)
_NEXT_SEGMENT = (
    _SEGMENTS.where(_segment.number > bindparam("after", type_=BigInteger)).order_by(_segment.number).limit(1)
)
_POSTINGS_PER_SEGMENT = text("SELECT segment, count(*) FROM posting WHERE org_id = :org_id GROUP BY segment")

_KNOWN_ON_SQLITE = """
SELECT word, places FROM posting WHERE org_id = ? AND word IN (SELECT value FROM json_each(?)) AND segment = ?
"""
# One look-up a word: asked with = ANY, a table of which nothing is known yet was read in full for each batch.
_KNOWN_ON_POSTGRESQL = """
SELECT asked.word, found.places FROM unnest(%s::text[]) AS asked (word)
CROSS JOIN LATERAL (SELECT places FROM posting WHERE org_id = %s AND word = asked.word AND segment = %s LIMIT 1) found
"""
_WRITE_SEGMENT_ON_SQLITE = """
INSERT INTO segment (org_id, number, first_id, last_id, size, ids) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (org_id, number) DO UPDATE SET
    first_id = excluded.first_id, last_id = excluded.last_id, size = excluded.size, ids = excluded.ids
"""
_WRITE_ON_SQLITE = """
INSERT INTO posting (org_id, word, segment, places) VALUES (?, ?, ?, ?)
ON CONFLICT (org_id, word, segment) DO UPDATE SET places = excluded.places
"""
_WRITE_SEGMENTS_ON_POSTGRESQL = """
INSERT INTO segment (org_id, number, first_id, last_id, size, ids)
SELECT %s, * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bytea[])
ON CONFLICT (org_id, number) DO UPDATE SET
    first_id = excluded.first_id, last_id = excluded.last_id, size = excluded.size, ids = excluded.ids
"""
_WRITE_ON_POSTGRESQL = """
INSERT INTO posting (org_id, word, segment, places)
SELECT %s, * FROM unnest(%s::text[], %s::bigint[], %s::bytea[])
ON CONFLICT (org_id, word, segment) DO UPDATE SET places = excluded.places
"""
