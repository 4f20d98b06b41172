"""What the security review sets aside by itself: wanted with a decision, told in words, listed, and ended."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb import clock
from auditweb.extensions import db
from auditweb.insights.patterns import MOST, find_patterns
from auditweb.models import Event, Finding, FindingEvent, FindingPattern
from auditweb.reading.flags import Flag
from tests.findings import REVIEW, Ask, Find, ask, decide, find
from tests.integration.conftest import SignedInAs
from tests.log_pages import NOW
from tests.readers import Reader

# ruff: noqa: F401, F811  (fixtures are imported)

pytestmark = pytest.mark.usefixtures("at_now")


def notes(reader: Reader, finding: str) -> list[str]:
    """Return what a finding's page tells of decisions that are in force."""
    page = reader.get(f"{REVIEW}/{finding}")
    return [" ".join(each.get_text().split()) for each in page.select(".finding .told")]


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
