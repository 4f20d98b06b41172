"""Reviewers of a joiner and of a leaver, and somebody who asks who changed a vehicle."""

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Dialog, Page, expect

from tests.browser.site import LOG, wait_until_ready

NewContext = Callable[..., BrowserContext]
DEPOT = "/o/depot/settings/audit-log"


def test_who_changed_the_vehicle_takes_two_clicks(maya: Page) -> None:
    maya.goto(LOG)
    wait_until_ready(maya)

    maya.locator(".row", has_text="Elgrand").first.locator(".tgt").click()  # find the vehicle …
    expect(maya.locator("#about-target")).to_be_visible()
    maya.locator("#about-target").click()  # … see who changed it

    expect(maya.locator("h1")).to_have_text("2019 Nissan Elgrand")
    expect(maya.locator(".touchers a")).to_have_text([re.compile("Priya Raman"), re.compile("Hana Sato")])
    maya.locator(".row .x").first.click()
    expect(maya.locator(".detail")).to_be_visible()
    maya.locator(".detail a", has_text="Only this vehicle").click()
    expect(maya.locator("#audit-table")).to_be_visible()


def _review(page: Page, name: str, week: str) -> int:
    """Go from a name in the log through a week to the record of it, and return how many clicks that takes."""
    clicks = 0

    def click(selector: str) -> None:
        nonlocal clicks
        clicks += 1
        page.locator(selector).first.click()

    page.goto(DEPOT)
    click(f".row .whois[title='About {name}']")
    expect(page.locator("h1")).to_have_text(name)
    click(f".tabs a:text-is('{week}')")
    click("button:has-text('Start a review')")
    expect(page.locator("[name=seen]").first).not_to_be_checked()
    click("button:has-text('as seen')")
    expect(page.locator("[name=seen]").first).to_be_checked()
    click("[name=note]")
    page.keyboard.type("Nothing unusual.")
    click("button:has-text('Finish the review')")
    expect(page.locator(".note blockquote")).to_have_text("Nothing unusual.")
    expect(page.locator("[name=seen]")).to_have_count(0)
    return clicks


def test_a_joiner_is_reviewed_in_under_ten_clicks(new_context: NewContext) -> None:
    page = new_context("nora").new_page()

    assert _review(page, "Jo Marsh", "First week") < 10

    page.goto(f"{DEPOT}?category=team")
    wait_until_ready(page)
    page.locator(".row .tgt", has_text="Jo Marsh").first.click()
    expect(page.locator("h1")).to_have_text("Review of Jo Marsh, first week")


def test_a_leaver_is_reviewed_in_under_ten_clicks_without_javascript(new_context: NewContext) -> None:
    page = new_context("nora", java_script_enabled=False).new_page()

    assert _review(page, "Lee Carter", "Last week") < 10

    page.goto(f"{DEPOT}?category=team")
    expect(page.locator(".row .tgt", has_text="Lee Carter")).to_have_count(1)


def test_ticks_are_not_lost_by_a_wrong_click(new_context: NewContext) -> None:
    page = new_context("nora").new_page()
    page.goto(DEPOT)
    wait_until_ready(page)
    page.locator(".row .whois[title='About Jo Marsh']").first.click()
    page.locator(".tabs a:text-is('First week')").click()
    page.locator("button:has-text('Start a review')").click()
    address = page.url
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.locator("[name=seen]").first.click()
    page.locator(".headacts a").first.click()
    page.wait_for_timeout(50)
    assert (asked, page.url) == (["beforeunload"], address)

    page.locator("button:has-text('Save what is ticked')").click()
    expect(page.locator("[name=seen]").first).to_be_checked()
    page.locator(".headacts a").first.click()
    expect(page.locator("h1")).to_have_text("Jo Marsh")
    assert asked == ["beforeunload"]
