"""Two years of days, the times without an entry, and when somebody usually is at work."""

from datetime import UTC, date, datetime, timedelta

import pytest

from auditweb import ids
from auditweb.reading.activity import Calendar, Gap, bounds, first_day, habits_in, usual_hours
from auditweb.reading.counts import Count
from auditweb.reading.filters import LogFilter
from auditweb.reading.lives import Seen
from auditweb.web.activity import days_address, draw_days, draw_hours, weekdays_told

TODAY = date(2026, 11, 23)  # a Monday


def calendar(*busy: date) -> Calendar:
    first = first_day(TODAY)
    days = (TODAY - first).days + 1
    numbers = [Count(int(first + timedelta(days=at) in busy)) for at in range(days)]
    return Calendar("Europe/London", first, numbers)


def test_two_years_begin_on_a_monday_and_end_today() -> None:
    assert first_day(TODAY) == date(2024, 11, 25)
    assert first_day(date(2026, 11, 29)) == date(2024, 11, 25)
    assert calendar().final == TODAY


def test_days_begin_when_clocks_there_say_so() -> None:
    found = bounds(date(2026, 10, 25), date(2026, 10, 26), "Europe/London")  # clocks go back

    starts = [ids.moment_of(bound) for bound in found]
    assert starts == [
        datetime(2026, 10, 24, 23, tzinfo=UTC),
        datetime(2026, 10, 26, tzinfo=UTC),
        datetime(2026, 10, 27, tzinfo=UTC),
    ]


def test_gaps_are_the_days_in_a_row_without_an_entry() -> None:
    days = calendar(date(2026, 11, 16), date(2026, 11, 17), date(2026, 11, 20))

    assert days.gaps(date(2026, 11, 16), TODAY) == [
        Gap(date(2026, 11, 18), date(2026, 11, 19)),
        Gap(date(2026, 11, 21), date(2026, 11, 23)),
    ]
    assert days.gaps(date(2026, 11, 16), date(2026, 11, 17)) == []
    assert days.gaps(date(2020, 1, 1), date(2030, 1, 1))[0].first == days.first


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ({9: 10}, (9, 1)),
        ({9: 30, 12: 30, 16: 30}, (9, 8)),
        ({9: 45, 10: 50, 3: 5}, (9, 2)),  # one night in twenty is not usual
        ({23: 10, 0: 10, 1: 10}, (23, 3)),  # round midnight
        (dict.fromkeys(range(24), 1), (0, 22)),
    ],
)
def test_usual_hours_are_the_fewest_with_nine_in_ten(hours: dict[int, int], expected: tuple[int, int]) -> None:
    assert usual_hours([hours.get(hour, 0) for hour in range(24)]) == expected


def test_habits_are_told_in_the_zone_of_the_reader() -> None:
    moment = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)  # a Sunday in London, Monday morning in Tokyo
    sample = [Seen(ids.first_id_at(moment) + 1, "203.0.113.7"), Seen(ids.first_id_at(moment), None)]

    london, tokyo = habits_in(sample, "Europe/London"), habits_in(sample, "Asia/Tokyo")

    assert (london.hours[23], london.weekdays[6]) == (2, 2)
    assert (tokyo.hours[8], tokyo.weekdays[0]) == (2, 2)
    assert list(london.addresses) == [("203.0.113.7", 1, sample[0].id)]
    assert (london.size, london.unknown, london.usual) == (2, 1, (23, 0))


@pytest.mark.parametrize(
    ("busy", "told"),
    [
        ({0, 1, 2, 3, 4}, "Monday to Friday"),
        ({1, 3}, "Tuesday and Thursday"),
        ({0, 2, 4}, "Monday, Wednesday and Friday"),
        ({4}, "Friday"),
        (set(range(7)), "Every day of the week"),
    ],
)
def test_days_of_the_week_in_words(busy: set[int], told: str) -> None:
    assert weekdays_told([10 * (day in busy) for day in range(7)]) == told


def test_a_day_with_entries_leads_to_them() -> None:
    wanted = LogFilter(org_id=1, org_zone="Europe/London", q='"<b>"')

    first, second = draw_days(calendar(date(2026, 11, 16)), days_address("/log", wanted, "Asia/Tokyo"))

    assert "<a " not in first.shapes
    assert second.shapes.count("<a ") == 1
    assert 'href="/log?from=2026-11-16&amp;to=2026-11-16&amp;tz=Asia/Tokyo&amp;q=%22%3Cb%3E%22"' in second.shapes
    assert "Monday 16 November 2026: 1 entry" in second.shapes


def test_hours_are_drawn_with_the_usual_ones_set_apart() -> None:
    sample = [Seen(ids.first_id_at(datetime(2026, 11, 20, 9, minute, tzinfo=UTC)), None) for minute in range(19, 0, -1)]
    sample.append(Seen(ids.first_id_at(datetime(2026, 11, 19, 3, tzinfo=UTC)), None))

    drawn = str(draw_hours(habits_in(sample, "Europe/London")))

    assert drawn.count("<g>") == 24
    assert drawn.count('class="bar now"') == 1
    assert "09:00 to 10:00: 19 entries" in drawn
