"""
What one member did, and what happened to their account: two questions about the log, answered as one list.

Each has an index, and there is none for both. So each is asked for a page's worth, in one statement, and the two are
put in order here. They share no event: what somebody did themself counts as done, whoever it was about.
"""

from collections.abc import Iterator
from functools import cache
from operator import attrgetter
from typing import Any, Literal, NamedTuple, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Select,
    Table,
    and_,
    bindparam,
    literal_column,
    not_,
    select,
    union_all,
)

from auditweb.catalogue import Category
from auditweb.extensions import db
from auditweb.models import Event
from auditweb.parties import ActorRef
from auditweb.reading.filters import LogFilter
from auditweb.reading.pages import COLUMNS, SIZE, Page, Row, find_event

_Place = Literal["newest", "before", "after", "oldest"]

_event = cast(Table, Event.__table__).c
_CURSOR = bindparam("cursor", type_=BigInteger)
_DID = and_(_event.actor_type == bindparam("own_type"), _event.actor_id == bindparam("own_id"))
_HAPPENED = and_(
    _event.target_type == bindparam("own_type"),
    _event.target_id == bindparam("own_id"),
    _event.category == bindparam("account"),
    not_(_DID),
)


class _Found(NamedTuple):
    """Events from the cursor on, nearest to it first, and whether there are any on its other side."""

    rows: list[Row]
    has_others: bool


def find_own_page(wanted: LogFilter, own: ActorRef, *, size: int = SIZE) -> Page:
    """
    Return one page of what *own* did and what happened to their account, newest first; see `pages.find_page`.

    Of what is *wanted* only the category and the place are looked at.
    """
    if wanted.before is not None:
        rows, has_newer = _find("before", wanted, own, size, wanted.before)
        return Page(rows[:size], has_newer, len(rows) > size)
    if wanted.after is not None:
        rows, has_older = _find("after", wanted, own, size, wanted.after)
        if len(rows) >= size:
            return Page(rows[:size][::-1], len(rows) > size, has_older)
    if wanted.oldest:
        rows, _ = _find("oldest", wanted, own, size)
        return Page(rows[:size][::-1], len(rows) > size, has_older=False)
    rows, _ = _find("newest", wanted, own, size)
    return Page(rows[:size], has_newer=False, has_older=len(rows) > size)


def find_own_event(org_id: int, event_id: int, own: ActorRef) -> Event | None:
    """Return one event with everything it holds, if it is in the list of *own*."""
    event = find_event(org_id, event_id)
    if event is None:
        return None
    did = (event.actor_type, event.actor_id) == own
    happened = (event.target_type, event.target_id) == own and event.category == Category.AUTHENTICATION
    return event if did or happened else None


def _find(place: _Place, wanted: LogFilter, own: ActorRef, size: int, cursor: int = 0) -> _Found:
    values: dict[str, int | str] = {"org_id": wanted.org_id, "own_type": own.type, "own_id": own.id}
    if wanted.category:
        values["category"] = wanted.category.value
    with_account = wanted.category in (None, Category.AUTHENTICATION)
    if with_account:
        values["account"] = Category.AUTHENTICATION.value
    if place in ("before", "after"):
        values["cursor"] = cursor
    statement = _statement(place, wanted.category is not None, with_account, size + 1)
    newest_first = place in ("newest", "before")
    found = sorted(map(Row._make, db.session.connection().execute(statement, values)), key=attrgetter("id"))
    if place == "before":
        older = [row for row in found if row.id < cursor]
        return _Found(older[::-1], len(older) < len(found))
    if place == "after":
        newer = [row for row in found if row.id > cursor]
        return _Found(newer, len(newer) < len(found))
    return _Found(found[::-1] if newest_first else found, has_others=False)


@cache
def _statement(place: _Place, of_category: bool, with_account: bool, limit: int) -> CompoundSelect[Any]:
    """Build the statement: for each question a page's worth and, at a cursor, one event on its other side."""
    return union_all(*_parts(place, of_category, with_account, limit))


def _parts(place: _Place, of_category: bool, with_account: bool, limit: int) -> Iterator[Select[Any]]:
    for question in (_DID, _HAPPENED) if with_account else (_DID,):
        where = [_event.org_id == bindparam("org_id"), question]
        if of_category and question is _DID:
            where.append(_event.category == bindparam("category"))
        if place in ("newest", "oldest"):
            yield _part(where, newest_first=place == "newest", limit=limit)
        elif place == "before":
            yield _part([*where, _event.id < _CURSOR], newest_first=True, limit=limit)
            yield _part([*where, _event.id >= _CURSOR], newest_first=False, limit=1)
        else:
            yield _part([*where, _event.id > _CURSOR], newest_first=False, limit=limit)
            yield _part([*where, _event.id <= _CURSOR], newest_first=True, limit=1)


def _part(where: list[ColumnElement[bool]], *, newest_first: bool, limit: int) -> Select[Any]:
    # The limit stands in the text: see `pages`. Within a union SQLite takes an order only from a query of its own.
    page = select(*COLUMNS).where(*where).order_by(_event.id.desc() if newest_first else _event.id)
    return select(page.limit(literal_column(str(limit))).subquery())
