"""Counting by listing: what no rank answers is counted match by match, newest first, up to a cap."""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, Self, cast

from sqlalchemy import Select, Table, literal_column, select

from auditweb.catalogue import Category
from auditweb.extensions import db
from auditweb.models import Event
from auditweb.reading.filters import LogFilter, clauses

CAP = 10_000

_event = cast(Table, Event.__table__).c


class Count(NamedTuple):
    """A number of events; where not *exact*, there are at least so many: counting stopped there."""

    number: int
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Listing:
    """The newest matches by id, newest first, with their categories; *complete* if these are all."""

    ids: list[int]
    categories: list[str]
    complete: bool

    @property
    def total(self) -> Count:
        return Count(len(self.ids), self.complete)

    def of(self, category: Category | None) -> Self:
        """Return those of one category, or all."""
        if category is None:
            return self
        kept = [event_id for event_id, each in zip(self.ids, self.categories, strict=True) if each == category.value]
        return replace(self, ids=kept, categories=[category.value] * len(kept))

    def by_category(self) -> dict[Category, Count]:
        counted = Counter(self.categories)
        return {category: Count(counted[category.value], self.complete) for category in Category}

    def between(self, low: int, high: int) -> Count:
        """Count the matches from *low* up to *high*."""
        number = self._newer(low) - self._newer(high)
        return Count(number, self.complete or (bool(self.ids) and low > self.ids[-1]))

    def position(self, event_id: int) -> Count | None:
        """Return the ordinal of one of the matches, the newest being 1; None if it is not listed."""
        place = self._newer(event_id)
        return Count(place) if self.ids[place - 1 : place] == [event_id] else None

    def _newer(self, event_id: int) -> int:
        """Return how many of the matches have this id or a greater one."""
        return bisect_left(self.ids, -event_id + 1, key=lambda each: -each)


def list_newest(wanted: LogFilter, now: datetime) -> Listing:
    """List the newest events *wanted*, whatever its place in the log."""
    values = wanted.values(now)
    found = db.session.connection().execute(_statement(tuple(values)), values).all()
    listed = found[:CAP]
    return Listing([row.id for row in listed], [row.category for row in listed], len(found) <= CAP)


@cache
def _statement(names: tuple[str, ...]) -> Select[Any]:
    query = select(_event.id, _event.category).where(*clauses(_event, names))
    return query.order_by(_event.id.desc()).limit(literal_column(str(CAP + 1)))
