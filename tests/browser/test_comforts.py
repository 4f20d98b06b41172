"""Small things that make the page pleasant: theme, times that grow older, tabs in view, days that stay in sight."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.site import LOG, Site, wait_until_ready

NewContext = Callable[..., BrowserContext]


def test_the_theme_changes_without_a_reload_and_lasts(site: Site, new_context: NewContext) -> None:
    page = new_context(storage_state=site.freshly_signed_in("ines")).new_page()
    page.goto(LOG)
    wait_until_ready(page)
    page.evaluate("window.sameDocument = true")
    light = _background(page)

    page.get_by_role("button", name="Theme").click()
    with page.expect_response("**/theme"):
        page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("window.sameDocument")
    assert _background(page) != light

    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Theme").click()
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Follow the system").click()
    expect(page.locator("html")).not_to_have_attribute("data-theme", "dark")


def test_relative_times_grow_older_as_the_server_would_tell_them(maya: Page) -> None:
    maya.clock.install(time=datetime.now(UTC))
    maya.goto(f"{LOG}?category=organisation")
    wait_until_ready(maya)
    time = maya.locator(".row time").first
    told = int((time.text_content() or "").split()[0])

    maya.clock.run_for("07:00")
    expect(time).to_have_text(re.compile(f"^({told + 7}|{told + 8}) min ago$"))  # a minute may turn while it loads
    maya.clock.run_for("03:00:00")
    expect(time).to_have_text("3 h ago")
    maya.clock.fast_forward("24:00:00")
    expect(time).to_have_text((time.get_attribute("title") or "").split(" at ")[1][:5])


def test_the_current_tab_is_in_view_on_a_narrow_screen(new_context: NewContext) -> None:
    page = new_context("maya", viewport={"width": 390, "height": 844}).new_page()
    page.goto(f"{LOG}?category=suppliers")
    wait_until_ready(page)
    box = page.locator("#tab-sup").bounding_box()
    assert box
    assert box["x"] >= 16
    assert box["x"] + box["width"] <= 390 - 16


def test_the_day_stays_in_sight_under_the_top_bar(maya: Page) -> None:
    maya.goto(LOG)
    wait_until_ready(maya)
    maya.evaluate("scrollTo(0, 500)")
    tops = maya.locator(".day th").evaluate_all(
        "days => days.map((day) => Math.round(day.getBoundingClientRect().top))"
    )
    assert 48 in tops


def test_tabs_fit_where_all_their_numbers_have_a_plus_sign(maya: Page) -> None:
    maya.set_viewport_size({"width": 1280, "height": 900})
    maya.goto(LOG)
    tabs = maya.locator("#audit-tabs")
    tabs.evaluate("tabs => tabs.classList.add('tight')")
    tabs.evaluate("tabs => tabs.querySelectorAll('.n').forEach((number) => { number.textContent = '1.1k+'; })")

    assert tabs.evaluate("tabs => tabs.scrollWidth <= tabs.clientWidth")


def test_an_error_goes_when_it_is_dismissed(maya: Page) -> None:
    maya.goto(LOG)
    wait_until_ready(maya)
    maya.context.set_offline(True)
    maya.locator("#tab-veh").click()
    maya.get_by_role("button", name="Dismiss").click()
    expect(maya.locator(".toast")).to_have_count(0)


def test_the_password_can_be_shown(new_context: NewContext) -> None:
    page = new_context().new_page()
    page.goto("/sign-in")
    field = page.get_by_label("Password", exact=True)
    field.fill("secret")
    page.get_by_role("button", name="Show password").click()
    expect(field).to_have_attribute("type", "text")
    page.get_by_role("button", name="Hide password").click()
    expect(field).to_have_attribute("type", "password")


def _background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_paper_shows_all_of_an_entry(maya: Page) -> None:
    """Portrait paper is as narrow as a phone, and its time is written out with its zone."""
    maya.set_viewport_size({"width": 794, "height": 1123})
    maya.goto(f"{LOG}?category=vehicles")
    maya.emulate_media(media="print")

    category, time = maya.locator("td.c-cat .cat").first, maya.locator("td.c-time").first
    assert category.evaluate("tag => parseFloat(getComputedStyle(tag).fontSize)") > 8
    assert time.evaluate("tag => tag.scrollWidth <= tag.clientWidth")
    assert time.evaluate("tag => getComputedStyle(tag).whiteSpace") == "normal"
    expect(maya.locator(".paper")).to_be_visible()
    maya.goto(maya.locator(".row .x").first.get_attribute("href") or "")
    expect(maya.locator(".facts")).to_be_visible()
    expect(maya.locator("main .btn").locator("visible=true")).to_have_count(0)
