"""A second factor in a browser: set up, copied, signed in with, and turned off again."""

from collections.abc import Callable

import pyotp
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from auditweb import clock
from auditweb.accounts import two_factor
from tests.browser.site import fill_in_and_send
from tests.browser.world import PASSWORD

SIGN_IN = "/o/osaka-bay/settings/sign-in"
NewContext = Callable[..., BrowserContext]


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without"])
def test_from_setting_it_up_to_turning_it_off(new_context: NewContext, scripts: bool) -> None:
    context = new_context(java_script_enabled=scripts)
    if scripts:
        context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(SIGN_IN)
    fill_in_and_send(page, "lena")

    page.get_by_role("button", name="Set up").click()
    secret = page.locator(".secret").inner_text()
    page.get_by_label("Authentication code").fill(code_of(secret))
    page.get_by_role("button", name="Turn it on").click()
    codes = page.locator(".codes li").all_inner_texts()
    assert len(codes) == 10
    copy = page.get_by_role("button", name="Copy them")
    if scripts:
        copy.click()
        expect(page.locator(".toast")).to_have_text("Recovery codes copied")
        assert page.evaluate("navigator.clipboard.readText()").split() == codes
    else:
        expect(copy).to_be_hidden()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.locator("#factor-title .badge")).to_have_text("On")

    sign_out_and_in(page)
    page.get_by_label("Authentication code").fill(code_of(secret, steps=1))
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.locator("#factor-title .badge")).to_have_text("On")

    page.get_by_role("link", name="Turn off").click()
    page.get_by_label("Your password", exact=True).fill(PASSWORD)
    page.get_by_label("Authentication code").fill(codes[0])
    page.get_by_role("button", name="Turn off").click()
    expect(page.locator(".notice")).to_contain_text("Two-factor authentication is off")
    sign_out_and_in(page)
    expect(page.locator("#factor-title .badge")).to_have_text("Off")
    assert said == []


def sign_out_and_in(page: Page) -> None:
    """Leave, open the page again, and give the password."""
    page.context.clear_cookies()
    page.goto(SIGN_IN)
    fill_in_and_send(page, "lena")


def code_of(secret: str, *, steps: int = 0) -> str:
    return pyotp.TOTP(secret.replace(" ", "")).generate_otp(two_factor.step_at(clock.now()) + steps)
