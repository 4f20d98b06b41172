"""Back, Forward, reload, Ctrl-click and middle click work as everywhere; two defects of htmx 4.0.1 stay cured."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.site import LOG, Site, fill_in_and_send, summaries, wait_until_ready

NewContext = Callable[..., BrowserContext]


def test_back_and_forward_walk_through_what_was_seen(maya: Page) -> None:
    maya.goto(LOG)
    wait_until_ready(maya)
    seen = [(maya.url, maya.title(), summaries(maya))]
    for step in ("#tab-veh", ".pager [rel='next'], #tab-team", "#tab-cus"):
        maya.locator(step).first.click()
        expect(maya).not_to_have_url(seen[-1][0])
        expect(maya.locator("#audit-table")).to_have_attribute("aria-busy", "false")
        seen.append((maya.url, maya.title(), summaries(maya)))

    for url, title, rows in reversed(seen[:-1]):
        maya.go_back()
        expect(maya).to_have_url(url)
        expect(maya).to_have_title(title)
        expect(maya.locator(".log tbody .c-sum").first).to_contain_text(rows[0], use_inner_text=True)
        assert summaries(maya) == rows
    maya.go_forward()
    expect(maya).to_have_title(seen[1][1])
    assert summaries(maya) == seen[1][2]


def test_back_from_another_page_shows_the_whole_page(maya: Page) -> None:
    maya.goto(LOG)
    wait_until_ready(maya)
    maya.locator("#tab-veh").click()
    expect(maya).to_have_url(re.compile("category=vehicles"))
    maya.goto("/help/audit-log")

    maya.go_back()

    expect(maya.locator(".side")).to_be_visible()
    expect(maya.locator("#audit-tabs [aria-current]")).to_contain_text("Vehicles")


def test_reload_shows_the_same(maya: Page) -> None:
    maya.goto(LOG)
    wait_until_ready(maya)
    maya.locator("#tab-team").click()
    expect(maya.locator("#audit-tabs [aria-current]")).to_contain_text("Team")
    before = summaries(maya)

    maya.reload()

    assert summaries(maya) == before
    expect(maya.locator("#audit-tabs [aria-current]")).to_contain_text("Team")


@pytest.mark.parametrize("link", ["#tab-veh", ".who", ".x", ".pager [rel='next']"])
def test_modified_and_middle_clicks_open_a_tab_of_their_own(link: str, maya: Page) -> None:
    """htmx 4.0.1 swallows Ctrl-clicks; modified_clicks.js gives them back."""
    maya.goto(LOG)
    wait_until_ready(maya)
    here = maya.url
    href = maya.locator(link).first.get_attribute("href") or ""
    clicks: list[Callable[[], None]] = [
        lambda: maya.locator(link).first.click(modifiers=["Control"]),
        lambda: maya.locator(link).first.click(button="middle"),
    ]
    for click in clicks:
        with maya.context.expect_page() as opened:
            click()
        expect(opened.value).to_have_url(re.compile(re.escape(href) + "$"))
        opened.value.close()
        assert maya.url == here
        expect(maya.locator(".detail")).to_have_count(0)


def test_modified_click_leaves_the_details_as_they_are(maya: Page) -> None:
    """Not loading for ever, where nothing was asked for; and not opened or closed."""
    maya.goto(LOG)
    wait_until_ready(maya)
    arrow = maya.locator(".row .x").first

    def in_another_tab() -> None:
        with maya.context.expect_page() as opened:
            arrow.click(modifiers=["Control"])
        opened.value.close()

    in_another_tab()
    arrow.click()
    expect(maya.locator(".detail")).to_be_visible()
    in_another_tab()
    expect(maya.locator(".detail")).to_be_visible()


def test_htmx_swallows_modified_clicks_without_the_cure(maya: Page) -> None:
    """The day this fails, htmx has mended it and modified_clicks.js can go."""
    maya.route("**/modified_clicks.js*", lambda route: route.fulfill(body="", content_type="text/javascript"))
    maya.goto(LOG)
    wait_until_ready(maya)
    opened: list[Page] = []
    maya.context.on("page", lambda page: opened.append(page))

    maya.locator("#tab-veh").click(modifiers=["Control"])
    maya.wait_for_timeout(300)

    assert not opened


@pytest.mark.parametrize("status", [500, 503, 404, 400])
def test_an_error_changes_neither_the_table_nor_the_address(status: int, maya: Page) -> None:
    """htmx 4.0.1 pushes the address of an answer that is not swapped in; request_errors.js prevents it."""
    maya.goto(LOG)
    wait_until_ready(maya)
    before = summaries(maya)
    maya.route("**/*category=vehicles*", lambda route: _fail(route, status))

    maya.locator("#tab-veh").click()

    expect(maya.locator("#alerts .toast")).to_be_visible()
    assert maya.url.endswith(LOG)
    assert summaries(maya) == before
    expect(maya.locator("#audit-tabs [aria-current]")).to_contain_text("All")
    expect(maya.locator("#audit-table")).to_have_attribute("aria-busy", "false")


def test_htmx_pushes_the_address_of_an_error_without_the_cure(maya: Page) -> None:
    """The day this fails, htmx has mended it and request_errors.js need only say what happened."""
    maya.route("**/request_errors.js*", lambda route: route.fulfill(body="", content_type="text/javascript"))
    maya.add_init_script("addEventListener('htmx:config:request', () => { htmx.config.noSwap = [204, 304, '5xx']; })")
    maya.goto(LOG)
    wait_until_ready(maya)
    maya.route("**/*category=vehicles*", lambda route: _fail(route, 500))

    maya.locator("#tab-veh").click()
    maya.wait_for_timeout(500)

    assert "category=vehicles" in maya.url


def test_the_toast_tries_again(maya: Page) -> None:
    maya.goto(LOG)
    wait_until_ready(maya)
    maya.context.set_offline(True)
    maya.locator("#tab-veh").click()
    toast = maya.get_by_role("alert")
    expect(toast).to_contain_text("That page of entries did not load. Your place is kept.")

    maya.context.set_offline(False)
    toast.get_by_role("button", name="Try again").click()

    expect(maya.locator("#audit-tabs [aria-current]")).to_contain_text("Vehicles")
    expect(maya.locator(".toast")).to_have_count(0)
    expect(maya).to_have_url(re.compile("category=vehicles"))


def test_dates_that_are_refused_say_why_beside_them(maya: Page) -> None:
    maya.goto(f"{LOG}?from=2026-03-01&to=2026-03-31&tz=Europe/London")
    wait_until_ready(maya)
    maya.locator("#date-btn").click()
    maya.get_by_label("From").fill("2026-04-01")

    maya.get_by_role("button", name="Apply").click()

    expect(maya.locator("#range-problem")).to_contain_text("wrong way round")
    expect(maya.locator(".toast")).to_have_count(0)
    expect(maya.get_by_label("From")).to_be_visible()
    expect(maya.get_by_label("From")).to_have_attribute("aria-invalid", "true")

    maya.get_by_label("From").fill("2026-03-05")
    expect(maya.locator("#range-problem")).to_be_empty()


def test_a_session_that_ended_leads_to_the_sign_in_page_and_back(site: Site, new_context: NewContext) -> None:
    page, other = _two_browsers(site, new_context)
    page.goto(LOG)
    wait_until_ready(page)
    _sign_out(other)

    page.locator("#tab-veh").click()

    expect(page).to_have_url(re.compile(r"/sign-in\?next="))
    fill_in_and_send(page, "olu")
    expect(page).to_have_url(re.compile(r"audit-log\?category=vehicles$"))
    expect(page.locator("#audit-tabs [aria-current]")).to_contain_text("Vehicles")


def test_back_after_signing_out_shows_nothing(site: Site, new_context: NewContext) -> None:
    page, _ = _two_browsers(site, new_context)
    page.goto(LOG)
    wait_until_ready(page)
    page.locator("#tab-veh").click()
    expect(page).to_have_url(re.compile("category=vehicles"))
    _sign_out(page)

    page.go_back()
    expect(page.get_by_label("Password", exact=True)).to_be_visible()
    assert not page.locator(".row").count()
    page.go_back()
    expect(page.get_by_label("Password", exact=True)).to_be_visible()
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "Hana" not in stored
    assert "Alphard" not in stored


def _fail(route: Route, status: int) -> None:
    route.fulfill(status=status, body="<p>no</p>", content_type="text/html")


def _two_browsers(site: Site, new_context: NewContext) -> tuple[Page, Page]:
    """Two windows of one sign-in of its own, which the test may end."""
    state = site.freshly_signed_in("olu")
    first = new_context(storage_state=state).new_page()
    return first, new_context(storage_state=state).new_page()


def _sign_out(page: Page) -> None:
    if page.url == "about:blank":
        page.goto(LOG)
    page.get_by_role("button", name=re.compile("Your account")).click()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/sign-in"))
