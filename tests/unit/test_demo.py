"""The demo's stories before they reach a database: believable shares, lives in order, nobody out of turn."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from auditweb import catalogue
from auditweb.catalogue import Category
from auditweb.demo import loading, people, stories
from auditweb.demo.aftermath import Aftermath
from auditweb.demo.cast import NORTHGATE, OSAKA_BAY, YEARS_TOLD
from auditweb.demo.happenings import tell
from auditweb.demo.loading import Told
from auditweb.demo.world import World

A_MONDAY = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)
A_SUNDAY_NIGHT = datetime(2026, 7, 19, 2, 5, tzinfo=UTC)
NEW_YEAR = datetime(2027, 1, 1, 0, 0, 30, tzinfo=UTC)
CLOCKS_GO_BACK = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
LEAP_DAY = datetime(2028, 2, 29, 16, 0, tzinfo=UTC)
ENDS = [A_MONDAY, A_SUNDAY_NIGHT, NEW_YEAR, CLOCKS_GO_BACK, LEAP_DAY]
NEVER_SEEN = {
    "organisation.deletion_requested",
    "organisation.deletion_cancelled",
    "organisation.log_purged",
    "organisation.log_import_started",
    "organisation.log_imported",
    "organisation.ownership_transferred",
    "organisation.person_erased",
    "member.left",
    "member.onboarding_reviewed",
    "member.offboarding_reviewed",
    # Stories that the demo does not tell: of settings that its organisations never touched, and of operators.
    "organisation.slug_changed",
    "organisation.two_factor_required_of_admins",
    "organisation.two_factor_deadline_changed",
    "organisation.session_limits_changed",
    "api_key.renamed",
    "organisation.log_retention_shortened",
    "organisation.log_retention_shortening_cancelled",
    "organisation.ownership_offered",
    "organisation.ownership_accepted",
    "organisation.ownership_declined",
    "organisation.ownership_offer_withdrawn",
    "organisation.switched_off",
    "organisation.switched_on",
    "member.added",
    "session.ended",
    "session.others_ended",
    "password.set",
    "audit_log.share_expired",
    "export.deleted",
    "team_finding.confirmed",
    "team_finding.set_aside",
    "team_finding.reopened",
    "team_finding.pattern_ended",
    "sign_in_finding.confirmed",
    "sign_in_finding.set_aside",
    "sign_in_finding.reopened",
    "sign_in_finding.pattern_ended",
    "webhook.created",
    "webhook.changed",
    "webhook.rotated",
    "webhook.paused",
    "webhook.resumed",
    "webhook.deleted",
}


def test_the_shares_of_the_categories_are_those_of_an_importer() -> None:
    """About 18,000 entries in two years, most of them sign-ins, vehicles and documents."""
    counted = Counter(told.happening.action.category for told in tale(A_MONDAY, 20_000) if told.org_id == 1)

    assert 17_000 < counted.total() < 19_000
    expected = {
        Category.AUTHENTICATION: (4_400, 5_700),
        Category.VEHICLES: (3_300, 4_300),
        Category.DOCUMENTS: (2_900, 3_900),
        Category.SHIPMENTS: (1_700, 2_500),
        Category.CUSTOMERS: (1_500, 2_100),
        Category.SUPPLIERS: (550, 800),
        Category.TEAM: (550, 800),
        Category.DATA_EXPORT: (300, 550),
        Category.ORGANISATION: (180, 320),
    }
    assert {category for category, (low, high) in expected.items() if not low <= counted[category] <= high} == set()


def test_the_other_organisation_is_smaller_and_has_all_categories_too() -> None:
    counted = Counter(told.happening.action.category for told in tale(A_MONDAY, 20_000) if told.org_id == 2)

    assert 1_600 < counted.total() < 2_600
    assert set(counted) == set(Category)


def test_nearly_every_action_occurs() -> None:
    told = {told.happening.action.slug for told in tale(A_MONDAY, 20_000)}

    ours = {found.slug for found in vars(catalogue).values() if isinstance(found, catalogue.Action)}
    assert ours - told <= NEVER_SEEN


@pytest.mark.parametrize("until", ENDS)
def test_whenever_it_ends_the_stories_are_there_and_in_order(until: datetime) -> None:
    """The log hears of everything in order of time and before the end, at any hour and season."""
    told = [one.happening for one in tale(until, 2_500)]

    heard = [happening.heard_at for happening in told]
    assert heard == sorted(heard)
    assert until - YEARS_TOLD <= min(happening.at for happening in told)
    assert max(heard) < until
    assert sum(until - moment < timedelta(hours=3) for moment in heard) >= 8
    deleted = [
        happening
        for happening in told
        if happening.action is catalogue.VEHICLE_DELETED and happening.actor.name == "Gareth Pugh"
    ]
    assert len(deleted) >= stories.KEI_TRUCKS
    for action in (catalogue.SIGNED_IN_NEW_PLACE, catalogue.LOG_SHARE_OPENED, catalogue.SIGN_IN_BLOCKED):
        assert action in {happening.action for happening in told}
    for happening in told:
        assert happening.action.sentence(happening.facts, happening.target.name if happening.target else "")


def test_the_same_end_tells_the_same_stories() -> None:
    once, again = (list(loading.tell_all(worlds(A_MONDAY, 2_500), 2_500)) for _ in range(2))

    assert once == again
    assert once != list(loading.tell_all(worlds(A_SUNDAY_NIGHT, 2_500), 2_500))


def test_a_bigger_demo_is_about_as_big_as_asked_and_has_more_people() -> None:
    small, big = (sum(1 for _ in loading.tell_all(worlds(A_MONDAY, size), size)) for size in (5_000, 40_000))

    assert 4_500 < small < 5_500
    assert 36_000 < big < 44_000
    assert len(worlds(A_MONDAY, 40_000)[1].people) > len(NORTHGATE.people)


@pytest.mark.parametrize("until", ENDS)
@pytest.mark.parametrize(
    ("kind", "order"),
    [
        (
            "vehicle",
            "shortlisted bid_placed bought created deregistered customs_cleared duty_paid mot_passed registered "
            "listed sold handed_over",
        ),
        ("shipment", "created booked loaded departed arrived customs_lodged customs_cleared collected delivered"),
        ("customer", "created verified archived"),
        ("supplier", "created approved archived deleted"),
    ],
)
def test_each_thing_lives_its_life_in_order(kind: str, order: str, until: datetime) -> None:
    """A vehicle is bought before it clears customs, registered before it is sold, and only then handed over."""
    steps = {f"{kind}.{step}": place for place, step in enumerate(order.split())}
    lives: dict[str, list[int]] = defaultdict(list)
    for one in tale(until, 8_000):
        done = one.happening
        if done.target and done.target.type == kind and done.action.slug in steps and one.org_id == 1:
            first_time = steps[done.action.slug] not in lives[done.target.id]
            if first_time:
                lives[done.target.id].append(steps[done.action.slug])

    assert sum(len(life) >= len(steps) / 2 for life in lives.values()) >= 5
    assert {id_: life for id_, life in lives.items() if life != sorted(life)} == {}


def test_vehicles_board_ships_before_these_sail() -> None:
    departed = {
        done.target.id: done.at
        for done in (one.happening for one in tale(A_MONDAY, 20_000) if one.org_id == 1)
        if done.action is catalogue.SHIPMENT_DEPARTED and done.target
    }
    boarded = [
        (done.target.id, done.at)
        for done in (one.happening for one in tale(A_MONDAY, 20_000) if one.org_id == 1)
        if done.action is catalogue.SHIPMENT_VEHICLE_ADDED and done.target
    ]

    assert len(boarded) > 100
    assert [ship for ship, at in boarded if ship in departed and at >= departed[ship]] == []


@pytest.mark.parametrize("until", ENDS)
def test_nobody_acts_before_they_came_or_after_they_left(until: datetime) -> None:
    by_id = worlds(until, 2_500)
    for one in tale(until, 2_500):
        done, world = one.happening, by_id[one.org_id]
        if done.email:
            left = world.left_at[done.email]
            assert world.joined_at[done.email] <= done.at, done
            assert left is None or done.at <= left, done


@pytest.mark.parametrize("until", ENDS)
def test_each_member_but_the_founder_begins_by_accepting_the_invitation(until: datetime) -> None:
    first: dict[tuple[int, str], Told] = {}
    for told in tale(until, 3_000):
        first.setdefault((told.org_id, told.happening.actor.id), told)
    founders = {world.actor(world.people[0].email).id for world in worlds(until, 3_000).values()}
    members = [told.happening for told in first.values() if told.happening.actor.type == "member"]

    assert {done.action.slug for done in members if done.actor.id not in founders} == {"member.joined"}


@pytest.mark.parametrize("until", ENDS)
def test_nobody_is_invited_twice_at_a_time(until: datetime) -> None:
    """So that what came of it all can be written down, at the usual size and at one with hundreds of strangers."""
    open_to: set[tuple[int, str]] = set()
    closed = {catalogue.INVITATION_WITHDRAWN, catalogue.INVITATION_EXPIRED}
    aftermath, few = Aftermath(), tale(until, loading.DEFAULT_ENTRIES)
    many = (Told(3, done) for done in tell(people.other_team_matters(worlds(until, 2_500)[1], 3_000), until))
    for told in [*few, *many]:
        aftermath.hear(told.org_id, told.happening)
        key, action = (told.org_id, told.happening.facts.get("email", "")), told.happening.action
        if action is catalogue.MEMBER_INVITED:
            assert key not in open_to
            open_to.add(key)
        elif action is catalogue.INVITATION_RESENT or action in closed:
            assert key in open_to
            open_to -= {key} if action in closed else set()

    assert len([key for key in open_to if key[0] == 3]) > 10


def test_people_work_by_day_and_machines_by_night() -> None:
    """Of what members do themselves, hardly anything is at night or on a Sunday where they are."""
    world = worlds(A_MONDAY, 20_000)[1]
    own = [one.happening for one in tale(A_MONDAY, 20_000) if one.org_id == 1]
    members = [done for done in own if done.email and done.action.category is not Category.AUTHENTICATION]
    at_work = [done for done in members if world.colleague(done.email).hours.includes(done.at)]
    machines = [done for done in own if not done.email]

    assert len(at_work) > 0.97 * len(members)
    assert sum(not 7 <= done.at.hour < 18 for done in machines) > 0.25 * len(machines)


@cache
def tale(until: datetime, entries: int) -> list[Told]:
    return list(loading.tell_all(worlds(until, entries), entries))


@cache
def worlds(until: datetime, entries: int) -> dict[int, World]:
    """The demo's businesses as organisations 1 and 2, with made-up ids for their people."""
    ids: dict[str, str] = defaultdict(lambda: str(len(ids) + 1))
    return {
        number: World(company, until, ids, loading.extras(company, entries))
        for number, company in enumerate((NORTHGATE, OSAKA_BAY), start=1)
    }
