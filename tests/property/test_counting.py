"""Counts are what a recount finds, whatever is sealed in which order and whatever still waits."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count, pairwise
from typing import Any
from unittest.mock import patch

import pytest
from flask import Flask
from hypothesis import example, given
from hypothesis import strategies as st

from auditweb import ids
from auditweb.catalogue import Category
from auditweb.extensions import db
from auditweb.ledger.sealer import Sealer
from auditweb.parties import Actor, ActorRef, ActorType, Target
from auditweb.reading import counts, many_ranks
from auditweb.reading.filters import LogFilter
from auditweb.reading.memory import Memory
from auditweb.reading.ranks import Ask, find_ranks
from auditweb.recorder import record

START = datetime(2026, 1, 30, tzinfo=UTC)
NOW = START + timedelta(days=70)
ADA, BEN = Actor(ActorType.MEMBER, "1", "Ada"), Actor(ActorType.SYSTEM, "1", "Ben")

# Hours after START, over two ends of months; many share an hour. After each lot, some of what waits is sealed.
LOTS = st.lists(
    st.tuples(
        st.lists(st.integers(0, 60).map(lambda hour: hour if hour < 40 else 24 * (hour - 40)), max_size=40),
        st.integers(0, 60),
    ),
    min_size=1,
    max_size=6,
)
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "category": st.sampled_from([Category.AUTHENTICATION, Category.TEAM, Category.VEHICLES]),
        "actor": st.sampled_from([ADA.ref, BEN.ref, ActorRef("support", "1")]),
        "from_": st.sampled_from([date(2026, 1, 31), date(2026, 2, 2)]),
        "to": st.sampled_from([date(2026, 2, 3), date(2026, 2, 28), date(2069, 12, 31)]),
        "action": st.just("member.left"),
    },
)

_NOTHING: dict[str, Any] = {"category": None, "actor": None, "action": "", "from_": None, "to": None, "tz": ""}
OTHERS: list[dict[str, Any]] = [
    {},
    _NOTHING,
    _NOTHING | {"actor": ADA.ref, "from_": date(2026, 1, 31)},
    _NOTHING | {"actor": BEN.ref, "category": Category.TEAM, "to": date(2026, 2, 3)},
    _NOTHING | {"target": ("vehicle", "veh_1")},
    _NOTHING | {"target": ("vehicle", "veh_1"), "from_": date(2026, 1, 31)},
]
# Of many ranks, so many events' ids are read; of more it is marks, so many at once.
READ = ((1_000, 1_000), (0, 1_000), (0, 2))

_organisations = count(1)


@pytest.fixture
def _small(app: Flask) -> Iterator[None]:
    """Marks every few events, and batches as small."""
    with (
        app.app_context(),
        patch("auditweb.ledger.marks.EVERY", 4),
        patch("auditweb.ledger.marks.MOST", 8),
        patch("auditweb.ledger.turns.SMALLEST", 7),
        patch("auditweb.ledger.turns.LARGEST", 7),
    ):
        yield


@pytest.mark.usefixtures("_small")
@given(LOTS, FILTERS, st.lists(st.integers(0, 70 * 24), min_size=2, max_size=5))
@example([(list(range(10)), 60), ([5], 0)], {}, [7, 8])  # the mark after seven is nearer, and what waits is before it
def test_counts_are_what_a_recount_finds(
    app: Flask, lots: list[tuple[list[int], int]], narrowed: dict[str, object], hours: list[int]
) -> None:
    org_id = next(_organisations)
    events: list[tuple[int, str, ActorRef, str]] = []
    sealer = Sealer(db.engine)
    wanted = LogFilter(org_id=org_id, org_zone="Asia/Kathmandu", **narrowed)  # type: ignore[arg-type]
    bounds = [ids.first_id_at(START + timedelta(hours=hour)) for hour in sorted(hours)]
    for number, (times, sealed) in enumerate(lots):
        for place, hour in enumerate(times):
            action = ("member.left", "sign_out.completed", "vehicle.updated")[(place + number) % 3]
            events.append(an_event(org_id, action, BEN if place % 2 else ADA, START + timedelta(hours=hour)))
        db.session.commit()
        while sealed > 0 and (done := sealer.seal_batch(org_id)):
            sealed -= done
        for other in OTHERS[:4]:  # which are remembered, and change with the next lot
            check_total_and_between(replace(wanted, **other), events, bounds)

    matching = sorted((e[0] for e in events if meets(wanted, *e)), reverse=True)
    middle = matching[len(matching) // 2] if matching else None
    numbers = counts.count(wanted, bounds=bounds, event_id=middle, now=NOW)

    assert numbers.categories[wanted.category] == (len(matching), True)
    every = [e for e in events if meets(wanted.with_(category=None), *e)]
    for category, counted in numbers.categories.items():
        assert counted == (sum(category in (None, e[1]) for e in every), True)
    between = [sum(low <= each < high for each in matching) for low, high in pairwise(bounds)]
    assert [each.number for each in numbers.between] == between
    check_ranks(wanted, events, bounds)
    for other in OTHERS:
        check_total_and_between(replace(wanted, **other), events, bounds)
    if middle:
        assert numbers.position == matching.index(middle) + 1
    for position in {1, len(matching) // 2 or 1, len(matching), len(matching) + 1} - {0}:
        assert counts.find_at(wanted, position, NOW) == dict(enumerate(matching, 1)).get(position)
    by_actor = counts.count_actors(wanted, [ADA.ref, BEN.ref], NOW)
    assert {actor: each.number for actor, each in by_actor.items()} == {
        ref: sum(meets(wanted.with_(actor=ref), *e) for e in events) for ref in (ADA.ref, BEN.ref)
    }
    db.session.rollback()


def check_total_and_between(wanted: LogFilter, events: list[tuple[int, str, ActorRef, str]], bounds: list[int]) -> None:
    matching = [e[0] for e in events if meets(wanted, *e)]
    assert counts.count_total(wanted, NOW) == (len(matching), True)
    between = [sum(low <= each < high for each in matching) for low, high in pairwise(bounds)]
    assert [each.number for each in counts.count_between(wanted, bounds, NOW)] == between
    with patch.object(many_ranks, "find_ranks", return_value=None):
        assert [each.number for each in counts.count_between(wanted, bounds, NOW)] == between, "while mended"


def check_ranks(wanted: LogFilter, events: list[tuple[int, str, ActorRef, str]], limits: list[int]) -> None:
    """Ask for each rank alone: beside others, what waits for the sealer is looked for as far as any of them goes."""
    chain = LogFilter(org_id=wanted.org_id, org_zone="UTC", category=wanted.category, actor=wanted.actor)
    there = [e[0] for e in events if meets(chain, *e)]
    asks = [Ask.of(chain.category, chain.actor, limit) for limit in limits]
    truth = [sum(each < ask.limit for each in there) for ask in asks]
    assert [find_ranks(chain.org_id, [ask]) for ask in asks] == [{ask: n} for ask, n in zip(asks, truth, strict=True)]
    for few, marks in READ:
        with (
            patch.object(many_ranks, "FEW", few),
            patch.object(many_ranks, "_MARKS_AT_ONCE", marks),
            patch.object(many_ranks, "_remembered", Memory(1)),
        ):
            assert many_ranks.find_many_ranks(chain.org_id, asks) == truth, (few, marks)


def an_event(org_id: int, action: str, actor: Actor, at: datetime) -> tuple[int, str, ActorRef, str]:
    target = Target("vehicle", "veh_1", "Stepwgn") if action == "vehicle.updated" else None
    event = record(action, org_id=org_id, actor=actor, occurred_at=at, target=target)
    return event.id, event.category, actor.ref, action


def meets(wanted: LogFilter, event_id: int, category: str, actor: ActorRef, action: str) -> bool:
    values = wanted.values(NOW)
    return (
        values.get("category", category) == category
        and (wanted.actor or actor) == actor
        and (wanted.action or action) == action
        and (wanted.target is None or action == "vehicle.updated")
        and int(values.get("since", 0)) <= event_id < int(values.get("until", ids.LAST_ID))
    )
