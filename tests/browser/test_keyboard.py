"""The log without a mouse: keys, focus, the details row, the combobox, and what screen readers are told."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.site import LOG, wait_until_ready

NewContext = Callable[..., BrowserContext]


@pytest.fixture
def log(maya: Page) -> Page:
    maya.goto(LOG)
    wait_until_ready(maya)
    return maya


def test_the_skip_link_comes_first_and_leads_to_the_entries(log: Page) -> None:
    log.keyboard.press("Tab")
    expect(log.locator(":focus")).to_have_text("Skip to the entries")
    log.keyboard.press("Enter")
    log.keyboard.press("Tab")
    assert log.evaluate("document.activeElement.closest('#audit-table') !== null")


def test_j_and_k_move_enter_opens_and_escape_closes(log: Page) -> None:
    arrows = log.locator(".row .x")
    log.keyboard.press("j")
    expect(arrows.nth(0)).to_be_focused()
    log.keyboard.press("j")
    log.keyboard.press("j")
    log.keyboard.press("k")
    expect(arrows.nth(1)).to_be_focused()

    log.keyboard.press("Enter")
    expect(log.locator(".detail")).to_be_visible()
    expect(arrows.nth(1)).to_be_focused()
    expect(arrows.nth(1)).to_have_attribute("aria-expanded", "true")

    log.keyboard.press("Tab")
    log.keyboard.press("Escape")
    expect(log.locator(".detail")).to_be_hidden()
    expect(arrows.nth(1)).to_be_focused()
    expect(arrows.nth(1)).to_have_attribute("aria-expanded", "false")


def test_j_begins_where_one_reads(log: Page) -> None:
    log.evaluate("scrollTo(0, 600)")
    log.keyboard.press("j")

    expect(log.locator(":focus")).to_be_in_viewport()
    assert log.evaluate("scrollY") > 300
    assert log.evaluate("[...document.querySelectorAll('.row .x')].indexOf(document.activeElement)") > 5


def test_the_details_are_fetched_once_and_close_at_the_second_click(log: Page) -> None:
    asked: list[str] = []
    log.on("request", lambda request: asked.append(request.url) if "/entries/" in request.url else None)
    arrow = log.locator(".row .x").first

    for open_now in (True, False, True):
        arrow.click()
        expect(arrow).to_have_attribute("aria-expanded", str(open_now).lower())
        expect(log.locator(".detail")).to_be_visible(visible=open_now)

    assert len(asked) == 1
    assert log.locator(f"#{arrow.get_attribute('aria-controls')}").count() == 1
    assert log.url.endswith(LOG)


def test_two_quick_clicks_make_one_details_row(log: Page) -> None:
    log.locator(".row .x").first.dblclick()
    expect(log.locator(".detail")).to_have_count(1)


def test_brackets_turn_pages_and_the_heading_takes_the_focus(log: Page) -> None:
    first = log.locator(".row").first.get_attribute("id") or ""
    log.evaluate("scrollTo(0, 600)")

    log.keyboard.press("]")
    expect(log.locator(".row").first).not_to_have_attribute("id", first)
    expect(log.locator("h1")).to_be_focused()
    assert log.evaluate("scrollY") == 0

    log.keyboard.press("[")
    expect(log.locator(".row").first).to_have_attribute("id", first)
    expect(log.locator("h1")).to_be_focused()


def test_the_focus_stays_on_a_tab_and_is_never_lost(log: Page) -> None:
    log.locator("#tab-veh").focus()
    log.keyboard.press("Enter")
    expect(log.locator("#audit-tabs [aria-current]")).to_contain_text("Vehicles")
    expect(log.locator("#tab-veh")).to_be_focused()

    log.locator(".who").first.focus()
    log.keyboard.press("Enter")
    expect(log.locator(".chip")).to_be_visible()
    expect(log.locator("h1")).to_be_focused()

    log.get_by_role("link", name="Remove the actor filter").focus()
    log.keyboard.press("Enter")
    expect(log.locator(".chip")).to_have_count(0)
    assert log.evaluate("document.activeElement !== document.body")


def test_c_copies_and_question_mark_lists_the_keys(new_context: NewContext) -> None:
    page = new_context("maya", permissions=["clipboard-read", "clipboard-write"]).new_page()
    page.goto(LOG)
    wait_until_ready(page)
    page.keyboard.press("c")
    expect(page.locator("#notices")).to_have_text("Link copied")

    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("j")
    assert not page.evaluate("document.activeElement.matches('.x')")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_keys_are_letters_inside_fields_and_with_modifiers(log: Page) -> None:
    log.locator("#actor-btn").click()
    log.get_by_role("combobox").press_sequentially("j?c")
    expect(log.get_by_role("combobox")).to_have_value("j?c")
    expect(log.locator("#shortcuts")).to_be_hidden()
    log.keyboard.press("Escape")
    log.locator("h1").focus()
    log.keyboard.press("Control+j")
    expect(log.locator("h1")).to_be_focused()


def test_the_keys_can_be_switched_off(new_context: NewContext) -> None:
    page = new_context("ines").new_page()
    _set_shortcuts(page, on=False)
    page.goto(LOG)
    wait_until_ready(page)
    page.keyboard.press("j")
    page.keyboard.press("?")
    assert page.evaluate("document.activeElement === document.body")
    expect(page.locator("#shortcuts")).to_be_hidden()
    expect(page.locator(".foot kbd")).to_have_count(0)
    _set_shortcuts(page, on=True)


def test_the_actor_is_chosen_by_typing(log: Page) -> None:
    log.locator("#actor-btn").focus()
    log.keyboard.press("Space")
    field = log.get_by_role("combobox", name="Find a person or system")
    expect(field).to_be_focused()
    expect(log.get_by_role("option", name="Anyone")).to_be_visible()

    field.press_sequentially("pri")
    expect(log.get_by_role("option")).to_have_count(1)
    active = field.get_attribute("aria-activedescendant")
    assert log.locator(f"#{active}").inner_text().startswith("PR")
    log.keyboard.press("Enter")

    expect(log.locator(".chip")).to_have_text(["Actor: Priya Raman"])
    expect(log).to_have_url(re.compile(r"\?actor=member:\d+$"))
    expect(log.locator("#actor-pop")).to_be_hidden()
    expect(log.locator("#actor-btn")).to_contain_text("Priya Raman")
    assert log.evaluate("document.activeElement !== document.body")


def test_arrow_keys_go_round_the_actors(log: Page) -> None:
    log.locator("#actor-btn").click()
    field = log.get_by_role("combobox")
    options = log.get_by_role("option")
    expect(options.first).to_be_visible()

    log.keyboard.press("ArrowUp")
    expect(field).to_have_attribute("aria-activedescendant", options.last.get_attribute("id") or "")
    log.keyboard.press("ArrowDown")
    expect(field).to_have_attribute("aria-activedescendant", options.first.get_attribute("id") or "")
    log.keyboard.press("Escape")
    expect(log.locator("#actor-pop")).to_be_hidden()
    expect(log.locator("#actor-btn")).to_be_focused()


def test_the_dates_are_chosen_in_their_menu(log: Page) -> None:
    log.locator("#date-btn").focus()
    log.keyboard.press("Enter")
    log.keyboard.press("ArrowDown")
    expect(log.get_by_role("link", name="All time")).to_be_focused()
    log.keyboard.press("ArrowDown")
    log.keyboard.press("Enter")
    expect(log.locator(".chip")).to_have_text(["Date: Last 24 hours"])
    expect(log).to_have_url(re.compile(r"\?last=24h$"))
    expect(log.locator("#date-pop")).to_be_hidden()


def test_an_own_range_keeps_the_other_filters_and_sends_no_empty_field(log: Page) -> None:
    log.locator("#tab-veh").click()
    expect(log).to_have_url(re.compile("category=vehicles"))
    log.locator("#date-btn").click()
    log.get_by_label("From").fill("2026-01-02")
    log.get_by_role("button", name="Apply").click()
    expect(log).to_have_url(re.compile(r"\?category=vehicles&from=2026-01-02&tz=Europe/London$"))
    expect(log.locator("#date-pop")).to_be_hidden()


def test_what_appeared_is_announced_once(log: Page) -> None:
    log.evaluate(
        """() => {
            window.told = [];
            const status = document.getElementById("audit-status");
            const changes = {childList: true, characterData: true, subtree: true};
            new MutationObserver(() => told.push(status.textContent)).observe(status, changes);
            window.theNode = status;
        }"""
    )
    log.locator("#tab-team").click()
    expect(log.locator("#audit-tabs [aria-current]")).to_contain_text("Team")
    expect(log.locator("#audit-status")).to_contain_text("Team")
    log.wait_for_timeout(200)
    told = log.evaluate("told")
    assert [text for text in told if text] == [log.locator("#audit-status").text_content()]
    assert log.evaluate("theNode === document.getElementById('audit-status')")


def test_the_table_is_busy_while_a_page_is_on_its_way(log: Page) -> None:
    log.evaluate(
        """() => {
            window.busy = [];
            new MutationObserver((changes) => changes.forEach((change) => busy.push(change.target.ariaBusy)))
                .observe(document.getElementById("audit-table"), {attributes: true, attributeFilter: ["aria-busy"]});
        }"""
    )
    log.locator("#tab-team").click()
    expect(log.locator("#audit-tabs [aria-current]")).to_contain_text("Team")
    expect(log.locator("#audit-table")).to_have_attribute("aria-busy", "false")
    assert log.evaluate("busy")[0] == "true"


def _set_shortcuts(page: Page, *, on: bool) -> None:
    page.goto("/profile")
    page.get_by_role("checkbox", name="Keyboard shortcuts").set_checked(on)
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_role("status").filter(has_text="saved")).to_be_visible()
