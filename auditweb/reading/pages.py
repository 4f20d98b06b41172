"""A page of events, and a single one, by their ids: the first page, the thousandth and the last cost the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Generic, Literal, NamedTuple, TypeVar, cast

from sqlalchemy import BigInteger, Select, Table, bindparam, func, literal, literal_column, null, select

from auditweb import catalogue, clock, ids
from auditweb.extensions import db
from auditweb.models import Event, LogHead, SealQueue
from auditweb.reading import search
from auditweb.reading.filters import LogFilter, clauses
from auditweb.reading.flagged import Shown, flags_column, read_flags
from auditweb.reading.parameters import BadFilter

SIZE = 50
LARGEST = 500

_LIMITS = (SIZE, 100, 200, LARGEST)  # rows that statements ask for, of which as many are taken as a page has

_CURSOR = bindparam("cursor", type_=BigInteger)
_ACROSS = bindparam("across", type_=BigInteger)
_Place = Literal["newest", "before", "after", "oldest"]
_NEARER = {"before": "until", "after": "since"}  # the bound that the cursor of a page stands for as well
_FARTHER = {"before": "since", "after": "until"}  # and the one that the cursor of what is across does
_event = cast(Table, Event.__table__).c


class Row(NamedTuple):
    """What a row of the page shows of an event, in the order it is unpacked. When it occurred is in its id."""

    id: int
    recorded_at: datetime
    category: str
    action: str
    summary: str
    facts: dict[str, str]
    actor_type: str
    actor_id: str
    actor_name: str
    via_type: str | None
    via_id: str | None
    via_name: str | None
    target_type: str | None
    target_id: str | None
    target_name: str | None
    target_url: str | None
    outcome: str


class WholeRow(NamedTuple):
    """Everything that an event holds, but whose it is."""

    id: int
    occurred_at: datetime
    recorded_at: datetime
    category: str
    action: str
    summary: str
    facts: dict[str, str]
    actor_type: str
    actor_id: str
    actor_name: str
    via_type: str | None
    via_id: str | None
    via_name: str | None
    target_type: str | None
    target_id: str | None
    target_name: str | None
    target_url: str | None
    ip: str | None
    user_agent: str | None
    request_id: str | None
    outcome: str
    idempotency_key: str | None


_head, _queue = cast(Table, LogHead.__table__).c, cast(Table, SealQueue.__table__).c
_REVISION = (
    select(_head.revision)
    .where(_head.org_id == bindparam("org_id"), _head.mending == 0)
    .where(~select(literal(1)).where(_queue.org_id == bindparam("org_id")).exists())
    .scalar_subquery()
)

COLUMNS = tuple(_event[name] for name in Row._fields)
_FLAGS = flags_column().label("flags")
WHOLE_COLUMNS = tuple(_event[name] for name in WholeRow._fields)

R = TypeVar("R", Row, WholeRow)


@dataclass(frozen=True, slots=True)
class _PageOf(Generic[R]):
    """
    Events newest first, and whether others that match are newer or older than these.

    *searched_to* is set when the time for searching ran out: what lies between where the page starts and this id was
    searched, and the rest was not. It is the place to go on from: `after` it at the oldest page and after an event,
    `before` it otherwise. *revision* is that of the counts (models/ledger.py) while they tell of all there is; None
    when something waits for the sealer, or this is not known.
    """

    rows: Sequence[R]
    has_newer: bool
    has_older: bool
    searched_to: int | None = None
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Page(_PageOf[Row]):
    """The same with *flags*: what those of its events show that show findings of the security review."""

    flags: Mapping[int, Sequence[Shown]] = field(default_factory=dict)


class WholePage(_PageOf[WholeRow]):
    """The same with all that each event holds."""

    __slots__ = ()


def find_page(wanted: LogFilter, *, size: int = SIZE, now: datetime | None = None) -> Page:
    """
    Return one page of the events *wanted*, newest first, in one statement.

    After an event come the *size* just newer ones. Where there are fewer, a second statement finds the newest page
    instead: paging forward ends there, on a full page.
    """
    found = _find(Row, wanted, size, now)
    return Page(*found[:-1], flags=found[-1])


def find_whole_page(wanted: LogFilter, *, size: int = SIZE, now: datetime | None = None) -> WholePage:
    """Return the very page that `find_page` does, with all that each event holds."""
    return WholePage(*_find(WholeRow, wanted, size, now)[:-1])


def find_event(org_id: int, event_id: int) -> Event | None:
    """Return one event of this organisation with everything it holds."""
    return db.session.scalar(select(Event).where(Event.org_id == org_id, Event.id == event_id))


def is_action_used(org_id: int, action: str) -> bool:
    """Tell whether any event of this organisation has *action*, which the catalogue may have forgotten."""
    query = select(literal(1)).where(_event.org_id == org_id, _event.action == action).limit(1)
    return db.session.connection().execute(query).first() is not None


def check_action(wanted: LogFilter) -> None:
    """Refuse an action that neither the catalogue nor any event knows: an empty page would pass for an answer."""
    if wanted.action and not catalogue.find(wanted.action) and not is_action_used(wanted.org_id, wanted.action):
        raise BadFilter("action", f"There is no action “{wanted.action}”, and no entry has ever had it.")


_Flags = Mapping[int, Sequence[Shown]]
_Found = tuple[list[R], bool, bool, int | None, int | None, _Flags]  # what a page is made of


def _find(shape: type[R], wanted: LogFilter, size: int, now: datetime | None) -> _Found[R]:
    if wanted.q or wanted.flag:
        return _search(shape, wanted, size, now)
    values = wanted.values(now or clock.now())
    if wanted.before is not None:
        rows, has_newer, revision, flags = _fetch(shape, "before", values, size, wanted.before)
        return rows[:size], has_newer, len(rows) > size, None, revision, flags
    if wanted.after is not None:
        rows, has_older, revision, flags = _fetch(shape, "after", values, size, wanted.after)
        if len(rows) >= size:
            return rows[-size:], len(rows) > size, has_older, None, revision, flags
    if wanted.oldest:
        rows, _, revision, flags = _fetch(shape, "oldest", values, size)
        return rows[-size:], len(rows) > size, False, None, revision, flags
    rows, _, revision, flags = _fetch(shape, "newest", values, size)
    return rows[:size], False, len(rows) > size, None, revision, flags


def _search(shape: type[R], wanted: LogFilter, size: int, now: datetime | None) -> _Found[R]:
    columns = WHOLE_COLUMNS if shape is WholeRow else (*COLUMNS, _FLAGS)
    found = search.find(wanted, columns, size=size, now=now)
    rows = [shape._make(row[: len(shape._fields)]) for row in found.rows]
    flags = _flags_of(found.rows) if shape is Row else {}
    return rows, found.has_newer, found.has_older, found.searched_to, found.revision, flags


# Events newest first, whether any are across the cursor, the revision of the counts if they tell of all, and flags.
_Fetched = tuple[list[R], bool, int | None, _Flags]


def _fetch(shape: type[R], place: _Place, values: Mapping[str, int | str], size: int, cursor: int = 0) -> _Fetched[R]:
    """Find *size* events and, if there are more, one."""
    names, connection = tuple(values), db.session.connection()
    given = {**values, **_bounds(place, values, cursor)}
    limit = next((each for each in _LIMITS if each >= size), size) + 1
    # Columns on a connection: a page needs no mapped objects, and building them costs more than the query.
    found = connection.execute(_statement(place, names, limit, shape is WholeRow), given).all()[: size + 1]
    if found or place != "before":
        has_others = bool(found) and found[0].across is not None
    else:
        has_others = connection.scalar(_across(place, names), given) is not None
    rows = [shape._make(row[: len(shape._fields)]) for row in found]
    flags = _flags_of(found) if shape is Row else {}
    newest_first = rows if place in ("newest", "before") else rows[::-1]
    return newest_first, has_others, found[0].revision if found else None, flags


def _flags_of(found: Sequence[Any]) -> _Flags:
    return {row.id: read_flags(row.flags) for row in found if row.flags is not None}


def _bounds(place: _Place, values: Mapping[str, Any], cursor: int) -> dict[str, int]:
    """
    Return where a page ends at its cursor, and where what is across begins, the days asked for heeded.

    So there is one bound on each side: of two SQLite would use one, and walk from it to the other.
    """
    since, until = values.get("since", 0), values.get("until", ids.LAST_ID + 1)
    if place == "before":
        return {"cursor": min(cursor, until), "across": max(cursor, since)}
    return {"cursor": max(cursor, since - 1), "across": min(cursor, until - 1)}


@cache
def _statement(place: _Place, names: tuple[str, ...], limit: int, whole: bool = False) -> Select[Any]:
    """
    Build the statement for *place*: a page, and in each row the nearest event on the other side of the cursor.

    The limit stands in its text. PostgreSQL cannot reuse the plan of a statement whose limit is a parameter: it guesses
    at a tenth of the table, finds that dear, and plans it anew each time, which takes as long as answering it.
    """
    across = null() if place in ("newest", "oldest") else _across(place, names).scalar_subquery()
    page = select(*(WHOLE_COLUMNS if whole else COLUMNS), _REVISION.label("revision"), across.label("across"))
    if not whole:
        page = page.add_columns(_FLAGS)
    page = page.where(*clauses(_event, _without(names, _NEARER.get(place))))
    page = page.limit(literal_column(str(limit)))
    if place == "before":
        page = page.where(_event.id < _CURSOR)
    if place == "after":
        page = page.where(_event.id > _CURSOR)
    return page.order_by(_event.id.desc() if place in ("newest", "before") else _event.id)


@cache
def _across(place: _Place, names: tuple[str, ...]) -> Select[Any]:
    """Build the question for the nearest matching event that *place* leaves on the other side of its cursor."""
    other = cast(Table, Event.__table__).alias("other").c
    nearest = select(other.id).where(*clauses(other, _without(names, _FARTHER[place]))).limit(literal_column("1"))
    if place == "before":
        return nearest.where(other.id >= _ACROSS).order_by(other.id)
    return nearest.where(other.id <= _ACROSS).order_by(other.id.desc())


def _without(names: tuple[str, ...], name: str | None) -> tuple[str, ...]:
    return tuple(other for other in names if other != name)


def count_newer(wanted: LogFilter, after_id: int, limit: int, now: datetime | None = None) -> int:
    """Return how many events *wanted*, its place apart, are newer than *after_id*, counted up to *limit*."""
    now = now or clock.now()
    if after_id == ids.LAST_ID:
        return 0
    if wanted.q or wanted.flag:
        return search.count_newer(wanted, after_id, limit, now)
    values = wanted.values(now)
    values["since"] = max(after_id + 1, int(values.get("since", 0)))
    return db.session.connection().scalar(_newest(tuple(values), limit), values) or 0


@cache
def _newest(names: tuple[str, ...], limit: int) -> Select[Any]:
    newest = select(_event.id).where(*clauses(_event, names)).order_by(_event.id.desc())
    return select(func.count()).select_from(newest.limit(literal_column(str(limit))).subquery())
