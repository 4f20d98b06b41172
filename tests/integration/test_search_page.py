"""Searching on the page: the form, what is highlighted, and what is said when little or nothing is found."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import quote

import pytest
from markupsafe import escape

from auditweb import ids
from auditweb.parties import Actor, ActorType, Target
from auditweb.reading import pages
from auditweb.reading.filters import LogFilter
from auditweb.reading.pages import Row, find_page
from auditweb.reading.words import words_of
from auditweb.web import audit_log
from tests.integration.conftest import AnEvent, FillLog
from tests.log_pages import LOG, NOW, rows
from tests.readers import Page, Place, Reader

HOSTILE = (
    "<img src=x onerror=alert(1)> alphard",
    'alphard" onmouseover="alert(1)',
    "alphard</mark></a><script>alert(1)</script>alphard",
    "&lt;b&gt;alphard&amp;",
    "\u202ealphard\u202c \u200balphard",
    "mark alphard span title class",
)


pytestmark = pytest.mark.usefixtures("at_now")


def marks(page: Page) -> list[str]:
    return [mark.get_text() for mark in page.select("#audit-table mark")]


def search(reader: Reader, text: str, more: str = "", *, htmx: bool = False) -> Page:
    return reader.get(f"{LOG}?{more}q={quote(text)}", htmx=htmx)


def test_the_form_keeps_the_other_filters_and_shows_what_was_typed(reader: Reader, fill: FillLog) -> None:
    fill(60)

    page = search(reader, 'stepwgn "honda', "category=vehicles&last=7d&")

    form = page.select_one("form#search")
    assert form is not None
    assert (form["role"], form["method"], form["action"], form["hx-get"]) == ("search", "get", LOG, LOG)
    assert {str(field["name"]): str(field["value"]) for field in form.select("input")} == {
        "category": "vehicles",
        "last": "7d",
        "q": 'stepwgn "honda',
    }
    assert form.select_one("noscript button[type=submit]") is not None
    assert page.select(".filters > *")[0] == form


def test_the_form_ends_on_the_canonical_address(reader: Reader, fill: FillLog) -> None:
    fill(1)

    assert reader.get(f"{LOG}?last=7d&q=++Alphard+++3.5+").location == f"{LOG}?last=7d&q=Alphard%203.5"
    for blank in ("", "%20", "++", "%E3%80%80"):
        assert reader.get(f"{LOG}?last=7d&q={blank}").location == f"{LOG}?last=7d"
        assert reader.get(f"{LOG}?q={blank}", htmx=True).location == LOG


def test_the_search_is_a_chip(reader: Reader, fill: FillLog) -> None:
    fill(1)

    page = search(reader, "stepwgn", "category=vehicles&last=7d&")

    chips = {chip.get_text(" ", strip=True): chip.select("a")[0] for chip in page.select(".chip")}
    link = chips["Search: stepwgn"]
    assert (link["href"], link["aria-label"]) == (f"{LOG}?category=vehicles&last=7d", "Remove the search filter")


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("stepwgn", ["Stepwgn"]),
        ("step*", ["Stepwgn"]),
        ("HONDA 2020", ["2020", "Honda"]),
        ('"honda stepwgn"', ["Honda Stepwgn"]),
        ("okafor", ["Okafor"]),
        ("-alphard honda", ["Honda"]),
    ],
)
def test_what_was_found_is_highlighted(reader: Reader, fill: FillLog, text: str, marked: list[str]) -> None:
    fill(1)

    page, part = search(reader, text), search(reader, text, htmx=True)

    assert len(rows(page)) == 1
    assert marks(page) == marks(part) == marked


def test_a_phrase_is_highlighted_across_target_and_values(
    reader: Reader, organisation: Place, an_event: AnEvent
) -> None:
    an_event(
        "document.approved",
        org_id=organisation.id,
        facts={"document": "export certificate"},
        target=Target("vehicle", "v1", "2019 Nissan Elgrand"),
    )

    page = search(reader, '"the export certificate for 2019 nissan"')

    sentence = page.select_one("tr.row .c-sum")
    assert sentence is not None
    told = " ".join(sentence.get_text().split())
    plain = reader.get(LOG).select_one("tr.row .c-sum")
    assert plain is not None
    assert told == " ".join(plain.get_text().split())
    assert [mark.get_text() for mark in sentence.select("mark")] == [
        "the ",
        "export certificate",
        " for ",
        "2019 Nissan",
    ]
    assert sentence.select_one(".val mark") is not None
    assert sentence.select_one("a.tgt mark") is not None


@pytest.mark.parametrize("name", HOSTILE)
def test_highlighting_lets_no_markup_through(reader: Reader, organisation: Place, an_event: AnEvent, name: str) -> None:
    """What is shown with hits is what is shown without them, mark for mark."""
    actor = Actor(ActorType.MEMBER, "mallory", name)
    an_event("vehicle.created", org_id=organisation.id, actor=actor, target=Target("vehicle", "v1", name))
    an_event("member.invited", org_id=organisation.id, actor=actor, facts={"email": name, "role": name})
    an_event(
        "shipment.departed",
        org_id=organisation.id,
        actor=actor,
        via=Actor(ActorType.API_KEY, "k", name),
        target=Target("shipment", "s", name, "/s"),
        facts={"port": name},
    )

    found, plain = search(reader, "alphard"), reader.get(LOG)

    assert len(rows(found)) == len(rows(plain)) == 3
    assert set(marks(found)) == {"alphard"}
    assert len(marks(found)) >= 3 * name.count("alphard")
    for word in set(words_of(name)):
        shown = table(search(reader, word))
        assert "<mark>" in shown
        assert re.sub(r"</?mark>", "", shown) == table(plain)
    assert "\u202e" not in found.text
    assert "\u200b" not in found.text


def table(page: Page) -> str:
    return page.text[page.text.index("<tbody") : page.text.rindex("</tbody>")]


def test_nothing_found_says_how_words_are_matched(reader: Reader, fill: FillLog) -> None:
    fill(1)

    page = search(reader, "zzz", "category=team&last=7d&")

    assert "Nothing matches this search" in page.words
    assert "No team entries with zzz, last 7 days." in page.words
    links = {link.get_text(strip=True): str(link["href"]) for link in page.select("#audit-table a")}
    assert links == {
        "Words that begin with “zzz”": f"{LOG}?category=team&last=7d&q=zzz%2A",
        "Clear search and filters": LOG,
        "Search all time": f"{LOG}?category=team&q=zzz",
    }


@pytest.mark.parametrize("text", ["zzz*", '"zzz yyy"', "zzz yyy", "-zzz", "10.0.0.1"])
def test_only_one_plain_word_is_offered_as_a_beginning(reader: Reader, text: str) -> None:
    assert "Words that begin with" not in search(reader, text, "category=team&").words


@pytest.mark.parametrize("text", ['"', "-", "...", "x" * 201, " ".join("abcdefghijklm")])
@pytest.mark.parametrize("htmx", [False, True])
def test_what_cannot_be_searched_for_is_refused_with_a_reason(reader: Reader, text: str, htmx: bool) -> None:
    page = search(reader, text, htmx=htmx)

    assert page.status == 400
    assert "search" in page.words


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x" * 600, "A search has 200 characters at most, and this one 600."),
        ("stepwgn\0", "cannot be searched for. There is a character in it that no entry has."),
        ("\0", "cannot be searched for."),
    ],
)
def test_a_refused_search_is_not_called_an_id(reader: Reader, text: str, reason: str) -> None:
    page = search(reader, text)

    assert page.status == 400
    assert reason in page.words
    assert "cannot be an id" not in page.words


def test_an_invisible_character_is_shown(reader: Reader, fill: FillLog) -> None:
    fill(1)

    for text in ("stepwgn\u202e", "stepwgn \u200bhonda"):
        page = search(reader, text)
        assert page.status == 200
        assert "\u202e" not in page.text
        assert "\u200b" not in page.text


def stopped(rows: Sequence[Row], searched_to: int) -> pages.Page:
    """Return a page whose search ran out of time."""
    return pages.Page(rows, has_newer=False, has_older=False, searched_to=searched_to)


@pytest.mark.parametrize("found", [0, 2])
def test_a_search_that_ran_out_of_time_offers_to_go_on(
    reader: Reader, fill: FillLog, monkeypatch: pytest.MonkeyPatch, found: int
) -> None:
    events = fill(60)
    place = ids.first_id_at(NOW - timedelta(hours=30))

    def find(wanted: LogFilter, now: datetime) -> pages.Page:
        return stopped(find_page(wanted, now=now).rows[:found], place)

    monkeypatch.setattr(audit_log, "find_page", find)

    page = search(reader, "stepwgn", "category=vehicles&")

    assert len(events) == 60
    assert len(rows(page)) == found
    assert "Older entries have not been searched yet" in page.words
    assert "Nothing matches" not in page.words
    link = next(link for link in page.select("#audit-table a") if link.get_text(strip=True) == "Continue")
    assert link["href"] == link["hx-get"] == f"{LOG}?category=vehicles&q=stepwgn&before={ids.to_text(place)}"
    assert ("Searched as far as 22 Nov 04:42" in page.words) == (not found)


@pytest.mark.parametrize("place", ["oldest=1", "after=0000000000000"])
def test_a_search_from_the_oldest_on_leaves_out_newer_ones(
    reader: Reader, fill: FillLog, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    fill(2)
    monkeypatch.setattr(audit_log, "find_page", lambda wanted, now: stopped(find_page(wanted, now=now).rows, 7))

    page = reader.get(f"{LOG}?q=stepwgn&{place}")

    assert "Newer entries have not been searched yet" in page.words
    link = next(link for link in page.select("#audit-table a") if link.get_text(strip=True) == "Continue")
    assert link["href"] == f"{LOG}?q=stepwgn&after={ids.to_text(7)}"


def test_what_was_searched_to_the_end_says_nothing_of_it(reader: Reader, fill: FillLog) -> None:
    fill(2)

    assert "not been searched yet" not in search(reader, "stepwgn").words


def test_the_title_says_what_was_searched_for(reader: Reader, fill: FillLog) -> None:
    fill(1)

    title = search(reader, "stepwgn <b>").markup.title

    assert title is not None
    assert title.get_text().startswith("Entries with stepwgn <b>")
    assert str(escape("<b>")) in str(title)
