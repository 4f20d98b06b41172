"""The detectors of the security review: what they find in a year of 40 people, and that it is always the same."""

import random
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from auditweb import ids
from auditweb.insights.detectors.desk import SpotOf
from auditweb.insights.entries import Entry
from auditweb.insights.found import Found
from auditweb.insights.memory import ORGANISATION, Memory
from auditweb.insights.reviewing import Reviewer
from auditweb.places import Spot
from auditweb.reading.flags import Flag
from tests.review_history import OF_EACH_KIND, WEEKS, ZONE, History, history, in_batches

KINDS = set(Flag) - {Flag.IMPOSSIBLE_TRAVEL}  # which takes a file of places


def test_a_year_of_40_people_is_reviewed_as_the_docs_say() -> None:
    """Of 60 planted cases of twelve kinds at least 95 % are found, with two false findings a week at most."""
    told = the_year()
    found = the_findings()

    assert {case.kind for case in told.planted} == KINDS
    assert len(told.planted) == OF_EACH_KIND * len(KINDS) == 60
    missed = [case for case in told.planted if not any(case.is_found_by(each) for each in found)]
    false = [each for each in found if not any(case.is_found_by(each) for case in told.planted)]
    assert len(missed) <= 3, missed
    assert len(false) <= 2 * WEEKS, [each.sentence for each in false]


def test_it_finds_the_same_whatever_is_read_together() -> None:
    """Also with all that it remembers written down and read again in between."""
    entries = the_year().entries[-30_000:]
    at_once = in_one_go(entries)
    kept: dict[str, bytes] = {}
    found: dict[str, Found] = {}

    for batch in in_batches(entries, random.Random(1)):
        memory = Memory(kept.get)
        reviewer = Reviewer(memory, ZONE)
        reviewer.hear_all(batch)
        found |= {each.key: each for each in reviewer.take_found()}
        kept |= dict(memory.take_touched())

    assert found == {each.key: each for each in at_once}
    assert len(found) > 20


def test_what_is_waited_for_is_found_when_nothing_more_comes() -> None:
    """A second factor that nobody sets up again, in a log that ends there."""
    at = datetime(2026, 3, 4, 10, tzinfo=UTC)
    reset = an_entry(at, "two_factor.reset", actor="1", target="2")

    early, late = Reviewer(Memory(), ZONE), Reviewer(Memory(), ZONE)
    for reviewer, hours in ((early, 23), (late, 25)):
        reviewer.hear(reset)
        reviewer.reach(at + timedelta(hours=hours))

    assert early.take_found() == []
    assert [each.sentence for each in late.take_found()] == [
        "Person 1 reset two-factor authentication for Person 2: it had not been set up again a day later."
    ]


def test_two_places_too_far_apart_for_the_time_between() -> None:
    """London at nine, Tokyo at ten: only where a file says where addresses are."""
    spots = {
        "192.0.2.1": Spot("London, United Kingdom", "United Kingdom", 51.5, -0.1),
        "192.0.2.2": Spot("Tokyo, Japan", "Japan", 35.7, 139.7),
        "192.0.2.3": Spot("Leeds, United Kingdom", "United Kingdom", 53.8, -1.5),
    }
    at = datetime(2026, 3, 4, 9, tzinfo=UTC)
    signed_in = [
        an_entry(at + timedelta(hours=hours), "sign_in.succeeded", ip=ip)
        for hours, ip in ((0, "192.0.2.1"), (0.1, "192.0.2.3"), (1, "192.0.2.2"), (30, "192.0.2.1"))
    ]

    found = in_one_go(signed_in, lambda ip: spots.get(ip or ""))

    assert [each.kind for each in found] == [Flag.IMPOSSIBLE_TRAVEL]
    assert found[0].sentence == (
        "Person 1 signed in from Tokyo, Japan 54 minutes after signing in from Leeds, United Kingdom, about 9,390 km "
        "away."
    )
    assert found[0].evidence == (signed_in[1].id, signed_in[2].id)
    assert in_one_go(signed_in) == []


def test_what_is_remembered_does_not_grow_with_what_somebody_writes() -> None:
    """A key and a member who come from another network each time, and resets without end."""
    memory = Memory()
    reviewer = Reviewer(memory, ZONE)
    at = datetime(2026, 3, 4, tzinfo=UTC)
    for number in range(3_000):
        ip = f"2001:db8:{number:x}::1"
        reviewer.hear(an_entry(at + timedelta(seconds=number), "sign_in.succeeded", ip=ip))
        reviewer.hear(an_entry(at + timedelta(seconds=number), "two_factor.reset", target=f"t{number}"))
        key = an_entry(at + timedelta(seconds=number), "vehicle.updated", ip=ip)
        reviewer.hear(key._replace(actor_type="api_key", actor_id="k"))

    assert len(memory.of("member:1")["places"]["seen"]) <= 400
    assert len(memory.of("api_key:k")["key"]["networks"]) <= 40
    assert len(memory.of(ORGANISATION)["deadlines"]["waiting"]) <= 2_000


def test_what_is_recorded_late_is_no_burst() -> None:
    """Sixty entries of sixty days that come at once, after a year of work."""
    began = datetime(2025, 3, 3, 9, tzinfo=UTC)
    usual = [
        an_entry(began + timedelta(days=day, minutes=minute), "vehicle.updated")
        for day in range(300)
        for minute in range(5)
    ]
    late = [an_entry(began + timedelta(days=299 - day, minutes=30), "vehicle.updated") for day in range(60)]

    for uploaded in (late, late[::-1]):
        assert in_one_go([*usual, *uploaded]) == []


def test_findings_say_whose_clocks_they_go_by_and_count_as_people_do() -> None:
    """No time of day without its zone, no "1 days", and no weight of deletions where nothing was deleted."""
    for each in the_findings():
        told = f"{each.sentence} {each.unusual}"
        assert (" London time" in each.sentence) == bool(re.search(r"(?:at|from|since) \d\d:\d\d", each.sentence)), told
        assert not re.search(r"\b0 (by|days|times)\b|\b1 (days|entries|hours|minutes|places|times?)\b", told), told
        if each.kind is Flag.BURST:
            assert ("a deletion counts" in each.unusual) == ("deletion" in each.sentence), told


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (["member.role_raised"], "The first time that anybody was made an admin here."),
        (["member.role_raised"] * 2, "Before this, somebody was made an admin once, last less than a day earlier."),
        (["member.role_raised"] * 3, "Before this, somebody was made an admin twice, last less than a day earlier."),
        (
            ["two_factor.reset"],
            "Before this one, no resets by Person 1 on the first day here, and none in the whole organisation.",
        ),
        (
            ["recovery_codes.used"],
            "The first recovery code that was used by Person 1 on the first day here, and by anyone.",
        ),
        (
            ["recovery_codes.used"] * 2,
            "Before this, once by Person 1, last less than a day earlier; once before in the whole organisation.",
        ),
    ],
)
def test_how_unusual_it_is_reads_well_from_the_first_time_on(told: list[str], expected: str) -> None:
    at = datetime(2026, 3, 4, 10, tzinfo=UTC)
    reviewer = Reviewer(Memory(), ZONE)
    for number, action in enumerate(told):
        facts = {"role": "admin"} if action == "member.role_raised" else {}
        reviewer.hear(an_entry(at + timedelta(hours=number), action, target="2", facts=facts))
    reviewer.reach(at + timedelta(days=2))

    assert reviewer.take_found()[-1].unusual == expected


def test_every_kind_has_its_words() -> None:
    assert len({kind.label for kind in Flag}) == len(Flag)
    assert {kind.category.value for kind in Flag} == {"authentication", "team"}


def in_one_go(entries: Iterable[Entry], spot_of: SpotOf = lambda _: None) -> list[Found]:
    reviewer = Reviewer(Memory(), ZONE, spot_of)
    reviewer.hear_all(entries)
    return reviewer.take_found()


@cache
def the_year() -> History:
    return history()


@cache
def the_findings() -> list[Found]:
    return in_one_go(the_year().entries)


def an_entry(
    at: datetime, action: str, *, actor: str = "1", target: str = "", ip: str | None = None,
    facts: dict[str, str] | None = None,
) -> Entry:  # fmt: skip
    about = ("member", target, f"Person {target}") if target else (None, None, None)
    who = ("member", actor, f"Person {actor}")
    told = (ids.new_id(at), "authentication", action, facts or {}, *who, None, None, None, *about, ip, "success")
    return Entry._make(told)
