"""Findings as they are listed: newest first, a page at a time, of one kind or state or all."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, Self, cast

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Select, Table

from auditweb.database import storable
from auditweb.extensions import db
from auditweb.insights.decisions import MissingError, State, version
from auditweb.models import Event, Finding, FindingEvent, FindingPattern, Leaf, LogHead, Person, ReviewCursor
from auditweb.parties import ActorRef
from auditweb.reading.flags import Flag
from auditweb.reading.questions import execute, for_each_engine

SIZE: Final = 25
SHOWN_EVIDENCE: Final = 5  # entries of a finding that the list names
MOST_COUNTED: Final = 99  # findings in a state, for the badge and the tabs
IN_TIME: Final = timedelta(minutes=1)  # for which an entry may wait to be reviewed without being a matter of note
MOST_ABOUT: Final = 100  # findings about somebody, the newest ones

_finding, _evidence = cast(Table, Finding.__table__).c, cast(Table, FindingEvent.__table__).c
_event, _person = cast(Table, Event.__table__).c, cast(Table, Person.__table__).c
_pattern, _asker = cast(Table, FindingPattern.__table__).c, cast(Table, Person.__table__).alias("asker").c


class Evidence(NamedTuple):
    """An entry that shows a finding."""

    id: int
    summary: str
    actor_name: str


class Pattern(NamedTuple):
    """That findings like one are set aside as they are found: since when, who asked for it, and why."""

    since: datetime
    asker: str
    note: str


class Listed(NamedTuple):
    """
    A finding, and who decided about it. *pattern* is in force for what is like it.

    One that was set aside *by_itself* was so as it was found: its decider is who had asked for that.
    """

    id: str
    kind: Flag
    subject: ActorRef
    name: str
    place: str
    at: datetime
    sentence: str
    unusual: str
    state: State
    note: str
    decider: str
    decided_at: datetime | None
    evidence: Sequence[Evidence]
    entries: int
    by_itself: bool
    pattern: Pattern | None

    @property
    def version(self) -> str:
        return version(self.state, self.decided_at)

    @classmethod
    def of(cls, row: Any, evidence: Sequence[Evidence], entries: int) -> Self:
        return cls(
            row.id,
            Flag(row.kind),
            ActorRef(row.subject_type, row.subject_id),
            row.subject_name,
            row.place,
            row.at,
            row.sentence,
            row.unusual,
            State(row.state),
            row.note,
            row.decider or "",
            row.decided_at,
            evidence,
            entries,
            row.by_itself,
            Pattern(row.pattern_since, row.pattern_asker or "", row.pattern_note) if row.pattern_since else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which findings are asked for: None narrows nothing. *before* and *until* are moments that are not among them."""

    org_id: int
    kind: Flag | None = None
    state: State | None = None
    since: datetime | None = None
    until: datetime | None = None


class FindingsPage(NamedTuple):
    rows: list[Listed]
    has_older: bool


class About(NamedTuple):
    """A finding about somebody, as their page names it."""

    id: str
    kind: Flag
    sentence: str
    at: datetime
    state: State


def find_findings(wanted: Wanted, *, before: str | None = None, size: int = SIZE) -> FindingsPage:
    """Return one page, newest first, from after the finding *before* on; raises MissingError if there is none."""
    query = _found(wanted)
    if before is not None:
        last = db.session.execute(
            sa.select(_finding.at, _finding.id).where(_finding.org_id == wanted.org_id, _finding.id == storable(before))
        ).first()
        if last is None:
            raise MissingError
        query = query.where(_after(last.at, last.id))
    rows = db.session.execute(query.order_by(_finding.at.desc(), _finding.id.desc()).limit(size + 1)).all()
    listed = rows[:size]
    numbers, evidence = _evidence_of(wanted.org_id, [row.id for row in listed])
    return FindingsPage([Listed.of(row, evidence[row.id], numbers.get(row.id, 0)) for row in listed], len(rows) > size)


def find_finding(org_id: int, finding_id: str) -> Listed:
    """Return one finding with all entries that show it, the oldest first; raises MissingError."""
    row = db.session.execute(_found(Wanted(org_id=org_id)).where(_finding.id == storable(finding_id))).first()
    if row is None:
        raise MissingError
    query = (
        sa.select(_event.id, _event.summary, _event.actor_name)
        .join_from(FindingEvent, Event, sa.and_(_event.org_id == _evidence.org_id, _event.id == _evidence.event_id))
        .where(_evidence.org_id == org_id, _evidence.finding_id == finding_id)
        .order_by(_evidence.event_id)
        .limit(200)
    )
    evidence = [Evidence._make(each) for each in db.session.execute(query)]
    return Listed.of(row, evidence, len(evidence))


def find_about(org_id: int, subject: ActorRef) -> list[About]:
    """Return the newest findings about *subject*, MOST_ABOUT of them at most, newest first."""
    given = {"org_id": org_id, "type": subject.type, "id": subject.id}
    rows = db.session.connection().execute(_ABOUT, given)
    return [About(id_, Flag(kind), sentence, at, State(state)) for id_, kind, sentence, at, state in rows]


def count_open(org_id: int) -> int:
    """Return how many findings nobody has decided about, up to one more than MOST_COUNTED."""
    some = sa.select(sa.literal(1)).where(_finding.org_id == org_id, _finding.state == State.OPEN.value)
    return db.session.scalar(sa.select(sa.func.count()).select_from(some.limit(MOST_COUNTED + 1).subquery())) or 0


def count_states(wanted: Wanted) -> dict[State, int]:
    """Return how many findings *wanted* are in each state, whichever it asks for, up to one more than MOST_COUNTED."""
    numbers = {
        state: sa.select(sa.func.count())
        .select_from(
            sa.select(sa.literal(1))
            .select_from(Finding)
            .where(*_conditions(replace(wanted, state=state)))
            .limit(MOST_COUNTED + 1)
            .subquery()
        )
        .scalar_subquery()
        for state in State
    }
    return dict(zip(numbers, db.session.execute(sa.select(*numbers.values())).one(), strict=True))


def find_next_open(org_id: int, found: Listed) -> str | None:
    """Return the next older finding than *found* that is open, else the newest that is; None if none is."""
    query = (
        sa.select(_finding.id)
        .where(*_conditions(Wanted(org_id=org_id, state=State.OPEN)))
        .order_by(_finding.at.desc(), _finding.id.desc())
        .limit(1)
    )
    return db.session.scalar(query.where(_after(found.at, found.id))) or db.session.scalar(query)


def count_waiting(org_id: int, now: datetime) -> int:
    """Return how many entries of a log wait for the review, if the next of them has waited for longer than IN_TIME."""
    head, cursor, leaf = (cast(Table, each.__table__).c for each in (LogHead, ReviewCursor, Leaf))
    query = (
        sa.select(head.size, sa.func.coalesce(cursor.position, 0))
        .outerjoin_from(LogHead, ReviewCursor, cursor.org_id == head.org_id)
        .where(head.org_id == org_id)
    )
    size, position = db.session.execute(query).first() or (0, 0)
    if position >= size:
        return 0
    following = (
        sa.select(_event.recorded_at)
        .join_from(Leaf, Event, sa.and_(_event.org_id == leaf.org_id, _event.id == leaf.event_id))
        .where(leaf.org_id == org_id, leaf.leaf_index == position)
    )
    recorded = db.session.scalar(following)
    return 0 if recorded is not None and recorded > now - IN_TIME else int(size - position)


def _found(wanted: Wanted) -> Select[Any]:
    like_it = [_pattern[name] == _finding[name] for name in ("org_id", "kind", "subject_type", "subject_id", "place")]
    return (
        sa.select(
            Finding.__table__,
            _person.name.label("decider"),
            _pattern.decided_at.label("pattern_since"),
            _pattern.note.label("pattern_note"),
            _asker.name.label("pattern_asker"),
        )
        .outerjoin(Person, _person.id == _finding.decided_by)
        .outerjoin(FindingPattern, sa.and_(*like_it))
        .outerjoin(_asker.id.table, _asker.id == _pattern.decided_by)
        .where(*_conditions(wanted))
    )


def _conditions(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    yield _finding.org_id == wanted.org_id
    if wanted.kind:
        yield _finding.kind == wanted.kind.value
    if wanted.state:
        yield _finding.state == wanted.state.value
    if wanted.since:
        yield _finding.at >= wanted.since
    if wanted.until:
        yield _finding.at < wanted.until


def _after(at: datetime, finding_id: str) -> ColumnElement[bool]:
    """Return what holds of findings that come after one, the newest being first."""
    return sa.tuple_(_finding.at, _finding.id) < sa.tuple_(sa.literal(at, _finding.at.type), finding_id)


def _evidence_of(org_id: int, finding_ids: list[str]) -> tuple[dict[str, int], dict[str, list[Evidence]]]:
    """Return how many entries show each of these findings, and the first few of them."""
    connection = db.session.connection()
    by_finding: defaultdict[str, list[int]] = defaultdict(list)
    if finding_ids:
        for finding_id, event_id in execute(connection, _EVIDENCE, {"org_id": org_id, "words": finding_ids}):
            by_finding[finding_id].append(event_id)
    first = {finding_id: sorted(events)[:SHOWN_EVIDENCE] for finding_id, events in by_finding.items()}
    listed = sorted({event_id for events in first.values() for event_id in events})
    rows = execute(connection, _ENTRIES, {"org_id": org_id, "events": listed}) if listed else []
    known = {row.id: Evidence._make(row) for row in rows}
    return (
        {finding_id: len(events) for finding_id, events in by_finding.items()},
        {each: [known[event_id] for event_id in first.get(each, ()) if event_id in known] for each in finding_ids},
    )


_ABOUT = (
    sa.select(_finding.id, _finding.kind, _finding.sentence, _finding.at, _finding.state)
    .where(
        _finding.org_id == sa.bindparam("org_id"),
        _finding.subject_type == sa.bindparam("type"),
        _finding.subject_id == sa.bindparam("id"),
    )
    .order_by(_finding.at.desc(), _finding.id.desc())
    .limit(sa.literal_column(str(MOST_ABOUT)))
)
_EVIDENCE = for_each_engine(
    "SELECT finding_id, event_id FROM finding_event WHERE org_id = :org_id AND finding_id {words}"
)
_ENTRIES = for_each_engine("SELECT id, summary, actor_name FROM event WHERE org_id = :org_id AND id {events}")
