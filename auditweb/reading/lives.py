"""
What somebody did and what was done to them, in reading order; and what little else their entries tell of them.

Each question has an index. What could be asked of millions of entries is asked of the newest thousand, and says so.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Select,
    Table,
    and_,
    bindparam,
    func,
    literal,
    literal_column,
    not_,
    select,
    union_all,
)

from auditweb import clock
from auditweb.extensions import db
from auditweb.models import Event
from auditweb.parties import ActorRef
from auditweb.reading.counts import Count
from auditweb.reading.filters import LogFilter, clauses
from auditweb.reading.matches import CAP, find_matches
from auditweb.reading.pages import COLUMNS, Row
from auditweb.reading.questions import execute, for_each_engine

SAMPLE: Final = 1_000
"""So many entries, the newest ones, are looked at for what cannot be counted."""

AT_ONCE: Final = 100
"""So many entries of a stretch of a life are shown at once."""

_READ_AT_ONCE = 400  # of many more, asked for by their ids, PostgreSQL rather reads the table

_event = cast(Table, Event.__table__).c
_DID = and_(_event.actor_type == bindparam("own_type"), _event.actor_id == bindparam("own_id"))
_HAPPENED = and_(_event.target_type == bindparam("own_type"), _event.target_id == bindparam("own_id"), not_(_DID))
_SINCE, _UNTIL = (bindparam(name, type_=BigInteger) for name in ("since", "until"))


@dataclass(frozen=True, slots=True)
class Stretch:
    """What somebody did and what others did to them, oldest first, and whether there is more after it."""

    rows: Sequence[Row]
    has_more: bool


class Seen(NamedTuple):
    """When an entry occurred, by its id, and the address it came from."""

    id: int
    ip: str | None


class Toucher(NamedTuple):
    """Somebody who did something to a thing: as they were called then, how often, and the newest time."""

    ref: ActorRef
    name: str
    number: int
    newest: int


def find_stretch(
    org_id: int, own: ActorRef, since: int, until: int, *, size: int = AT_ONCE, did_only: bool = False
) -> Stretch:
    """
    Return what *own* did and, unless *did_only*, what others did to them, with ids from *since* to below *until*.

    What they did to themselves counts as done. Never more than *size* entries, the oldest ones.
    """
    values = {"org_id": org_id, "own_type": own.type, "own_id": own.id, "since": since, "until": until}
    found = db.session.connection().execute(_stretch(size + 1, did_only), values)
    rows = sorted(map(Row._make, found), key=attrgetter("id"))
    return Stretch(rows[:size], len(rows) > size)


def count_stretch(org_id: int, own: ActorRef, since: int, until: int) -> Count:
    """Return how many entries `find_stretch` finds in all, each of the two kinds counted up to the cap."""
    values = {"org_id": org_id, "own_type": own.type, "own_id": own.id, "since": since, "until": until}
    numbers = [number for (number,) in db.session.connection().execute(_COUNTED, values)]
    return Count(sum(min(number, CAP) for number in numbers), all(number <= CAP for number in numbers))


def find_sample(wanted: LogFilter, now: datetime | None = None) -> list[Seen]:
    """Return when and from where the newest of the events *wanted* came, so many at most as a sample has."""
    return [Seen(*row) for row in _look_up(_SEEN, wanted, SAMPLE, now)]


def find_touchers(wanted: LogFilter, now: datetime | None = None) -> tuple[list[Toucher], bool]:
    """
    Return who did the newest of the events *wanted*, the latest first, and whether those were all there are.

    *wanted* is about one thing; so many at most are looked at as a sample has.
    """
    rows = _look_up(_ACTED, wanted, SAMPLE + 1, now)
    touchers: dict[ActorRef, Toucher] = {}
    for id_, type_, actor_id, name in rows[:SAMPLE]:
        ref = ActorRef(type_, actor_id)
        known = touchers.get(ref, Toucher(ref, name, 0, id_))
        touchers[ref] = known._replace(number=known.number + 1)
    return list(touchers.values()), len(rows) <= SAMPLE


def find_done_to(org_id: int, own: ActorRef, actions: Sequence[str]) -> list[Row]:
    """Return those of the newest events done to *own* whose action is one of *actions*, the newest first."""
    values = {"org_id": org_id, "own_type": own.type, "own_id": own.id, "actions": list(actions)}
    return _newest_first(db.session.connection().execute(_DONE_TO, values))


def find_own(org_id: int, own: ActorRef, action: str, *, category: str) -> Row | None:
    """Return the newest event of *action* that *own* did, among the newest of its *category*."""
    values = {"org_id": org_id, "own_type": own.type, "own_id": own.id, "category": category, "action": action}
    return next(iter(_newest_first(db.session.connection().execute(_OWN, values))), None)


def find_latest(org_id: int, action: str, before: int, *, fact: str, value: str) -> Row | None:
    """
    Return the newest event of *action* with an id below *before* whose *fact*, in lower case, is *value*.

    It is looked for among so many at most as a sample has.
    """
    values = {"org_id": org_id, "action": action, "until": before, "value": value}
    return next(iter(_newest_first(db.session.connection().execute(_latest(fact), values))), None)


def find_entry(org_id: int, event_id: int) -> Row | None:
    """Return one event of this organisation as pages show it; None if it is not there any more."""
    query = select(*COLUMNS).where(*clauses(_event, ("org_id", "id")))
    found = db.session.connection().execute(query, {"org_id": org_id, "id": event_id}).first()
    return Row._make(found) if found else None


def is_target(org_id: int, type_: str, id_: str) -> bool:
    """Tell whether any event is about this thing."""
    query = select(literal(1)).where(*_THING).limit(1)
    values = {"org_id": org_id, "target_type": type_, "target_id": id_}
    return db.session.connection().execute(query, values).first() is not None


def is_actor(org_id: int, ref: ActorRef) -> bool:
    """Tell whether anybody did anything under this reference."""
    query = select(literal(1)).where(*clauses(_event, ("org_id", "actor_type", "actor_id"))).limit(1)
    values = {"org_id": org_id, "actor_type": ref.type, "actor_id": ref.id}
    return db.session.connection().execute(query, values).first() is not None


def _look_up(statement: Mapping[str, Any], wanted: LogFilter, most: int, now: datetime | None) -> list[Any]:
    """
    Return what *statement* reads of the newest events *wanted*, newest first.

    The index tells which those are. Asked for all in one, PostgreSQL may rather read somebody's every entry and sort.
    """
    now = now or clock.now()
    connection = db.session.connection()
    if wanted.q or wanted.flag:
        ids = find_matches(wanted, now=now).ids[:most]
    else:
        values = wanted.values(now)
        ids = [id_ for (id_,) in connection.execute(_newest_ids(tuple(values), most), values).all()]
    rows: list[Any] = []
    for start in range(0, len(ids), _READ_AT_ONCE):
        rows += execute(connection, statement, {"org_id": wanted.org_id, "events": ids[start : start + _READ_AT_ONCE]})
    return sorted(rows, key=attrgetter("id"), reverse=True)


def _newest_first(found: Iterable[Any]) -> list[Row]:
    return sorted(map(Row._make, found), key=attrgetter("id"), reverse=True)


# The statements: limits stand in their texts, see `pages`

_THING = clauses(_event, ("org_id", "target_type", "target_id"))
_SEEN = for_each_engine("SELECT id, ip FROM event WHERE org_id = :org_id AND id {events}")
_ACTED = for_each_engine(
    "SELECT id, actor_type, actor_id, actor_name FROM event WHERE org_id = :org_id AND id {events}"
)


@cache
def _stretch(limit: int, did_only: bool) -> CompoundSelect[Any] | Select[Any]:
    parts = list(_parts(limit, did_only))
    return union_all(*parts) if len(parts) > 1 else parts[0]


def _parts(limit: int, did_only: bool) -> Iterator[Select[Any]]:
    for question in (_DID,) if did_only else (_DID, _HAPPENED):
        within = (_event.org_id == bindparam("org_id"), question, _event.id >= _SINCE, _event.id < _UNTIL)
        page = select(*COLUMNS).where(*within).order_by(_event.id).limit(literal_column(str(limit)))
        yield select(page.subquery())  # within a union SQLite takes an order only from a query of its own


def _counted() -> Iterator[Select[Any]]:
    for question in (_DID, _HAPPENED):
        within = (_event.org_id == bindparam("org_id"), question, _event.id >= _SINCE, _event.id < _UNTIL)
        capped = select(_event.id).where(*within).limit(literal_column(str(CAP + 1)))
        yield select(func.count()).select_from(capped.subquery())


_COUNTED = union_all(*_counted())


@cache
def _newest_ids(names: tuple[str, ...], limit: int) -> Select[Any]:
    return _newest(limit, clauses(_event, names), _event.id)


def _newest(limit: int, where: Sequence[ColumnElement[bool]], *columns: ColumnElement[Any]) -> Select[Any]:
    return select(*columns).where(*where).order_by(_event.id.desc()).limit(literal_column(str(limit)))


def _done_to() -> Select[Any]:
    within = (_event.org_id == bindparam("org_id"), _HAPPENED)
    newest = _newest(SAMPLE, within, *COLUMNS).subquery()
    wanted = newest.c.action.in_(bindparam("actions", expanding=True))
    columns = [newest.c[column.name] for column in COLUMNS]
    return select(*columns).where(wanted)


def _own() -> Select[Any]:
    of_category = _event.category == bindparam("category")
    newest = _newest(SAMPLE, (_event.org_id == bindparam("org_id"), _DID, of_category), *COLUMNS).subquery()
    columns = [newest.c[column.name] for column in COLUMNS]
    wanted = newest.c.action == bindparam("action")
    return select(*columns).where(wanted)


@cache
def _latest(fact: str) -> Select[Any]:
    earlier = (_event.org_id == bindparam("org_id"), _event.action == bindparam("action"), _event.id < _UNTIL)
    newest = _newest(SAMPLE, earlier, *COLUMNS).subquery()
    columns = [newest.c[column.name] for column in COLUMNS]
    return select(*columns).where(func.lower(newest.c.facts[fact].as_string()) == bindparam("value"))


_DONE_TO, _OWN = _done_to(), _own()
