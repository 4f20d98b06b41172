"""Taking entries out of the log: the page that asks how, the bare files, the page to print, and who may."""

import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from flask import Flask

from auditweb import clock, holding
from auditweb.bulk import record_many
from auditweb.exports import sizes
from auditweb.exports.formats import Format
from auditweb.extensions import db
from tests.exported import CSV, EXPORT, download, ids_in, table_of
from tests.integration.conftest import AnEvent, FillLog, SignedInAs
from tests.log_entries import DEVICE, at_a_known_device, entries_of, one_entry, told
from tests.log_pages import ADA, LOG, STEPWGN, spelled
from tests.readers import Page, Place, Reader


def test_the_head_of_the_log_leads_to_an_export_of_what_is_shown(reader: Reader, fill: FillLog) -> None:
    fill(3)

    for htmx in (False, True):
        page = reader.get(f"{LOG}?category=vehicles&last=7d", htmx=htmx)
        assert page.select_one("#export-pop p").get_text() == "3 entries, newest first"  # type: ignore[union-attr]
        links = [str(link["href"]) for link in page.select("#export-pop a")]
        kept = "?category=vehicles&last=7d"
        assert links[0] == f"{EXPORT}{kept}&format=csv"
        assert links[-1] == f"{LOG}/print{kept}"
        assert [reader.get(link).status for link in links] == [200] * 4
    assert str(reader.get(LOG).select("#export-pop a")[2]["href"]) == f"{EXPORT}?format=ocsf"


def test_the_page_says_before_what_the_file_will_be(
    organisation: Place, reader: Reader, fill: FillLog, an_event: AnEvent
) -> None:
    fill(3)
    an_event("member.left", org_id=organisation.id)

    page = reader.get(f"{EXPORT}?category=vehicles&format=jsonl")

    assert page.heading() == "Export entries"
    assert page.select(".terms dd")[0].get_text(strip=True) == "3 entries"
    assert "Vehicles entries, up to" in page.words
    assert [str(each["value"]) for each in page.select("[name=format]:checked, option[selected]")] == [
        "jsonl",
        "Europe/London",
    ]
    told = [each.get_text() for each in page.select(".options .muted")]
    assert all(each.startswith("about ") for each in told)
    assert (len(told), told[0].split()[-1]) == (3, "kB")

    action = str(page.select_one("form.panel")["action"])  # type: ignore[index]
    assert "upto=" in action
    an_event(org_id=organisation.id)  # what comes after the page was opened is not in what it offered
    content = download(reader, action.removeprefix(EXPORT)).response.data
    assert len(table_of(content)) == 3
    assert reader.get(f"{EXPORT}?category=suppliers").select("form.panel") == []


@pytest.mark.parametrize("format_", Format)
def test_a_small_export_is_the_bare_file(
    app: Flask, organisation: Place, reader: Reader, fill: FillLog, format_: Format
) -> None:
    events = fill(7)
    at_a_known_device(reader)

    with one_entry(app, organisation) as recorded:
        page = download(reader, format=format_.value)

    headers = page.response.headers
    assert ids_in(page.response.data, format_) == spelled(events)
    assert headers["Content-Type"] == format_.media_type
    assert headers["Content-Disposition"].startswith("attachment; filename=northgate-audit-log-2")
    assert headers["Content-Disposition"].endswith(f".{format_.ending}")
    assert headers["Content-Length"] == str(len(page.response.data))
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("private, no-store", "nosniff")
    (entry,) = recorded
    assert told(entry) == ("audit_log.exported", "Ines Ferreira", None, "127.0.0.1", DEVICE)
    assert entry.summary == f"Exported audit log entries as {format_.label}"
    assert entry.facts["entries"] == "7"
    assert entry.facts["sha256"] == sha256(page.response.data).hexdigest()
    assert entry.facts["filter"].startswith("Entries, up to ")


def test_times_are_told_in_the_zone_that_was_chosen(reader: Reader, an_event: AnEvent, organisation: Place) -> None:
    summer, winter = (datetime(2026, month, 30, 23, 30, 0, 123456, tzinfo=UTC) for month in (6, 1))
    for moment in (summer, winter):
        an_event(org_id=organisation.id, occurred_at=moment)

    london, utc = (
        table_of(download(reader, "?category=vehicles", zone=zone).response.data) for zone in (CSV["zone"], "UTC")
    )

    assert [line["Time (Europe/London)"] for line in london] == ["2026-07-01 00:30:00", "2026-01-30 23:30:00"]
    assert [line["Time (UTC)"] for line in london] == ["2026-06-30T23:30:00.123456Z", "2026-01-30T23:30:00.123456Z"]
    assert [line["Time (UTC)"] for line in utc[:1]] == ["2026-06-30T23:30:00.123456Z"]


def test_the_size_that_is_told_is_that_of_the_file(
    reader: Reader, organisation: Place, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where older entries are far longer than the newest, and where the file is an archive."""
    with app.app_context():
        for months, fields in ((0, "mileage"), (3, "colour, mileage, " * 40), (6, "grade, " * 80)):
            at = clock.now() - timedelta(days=30 * months)
            told = {"action": "vehicle.updated", "actor": ADA, "target": STEPWGN, "facts": {"fields": fields}}
            record_many(
                [{**told, "occurred_at": at - timedelta(minutes=number)} for number in range(150)],
                org_id=organisation.id,
            )
        db.session.commit()

    def told_of(page: Page, format_: Format) -> list[float]:
        label = page.select_one(f"label:has([value={format_.value}]) .muted")
        assert label is not None
        numbers = re.findall(r"([0-9.]+) (bytes|kB|MB)", label.get_text())
        return [float(number) * {"bytes": 1, "kB": 1e3, "MB": 1e6}[unit] for number, unit in numbers]

    bare = {each: len(download(reader, "?category=vehicles", format=each.value).response.data) for each in Format}
    page = reader.get(f"{EXPORT}?category=vehicles")
    for each in Format:
        assert told_of(page, each) == [pytest.approx(bare[each], rel=0.3)]
    monkeypatch.setattr(sizes, "PACKED_FROM", 100)
    page = reader.get(f"{EXPORT}?category=vehicles")
    for each in Format:
        packed = len(download(reader, "?category=vehicles", format=each.value).response.data)
        assert told_of(page, each) == [pytest.approx(packed, rel=0.6), pytest.approx(bare[each], rel=0.3)]


def test_json_lines_are_what_the_api_gives(reader: Reader, fill: FillLog) -> None:
    events = fill(3)

    content = download(reader, format="jsonl").response.data

    whole = [reader.get(f"{LOG}/entries/{spelled_id}.json").text for spelled_id in spelled(events)]
    assert content.decode() == "".join(whole)


def test_entries_of_a_clock_that_is_ahead_are_on_the_screen_and_in_the_file(
    reader: Reader, organisation: Place, an_event: AnEvent
) -> None:
    ahead = an_event(org_id=organisation.id, occurred_at=clock.now() + timedelta(minutes=4))

    assert ids_in(download(reader, "?category=vehicles").response.data, Format.CSV) == spelled([ahead])


def test_two_exports_at_a_time(
    app: Flask, organisation: Place, reader: Reader, fill: FillLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(1)
    with app.app_context():
        ends = [holding.begin_stream(organisation.id) for _ in range(2)]
    before = len(entries_of(app, organisation))

    refused = download(reader)
    assert (refused.status, refused.response.headers["Retry-After"]) == (429, "10")
    assert "Nothing was exported" in refused.words
    assert refused.select_one(".problem a[href^='/o/northgate/settings/audit-log/export']")
    assert len(entries_of(app, organisation)) == before
    for end in ends:
        end()
    for _ in range(3):  # each makes room for the next
        assert download(reader).status == 200
        assert download(reader, manifest="y").status == 200
    monkeypatch.setitem(holding.MOST, "stream", (0, 0))
    assert download(reader).status == 503


def test_nothing_is_taken_out_by_a_form_or_an_address_that_cannot_be_meant(
    app: Flask, organisation: Place, reader: Reader
) -> None:
    forms: list[dict[str, str | list[str]]] = [
        {"format": "xls"},
        {"format": ""},
        {"format": []},
        {"format": ["csv", "jsonl"]},
        {"zone": "Asia/Tokyo"},
        {"zone": ""},
        {"zone": []},
        {"zone": ["Europe/London", "UTC"]},
        {"manifest": "maybe"},
        {"manifest": ["y", "y"]},
    ]
    for form in forms:
        page = download(reader, "?category=team", **form)
        assert page.status == 422, form
        assert page.select(".fielderror")
        assert [str(each["value"]) for each in page.select("option[selected], [name=format]:checked")]
    for query in ("?category=boats", "?format=csv", "?action=boat.sunk"):
        assert download(reader, query).status == 400
    assert reader.get(f"{EXPORT}?format=xls").status == 400
    assert reader.get(f"{EXPORT}?format=csv&format=jsonl").status == 400
    assert entries_of(app, organisation) == []


def test_who_may(signed_in_as: SignedInAs, other_organisation: Place, visitor: Reader) -> None:
    for role, status in (("owner", 200), ("admin", 200), ("auditor", 200), ("member", 403)):
        person = signed_in_as(role)
        assert person.get(EXPORT).status == person.get(f"{LOG}/print").status == download(person).status == status
    stranger = signed_in_as("owner", other_organisation)
    for page in (stranger.get(EXPORT), download(stranger), stranger.get(f"{LOG}/print")):
        assert (page.status, "Northgate" in page.text) == (404, False)
    assert visitor.get(EXPORT).status == 302


# The page to print


def test_the_page_to_print_has_full_times(reader: Reader, fill: FillLog) -> None:
    events = fill(60)

    page = reader.get(f"{LOG}/print?category=vehicles&after=0000000000000")

    assert page.heading() == "Audit log of Northgate Imports"
    lines = [[cell.get_text(" ", strip=True) for cell in row.select("td, th")] for row in page.select("tbody tr")]
    assert [line[-1] for line in lines] == spelled(events)
    assert lines[0][0] == "23 Nov 2026, 10:41:07 GMT"
    assert lines[0][1:3] == ["Vehicles", "Updated the details of 2020 Honda Stepwgn Spada Recorded late"]
    assert "60 entries, newest first. Times in London." in page.words
    assert not page.select(".notice")
    assert reader.get(f"{LOG}/print?category=suppliers").select(".notice")
    assert reader.get(f"{LOG}/print?category=boats").status == 400


def test_the_page_to_print_says_what_is_not_on_it(
    reader: Reader, fill: FillLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditweb.web.printing.MOST", 7)
    monkeypatch.setattr("auditweb.web.printing.LARGEST", 3)
    fill(9)

    page = reader.get(f"{LOG}/print?category=vehicles")

    assert len(page.select("tbody tr")) == 7
    assert "7 entries of 9 entries, newest first" in page.words
    assert "These are the newest 7 entries only; older ones are not on this page." in page.words
