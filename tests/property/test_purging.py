"""After each batch of a purge, wherever it ends and whatever comes meanwhile, all is as the slow way finds it."""

from collections.abc import Iterator
from datetime import date
from functools import partial
from itertools import count, pairwise
from typing import Any
from unittest.mock import patch

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from auditweb import ids
from auditweb.catalogue import Category
from auditweb.extensions import db
from auditweb.ledger import purger
from auditweb.ledger.doctor import Doctor
from auditweb.ledger.purger import count_up_to
from auditweb.ledger.sealer import Sealer
from auditweb.models import Event, Leaf, Posting
from auditweb.reading import counts, search
from auditweb.reading.filters import LogFilter
from auditweb.reading.pages import find_page
from auditweb.reading.postings import GONE
from tests.ledgers import operator_engine
from tests.log_pages import expected_page
from tests.property.test_search import ADA, BEN, EVENTS, NOW, QUERIES, _small, a_search, add, matching, shown

purge = partial(purger.purge, who="Operator (command line)", why="retention")
erase = partial(purger.erase, who="Operator (command line)", why="the organisation is gone")
LOTS = st.lists(st.tuples(EVENTS, st.integers(0, 40)), min_size=1, max_size=3)  # some events, and how many are sealed
FILTERS: list[dict[str, Any]] = [
    {},
    {"category": Category.VEHICLES},
    {"actor": BEN.ref, "from_": date(2026, 3, 8)},
    {"category": Category.AUTHENTICATION, "actor": ADA.ref, "to": date(2026, 3, 20)},
]

_organisations = count(1)

__all__ = ["_small"]


class CutShortError(Exception):
    """Stands for a kill."""


@pytest.fixture
def owner(owner_url: str) -> Iterator[Engine]:
    """The engine of the operator; marks and batches are as small as can be."""
    with (
        operator_engine(owner_url) as engine,
        patch("auditweb.ledger.marks.EVERY", 3),
        patch("auditweb.ledger.marks.MOST", 6),
        patch("auditweb.ledger.turns.SMALLEST", 5),
        patch("auditweb.ledger.turns.LARGEST", 9),
    ):
        yield engine


class Model:
    """A log, and what should be in it."""

    def __init__(self, app: Flask, lots: list[tuple[list[dict[str, Any]], int]]) -> None:
        self.org_id = next(_organisations)
        self.there: list[Event] = []
        self.recorded: set[int] = set()
        with app.app_context():
            self.sealer = Sealer(db.engine)
        for events, sealed in lots:
            self.record(events)
            self.seal(sealed)

    def record(self, events: list[dict[str, Any]]) -> None:
        added = add(self.org_id, events)
        db.session.expunge_all()
        self.there = sorted([*self.there, *added], key=lambda event: event.id)
        self.recorded.update(event.id for event in added)

    def seal(self, wanted: int) -> None:
        while wanted > 0 and (done := self.sealer.seal_batch(self.org_id)):
            wanted -= done

    def check(self, engine: Engine, query: str = "", data: st.DataObject | None = None) -> None:
        """Compare what readers and the doctor find, all or, without *data*, the most of it."""
        with Session(engine) as session:
            left = list(session.scalars(select(Event.id).where(Event.org_id == self.org_id).order_by(Event.id)))
            sealed = set(session.scalars(select(Leaf.event_id).where(Leaf.org_id == self.org_id)))
        assert left == [event.id for event in self.there]
        assert Doctor(engine).examine(self.org_id) == []
        assert self.recorded - set(left) <= sealed
        assert sealed <= self.recorded
        log = LogFilter(org_id=self.org_id, org_zone="UTC")
        for narrowed in FILTERS if data is not None else FILTERS[:2]:
            self._check_counts(log.with_(**narrowed))
        self._check_search(log.with_(q="-land"))
        if data is not None:
            self._check_search(a_search(self.org_id, query, self.there, data))
            self._check_search(log.with_(q="l*"))
            self._check_search(log.with_(action="vehicle.updated"))
        db.session.rollback()

    def notes_words(self, engine: Engine) -> bool:
        """Tell whether the index may still know words of what is gone."""
        noted = select(Posting.word).where(Posting.org_id == self.org_id, Posting.word == GONE)
        with engine.connect() as connection:
            return connection.execute(noted).first() is not None

    def _check_counts(self, wanted: LogFilter) -> None:
        found = matching_all(wanted, self.there)
        middle = found[len(found) // 2] if found else None
        bounds = [0, *[event.id for event in self.there[::7]], ids.LAST_ID]
        numbers = counts.count(wanted, bounds=bounds, event_id=middle, now=NOW)
        assert numbers.categories[wanted.category] == (len(found), True)
        assert [each.number for each in numbers.between] == [
            sum(low <= each < high for each in found) for low, high in pairwise(bounds)
        ]
        assert numbers.position == (found.index(middle) + 1 if middle else None)
        for position in {1, len(found) // 2 or 1, len(found), len(found) + 1} - {0}:
            assert counts.find_at(wanted, position, NOW) == dict(enumerate(found, 1)).get(position)

    def _check_search(self, log: LogFilter) -> None:
        found = matching(log, self.there) if log.q else matching_all(log, self.there)
        for asked in (log, log.at(oldest=True)):
            assert shown(find_page(asked, size=4, now=NOW)) == (*expected_page(asked, 4, found), None)
        matches = search.find_matches(log, cap=1000, budget=60, now=NOW)
        assert (matches.complete, matches.ids) == (True, found)
        assert matches.count() == len(found)
        for name in matches.categories:
            assert matches.count(name) == sum(event.category == name for event in self.there if event.id in set(found))
        few = search.find_matches(log, cap=2, budget=60, now=NOW)
        assert few.ids == found[: len(few.ids)]
        assert len(few.ids) > 2 or few.complete


def matching_all(log: LogFilter, events: list[Event]) -> list[int]:
    """Return the ids of the events that match a question without words, newest first."""
    values = log.values(NOW)
    return sorted(
        [
            event.id
            for event in events
            if log.category in (None, event.category)
            and log.actor in (None, (event.actor_type, event.actor_id))
            and log.action in ("", event.action)
            and int(values.get("since", 0)) <= event.id < int(values.get("until", ids.LAST_ID + 1))
        ],
        reverse=True,
    )


@settings(max_examples=settings.default.max_examples // 4)  # type: ignore[union-attr]
@given(lots=LOTS, others=EVENTS, late=EVENTS, query=QUERIES, data=st.data())
def test_after_each_batch_all_is_as_it_would_be_without_what_went(
    app: Flask,
    owner: Engine,
    lots: list[tuple[list[dict[str, Any]], int]],
    others: list[dict[str, Any]],
    late: list[dict[str, Any]],
    query: str,
    data: st.DataObject,
) -> None:
    """Also when it is cut short after some batch, and when entries of old dates are recorded and sealed between two."""
    log, neighbour = Model(app, lots), Model(app, [(others, 7)])
    if not log.there:
        return
    end = data.draw(st.sampled_from(log.there)).id - data.draw(st.integers(0, 1))
    surprise = data.draw(st.integers(1, 4))
    cut = data.draw(st.booleans())
    batches = count(1)

    def after_batch(number: int) -> None:
        nonlocal late
        gone = [event.id for event in log.there if event.id <= end]
        with Session(owner) as session:
            left = set(session.scalars(select(Event.id).where(Event.org_id == log.org_id)))
        assert sum(event_id not in left for event_id in gone) == number
        log.there = [event for event in log.there if event.id in left]
        if next(batches) == surprise:
            if cut:
                raise CutShortError
            log.record(late)
            log.seal(data.draw(st.integers(0, 20)))
        log.check(owner)

    try:
        purge(owner, log.org_id, end, progress=after_batch)
    except CutShortError:
        log.check(owner, query, data)
        log.record(late)
        log.seal(data.draw(st.integers(0, 20)))
        expected = sum(event.id <= end for event in log.there)
        assert count_up_to(owner, log.org_id, end) == expected
        assert purge(owner, log.org_id, end) == expected
        log.there = [event for event in log.there if event.id > end]
    assert not any(event.id <= end for event in log.there)
    log.check(owner, query, data)
    assert not log.notes_words(owner)
    log.seal(1000)
    log.record(late)
    log.seal(data.draw(st.integers(0, 20)))
    log.check(owner, query, data)
    neighbour.check(owner, query, data)


@settings(max_examples=settings.default.max_examples // 4)  # type: ignore[union-attr]
@given(lots=LOTS, cut=st.integers(1, 9), query=QUERIES)
def test_nothing_is_left_of_a_log_that_was_erased(
    app: Flask, owner: Engine, lots: list[tuple[list[dict[str, Any]], int]], cut: int, query: str
) -> None:
    """Cut short after any step, it left a sound log."""
    log = Model(app, lots)
    steps = count(1)

    def step(_number: int) -> None:
        assert Doctor(owner).examine(log.org_id) == []
        if next(steps) == cut:
            raise CutShortError

    with patch("auditweb.ledger.purger._AT_ONCE", 4):
        try:
            erase(owner, log.org_id, progress=step)
        except CutShortError:
            erase(owner, log.org_id)
    assert log.org_id not in Doctor(owner).organisations()
    log.there, log.recorded = [], set()
    log.check(owner)
