"""How long entries are kept: in words, compared, and as the first day that is kept."""

from datetime import UTC, date, datetime

import pytest

from auditweb.accounts.retention import is_shorter, oldest_kept, told


@pytest.mark.parametrize(
    ("now", "months", "zone", "day"),
    [
        (datetime(2026, 11, 23, 10, tzinfo=UTC), 12, "Europe/London", date(2025, 11, 23)),
        (datetime(2026, 11, 23, 16, tzinfo=UTC), 12, "Asia/Tokyo", date(2025, 11, 24)),
        (datetime(2026, 11, 23, 3, tzinfo=UTC), 24, "America/New_York", date(2024, 11, 22)),
        (datetime(2028, 2, 29, 12, tzinfo=UTC), 12, "Europe/London", date(2027, 2, 28)),
        (datetime(2026, 3, 31, 12, tzinfo=UTC), 1, "Europe/London", date(2026, 2, 28)),
        (datetime(2026, 1, 15, 12, tzinfo=UTC), 1, "Europe/London", date(2025, 12, 15)),
        (datetime(2026, 12, 15, 12, tzinfo=UTC), 120, "Europe/London", date(2016, 12, 15)),
    ],
)
def test_first_day_that_is_kept(now: datetime, months: int, zone: str, day: date) -> None:
    assert oldest_kept(now, months, zone) == day


def test_what_is_shorter() -> None:
    assert [is_shorter(*both) for both in ((12, 24), (24, 24), (24, 12), (12, None), (None, 12), (None, None))] == [
        True, False, False, True, False, False,
    ]  # fmt: skip


def test_periods_in_words() -> None:
    assert [told(months) for months in (None, 1, 12, 18, 24, 120)] == [
        "for good", "for 1 month", "for 1 year", "for 18 months", "for 2 years", "for 10 years",
    ]  # fmt: skip
