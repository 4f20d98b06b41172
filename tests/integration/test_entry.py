"""One entry: its own page, its details under a row, its JSON."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from auditweb import ids
from auditweb.models import Event
from auditweb.parties import Actor, ActorType, Origin, Outcome, Target
from tests.callers import ORDER, Program
from tests.integration.conftest import AnEvent
from tests.log_pages import LOG, NOW, statements
from tests.readers import Page, Place, Reader, add_key, add_person, join

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
)


pytestmark = pytest.mark.usefixtures("at_now")


@pytest.fixture
def event(app: Flask, organisation: Place, an_event: AnEvent) -> Event:
    """Hana's change of a role, through a key, from Yokohama."""
    hana = add_person(app, "Hana Sato")
    join(app, organisation, hana, "admin")
    add_key(app, organisation, "key_1", "Dealer feed", hana)
    return an_event(
        "member.role_changed",
        org_id=organisation.id,
        actor=Actor(ActorType.MEMBER, str(hana.id), "Hana Sato"),
        via=Actor(ActorType.API_KEY, "key_1", "Dealer feed"),
        target=Target("team_member", "veh:4471", "Sofia Marques"),
        facts={"role": "Documents editor"},
        outcome=Outcome.DENIED,
        occurred_at=datetime(2026, 11, 23, 10, 19, 7, 123456, tzinfo=UTC),
        origin=Origin("203.0.113.58", CHROME, "7c1e94b0"),
        idempotency_key="once",
    )


def address(event: Event) -> str:
    return f"{LOG}/entries/{ids.to_text(event.id)}"


def details(page: Page) -> dict[str, str]:
    return {
        " ".join(pair.select("dt")[0].get_text().split()): " ".join(pair.select("dd")[0].get_text(" ").split())
        for pair in page.select("dl.facts > div")
    }


def test_an_entry_tells_all_it_holds(reader: Reader, event: Event) -> None:
    page = reader.get(address(event))

    assert details(page) == {
        "When": "23 Nov 2026, 10:19:07 GMT 2026-11-23T10:19:07Z",
        "Actor": "Hana Sato Member hana@northgate.example " + f"member:{event.actor_id}",
        "Through": "Dealer feed API key made by Hana Sato api_key:key_1",
        "From": "203.0.113.58",
        "Device": "Chrome 156 on Windows Request 7c1e94b0",
        "Action": "member.role_changed Changed the role of target to role",
        "Target": "Sofia Marques team_member:veh:4471 All about it",
        "Outcome": "Denied",
        "Entry": ids.to_text(event.id),
        "Role": "Documents editor",
    }
    assert page.heading() == "Changed the role of Sofia Marques to Documents editor Denied"
    assert page.markup.title is not None
    assert page.markup.title.get_text() == (
        "Changed the role of Sofia Marques to Documents editor · Audit log · Northgate Imports"
    )


def test_under_its_row_the_same_stands_in_a_row(reader: Reader, event: Event) -> None:
    whole, part = reader.get(address(event)), reader.get(address(event), htmx=True)

    assert part.text.lstrip().startswith("<tr")
    row = part.select_one(f"tr.detail#d-{ids.to_text(event.id)}[role=row]")
    assert row is not None
    assert details(part) == details(whole)
    opener = reader.get(LOG).select_one("a.x")
    assert opener is not None
    assert (opener["href"], opener["aria-controls"]) == (address(event), row["id"])


def test_what_was_not_recorded_is_said(reader: Reader, organisation: Place, an_event: AnEvent) -> None:
    shown = details(reader.get(address(an_event("sign_out.completed", org_id=organisation.id))))

    assert shown["From"] == shown["Device"] == "Not recorded"
    assert "Target" not in shown
    assert "Through" not in shown


def test_of_another_systems_action_nothing_is_made_up(reader: Reader, program: Program) -> None:
    taken = program.send(ORDER).json or {}

    assert details(reader.get(f"{LOG}/entries/{taken['id']}"))["Action"] == "order.shipped"


def test_a_late_entry_says_when_it_came(reader: Reader, organisation: Place, an_event: AnEvent) -> None:
    event = an_event(org_id=organisation.id, occurred_at=NOW - timedelta(hours=2))

    page = reader.get(address(event))

    assert "Recorded late, 23 Nov 2026, 10:42:07 GMT" in details(page)["When"]
    assert "Recorded late" in page.heading()


def test_times_are_in_the_readers_zone(signed_in_as: Callable[..., Reader], event: Event) -> None:
    page = signed_in_as("auditor", zone="Asia/Tokyo").get(address(event))

    assert details(page)["When"] == "23 Nov 2026, 19:19:07 JST 2026-11-23T10:19:07Z"


def test_from_an_entry_one_click_leads_to_its_actor_its_target_and_its_place(
    reader: Reader, organisation: Place, an_event: AnEvent, event: Event
) -> None:
    an_event(org_id=organisation.id, occurred_at=NOW - timedelta(minutes=1))

    page = reader.get(address(event))

    links = {" ".join(link.get_text().split()): str(link["href"]) for link in page.select("main a.btn")}
    assert links["Only Hana Sato"] == f"{LOG}?actor=member:{event.actor_id}"
    assert links["Only this team member"] == f"{LOG}?target=team_member:veh:4471"
    for link in ("Only Hana Sato", "Only this team member", "See it among the entries around it"):
        first = reader.get(links[link]).select_one("tr.row")
        assert first is not None
        assert first["id"] == f"e-{ids.to_text(event.id)}"


def test_an_entrys_link_and_json_can_be_copied(reader: Reader, event: Event) -> None:
    part = reader.get(address(event), htmx=True)

    link, json = part.select_one("[data-copy]"), part.select_one("[data-copy-from]")
    assert link is not None
    assert json is not None
    assert link["data-copy"] == link["href"] == f"http://localhost{address(event)}"
    assert json["data-copy-from"] == json["href"] == f"{address(event)}.json"


def test_the_json_has_every_field(reader: Reader, event: Event) -> None:
    response = reader.get(f"{address(event)}.json").response

    assert response.mimetype == "application/json"
    assert response.headers["Cache-Control"] == "private, no-store"
    assert response.json == {
        "id": ids.to_text(event.id),
        "organisation": "northgate",
        "url": f"http://localhost{address(event)}",
        "occurred_at": "2026-11-23T10:19:07.123456Z",
        "recorded_at": "2026-11-23T10:42:07.000000Z",
        "category": "team",
        "action": "member.role_changed",
        "summary": "Changed the role of Sofia Marques to Documents editor",
        "facts": {"role": "Documents editor"},
        "actor": {"type": "member", "id": event.actor_id, "name": "Hana Sato"},
        "via": {"type": "api_key", "id": "key_1", "name": "Dealer feed"},
        "target": {"type": "team_member", "id": "veh:4471", "name": "Sofia Marques", "url": None},
        "ip": "203.0.113.58",
        "user_agent": CHROME,
        "request_id": "7c1e94b0",
        "outcome": "denied",
        "idempotency_key": "once",
    }


@pytest.mark.parametrize("ending", ["", ".json"])
def test_who_may_see_an_entry(
    signed_in_as: Callable[..., Reader], visitor: Reader, other_organisation: Place, event: Event, ending: str
) -> None:
    seen = {role: signed_in_as(role).get(address(event) + ending).status for role in ("owner", "auditor", "member")}

    assert seen == {"owner": 200, "auditor": 200, "member": 403}
    assert visitor.get(address(event) + ending).status == 302
    assert signed_in_as("owner", other_organisation, name="Kenji Mori").get(address(event) + ending).status == 404


@pytest.mark.parametrize("htmx", [False, True])
@pytest.mark.parametrize("ending", ["", ".json"])
def test_another_organisations_entry_and_none_are_the_same_404(
    reader: Reader, other_organisation: Place, an_event: AnEvent, ending: str, htmx: bool
) -> None:
    theirs = an_event(org_id=other_organisation.id)

    def answer(event_id: int) -> tuple[int, str]:
        page = reader.get(f"{LOG}/entries/{ids.to_text(event_id)}{ending}", htmx=htmx)
        return page.status, "".join(line for line in page.text.splitlines() if "csrf" not in line)

    assert answer(theirs.id) == answer(theirs.id + 1)
    assert answer(theirs.id)[0] == 404


@pytest.mark.parametrize(
    "spelled", ["x", "0" * 12, "32st6qnf15nm7", "9" * 23, "ZZZZZZZZZZZZZ", "32ST6QNF15NM%00", "%2e"]
)
def test_a_damaged_address_says_so(reader: Reader, organisation: Place, spelled: str) -> None:
    for ending in ("", ".json"):
        page = reader.get(f"{LOG}/entries/{spelled}{ending}")
        assert page.status in (400, 404)
        assert page.status == 400 or "%" in spelled
    whole = reader.get(f"{LOG}/entries/{spelled}")
    if whole.status == 400:
        assert "cut short or changed" in whole.words
        assert whole.select_one(f"main a[href='{LOG}']") is not None


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/18.1 Mobile/15E148 Safari/604.1",
            "Mobile Safari 18 on iOS",
        ),
        ("curl/8.5.0", "curl 8"),
        ("<b>\u202eDealer feed</b>", "<b>\\u{202e}Dealer feed</b>"),
    ],
)
def test_devices_are_told_in_words(
    reader: Reader, organisation: Place, an_event: AnEvent, agent: str, device: str
) -> None:
    event = an_event(org_id=organisation.id, origin=Origin(user_agent=agent))

    assert details(reader.get(address(event)))["Device"].replace(" \\u{202e} ", "\\u{202e}") == device


def test_details_take_few_statements(app: Flask, reader: Reader, event: Event) -> None:
    reader.get(address(event))
    with statements(app) as sent:
        reader.get(address(event), htmx=True)

    assert len(sent) <= 5


def test_facts_are_listed_by_name(reader: Reader, organisation: Place, an_event: AnEvent) -> None:
    facts: dict[str, Any] = {"method": "passkey", "place": "Yokohama"}
    event = an_event("sign_in.succeeded", org_id=organisation.id, facts=facts)

    shown = details(reader.get(address(event)))

    assert list(shown)[-2:] == ["Method", "Place"]
    assert (shown["Method"], shown["Place"]) == ("passkey", "Yokohama")
