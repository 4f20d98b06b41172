"""Deciding about what the security review found: confirmed or set aside, with a note, once, and open again."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb import clock
from auditweb.models import Event, Finding, FindingPattern
from auditweb.reading.flags import Flag
from tests.findings import REVIEW, Ask, Find, ask, decide, find, seen_in
from tests.integration.conftest import SignedInAs
from tests.log_pages import LOG, NOW, rows
from tests.readers import Reader
from tests.teams import at_once

# ruff: noqa: F401, F811  (fixtures are imported)

pytestmark = pytest.mark.usefixtures("at_now")


def test_a_decision_leads_on_to_the_next_that_is_open(reader: Reader, signed_in_as: SignedInAs, find: Find) -> None:
    """The next older one, and from the oldest to the newest that is left."""
    a, b, c = (find(id=name, at=NOW - timedelta(days=days)) for days, name in enumerate("abc"))
    find(id="aside", at=NOW - timedelta(days=1, hours=1), state="set_aside")

    def following(finding: str, who: Reader = reader) -> list[str]:
        return [str(link["href"]) for link in who.get(f"{REVIEW}/{finding}").select(".findacts .btn.primary")]

    assert following(b) == []
    decide(reader, b, "confirmed")
    assert following(b, signed_in_as("auditor")) == []
    assert following(b) == [f"{REVIEW}/{c}"]
    decide(reader, c, "set_aside")
    assert following(c) == [f"{REVIEW}/{a}"]
    decide(reader, a, "confirmed")
    assert "The finding is confirmed. No other is open." in reader.get(f"{REVIEW}/{a}").words
    assert following(a) == []


def test_confirming_is_an_entry_and_can_be_undone(reader: Reader, find: Find, ask: Ask) -> None:
    finding = find(Flag.BURST)

    answer = decide(reader, finding, "confirmed", note="It was a test.\r\nReally.")
    assert (answer.status, answer.location) == (303, f"{REVIEW}/{finding}")
    page = reader.get(f"{REVIEW}/{finding}")
    assert [note.get_text() for note in page.select(".quoted")] == ["It was a test.\nReally."] * 2
    assert page.select_one(".waiting") is None
    again = decide(reader, finding, "confirmed", note="It was a test.\r\nReally.", made_for="open")
    assert again.status == 303  # pressed twice
    assert decide(reader, finding, "open").status == 303
    assert decide(reader, finding, "open").status == 303

    columns = (Event.action, Event.category, Event.facts, Event.target_url)
    told = ask(sa.select(*columns).where(Event.action.like("%finding%")).order_by(Event.id))
    assert [(row.action, row.category) for row in told] == [
        ("team_finding.confirmed", "team"),
        ("team_finding.reopened", "team"),
    ]
    assert told[0].facts["note"] == "It was a test.\nReally."
    assert told[0].target_url == f"{REVIEW}/{finding}"
    assert ask(sa.select(Finding.state)) == [("open",)]


def test_whatever_the_subject_is_called_it_can_be_decided_and_its_log_is_its_own(reader: Reader, find: Find) -> None:
    hostile = {"subject_id": "2&outcome=denied#\u202ex", "subject_name": "x" * 300}
    finding_id = find(Flag.ROLE_RAISED, **hostile)
    page = reader.get(f"{REVIEW}/{finding_id}")

    links = [str(each["href"]) for each in page.select(".headacts a")]
    assert f"{LOG}?actor=member:2%26outcome%3Ddenied%23%E2%80%AEx" in links
    assert "\u202e" not in page.text
    assert decide(reader, finding_id, "confirmed").status == 303


def test_a_form_that_somebody_else_was_quicker_than_changes_nothing(
    reader: Reader, signed_in_as: SignedInAs, find: Find, ask: Ask
) -> None:
    """It says who did what, keeps what was typed, and decides all the same if it is sent once more."""
    finding = find()
    maya = signed_in_as("admin", name="Maya Okafor")
    opened_before = seen_in(reader, finding)
    decide(maya, finding, "confirmed", note="She called me.")

    typed = {"made_for": opened_before, "decision": "set_aside", "note": "A drill", "always": "y"}
    refused = reader.post(f"{REVIEW}/{finding}", typed)

    assert refused.status == 409
    assert "Maya Okafor has confirmed this finding meanwhile, so nothing was changed." in refused.words
    assert ask(sa.select(Finding.state, Finding.note)) == [("confirmed", "She called me.")]
    assert ask(sa.select(FindingPattern.note)) == []
    assert refused.select("#note")[0].get_text() == "\nA drill"
    assert refused.select("#always")[0].has_attr("checked")
    assert "She called me." in refused.words
    now = str(refused.select("input[name=made_for]")[0]["value"])
    assert reader.post(f"{REVIEW}/{finding}", {**typed, "made_for": now}).status == 303
    assert ask(sa.select(Finding.state, Finding.note)) == [("set_aside", "A drill")]

    # What was decided before stays to be read, and one who would open again what is decided anew is told, too.
    page = reader.get(f"{REVIEW}/{finding}")
    told = [each.get_text(" ", strip=True) for each in page.select("[aria-labelledby=decisions-title] li")]
    assert [("Set aside" in each, "A drill" in each, "She called me." in each) for each in told] == [
        (True, True, False),
        (False, False, True),
    ]
    assert decide(maya, finding, "open", made_for=now).status == 409
    decide(maya, finding, "open")
    late = reader.post(f"{REVIEW}/{finding}", {**typed, "made_for": now})
    assert late.status == 409
    assert "Maya Okafor has opened this finding again meanwhile" in late.words
    assert ask(sa.select(Finding.state)) == [("open",)]


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"note": "x" * 501, "decision": "confirmed"}, "A note has 500 characters at most."),
        ({"note": "kept", "decision": "maybe"}, "Choose whether to confirm the finding or to set it aside."),
        ({"note": "kept"}, "Choose whether to confirm the finding or to set it aside."),
        ({"note": "kept", "decision": "confirmed", "made_for": ""}, "The form did not say what it was made for."),
        ({"note": "kept", "decision": "confirmed", "always": "y"}, "This goes with Set aside only."),
        ({"note": "kept", "decision": "open", "always": "y"}, "This goes with Set aside only."),
        ({"note": "a\0b", "decision": "confirmed"}, "Leave out characters that cannot be seen."),
        ({"note": "a\n\u202eb", "decision": "confirmed"}, "Leave out characters that cannot be seen."),
        ({"decision": ["confirmed", "set_aside"]}, "This was sent more than once."),
        ({"note": ["a", "b"], "decision": "confirmed"}, "This was sent more than once."),
        ({"always": ["y", "y"], "decision": "set_aside"}, "This was sent more than once."),
        ({"always": "maybe", "decision": "set_aside"}, "Tick this, or leave it as it is."),
        ({"made_for": ["open", "x"], "decision": "confirmed"}, "The form did not say what it was made for."),
    ],
)
def test_what_cannot_be_taken_changes_nothing(
    reader: Reader, find: Find, ask: Ask, sent: dict[str, Any], says: str
) -> None:
    finding = find()

    answer = reader.post(f"{REVIEW}/{finding}", {"made_for": "open", **sent})

    assert answer.status == 422
    assert says in answer.text
    assert ask(sa.select(Finding.state)) == [("open",)]


def test_what_cannot_be_taken_is_said_beside_a_finding_that_is_decided(reader: Reader, find: Find, ask: Ask) -> None:
    finding = find()
    decide(reader, finding, "confirmed")

    answer = decide(reader, finding, "open", always="y")

    assert answer.status == 422
    assert "This goes with Set aside only." in answer.select_one(".fielderror").get_text()  # type: ignore[union-attr]
    assert ask(sa.select(Finding.state)) == [("confirmed",)]


def test_a_note_is_as_long_as_what_is_kept_of_it(reader: Reader, find: Find, ask: Ask) -> None:
    lines = ["x" * 99] * 5
    assert decide(reader, find(), "confirmed", note="  " + "\r\n".join(lines) + "\r\n").status == 303
    assert ask(sa.select(Finding.note)) == [("\n".join(lines),)]


def test_all_decisions_are_a_click_away(reader: Reader, find: Find) -> None:
    finding = find()
    for number in range(11):
        assert "All decisions" not in reader.get(f"{REVIEW}/{finding}").words
        assert decide(reader, finding, ("confirmed", "open")[number % 2], note=f"{number}").status == 303

    (link,) = reader.get(f"{REVIEW}/{finding}").select(".more a")
    assert len(rows(reader.get(str(link["href"])))) == 11


def test_an_auditor_reads_and_does_not_decide(signed_in_as: SignedInAs, find: Find) -> None:
    finding = find()
    auditor = signed_in_as(role="auditor")

    assert auditor.get(f"{REVIEW}/{finding}").select_one("#decide") is None
    assert auditor.post(f"{REVIEW}/{finding}", {"decision": "confirmed"}).status == 403
    assert signed_in_as(role="member").get(REVIEW).status == 403


def test_of_those_who_decide_at_once_one_does(app: Flask, signed_in_as: SignedInAs, find: Find, ask: Ask) -> None:
    """The others are told, whether they would have decided the same or not."""
    finding = find()
    people = [signed_in_as("admin", name=f"Admin {number}") for number in range(4)]
    decisions = {"confirmed": "team_finding.confirmed", "set_aside": "team_finding.set_aside"}

    def send(who: Reader, decision: str) -> tuple[int, str]:
        with clock.set_to(NOW):
            return decide(who, finding, decision, made_for="open", note=f"{who.someone}").status, f"{who.someone}"

    answers = at_once(*[partial(send, who, list(decisions)[number % 2]) for number, who in enumerate(people)])

    assert sorted(status for status, _ in answers) == [303, 409, 409, 409]
    ((state, note),) = ask(sa.select(Finding.state, Finding.note))
    assert (303, note) in answers
    assert ask(sa.select(Event.action).where(Event.action.like("%finding%"))) == [(decisions[state],)]
