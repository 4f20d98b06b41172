"""Two organisations in one database: nothing of one is seen from the other, whatever address is made up."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product

import pytest
from flask import Flask
from sqlalchemy import Engine

from auditweb.extensions import db
from auditweb.ids import LAST_ID, to_text
from auditweb.ledger.sealer import Sealer
from auditweb.models import Event, MemberReview
from auditweb.parties import Actor, ActorType, Origin, Outcome, Target
from tests.callers import new_key
from tests.programs import API, EVENTS, Program
from tests.readers import Place, Reader, Someone, add_key, add_organisation, add_person, join, without_tokens
from tests.teams import team

CANARY = "KANARI"
MADE_UP = to_text(123456789 << 22)


@pytest.fixture
def osaka(app: Flask) -> Place:
    return add_organisation(app, "osaka-bay", f"{CANARY} Motors", "Asia/Tokyo")


@pytest.fixture
def kenji(app: Flask, osaka: Place) -> Someone:
    someone = add_person(app, f"Kenji {CANARY}", f"{CANARY}@osaka-bay.example")
    join(app, osaka, someone, "owner")
    add_key(app, osaka, "key_osaka", f"{CANARY} feed", someone)
    return someone


@pytest.fixture
def theirs(osaka: Place, kenji: Someone, an_event: Callable[..., Event]) -> Event:
    """An entry of the other organisation with the canary in every column that holds words."""
    return an_event(
        "vehicle.updated",
        org_id=osaka.id,
        actor=Actor(ActorType.MEMBER, str(kenji.id), kenji.name),
        via=Actor(ActorType.API_KEY, "key_osaka", f"{CANARY} feed"),
        target=Target("vehicle", "veh_osaka", f"{CANARY} Alphard", url=f"/vehicles/{CANARY}"),
        outcome=Outcome.DENIED,
        occurred_at=datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
        origin=Origin(ip="192.0.2.77", user_agent=f"{CANARY} browser", request_id=f"{CANARY}-request"),
        idempotency_key=f"{CANARY}-key",
    )


@pytest.fixture
def ours(organisation: Place, an_event: Callable[..., Event]) -> Event:
    return an_event("vehicle.updated", org_id=organisation.id, occurred_at=datetime(2026, 3, 2, 8, 0, tzinfo=UTC))


def test_every_address_in_another_organisation_is_the_same_404(
    reader: Reader, osaka: Place, theirs: Event, ours: Event
) -> None:
    missing = without_tokens(reader.get("/o/nobody/settings/audit-log").text)
    rests = ["", "?category=vehicles", "?oldest=1", "?category=none", "/actors", "/actors?name=Kenji"]
    rests += [f"/entries/{to_text(event.id)}{kind}" for event, kind in product((theirs, ours), ("", ".json"))]

    rests += ["/people/member:1", "/people/member:1?part=first-week", "/targets/vehicle/veh_osaka", "/reviews/theirs"]

    addresses = [osaka.log + rest for rest in rests]
    addresses += [f"/o/{osaka.slug}/my-log{rest}" for rest in ("", "?category=none", f"/entries/{to_text(theirs.id)}")]

    for rest, htmx in product(addresses, (False, True)):
        page = reader.get(rest, htmx=htmx)
        assert page.status == 404, rest
        assert CANARY not in page.text
        if not htmx:
            assert without_tokens(page.text) == missing, rest


def test_another_organisations_team_is_the_same_404_and_cannot_be_looked_up(
    reader: Reader, organisation: Place, osaka: Place, kenji: Someone
) -> None:
    missing = without_tokens(reader.get("/o/nobody/settings/team").text)
    for rest in ("", "/former", "/invitations", "/invite", "/roles", "/leave", f"/members/{kenji.id}", "/members/1"):
        page = reader.get(team(osaka, rest))
        assert (page.status, without_tokens(page.text)) == (404, missing), rest
    forms = {"/invite": {"addresses": "x@x.example", "role": "member"}, "/leave": {}, "/members/1/remove": {}}
    for rest, form in forms.items():
        page = reader.post(team(osaka, rest), form)
        assert (page.status, without_tokens(page.text)) == (404, missing), rest
    for rest in ("?q=osaka-bay", "/former?q=osaka-bay", "?q=Kenji", "/invitations"):
        assert CANARY not in reader.get(team(organisation, rest)).text


def test_another_organisations_entry_is_not_there(reader: Reader, organisation: Place, theirs: Event) -> None:
    log, my_log = f"{organisation.log}/entries/{{}}", f"/o/{organisation.slug}/my-log/entries/{{}}"
    for address in (log, f"{log}.json", my_log):
        page = reader.get(address.format(to_text(theirs.id)))
        missing = reader.get(address.format(MADE_UP))
        assert page.status == missing.status == 404
        assert without_tokens(page.text) == without_tokens(missing.text)


def test_no_filter_and_no_cursor_reaches_into_another_organisation(
    reader: Reader, organisation: Place, theirs: Event, ours: Event, kenji: Someone
) -> None:
    spelled = to_text(theirs.id)
    questions = [
        f"actor=member:{kenji.id}", "actor=api_key:key_osaka", "target=vehicle:veh_osaka", "action=vehicle.updated",
        "outcome=denied", "category=vehicles", f"before={spelled}", f"after={spelled}", "oldest=1", "last=9999d",
        "from=2026-03-02&to=2026-03-02&tz=Asia/Tokyo", f"category=vehicles&before={to_text(theirs.id + 1)}",
    ]  # fmt: skip
    shown = set()

    for question, path, htmx in product(questions, ("", "/actors"), (False, True)):
        page = reader.get(f"{organisation.log}{path}?{question}", htmx=htmx)
        assert page.status == 200, question
        assert CANARY not in page.text, question
        assert CANARY not in str(page.response.headers), question
        shown |= {str(tag["datetime"]) for tag in page.select("time")}

    assert shown == {"2026-03-02T08:00:00Z"}, "our own entry is there to be seen, theirs is not"


def test_people_and_keys_of_another_organisation_cannot_be_looked_up(
    reader: Reader, organisation: Place, kenji: Someone
) -> None:
    for text in ("", "Kenji", CANARY, "key_osaka", "@osaka-bay", "feed"):
        for htmx in (False, True):
            page = reader.get(f"{organisation.log}/actors?name={text}", htmx=htmx)
            assert page.status == 200
            assert "osaka-bay.example" not in page.text
            assert text == CANARY or CANARY not in page.text
            assert not page.select(f'a[href*="member:{kenji.id}"], a[href*="key_osaka"]')


def test_pages_about_oneself_show_nothing_of_other_organisations(reader: Reader, theirs: Event) -> None:
    for address in (
        "/profile",
        "/help/audit-log",
        "/api/docs",
        "/api/openapi.json",
        "/sign-in",
        "/healthz",
        "/nowhere",
    ):
        assert CANARY not in reader.get(address).text


@pytest.mark.parametrize("name", ["before", "after"])
def test_a_forged_cursor_is_a_place_in_this_log_or_refused(
    reader: Reader, organisation: Place, theirs: Event, ours: Event, name: str
) -> None:
    spelled = to_text(ours.id)
    flipped = [spelled[:place] + letter + spelled[place + 1 :] for place in range(len(spelled)) for letter in "0ZUazé%"]
    forged = ["9" * 30, "-1", "0", "\0", to_text(LAST_ID), "Z" * 13, "8000000000000", spelled.lower(), spelled + "0"]
    statuses = set()

    for cursor in [*flipped, *forged]:
        answer = reader.client.get(
            organisation.log, query_string={name: cursor}, headers={"HX-Request-Type": "partial"}
        )
        statuses.add(answer.status_code)
        assert answer.status_code in {200, 302, 400}, cursor
        assert CANARY not in answer.text
    assert {200, 400} <= statuses


def test_a_forged_entry_id_is_a_404_or_refused(reader: Reader, organisation: Place, theirs: Event, ours: Event) -> None:
    spelled = to_text(ours.id)
    for forged in ("9" * 30, "-1", "Z" * 13, spelled.lower(), spelled[:-1], spelled + "0", "%00", "..%2F..", "é" * 13):
        for kind in ("", ".json"):
            answer = reader.client.get(f"{organisation.log}/entries/{forged}{kind}")
            assert answer.status_code in {400, 404}, forged
            assert CANARY not in answer.text


def test_the_api_tells_nothing_of_another_organisation(
    app: Flask, organisation: Place, somebody: Someone, theirs: Event, ours: Event, kenji: Someone, engine: Engine
) -> None:
    Sealer(engine).run()
    program = Program(app.test_client(), new_key(app, organisation, somebody, scopes=["events:read"]))
    spelled = to_text(theirs.id)
    questions = [
        "", f"actor=member:{kenji.id}", "actor=api_key:key_osaka", "target=vehicle:veh_osaka", "outcome=denied",
        "action=vehicle.updated", "category=vehicles", "last=9999d", f"q={CANARY}", f"q={spelled}", "q=192.0.2.77",
        "from=2026-03-02&to=2026-03-02&tz=Asia/Tokyo",
    ]  # fmt: skip
    addresses = [f"{EVENTS}?{question}" for question in questions]
    addresses += [f"{API}/counts?{question}" for question in questions]
    addresses += [f"{EVENTS}?order=leaf&{question}" for question in questions if "q=" not in question]
    addresses += [f"{EVENTS}?{place}={spelled}" for place in ("before", "after")]
    addresses += [f"{EVENTS}?order=leaf&after=0", f"{EVENTS}?oldest=1", f"{API}/actions"]
    seen = set()
    for address in addresses:
        answer = program.get(address)
        assert answer.status_code == 200, address
        assert CANARY not in answer.text.replace("with KANARI", ""), address  # where the question is told again
        seen |= {event["id"] for event in (answer.json or {}).get("events", ())}
    assert seen == {to_text(ours.id)}, "our own entry is there to be seen, theirs is not"
    for question in questions:
        assert CANARY not in "".join(program.lines(f"{EVENTS}?{question}"))
    foreign, missing = (program.get(f"{EVENTS}/{id_}") for id_ in (spelled, MADE_UP))
    assert foreign.status_code == missing.status_code == 404
    assert foreign.json is not None
    assert missing.json is not None
    assert {**foreign.json, "request_id": ""} == {**missing.json, "request_id": ""}
    for forged in ("9" * 30, "-1", "Z" * 13, spelled.lower(), spelled[:-1], "%00", "..%2F..", "é" * 13):
        assert program.get(f"{EVENTS}/{forged}").status_code in {400, 404}, forged


def test_people_things_and_reviews_of_another_organisation_are_not_there(
    app: Flask, reader: Reader, organisation: Place, osaka: Place, theirs: Event, ours: Event, kenji: Someone
) -> None:
    with app.app_context():
        of = {"org_id": osaka.id, "person_id": kenji.id, "starter_id": kenji.id, "started_at": theirs.occurred_at}
        spans = {"zone": osaka.zone, "since_id": 0, "until_id": LAST_ID}
        db.session.add(MemberReview(id="theirs", kind="joining", note=CANARY, **of, **spans))
        db.session.commit()
    rests = [f"/people/member:{kenji.id}", "/people/api_key:key_osaka", "/targets/vehicle/veh_osaka", "/reviews/theirs"]
    nowhere = {organisation: f"{organisation.log}/people/system:nobody", osaka: "/o/nobody/settings/audit-log"}
    for rest in rests:
        for place, address in nowhere.items():
            page, missing = reader.get(place.log + rest), reader.get(address)
            assert page.status == 404, rest
            assert CANARY not in page.text
            assert without_tokens(page.text) == without_tokens(missing.text), rest
    for address, form in (
        (f"{organisation.log}/reviews", {"person": str(kenji.id), "kind": "joining"}),
        (f"{organisation.log}/reviews/theirs", {"do": "finish", "note": ""}),
        (f"{osaka.log}/reviews/theirs", {"do": "finish", "note": ""}),
    ):
        assert reader.post(address, form).status == 404, address
    join(app, organisation, kenji)  # who belongs to both has a page here that tells of here
    page = reader.get(f"{organisation.log}/people/member:{kenji.id}")
    assert (page.status, "has not done anything" in page.words) == (200, True)
    assert "Alphard" not in page.text
