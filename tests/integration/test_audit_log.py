"""The log's page and its fragment: the same question, the same answer, in two frames."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from bs4 import Tag
from flask import Flask
from werkzeug.datastructures import MultiDict

from auditweb import catalogue, clock, ids
from auditweb.extensions import db
from auditweb.models import Event
from auditweb.parties import Actor, ActorType, Outcome, Target
from auditweb.reading.filters import LogFilter
from auditweb.recorder import record
from tests.readers import Page, Place, Reader

LOG = "/o/northgate/settings/audit-log"
NOW = datetime(2026, 11, 23, 10, 42, 7, tzinfo=UTC)
TABS = [
    "All", "Organisation", "Team", "Authentication", "Vehicles", "Customers", "Documents", "Shipments", "Suppliers",
    "Data export",
]  # fmt: skip

ADA = Actor(ActorType.MEMBER, "ada-okafor", "Ada Okafor")
STEPWGN = Target("thing", "thing-1", "2020 Honda Stepwgn Spada")

AnEvent = Callable[..., Event]
FillLog = Callable[..., list[Event]]


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with clock.set_to(NOW):
        yield


@pytest.fixture
def fill_log(app: Flask, organisation: Place) -> FillLog:
    """Record *number* events, an hour apart, the last of them a minute ago; return them newest first."""

    def fill(number: int, **more: Any) -> list[Event]:
        newest = NOW - timedelta(minutes=1)
        said = {"actor": ADA, "target": STEPWGN, **more}
        with app.app_context():
            events = [
                record("vehicle.updated", org_id=organisation.id, occurred_at=newest - timedelta(hours=hours), **said)
                for hours in range(number)
            ]
            db.session.commit()
        return events

    return fill


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """Collect what is sent to the database within the block."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    with app.app_context():
        engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


def rows(page: Page) -> list[str]:
    """Return the ids of the rows shown."""
    return [str(row["id"]).removeprefix("e-") for row in page.select("#audit-table tr.row")]


def spelled(events: list[Event]) -> list[str]:
    return [ids.to_text(event.id) for event in events]


def follow(reader: Reader, page: Page, selector: str, *, htmx: bool = False) -> Page:
    link = page.select_one(selector)
    assert link is not None, f"no {selector} on the page"
    return reader.get(str(link["href"]), htmx=htmx)


def without_oob(tag: Tag | None) -> Tag:
    assert tag is not None
    del tag["hx-swap-oob"]
    return tag


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?category=vehicles",
        "?actor=member:ada-okafor",
        "?actor=member:ada-okafor&last=7d&oldest=1",
        "?outcome=denied",
    ],
)
def test_the_fragment_is_the_part_of_the_page_it_replaces(reader: Reader, fill_log: FillLog, query: str) -> None:
    """htmx gets exactly the markup that a full load shows in that place."""
    fill_log(52)

    whole, part = reader.get(LOG + query), reader.get(LOG + query, htmx=True)

    assert part.select_one("#audit-table") == whole.select_one("#audit-table")
    for region in ("#audit-tabs", "#audit-filters", "#copy-link"):
        assert without_oob(part.select_one(region)) == whole.select_one(region)
    assert part.markup.title == whole.markup.title
    told, status = part.select_one("#audit-status"), whole.select_one("#audit-status")
    assert told is not None
    assert status is not None
    assert told["hx-swap-oob"] == "innerHTML"
    assert told.get_text() == status.get_text()


def test_the_fragment_comes_in_the_order_that_htmx_needs(reader: Reader, fill_log: FillLog) -> None:
    fill_log(2)

    part = reader.get(LOG, htmx=True)

    assert [tag.name for tag in part.markup.find_all(recursive=False)] == ["title", "section", "nav", "div", "a", "p"]
    assert "<html" not in part.text


def test_a_history_restore_gets_the_whole_page(reader: Reader, fill_log: FillLog) -> None:
    fill_log(1)

    page = reader.get(LOG, headers={"HX-Request-Type": "full", "HX-History-Restore-Request": "true"})

    assert page.select_one("html main #audit-table") is not None


def test_the_newest_fifty_come_first(reader: Reader, fill_log: FillLog) -> None:
    events = fill_log(120)

    first = reader.get(LOG)
    second = follow(reader, first, "#pager-older")
    third = follow(reader, second, "#pager-older")
    again = follow(reader, third, "#pager-newer")

    assert rows(first) == spelled(events[:50])
    assert rows(second) == spelled(events[50:100])
    assert rows(third) == spelled(events[100:])
    assert rows(again) == spelled(events[50:100])
    assert rows(follow(reader, third, "#pager-newest")) == rows(first)
    assert rows(follow(reader, first, "#pager-oldest")) == spelled(events[70:])
    assert first.select_one("#pager-newer") is None
    assert first.select_one("#pager-newest") is None
    assert third.select_one("#pager-older") is None
    assert third.select_one("#pager-oldest") is None


def test_paging_back_to_the_top_ends_on_a_full_page(reader: Reader, fill_log: FillLog) -> None:
    events = fill_log(60)
    oldest = reader.get(f"{LOG}?oldest=1")

    top = follow(reader, oldest, "#pager-newer")

    assert rows(top) == spelled(events[:50])
    assert top.select_one("#pager-newer") is None


def test_fifty_entries_are_one_page(reader: Reader, fill_log: FillLog) -> None:
    fill_log(50)

    page = reader.get(LOG)

    assert len(rows(page)) == 50
    assert page.select(".pager a") == []


def test_a_place_older_than_everything_offers_a_way_back(reader: Reader, fill_log: FillLog) -> None:
    fill_log(1)

    page = reader.get(f"{LOG}?before=0000000000000")

    assert page.status == 200
    assert "Nothing is older than this" in page.words
    assert len(rows(follow(reader, page, "#pager-newest"))) == 1
    assert len(rows(follow(reader, page, "#pager-oldest"))) == 1


def test_the_tabs_are_the_ten_categories_in_order(reader: Reader, fill_log: FillLog) -> None:
    fill_log(1)

    page = reader.get(f"{LOG}?category=vehicles")

    assert [tab.get_text(strip=True) for tab in page.select("#audit-tabs a")] == TABS
    assert [tab.get_text(strip=True) for tab in page.select("#audit-tabs a[aria-current=page]")] == ["Vehicles"]


def test_tabs_keep_the_other_filters_and_drop_the_place(reader: Reader, fill_log: FillLog) -> None:
    fill_log(52)

    page = reader.get(f"{LOG}?category=vehicles&actor=member:ada-okafor&outcome=success&last=90d&oldest=1")

    addresses = [str(tab["href"]) for tab in page.select("#audit-tabs a")]
    assert addresses[0] == f"{LOG}?actor=member:ada-okafor&outcome=success&last=90d"
    assert addresses[2] == f"{LOG}?category=team&actor=member:ada-okafor&outcome=success&last=90d"


def test_each_category_shows_its_own(reader: Reader, organisation: Place, an_event: AnEvent) -> None:
    by_category: dict[str, list[str]] = {}
    for action in catalogue.all_actions():
        if action.category not in by_category:
            by_category[action.category] = spelled([an_event(action.slug, org_id=organisation.id)])

    assert len(by_category) == 9
    for category, expected in by_category.items():
        assert rows(reader.get(f"{LOG}?category={category}")) == expected


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


def test_every_link_on_the_page_is_canonical_and_works(reader: Reader, fill_log: FillLog) -> None:
    """Whatever is filtered, each link leads to a page, without a detour."""
    fill_log(
        3,
        actor=Actor(ActorType.SYSTEM, "nightly job: 5&more", "Nightly job"),
        target=Target("thing", "a b/c?d&e", "Thing"),
    )
    narrowed = "category=vehicles&actor=system:nightly%20job:%205%26more&outcome=success"
    for query in ("?last=7d", f"?{narrowed}&from=2026-11-01&to=2026-12-31&tz=Asia/Tokyo"):
        page = reader.get(LOG + query)
        assert len(rows(page)) == 3
        links = {str(link["href"]): link for link in page.select("main a[href^='/o/']")}
        for address, link in links.items():
            answer = reader.get(address)
            assert answer.status == 200, address
            if urlsplit(address).path == LOG:
                assert len(rows(answer)) in (0, 3)
            assert link.get("hx-get", address) == address


@pytest.mark.parametrize("htmx", [False, True])
def test_a_fragment_takes_five_statements_and_a_page_seven_at_most(
    app: Flask, reader: Reader, fill_log: FillLog, htmx: bool
) -> None:
    fill_log(120)
    reader.get(LOG)
    first = reader.get(LOG).select_one("#pager-older")
    assert first is not None
    for address in (
        LOG,
        str(first["href"]),
        f"{LOG}?oldest=1",
        f"{LOG}?category=vehicles&actor=member:ada-okafor&last=7d",
    ):
        with statements(app) as sent:
            reader.get(address, htmx=htmx)
        assert len(sent) <= (5 if htmx else 7), sent
        assert len([statement for statement in sent if "FROM event" in statement]) == 1
        assert not [statement for statement in sent if "count(" in statement.lower()]


def test_every_statement_about_events_names_the_organisation(app: Flask, reader: Reader, fill_log: FillLog) -> None:
    (event,) = fill_log(1)
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


def test_the_title_says_what_and_where(reader: Reader, fill_log: FillLog) -> None:
    events = fill_log(60)
    hour_ago = spelled(events)[1]

    def title(query: str) -> str:
        found = reader.get(LOG + query).markup.title
        assert found is not None
        return found.get_text()

    assert title("") == "All entries · Audit log · Northgate Imports"
    assert title("?category=vehicles") == "Vehicles · Audit log · Northgate Imports"
    assert title(f"?category=vehicles&before={hour_ago}") == (
        "Vehicles, before 23 Nov 09:41 · Audit log · Northgate Imports"
    )
    assert title("?oldest=1") == "All entries, oldest · Audit log · Northgate Imports"
    assert title("?category=vehicles&actor=member:ada-okafor&last=7d") == (
        "Vehicles entries by Ada Okafor, last 7 days · Audit log · Northgate Imports"
    )


def test_the_status_says_what_appeared(reader: Reader, fill_log: FillLog) -> None:
    fill_log(1)

    def status(query: str) -> str:
        found = reader.get(LOG + query, htmx=True).select_one("#audit-status")
        assert found is not None
        return found.get_text()

    assert status("?category=vehicles") == "1 entry, newest first, Vehicles entries"
    assert status("?category=team") == "No entries. Team entries"


def test_chips_name_the_filters_and_take_them_away(reader: Reader, fill_log: FillLog) -> None:
    fill_log(1)
    query = (
        "category=vehicles&actor=member:ada-okafor&target=thing:thing-1&action=vehicle.updated&outcome=success"
        "&from=2026-11-01&to=2026-11-30&tz=Asia/Tokyo"
    )

    page = reader.get(f"{LOG}?{query}")

    chips = {chip.get_text(" ", strip=True): str(chip.select("a")[0]["href"]) for chip in page.select(".chip")}
    assert list(chips) == [
        "Actor: Ada Okafor",
        "Target: 2020 Honda Stepwgn Spada",
        "Action: vehicle.updated",
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
    assert clear["href"] == LOG
    assert reader.get(f"{LOG}?category=vehicles").select(".chips") == []


def test_from_any_name_it_is_one_click_to_someones_entries_and_one_more_to_the_first(
    reader: Reader, organisation: Place, an_event: AnEvent, fill_log: FillLog
) -> None:
    hana = Actor(ActorType.MEMBER, "77", "Hana Sato")
    oldest = an_event(org_id=organisation.id, actor=hana, occurred_at=NOW - timedelta(days=700))
    fill_log(60, actor=hana)
    fill_log(3)

    page = reader.get(f"{LOG}?category=vehicles&last=30d")
    names = [link for link in page.select("a.who") if link.get_text() == "Hana Sato"]
    hers = reader.get(str(names[0]["href"]))
    first = follow(reader, hers, "#first-actions")
    last = follow(reader, first, "#last-actions")

    assert str(names[0]["href"]) == f"{LOG}?actor=member:77"
    assert {name.get_text() for name in hers.select("a.who")} == {"Hana Sato"}
    assert len(rows(first)) == 50
    assert rows(first)[-1] == spelled([oldest])[0]
    assert rows(last) == rows(hers)
    assert [link.get_text() for link in first.select(".chips [aria-current=page]")] == ["First actions"]
    assert [link.get_text() for link in last.select(".chips [aria-current=page]")] == ["Last actions"]


def test_dates_can_be_chosen_without_typing(reader: Reader, fill_log: FillLog) -> None:
    fill_log(1)

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


def test_the_form_for_own_dates_keeps_the_filters_and_says_whose_days(
    signed_in_as: Callable[..., Reader], fill_log: FillLog
) -> None:
    fill_log(1)
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


def test_copy_link_means_the_same_tomorrow(reader: Reader, fill_log: FillLog) -> None:
    fill_log(1)

    link = reader.get(f"{LOG}?category=vehicles&last=7d", htmx=True).select_one("#copy-link")

    assert link is not None
    expected = f"http://localhost{LOG}?category=vehicles&from=2026-11-16&to=2026-11-23&tz=Europe/London"
    assert link["data-copy"] == link["href"] == expected


def test_copied_links_start_with_the_public_address(app: Flask, reader: Reader, fill_log: FillLog) -> None:
    """Behind a proxy the request does not know it."""
    app.config["PUBLIC_URL"] = "https://audit.example.org"
    fill_log(1)

    link = reader.get(LOG).select_one("#copy-link")

    assert link is not None
    assert link["data-copy"] == f"https://audit.example.org{LOG}"


def test_an_entry_stands_under_the_readers_day(
    signed_in_as: Callable[..., Reader], organisation: Place, an_event: AnEvent
) -> None:
    """Half past midnight in Osaka is still yesterday afternoon in London."""
    an_event(org_id=organisation.id, occurred_at=datetime(2026, 11, 20, 15, 30, tzinfo=UTC))
    in_osaka = signed_in_as("auditor", name="Kenji Mori", zone="Asia/Tokyo").get(LOG)
    in_london = signed_in_as("auditor", name="Olu Ade", zone="Europe/London").get(LOG)

    def told(page: Page) -> tuple[str, str, str, str]:
        day, time, zone = page.select_one("tr.day"), page.select_one("tr.row time"), page.select_one("thead abbr")
        assert day is not None
        assert time is not None
        assert zone is not None
        return day.get_text(strip=True), time.get_text(), str(time["title"]), zone.get_text()

    assert told(in_osaka) == ("Saturday 21 November", "00:30", "Saturday 21 November 2026 at 00:30:00 JST", "Tokyo")
    assert told(in_london) == ("Friday 20 November", "15:30", "Friday 20 November 2026 at 15:30:00 GMT", "London")


def test_a_dated_link_selects_the_same_for_both(
    signed_in_as: Callable[..., Reader], organisation: Place, an_event: AnEvent
) -> None:
    moments = [datetime(2026, 11, 20, hour, 59, 59, tzinfo=UTC) for hour in (14, 15, 23)]
    events = [an_event(org_id=organisation.id, occurred_at=moment) for moment in moments]
    readers = [
        signed_in_as("auditor", name=f"Reader {zone[:4]}", zone=zone) for zone in ("Asia/Tokyo", "Europe/London")
    ]

    for reader in readers:
        assert rows(reader.get(f"{LOG}?from=2026-11-20&to=2026-11-20&tz=Asia/Tokyo")) == spelled(events[:1])
        assert rows(reader.get(f"{LOG}?from=2026-11-20&to=2026-11-20&tz=Europe/London")) == spelled(events[::-1])


def test_days_keep_their_order_across_a_change_of_clocks(
    reader: Reader, organisation: Place, an_event: AnEvent
) -> None:
    """Sunday 25 October had 25 hours in London; 01:30 came twice."""
    for hour in range(-2, 26):
        an_event(org_id=organisation.id, occurred_at=datetime(2026, 10, 24, 23, 30, tzinfo=UTC) + timedelta(hours=hour))

    page = reader.get(LOG)

    by_day = {
        str(body.select_one("tr.day").get_text(strip=True)): [time.get_text() for time in body.select("time")]  # type: ignore[union-attr]
        for body in page.select("tbody")
    }
    assert list(by_day) == ["Monday 26 October", "Sunday 25 October", "Saturday 24 October"]
    assert len(by_day["Sunday 25 October"]) == 25
    assert by_day["Sunday 25 October"].count("01:30") == 2


def test_a_new_organisation_is_told_what_will_appear(reader: Reader) -> None:
    page = reader.get(LOG)

    assert "Nothing has happened yet" in page.words
    assert page.select("#audit-table table") == []


def test_when_nothing_matches_the_filters_are_named_and_can_be_cleared(reader: Reader, fill_log: FillLog) -> None:
    fill_log(1)

    page = reader.get(f"{LOG}?category=data_export&actor=member:ada-okafor&last=7d")

    assert page.select_one("#audit-table h2") is not None
    assert "Nothing matches these filters" in page.words
    assert "No data export entries by Ada Okafor, last 7 days." in page.words
    links = {link.get_text(strip=True): str(link["href"]) for link in page.select("#audit-table a")}
    assert links == {
        "Clear filters": LOG,
        "Search all time": f"{LOG}?category=data_export&actor=member:ada-okafor",
    }


@pytest.mark.parametrize(
    ("query", "reason", "rest"),
    [
        ("?category=boats", "The log has no category called “boats”.", None),
        ("?category=boats&outcome=failure", "The log has no category called “boats”.", "?outcome=failure"),
        ("?q=x&category=team", "The log has no filter called “q”.", "?category=team"),
        ("?category=team&before=nonsense", "“nonsense” is not a place in the log.", "?category=team"),
        ("?category=team&from=2026-03-02&to=2026-03-01", "The dates are the wrong way round", "?category=team"),
        ("?category=team&category=vehicles", "more than one value for “category”", None),
        ("?category=boats&from=x&outcome=failure", "The log has no category called “boats”.", "?outcome=failure"),
        ("?category=team&action=vehicle.updatd", "There is no action “vehicle.updatd”", "?category=team"),
    ],
)
def test_a_bad_link_gets_the_reason_and_ways_back(
    reader: Reader, fill_log: FillLog, query: str, reason: str, rest: str | None
) -> None:
    fill_log(1)

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
    signed_in_as: Callable[..., Reader], fill_log: FillLog, other_organisation: Place
) -> None:
    fill_log(1)

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
    fill_log: FillLog,
    canary: str,
    signed_in_as: Callable[..., Reader],
    other_organisation: Place,
    htmx: bool,
) -> None:
    """Whoever asks for another organisation's actor, target, action, place or entry."""
    events = fill_log(2)
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
