"""What holds on every page in every dress: accessible, within the content policy, no sideways scroll, no lost file."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page, Response, expect

from tests.browser.sights import HOSTILE, SIGHTS
from tests.browser.site import LOG, Site, wait_until_ready

WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def looks(site: Site, browser_context_args: dict[str, Any]) -> Iterator[Callable[[str, dict[str, int]], Page]]:
    """One window for each person and width, in which nothing moves: opening one takes longer than looking."""
    pages: dict[tuple[str, int], Page] = {}

    def look(who: str, size: dict[str, int]) -> Page:
        key = (who, size["width"])
        if key not in pages:
            state = site.signed_in(who) if who else None
            args = {**browser_context_args, "base_url": site.url, "viewport": size, "reduced_motion": "reduce"}
            context = site.browser.new_context(**args, storage_state=state)
            context.set_default_timeout(8_000)
            context.add_init_script(_REPORT_VIOLATIONS)
            pages[key] = context.new_page()
        return pages[key]

    yield look
    for page in pages.values():
        page.context.close()


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["1280", "390"])
@pytest.mark.parametrize("name", SIGHTS)
def test_a_page_is_as_it_should_be(name: str, size: dict[str, int], looks: Callable[..., Page]) -> None:
    sight = SIGHTS[name]
    page = looks(sight.who, size)
    said: list[str] = []
    lost: list[str] = []

    def note_lost(response: Response) -> None:
        if response.status >= 400 and response.request.resource_type != "document":
            lost.append(response.url)

    def note_policy(message: ConsoleMessage) -> None:
        if "Policy" in message.text:
            said.append(message.text)

    def note_error(error: Error) -> None:
        said.append(str(error))

    page.on("response", note_lost)
    page.on("console", note_policy)
    page.on("pageerror", note_error)
    try:
        sight.show(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], "it scrolls sideways"
        assert page.evaluate(_LOST_ICONS) == [], "an icon is missing"
        colours = size is WIDE  # they are the same on a phone, and take longer than all else
        assert _axe(page, {"resultTypes": ["violations"], "rules": {"color-contrast": {"enabled": colours}}}) == []
        if colours:
            page.emulate_media(color_scheme="dark")
            assert _axe(page, {"runOnly": ["color-contrast"]}) == [], "in the dark"
        assert said == []
        assert sight.refused or lost == []
    finally:
        page.remove_listener("response", note_lost)
        page.remove_listener("console", note_policy)
        page.remove_listener("pageerror", note_error)
        page.emulate_media(color_scheme="light")


def test_nothing_on_the_whole_click_path_breaks_the_policy(new_context: Callable[..., BrowserContext]) -> None:
    page = new_context("maya", permissions=["clipboard-read", "clipboard-write"]).new_page()
    page.add_init_script(_REPORT_VIOLATIONS)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(LOG)
    wait_until_ready(page)
    steps = {
        "#tab-veh": "#audit-tabs [aria-current]:has-text('Vehicles')",
        ".who": ".chip",
        ".row .x": ".detail",
        ".detail [data-copy]": ".toast",
        ".detail [data-copy-from]": ".toast:has-text('JSON copied')",
        ".chip a": "#audit-table",
        "#tab-all": "#audit-tabs [aria-current]:has-text('All')",
        ".pager [rel='next']": ".pager [rel='prev']",
        "#pager-oldest": "#pager-newest",
        "#audit-strip a": ".chip:has-text('(London)')",
        ".clear": ".where:has-text('1–50')",
        "#date-btn": "#date-pop",
        "#date-pop a:text-is('Last 7 days')": ".chip:has-text('Last 7 days')",
        "#outcome-btn": "#outcome-pop",
        "#outcome-pop a:text-is('Failed')": ".chip:has-text('Failed')",
        "#actor-btn": "[role='option']",
        "[role='option']:text-is('Anyone')": "#audit-table",
        "[popovertarget='theme-menu']": "#theme-menu",
        "#theme-menu [value='dark']": "html[data-theme='dark']",
        "[popovertarget='account-menu']": "#account-menu",
        "#account-menu a:has-text('profile')": "input[name='name']",
    }
    for step, until in steps.items():
        page.locator(step).first.click()
        expect(page.locator(until).first).to_be_visible()
        page.wait_for_timeout(150)  # what is swapped out of band comes a moment later, and closes menus
    page.go_back()
    expect(page.locator("#audit-table")).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="Theme").click()
    page.get_by_role("button", name="Follow the system").click()
    expect(page.locator("html")).not_to_have_attribute("data-theme", "dark")

    assert said == []


def test_hostile_text_stays_text(new_context: Callable[..., BrowserContext]) -> None:
    page = new_context("maya").new_page()
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.goto(f"{HOSTILE}?oldest=1")
    wait_until_ready(page)
    assert page.locator("main img, main script").count() == 0
    shown = page.locator("main").inner_text()
    assert "<img src=x onerror=alert(1)>" in shown
    assert "\\u{202e}" in shown
    assert "\u202e" not in page.content()
    for cell in page.locator(".row .who").all():
        box = cell.bounding_box()
        assert box
        assert box["width"] > 20, "a name has gone"
        assert box["x"] + box["width"] < WIDE["width"]


def _axe(page: Page, options: dict[str, Any]) -> list[str]:
    """Return what axe-core finds wrong, element by element."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate("options => axe.run(options).then((results) => results.violations)", options)
    return [f"{rule['id']}: {node['html'][:200]} {node['failureSummary']}" for rule in found for node in rule["nodes"]]


_REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => console.error("Policy:", event.violatedDirective, event.sample))
"""

_LOST_ICONS = """
() => [...document.querySelectorAll("svg.ic use")]
  .filter((use) => use.closest("svg").checkVisibility() && use.getBBox().width + use.getBBox().height === 0)
  .map((use) => use.getAttribute("href"))
"""
