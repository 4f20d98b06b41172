"""One's own log, for someone who may read no other."""

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, expect

from tests.browser.site import LOG, wait_until_ready

MY_LOG = "/o/northgate/my-log"


def test_it_is_read_like_the_audit_log(new_context: Callable[..., BrowserContext]) -> None:
    page = new_context("tom").new_page()
    page.goto("/")
    expect(page).to_have_url(re.compile(f"{MY_LOG}$"))
    wait_until_ready(page)

    page.locator("#tab-auth").click()
    expect(page).to_have_url(re.compile(r"my-log\?category=authentication$"))
    expect(page.locator("#audit-tabs [aria-current]")).to_have_text("Authentication")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator(".detail dl")).to_contain_text("sign_in.succeeded")
    expect(page).to_have_url(re.compile(r"category=authentication$"))
    page.keyboard.press("Escape")
    expect(page.locator(".detail")).to_be_hidden()
    page.locator("#tab-cus").click()
    expect(page.get_by_role("heading", name="Nothing of this kind yet")).to_be_visible()
    page.go_back()
    expect(page.locator(".row").first).to_be_visible()

    page.goto(LOG)
    page.get_by_role("link", name="See my log").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("My log")


def test_it_needs_no_javascript(new_context: Callable[..., BrowserContext]) -> None:
    page = new_context("maya", java_script_enabled=False).new_page()
    page.goto(MY_LOG)
    page.locator("#tab-exp").click()
    page.locator(".row .x").first.click()
    expect(page).to_have_url(re.compile(rf"{MY_LOG}/entries/[0-9A-Z]{{13}}$"))
    page.get_by_role("link", name="See it among the entries around it").click()
    expect(page.locator(".row").first).to_be_visible()
    assert set(page.locator(".row .who").all_inner_texts()) == {"Maya Okafor"}
