"""Where findings of the security review are named: beside entries that show them, and on pages they are about."""

from datetime import timedelta

import pytest
from flask import Flask

from auditweb.reading.flags import Flag
from tests.findings import REVIEW, Find, find
from tests.log_pages import NOW, statements
from tests.people import MONDAY, Tell, about, hrefs, priya, tell
from tests.readers import Page, Place, Reader, Someone

# ruff: noqa: F401, F811  (fixtures are imported)

pytestmark = pytest.mark.usefixtures("at_now")


def flags(page: Page, within: str = "main") -> list[tuple[str, str]]:
    return [(flag.get_text(), str(flag["href"])) for flag in page.select(f"{within} a.f-find")]


def test_entries_have_their_flags_wherever_they_are_read(
    reader: Reader, organisation: Place, priya: Someone, tell: Tell, find: Find
) -> None:
    shows = tell(MONDAY, priya)
    tell(MONDAY + timedelta(hours=1), priya)
    burst = ("Burst of activity", f"{REVIEW}/{find(Flag.BURST, [shows.id])}")
    find(Flag.ODD_HOURS, [shows.id], state="set_aside")
    started = reader.post(f"{organisation.log}/reviews", {"person": str(priya.id), "kind": "joining"}).location

    for address, within in (
        (organisation.log, "tr.row"),
        (f"{organisation.log}/targets/vehicle/veh_1", "tr.row"),
        (f"{organisation.log}/targets/vehicle/veh_1?flag=any", "tr.row"),
        (about(organisation, priya, "?part=first-week"), ".lanes"),
        (about(organisation, priya, "?part=last-week"), ".lanes"),
        (about(organisation, priya), ".firstlast"),
        (str(started), ".lanes"),
    ):
        page = reader.get(address)
        assert flags(page, within) == [burst], address
        assert "Updated the details of 2021 Toyota Alphard Burst of activity" in page.words, address


def test_pages_are_narrowed_by_a_flag(
    reader: Reader, organisation: Place, priya: Someone, tell: Tell, find: Find
) -> None:
    shows = tell(MONDAY, priya)
    for minute in range(1, 4):
        tell(MONDAY + timedelta(minutes=minute), priya)
    find(Flag.BURST, [shows.id])

    for flag, number in (("any", 1), ("burst", 1), ("odd_hours", 0)):
        thing = reader.get(f"{organisation.log}/targets/vehicle/veh_1?flag={flag}")
        person = reader.get(about(organisation, priya, f"?flag={flag}"))
        assert len(thing.select("tr.row")) == number, flag
        assert ("Of the one entry" in person.words) is bool(number), flag
        assert ("Nothing that Priya Raman did matches." in person.words) is not bool(number), flag
    assert reader.get(about(organisation, priya, "?part=first-week&flag=any")).status == 400
    assert reader.get(f"{organisation.log}/targets/vehicle/veh_1?flag=boats").status == 400


def test_a_person_and_the_findings_about_them_lead_to_each_other(
    app: Flask, reader: Reader, organisation: Place, priya: Someone, tell: Tell, find: Find
) -> None:
    ref = {"subject_id": str(priya.id), "subject_name": "Priya Raman"}
    find(Flag.BURST, sentence="Far <b>more</b>.", **ref)
    decided = find(Flag.ODD_HOURS, sentence="At night.", state="set_aside", at=NOW - timedelta(days=9), **ref)
    find(Flag.ROLE_RAISED, sentence="Somebody else.")
    find(Flag.BURST, sentence="A key.", id="key", subject_type="api_key", subject_id=str(priya.id))

    page = reader.get(about(organisation, priya))

    assert [link.get_text() for link in page.select(".about-findings .link")] == ["Far <b>more</b>.", "At night."]
    assert "2 findings; 1 to be decided." in page.words
    assert f"{REVIEW}/{decided}" in hrefs(page, ".about-findings .link")
    back = reader.get(f"{REVIEW}/{decided}")
    assert about(organisation, priya) in hrefs(back, ".headacts a")
    for number in range(20):
        find(Flag.BURST, sentence=f"{number}", id=f"n{number}", **ref)
    with statements(app) as many:
        page = reader.get(about(organisation, priya))
    assert len(page.select(".about-findings li")) == 10
    assert "22 findings, the last 10 of them here; 21 to be decided." in page.words
    assert len([each for each in many if "FROM finding " in each]) <= 2  # and that of the number beside the review
    for number in range(20, 100):
        find(Flag.BURST, sentence=f"{number}", id=f"n{number}", **ref)
    told = "100 findings or more, the last 10 of them here; 100 or more to be decided."
    assert told in reader.get(about(organisation, priya)).words


def test_a_category_that_is_quiet_has_no_page_of_a_person(reader: Reader, organisation: Place, find: Find) -> None:
    quiet = find(Flag.GONE_QUIET, subject_type="category", subject_id="vehicles", subject_name="Vehicles")

    assert len(reader.get(f"{REVIEW}/{quiet}").select(".headacts a")) == 1
