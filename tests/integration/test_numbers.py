"""How many: on the tabs, in the pager, in the strip and beside the actors."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from bs4 import Tag
from flask import Flask

from auditweb.catalogue import Category
from auditweb.parties import Actor, ActorType, Outcome
from auditweb.reading import counts, numbers
from auditweb.reading.counts import Count, Counted
from tests.integration.conftest import AnEvent, FillLog, SignedInAs
from tests.log_pages import LOG, NOW, follow, rows
from tests.readers import Page, Place, Reader

HANA = Actor(ActorType.MEMBER, "77", "Hana Sato")


pytestmark = pytest.mark.usefixtures("at_now")


def on_tabs(page: Page) -> dict[str, tuple[str, str, str]]:
    """Return what stands on each tab: in brief, in its title and to be read out."""
    found = {}
    for tab in page.select("#audit-tabs a"):
        brief, spoken = tab.select("span")
        found[str(tab.find(string=True))] = (brief.get_text(), str(brief["title"]), spoken.get_text(strip=True))
    return found


def where(page: Page) -> str:
    tag = page.select_one(".pager .where")
    assert tag is not None
    return tag.get_text()


def bars(page: Page) -> dict[str, int]:
    """Return what the title of each bar says: its days or its hour, and how many entries."""
    told = [title.get_text().rpartition(": ") for title in page.select("#audit-strip title")]
    return {name: int(number.partition(" ")[0].replace(",", "")) for name, _, number in told}


def strip_total(page: Page) -> str:
    tag = page.select_one(".striphd b")
    assert tag is not None
    return tag.get_text()


def test_the_tabs_count_what_the_other_filters_leave(
    reader: Reader, organisation: Place, an_event: AnEvent, fill: FillLog
) -> None:
    fill(3)
    an_event("vehicle.deleted", org_id=organisation.id, actor=HANA, occurred_at=NOW - timedelta(days=40))
    an_event("member.invited", org_id=organisation.id, actor=HANA, occurred_at=NOW - timedelta(days=2))

    everything = on_tabs(reader.get(LOG))
    hers = on_tabs(reader.get(f"{LOG}?category=vehicles&actor=member:77"))
    recent = on_tabs(reader.get(f"{LOG}?category=vehicles&actor=member:77&last=30d", htmx=True))

    assert everything["All"] == ("5", "5", "(5 entries)")
    assert everything["Vehicles"] == ("4", "4", "(4 entries)")
    assert {tab: told[0] for tab, told in hers.items() if told[0] != "0"} == {"All": "2", "Team": "1", "Vehicles": "1"}
    assert recent["Vehicles"] == ("0", "0", "(0 entries)")
    assert recent["Team"] == ("1", "1", "(1 entry)")


def test_an_empty_tab_can_be_opened(reader: Reader, fill: FillLog) -> None:
    fill(1)

    page = follow(reader, reader.get(LOG), "#tab-team")

    assert page.status == 200
    assert "Nothing matches these filters" in page.words


def test_another_organisation_is_not_counted(
    reader: Reader, other_organisation: Place, an_event: AnEvent, fill: FillLog
) -> None:
    fill(2)
    an_event(org_id=other_organisation.id, occurred_at=NOW)

    page = reader.get(LOG)

    assert on_tabs(page)["All"][0] == "2"
    assert strip_total(page) == "2 entries"


def test_what_was_not_counted_to_the_end_is_said(
    reader: Reader, fill: FillLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(60)
    least = Count(10_000, exact=False)
    uncounted = Counted(dict.fromkeys([None, *Category], least), [least] * 30, None)
    monkeypatch.setattr(numbers, "count", lambda *_, **__: uncounted)

    page = reader.get(LOG)

    assert on_tabs(page)["Vehicles"] == ("10k+", "10,000+", "(at least 10,000 entries)")
    assert where(page) == "1–50 of 10,000+"
    assert "of 200+" in page.words
    status = page.select_one("#audit-status")
    assert status is not None
    assert status.get_text().startswith("1 to 50 of at least 10,000 entries, newest first.")


def test_a_category_without_any_among_those_counted_shows_no_zero(
    reader: Reader, fill: FillLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(60)
    least, none = Count(10_000, exact=False), Count(0, exact=False)
    uncounted = Counted({**dict.fromkeys([None, *Category], least), Category.TEAM: none}, [least] * 30, None)
    ordinary = reader.get(LOG)
    monkeypatch.setattr(numbers, "count", lambda *_, **__: uncounted)

    page = reader.get(f"{LOG}?outcome=success")

    assert on_tabs(page)["Team"] == ("–", "none among those counted", "(none among those counted)")
    assert page.select("#audit-tabs.tight")
    assert not ordinary.select("#audit-tabs.tight")


def test_the_strip_shows_how_far_counting_came(reader: Reader, fill: FillLog, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(60)
    least = Count(10_000, exact=False)
    came_to = [Count(0, exact=False)] * 10 + [Count(3, exact=False)] + [Count(700)] * 19
    uncounted = Counted(dict.fromkeys([None, *Category], least), came_to, None)
    monkeypatch.setattr(numbers, "count", lambda *_, **__: uncounted)

    page = reader.get(LOG)

    assert strip_total(page) == "10,000+ entries"
    titles = [title.get_text() for title in page.select("#audit-strip title")]
    assert titles[9].endswith(" November 2026: not counted")
    assert titles[10].endswith(": at least 3 entries, not all counted")
    assert titles[11] == "Thursday 5 November 2026: 700 entries"
    assert len(page.select("#audit-strip .histo .uncounted")) == 1
    spoken = page.select_one("#audit-strip .vh")
    assert spoken is not None
    assert "Only the newest entries were counted: from 5 November 2026 on." in spoken.get_text()
    assert "Busiest" not in spoken.get_text()


def test_each_page_says_which_entries_it_shows(reader: Reader, fill: FillLog) -> None:
    fill(120)

    first = reader.get(LOG)
    second = follow(reader, first, "#pager-older")
    third = follow(reader, second, "#pager-older")
    again = follow(reader, third, "#pager-newer")
    oldest = follow(reader, first, "#pager-oldest")

    assert [where(page) for page in (first, second, third, again, oldest)] == [
        "1–50 of 120", "51–100 of 120", "101–120 of 120", "51–100 of 120", "71–120 of 120",
    ]  # fmt: skip
    assert [str(field["value"]) for page in (first, second, third, oldest) for field in page.select("[name=page]")] == [
        "1", "2", "3", "3",
    ]  # fmt: skip
    status = second.select_one("#audit-status")
    assert status is not None
    assert status.get_text() == f"51 to 100 of 120 entries, {place_in_title(second)}. All entries"


def place_in_title(page: Page) -> str:
    title = page.markup.title
    assert title is not None
    return title.get_text().partition(" · ")[0].partition(", ")[2]


def test_where_the_position_is_not_known_the_times_are_told(
    reader: Reader, fill: FillLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(120)
    monkeypatch.setattr(numbers, "count", lambda *_, **asked: counts.count(*_, **asked | {"event_id": None}))

    second = follow(reader, reader.get(LOG), "#pager-older")

    assert re.fullmatch(r"\d\d Nov \d\d:41 to \d\d Nov \d\d:41 in London, of 120", where(second))
    assert [field["value"] for field in second.select("[name=page]")] == [""]


def test_without_dates_the_strip_shows_thirty_days_of_the_reader(
    signed_in_as: SignedInAs, organisation: Place, an_event: AnEvent
) -> None:
    """A quarter to seven in the evening in London is half past midnight in Kathmandu, which is 5:45 ahead."""
    an_event(org_id=organisation.id, occurred_at=datetime(2026, 11, 20, 18, 45, tzinfo=UTC))
    an_event(org_id=organisation.id, occurred_at=datetime(2026, 11, 20, 18, 0, tzinfo=UTC))
    an_event(org_id=organisation.id, occurred_at=NOW - timedelta(days=31))

    in_kathmandu = bars(signed_in_as("auditor", name="Asha Rai", zone="Asia/Kathmandu").get(LOG))
    in_london = bars(signed_in_as("auditor", name="Olu Ade").get(LOG))

    assert len(in_kathmandu) == len(in_london) == 30
    assert {day: number for day, number in in_kathmandu.items() if number} == {
        "Friday 20 November 2026": 1,
        "Saturday 21 November 2026": 1,
    }
    assert {day: number for day, number in in_london.items() if number} == {"Friday 20 November 2026": 2}
    assert list(in_london)[-1] == "Monday 23 November 2026"


def test_a_dated_question_is_drawn_in_its_own_zone(
    signed_in_as: SignedInAs, organisation: Place, an_event: AnEvent
) -> None:
    an_event(org_id=organisation.id, occurred_at=datetime(2026, 11, 20, 18, 20, tzinfo=UTC))

    asked = f"{LOG}?from=2026-11-21&to=2026-11-21&tz=Asia/Kathmandu"
    hours = bars(signed_in_as("auditor", name="Olu Ade").get(asked))

    assert len(hours) == 24
    assert {hour: number for hour, number in hours.items() if number} == {
        "Saturday 21 November 2026, 00:00 UTC+05:45": 1
    }


def test_a_day_of_twenty_five_hours_has_as_many_bars(reader: Reader, organisation: Place, an_event: AnEvent) -> None:
    midnight = datetime(2026, 10, 24, 23, 0, tzinfo=UTC)
    for half_hour in range(-1, 51):
        an_event(org_id=organisation.id, occurred_at=midnight + timedelta(minutes=30 * half_hour + 1))

    page = reader.get(f"{LOG}?from=2026-10-25&to=2026-10-25&tz=Europe/London")

    hours = bars(page)
    assert len(hours) == 25
    assert set(hours.values()) == {2}
    assert hours["Sunday 25 October 2026, 01:00 BST"] == hours["Sunday 25 October 2026, 01:00 GMT"] == 2
    assert strip_total(page) == "50 entries"
    assert on_tabs(page)["All"][0] == "50"
    assert page.select("#audit-strip a") == []


def test_weeks_begin_on_monday_and_are_exact_across_the_change_of_clocks(
    reader: Reader, organisation: Place, an_event: AnEvent
) -> None:
    """The week up to 25 October ended at midnight GMT, an hour later than the one before."""
    last_of_week = datetime(2026, 10, 25, 23, 59, tzinfo=UTC)
    an_event(org_id=organisation.id, occurred_at=last_of_week)
    an_event(org_id=organisation.id, occurred_at=last_of_week + timedelta(minutes=1))
    an_event(org_id=organisation.id, occurred_at=datetime(2026, 10, 18, 23, 0, tzinfo=UTC))
    an_event(org_id=organisation.id, occurred_at=datetime(2026, 10, 18, 22, 59, tzinfo=UTC))

    page = reader.get(f"{LOG}?from=2026-07-01&to=2026-11-30&tz=Europe/London")

    weeks = bars(page)
    assert next(iter(weeks)) == "1 to 5 July 2026"
    assert {week: number for week, number in weeks.items() if number} == {
        "12 to 18 October 2026": 1,
        "19 to 25 October 2026": 2,
        "26 October to 1 November 2026": 1,
    }
    assert strip_total(page) == f"{on_tabs(page)['All'][0]} entries" == "4 entries"


@pytest.mark.parametrize("query", ["last=24h", "last=7d", "last=90d", "from=2026-11-20&tz=Asia/Tokyo", "last=9999d"])
def test_bars_and_tabs_count_the_same(reader: Reader, fill: FillLog, query: str) -> None:
    fill(200)

    page = reader.get(f"{LOG}?category=vehicles&{query}")

    assert sum(bars(page).values()) == int(on_tabs(page)["Vehicles"][1])


def test_the_strip_follows_the_filters(reader: Reader, organisation: Place, an_event: AnEvent, fill: FillLog) -> None:
    fill(3)
    an_event("vehicle.deleted", org_id=organisation.id, actor=HANA, occurred_at=NOW - timedelta(days=3))
    an_event("sign_in.refused", org_id=organisation.id, actor=HANA, outcome=Outcome.FAILURE, occurred_at=NOW)

    assert sum(bars(reader.get(f"{LOG}?actor=member:77")).values()) == 2
    assert sum(bars(reader.get(f"{LOG}?category=vehicles&actor=member:77", htmx=True)).values()) == 1
    assert sum(bars(reader.get(f"{LOG}?outcome=failure")).values()) == 1


def test_a_bar_leads_to_its_day_and_keeps_the_other_filters(reader: Reader, fill: FillLog) -> None:
    fill(30)

    page = reader.get(f"{LOG}?category=vehicles&actor=member:ada-okafor")

    link = next(link for link in page.select("#audit-strip a") if "Sunday 22 November" in link.get_text())
    assert link.get_text() == "Sunday 22 November 2026: 19 entries"
    assert (
        link["href"]
        == link["hx-get"]
        == (f"{LOG}?category=vehicles&actor=member:ada-okafor&from=2026-11-22&to=2026-11-22&tz=Europe/London")
    )
    assert link["tabindex"] == "-1"
    day = reader.get(str(link["href"]))
    assert len(rows(day)) == 19


def test_a_bar_of_a_week_leads_to_the_days_of_it_that_were_asked_for(reader: Reader, fill: FillLog) -> None:
    fill(1)

    page = reader.get(f"{LOG}?from=2026-07-01&to=2026-12-01&tz=Asia/Tokyo")

    addresses = [str(link["href"]) for link in page.select("#audit-strip a")]
    assert addresses[0] == f"{LOG}?from=2026-07-01&to=2026-07-05&tz=Asia/Tokyo"
    assert addresses[1] == f"{LOG}?from=2026-07-06&to=2026-07-12&tz=Asia/Tokyo"
    assert addresses[-1] == f"{LOG}?from=2026-11-30&to=2026-12-01&tz=Asia/Tokyo"


def test_the_strip_is_told_to_those_who_do_not_see_it(reader: Reader, fill: FillLog) -> None:
    fill(30)

    page = reader.get(LOG)

    strip, told = page.select_one("#audit-strip svg.histo"), page.select_one("#audit-strip .vh")
    assert strip is not None
    assert told is not None
    assert strip["aria-hidden"] == "true"
    assert told.get_text() == (
        "30 entries. Busiest day: Sunday 22 November 2026 with 19 entries. Use the date filter to choose days."
    )
    assert [bar.parent.title.get_text() for bar in page.select(".bar.now") if bar.parent and bar.parent.title] == [
        "Monday 23 November 2026: 11 entries"
    ]


def test_an_empty_log_has_no_strip(reader: Reader) -> None:
    strip = reader.get(LOG).select_one("#audit-strip")

    assert strip is not None
    assert strip.has_attr("hidden")
    assert strip.get_text(strip=True) == ""


def test_the_strip_needs_no_style(reader: Reader, fill: FillLog) -> None:
    fill(3)

    for tag in reader.get(LOG).select("#audit-strip *"):
        assert not tag.has_attr("style")


@pytest.mark.parametrize("htmx", [False, True])
def test_the_actors_to_choose_come_with_their_numbers(
    app: Flask, reader: Reader, organisation: Place, an_event: AnEvent, fill: FillLog, htmx: bool
) -> None:
    nightly = Actor(ActorType.SYSTEM, "nightly", "Nightly job")
    fill(3, actor=nightly)
    an_event("member.invited", org_id=organisation.id, actor=nightly)

    def numbers_of(query: str) -> dict[str, list[str]]:
        page = reader.get(f"{LOG}/actors{query}", htmx=htmx)
        choices: list[Tag] = page.select("a.person, a[role=option]:has(.n)")
        return {
            choice.select("bdi")[0].get_text(): [part.get_text() for part in choice.select(".n span")]
            for choice in choices
        }

    assert numbers_of("")["Nightly job"] == ["4", "4 entries"]
    assert numbers_of("")["Ines Ferreira"] == ["0", "0 entries"]
    # Whom one had chosen already narrows nothing here.
    assert numbers_of("?category=team&actor=member:77")["Nightly job"] == ["1", "1 entry"]
