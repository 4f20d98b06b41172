"""Times as a reader sees them."""

from datetime import UTC, date, datetime, timedelta

import pytest

from auditweb import ids
from auditweb.web.times import Clock, exact, is_late, utc

NOW = datetime(2026, 11, 23, 10, 42, 7, 500_000, tzinfo=UTC)


def clock(zone: str = "Europe/London", *, absolute: bool = False) -> Clock:
    return Clock(NOW, zone, absolute=absolute)


@pytest.mark.parametrize(
    ("ago", "brief"),
    [
        (timedelta(minutes=-4), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=60), "1 min ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=1), "1 h ago"),
        (timedelta(hours=23, minutes=59, seconds=59), "23 h ago"),
        (timedelta(hours=24), "10:42"),
        (timedelta(days=365), "10:42"),
    ],
)
def test_the_last_day_is_told_by_age_and_the_rest_by_the_clock(ago: timedelta, brief: str) -> None:
    moment = NOW - ago

    assert clock().tell(ids.new_id(moment))[3] == brief
    assert clock(absolute=True).tell(ids.new_id(moment))[3] == f"{moment:%H:%M}"


@pytest.mark.parametrize(
    ("zone", "moment", "day", "full"),
    [
        ("Europe/London", "2026-11-23T10:38:07", date(2026, 11, 23), "Monday 23 November 2026 at 10:38:07 GMT"),
        ("Europe/London", "2026-07-01T10:38:07", date(2026, 7, 1), "Wednesday 1 July 2026 at 11:38:07 BST"),
        ("Asia/Tokyo", "2026-11-22T15:30:00", date(2026, 11, 23), "Monday 23 November 2026 at 00:30:00 JST"),
        ("Asia/Kathmandu", "2026-11-22T18:15:00", date(2026, 11, 23), "Monday 23 November 2026 at 00:00:00 UTC+05:45"),
        ("America/Sao_Paulo", "2018-11-04T03:00:00", date(2018, 11, 4), "Sunday 4 November 2018 at 01:00:00 UTC-02:00"),
    ],
)
def test_a_time_is_told_in_the_readers_zone(zone: str, moment: str, day: date, full: str) -> None:
    event_id = ids.new_id(datetime.fromisoformat(moment).replace(tzinfo=UTC))

    assert clock(zone).tell(event_id)[:3] == (day, f"{moment}Z", full)


def test_the_hour_that_comes_twice_is_told_apart() -> None:
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    told = [clock().tell(ids.new_id(first + timedelta(hours=hour)))[2] for hour in (0, 1)]

    assert told == ["Sunday 25 October 2026 at 01:30:00 BST", "Sunday 25 October 2026 at 01:30:00 GMT"]


@pytest.mark.parametrize(
    ("day", "heading"),
    [
        (date(2026, 11, 23), ("Today", "Monday 23 November")),
        (date(2026, 11, 22), ("Yesterday", "Sunday 22 November")),
        (date(2026, 11, 20), ("", "Friday 20 November")),
        (date(2025, 11, 20), ("", "Thursday 20 November 2025")),
    ],
)
def test_days_are_called_as_people_call_them(day: date, heading: tuple[str, str]) -> None:
    assert clock().heading(day) == heading


def test_today_is_the_readers_today() -> None:
    late = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)

    assert Clock(late, "Asia/Tokyo", absolute=False).heading(date(2026, 11, 24))[0] == "Today"


def test_a_place_in_the_log_is_told_short() -> None:
    assert clock().place(datetime(2026, 11, 22, 20, 18, tzinfo=UTC)) == "22 Nov 20:18"
    assert clock().place(datetime(2025, 1, 2, 3, 4, tzinfo=UTC)) == "2 Jan 2025 03:04"


def test_exact_times() -> None:
    moment = datetime(2026, 11, 23, 10, 19, 7, tzinfo=UTC)

    assert exact(moment.astimezone(clock().zone)) == "23 Nov 2026, 10:19:07 GMT"
    assert utc(moment.astimezone(clock("Asia/Tokyo").zone)) == "2026-11-23T10:19:07Z"


def test_what_came_more_than_an_hour_late_is_late() -> None:
    event_id = ids.new_id(NOW)

    assert not is_late(event_id, NOW + timedelta(minutes=60))
    assert is_late(event_id, NOW + timedelta(minutes=60, seconds=1))
