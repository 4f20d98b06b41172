"""The same pages through the same addresses, without a line of JavaScript."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.site import LOG, Site, fill_in_and_send

NewContext = Callable[..., BrowserContext]


@pytest.fixture
def plain(new_context: NewContext) -> Page:
    return new_context("maya", java_script_enabled=False).new_page()


def test_tabs_filters_pages_and_details(plain: Page) -> None:
    plain.goto(LOG)
    plain.locator("#tab-team").click()
    expect(plain).to_have_url(re.compile(r"\?category=team$"))
    expect(plain.locator("#audit-tabs [aria-current]")).to_contain_text("Team")

    plain.locator("#tab-all").click()
    plain.locator(".pager").get_by_role("link", name="Oldest").click()
    expect(plain.locator(".pager").get_by_role("link", name="Newer")).to_be_visible()

    plain.locator(".row .x").first.click()
    expect(plain).to_have_url(re.compile(r"/entries/[0-9A-Z]{13}$"))
    expect(plain.locator("dl.facts")).to_contain_text("203.0.113.58")
    plain.get_by_role("link", name=re.compile("^Only (?!this)")).click()
    expect(plain.locator(".chip")).to_have_count(1)
    plain.get_by_role("link", name="Remove the actor filter").click()
    expect(plain.locator(".chip")).to_have_count(0)


def test_the_actor_on_a_page_of_its_own(plain: Page) -> None:
    plain.goto(f"{LOG}?category=documents")
    plain.locator("#actor-btn").click()
    plain.get_by_role("searchbox").fill("priya")
    plain.get_by_role("button", name="Find").click()
    plain.get_by_role("link", name=re.compile("Priya Raman")).click()
    expect(plain).to_have_url(re.compile(r"\?category=documents&actor=member:\d+$"))
    assert set(plain.locator(".row .who").all_inner_texts()) == {"Priya Raman"}


def test_dates_and_outcome_in_their_menus(plain: Page) -> None:
    plain.goto(LOG)
    plain.locator("#outcome-btn").click()
    plain.get_by_role("link", name="Failed").click()
    expect(plain.locator(".chip")).to_have_text(["Outcome: Failed"])
    plain.locator("#date-btn").click()
    plain.get_by_label("From").fill("2026-01-01")
    plain.get_by_role("button", name="Apply").click()
    expect(plain.locator(".chip")).to_have_count(2)
    assert "to=" not in plain.url  # left empty, it is no part of the address


def test_searching_pages_days_and_bars(plain: Page) -> None:
    plain.goto(f"{LOG}?category=documents")
    plain.get_by_role("searchbox", name="Search entries").fill("elgrand")
    plain.get_by_role("button", name="Search", exact=True).click()
    expect(plain).to_have_url(re.compile(r"\?category=documents&q=elgrand$"))
    expect(plain.locator(".row mark").first).to_have_text("Elgrand")
    plain.get_by_role("link", name="Remove the search filter").click()

    plain.locator("#tab-all").click()
    plain.get_by_role("textbox", name="Page").fill("3")
    plain.get_by_role("button", name="Go to page").click()
    expect(plain).to_have_url(re.compile(r"audit-log\?before=[0-9A-Z]{13}$"))
    expect(plain.locator(".where")).to_contain_text("101–150 of")
    plain.get_by_role("textbox", name="Page").fill("99")
    plain.get_by_role("textbox", name="Page").press("Enter")
    expect(plain.locator("[data-reason]")).to_contain_text("There is no page 99")
    plain.get_by_role("link", name="See the whole log").click()

    plain.get_by_label("Jump to").fill("2069-01-01")
    plain.get_by_role("button", name="Go to day").click()
    expect(plain).to_have_url(re.compile("audit-log$"))
    plain.locator("#audit-strip a").nth(28).click(position={"x": 4, "y": 4})
    expect(plain.locator(".day")).to_have_count(1)


def test_theme_organisation_menu_and_sign_out(site: Site, new_context: NewContext) -> None:
    plain = new_context(storage_state=site.freshly_signed_in("maya"), java_script_enabled=False).new_page()
    plain.goto(f"{LOG}?category=team")
    plain.get_by_role("button", name="Theme").click()
    plain.get_by_role("button", name="Dark").click()
    expect(plain.locator("html")).to_have_attribute("data-theme", "dark")
    expect(plain).to_have_url(re.compile(r"\?category=team$"))
    plain.get_by_role("button", name="Theme").click()
    plain.get_by_role("button", name="Follow the system").click()
    expect(plain.locator("html")).not_to_have_attribute("data-theme", "dark")

    plain.get_by_role("button", name=re.compile("Switch organisation")).click()
    plain.get_by_role("link", name="Osaka Bay Motors").click()
    expect(plain).to_have_url(re.compile("/o/osaka-bay/"))

    plain.get_by_role("button", name=re.compile("Your account")).click()
    plain.get_by_role("button", name="Sign out").click()
    expect(plain).to_have_url(re.compile("/sign-in"))


def test_the_sidebar_of_a_narrow_screen(new_context: NewContext) -> None:
    page = new_context("maya", java_script_enabled=False, viewport={"width": 390, "height": 844}).new_page()
    page.goto(LOG)
    expect(page.locator("#side")).to_be_hidden()
    page.get_by_role("button", name="Open menu").click()
    expect(page.locator("#side")).to_be_visible()
    expect(page.get_by_role("button", name="Close menu")).to_be_focused()
    page.get_by_role("button", name="Close menu").click()
    expect(page.locator("#side")).to_be_hidden()


def test_signing_in_wrongly_and_rightly(new_context: NewContext) -> None:
    page = new_context(java_script_enabled=False).new_page()
    page.goto(f"{LOG}?category=vehicles")
    fill_in_and_send(page, "ines", password="wrong")
    expect(page.get_by_role("alert").first).to_be_visible()
    expect(page.get_by_label("E-mail address")).to_have_value("ines@northgate.example")
    fill_in_and_send(page, "ines")
    expect(page).to_have_url(re.compile(r"audit-log\?category=vehicles$"))
