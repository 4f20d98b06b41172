"""The page of the security review: what was found, what is made of it, and the flags in the log."""

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import Engine

from auditweb import clock, ids
from auditweb.extensions import db
from auditweb.insights.patterns import MOST, find_patterns
from auditweb.insights.runs import Review
from auditweb.ledger.sealer import Sealer
from auditweb.models import Event, Finding, FindingEvent, FindingPattern
from auditweb.reading.flags import Flag
from tests.callers import Program
from tests.integration.conftest import AnEvent, SignedInAs
from tests.log_pages import LOG, NOW, rows, spelled
from tests.readers import Page, Place, Reader
from tests.teams import at_once

pytestmark = pytest.mark.usefixtures("at_now")
REVIEW = f"{LOG}/review"

Find = Callable[..., str]
Ask = Callable[[Any], list[Any]]


@pytest.fixture
def find(app: Flask, organisation: Place) -> Find:
    """Put a finding among those of the organisation, with these entries, and return its id."""

    def put(kind: Flag = Flag.BURST, events: list[int] | None = None, **more: Any) -> str:
        given: dict[str, Any] = {
            "id": f"f{kind.value}{len(more)}{more.get('at', '')}"[:20].replace(" ", ""),
            "subject_type": "member",
            "subject_id": "42",
            "subject_name": "Hana <b>Sato</b>",
            "place": "",
            "at": NOW - timedelta(days=1),
            "sentence": "Hana <b>Sato</b> did far more than usual.",
            "unusual": "Usually about 2.",
            "run": 1,
            "found_at": NOW,
            "state": "open",
            "note": "",
        } | more
        org_id = given.pop("org_id", organisation.id)
        with app.app_context():
            db.session.execute(sa.insert(Finding).values(org_id=org_id, kind=kind.value, **given))
            for event_id in events or []:
                shown = int(given["state"] != "set_aside")
                row = {"finding_id": given["id"], "event_id": event_id, "kind": kind.value, "shown": shown}
                db.session.execute(sa.insert(FindingEvent).values(org_id=org_id, **row))
            db.session.commit()
        return str(given["id"])

    return put


@pytest.fixture
def ask(app: Flask) -> Callable[[Any], list[Any]]:
    """Ask the database."""

    def answer(query: Any) -> list[Any]:
        with app.app_context():
            return list(db.session.execute(query).all())

    return answer


def seen_in(reader: Reader, finding: str) -> str:
    """Return what the form on a finding's page says that it was made for."""
    return str(reader.get(f"{REVIEW}/{finding}").select("input[name=made_for]")[0]["value"])


def decide(reader: Reader, finding: str, decision: str, **more: str) -> Page:
    """Decide about a finding as its page has it now."""
    given = {"made_for": seen_in(reader, finding)} | more
    return reader.post(f"{REVIEW}/{finding}", {"decision": decision, **given})


def notes(reader: Reader, finding: str) -> list[str]:
    """Return what a finding's page tells of decisions that are in force."""
    page = reader.get(f"{REVIEW}/{finding}")
    return [" ".join(each.get_text().split()) for each in page.select(".finding .told")]


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


def test_a_pattern_is_set_aside_from_then_on_until_it_is_opened_again(reader: Reader, find: Find, ask: Ask) -> None:
    finding = find(Flag.UNFAMILIAR_PLACE, place="192.0.2.0/24")

    decide(reader, finding, "set_aside", note="New office", always="y")

    assert ask(sa.select(FindingPattern.place, FindingPattern.note)) == [("192.0.2.0/24", "New office")]
    told = sa.select(Event.facts).where(Event.action == "sign_in_finding.set_aside")
    assert ask(told) == [({"note": "New office", "pattern": "set aside from now on"},)]
    decide(reader, finding, "open")
    assert ask(sa.select(FindingPattern.place)) == []


def test_a_page_tells_that_a_pattern_is_in_force_and_what_it_set_aside(
    reader: Reader, find: Find, ask: Ask, signed_in_as: SignedInAs
) -> None:
    """Whoever asked for it is not said to have set aside what the review did by itself."""
    maya = signed_in_as("admin", name="Maya Okafor")
    first = find(Flag.UNFAMILIAR_PLACE, place="192.0.2.0/24", found_at=NOW - timedelta(hours=2))
    with clock.set_to(NOW - timedelta(hours=1)):
        decide(maya, first, "set_aside", note="New office", always="y")
    asker = ask(sa.select(FindingPattern.decided_by))[0][0]
    aside = {"state": "set_aside", "decided_by": asker, "decided_at": NOW, "note": "New office", "by_itself": True}
    later = find(Flag.UNFAMILIAR_PLACE, id="later", place="192.0.2.0/24", **aside)
    earlier = find(Flag.UNFAMILIAR_PLACE, id="earlier", place="192.0.2.0/24")
    elsewhere = find(Flag.UNFAMILIAR_PLACE, id="elsewhere", place="198.51.100.0/24")
    rule = (
        "Since 23 Nov 2026, findings of this kind about Hana <b>Sato</b>, from 192.0.2.0/24, are set aside as they are "
        "found, as Maya Okafor asked"
    )

    assert notes(reader, first) == [
        "Set aside by Maya Okafor 1 h ago: New office",
        rule + ". Open this one again, and they are not any more.",
    ]
    assert notes(reader, later) == [
        "Set aside by itself just now, as Maya Okafor asked on 23 Nov 2026: New office",
        rule + ". Open this one again, and they are not any more.",
    ]
    assert notes(reader, earlier) == [rule + ". Confirm this one, and they are not any more. The note: New office"]
    assert not reader.get(f"{REVIEW}/{earlier}").select("#always")
    assert notes(reader, elsewhere) == []
    assert "Set aside by itself" in reader.get(f"{REVIEW}?state=set_aside").words

    decide(reader, earlier, "set_aside")
    assert len(ask(sa.select(FindingPattern.place))) == 1  # setting aside one more does not end it
    decide(reader, later, "open")
    assert ask(sa.select(FindingPattern.place)) == []
    assert notes(reader, first) == ["Set aside by Maya Okafor 1 h ago: New office"]


def test_what_is_set_aside_by_itself_is_listed_and_can_be_ended(
    app: Flask, reader: Reader, find: Find, ask: Ask, signed_in_as: SignedInAs
) -> None:
    """Also where no finding is left of those that it set aside."""
    patterns = f"{REVIEW}/patterns"
    assert "Nothing is set aside by itself" in reader.get(patterns).words
    assert reader.get(f"{REVIEW}?state=set_aside").select(f"a[href='{patterns}']") == []
    maya = signed_in_as("admin", name="Maya Okafor")
    burst, abroad = find(Flag.BURST), find(Flag.UNFAMILIAR_PLACE, place="192.0.2.0/24")
    decide(maya, burst, "set_aside", always="y")
    with clock.set_to(NOW + timedelta(minutes=1)):
        decide(maya, abroad, "set_aside", note="New <b>office</b>", always="y")
    with app.app_context():
        db.session.execute(sa.delete(FindingEvent))
        db.session.execute(sa.delete(Finding))
        db.session.commit()
    listed = reader.get(patterns)
    assert [" ".join(row.get_text(" ").split()) for row in listed.select("li.finding")] == [
        "Unfamiliar place since 23 Nov 2026 Hana <b>Sato</b> · from 192.0.2.0/24 Wanted by Maya Okafor : "
        "New <b>office</b> Stop setting aside All set aside of this kind",
        "Burst of activity since 23 Nov 2026 Hana <b>Sato</b> Wanted by Maya Okafor . "
        "Stop setting aside All set aside of this kind",
    ]
    assert "2 patterns are set aside as they are found" in reader.get(f"{REVIEW}?state=set_aside").words
    stop = str(listed.select("li.finding form")[0]["action"])

    auditor = signed_in_as("auditor")
    assert auditor.get(patterns).select("li.finding form") == []
    assert auditor.post(stop).status == 403
    assert reader.post(stop).location == patterns
    assert (
        "Later findings like “Unfamiliar place: Hana <b>Sato</b>” wait for a decision again."
        in reader.get(patterns).words
    )
    assert ask(sa.select(FindingPattern.kind)) == [("burst",)]
    again = reader.post(stop)
    assert (again.status, len(again.select("li.finding"))) == (404, 1)
    assert "That is not in force, or not as you saw it" in again.words
    told = sa.select(Event.summary, Event.category, Event.facts, Event.target_url)
    assert ask(told.where(Event.action == "sign_in_finding.pattern_ended")) == [
        (
            "Stopped setting aside findings like Unfamiliar place: Hana <b>Sato</b>",
            "authentication",
            {"scope": "from 192.0.2.0/24"},
            patterns,
        )
    ]


def test_what_was_wanted_anew_meanwhile_is_not_ended(
    reader: Reader, find: Find, ask: Ask, signed_in_as: SignedInAs
) -> None:
    finding, maya = find(Flag.BURST), signed_in_as("admin", name="Maya Okafor")
    decide(maya, finding, "set_aside", note="At first", always="y")
    stop = str(reader.get(f"{REVIEW}/patterns").select("li.finding form")[0]["action"])
    with clock.set_to(NOW + timedelta(minutes=1)):
        decide(maya, finding, "open")
        decide(maya, finding, "set_aside", note="For good", always="y")

    for address in (stop, stop.replace(stop.split("/")[-2], "0" * 20)):
        assert reader.post(address).status == 404
    assert ask(sa.select(FindingPattern.note)) == [("For good",)]


def test_more_patterns_than_are_listed_are_counted(app: Flask, reader: Reader, find: Find, ask: Ask) -> None:
    decide(reader, find(Flag.BURST), "set_aside", always="y")
    with app.app_context():
        row = db.session.execute(sa.select(FindingPattern.__table__)).one()._asdict()
        more = [{**row, "place": f"{number}", "decided_at": NOW - timedelta(1)} for number in range(MOST)]
        db.session.execute(sa.insert(FindingPattern), more)
        db.session.commit()

    assert f"{MOST + 1} patterns are set aside" in reader.get(f"{REVIEW}?state=set_aside").words
    assert f"These are the newest {MOST}" in reader.get(f"{REVIEW}/patterns").words
    with app.app_context():
        last = find_patterns(row["org_id"])[-1]
    assert reader.post(f"{REVIEW}/patterns/{last.id}/end").status == 303
    assert last.place not in [place for (place,) in ask(sa.select(FindingPattern.place))]


@pytest.mark.parametrize(
    ("kind", "place", "scope"),
    [
        (Flag.UNFAMILIAR_PLACE, "192.0.2.0/24", "from 192.0.2.0/24"),
        (Flag.ODD_HOURS, "between 00:00 and 07:00", "between 00:00 and 07:00"),
        (Flag.ROLE_RAISED, "owner", "to owner"),
        (Flag.LARGE_EXPORT, "audit_log.shared", "with shares of the log"),
        (Flag.KEY_WITHOUT_MAKER, "Ada", "made by Ada"),
        (Flag.TWO_FACTOR_RESET, "member:7", "for member:7"),
        (Flag.BURST, "", ""),
    ],
)
def test_what_is_set_aside_by_itself_is_told_in_words(
    reader: Reader, find: Find, kind: Flag, place: str, scope: str
) -> None:
    finding = find(kind, place=place)
    asked = reader.get(f"{REVIEW}/{finding}").select("#always-hint")[0].get_text()
    like_it = f"findings of this kind about Hana <b>Sato</b>{scope and f', {scope},'} are set aside as they are found"
    assert asked == f"With Set aside only: later {like_it}."
    decide(reader, finding, "set_aside", always="y")
    assert any(like_it in note for note in notes(reader, finding))

    heading = reader.get(f"{REVIEW}/patterns").select("li.finding h2")[0].get_text(" ").split(" · ")
    assert [part.strip() for part in heading] == ["Hana <b>Sato</b>", *([scope] if scope else [])]


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


def test_the_last_days_are_shown_as_dates_that_can_be_changed(reader: Reader) -> None:
    """Or a kind that is chosen beside them would be looked for at any time."""
    page = reader.get(f"{REVIEW}?last=7d")
    assert [page.select(f"#{name}")[0]["value"] for name in ("from", "to")] == ["2026-11-16", "2026-11-23"]


def test_an_auditor_reads_and_does_not_decide(signed_in_as: SignedInAs, find: Find) -> None:
    finding = find()
    auditor = signed_in_as(role="auditor")

    assert auditor.get(f"{REVIEW}/{finding}").select_one("#decide") is None
    assert auditor.post(f"{REVIEW}/{finding}", {"decision": "confirmed"}).status == 403
    assert signed_in_as(role="member").get(REVIEW).status == 403


def test_another_organisations_finding_is_not_there(reader: Reader, find: Find, other_organisation: Place) -> None:
    finding = find(org_id=other_organisation.id)

    assert sentences(reader.get(REVIEW)) == []
    assert reader.get(f"{REVIEW}/{finding}").status == 404
    assert reader.post(f"{REVIEW}/{finding}", {"decision": "confirmed"}).status == 404
    assert reader.get(f"{REVIEW}?before={finding}").status == 400


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


def test_the_number_of_open_findings_is_for_those_who_read_the_log(signed_in_as: SignedInAs, find: Find) -> None:
    for number in range(120):
        find(id=f"f{number}")

    team = f"{LOG.removesuffix('/audit-log')}/team"
    assert [tag.get_text(" ", strip=True) for tag in signed_in_as("owner").get(team).select(".waiting")] == ["99+ open"]
    assert signed_in_as("member").get("/o/northgate/my-log").select(".waiting") == []
