"""Whatever is asked: out of the address and back it is the same, and equal filters have equal addresses."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from auditweb import ids
from auditweb.catalogue import Category
from auditweb.parties import ActorRef, ActorType, Outcome
from auditweb.reading import days
from auditweb.reading.filters import LogFilter
from auditweb.reading.flags import ANY, Flag
from auditweb.reading.parameters import BadFilter

NAMES = (
    "category", "actor", "target", "action", "outcome", "flag", "from", "to", "tz", "last", "upto", "before", "after",
    "oldest",
)  # fmt: skip
ZONES = sorted(name for name in available_timezones() if days.is_zone(name))
IDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=200)
EVENT_IDS = st.integers(0, ids.LAST_ID)
DAYS = st.dates(date(2000, 1, 1), date(2069, 12, 31))


@st.composite
def filters(draw: st.DrawFn) -> LogFilter:
    fields: dict[str, Any] = {
        "category": draw(st.none() | st.sampled_from(Category)),
        "actor": draw(st.none() | st.builds(ActorRef, st.sampled_from([str(each) for each in ActorType]), IDS)),
        "target": draw(st.none() | st.tuples(st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True), IDS)),
        "action": draw(st.just("") | st.from_regex(r"[a-z][a-z0-9_]{0,9}\.[a-z][a-z0-9_]{0,9}", fullmatch=True)),
        "outcome": draw(st.none() | st.sampled_from(Outcome)),
        "flag": draw(st.sampled_from(["", ANY, *(flag.value for flag in Flag)])),
        "upto": draw(st.none() | EVENT_IDS),
    }
    match draw(st.sampled_from(["all time", "last", "from", "to", "range"])):
        case "last":
            fields["last"] = f"{draw(st.integers(1, 9999))}{draw(st.sampled_from('hd'))}"
        case "from":
            fields |= {"from_": draw(DAYS), "tz": draw(st.sampled_from(ZONES))}
        case "to":
            fields |= {"to": draw(DAYS), "tz": draw(st.sampled_from(ZONES))}
        case "range":
            first, final = sorted((draw(DAYS), draw(DAYS)))
            fields |= {"from_": first, "to": final, "tz": draw(st.sampled_from(ZONES))}
    match draw(st.sampled_from(["newest", "before", "after", "oldest"])):
        case "before":
            fields["before"] = draw(EVENT_IDS)
        case "after":
            fields["after"] = draw(EVENT_IDS)
        case "oldest":
            fields["oldest"] = True
    return LogFilter(org_id=1, org_zone=draw(st.sampled_from(ZONES)), **fields)


def read_back(pairs: list[tuple[str, str]], asked: LogFilter) -> LogFilter:
    return LogFilter.from_args(MultiDict(pairs), org_id=asked.org_id, org_zone=asked.org_zone)


@given(filters())
def test_out_of_the_address_and_back_it_is_the_same(asked: LogFilter) -> None:
    assert read_back(list(asked.to_args().items()), asked) == asked
    assert read_back(parse_qsl(asked.query()[1:], strict_parsing=bool(asked.query())), asked) == asked


@given(filters(), st.data())
def test_equal_filters_have_equal_addresses(asked: LogFilter, data: st.DataObject) -> None:
    """However the parameters are ordered, and whatever empty ones a form sends along."""
    empty = data.draw(st.lists(st.sampled_from(NAMES)))
    pairs = data.draw(st.permutations([*asked.to_args().items(), *((name, "") for name in empty)]))

    assert read_back(pairs, asked).query() == asked.query()


@given(filters())
def test_days_in_an_address_begin_and_end_where_they_do_in_their_zone(asked: LogFilter) -> None:
    values = replace(asked, upto=None).values(datetime(2026, 11, 23, tzinfo=UTC))
    zone = ZoneInfo(asked.tz) if asked.tz else None
    if asked.from_ and values["since"]:
        first = ids.EPOCH.timestamp() + (int(values["since"]) >> ids.SEQUENCE_BITS) / 1000
        assert datetime.fromtimestamp(first, zone).date() >= asked.from_
        assert first == int(first)
    if "until" in values:
        after = ids.EPOCH.timestamp() + (int(values["until"]) >> ids.SEQUENCE_BITS) / 1000
        assert asked.to is not None
        assert asked.to == date(2011, 12, 30) or datetime.fromtimestamp(after - 1, zone).date() <= asked.to


@given(filters())
def test_a_filter_always_has_words(asked: LogFilter) -> None:
    words = asked.describe({"actor": "Hana Sato", "target": "Honda Stepwgn"})

    assert words[0].isupper()
    assert "None" not in words


@given(st.lists(st.tuples(st.sampled_from(NAMES) | st.text(max_size=8), st.text(max_size=40)), max_size=6))
def test_anything_else_is_refused_in_words(pairs: list[tuple[str, str]]) -> None:
    try:
        asked = LogFilter.from_args(MultiDict(pairs), org_id=1, org_zone="Europe/London")
    except BadFilter as refused:
        reason = refused.reason
    else:
        reason = "none"
        assert read_back(list(asked.to_args().items()), asked) == asked
    assert reason
