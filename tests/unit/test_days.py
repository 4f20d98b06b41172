"""Days of 23, 24 and 25 hours, days without a midnight, with two, and one that never was."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from auditweb.reading import days

ODD_ZONES = ("Africa/Cairo", "America/Havana", "America/Sao_Paulo", "America/St_Johns", "Asia/Beirut", "Asia/Gaza")


@pytest.mark.parametrize(
    ("zone", "day", "begins", "hours"),
    [
        ("Europe/London", date(2026, 3, 28), "2026-03-28T00:00", 24),
        ("Europe/London", date(2026, 3, 29), "2026-03-29T00:00", 23),
        ("Europe/London", date(2026, 10, 25), "2026-10-24T23:00", 25),
        ("Asia/Tokyo", date(2026, 3, 1), "2026-02-28T15:00", 24),
        ("Asia/Kathmandu", date(2026, 3, 1), "2026-02-28T18:15", 24),
        ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T03:00", 23),  # no midnight: 23:59 was followed by 01:00
        ("America/Sao_Paulo", date(2018, 2, 17), "2018-02-17T02:00", 25),  # its last hour came twice
        ("Asia/Beirut", date(2022, 3, 27), "2022-03-26T22:00", 23),
        ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00", 25),  # midnight came twice
        ("Australia/Lord_Howe", date(2026, 4, 5), "2026-04-04T13:00", 24.5),
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00", 0),  # left out: the island changed sides
        ("Pacific/Apia", date(2011, 12, 31), "2011-12-30T10:00", 24),
    ],
)
def test_a_day_begins_and_ends_as_clocks_there_show_it(zone: str, day: date, begins: str, hours: float) -> None:
    start, end = days.start_of(day, zone), days.end_of(day, zone)

    assert start == datetime.fromisoformat(begins).replace(tzinfo=UTC)
    assert end - start == timedelta(hours=hours)


def test_a_day_that_clocks_went_back_to_is_not_cut_short() -> None:
    """In Newfoundland clocks went from 00:01 back to 23:01: the old day was shown for an hour more."""
    sunday = date(2010, 11, 7)
    first_minute = datetime(2010, 11, 7, 2, 30, tzinfo=UTC)

    assert days.start_of(sunday, "America/St_Johns") == first_minute
    assert days.end_of(date(2010, 11, 6), "America/St_Johns") == first_minute + timedelta(hours=1)


@pytest.mark.parametrize("zone", ODD_ZONES)
def test_every_moment_lies_in_the_day_its_clock_shows(zone: str) -> None:
    """Tried each half hour of years in which these places changed their clocks about midnight."""
    moment, end = datetime(2009, 1, 1, tzinfo=UTC), datetime(2012, 1, 1, tzinfo=UTC)
    bounds = {}
    while moment < end:
        day = moment.astimezone(ZoneInfo(zone)).date()
        if day not in bounds:
            bounds[day] = days.start_of(day, zone), days.end_of(day, zone)
        assert bounds[day][0] <= moment < bounds[day][1], moment
        moment += timedelta(minutes=30)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Europe/london",
        "europe/london",
        "Mars/Olympus",
        "../etc/passwd",
        "/etc/localtime",
        "localtime",
        "Factory",
        "+01:00",
    ],
)
def test_only_zones_that_everyone_has_are_zones(name: str) -> None:
    assert not days.is_zone(name)


def test_all_places_are_zones() -> None:
    assert all(days.is_zone(name) for name in available_timezones() - {"localtime", "Factory"})
    assert days.is_zone("UTC")


@pytest.mark.parametrize(
    ("zone", "place"),
    [("Asia/Tokyo", "Tokyo"), ("America/Argentina/Buenos_Aires", "Buenos Aires"), ("UTC", "UTC"), ("Etc/UTC", "UTC")],
)
def test_a_zone_is_called_by_its_place(zone: str, place: str) -> None:
    assert days.place(zone) == place
