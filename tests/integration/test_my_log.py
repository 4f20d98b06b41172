"""One's own log: every member sees what they did and the sign-ins to their account, and nothing of anybody else's."""

import random
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask

from auditweb import catalogue, ids
from auditweb.accounts.permissions import Role
from auditweb.catalogue import Category
from auditweb.extensions import db
from auditweb.models import Event
from auditweb.parties import UNKNOWN_PERSON, Actor, ActorRef, ActorType, Origin, Outcome, Target
from auditweb.reading.filters import LogFilter
from auditweb.reading.own_log import find_own_event, find_own_page
from auditweb.recorder import record
from tests.integration.conftest import AnEvent, SignedInAs
from tests.log_pages import NOW, expected_page, follow, rows, spelled, statements
from tests.readers import Place, Reader, Someone, add_person, join, leave, open_session

pytestmark = pytest.mark.usefixtures("at_now")

MY_LOG = "/o/northgate/my-log"
CANARY = "KANARI"


def actor(someone: Someone) -> Actor:
    return Actor(ActorType.MEMBER, str(someone.id), someone.name)


def account(someone: Someone) -> Target:
    return Target("member", str(someone.id), someone.name)


@pytest.fixture
def tom(app: Flask, organisation: Place) -> Someone:
    """A member without any right but to what is his."""
    someone = add_person(app, "Tom Lindqvist")
    join(app, organisation, someone)
    return someone


@pytest.fixture
def hana(app: Flask, organisation: Place) -> Someone:
    someone = add_person(app, f"Hana {CANARY}")
    join(app, organisation, someone, "owner")
    return someone


@pytest.fixture
def reader(app: Flask, tom: Someone) -> Reader:
    """Tom, signed in."""
    return open_session(app, app.test_client(), tom)


@pytest.fixture
def own(organisation: Place, tom: Someone, hana: Someone, an_event: AnEvent) -> list[Event]:
    """Tom's entries, newest first: one of each sort."""
    return [
        an_event("vehicle.updated", org_id=organisation.id, actor=actor(tom), **ago(1)),
        an_event("member.role_changed", org_id=organisation.id, actor=actor(tom), target=account(hana), **ago(2)),
        an_event("session.all_ended", org_id=organisation.id, actor=actor(tom), target=account(tom), **ago(3)),
        an_event("password.set", org_id=organisation.id, actor=actor(hana), target=account(tom), **ago(4)),
        an_event(
            "sign_in.refused",
            org_id=organisation.id,
            actor=UNKNOWN_PERSON,
            target=account(tom),
            facts={"email": "tom@northgate.example", "reason": "wrong password"},
            outcome=Outcome.FAILURE,
            origin=Origin("192.0.2.7", "Firefox"),
            **ago(5),
        ),
        an_event("sign_in.succeeded", org_id=organisation.id, actor=actor(tom), **ago(6)),
    ]


@pytest.fixture
def others(
    organisation: Place, other_organisation: Place, tom: Someone, hana: Someone, an_event: AnEvent
) -> list[Event]:
    """What is not Tom's, near as it may be to it."""
    here, there = organisation.id, other_organisation.id
    named = Target("vehicle", str(tom.id), f"{CANARY} Alphard")
    return [
        an_event("vehicle.updated", org_id=here, actor=actor(hana), target=named, **ago(1)),
        an_event("member.role_changed", org_id=here, actor=actor(hana), target=account(tom), facts={"role": CANARY}),
        an_event("sign_in.refused", org_id=here, actor=UNKNOWN_PERSON, target=account(hana), facts={"reason": CANARY}),
        an_event("sign_in.succeeded", org_id=here, actor=actor(hana), **ago(7)),
        an_event("vehicle.updated", org_id=here, actor=Actor(ActorType.SYSTEM, str(tom.id), CANARY), **ago(3)),
        an_event("vehicle.updated", org_id=here, actor=actor(hana), via=actor(tom), **ago(3)),
        an_event("vehicle.updated", org_id=there, actor=actor(tom), target=named, **ago(2)),
        an_event("sign_in.refused", org_id=there, actor=UNKNOWN_PERSON, target=account(tom), facts={"reason": CANARY}),
    ]


def ago(hours: int) -> dict[str, object]:
    return {"occurred_at": NOW - timedelta(hours=hours)}


def test_a_member_sees_their_own_entries_and_no_others(reader: Reader, own: list[Event], others: list[Event]) -> None:
    page = reader.get(MY_LOG)

    assert page.status == 200
    assert page.heading() == "My log"
    assert "What you did in Northgate Imports , and sign-ins to your account." in page.words
    assert rows(page) == spelled(own)
    assert "Could not sign in as tom@northgate.example : wrong password Failed" in page.words
    shown = page.text.replace(f"Hana {CANARY}", "")  # whose account Tom changed, and who set his password
    assert CANARY not in shown


@pytest.mark.parametrize("role", list(Role))
def test_each_role_sees_its_own_part_whatever_else_it_may_see(
    app: Flask, signed_in_as: SignedInAs, organisation: Place, own: list[Event], an_event: AnEvent, role: Role
) -> None:
    reader = signed_in_as(role)
    assert reader.someone is not None
    mine = an_event("vehicle.updated", org_id=organisation.id, actor=actor(reader.someone))

    page = reader.get(MY_LOG)

    assert rows(page) == spelled([mine])
    for event in own:
        for htmx in (False, True):
            assert reader.get(f"{MY_LOG}/entries/{ids.to_text(event.id)}", htmx=htmx).status == 404
    menu = {" ".join(link.get_text().split()): link["href"] for link in page.select("#account-menu a")}
    assert menu["My log"] == MY_LOG
    sidebar = {
        " ".join(link.get_text().split()): link.get("aria-current")
        for link in page.select("nav[aria-label=Settings] a")
    }
    assert sidebar.get("My log") == ("page" if role is Role.MEMBER else None)


def test_who_is_not_a_member_sees_nothing(
    app: Flask, reader: Reader, visitor: Reader, signed_in_as: SignedInAs, organisation: Place,
    other_organisation: Place, tom: Someone, own: list[Event],
) -> None:  # fmt: skip
    address = f"{MY_LOG}/entries/{ids.to_text(own[0].id)}"
    stranger = signed_in_as("owner", other_organisation, name="Kenji Mori")
    for path in (MY_LOG, address):
        assert reader.get(path).status == 200
        assert visitor.get(path).location == f"/sign-in?next={path}"
        assert stranger.get(path).status == stranger.get(path.replace("northgate", "nowhere")).status == 404
    leave(app, organisation, tom)
    for path in (MY_LOG, address):
        assert reader.get(path).status == 404


def test_nothing_that_is_asked_for_widens_it(
    reader: Reader, own: list[Event], others: list[Event], hana: Someone
) -> None:
    mine = set(spelled(own))
    for query in (
        f"actor=member:{hana.id}", f"target=member:{hana.id}", "action=vehicle.updated", "outcome=failure", "q=alphard",
        "last=7d", "from=2026-01-01", "tz=UTC", "own_id=1", "org_id=2", "category=none", "oldest=2", "before=x",
        "category=team&category=vehicles", f"category=team&actor=member:{hana.id}",
    ):  # fmt: skip
        page, part = reader.get(f"{MY_LOG}?{query}"), reader.get(f"{MY_LOG}?{query}", htmx=True)
        assert page.status == part.status == 400, query
        assert page.select_one(f'main a[href="{MY_LOG}"]')
        assert part.response.mimetype == "text/plain"
    for other in others:
        for place in ("before", "after"):
            page = reader.get(f"{MY_LOG}?{place}={ids.to_text(other.id)}")
            assert page.status == 200
            assert set(rows(page)) <= mine
    for category in Category:
        assert set(rows(reader.get(f"{MY_LOG}?category={category.value}"))) <= mine


def test_an_entry_that_is_not_theirs_and_one_that_is_not_there_are_the_same_404(
    reader: Reader, others: list[Event]
) -> None:
    def answer(event_id: int, *, htmx: bool) -> tuple[int, str]:
        page = reader.get(f"{MY_LOG}/entries/{ids.to_text(event_id)}", htmx=htmx)
        return page.status, "".join(line for line in page.text.splitlines() if "csrf" not in line)

    for event in others:
        for htmx in (False, True):
            assert answer(event.id, htmx=htmx) == answer(event.id + 1, htmx=htmx)
            assert answer(event.id, htmx=htmx)[0] == 404
    damaged = reader.get(f"{MY_LOG}/entries/32st6qnf15nm7")
    assert damaged.status == 400
    assert "cut short or changed" in damaged.words


def test_an_entry_opens_in_place_and_on_a_page_of_its_own(reader: Reader, own: list[Event]) -> None:
    refused = own[4]
    address = f"{MY_LOG}/entries/{ids.to_text(refused.id)}"
    arrow = reader.get(MY_LOG).select_one(f'a.x[href="{address}"]')
    assert arrow is not None
    assert arrow["hx-get"] == address

    whole, part = reader.get(address), reader.get(address, htmx=True)

    assert part.select_one(f"tr.detail#d-{ids.to_text(refused.id)}") is not None
    for page in (whole, part):
        assert {"192.0.2.7", "wrong password"} <= {tag.get_text(" ", strip=True) for tag in page.select("dl.facts dd")}
        copied = page.select_one("[data-copy]")
        assert copied is not None
        assert copied["data-copy"] == f"http://localhost{address}"
        assert not page.select('a[href*="audit-log"].btn, a[href$=".json"]')
    assert whole.heading() == "Could not sign in as tom@northgate.example : wrong password Failed Recorded late"
    first = rows(follow(reader, whole, ".around a"))[0]
    assert first == ids.to_text(refused.id)


def test_no_row_leads_to_what_a_member_may_not_open(reader: Reader, own: list[Event]) -> None:
    for link in reader.get(MY_LOG).select("#audit-table a"):
        assert str(link["href"]).startswith(f"{MY_LOG}/entries/") or str(link["href"]).startswith(f"{MY_LOG}?")


def test_tabs_narrow_by_category(reader: Reader, own: list[Event], others: list[Event]) -> None:
    page = reader.get(MY_LOG)
    assert [link.get_text(strip=True) for link in page.select("#audit-tabs a")] == [
        "All", *(category.label for category in Category)
    ]  # fmt: skip

    shown = {tab: rows(follow(reader, page, f"#tab-{tab}")) for tab in ("veh", "team", "auth", "cus")}

    assert shown == {
        "veh": spelled(own[:1]),
        "team": spelled(own[1:2]),
        "auth": spelled(own[2:]),
        "cus": [],
    }
    nothing = follow(reader, page, "#tab-cus")
    assert "You have no entries under Customers." in nothing.words
    current = nothing.select_one("#audit-tabs [aria-current]")
    assert current is not None
    assert current["id"] == "tab-cus"


def test_someone_new_is_told_what_will_appear(reader: Reader) -> None:
    page = reader.get(MY_LOG)

    assert "Nothing has happened yet" in page.words
    assert not page.select("table")


def test_fragment_is_the_part_of_the_page_it_replaces(reader: Reader, own: list[Event]) -> None:
    whole, part = reader.get(f"{MY_LOG}?category=team"), reader.get(f"{MY_LOG}?category=team", htmx=True)

    assert str(part.select_one("#audit-table")) == str(whole.select_one("#audit-table"))
    assert part.text.lstrip().startswith("<title>Team · My log · Northgate Imports</title>")
    assert whole.markup.title is not None
    assert whole.markup.title.get_text() == "Team · My log · Northgate Imports"
    status = part.select_one("#audit-status[hx-swap-oob]")
    assert status is not None
    assert status.get_text() == "1 entry, newest first. Team"
    tabs = part.select_one("#audit-tabs")
    assert tabs is not None
    assert tabs["hx-swap-oob"] == "outerMorph"


def test_pages_lead_from_one_to_the_next(app: Flask, reader: Reader, organisation: Place, tom: Someone) -> None:
    events = list(mixed(app, organisation, tom, 120))

    page = reader.get(MY_LOG)
    assert rows(page) == spelled(events[:50])
    page = follow(reader, page, "a[rel=next]", htmx=True)
    assert rows(page) == spelled(events[50:100])
    page = follow(reader, page, "a[rel=next]")
    assert rows(page) == spelled(events[100:])
    assert not page.select("a[rel=next]")
    page = follow(reader, page, "a[rel=prev]")
    assert rows(page) == spelled(events[50:100])
    assert rows(follow(reader, page, "#pager-oldest")) == spelled(events[-50:])
    assert rows(follow(reader, page, "#pager-newest")) == spelled(events[:50])
    beyond = reader.get(f"{MY_LOG}?before={ids.to_text(1 << 22)}")
    assert "Your log begins after the place that this link leads to." in beyond.words
    assert rows(follow(reader, beyond, "#pager-newest")) == spelled(events[:50])
    assert reader.get(f"{MY_LOG}?oldest=1&category=").location == f"{MY_LOG}?oldest=1"


def mixed(app: Flask, place: Place, someone: Someone, number: int) -> Iterator[Event]:
    """Record what somebody did and what happened to their account, by turns of chance; give it newest first."""
    chance = random.Random(20260419)
    with app.app_context():
        made = [told(place, someone, chance, NOW - timedelta(minutes=number - minute)) for minute in range(number)]
        db.session.commit()
    return reversed(made)


def told(place: Place, someone: Someone, chance: random.Random, moment: object) -> Event:
    if chance.random() < 0.5:
        action = chance.choice([catalogue.SIGNED_IN, catalogue.ORGANISATION_LOGO_CHANGED, catalogue.SIGNED_OUT])
        return record(action, org_id=place.id, actor=actor(someone), occurred_at=moment)  # type: ignore[arg-type]
    facts = {"email": someone.email, "reason": "wrong password"}
    return record(
        catalogue.SIGN_IN_REFUSED,
        org_id=place.id,
        actor=UNKNOWN_PERSON,
        target=account(someone),
        facts=facts,
        occurred_at=moment,  # type: ignore[arg-type]
    )


def test_each_page_holds_what_it_should(
    app: Flask, organisation: Place, tom: Someone, own: list[Event], others: list[Event]
) -> None:
    """At each place, for small pages and any category, the same as counting out by hand."""
    mine = [*mixed(app, organisation, tom, 25), *own]
    by_category = {category: [e for e in mine if e.category == category.value] for category in Category} | {None: mine}
    with app.app_context():
        for category in (None, Category.AUTHENTICATION, Category.ORGANISATION, Category.CUSTOMERS):
            matching = [event.id for event in by_category[category]]
            whole = LogFilter(org_id=organisation.id, org_zone="UTC", category=category)
            places = [event.id for event in (*mine, *others)] + [0, ids.LAST_ID]
            asked = [whole, whole.at(oldest=True)]
            asked += [whole.at(before=place) for place in places] + [whole.at(after=place) for place in places]
            for wanted in asked:
                page = find_own_page(wanted, ActorRef("member", str(tom.id)), size=4)
                shown = [row.id for row in page.rows], page.has_newer, page.has_older
                assert shown == expected_page(wanted, 4, matching), wanted
        for event in (*mine, *others):
            found = find_own_event(organisation.id, event.id, ActorRef("member", str(tom.id)))
            assert (found is not None) == (event in mine)


def test_a_page_takes_few_statements(app: Flask, reader: Reader, own: list[Event]) -> None:
    reader.get(MY_LOG)
    for address in (MY_LOG, f"{MY_LOG}?before={ids.to_text(own[2].id)}", f"{MY_LOG}/entries/{ids.to_text(own[0].id)}"):
        with statements(app) as sent:
            reader.get(address)
        assert len(sent) <= 4, sent
