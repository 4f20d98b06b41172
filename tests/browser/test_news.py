"""The page asks for new entries by itself: seldom, quietly, and not where nobody looks."""

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.site import LOG, Site, summaries, wait_until_ready

NewContext = Callable[..., BrowserContext]


def opened(page: Page) -> list[str]:
    """Open the log with a clock that the test moves; return the questions for news that follow."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/new?" in request.url else None)
    page.clock.install()
    page.goto(LOG)
    wait_until_ready(page)
    return asked


def wait_half_a_minute(page: Page) -> None:
    page.clock.fast_forward(30_500)
    page.wait_for_timeout(300)


def say_there_are_three(page: Page) -> None:
    """Let the real answer be that of someone who has not seen the newest three."""

    def answer(route: Route) -> None:
        if "seen=" in route.request.url:
            route.fulfill(status=204)
            return
        fourth = (page.locator(".row").nth(3).get_attribute("id") or "").removeprefix("e-")
        route.continue_(url=re.sub(r"after=\w+", f"after={fourth}", route.request.url))

    page.route("**/new?*", answer)


def test_new_entries_are_offered_and_said_once(maya: Page) -> None:
    asked = opened(maya)
    wait_half_a_minute(maya)
    assert len(asked) == 1
    expect(maya.locator(".newbar")).to_have_count(0)
    before = summaries(maya)
    maya.evaluate(
        """() => {
            window.told = [];
            const status = document.getElementById("audit-status");
            new MutationObserver(() => told.push(status.textContent)).observe(status, {childList: true, subtree: true});
        }"""
    )
    say_there_are_three(maya)

    for _ in range(3):
        wait_half_a_minute(maya)

    expect(maya.locator(".newbar")).to_have_text("3 new entries")
    expect(maya.locator("#audit-table > #audit-new + .paper + table")).to_have_count(1)
    assert [text for text in maya.evaluate("told") if text] == ["3 new entries"]
    assert summaries(maya) == before
    assert maya.evaluate("document.activeElement === document.body")

    maya.locator(".newbar").focus()
    maya.keyboard.press("Enter")
    expect(maya.locator(".newbar")).to_have_count(0)
    expect(maya.locator("h1")).to_be_focused()
    assert maya.url.endswith(LOG)


def test_a_hidden_tab_does_not_ask(maya: Page) -> None:
    asked = opened(maya)
    maya.evaluate("Object.defineProperty(document, 'hidden', {configurable: true, get: () => true})")
    wait_half_a_minute(maya)
    wait_half_a_minute(maya)
    assert asked == []

    maya.evaluate("delete document.hidden")
    wait_half_a_minute(maya)
    assert len(asked) == 1


def test_a_session_that_ended_stops_it_quietly(site: Site, new_context: NewContext) -> None:
    context = new_context(storage_state=site.freshly_signed_in("olu"))
    page = context.new_page()
    asked = opened(page)
    before = summaries(page)
    context.clear_cookies()

    for _ in range(3):
        wait_half_a_minute(page)

    assert len(asked) == 1
    assert page.url.endswith(LOG)
    assert summaries(page) == before
    expect(page.locator(".toast")).to_have_count(0)


def test_a_failure_is_no_news_and_does_not_stop_it(maya: Page) -> None:
    asked = opened(maya)
    maya.route("**/new?*", lambda route: route.fulfill(status=503, body="no"))
    wait_half_a_minute(maya)
    maya.unroute("**/new?*")
    maya.context.set_offline(True)
    wait_half_a_minute(maya)
    maya.context.set_offline(False)
    say_there_are_three(maya)
    wait_half_a_minute(maya)

    expect(maya.locator(".toast")).to_have_count(0)
    expect(maya.locator(".newbar")).to_have_text("3 new entries")
    assert len(asked) == 3


def test_another_page_does_not_ask(maya: Page) -> None:
    asked = opened(maya)
    maya.locator("#pager-older").click()
    expect(maya).to_have_url(re.compile("before="))
    wait_half_a_minute(maya)

    assert asked == []
