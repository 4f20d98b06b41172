"""Narrowing the log: chips, dates, outcomes, addresses that cannot be read, and whose entries are seen."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.datastructures import MultiDict

from auditweb import ids
from auditweb.extensions import db
from auditweb.models import Event
from auditweb.parties import Outcome
from auditweb.reading.filters import LogFilter
from tests.integration.conftest import AnEvent, FillLog, SignedInAs
from tests.log_pages import LOG, NOW, rows, spelled, statements
from tests.readers import Place, Reader

pytestmark = pytest.mark.usefixtures("at_now")


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("?actor=member:1&category=team", "?category=team&actor=member:1"),
        ("?category=&from=&to=&tz=Asia/Tokyo", ""),
        ("?from=2026-11-01&to=2026-11-02", "?from=2026-11-01&to=2026-11-02&tz=Europe/London"),
        ("?last=7d&tz=", "?last=7d"),
    ],
)
@pytest.mark.parametrize("htmx", [False, True])
def test_forms_without_scripts_end_on_the_canonical_address(
    reader: Reader, query: str, canonical: str, htmx: bool
) -> None:
    answer = reader.get(LOG + query, htmx=htmx)

    assert (answer.status, answer.location) == (302, LOG + canonical)


def test_escapes_do_not_make_another_address(reader: Reader) -> None:
    assert reader.get(f"{LOG}?actor=member%3A1&last=7d").status == 200


def test_every_statement_about_events_names_the_organisation(app: Flask, reader: Reader, fill: FillLog) -> None:
    (event,) = fill(1)
    spelling = spelled([event])[0]
    addresses = [
        "",
        f"?before={spelling}",
        f"?after={spelling}",
        "?oldest=1",
        "?action=gone.forgotten",
        "?actor=system:x",
    ]

    with statements(app) as sent:
        for address in (*addresses, f"/entries/{spelling}", f"/entries/{spelling}.json", "/actors?name=a"):
            reader.get(LOG + address)

    about_events = [statement for statement in sent if "FROM event" in statement or "JOIN event" in statement]
    assert len(about_events) >= 8
    for statement in about_events:
        assert statement.count("org_id") >= statement.count("FROM event") + statement.count("JOIN event")


def test_chips_name_the_filters_and_take_them_away(reader: Reader, fill: FillLog) -> None:
    fill(1)
    query = (
        "category=vehicles&actor=member:ada-okafor&target=thing:thing-1&action=vehicle.updated&outcome=success"
        "&from=2026-11-01&to=2026-11-30&tz=Asia/Tokyo"
    )

    page = reader.get(f"{LOG}?{query}")

    chips = {chip.get_text(" ", strip=True): str(chip.select("a")[0]["href"]) for chip in page.select(".chip")}
    assert list(chips) == [
        "Actor: Ada Okafor",
        "Target: 2020 Honda Stepwgn Spada",
        "Action: Updated the details of …",
        "Outcome: Succeeded",
        "Date: 1 to 30 November 2026 (Tokyo)",
    ]
    assert chips["Date: 1 to 30 November 2026 (Tokyo)"] == f"{LOG}?{query.partition('&from')[0]}"
    assert "actor=" not in chips["Actor: Ada Okafor"]
    assert [link["aria-label"] for link in page.select(".chip a")] == [
        f"Remove the {name} filter" for name in ("actor", "target", "action", "outcome", "date")
    ]
    clear = page.select_one(".clear")
    assert clear is not None
    assert clear["href"] == f"{LOG}?category=vehicles"  # the tab is no chip
    assert reader.get(f"{LOG}?category=vehicles").select(".chips") == []


def test_dates_can_be_chosen_without_typing(reader: Reader, fill: FillLog) -> None:
    fill(1)

    page = reader.get(f"{LOG}?category=vehicles&last=7d")

    links = {link.get_text(strip=True): str(link["href"]) for link in page.select("#date-pop > a")}
    assert links == {
        "All time": f"{LOG}?category=vehicles",
        "Last 24 hours": f"{LOG}?category=vehicles&last=24h",
        "Last 7 days": f"{LOG}?category=vehicles&last=7d",
        "Last 30 days": f"{LOG}?category=vehicles&last=30d",
        "Last 90 days": f"{LOG}?category=vehicles&last=90d",
        "This year": f"{LOG}?category=vehicles&from=2026-01-01&to=2026-12-31&tz=Europe/London",
    }
    assert [link.get_text() for link in page.select("#date-pop > a[aria-current]")] == ["Last 7 days"]
    button = page.select_one("#date-btn")
    assert button is not None
    assert "Last 7 days" in button.get_text()


def test_the_form_for_own_dates_keeps_the_filters_and_says_whose_days(signed_in_as: SignedInAs, fill: FillLog) -> None:
    fill(1)
    reader = signed_in_as("auditor", name="Kenji Mori", zone="Asia/Tokyo")

    page = reader.get(f"{LOG}?category=vehicles&outcome=success&last=7d")

    form = page.select_one("form.range")
    assert form is not None
    sent = MultiDict((str(tag["name"]), str(tag.get("value", ""))) for tag in form.select("input"))
    assert sent.to_dict() == {"category": "vehicles", "outcome": "success", "from": "", "to": "", "tz": "Asia/Tokyo"}
    assert "Tokyo" in form.get_text()
    sent["from"] = sent["to"] = "2026-11-23"
    asked = LogFilter.from_args(sent, org_id=1, org_zone="Europe/London")
    assert asked.query() == "?category=vehicles&outcome=success&from=2026-11-23&to=2026-11-23&tz=Asia/Tokyo"
    dated = reader.get(f"{LOG}?from=2026-11-01&tz=America/New_York").select_one("form.range")
    assert dated is not None
    zone, day = dated.select_one("[name=tz]"), dated.select_one("[name=from]")
    assert zone is not None
    assert day is not None
    assert (zone["value"], day["value"]) == ("America/New_York", "2026-11-01")


def test_outcomes(reader: Reader, organisation: Place, an_event: AnEvent) -> None:
    by_outcome = {outcome.value: spelled([an_event(org_id=organisation.id, outcome=outcome)]) for outcome in Outcome}

    page = reader.get(LOG)

    links = [(link.get_text(strip=True), str(link["href"])) for link in page.select("#outcome-pop a")]
    assert [name for name, _ in links] == ["Any", "Succeeded", "Failed", "Denied"]
    for (_, address), expected in zip(links[1:], by_outcome.values(), strict=True):
        assert rows(reader.get(address)) == expected


def test_a_dated_link_selects_the_same_for_both(
    signed_in_as: SignedInAs, organisation: Place, an_event: AnEvent
) -> None:
    moments = [datetime(2026, 11, 20, hour, 59, 59, tzinfo=UTC) for hour in (14, 15, 23)]
    events = [an_event(org_id=organisation.id, occurred_at=moment) for moment in moments]
    readers = [
        signed_in_as("auditor", name=f"Reader {zone[:4]}", zone=zone) for zone in ("Asia/Tokyo", "Europe/London")
    ]

    for reader in readers:
        assert rows(reader.get(f"{LOG}?from=2026-11-20&to=2026-11-20&tz=Asia/Tokyo")) == spelled(events[:1])
        assert rows(reader.get(f"{LOG}?from=2026-11-20&to=2026-11-20&tz=Europe/London")) == spelled(events[::-1])


@pytest.mark.parametrize(
    ("query", "reason", "rest"),
    [
        ("?category=boats", "The log has no category called “boats”.", None),
        ("?category=boats&outcome=failure", "The log has no category called “boats”.", "?outcome=failure"),
        ("?sort=x&category=team", "The log has no filter called “sort”.", "?category=team"),
        ("?category=team&before=nonsense", "“nonsense” is not a place in the log.", "?category=team"),
        ("?category=team&from=2026-03-02&to=2026-03-01", "The dates are the wrong way round", "?category=team"),
        ("?category=team&category=vehicles", "more than one value for “category”", None),
        ("?category=boats&from=x&outcome=failure", "The log has no category called “boats”.", "?outcome=failure"),
        ("?category=team&action=vehicle.updatd", "There is no action “vehicle.updatd”", "?category=team"),
    ],
)
def test_a_bad_link_gets_the_reason_and_ways_back(
    reader: Reader, fill: FillLog, query: str, reason: str, rest: str | None
) -> None:
    fill(1)

    page = reader.get(LOG + query)
    part = reader.get(LOG + query, htmx=True)

    assert page.status == part.status == 400
    assert reason in page.words
    assert reason in part.text
    assert "<" not in part.text
    ways = [str(link["href"]) for link in page.select("main .problem a")]
    assert ways == ([LOG + rest] if rest else []) + [LOG]
    for way in ways:
        assert reader.get(way).status == 200


def test_a_bad_link_calls_people_by_their_names(reader: Reader) -> None:
    someone = reader.someone
    assert someone

    page = reader.get(f"{LOG}?actor=member:{someone.id}&before=nonsense")

    assert f"Entries by {someone.name}" in page.words
    assert f"member:{someone.id}" not in page.words


def test_a_hostile_reason_is_harmless(reader: Reader) -> None:
    page = reader.get(f"{LOG}?category=%3Cscript%3Ealert(1)%3C/script%3E%E2%80%AE%1B")

    assert page.status == 400
    assert "<script>alert" not in page.text
    assert "\u202e" not in page.text
    assert "\\u{202e}\\u{1b}" in page.text


def test_an_action_that_only_old_entries_have_can_be_asked_for(
    app: Flask, reader: Reader, organisation: Place, an_event: AnEvent
) -> None:
    event = an_event(org_id=organisation.id)
    with app.app_context():
        values = {column.name: getattr(event, column.name) for column in Event.__table__.columns}
        db.session.execute(sa.insert(Event).values({**values, "id": event.id + 1, "action": "yacht.polished"}))
        db.session.commit()

    assert rows(reader.get(f"{LOG}?action=yacht.polished")) == spelled([Event(id=event.id + 1)])
    assert reader.get(f"{LOG}?action=yacht.polished&outcome=denied").status == 200
    assert reader.get(f"{LOG}?action=yacht.painted").status == 400


def test_the_log_is_read_only_for_whoever_may(
    signed_in_as: SignedInAs, fill: FillLog, other_organisation: Place
) -> None:
    fill(1)

    assert [signed_in_as(role).get(LOG).status for role in ("owner", "admin", "auditor", "member")] == [200] * 3 + [403]
    assert signed_in_as("owner", other_organisation, name="Kenji Mori").get(LOG).status == 404
    assert signed_in_as("owner", other_organisation, name="Aiko Mori").get(f"{LOG}?category=boats").status == 404


CANARY = "Canary7f3a"


@pytest.fixture
def canary(app: Flask, other_organisation: Place) -> str:
    """An event of another organisation with a canary in every column of free text; return its id."""
    moment = NOW - timedelta(hours=1)
    event_id = ids.new_id(moment)
    free = (
        "summary", "actor_name", "via_id", "via_name", "target_name", "target_url", "ip", "user_agent", "request_id",
        "idempotency_key",
    )  # fmt: skip
    values = {name: f"{CANARY} {name}" for name in free} | {
        "org_id": other_organisation.id,
        "id": event_id,
        "occurred_at": moment,
        "recorded_at": moment,
        "category": "vehicles",
        "action": "vehicle.theirs",
        "facts": {"fact": CANARY},
        "actor_type": "member",
        "actor_id": "their-actor",
        "via_type": "api_key",
        "target_type": "vehicle",
        "target_id": "their-target",
        "outcome": "success",
    }
    with app.app_context():
        db.session.execute(sa.insert(Event).values(values))
        db.session.commit()
    return ids.to_text(event_id)


@pytest.mark.parametrize("htmx", [False, True])
def test_nothing_of_another_organisation_is_ever_shown(
    reader: Reader,
    fill: FillLog,
    canary: str,
    signed_in_as: SignedInAs,
    other_organisation: Place,
    htmx: bool,
) -> None:
    """Whoever asks for another organisation's actor, target, action, place or entry."""
    events = fill(2)
    answers = {
        "?actor=member:their-actor": 200,
        "?target=vehicle:their-target": 200,
        "?action=vehicle.theirs": 400,
        f"?before={canary}": 200,
        f"?after={canary}": 200,
        "?last=7d": 200,
        "?oldest=1": 200,
        f"/entries/{canary}": 404,
        f"/entries/{canary}.json": 404,
        "/actors": 200,
        f"/actors?name={CANARY[1:]}": 200,
        "/actors?actor=member:their-actor": 200,
    }

    for query, status in answers.items():
        page = reader.get(LOG + query, htmx=htmx)
        assert page.status == status, query
        assert CANARY not in page.text, query

    assert rows(reader.get(f"{LOG}?before={canary}")) == spelled(events[1:])
    theirs = signed_in_as("owner", other_organisation, name="Kenji Mori").get("/o/osaka-bay/settings/audit-log")
    assert CANARY in theirs.text
