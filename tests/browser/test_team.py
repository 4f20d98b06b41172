"""Somebody is invited, joins on another browser, gets a role and is removed; and the log tells all of it."""

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, expect

from tests.browser.site import summaries, wait_until_ready

TEAM = "/o/workshop/settings/team"
LOG = "/o/workshop/settings/audit-log"


def test_a_member_from_the_invitation_to_the_last_day(new_context: Callable[..., BrowserContext]) -> None:
    vera = new_context("vera", permissions=["clipboard-read", "clipboard-write"]).new_page()
    vera.goto(TEAM)
    vera.get_by_role("link", name="Invite people").click()
    vera.get_by_label("E-mail addresses").fill("nadia@workshop.example")
    vera.get_by_label("Auditor").check()
    vera.get_by_role("button", name="Make invitations").click()
    wait_until_ready(vera)
    vera.get_by_role("link", name="Copy the link for nadia@workshop.example").click()
    expect(vera.locator(".toast")).to_contain_text("Link copied")
    link = str(vera.evaluate("navigator.clipboard.readText()"))
    assert link == vera.locator(".handout .secret").inner_text()

    nadia = new_context().new_page()
    nadia.goto(link)
    nadia.get_by_label("Your name").fill("Nadia Rahman")
    nadia.get_by_label("Password", exact=True).fill("seven green herons wade")
    nadia.get_by_role("button", name="Join The Workshop").click()
    expect(nadia).to_have_url(re.compile(f"{LOG}$"))

    vera.goto(TEAM)
    vera.get_by_role("link", name="Manage Nadia Rahman").click()
    vera.get_by_label("Admin").check()
    vera.get_by_role("button", name="Change role").click()
    expect(vera.get_by_role("status").first).to_contain_text("Nadia Rahman is now an admin.")
    nadia.goto(TEAM)
    expect(nadia.get_by_role("heading", name="Team", level=1)).to_be_visible()

    vera.get_by_role("link", name="Remove").click()
    vera.get_by_role("button", name="Remove from the organisation").click()
    expect(vera.get_by_role("status").first).to_contain_text("no longer belongs")
    nadia.get_by_role("link", name="Former members").click()
    expect(nadia).to_have_url(re.compile("/sign-in"))

    vera.get_by_role("link", name="Former members").click()
    vera.get_by_role("link", name="Nadia Rahman", exact=True).click()
    expect(vera.get_by_role("heading", level=1)).to_contain_text("Nadia Rahman")
    vera.goto(f"{LOG}?actor={vera.url.rpartition('/')[2].partition('?')[0]}")
    expect(vera.locator(".chip")).to_have_text(["Actor: Nadia Rahman"])
    assert summaries(vera) == ["Accepted the invitation and joined as auditor"]
    expect(vera.locator(".row .badge")).to_have_text(["Former member"])
    vera.goto(f"{LOG}?category=team")
    assert summaries(vera) == [
        "Removed Nadia Rahman from the organisation",
        "Raised the role of Nadia Rahman to admin Sensitive",
        "Accepted the invitation and joined as auditor",
        "Invited nadia@workshop.example as auditor",
    ]
