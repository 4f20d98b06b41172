"""The days of a chain are counted month by month, and a month or a habit anew only when it is another one."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from flask import Flask

from auditweb import clock, ids
from auditweb.extensions import db
from auditweb.ledger import turns
from auditweb.ledger.purger import purge
from auditweb.models import Event
from auditweb.parties import ActorRef
from auditweb.reading import activity, many_ranks
from auditweb.reading.counts import count_between, count_total
from auditweb.reading.filters import LogFilter
from auditweb.reading.lives import find_sample
from auditweb.reading.purges import find_last_purge
from tests.ledgers import operator_engine
from tests.sealing import seal_all

ADA = LogFilter(org_id=1, org_zone="UTC", actor=ActorRef("member", "ada-okafor"))
START = datetime(2026, 6, 1, tzinfo=UTC)
DAYS = 90
BOUNDS = [ids.first_id_at(START + timedelta(days=day)) for day in range(DAYS + 1)]


@pytest.fixture
def tell(an_event: Callable[..., Event]) -> Callable[[int], int]:
    """Record what Ada did on the day of this number, and return its id."""
    return lambda day: an_event(occurred_at=START + timedelta(days=day, hours=9)).id


def by_day(number: int = DAYS) -> dict[int, int]:
    """Return how many entries each of so many days has that has any, by the number of the day."""
    counts = count_between(ADA, BOUNDS[: number + 1])
    db.session.rollback()  # on SQLite whoever else writes would wait
    return {day: counted.number for day, counted in enumerate(counts) if counted.number}


def months_counted() -> list[int]:
    """Count the days; return the months that this took."""
    with patch.object(many_ranks, "_count_anew", wraps=many_ranks._count_anew) as counting:
        by_day()
    return [ids.moment_of(month.start).month for call in counting.call_args_list for month in call.args[-1]]


@pytest.mark.usefixtures("app_context")
def test_a_month_is_counted_anew_when_it_is_added_to(tell: Callable[[int], int]) -> None:
    for day in (3, 33, 63, 63):
        tell(day)
    assert by_day() == {3: 1, 33: 1, 63: 2}
    assert months_counted() == []
    tell(64)
    assert months_counted() == [8]
    assert by_day() == {3: 1, 33: 1, 63: 2, 64: 1}
    seal_all(db.engine)
    assert months_counted() == []
    tell(34)
    assert months_counted() == [7]
    assert by_day() == {3: 1, 33: 1, 34: 1, 63: 2, 64: 1}


def test_after_a_purge_all_is_counted_anew(app: Flask, owner_url: str, tell: Callable[[int], int]) -> None:
    """Though there are as many entries as before: so many were added since, and the oldest of all came meanwhile."""
    *_, last, _ = [tell(day) for day in (3, 3, 5, 5, 40)]

    late: list[int] = []

    def after_a_batch(_number: int) -> None:
        if late:
            raise KeyboardInterrupt
        late.append(tell(1))
        assert by_day() == {1: 1, 5: 2, 40: 1}

    with app.app_context(), operator_engine(owner_url) as engine, patch.multiple(turns, SMALLEST=2, LARGEST=2):
        assert by_day() == {3: 2, 5: 2, 40: 1}
        with pytest.raises(KeyboardInterrupt):
            purge(engine, 1, last, who="Jo", why="due", progress=after_a_batch)
        for day in (6, 6):
            tell(day)
        assert months_counted() == [6, 7, 8]
        assert by_day() == {1: 1, 6: 2, 40: 1}


@pytest.mark.usefixtures("app_context")
def test_the_next_day_is_counted_with_its_month(tell: Callable[[int], int]) -> None:
    for day in (3, DAYS - 1):
        tell(day)
    assert by_day(DAYS - 1) == {3: 1}
    assert by_day() == {3: 1, DAYS - 1: 1}


@pytest.mark.usefixtures("app_context")
def test_days_of_another_zone_are_their_own(tell: Callable[[int], int]) -> None:
    tell(3)
    assert by_day() == {3: 1}
    later = [ids.first_id_at(START + timedelta(days=day, hours=10)) for day in range(DAYS + 1)]
    assert [at for at, counted in enumerate(count_between(ADA, later)) if counted.number] == [2]
    assert by_day() == {3: 1}


def test_habits_are_told_anew_of_other_entries(app: Flask, owner_url: str, tell: Callable[[int], int]) -> None:
    def days(wanted: LogFilter = ADA) -> tuple[int, list[int], int]:
        """Return how many entries there were from nine on, those of each weekday, and how often they were read."""
        with patch("auditweb.reading.activity.find_sample", wraps=find_sample) as reading:
            last_purge = find_last_purge(1)
            habits = activity.find_habits(wanted, "UTC", clock.now(), last_purge, count_total(wanted))
        db.session.rollback()
        assert habits
        return habits.hours[9], list(habits.weekdays[:5]), reading.call_count

    first, *_ = [tell(day) for day in (0, 1)]
    with app.app_context():
        assert [days(), days()] == [(2, [1, 1, 0, 0, 0], 1), (2, [1, 1, 0, 0, 0], 0)]
        tell(2)
        assert [days(), days()] == [(3, [1, 1, 1, 0, 0], 1), (3, [1, 1, 1, 0, 0], 0)]
        with operator_engine(owner_url) as engine:
            assert purge(engine, 1, first, who="Jo", why="due") == 1
        tell(3)
        assert [days(), days()] == [(3, [0, 1, 1, 1, 0], 1), (3, [0, 1, 1, 1, 0], 0)]
        # What was counted may be less than there is; and what is of the last days is another by and by.
        for other in (replace(ADA, action="vehicle.updated"), replace(ADA, last="7d")):
            with clock.set_to(START + timedelta(days=4)):
                assert [days(other)[-1], days(other)[-1]] == [1, 1]
