"""Which bars a question asks for, how they are drawn, and numbers in words."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.parse import parse_qsl

import pytest
from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from auditweb import ids
from auditweb.reading.counts import Count
from auditweb.reading.filters import LogFilter
from auditweb.reading.histogram import Histogram, Unit, bars_for
from auditweb.web import figures, strip

NOW = datetime(2026, 11, 23, 10, 42, 7, tzinfo=UTC)


def bars(query: str, zone: str = "Europe/London", now: datetime = NOW) -> Histogram:
    args: MultiDict[str, str] = MultiDict(parse_qsl(query))
    return bars_for(LogFilter.from_args(args, org_id=1, org_zone="Europe/London"), now, zone)


@pytest.mark.parametrize(
    ("query", "unit", "number"),
    [
        ("", Unit.DAY, 30),
        ("last=1h", Unit.HOUR, 2),
        ("last=24h", Unit.HOUR, 25),  # the first and the last of them not whole
        ("last=2d", Unit.HOUR, 49),
        ("last=49h", Unit.DAY, 3),
        ("last=7d", Unit.DAY, 8),
        ("last=90d", Unit.DAY, 91),
        ("last=92d", Unit.DAY, 93),
        ("last=93d", Unit.WEEK, 15),
        ("last=9999d", Unit.YEAR, 27),
        ("from=2026-11-20&to=2026-11-20", Unit.HOUR, 24),
        ("from=2026-11-20&to=2026-11-21", Unit.HOUR, 48),
        ("from=2026-11-20&to=2026-11-22", Unit.DAY, 3),
        ("from=2026-11-23", Unit.HOUR, 11),
        ("from=2026-11-01", Unit.DAY, 23),
        ("to=2026-03-31", Unit.DAY, 30),
        ("from=2026-01-01&to=2026-04-02", Unit.DAY, 92),
        ("from=2026-01-01&to=2026-04-03", Unit.WEEK, 14),
        ("from=2024-11-25&to=2026-11-29", Unit.WEEK, 105),
        ("from=2023-01-02&to=2026-11-29", Unit.MONTH, 47),
        ("from=2000-01-01&to=2026-11-29", Unit.YEAR, 27),
        ("from=2027-01-01", Unit.DAY, 1),
    ],
)
def test_how_many_of_which(query: str, unit: Unit, number: int) -> None:
    found = bars(query)

    assert (found.unit, len(found.bars)) == (unit, number)
    assert len(found.bounds) == number + 1
    assert all(low < high for low, high in pairwise(found.bounds))


@pytest.mark.parametrize(
    "query",
    [
        "from=2011-12-30&to=2011-12-30&tz=Pacific/Apia",  # a day that was left out
        "from=2011-12-29&to=2012-01-02&tz=Pacific/Apia",
        "from=2069-01-01&to=2069-12-31",
        "to=2000-01-01",
        "from=2000-01-01",
        "from=2069-12-31",
    ],
)
def test_days_that_never_were_and_times_that_ids_cannot_tell_have_no_bar(query: str) -> None:
    found = bars(query)

    assert len(found.bounds) == len(found.bars) + 1
    assert all(low < high for low, high in pairwise(found.bounds))
    strip.draw(found, [Count(1)] * len(found.bars), Count(len(found.bars)), 2026, None)


@pytest.mark.parametrize(
    ("query", "lengths"),
    [
        ("from=2026-10-25&to=2026-10-25&tz=Europe/London", [60] * 25),
        ("from=2026-03-29&to=2026-03-29&tz=Europe/London", [60] * 23),
        ("from=2026-11-20&to=2026-11-20&tz=Asia/Kathmandu", [60] * 24),
        ("from=2026-04-05&to=2026-04-05&tz=Australia/Lord_Howe", [60, 60, 30, *[60] * 22]),  # half an hour twice
        ("from=2026-10-04&to=2026-10-04&tz=Australia/Lord_Howe", [60, 60, 30, *[60] * 21]),  # half an hour left out
    ],
)
def test_hours_are_those_that_clocks_show(query: str, lengths: list[int]) -> None:
    found = bars(query)

    moments = [ids.moment_of(bound) for bound in found.bounds]
    assert [(later - earlier) // timedelta(minutes=1) for earlier, later in pairwise(moments)] == lengths
    assert {bar.hour.minute for bar in found.bars if bar.hour} <= {0, 30}
    assert found.bars[0].hour is not None
    assert (found.bars[0].hour.hour, found.bars[0].hour.minute) == (0, 0)


def test_a_relative_question_begins_where_it_says_and_not_at_midnight() -> None:
    found = bars("last=7d")

    assert ids.moment_of(found.bounds[0]) == NOW.replace(microsecond=0) - timedelta(days=7)
    assert ids.moment_of(found.bounds[1]) == datetime(2026, 11, 17, tzinfo=UTC)
    assert found.bounds[-1] == ids.LAST_ID
    assert found.current == 7


def test_the_current_bar() -> None:
    assert bars("").current == 29
    assert bars("from=2026-11-20&to=2026-11-22").current is None
    assert bars("from=2026-01-01&to=2026-12-31").current == 47
    assert bars("", "Pacific/Auckland", datetime(2026, 11, 23, 12, 0, tzinfo=UTC)).bars[29].first.day == 24


def test_what_is_drawn() -> None:
    found = bars("from=2026-11-20&to=2026-11-23")
    counts = [Count(0), Count(1), Count(10_000), Count(5_000)]

    drawn = strip.draw(found, counts, Count(15_001), 2026, lambda bar: Markup(f"?{bar.first}&amp;"))

    assert drawn.total == "15,001 entries"
    assert drawn.spoken.startswith("15,001 entries. Busiest day: Sunday 22 November 2026 with 10,000 entries.")
    assert "<title>Sunday 22 November 2026: 10,000 entries</title>" in drawn.bars
    assert 'href="?2026-11-20&amp;" hx-get="?2026-11-20&amp;" tabindex="-1"' in drawn.bars
    assert drawn.bars.count('class="hit"') == 4
    assert drawn.bars.count('class="bar') == 3  # none where there is nothing
    assert 'width="237.0" y="42.5" height="1.5"' in drawn.bars  # one among thousands can be seen
    assert 'width="237.0" y="0.0" height="44.0"' in drawn.bars
    assert "Today" in drawn.axis
    assert "20 Nov" in drawn.axis


def test_what_was_not_counted_does_not_pass_for_nothing() -> None:
    found = bars("from=2026-11-19&to=2026-11-23")
    counts = [Count(0, exact=False), Count(7, exact=False), Count(9_000), Count(0), Count(4_000)]

    drawn = strip.draw(found, counts, Count(10_000, exact=False), 2026, None)

    assert drawn.total == "10,000+ entries"  # as the tab says
    assert drawn.spoken == (
        "at least 10,000 entries. Only the newest entries were counted: from 21 November 2026 on."
        " Use the date filter to choose days."
    )
    assert "<title>Thursday 19 November 2026: not counted</title>" in drawn.bars
    assert "<title>Friday 20 November 2026: at least 7 entries, not all counted</title>" in drawn.bars
    assert "<title>Sunday 22 November 2026: 0 entries</title>" in drawn.bars
    assert '<rect class="uncounted" fill="url(#not-counted)" width="384.0" height="44"/>' in drawn.bars
    assert '<text class="uncounted" x="20.00%" y="-16" text-anchor="middle">not counted</text>' in drawn.axis


def test_where_hours_were_not_counted_and_where_nothing_was() -> None:
    found = bars("from=2026-11-23&to=2026-11-23")
    some, least = Count(9), Count(9, exact=False)

    from_one_on = strip.draw(found, [least, *[some] * 23], least, 2026, None)
    none = strip.draw(found, [least] * 24, least, 2026, None)

    assert "counted: from Monday 23 November 2026, 01:00 GMT on." in from_one_on.spoken
    assert "not counted" not in from_one_on.axis  # it has no room there
    assert "Only the newest entries were counted. Use" in none.spoken


def test_all_that_was_counted_leaves_no_band() -> None:
    found = bars("from=2026-11-20&to=2026-11-23")

    drawn = strip.draw(found, [Count(9)] * 4, Count(36), 2026, None)

    assert "counted" not in drawn.bars + drawn.axis + drawn.spoken


def test_labels_leave_each_other_room() -> None:
    for query in ("", "last=7d", "last=24h", "last=90d", "from=2024-11-25&to=2026-11-29", "last=9999d"):
        found = bars(query)
        axis = strip.draw(found, [Count(1)] * len(found.bars), Count(len(found.bars)), 2026, None).axis
        places = [float(part.partition("%")[0]) for part in axis.split('x="')[1:]]
        assert len(places) <= 6
        assert all(later - earlier >= 12 for earlier, later in pairwise(places)), (query, places)


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (0, "0"), (9, "9"), (731, "731"), (999, "999"), (1_000, "1k"), (1_049, "1k"), (1_050, "1.1k"), (4_902, "4.9k"),
        (18_432, "18.4k"), (99_949, "99.9k"), (99_950, "100k"), (184_320, "184k"), (999_499, "999k"), (999_500, "1m"),
        (999_950, "1m"), (1_200_000, "1.2m"), (10_000_000, "10m"), (999_999_999, "1b"),
    ],
)  # fmt: skip
def test_numbers_in_brief(number: int, told: str) -> None:
    assert figures.brief(Count(number)) == told
    assert figures.brief(Count(number, exact=False)) == (f"{told}+" if number else "–")


def test_numbers_in_full() -> None:
    assert figures.exact(Count(18_432)) == "18,432"
    assert figures.exact(Count(10_000, exact=False)) == "10,000+"
    assert figures.spoken(Count(1)) == "1 entry"
    assert figures.spoken(Count(10_000, exact=False)) == "at least 10,000 entries"


def test_none_among_those_counted_is_not_zero() -> None:
    none = Count(0, exact=False)

    assert (figures.brief(none), figures.exact(none)) == ("–", "–")
    assert figures.spoken(none) == figures.titled(none) == "none among those counted"
    assert figures.headed(none) == "None counted"
    assert (figures.brief(Count(0)), figures.titled(Count(0)), figures.headed(Count(0))) == ("0", "0", "0 entries")
