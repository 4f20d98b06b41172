"""Whatever is searched for, and however it came into the index, the slow way finds the same."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count, pairwise
from typing import Any
from unittest.mock import patch

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from auditweb import ids
from auditweb.catalogue import Category
from auditweb.extensions import db
from auditweb.ledger import index
from auditweb.models import Event
from auditweb.parties import Actor, ActorType, Origin, Outcome, Target
from auditweb.reading import matches as matching_events
from auditweb.reading import postings, questions, search, walks, words
from auditweb.reading.filters import LogFilter
from auditweb.reading.pages import Page, find_page
from auditweb.recorder import record
from tests.log_pages import expected_page
from tests.sealing import index_anew, seal

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + timedelta(days=40)
ADA, BEN = Actor(ActorType.MEMBER, "1", "Ada Ling"), Actor(ActorType.SYSTEM, "1", "Night import")
CARS = [Target("vehicle", "v1", "Land Cruiser"), Target("vehicle", "v2", "Landau Cruiser 日本"), None]
ADDRESSES = [None, "203.0.113.7", "2001:db8::1:7"]
LONG = "x" * 80

EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "day": st.integers(0, 30),
            "actor": st.sampled_from([ADA, BEN]),
            "target": st.sampled_from(CARS),
            "ip": st.sampled_from(ADDRESSES),
            "outcome": st.sampled_from(Outcome),
            "note": st.lists(
                st.sampled_from(["land", "Lander", "crüiser", "ice", "203.0.113.7", "日本", LONG + "y", LONG + "z"]),
                max_size=3,
            ).map(" ".join),
        }
    ),
    max_size=40,
)
TERMS = st.sampled_from(
    [
        "land", "cruiser", "ICE", "lan*", "l*", "nothing", '"land cruiser"', '"cruiser land"', '"land cru*"', "ada",
        "日本", "本", "203.0.113.7", "2001:DB8:0::1:7", "203.0*", LONG + "y", LONG + "*", "x" * 63 + "*", "some",
        "{id}", "/entries/{id}",
    ]
)  # fmt: skip
QUERIES = st.lists(st.tuples(st.sampled_from(["", "", "-"]), TERMS).map("".join), min_size=1, max_size=3).map(" ".join)
NARROWED = st.fixed_dictionaries(
    {},
    optional={
        "category": st.sampled_from([Category.AUTHENTICATION, Category.VEHICLES]),
        "actor": st.sampled_from([ADA.ref, BEN.ref]),
        "target": st.sampled_from([("vehicle", "v1"), ("vehicle", "none")]),
        "outcome": st.sampled_from(Outcome),
        "action": st.sampled_from(["sign_in.succeeded", "vehicle.updated"]),
        "from_": st.just(date(2026, 3, 8)),
        "to": st.just(date(2026, 3, 20)),
    },
)
SIZES = st.integers(1, 6)

_organisations = count(1)


@pytest.fixture(autouse=True)
def _small(app: Flask) -> Iterator[None]:
    """Everything in small, so that few events reach all of it: segments, groups, chunks, and what counts as rare."""
    with (
        app.app_context(),
        patch.object(postings, "SEGMENT_SIZE", 4),
        patch.object(walks, "_GROUPS", (1, 2, 3)),
        patch.object(walks, "_CHUNKS", (2, 3)),
        patch.object(walks, "_MOST_LOOKUPS", 12),
        patch.object(questions, "_RARE", 2),
        patch.object(questions, "_MOST_BEGUN", 2),
        patch.object(search, "_CHECKED_AT_ONCE", 3),
        patch.object(matching_events, "_CHECKED_AT_ONCE", 2),
        patch.object(postings, "_SOME", 1),
    ):
        yield


def add(org_id: int, events: Sequence[dict[str, Any]]) -> list[Event]:
    added = []
    for event in events:
        is_sign_in = event["target"] is None
        added.append(
            record(
                "sign_in.succeeded" if is_sign_in else "vehicle.updated",
                org_id=org_id,
                actor=event["actor"],
                target=event["target"],
                facts={
                    "method" if is_sign_in else "fields": event["note"],
                    "place" if is_sign_in else "chassis": "some papers",
                },
                outcome=event["outcome"],
                origin=Origin(ip=event["ip"]),
                occurred_at=START + timedelta(days=event["day"]),
            )
        )
    db.session.commit()
    return added


def seal_some(org_id: int, events: Sequence[Event], data: st.DataObject) -> None:
    """Seal some events in any order, in any number of batches."""
    order = data.draw(st.permutations([event.id for event in events])) if events else []
    order = order[: data.draw(st.integers(0, len(order)))]
    connection = db.session.connection()
    while order:
        batch = data.draw(st.integers(1, len(order)))
        seal(connection, org_id, order[:batch])
        order = order[batch:]
    db.session.commit()


def matching(log: LogFilter, events: Sequence[Event]) -> list[int]:
    """Return the ids of the events that match, newest first, found the slow way."""
    return sorted([event.id for event in events if _meets(log, event) and _holds(log, event)], reverse=True)


@given(events=EVENTS, others=EVENTS, query=QUERIES, narrowed=NARROWED, size=SIZES, data=st.data())
def test_every_page_is_what_the_slow_way_finds(
    events: list[dict[str, Any]],
    others: list[dict[str, Any]],
    query: str,
    narrowed: dict[str, Any],
    size: int,
    data: st.DataObject,
) -> None:
    """With cursors at events, between and beyond them, and beside another organisation with the same words."""
    org_id, other = next(_organisations), next(_organisations)
    added, theirs = add(org_id, events), add(other, others)
    seal_some(org_id, added, data)
    seal_some(other, theirs, data)
    log = a_search(org_id, query, [*added, *theirs], data).with_(**narrowed)
    found = matching(log, added)
    for cursor in {*[event.id for event in added[:5]], *[each + 1 for each in found[:2]], 0, ids.LAST_ID}:
        for asked in (log.at(before=cursor), log.at(after=cursor)):
            assert shown(find_page(asked, size=size, now=NOW)) == (*expected_page(asked, size, found), None)
    for asked in (log, log.at(oldest=True)):
        assert shown(find_page(asked, size=size, now=NOW)) == (*expected_page(asked, size, found), None)


@given(events=EVENTS, query=QUERIES, narrowed=NARROWED, cap=st.integers(0, 12), data=st.data())
def test_matches_are_what_the_slow_way_finds(
    events: list[dict[str, Any]], query: str, narrowed: dict[str, Any], cap: int, data: st.DataObject
) -> None:
    """The place that is asked for does not narrow them."""
    org_id = next(_organisations)
    added = add(org_id, events)
    seal_some(org_id, added, data)
    log = a_search(org_id, query, added, data).with_(**narrowed)
    found = matching(log, added)
    category = {event.id: event.category for event in added}

    matches = search.find_matches(log.at(oldest=True), cap=cap, budget=60, now=NOW)

    assert matches.ids == found[: len(matches.ids)]
    assert len(matches.ids) >= min(cap, len(found))
    assert matches.ids == found or not matches.complete
    assert matches.complete or len(matches.ids) > cap
    assert matches.count() == len(matches.ids)
    for name in {*category.values(), *matches.categories}:
        assert matches.categories.get(name, []) == [each for each in matches.ids if category[each] == name]
        assert matches.count(name) == len(matches.categories.get(name, []))
    for low, high in pairwise(sorted(data.draw(st.lists(st.sampled_from([0, ids.LAST_ID, *category]), max_size=4)))):
        assert matches.count(low=low, high=high) == len([each for each in matches.ids if low <= each < high])


@given(events=EVENTS, query=QUERIES, size=SIZES, data=st.data(), limit=st.integers(0, 12))
def test_time_that_runs_out_loses_nothing(
    events: list[dict[str, Any]], query: str, size: int, data: st.DataObject, limit: int
) -> None:
    """Going on from where a search stopped, each match is shown exactly once, from both ends."""
    org_id = next(_organisations)
    added = add(org_id, events)
    seal_some(org_id, added, data)
    log = a_search(org_id, query, added, data)
    found = matching(log, added)
    for direction, asked in (("before", log), ("after", log.at(oldest=True))):
        seen: list[int] = []
        while True:
            with limited(limit):
                page = find_page(asked, size=size, now=NOW)
            rows = [row.id for row in page.rows]
            fresh = rows if direction == "before" else rows[::-1]
            if direction == "after" and asked.after is not None and page.searched_to is None and not page.has_newer:
                fresh = [each for each in fresh if each > asked.after]  # the newest page is kept full
            seen += fresh
            if page.searched_to is None and not (page.has_older if direction == "before" else page.has_newer):
                break
            place = page.searched_to if page.searched_to is not None else seen[-1]
            assert place != getattr(asked, direction)
            asked = log.at(before=place) if direction == "before" else log.at(after=place)
        assert seen == (found if direction == "before" else found[::-1])


@given(events=EVENTS, query=QUERIES, limit=st.integers(0, 8), data=st.data())
def test_counting_that_runs_out_of_time_counts_the_newest(
    events: list[dict[str, Any]], query: str, limit: int, data: st.DataObject
) -> None:
    org_id = next(_organisations)
    added = add(org_id, events)
    seal_some(org_id, added, data)
    log = a_search(org_id, query, added, data)
    found = matching(log, added)

    with limited(limit):
        matches = search.find_matches(log, now=NOW)

    assert matches.ids == [each for each in found if each >= matches.since]
    assert not matches.complete or matches.ids == found


@given(events=EVENTS, data=st.data())
def test_index_is_the_same_however_it_was_made(events: list[dict[str, Any]], data: st.DataObject) -> None:
    org_id = next(_organisations)
    seal_some(org_id, add(org_id, events), data)
    connection = db.session.connection()
    told: list[int] = []

    def everything() -> list[Any]:
        return [
            connection.exec_driver_sql(f"SELECT * FROM {table} WHERE org_id = {org_id} ORDER BY 1, 2, 3").all()
            for table in ("segment", "posting")
        ]

    made = everything()
    assert index.check(connection, org_id, told.append) == []
    index_anew(connection, org_id)

    assert everything() == made
    assert sum(told) == sum(row.size for row in made[0])
    db.session.rollback()


def limited(checks: int) -> Any:
    """Let the time run out when it is looked at for the *checks*-th time after a search began."""
    seen = count()

    def passed(_deadline: walks.Deadline) -> bool:
        return next(seen) >= checks

    return patch.object(walks.Deadline, "passed", passed)


def a_search(org_id: int, query: str, events: Sequence[Event], data: st.DataObject) -> LogFilter:
    known = ids.to_text(data.draw(st.sampled_from(events)).id) if events else ids.to_text(7)
    return LogFilter(org_id=org_id, org_zone="UTC", q=words.canonical(query.replace("{id}", known)))


def shown(page: Page) -> tuple[list[int], bool, bool, int | None]:
    return [row.id for row in page.rows], page.has_newer, page.has_older, page.searched_to


def _meets(log: LogFilter, event: Event) -> bool:
    values = log.values(NOW)
    return (
        log.category in (None, event.category)
        and log.actor in (None, (event.actor_type, event.actor_id))
        and log.target in (None, (event.target_type, event.target_id))
        and log.action in ("", event.action)
        and log.outcome in (None, event.outcome)
        and int(values.get("since", 0)) <= event.id < int(values.get("until", ids.LAST_ID + 1))
    )


def _holds(log: LogFilter, event: Event) -> bool:
    texts = [event.summary, event.actor_name, event.via_name or "", event.target_name or "", *event.facts.values()]
    assert log.words is not None
    for term in log.words.terms:
        in_a_row = any(
            _starts(term, words.words_of(text)[place:]) for text in texts for place in range(len(words.words_of(text)))
        )
        held = in_a_row or (term.ip != "" and event.ip == term.ip) or term.id == event.id
        if held == term.excluded:
            return False
    return True


def _starts(term: words.Term, row: list[str]) -> bool:
    if not term.words or len(row) < len(term.words):
        return False
    *first, last = term.words
    there = row[len(first)]
    return row[: len(first)] == first and (there.startswith(last) if term.begun else there == last)
