"""Paging shows each event once, however many share a millisecond and whatever is added meanwhile."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from auditweb import ids
from auditweb.catalogue import Category
from auditweb.extensions import db
from auditweb.parties import Actor, ActorRef, ActorType, Outcome
from auditweb.reading.filters import LogFilter
from auditweb.reading.pages import Page, find_event, find_page
from auditweb.recorder import record
from tests.log_pages import expected_page

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + timedelta(days=2)
ADA, BEN = Actor(ActorType.MEMBER, "1", "Ada"), Actor(ActorType.SYSTEM, "1", "Ben")

# Milliseconds after START: few of them, so that times tie.
TIMES = st.lists(st.integers(0, 5), max_size=30)
SIZES = st.integers(1, 6)
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "category": st.sampled_from([Category.AUTHENTICATION, Category.TEAM]),
        "actor": st.sampled_from([ADA.ref, BEN.ref, ActorRef("support", "1")]),
        "outcome": st.sampled_from([Outcome.SUCCESS, Outcome.DENIED]),
        "action": st.sampled_from(["sign_out.completed", "member.left"]),
    },
)

_organisations = count(1)


@pytest.fixture
def _context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def an_organisation() -> LogFilter:
    """Return the whole log of an organisation that no other example has."""
    return LogFilter(org_id=next(_organisations), org_zone="Europe/London")


def add(log: LogFilter, *milliseconds: int) -> list[int]:
    """Record an event at each time, of changing kinds, and return their ids."""
    added = []
    for number, millisecond in enumerate(milliseconds):
        event = record(
            "member.left" if number % 3 else "sign_out.completed",
            org_id=log.org_id,
            actor=BEN if number % 2 else ADA,
            outcome=Outcome.DENIED if number % 5 == 4 else None,
            occurred_at=START + timedelta(milliseconds=millisecond),
        )
        added.append(event.id)
    db.session.commit()
    return added


def ids_of(page: Page) -> list[int]:
    return [row.id for row in page.rows]


@pytest.mark.usefixtures("_context")
@given(times=TIMES, size=SIZES, narrowed=FILTERS, cursors=st.lists(st.integers(0, ids.LAST_ID), max_size=2))
def test_every_page_is_what_the_slow_way_finds(
    times: list[int], size: int, narrowed: dict[str, object], cursors: list[int]
) -> None:
    """At each cursor there is, on both sides of it, and at any other."""
    log = an_organisation()
    added = add(log, *times)
    log = log.with_(**narrowed)
    matching = [id_ for number, id_ in enumerate(added) if _matches(log, number)]
    for cursor in {
        *added[:8],
        *(id_ + 1 for id_ in added[:3]),
        *(id_ - 1 for id_ in added[:3]),
        *cursors,
        0,
        ids.LAST_ID,
    }:
        for asked in (log.at(before=cursor), log.at(after=cursor)):
            page = find_page(asked, size=size, now=NOW)
            assert (ids_of(page), page.has_newer, page.has_older) == expected_page(
                asked, size, sorted(matching, reverse=True)
            )
    for asked in (log, log.at(oldest=True)):
        page = find_page(asked, size=size, now=NOW)
        assert (ids_of(page), page.has_newer, page.has_older) == expected_page(
            asked, size, sorted(matching, reverse=True)
        )


@pytest.mark.usefixtures("_context")
@pytest.mark.parametrize("size", [1, 3, 50])
@pytest.mark.parametrize("days", [{"from_": 1, "to": 2}, {"from_": 2}, {"to": 1}, {"to": -5}, {"from_": 5}])
def test_every_page_of_some_days_is_what_the_slow_way_finds(days: dict[str, int], size: int) -> None:
    """Wherever the cursor is: among those days, at their edges, or far from them."""
    log = an_organisation()
    added = add(log, *range(0, 4 * 86_400_000, 28_800_000))
    first, final = (days.get(name) for name in ("from_", "to"))
    log = log.with_(**{name: (START + timedelta(days=day)).date() for name, day in days.items()})
    matching = [
        id_
        for number, id_ in enumerate(added)
        if (first is None or number // 3 >= first) and (final is None or number // 3 <= final)
    ]
    for cursor in {*added, *(id_ + 1 for id_ in added), *(id_ - 1 for id_ in added), 0, ids.LAST_ID}:
        for asked in (log.at(before=cursor), log.at(after=cursor)):
            page = find_page(asked, size=size, now=NOW)
            assert (ids_of(page), page.has_newer, page.has_older) == expected_page(
                asked, size, sorted(matching, reverse=True)
            )


@pytest.mark.usefixtures("_context")
@given(times=TIMES, size=SIZES, meanwhile=st.lists(st.integers(0, 9), max_size=12))
def test_walking_to_older_pages_shows_each_event_once(times: list[int], size: int, meanwhile: list[int]) -> None:
    log = an_organisation()
    there = add(log, *times)
    seen: list[int] = []
    page = find_page(log, size=size, now=NOW)
    while page.rows:
        seen += ids_of(page)
        if meanwhile:
            add(log, meanwhile.pop())
        page = find_page(log.at(before=seen[-1]), size=size, now=NOW)

    assert seen == sorted(set(seen), reverse=True)
    assert set(there) <= set(seen)


@pytest.mark.usefixtures("_context")
@given(times=TIMES, size=SIZES, meanwhile=st.lists(st.integers(0, 9), max_size=12))
def test_walking_to_newer_pages_leaves_nothing_out(times: list[int], size: int, meanwhile: list[int]) -> None:
    """Each page goes on where the last one ended; only the newest page, which is kept full, may overlap it."""
    log = an_organisation()
    there = add(log, *times)
    page = find_page(log.at(oldest=True), size=size, now=NOW)
    seen = ids_of(page)[::-1]
    while page.has_newer:
        if meanwhile:
            add(log, meanwhile.pop())
        page = find_page(log.at(after=seen[-1]), size=size, now=NOW)
        new = [id_ for id_ in ids_of(page)[::-1] if id_ > seen[-1]]
        assert not page.has_newer or len(new) == size
        seen += new

    assert seen == sorted(set(seen))
    assert set(there) <= set(seen)


@pytest.mark.usefixtures("_context")
def test_another_organisations_events_are_on_no_page() -> None:
    ours, theirs = an_organisation(), an_organisation()
    mine, other = add(ours, 1, 2, 3), add(theirs, 1, 2, 3)

    for cursor in (None, *mine, *other):
        for asked in (ours.at(before=cursor), ours.at(after=cursor), ours.at(oldest=True)):
            assert set(ids_of(find_page(asked, size=2, now=NOW))) <= set(mine)
    assert find_event(ours.org_id, other[0]) is None
    found = find_event(ours.org_id, mine[0])
    assert found is not None
    assert found.id == mine[0]


def _matches(log: LogFilter, number: int) -> bool:
    """Tell whether the event that `add` made as this *number* meets the filter."""
    action = "member.left" if number % 3 else "sign_out.completed"
    category = Category.TEAM if number % 3 else Category.AUTHENTICATION
    actor = BEN if number % 2 else ADA
    outcome = Outcome.DENIED if number % 5 == 4 else Outcome.SUCCESS
    return (
        log.category in (None, category)
        and log.actor in (None, actor.ref)
        and log.outcome in (None, outcome)
        and log.action in ("", action)
    )
