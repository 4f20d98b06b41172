"""What the security review finds in the demo: its stories, for the right reasons, and nothing in the other weeks."""

from datetime import UTC, datetime

import pytest

from auditweb import ids
from auditweb.demo import loading
from auditweb.demo.happenings import Happening
from auditweb.insights.entries import Entry
from auditweb.insights.found import Found
from auditweb.insights.memory import Memory
from auditweb.insights.reviewing import Reviewer
from tests.unit.test_demo import A_MONDAY, A_SUNDAY_NIGHT, worlds

A_TUESDAY_NIGHT = datetime(2026, 11, 24, 3, 42, tzinfo=UTC)
A_SATURDAY_EVENING = datetime(2026, 11, 28, 20, 15, tzinfo=UTC)

EXPECTED = [
    ("role_raised", "Eilidh Fraser was made an admin, by Maya Okafor"),
    ("large_export", "Nia Coleman took an export of all customers with 1,412 records and had never had one before."),
    ("unfamiliar_place", "Declan Whyte signed in from Vilnius, Lithuania"),
    ("guessed_password", "Declan Whyte signed in at 03:12 London time after 7 refused attempts"),
    ("odd_hours", "Declan Whyte was at work from 03:12 to 03:15 London time on"),
    ("recovery_code", "Callum Byrne signed in with a recovery code"),
    ("two_factor_off", "Callum Byrne turned off their two-factor authentication"),
    ("unfamiliar_place", "Ines Duarte signed in from the network 192.0.2.0/24"),
    ("odd_hours", "Ines Duarte was at work from 22:43 to 22:47 London time on"),
    (
        "two_factor_reset",
        "Ines Duarte reset two-factor authentication for Tom Lindqvist: Ines Duarte had never reset anyone’s before.",
    ),
    ("odd_hours", "Gareth Pugh was at work from 01:50 to 02:05 London time on"),
    ("burst", "Gareth Pugh did far more than usual"),
    ("burst", "Ines Duarte did far more than usual"),
    ("large_export", "Maya Okafor took an export of the organisation’s data with 48,211 records, larger than any"),
]
"""What shows in the stories that the README tells, oldest first: all of it in the last five weeks."""


@pytest.mark.parametrize("until", [A_MONDAY, A_SUNDAY_NIGHT])
def test_the_stories_are_found_and_nothing_else(until: datetime) -> None:
    found = findings(until, loading.DEFAULT_ENTRIES)

    told = sorted((str(each.kind), each.sentence) for each in found[1])
    assert [kind for kind, _ in told] == [kind for kind, _ in sorted(EXPECTED)]
    for (_, sentence), (_, expected) in zip(told, sorted(EXPECTED), strict=True):
        assert sentence.startswith(expected)
    assert found[2] == []


@pytest.mark.parametrize(
    ("until", "entries"),
    [
        (A_MONDAY, 5_000),
        (A_TUESDAY_NIGHT, 5_000),
        (A_SATURDAY_EVENING, loading.LEAST_ENTRIES),
    ],
)
def test_whenever_it_ends_and_however_small_it_is_nothing_but_stories_is_found(until: datetime, entries: int) -> None:
    """Of fewer entries some stories do not stand out; nothing else does either."""
    found = findings(until, entries)

    missing = list(EXPECTED)
    for each in found[1]:
        story = [(kind, begins) for kind, begins in missing if kind == each.kind and each.sentence.startswith(begins)]
        assert story, each.sentence
        missing.remove(story[0])
    assert len(missing) <= len(EXPECTED) / 2
    assert found[2] == []


def findings(until: datetime, entries: int) -> dict[int, list[Found]]:
    """Return what is found in each organisation of a demo of so many *entries*."""
    made = worlds(until, entries)
    reviewers = {number: Reviewer(Memory(), world.company.zone) for number, world in made.items()}
    for told in loading.tell_all(made, entries):
        reviewers[told.org_id].hear(as_entry(told.happening))
    return {number: reviewer.take_found() for number, reviewer in reviewers.items()}


def as_entry(happening: Happening) -> Entry:
    """Return a happening as the detectors see it once it is recorded."""
    target, via, origin = happening.target, happening.via, happening.origin
    return Entry(
        ids.new_id(happening.at),
        happening.action.category.value,
        happening.action.slug,
        happening.facts,
        happening.actor.type.value,
        happening.actor.id,
        happening.actor.name,
        via.type.value if via else None,
        via.id if via else None,
        via.name if via else None,
        target.type if target else None,
        target.id if target else None,
        target.name if target else None,
        origin.ip if origin else None,
        happening.outcome.value,
    )
