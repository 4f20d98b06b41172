"""
The question of a filter as the search index answers it.

The index knows in which places of a segment a word occurs. That decides most; what it leaves in doubt (words in a row,
words that were cut, beginnings that stand for too many words) is compared with the texts.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, NamedTuple, cast

from psycopg import Connection as PostgresConnection
from sqlalchemy import Connection, Select, Table, bindparam, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.elements import NamedColumn

from auditweb import ids
from auditweb.models import Event
from auditweb.parties import Outcome
from auditweb.reading import postings, words
from auditweb.reading.words import Term

_MOST_BEGUN = 500  # words that one beginning may stand for; a shorter one is looked for in the texts
_RARE = 128  # segments: a word that is in no more of them tells where to look
_event = cast(Table, Event.__table__).c
_TEXTS = tuple(_event[name] for name in postings.ENTRY_COLUMNS)
_LABELS = tuple(_event[name] for name in postings.LABEL_COLUMNS)
_AFTER_ALL = "\U0010ffff"  # sorts after whatever a word goes on with


class _Way(NamedTuple):
    """
    One way in which a term can hold: all words *exact*, and one of those *begun*, unless that is None.

    What holds in a way that is *checked* is only a candidate.
    """

    exact: tuple[str, ...]
    begun: tuple[str, ...] | None = None
    checked: bool = False

    def places(self, known: Mapping[str, int], everywhere: int) -> int:
        found = everywhere
        for word in self.exact:
            found &= known.get(word, 0)
        if self.begun is not None and found:
            one_of_them = 0
            for word in self.begun:
                one_of_them |= known.get(word, 0)
            found &= one_of_them
        return found


@dataclass(frozen=True, slots=True)
class Sought:
    """
    A question as the index answers it: ids from *low* to below *high*, words *required* and *barred*, and terms.

    *flag* is what its entries are flagged with ("any" for all), which the index does not know. *only* are the segments
    that can hold a match, if there are few of them; *single* are ids asked for as such, by the made-up word that stands
    for each, with their places. While *mending*, the index is not to be relied on; *revision* is its own, if it tells
    of all there is.
    """

    org_id: int
    low: int
    high: int
    values: Mapping[str, int | str]
    terms: tuple[tuple[Term, tuple[_Way, ...]], ...] = ()
    required: tuple[str, ...] = ()
    barred: tuple[str, ...] = ()
    flag: str = ""
    only: frozenset[int] | None = None
    single: Mapping[tuple[int, str], int] = field(default_factory=dict)
    mending: bool = False
    revision: int | None = None

    def between(self, low: int, high: int) -> "Sought":
        return replace(self, low=max(low, self.low), high=min(high, self.high))

    def looked_up(self) -> list[str]:
        """Return the words whose places decide."""
        found = {*self.required, *self.barred}
        for _, ways in self.terms:
            for way in ways:
                found.update(way.exact, way.begun or ())
        return sorted(found)

    def places(self, known: Mapping[str, int], size: int) -> tuple[int, int]:
        """Return where in a segment of this *size* a match is, and which of these places are doubtful."""
        found = everywhere = postings.all_places(size)
        doubtful = 0
        for word in self.required:
            found &= known.get(word, 0)
        for word in self.barred:
            found &= ~known.get(word, 0)
        for term, ways in self.terms:
            if not found:
                return 0, 0
            sure = possible = 0
            for way in ways:
                places = way.places(known, everywhere)
                possible |= places
                sure |= 0 if way.checked else places
            found &= ~sure if term.excluded else possible
            doubtful |= possible & ~sure
        return found, found & doubtful

    def holds(self, event: Any) -> bool:
        """Compare the texts of an event with the terms."""
        return holds(event, [term for term, _ in self.terms])


def holds(event: Any, terms: Sequence[Term]) -> bool:
    """Tell whether all *terms* hold of an event, by its texts alone."""
    if not terms:
        return True
    texts = postings.texts_of(event.summary, event.actor_name, event.via_name, event.target_name, event.facts)
    spread = words.spread(texts)
    return all(
        (words.occurs(term, spread) or (term.ip != "" and event.ip == term.ip) or event.id == term.id) != term.excluded
        for term in terms
    )


def sought(connection: Connection, values: Mapping[str, int | str], terms: Sequence[Term]) -> Sought:
    """Turn what a filter asks for into a question to the index."""
    org_id = cast(int, values["org_id"])
    low, high = cast(int, values.get("since", 0)), cast(int, values.get("until", ids.LAST_ID + 1))
    required, barred = _words_for(values)
    single: dict[tuple[int, str], int] = {}
    for term in terms:
        if term.id is not None:
            single |= _place_of(connection, org_id, term.id)
            if not term.words and not term.excluded:
                low, high = max(low, term.id), min(high, term.id + 1)
    ways = tuple((term, _ways(connection, org_id, term)) for term in terms)
    mending, revision = connection.execute(_STATE, {"org_id": org_id}).one_or_none() or (0, None)
    flag = str(values.get("flag") or values.get("flagged", ""))
    question = Sought(
        org_id, low, high, values, ways, required, barred, flag, single=single, mending=bool(mending), revision=revision
    )
    if flag:
        return question
    return replace(question, only=_segments_of_rare_words(connection, question))


def known_places(
    connection: Connection, org_id: int, looked_up: Sequence[str], segments: Sequence[int]
) -> dict[int, dict[str, int]]:
    """Return, for each of these segments, the places of those words that occur in it."""
    known: dict[int, dict[str, int]] = {number: {} for number in segments}
    if looked_up and segments:
        given = {"org_id": org_id, "words": looked_up, "segments": segments}
        for word, segment, places in execute(connection, _PLACES, given):
            known[segment][word] = postings.read_places(places)
    return known


def read_events(
    connection: Connection,
    org_id: int,
    event_ids: Sequence[int],
    columns: tuple[NamedColumn[Any], ...] = (),
    *,
    texts: bool = True,
) -> dict[int, Any]:
    """
    Return those of these events that are there, by their ids: the *columns* first, then all that is searched.

    Without *texts* only what is of few values, which takes half as long: no summary, names and facts.
    """
    if not event_ids:
        return {}
    statement = _events(columns, connection.dialect.name, texts)
    found = execute(connection, statement, {"org_id": org_id, "events": event_ids})
    return {event.id: event for event in found}


@contextmanager
def snapshot(connection: Connection) -> Iterator[Connection]:
    """
    Let all that is asked within the block see one state: what is sealed meanwhile could be missed on both sides.

    On SQLite every transaction does. On PostgreSQL reading requests have none.
    """
    driver = connection.connection.driver_connection
    if not isinstance(driver, PostgresConnection) or not driver.autocommit:
        yield connection
        return
    connection.exec_driver_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        yield connection
    finally:
        with suppress(DBAPIError):  # the connection is lost, which what was asked of it says already
            connection.exec_driver_sql("COMMIT")


def execute(connection: Connection, statements: Mapping[str, Any], given: Mapping[str, Any]) -> Sequence[Any]:
    """Ask in the engine's own way; lists are given to SQLite as JSON."""
    if connection.dialect.name == "sqlite":
        given = {name: json.dumps(value) if isinstance(value, list | tuple) else value for name, value in given.items()}
    return connection.execute(statements[connection.dialect.name], given).all()


def for_each_engine(statement: str) -> dict[str, Any]:
    """Return *statement* for both engines, in which {words} and the like stand for lists."""
    listed = {"words": "TEXT", "segments": "BIGINT", "events": "BIGINT", "leaves": "BIGINT"}
    return {
        "sqlite": text(statement.format(**{name: f"IN (SELECT value FROM json_each(:{name}))" for name in listed})),
        # An array is one parameter, so that the statement is prepared once, and no guess at its length costs the plan.
        "postgresql": text(
            statement.format(**{name: f"= ANY(CAST(:{name} AS {type_}[]))" for name, type_ in listed.items()})
        ),
    }


_STATE = text("""
    SELECT mending, CASE WHEN mending = 0 AND NOT EXISTS (SELECT 1 FROM seal_queue WHERE org_id = :org_id)
        THEN revision END
    FROM log_head WHERE org_id = :org_id
""")


@cache
def _events(columns: tuple[NamedColumn[Any], ...], engine_name: str, texts: bool) -> Mapping[str, Select[Any]]:
    names = {column.name for column in columns}
    others = _TEXTS if texts else _LABELS
    asked = select(*columns, *[column for column in others if column.name not in names])
    asked = asked.where(_event.org_id == bindparam("org_id"))
    if engine_name == "sqlite":
        return {engine_name: asked.where(text("event.id IN (SELECT value FROM json_each(:events))"))}
    return {engine_name: asked.where(text("event.id = ANY(CAST(:events AS BIGINT[]))"))}


def _words_for(values: Mapping[str, int | str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words that events must have to meet these values of a filter, and those they must not have."""
    required, barred = [], []
    for name, value in values.items():
        match name:
            case "category":
                required.append(postings.category_word(str(value)))
            case "actor_id":
                required.append(postings.actor_word(str(values["actor_type"]), str(value)))
            case "target_id":
                required.append(postings.target_word(str(values["target_type"]), str(value)))
            case "action":
                required.append(postings.action_word(str(value)))
            case "mishap":
                required.append(postings.outcome_word(str(value)))
            case "outcome":
                barred += [postings.outcome_word(each) for each in Outcome if each != value]
    return tuple(required), tuple(barred)


def _ways(connection: Connection, org_id: int, term: Term) -> tuple[_Way, ...]:
    ways = []
    if term.words:
        checked = len(term.words) > 1 or len(term.words[0]) >= postings.LONGEST_WORD
        exact = [word[: postings.LONGEST_WORD] for word in term.words]
        if term.begun:
            begun = _words_begun(connection, org_id, exact.pop())
            ways.append(_Way(tuple(exact), begun, checked or begun is None))
        else:
            ways.append(_Way(tuple(exact), checked=checked))
    if term.ip:
        ways.append(_Way((postings.ip_word(term.ip),)))
    if term.id is not None:
        ways.append(_Way((_made_up(term.id),)))
    return tuple(ways)


def _words_begun(connection: Connection, org_id: int, beginning: str) -> tuple[str, ...] | None:
    """Return the words of the index that start like this; None if they are too many to be asked for."""
    given = {"org_id": org_id, "first": beginning, "after": beginning + _AFTER_ALL, "most": _MOST_BEGUN + 1}
    found = tuple(row[0] for row in execute(connection, _BEGUN, given))
    return found if len(found) <= _MOST_BEGUN else None


def _made_up(event_id: int) -> str:
    """Return a word that stands for one event in a question, and is in no index."""
    return f"\x01e:{event_id}"


def _place_of(connection: Connection, org_id: int, event_id: int) -> dict[tuple[int, str], int]:
    """Return where in the index one event is: by segment and made-up word, its place."""
    for number, spelled in execute(connection, _AROUND, {"org_id": org_id, "id": event_id}):
        event_ids = postings.read_ids(spelled)
        if event_id in event_ids:
            return {(number, _made_up(event_id)): 1 << event_ids.index(event_id)}
    return {}


def _segments_of_rare_words(connection: Connection, question: Sought) -> frozenset[int] | None:
    """Return the segments that have every rare word there must be; None if there must be none that is rare."""
    needed = list(question.required)
    for term, ways in question.terms:
        if not term.excluded and len(ways) == 1:
            needed += ways[0].exact
    common: frozenset[int] | None = None
    for word in dict.fromkeys(needed):
        if any(word == made_up for _, made_up in question.single):
            continue
        given = {"org_id": question.org_id, "word": word, "most": _RARE + 1}
        found = frozenset(row[0] for row in execute(connection, _SEGMENTS_OF, given))
        if len(found) <= _RARE:
            common = found if common is None else common & found
            if not common:
                break
    return common


_PLACES = {
    "sqlite": text(
        """
SELECT word, segment, places FROM posting
WHERE org_id = :org_id AND word IN (SELECT value FROM json_each(:words))
    AND segment IN (SELECT value FROM json_each(:segments))
"""
    ),
    # The only plan there is: a look-up for each word in each segment, whatever the planner believes about the table.
    "postgresql": text(
        """
SELECT asked.word, within.segment, found.places
FROM unnest(CAST(:words AS TEXT[])) AS asked (word)
CROSS JOIN unnest(CAST(:segments AS BIGINT[])) AS within (segment)
CROSS JOIN LATERAL (
    SELECT places FROM posting WHERE org_id = :org_id AND word = asked.word AND segment = within.segment LIMIT 1
) found
"""
    ),
}
_SEGMENTS_OF = for_each_engine("SELECT segment FROM posting WHERE org_id = :org_id AND word = :word LIMIT :most")
_AROUND = for_each_engine(
    "SELECT number, ids FROM segment WHERE org_id = :org_id AND last_id >= :id AND first_id <= :id"
)
# From each word to the next: a common one has a row for each segment.
_BEGUN = for_each_engine(
    """
WITH RECURSIVE begun (word) AS (
    SELECT min(word) FROM posting WHERE org_id = :org_id AND word >= :first AND word < :after
    UNION ALL
    SELECT (SELECT min(word) FROM posting WHERE org_id = :org_id AND word > begun.word AND word < :after)
    FROM begun WHERE begun.word IS NOT NULL
)
SELECT word FROM begun WHERE word IS NOT NULL LIMIT :most
"""
)
