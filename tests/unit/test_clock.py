"""The clock that demo and tests can set."""

from datetime import UTC, datetime, timedelta, timezone

from auditweb import clock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_clock_tells_the_time() -> None:
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert clock.now().tzinfo is UTC


def test_clock_can_be_set() -> None:
    with clock.set_to(NOON):
        assert clock.now() == NOON
        with clock.set_to(NOON.astimezone(timezone(timedelta(hours=9)))):
            assert clock.now() == NOON
            assert clock.now().tzinfo is UTC
        assert clock.now() == NOON

    assert clock.now() != NOON
