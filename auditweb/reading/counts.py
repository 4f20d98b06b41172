"""How many events match, in all, in each category and between moments, and the ordinal of one of them."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy import func, select

from auditweb import clock
from auditweb.catalogue import Category
from auditweb.extensions import db
from auditweb.models import Event
from auditweb.parties import ActorRef
from auditweb.reading.filters import LogFilter, clauses

_event = Event.__table__.c


class Count(NamedTuple):
    """A number of events; where not *exact*, there are at least so many: counting stopped there."""

    number: int
    exact: bool = True


def count_categories(wanted: LogFilter, now: datetime | None = None) -> dict[Category | None, Count]:
    """Return how many events each category has that meet all else of *wanted*; None stands for all categories."""
    counts: dict[Category | None, Count] = {
        category: _count(wanted.with_(category=category), now) for category in Category
    }
    return {None: _count(wanted.with_(category=None), now)} | counts


def count_between(wanted: LogFilter, bounds: Sequence[int], now: datetime | None = None) -> list[Count]:
    """Return how many events *wanted*, its place apart, have ids from each of the rising *bounds* up to the next."""
    values = wanted.values(now or clock.now())
    return [
        Count(
            db.session.connection().scalar(
                select(func.count()).where(*clauses(_event, values), _event.id >= low, _event.id < high), values
            )
            or 0
        )
        for low, high in pairwise(bounds)
    ]


def find_position(wanted: LogFilter, event_id: int, now: datetime | None = None) -> Count | None:
    """Return the ordinal of an event among those *wanted*, the newest being 1; None if it is not known."""
    values = wanted.values(now or clock.now())
    query = select(func.count()).where(*clauses(_event, values), _event.id >= event_id)
    return Count(db.session.connection().scalar(query, values) or 0)


def find_at(wanted: LogFilter, position: int, now: datetime | None = None) -> int | None:
    """Return the id of the event *wanted* at this *position*, counted from 1 at the newest; None beyond the last."""
    values = wanted.values(now or clock.now())
    query = select(_event.id).where(*clauses(_event, values)).order_by(_event.id.desc()).offset(position - 1).limit(1)
    found = db.session.connection().scalar(query, values)
    return None if found is None else int(found)


def count_actors(wanted: LogFilter, refs: Sequence[ActorRef], now: datetime | None = None) -> dict[ActorRef, Count]:
    """Return how many events each of these actors has that meet all else of *wanted*."""
    return {ref: _count(wanted.with_(actor=ref), now) for ref in refs}


def _count(wanted: LogFilter, now: datetime | None) -> Count:
    values = wanted.values(now or clock.now())
    query = select(func.count()).where(*clauses(_event, values))
    return Count(db.session.connection().scalar(query, values) or 0)
