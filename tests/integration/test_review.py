"""The page of the security review: what was found, for whom and how it is narrowed, and the flags in the log."""

import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import Engine

from auditweb import clock, ids
from auditweb.insights.runs import Review
from auditweb.ledger.sealer import Sealer
from auditweb.models import Finding, FindingEvent
from auditweb.reading.flags import Flag
from tests.callers import Program
from tests.findings import REVIEW, Ask, Find, ask, decide, find
from tests.integration.conftest import AnEvent, SignedInAs
from tests.log_pages import LOG, NOW, rows, spelled
from tests.readers import Place, Reader

# ruff: noqa: F401, F811  (fixtures are imported)

pytestmark = pytest.mark.usefixtures("at_now")


def sentences(page: Any) -> list[str]:
    return [each.get_text(strip=True) for each in page.select(".findings .finding h2")]


def test_findings_are_listed_newest_first_with_their_entries(
    reader: Reader, find: Find, an_event: AnEvent, organisation: Place
) -> None:
    events = [an_event(org_id=organisation.id) for _ in range(7)]
    find(events=[event.id for event in events])
    find(Flag.ODD_HOURS, sentence="Earlier.", at=NOW - timedelta(days=3))
    find(Flag.ROLE_RAISED, sentence="Decided.", state="confirmed", note="As agreed")

    page = reader.get(REVIEW)

    assert sentences(page) == ["Hana <b>Sato</b> did far more than usual.", "Earlier."]
    evidence = [str(link["href"]) for link in page.select(".findings .finding:first-child .evidence a")]
    assert evidence == [f"{LOG}/entries/{spelling}" for spelling in spelled(events[:5])]
    assert "All 7 entries" in page.text
    assert "Usually about 2." in page.text
    (badge,) = page.select("nav[aria-label=Settings] .waiting")
    assert badge.get_text(" ", strip=True) == "2 open"


def test_whose_hours_are_whose_is_said_to_those_who_have_others(
    reader: Reader, signed_in_as: SignedInAs, find: Find
) -> None:
    """Sentences tell those of the organisation, what stands beside entries those of the reader."""
    finding, says = find(), "Findings tell the hours of Europe/London"
    yuto = signed_in_as("auditor", zone="Asia/Tokyo")

    for address in (REVIEW, f"{REVIEW}/{finding}"):
        assert says in yuto.get(address).words
        assert says not in reader.get(address).words


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["a", "b"]),
        ("?state=open", ["a", "b"]),
        ("?state=all", ["a", "c", "b"]),
        ("?state=confirmed", ["c"]),
        ("?state=set_aside", []),
        ("?kind=odd_hours", ["b"]),
        ("?kind=odd_hours&state=all", ["b"]),
        ("?last=2d", ["a"]),
        ("?from=2026-11-18&to=2026-11-20&tz=Europe/London", ["b"]),
        ("?kind=burst&from=2026-11-18&to=2026-11-20&tz=Europe/London", []),
    ],
)
def test_they_are_narrowed_by_kind_state_and_time(reader: Reader, find: Find, query: str, expected: list[str]) -> None:
    find(sentence="a", at=NOW - timedelta(days=1))
    find(Flag.ODD_HOURS, sentence="b", at=NOW - timedelta(days=4))
    find(Flag.ROLE_RAISED, sentence="c", at=NOW - timedelta(days=3), state="confirmed")

    assert sentences(reader.get(REVIEW + query)) == expected


def test_the_last_days_are_shown_as_dates_that_can_be_changed(reader: Reader) -> None:
    """Or a kind that is chosen beside them would be looked for at any time."""
    page = reader.get(f"{REVIEW}?last=7d")
    assert [page.select(f"#{name}")[0]["value"] for name in ("from", "to")] == ["2026-11-16", "2026-11-23"]


@pytest.mark.parametrize(
    ("query", "says", "rest"),
    [
        ("?kind=boats", "A kind is unfamiliar_place, ", ""),
        ("?state=closed", "One is open, confirmed, set_aside or all.", ""),
        ("?from=x&state=all", "is not a date", "?state=all"),
        ("?q=hana", "The review has no filter called “q”.", ""),
        ("?last=7d&from=2026-01-01", "and for dates at once", "?from=2026-01-01"),
        ("?actor=member:1&kind=burst", "The review has no filter called “actor”.", "?kind=burst"),
        ("?kind=burst&kind=role_raised&last=2d", "more than one value for “kind”", "?last=2d"),
        ("?state=all&state=open", "more than one value for “state”", ""),
        ("?before=zzz&state=all", "“zzz” is not a place in the review.", "?state=all"),
        ("?before=a&before=b", "more than one value for “before”", ""),
    ],
)
def test_what_cannot_be_read_is_refused(reader: Reader, query: str, says: str, rest: str) -> None:
    """With the reason, and ways back into the review: to the same without what was wrong, and to what is open."""
    page = reader.get(REVIEW + query)

    assert page.status == 400
    assert says in page.words
    ways = [str(link["href"]) for link in page.select(".problem a")]
    assert ways == ([REVIEW + rest] if rest else []) + [REVIEW]


def test_a_finding_that_is_not_there_leads_to_the_review(reader: Reader) -> None:
    page = reader.get(f"{REVIEW}/nothing")

    assert page.status == 404
    assert [link["href"] for link in page.select(".problem a")] == [REVIEW]


def test_tabs_say_how_many_there_are_and_an_empty_one_what_is_missing(reader: Reader, find: Find) -> None:
    def tabs(query: str = "") -> list[str]:
        return [link.get_text(" ", strip=True) for link in reader.get(REVIEW + query).select("nav.tabs a")]

    said = {"": "Nothing to decide", "?state=confirmed": "No finding is confirmed"}
    said |= {"?state=set_aside": "No finding is set aside", "?state=all": "Nothing was found so far"}
    for query, heading in said.items():
        assert reader.get(REVIEW + query).select(".blank h2")[0].get_text() == heading
    for number in range(100):
        find(id=f"f{number}")
    find(Flag.ODD_HOURS, at=NOW - timedelta(days=9), state="confirmed")
    find(Flag.ODD_HOURS, id="aside", state="set_aside")

    assert tabs() == ["Open 99+", "Confirmed 1", "Set aside 1", "All 99+"]
    assert tabs("?kind=odd_hours&state=all") == ["Open 0", "Confirmed 1", "Set aside 1", "All 2"]
    assert tabs("?kind=odd_hours&last=2d") == ["Open 0", "Confirmed 0", "Set aside 1", "All 1"]
    assert reader.get(f"{REVIEW}?kind=burst&state=confirmed").select(".blank h2")[0].get_text() == "No such finding"


def test_entries_that_wait_for_the_review_are_of_note_after_a_minute(
    app: Flask, reader: Reader, an_event: AnEvent, organisation: Place, engine: Engine
) -> None:
    """Not the entry of a decision that was made just now."""
    an_event(org_id=organisation.id)
    Sealer(engine).run()
    Review(engine).run()
    with clock.set_to(NOW):
        an_event(org_id=organisation.id)
        Sealer(engine).run()

    with clock.set_to(NOW + timedelta(seconds=50)):
        assert "to be reviewed" not in reader.get(REVIEW).words
    with clock.set_to(NOW + timedelta(seconds=61)):
        assert "1 entry is still to be reviewed." in reader.get(REVIEW).words


def test_pages_show_each_finding_once(reader: Reader, find: Find) -> None:
    for number in range(60):
        find(sentence=f"{number}", id=f"f{number:02}", at=NOW - timedelta(days=number // 3))
    seen: list[str] = []
    address = REVIEW
    while address:
        page = reader.get(address)
        seen += sentences(page)
        link = page.select_one("a[rel=next]")
        address = str(link["href"]) if link else ""

    assert len(seen) == len(set(seen)) == 60


def test_another_organisations_finding_is_not_there(reader: Reader, find: Find, other_organisation: Place) -> None:
    finding = find(org_id=other_organisation.id)

    assert sentences(reader.get(REVIEW)) == []
    assert reader.get(f"{REVIEW}/{finding}").status == 404
    assert reader.post(f"{REVIEW}/{finding}", {"decision": "confirmed"}).status == 404
    assert reader.get(f"{REVIEW}?before={finding}").status == 400


def test_the_number_of_open_findings_is_for_those_who_read_the_log(signed_in_as: SignedInAs, find: Find) -> None:
    for number in range(120):
        find(id=f"f{number}")

    team = f"{LOG.removesuffix('/audit-log')}/team"
    assert [tag.get_text(" ", strip=True) for tag in signed_in_as("owner").get(team).select(".waiting")] == ["99+ open"]
    assert signed_in_as("member").get("/o/northgate/my-log").select(".waiting") == []


def test_entries_carry_flags_that_the_log_can_be_narrowed_by(
    reader: Reader, find: Find, an_event: AnEvent, organisation: Place, engine: Engine
) -> None:
    """On the page and in the details, before and after sealing, alone and with other filters."""
    events = [an_event(org_id=organisation.id) for _ in range(120)]
    Sealer(engine).run()
    chosen = events[::2]
    finding = find(Flag.BURST, [event.id for event in chosen])
    find(Flag.ODD_HOURS, [events[0].id, events[1].id])
    find(Flag.ROLE_RAISED, [events[3].id], state="set_aside")
    expected = {
        "?flag=any": {events[1].id, *(event.id for event in chosen)},
        "?flag=burst": {event.id for event in chosen},
        "?flag=odd_hours": {events[0].id, events[1].id},
        "?flag=role_raised": set(),
        "?flag=any&outcome=denied": set(),
    }

    for query, wanted in expected.items():
        seen: list[str] = []
        address = LOG + query
        while address:
            page = reader.get(address)
            seen += rows(page)
            link = page.select_one("a[rel=next]")
            address = str(link["href"]) if link else ""
        assert sorted(seen) == sorted(map(ids.to_text, wanted)), query
    page = reader.get(f"{LOG}?flag=burst")
    assert "1–50 of 60" in page.words
    assert {link["href"] for link in page.select("tr.row .f-find")} >= {f"{REVIEW}/{finding}"}
    assert "Showing Flag: Burst of activity" in page.words
    details = reader.get(f"{LOG}/entries/{ids.to_text(events[0].id)}")
    assert [flag.get_text() for flag in details.select(".f-find")] == ["Burst of activity", "Unusual hours"]
    assert "A flag is any, unfamiliar_place, " in reader.get(f"{LOG}?flag=boats").words
    assert reader.get(f"{LOG}/share?flag=any").status == 400


def test_the_api_and_exports_go_by_flags_too(
    reader: Reader, program: Program, find: Find, an_event: AnEvent, organisation: Place, engine: Engine
) -> None:
    """The same entries as on the page, and the same numbers; not in the order of commits, which is older than flags."""
    events = [an_event(org_id=organisation.id) for _ in range(30)]
    Sealer(engine).run()
    chosen = sorted((ids.to_text(event.id) for event in events[:7]), reverse=True)
    finding = find(Flag.BURST, [event.id for event in events[:7]])
    find(Flag.ODD_HOURS, [events[9].id])

    def ask(address: str) -> Any:
        return program.client.get(f"/api/v1/{address}", headers={"Authorization": f"Bearer {program.token}"})

    assert [event["id"] for event in ask("events?flag=burst").json["events"]] == chosen
    told = [{"flag": "burst", "url": f"http://localhost{REVIEW}/{finding}"}]
    assert ask("events?flag=burst").json["flags"] == dict.fromkeys(chosen, told)
    assert len(ask("events?limit=500").json["flags"]) == 8
    assert ask("counts?flag=burst").json["matching"]["number"] == 7
    assert ask("counts?flag=any").json["matching"]["number"] == 8
    assert ask("events?flag=boats").status_code == 400
    assert ask("events?flag=burst&order=leaf").status_code == 400
    file = reader.post(f"{LOG}/export?flag=burst", {"format": "jsonl", "zone": "Europe/London"})
    assert [json.loads(line)["id"] for line in file.text.splitlines()] == chosen
    file.response.close()
    decide(reader, finding, "set_aside")
    assert ask("events?flag=burst").json["events"] == []
    assert ask("counts?flag=any").json["matching"]["number"] == 1


def test_what_a_key_tells_of_members_is_looked_at_like_their_own(program: Program, engine: Engine, ask: Ask) -> None:
    """Nine weeks of a member at work elsewhere, and what nobody expects of them at the end of it."""
    them = {"type": "member", "id": "42", "name": "Callum Byrne"}
    begins = NOW.replace(hour=9, minute=0) - timedelta(days=102)
    told: list[dict[str, Any]] = []

    def tell(days: float, action: str, *, ip: str = "192.0.2.7", **more: Any) -> None:
        at = (begins + timedelta(days=days)).isoformat()
        told.append({"action": action, "actor": them, "ip": ip, "occurred_at": at, **more})

    def customer(number: int) -> dict[str, Any]:
        return {"target": {"type": "customer", "id": f"cus_{number}", "name": f"Customer {number}"}}

    for day in range(64):
        if (begins + timedelta(days=day)).weekday() < 5:
            tell(day, "sign_in.succeeded")
            tell(day + 0.1, "customer.verified", **customer(day))
    for number in range(8):
        refused = {"email": "callum@northgate.example", "reason": "wrong password"}
        tell(91 + number / 1440, "sign_in.refused", facts=refused, outcome="failure")
    tell(91 + 9 / 1440, "sign_in.succeeded", ip="203.0.113.9")
    for number in range(60):
        tell(91.7 + number / 86400, "customer.deleted", **customer(number))
    tell(91.75, "two_factor.removed")
    tell(91.76, "recovery_codes.used", ip="203.0.113.9")
    what = {"scope": "all customers", "format": "CSV"}
    tell(91.77, "export.requested", facts=what)
    tell(91.78, "export.completed", facts={"records": "4000", "size": "1 MB", **what})

    answer = program.send(told)
    assert answer.status_code == 201, answer.text
    Sealer(engine).run()
    Review(engine).run()

    assert [tuple(row) for row in ask(sa.select(Finding.kind, Finding.subject_id).order_by(Finding.kind))] == [
        ("burst", "42"),
        ("guessed_password", "42"),
        ("large_export", "42"),
        ("odd_hours", "42"),
        ("recovery_code", "42"),
        ("two_factor_off", "42"),
        ("unfamiliar_place", "42"),
    ]
    (evidence,) = ask(sa.select(sa.func.count()).where(FindingEvent.kind == "guessed_password"))
    assert tuple(evidence) == (9,)
