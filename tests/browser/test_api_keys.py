"""Making an API key, and taking its secret along."""

from collections.abc import Callable
from time import time_ns

import pytest
from playwright.sync_api import BrowserContext, Error, expect

from tests.browser.site import wait_until_ready
from tests.browser.world import PASSWORD

KEYS = "/o/workshop/settings/api-keys"


def test_a_new_key_is_copied_and_gone_from_the_page_that_follows(new_context: Callable[..., BrowserContext]) -> None:
    page = new_context("vera", permissions=["clipboard-read", "clipboard-write"]).new_page()
    page.goto(f"{KEYS}/new")
    expect(page.get_by_text("Categories it may write")).to_be_visible()
    page.locator("[value='events:read']").check()
    page.locator("[value='events:write']").uncheck()
    expect(page.get_by_text("Categories it may write")).to_be_hidden()
    page.get_by_label("Name").fill(f"Scanner {time_ns()}")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Create the key").click()
    wait_until_ready(page)

    token, command = page.locator(".handout .secret").all_inner_texts()
    for button, copied in (("Copy the key", token), ("Copy the line: Read the newest entries", command)):
        page.get_by_role("button", name=button).click()
        expect(page.locator(".toast").last).to_contain_text("copied")
        assert page.evaluate("navigator.clipboard.readText()") == copied

    page.get_by_role("link", name="I have kept it").click()
    expect(page.get_by_role("heading", name="What it may do")).to_be_visible()
    assert token not in page.content()
    assert "aw_" not in page.url
    with pytest.raises(Error, match="ERR_CACHE_MISS"):
        page.go_back()  # no browser keeps a page with a secret
