"""The log's page and its fragment: the same question, the same answer, in two frames."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from bs4 import Tag
from flask import Flask

from auditweb import catalogue, clock
from auditweb.parties import Actor, ActorType, Target
from tests.integration.conftest import AnEvent, FillLog, SignedInAs
from tests.log_pages import LOG, NOW, follow, rows, spelled, statements
from tests.readers import Page, Place, Reader

TABS = [
    "All", "Organisation", "Team", "Authentication", "Vehicles", "Customers", "Documents", "Shipments", "Suppliers",
    "Data export",
]  # fmt: skip


pytestmark = pytest.mark.usefixtures("at_now")


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
def test_the_fragment_is_the_part_of_the_page_it_replaces(reader: Reader, fill: FillLog, query: str) -> None:
    """htmx gets exactly the markup that a full load shows in that place."""
    fill(52)

    whole, part = reader.get(LOG + query), reader.get(LOG + query, htmx=True)

    assert part.select_one("#audit-table") == whole.select_one("#audit-table")
    for region in ("#audit-tabs", "#audit-filters", "#audit-strip", "#sharing"):
        assert without_oob(part.select_one(region)) == whole.select_one(region)
    assert part.markup.title == whole.markup.title
    told, status = part.select_one("#audit-status"), whole.select_one("#audit-status")
    assert told is not None
    assert status is not None
    assert told["hx-swap-oob"] == "innerHTML"
    assert told.get_text() == status.get_text()


def test_the_fragment_comes_in_the_order_that_htmx_needs(reader: Reader, fill: FillLog) -> None:
    fill(2)

    part = reader.get(LOG, htmx=True)

    assert [tag.name for tag in part.markup.find_all(recursive=False)] == [
        "title", "section", "nav", "div", "section", "a", "div", "div", "p",
    ]  # fmt: skip
    assert "<html" not in part.text


def test_a_history_restore_gets_the_whole_page(reader: Reader, fill: FillLog) -> None:
    fill(1)

    page = reader.get(LOG, headers={"HX-Request-Type": "full", "HX-History-Restore-Request": "true"})

    assert page.select_one("html main #audit-table") is not None


def test_the_newest_fifty_come_first(reader: Reader, fill: FillLog) -> None:
    events = fill(120)

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


def test_paging_back_to_the_top_ends_on_a_full_page(reader: Reader, fill: FillLog) -> None:
    events = fill(60)
    oldest = reader.get(f"{LOG}?oldest=1")

    top = follow(reader, oldest, "#pager-newer")

    assert rows(top) == spelled(events[:50])
    assert top.select_one("#pager-newer") is None


def test_fifty_entries_are_one_page(reader: Reader, fill: FillLog) -> None:
    fill(50)

    page = reader.get(LOG)

    assert len(rows(page)) == 50
    assert page.select(".pager a") == []


def test_a_place_older_than_everything_offers_a_way_back(reader: Reader, fill: FillLog) -> None:
    fill(1)

    page = reader.get(f"{LOG}?before=0000000000000")

    assert page.status == 200
    assert "Nothing is older than this" in page.words
    assert len(rows(follow(reader, page, "#pager-newest"))) == 1
    assert len(rows(follow(reader, page, "#pager-oldest"))) == 1


def test_the_tabs_are_the_ten_categories_in_order(reader: Reader, fill: FillLog) -> None:
    fill(1)

    page = reader.get(f"{LOG}?category=vehicles")

    assert [tab.find(string=True) for tab in page.select("#audit-tabs a")] == TABS
    assert [tab.find(string=True) for tab in page.select("#audit-tabs a[aria-current=page]")] == ["Vehicles"]


def test_tabs_keep_the_other_filters_and_drop_the_place(reader: Reader, fill: FillLog) -> None:
    fill(52)

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


def test_every_link_on_the_page_is_canonical_and_works(reader: Reader, fill: FillLog) -> None:
    """Whatever is filtered, each link leads to a page, without a detour."""
    fill(
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
    app: Flask, reader: Reader, fill: FillLog, htmx: bool
) -> None:
    fill(120)
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
        others = [statement for statement in sent if "count(" not in statement.lower()]
        assert len(others) <= (3 if htmx else 5), others  # and two at most for the numbers, once the ledger keeps them
        assert len([statement for statement in others if "FROM event" in statement]) == 1


def test_the_title_says_what_and_where(reader: Reader, fill: FillLog) -> None:
    events = fill(60)
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


def test_the_status_says_what_appeared(reader: Reader, fill: FillLog) -> None:
    fill(1)

    def status(query: str) -> str:
        found = reader.get(LOG + query, htmx=True).select_one("#audit-status")
        assert found is not None
        return found.get_text()

    assert status("?category=vehicles") == "1 entry, newest first. Vehicles entries"
    assert status("?category=team") == "No entries. Team entries"


def test_from_any_name_it_is_one_click_to_someones_entries_and_one_more_to_the_first(
    reader: Reader, organisation: Place, an_event: AnEvent, fill: FillLog
) -> None:
    hana = Actor(ActorType.MEMBER, "77", "Hana Sato")
    oldest = an_event(org_id=organisation.id, actor=hana, occurred_at=NOW - timedelta(days=700))
    fill(60, actor=hana)
    fill(3)

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


def test_copy_link_means_the_same_tomorrow(reader: Reader, fill: FillLog) -> None:
    fill(1)

    link = reader.get(f"{LOG}?category=vehicles&last=7d", htmx=True).select_one("#copy-link")

    assert link is not None
    expected = f"http://localhost{LOG}?category=vehicles&from=2026-11-16&to=2026-11-23&tz=Europe/London"
    assert link["data-copy"] == link["href"] == expected


def test_copy_link_shows_the_same_entries_where_the_days_begin_earlier(
    reader: Reader, fill: FillLog, organisation: Place, an_event: AnEvent
) -> None:
    """The oldest page of the last 24 hours is neither the oldest nor the newest of the two days they touch."""
    fill(48)
    for half_hours in range(40):
        an_event(org_id=organisation.id, occurred_at=NOW - timedelta(minutes=30 * half_hours + 7))
    page = reader.get(f"{LOG}?last=24h&oldest=1")
    link = page.select_one("#copy-link")

    assert link is not None
    copied = reader.get(str(link["href"]).removeprefix("http://localhost"))
    assert len(rows(page)) == 50
    assert rows(copied) == rows(page)


def test_a_link_to_exact_entries_shows_them_when_more_has_come(
    reader: Reader, signed_in_as: SignedInAs, fill: FillLog, organisation: Place, an_event: AnEvent
) -> None:
    fill(60)
    an_event(org_id=organisation.id, occurred_at=NOW - timedelta(hours=24, minutes=1))
    page = reader.get(f"{LOG}?last=24h&before={rows(reader.get(LOG))[9]}")
    link = page.select_one("#copy-exact")
    assert link is not None
    assert link["data-copy"] == link["href"]
    exact = str(link["href"]).removeprefix("http://localhost")
    before = reader.get(exact)
    for minutes in (1, 2, 3):
        an_event(org_id=organisation.id, occurred_at=NOW + timedelta(minutes=minutes))

    newest = reader.get(re.sub("&before=[^&]*", "", exact))
    with clock.set_to(NOW + timedelta(days=7)):
        someone = signed_in_as("auditor", name="Kenji Mori")
        after = someone.get(exact)

    assert rows(after) == rows(before) == rows(page)
    assert _text(before, "#pinned").startswith("This link shows entries up to 23 Nov 10:42. None has come since.")
    assert _text(after, "#pinned").startswith("This link shows entries up to 23 Nov 10:42. 3 entries have come since.")
    assert _text(after, ".where") == _text(before, ".where")
    assert 10 < len(rows(newest)) < 50
    assert newest.select_one("#audit-new") is None
    shown = after.select_one("#pinned a")
    assert shown is not None
    assert "upto=" not in str(shown["href"])


def test_a_link_fetched_signed_out_tells_what_it_is_and_nothing_private(
    visitor: Reader, fill: FillLog, organisation: Place
) -> None:
    fill(3)

    page = visitor.get(f"{LOG}?actor=member:ada&q=stepwgn")
    preview = visitor.get(str(page.location))

    assert preview.markup.title is not None
    assert preview.markup.title.get_text() == "Sign in to open these audit log entries · ImportOps"
    told = {str(tag.get("property") or tag.get("name")): str(tag["content"]) for tag in preview.select("meta[content]")}
    assert told["og:title"] == "Audit log entries · ImportOps"
    assert told["description"] == told["og:description"]
    head = str(preview.markup.head)
    for private in (organisation.slug, organisation.name, "ada", "stepwgn"):
        assert private not in head.lower()


def test_copied_links_start_with_the_public_address(app: Flask, reader: Reader, fill: FillLog) -> None:
    """Behind a proxy the request does not know it."""
    app.config["PUBLIC_URL"] = "https://audit.example.org"
    fill(1)

    link = reader.get(LOG).select_one("#copy-link")

    assert link is not None
    assert link["data-copy"] == f"https://audit.example.org{LOG}"


def test_an_entry_stands_under_the_readers_day(
    signed_in_as: SignedInAs, organisation: Place, an_event: AnEvent
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


def test_when_nothing_matches_the_filters_are_named_and_can_be_cleared(reader: Reader, fill: FillLog) -> None:
    fill(1)

    page = reader.get(f"{LOG}?category=data_export&actor=member:ada-okafor&last=7d")

    assert page.select_one("#audit-table h2") is not None
    assert "Nothing matches these filters" in page.words
    assert "No data export entries by Ada Okafor, last 7 days." in page.words
    links = {link.get_text(strip=True): str(link["href"]) for link in page.select("#audit-table a")}
    assert links == {
        "Clear filters": LOG,
        "Search all time": f"{LOG}?category=data_export&actor=member:ada-okafor",
    }


def _text(page: Page, selector: str) -> str:
    found = page.select_one(selector)
    assert found is not None, f"no {selector} on the page"
    return found.get_text(" ", strip=True)
