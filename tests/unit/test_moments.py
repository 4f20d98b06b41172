"""Moments that stand by themselves: how long ago, how long to go, on which day."""

from datetime import UTC, datetime, timedelta

import pytest

from auditweb.web.moments import Moments

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "told"),
    [
        (timedelta(seconds=-5), "just now"),  # another machine's clock is a little ahead
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 min ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=1), "1 h ago"),
        (timedelta(hours=23, minutes=59), "23 h ago"),
        (timedelta(hours=24), "yesterday"),
        (timedelta(hours=24, minutes=31), "21 Nov"),
        (timedelta(days=300), "27 Jan"),
        (timedelta(days=340), "18 Dec 2025"),
    ],
)
def test_how_long_ago(ago: timedelta, told: str) -> None:
    assert Moments(NOW, "Europe/London", absolute=False).since(NOW - ago).brief == told


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (timedelta(seconds=20), "in 1 min"),
        (timedelta(minutes=59), "in 59 min"),
        (timedelta(hours=23, minutes=59), "in 23 h"),
        (timedelta(hours=25), "in a day"),
        (timedelta(days=6, hours=23, minutes=59), "in 7 days"),
    ],
)
def test_how_long_to_go(left: timedelta, told: str) -> None:
    assert Moments(NOW, "Europe/London", absolute=False).until(NOW + left).brief == told


def test_days_are_those_of_the_readers_zone() -> None:
    late = datetime(2026, 11, 6, 23, 30, tzinfo=UTC)

    assert Moments(NOW, "Europe/London", absolute=False).day(late).brief == "6 Nov 2026"
    told = Moments(NOW, "Asia/Tokyo", absolute=True).day(late)
    assert told == ("2026-11-06T23:30:00Z", "7 Nov 2026, 08:30:00 JST", "7 Nov 2026")


def test_whoever_wants_the_clock_gets_it() -> None:
    moments = Moments(NOW, "Asia/Tokyo", absolute=True)

    assert moments.since(NOW - timedelta(minutes=4)).brief == "23 Nov, 09:26"
    assert moments.since(NOW - timedelta(days=400)).brief == "19 Oct 2025, 09:30"
