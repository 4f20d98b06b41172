"""To a page by its number, and to a day: plain forms that end on the page's own address."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from auditweb import ids
from auditweb.reading.counts import Count, Counted
from auditweb.web import jumps
from tests.integration.conftest import AnEvent, FillLog, SignedInAs
from tests.log_pages import LOG, NOW, rows, spelled, statements
from tests.readers import Page, Place, Reader

pytestmark = pytest.mark.usefixtures("at_now")


def send(reader: Reader, shown: Page, label: str, *, htmx: bool = False, **filled: str) -> Page:
    """Fill in a form of the pager as a browser without scripts would, send it, and go where it leads."""
    form = shown.select_one(f'.pager form[aria-label="{label}"]')
    assert form is not None
    fields = {str(field["name"]): str(field["value"]) for field in form.select("input[value]")} | filled
    assert form["action"] == form["hx-get"] == f"{LOG}/go"
    query = "&".join(f"{name}={value}" for name, value in fields.items())
    answer = reader.get(f"{LOG}/go?{query}", htmx=htmx)
    return reader.get(answer.location, htmx=htmx) if answer.location else answer


@pytest.mark.parametrize("htmx", [False, True])
def test_to_a_page_by_its_number(reader: Reader, fill: FillLog, htmx: bool) -> None:
    events = fill(170)
    first = reader.get(LOG)

    pages = [send(reader, first, "Go to a page", htmx=htmx, page=str(number)) for number in (1, 2, 4)]

    assert [rows(page) for page in pages] == [
        spelled(events[:50]), spelled(events[50:100]), spelled(events[150:]),
    ]  # fmt: skip
    assert [field["value"] for page in pages for field in page.select("[name=page]")] == ["1", "2", "4"]


def test_the_address_in_between_is_the_pages_own(reader: Reader, fill: FillLog) -> None:
    events = fill(60)

    second = reader.get(f"{LOG}/go?category=vehicles&last=7d&page=2")
    first = reader.get(f"{LOG}/go?category=vehicles&page=1")

    assert (second.status, second.location) == (
        302,
        f"{LOG}?category=vehicles&last=7d&before={ids.to_text(events[50].id + 1)}",
    )
    assert first.location == f"{LOG}?category=vehicles"
    assert reader.get(str(second.location)).status == 200


def test_the_other_filters_are_kept(reader: Reader, organisation: Place, an_event: AnEvent, fill: FillLog) -> None:
    fill(60)
    for days in range(3):
        an_event("member.invited", org_id=organisation.id, occurred_at=NOW - timedelta(days=days))

    page = reader.get(f"{LOG}?category=vehicles&from=2026-11-01&to=2026-11-30&tz=Asia/Tokyo")
    second = send(reader, page, "Go to a page", page="2")
    day = send(reader, page, "Go to a day", date="2026-11-22")

    assert len(rows(second)) == 10
    for found in (second, day):
        assert [chip.get_text(" ", strip=True) for chip in found.select(".chip")] == [
            "Date: 1 to 30 November 2026 (Tokyo)"
        ]


def test_to_a_day(reader: Reader, fill: FillLog) -> None:
    """The page begins with the last entry of the day, and goes on to what is older."""
    events = fill(120)
    page = reader.get(LOG)

    day = send(reader, page, "Go to a day", date="2026-11-20")

    first_of_later_day = next(
        at for at, event in enumerate(events) if event.occurred_at < datetime(2026, 11, 21, tzinfo=UTC)
    )
    assert rows(day) == spelled(events[first_of_later_day : first_of_later_day + 50])


@pytest.mark.parametrize("date", ["2026-11-23", "2026-11-24", "2069-12-31"])
def test_a_day_that_is_not_over_is_the_newest_page(reader: Reader, date: str) -> None:
    assert reader.get(f"{LOG}/go?date={date}&tz=Europe/London").location == LOG


def test_a_day_is_one_of_the_zone_asked_in(signed_in_as: SignedInAs, fill: FillLog) -> None:
    fill(60)
    in_kathmandu = signed_in_as("auditor", name="Asha Rai", zone="Asia/Kathmandu")

    field = in_kathmandu.get(LOG).select_one('form[aria-label="Go to a day"] [name=tz]')
    answer = in_kathmandu.get(f"{LOG}/go?date=2026-11-22&tz=Asia/Kathmandu")

    assert field is not None
    assert field["value"] == "Asia/Kathmandu"
    midnight = datetime(2026, 11, 22, 18, 15, tzinfo=UTC)
    assert answer.location == f"{LOG}?before={ids.to_text(ids.first_id_at(midnight))}"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("page=4", "There is no page 4: there are 3 pages."),
        ("page=1000000000", "There is no page 1,000,000,000: there are 3 pages."),
        ("category=team&page=2", "There is no page 2: there is one page."),
        ("page=0", "“0” is not the number of a page. The newest page is 1."),
        ("page=-1", "is not the number of a page"),
        ("page=2.5", "is not the number of a page"),
        ("page=1,00", "“1,00” is not the number of a page"),
        ("page=1,0000", "is not the number of a page"),
        ("page=1000,000", "is not the number of a page"),
        ("page=,001", "is not the number of a page"),
        ("page=1,", "is not the number of a page"),
        ("page=٣", "is not the number of a page"),
        ("page=" + "9" * 40, "is not the number of a page"),
        ("page=2&page=3", "more than one page"),
        ("date=2026-13-01", "“2026-13-01” is not a date. One is written like 2026-03-31."),
        ("date=1999-12-31", "The log knows the years 2000 to 2069"),
        ("date=2026-11-01&tz=Mars/Olympus", "is not a time zone"),
        ("page=2&date=2026-11-01", "asks for a page and for a day at once"),
        ("", "Say which page or which day to go to."),
        ("page=&date=", "Say which page or which day to go to."),
        ("category=boats&page=2", "The log has no category called “boats”."),
    ],
)
@pytest.mark.parametrize("htmx", [False, True])
def test_what_leads_nowhere_is_refused_with_a_reason(
    reader: Reader, fill: FillLog, query: str, reason: str, htmx: bool
) -> None:
    fill(120)

    answer = reader.get(f"{LOG}/go?{query}", htmx=htmx)

    assert answer.status == 400
    assert reason in (answer.text if htmx else answer.words)


def test_a_page_beyond_what_is_counted_is_told_so(
    reader: Reader, fill: FillLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(60)
    monkeypatch.setattr(jumps, "find_at", lambda *_: None)
    uncounted = Counted({None: Count(10_000, exact=False)}, [], None)
    monkeypatch.setattr(jumps, "count", lambda *_, **__: uncounted)

    answer = reader.get(f"{LOG}/go?page=201")

    assert answer.status == 400
    assert "Here pages are counted up to 200, and this asks for page 201. Go to a day instead." in answer.words


def test_thousands_may_be_set_apart(reader: Reader, fill: FillLog) -> None:
    assert "no page 1,234:" in reader.get(f"{LOG}/go?page=1,234").words
    assert "no page 1,234,567:" in reader.get(f"{LOG}/go?page=1,234,567").words


def test_one_page_needs_no_way_elsewhere(reader: Reader, fill: FillLog) -> None:
    fill(50)

    assert reader.get(LOG).select(".pager form") == []


def test_it_leads_into_no_other_organisation(
    app: Flask, signed_in_as: SignedInAs, other_organisation: Place, an_event: AnEvent, fill: FillLog
) -> None:
    fill(60)
    reader = signed_in_as("owner", other_organisation, name="Kenji Mori")

    assert reader.get(f"{LOG}/go?page=2").status == 404
    assert "there is one page" in reader.get(f"{other_organisation.log}/go?page=2").words
    with statements(app) as sent:
        reader.get(f"{other_organisation.log}/go?page=2")
    assert all("org_id" in statement for statement in sent if "FROM event" in statement)


def test_a_member_without_the_right_is_led_nowhere(signed_in_as: SignedInAs) -> None:
    assert signed_in_as("member").get(f"{LOG}/go?page=1").status == 403
