"""The grammar of the log's address: what it takes, what it refuses, how it is spelled and told."""

from datetime import UTC, date, datetime, timedelta

import pytest
from werkzeug.datastructures import MultiDict

from auditweb import ids
from auditweb.catalogue import Category
from auditweb.parties import ActorRef, Outcome
from auditweb.reading.filters import LogFilter
from auditweb.reading.parameters import BadFilter

PLACE = "32ST6QNF15NM7"
NOW = datetime(2026, 11, 23, 10, 42, 7, tzinfo=UTC)


def asked(query: str, org_zone: str = "Europe/London") -> LogFilter:
    pairs = [pair.partition("=")[::2] for pair in query.split("&") if pair]
    return LogFilter.from_args(MultiDict(pairs), org_id=7, org_zone=org_zone)


def test_nothing_asked_is_the_whole_log() -> None:
    wanted = asked("")

    assert wanted == LogFilter(org_id=7, org_zone="Europe/London")
    assert not wanted.narrows
    assert wanted.query() == ""
    assert wanted.values(NOW) == {"org_id": 7}


def test_everything_that_can_be_asked() -> None:
    wanted = asked(
        "category=vehicles&actor=member:42&target=vehicle:veh_1&action=vehicle.updated&outcome=failure"
        f"&flag=burst&from=2026-03-01&to=2026-03-31&tz=Asia/Tokyo&before={PLACE}"
    )

    assert wanted == LogFilter(
        org_id=7,
        org_zone="Europe/London",
        category=Category.VEHICLES,
        actor=ActorRef("member", "42"),
        target=("vehicle", "veh_1"),
        action="vehicle.updated",
        outcome=Outcome.FAILURE,
        flag="burst",
        from_=date(2026, 3, 1),
        to=date(2026, 3, 31),
        tz="Asia/Tokyo",
        before=ids.from_text(PLACE),
    )
    assert wanted.narrows


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("actor=member:42&category=team", "?category=team&actor=member:42"),
        ("category=&actor=&from=&to=&tz=&last=&before=&after=&oldest=", ""),
        ("tz=Asia/Tokyo", ""),
        ("from=2026-03-01", "?from=2026-03-01&tz=Europe/London"),
        ("tz=Asia/Tokyo&to=2026-03-01", "?to=2026-03-01&tz=Asia/Tokyo"),
        ("last=7d&tz=Asia/Tokyo&oldest=1", "?last=7d&oldest=1"),
        ("last=7d&flag=any&outcome=denied", "?outcome=denied&flag=any&last=7d"),
        (f"after={PLACE}&outcome=denied", f"?outcome=denied&after={PLACE}"),
        (f"before={PLACE}&upto={PLACE}&q=a", f"?q=a&upto={PLACE}&before={PLACE}"),
        ("actor=system:nightly job: 5", "?actor=system:nightly%20job:%205"),
        ("target=person:a&category=&category=team", "?category=team&target=person:a"),
        ("target=vehicle:é&x", None),
    ],
)
def test_a_filter_has_one_address(query: str, canonical: str | None) -> None:
    if canonical is None:
        with pytest.raises(BadFilter):
            asked(query)
    else:
        assert asked(query).query() == canonical


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("sort=oldest", "sort"),
        ("q=…", "q"),
        (f"q={'long' * 51}", "q"),
        ("Category=team", "Category"),
        ("page=2", "page"),
        ("=x", ""),
        ("category=boats", "category"),
        ("category=Team", "category"),
        ("category=team&category=vehicles", "category"),
        ("category=team&category=team", "category"),
        ("actor=42", "actor"),
        ("actor=robot:42", "actor"),
        ("actor=member:", "actor"),
        ("actor=:42", "actor"),
        ("actor=member:\0", "actor"),
        ("actor=member:" + "x" * 600, "actor"),
        ("target=vehicle", "target"),
        ("target=:1", "target"),
        ("target=vehicle:\0", "target"),
        ("action=vehicle", "action"),
        ("action=vehicle.updated;drop", "action"),
        ("action=" + "x." * 200 + "x", "action"),
        ("outcome=succeeded", "outcome"),
        ("flag=yes", "flag"),
        ("flag=ANY", "flag"),
        ("from=2026-3-1", "from"),
        ("from=2026-02-30", "from"),
        ("from=20260301", "from"),
        ("from=2026-W10-1", "from"),
        ("from=yesterday", "from"),
        ("from=२०२६-०३-०१", "from"),
        ("from=1999-12-31", "from"),
        ("to=2070-01-01", "to"),
        ("to=0000-01-01", "to"),
        ("from=2026-03-02&to=2026-03-01", "from"),
        ("tz=Mars/Olympus", "tz"),
        ("from=2026-03-01&tz=europe/london", "tz"),
        ("last=7", "last"),
        ("last=0d", "last"),
        ("last=07d", "last"),
        ("last=10000h", "last"),
        ("last=1w", "last"),
        ("last=-1d", "last"),
        ("last=٣d", "last"),
        ("last=7d&from=2026-03-01", "last"),
        ("last=7d&to=2026-03-01", "last"),
        ("before=1", "before"),
        ("before=" + "9" * 23, "before"),
        ("before=32st6qnf15nm7", "before"),
        ("before=Z2ST6QNF15NM7", "before"),
        ("before=32ST6QNF15NMU", "before"),
        ("after=-2ST6QNF15NM7", "after"),
        (f"before={PLACE}&after={PLACE}", "before"),
        (f"before={PLACE}&oldest=1", "before"),
        ("oldest=true", "oldest"),
        ("oldest=0", "oldest"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(query: str, field: str) -> None:
    with pytest.raises(BadFilter) as refused:
        asked(query)

    assert refused.value.field == field
    assert refused.value.reason.endswith(".")
    assert len(refused.value.reason) < (300 if field == "flag" else 200)  # that names all kinds


def test_contradictions_name_all_that_must_go() -> None:
    with pytest.raises(BadFilter) as reversed_:
        asked("from=2026-03-02&to=2026-03-01")
    with pytest.raises(BadFilter) as two_places:
        asked(f"after={PLACE}&oldest=1")

    assert reversed_.value.fields == ("from", "to")
    assert reversed_.value.reason == "The dates are the wrong way round: 2 March 2026 comes after 1 March 2026."
    assert two_places.value.fields == ("after", "oldest")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "All entries"),
        ("category=vehicles", "Vehicles entries"),
        ("category=data_export", "Data export entries"),
        ("outcome=failure", "Failed entries"),
        ("outcome=denied&category=authentication", "Denied Authentication entries"),
        ("flag=any", "Flagged entries"),
        ("flag=odd_hours&outcome=denied", "Flagged denied entries that show “Unusual hours”"),
        ("actor=member:42", "Entries by Hana Sato"),
        ("target=vehicle:1", "Entries about Honda Stepwgn"),
        ("action=vehicle.updated", "Entries of the kind vehicle.updated"),
        (
            "category=vehicles&actor=member:42&from=2026-03-01&to=2026-03-31&tz=Asia/Tokyo",
            "Vehicles entries by Hana Sato, 1 to 31 March 2026 (Tokyo)",
        ),
        ("from=2026-03-01&to=2026-03-01", "Entries, 1 March 2026 (London)"),
        ("from=2026-03-30&to=2026-04-02", "Entries, 30 March to 2 April 2026 (London)"),
        ("from=2025-12-30&to=2026-01-02", "Entries, 30 December 2025 to 2 January 2026 (London)"),
        ("from=2026-03-01&tz=America/New_York", "Entries, from 1 March 2026 (New York)"),
        ("to=2026-03-01", "Entries, up to 1 March 2026 (London)"),
        ("last=7d", "Entries, last 7 days"),
        ("last=24h&category=team", "Team entries, last 24 hours"),
        ("last=1d", "Entries, last day"),
        ("last=1h&oldest=1", "Entries, last hour"),
        (f"upto={PLACE}", "Entries, up to 23 November 2026, 10:19:07 (London)"),
        (
            f"category=team&to=2026-11-24&tz=Asia/Tokyo&upto={PLACE}",
            "Team entries, up to 24 November 2026 (Tokyo), up to 23 November 2026, 19:19:07 (Tokyo)",
        ),
    ],
)
def test_a_filter_says_itself_in_words(query: str, words: str) -> None:
    assert asked(query).describe({"actor": "Hana Sato", "target": "Honda Stepwgn"}) == words


def test_who_has_no_name_is_told_by_id() -> None:
    assert asked("actor=member:42&target=vehicle:1").describe() == "Entries by member:42 about vehicle 1"


@pytest.mark.parametrize(
    ("query", "name", "left"),
    [
        ("category=team&actor=member:1&oldest=1", "category", "?actor=member:1"),
        (f"category=team&actor=member:1&before={PLACE}", "actor", "?category=team"),
        ("outcome=failure&target=vehicle:1", "target", "?outcome=failure"),
        ("action=vehicle.updated&outcome=failure", "action", "?outcome=failure"),
        ("action=vehicle.updated&outcome=failure", "outcome", "?action=vehicle.updated"),
        ("category=team&last=7d", "dates", "?category=team"),
        ("category=team&from=2026-03-01&to=2026-03-02", "dates", "?category=team"),
        ("category=team&from=2026-03-01&to=2026-03-02", "from", "?category=team"),
    ],
)
def test_a_chip_takes_away_one_thing_and_the_place(query: str, name: str, left: str) -> None:
    assert asked(query).without(name).query() == left


def test_new_days_take_the_place_of_old_ones() -> None:
    dated, recent = asked("from=2026-03-01&to=2026-03-02&tz=Asia/Tokyo"), asked("last=7d")

    assert dated.with_(last="7d") == recent
    assert recent.with_(from_=date(2026, 3, 1), to=date(2026, 3, 2), tz="Asia/Tokyo") == dated
    assert recent.with_(category=Category.TEAM).query() == "?category=team&last=7d"


@pytest.mark.parametrize(
    ("last", "zone", "days"),
    [
        ("7d", "Europe/London", "?from=2026-11-16&to=2026-11-23&tz=Europe/London"),
        ("24h", "Asia/Tokyo", "?from=2026-11-22&to=2026-11-23&tz=Asia/Tokyo"),
        ("12h", "America/New_York", "?from=2026-11-22&to=2026-11-23&tz=America/New_York"),
        ("9999d", "Europe/London", "?from=2000-01-01&to=2026-11-23&tz=Europe/London"),
    ],
)
def test_a_copied_link_means_the_same_tomorrow(last: str, zone: str, days: str) -> None:
    assert asked(f"last={last}").frozen(NOW, zone).query() == days
    assert asked("category=team").frozen(NOW, zone) == asked("category=team")


@pytest.mark.parametrize(
    ("query", "first", "final"),
    [
        ("from=2026-03-29&to=2026-03-29&tz=Europe/London", "2026-03-29T00:00", "2026-03-29T23:00"),
        ("from=2026-10-25&to=2026-10-25", "2026-10-24T23:00", "2026-10-26T00:00"),
        ("from=2026-03-01&to=2026-03-31&tz=Asia/Tokyo", "2026-02-28T15:00", "2026-03-31T15:00"),
        ("from=2026-03-01&to=2026-03-01&tz=Asia/Kathmandu", "2026-02-28T18:15", "2026-03-01T18:15"),
        ("from=2018-11-04&to=2018-11-04&tz=America/Sao_Paulo", "2018-11-04T03:00", "2018-11-05T02:00"),
    ],
)
def test_days_are_whole_days_of_their_zone(query: str, first: str, final: str) -> None:
    values = asked(query).values(NOW)

    assert values["since"] == ids.first_id_at(datetime.fromisoformat(first).replace(tzinfo=UTC))
    assert values["until"] == ids.first_id_at(datetime.fromisoformat(final).replace(tzinfo=UTC))


def test_a_link_selects_the_same_for_readers_anywhere() -> None:
    """The zone travels with the dates; only where it is missing is the organisation's meant, never the reader's."""
    london, osaka = (asked("from=2026-03-01&tz=Asia/Tokyo", zone) for zone in ("Europe/London", "Asia/Tokyo"))

    assert london.values(NOW) == osaka.values(NOW)


def test_the_first_and_the_last_day_that_ids_can_tell() -> None:
    values = asked("from=2000-01-01&to=2069-12-31&tz=Asia/Tokyo").values(NOW)

    assert values == {"org_id": 7, "since": 0}


def test_the_last_hours_are_counted_back_from_now() -> None:
    assert asked("last=36h").values(NOW)["since"] == ids.first_id_at(NOW - timedelta(hours=36))
    assert asked("last=2d").values(NOW)["since"] == ids.first_id_at(NOW - timedelta(days=2))


def test_a_pinned_filter_leaves_out_what_comes_later() -> None:
    pinned = asked("category=team").pinned(NOW)

    assert pinned.upto == ids.last_id_at(NOW)
    assert pinned.values(NOW) == {"org_id": 7, "category": "team", "until": ids.last_id_at(NOW) + 1}
    assert pinned.pinned(NOW + timedelta(days=1)) == pinned
    assert asked(f"to=2026-11-22&upto={PLACE}").values(NOW)["until"] == asked("to=2026-11-22").values(NOW)["until"]
    assert "until" not in asked(f"upto={ids.to_text(ids.LAST_ID)}").values(NOW)
