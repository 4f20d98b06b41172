"""Finding one's way by typing, by the strip, by numbers: one request each, and the address says what is seen."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, Request, ViewportSize, expect

from tests.browser.site import LOG, summaries, wait_until_ready

NewContext = Callable[..., BrowserContext]


@pytest.fixture
def log(maya: Page) -> Page:
    maya.goto(LOG)
    wait_until_ready(maya)
    return maya


def asked_of(page: Page) -> list[str]:
    """Collect the addresses that the page's scripts ask for."""
    seen: list[str] = []

    def note(request: Request) -> None:
        if request.headers.get("hx-request"):
            seen.append(request.url)

    page.on("request", note)
    return seen


def test_typing_makes_one_request_and_keeps_the_caret(log: Page) -> None:
    asked = asked_of(log)
    length = log.evaluate("history.length")
    field = log.get_by_role("searchbox", name="Search entries")
    log.clock.install()
    log.clock.pause_at("2070-01-01")  # however slowly this types, it is faster than the field waits
    field.press_sequentially("elgrnd")
    field.press("ArrowLeft")
    field.press("ArrowLeft")
    field.press_sequentially("a")
    log.clock.run_for(400)

    expect(log).to_have_url(re.compile(r"\?q=elgrand$"))
    expect(log.locator(".chip")).to_have_text(["Search: elgrand"])
    expect(log.locator(".row mark").first).to_have_text("Elgrand")
    expect(field).to_be_focused()
    expect(field).to_have_value("elgrand")
    assert log.evaluate("document.activeElement.selectionStart") == 5
    assert len(asked) == 1
    assert log.evaluate("history.length") == length


def test_what_is_typed_meanwhile_is_kept(log: Page) -> None:
    """The answer to the first letters comes while more are being typed."""
    field = log.get_by_role("searchbox", name="Search entries")
    field.press_sequentially("elg")
    expect(log).to_have_url(re.compile(r"\?q=elg$"))
    field.press_sequentially("rand ex")
    expect(log.locator(".chip")).to_have_text(["Search: elgrand ex"])
    expect(field).to_have_value("elgrand ex")
    expect(log).to_have_url(re.compile(r"\?q=elgrand%20ex$"))


def test_enter_searches_at_once_and_only_once(log: Page) -> None:
    asked = asked_of(log)
    field = log.get_by_role("searchbox", name="Search entries")
    log.clock.install()
    log.clock.pause_at("2070-01-01")  # however long Enter takes to come, the field has not waited for it
    field.fill("alphard")
    field.press("Enter")
    log.clock.run_for(400)

    expect(log.locator(".chip")).to_have_text(["Search: alphard"])
    assert len(asked) == 1


def test_an_emptied_field_leaves_the_address(log: Page) -> None:
    log.goto(f"{LOG}?category=vehicles&q=alphard")
    wait_until_ready(log)
    log.get_by_role("searchbox", name="Search entries").fill("")

    expect(log).to_have_url(re.compile(r"\?category=vehicles$"))
    expect(log.locator(".chip")).to_have_count(0)


def test_the_beginning_of_a_phrase_is_no_error(log: Page) -> None:
    asked = asked_of(log)
    field = log.get_by_role("searchbox", name="Search entries")
    field.press_sequentially('"', delay=400)
    expect(log.locator("#search-problem")).to_be_empty()
    field.press_sequentially("nissan el")

    expect(log).to_have_url(re.compile(r"\?q=%22nissan%20el$"))
    expect(log.locator("#search-problem")).to_be_empty()
    assert len(asked) == 1


@pytest.mark.parametrize("begun", ['"', "-", ' -"', "“", " "])
def test_a_beginning_over_another_search_takes_that_one_away(log: Page, begun: str) -> None:
    """What was found for something else would stand under it."""
    log.goto(f"{LOG}?category=vehicles&q=alphard")
    wait_until_ready(log)
    field = log.get_by_role("searchbox", name="Search entries")
    field.select_text()
    field.press_sequentially(begun)

    expect(log).to_have_url(re.compile(r"\?category=vehicles$"))
    expect(log.locator(".row mark")).to_have_count(0)
    expect(log.locator("#search-problem")).to_be_empty()
    expect(field).to_have_value(begun)


@pytest.mark.parametrize("text", ["%", "🚗", "-%"])
def test_text_without_a_word_is_refused_while_typing(log: Page, text: str) -> None:
    log.goto(f"{LOG}?q=alphard")
    wait_until_ready(log)
    field = log.get_by_role("searchbox", name="Search entries")
    field.fill(text)

    expect(log.locator("#search-problem")).to_contain_text(f"“{text}” cannot be searched for.")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(log.locator(".chip")).to_have_text(["Search: alphard"])  # which is what stands below
    field.fill("elgrand")
    expect(log.locator("#search-problem")).to_be_empty()
    expect(log).to_have_url(re.compile(r"\?q=elgrand$"))


def test_blanks_are_no_search(log: Page) -> None:
    asked = asked_of(log)
    field = log.get_by_role("searchbox", name="Search entries")
    field.press("Space")
    log.wait_for_timeout(400)
    assert asked == []

    field.press("Enter")
    expect(log.locator("#search-problem")).to_be_empty()
    expect(log.locator(".toast")).to_have_count(0)
    log.wait_for_timeout(400)
    assert log.url.endswith(LOG)


def test_a_refusal_stands_under_the_field(log: Page) -> None:
    before = summaries(log)
    field = log.get_by_role("searchbox", name="Search entries")
    field.fill("...")
    field.press("Enter")

    expect(log.locator("#search-problem")).to_contain_text("a search needs letters or digits")
    expect(field).to_have_attribute("aria-invalid", "true")
    assert summaries(log) == before
    assert log.url.endswith(LOG)


def test_removing_the_search_empties_the_field(log: Page) -> None:
    field = log.get_by_role("searchbox", name="Search entries")
    field.fill("alphard")
    expect(log.locator(".chip")).to_have_count(1)

    log.get_by_role("link", name="Remove the search filter").click()

    expect(log.locator(".chip")).to_have_count(0)
    expect(field).to_have_value("")


def test_back_brings_the_search_into_the_field(log: Page) -> None:
    log.goto(f"{LOG}?q=alphard")
    wait_until_ready(log)
    log.locator("#tab-veh").click()
    expect(log).to_have_url(re.compile("category=vehicles&q=alphard"))
    field = log.get_by_role("searchbox", name="Search entries")
    field.fill("alphard toyota")
    expect(log).to_have_url(re.compile("toyota"))

    log.go_back()

    expect(log).to_have_url(re.compile(r"\?q=alphard$"))
    expect(field).to_have_value("alphard")


def test_what_was_refused_is_not_left_in_the_field(log: Page) -> None:
    """It would stand over a page that was never searched for it."""
    field = log.get_by_role("searchbox", name="Search entries")
    field.fill("...")
    field.press("Enter")
    expect(log.locator("#search-problem")).not_to_be_empty()

    log.locator("#tab-veh").click()

    expect(log).to_have_url(re.compile(r"\?category=vehicles$"))
    expect(field).to_have_value("")
    expect(log.locator("#search-problem")).to_be_empty()


def test_the_slash_leads_into_the_field(log: Page) -> None:
    log.keyboard.press("/")
    field = log.get_by_role("searchbox", name="Search entries")
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    log.keyboard.type("a/b")
    expect(field).to_have_value("a/b")


def test_a_bar_narrows_to_its_day_and_back_returns(log: Page) -> None:
    log.evaluate("window.sameDocument = true")
    before, title = summaries(log), log.title()
    day = log.locator("#audit-strip a").nth(28)
    name = (day.locator("title").text_content() or "").partition(":")[0]

    day.click(position={"x": 4, "y": 4})

    expect(log).to_have_url(re.compile(r"\?from=(\S+)&to=\1&tz=Europe/London$"))
    expect(log.locator(".day")).to_have_count(1)
    expect(log.locator(".day")).to_contain_text(name.rpartition(" ")[0])
    expect(log.locator("#audit-strip rect.hit")).not_to_have_count(30)
    assert log.evaluate("window.sameDocument")

    log.go_back()

    expect(log).to_have_title(title)
    expect(log.locator("#audit-strip rect.hit")).to_have_count(30)
    assert summaries(log) == before


def test_a_modified_click_on_a_bar_opens_a_tab_of_its_own(log: Page) -> None:
    with log.context.expect_page() as opened:
        log.locator("#audit-strip a").nth(28).click(position={"x": 4, "y": 4}, modifiers=["Control"])
    expect(opened.value).to_have_url(re.compile(r"\?from="))
    opened.value.close()
    assert log.url.endswith(LOG)


def test_going_to_a_page_pushes_its_own_address(log: Page) -> None:
    log.evaluate("window.sameDocument = true")
    field = log.get_by_role("textbox", name="Page")
    field.fill("3")
    field.press("Enter")

    expect(log.locator(".where")).to_contain_text("101–150 of")
    expect(log).to_have_url(re.compile(r"audit-log\?before=[0-9A-Z]{13}$"))
    expect(log.locator("h1")).to_be_focused()
    expect(log.get_by_role("textbox", name="Page")).to_have_value("3")
    assert log.evaluate("window.sameDocument")

    log.go_back()
    expect(log).to_have_url(re.compile("audit-log$"))
    expect(log.locator(".where")).to_contain_text("1–50 of")


def test_going_to_a_day_pushes_its_own_address(log: Page) -> None:
    log.locator("#tab-veh").click()
    expect(log).to_have_url(re.compile("category=vehicles"))
    log.get_by_label("Jump to").fill("2026-01-02")
    log.get_by_role("button", name="Go to day").click()

    expect(log).to_have_url(re.compile(r"\?category=vehicles&before=[0-9A-Z]{13}$"))


def test_a_page_that_is_not_there_says_so_beside_the_field(log: Page) -> None:
    before = summaries(log)
    field = log.get_by_role("textbox", name="Page")
    field.fill("99")
    log.get_by_role("button", name="Go to page").click()

    expect(log.locator("#page-problem")).to_contain_text(re.compile(r"There is no page 99: there are \d pages\."))
    expect(log.locator(".toast")).to_have_count(0)
    assert summaries(log) == before
    assert log.url.endswith(LOG)
    field.fill("2")
    expect(log.locator("#page-problem")).to_be_empty()


@pytest.mark.parametrize("size", [{"width": 1280, "height": 900}, {"width": 390, "height": 844}], ids=["1280", "390"])
def test_what_is_said_of_a_page_can_be_seen(log: Page, size: ViewportSize) -> None:
    log.set_viewport_size(size)
    field, problem, pager = log.get_by_role("textbox", name="Page"), log.locator("#page-problem"), log.locator(".pager")
    field.evaluate("field => field.scrollIntoView({ block: 'end' })")
    log.evaluate("scrollBy(0, 12)")
    height = pager.evaluate("pager => pager.offsetHeight")
    field.fill("9999")
    field.press("Enter")

    expect(problem).to_contain_text("There is no page 9,999")
    expect(problem).to_be_in_viewport(ratio=1)
    if size["width"] == 1280:
        assert pager.evaluate("pager => pager.offsetHeight") == height < 60


def test_the_place_is_announced(log: Page) -> None:
    log.get_by_role("link", name="Older").click()

    expect(log.locator("#audit-status")).to_have_text(re.compile(r"^51 to 100 of \d+ entries, before"))
