"""
One member's whole story, as her owner and she live it in two browsers, and as the log tells it afterwards.

It changes what others look at, so it has an organisation, a server and a mail server of its own.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from auditweb import clock
from auditweb.accounts.people import add_member, create_organisation, create_person
from auditweb.accounts.two_factor import STEP
from auditweb.app import create_app
from auditweb.config import Settings
from auditweb.extensions import db
from tests.browser.site import LOG, summaries
from tests.databases import Database
from tests.mail_servers import SENDER, MailServer, mail_server
from tests.servers import serve

MAYA, PRIYA = "maya@northgate.example", "priya@northgate.example"
OWNERS, HERS = "correct horse battery", "seven quiet lorries at dawn"
TEAM, SIGN_IN = "/o/northgate/settings/team", "/o/northgate/settings/sign-in"


@dataclass
class Phone:
    """Somebody's authenticator app. A code counts once, so of those that stand now it shows one not used yet."""

    secret: str
    used: set[str] = field(default_factory=set)

    def code(self) -> str:
        step = int(clock.now().timestamp()) // STEP
        totp = pyotp.TOTP(self.secret)
        fresh = next(code for code in map(totp.generate_otp, (step, step + 1)) if code not in self.used)
        self.used |= {fresh, totp.generate_otp(step)}
        return fresh


@pytest.fixture
def post() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture
def open_browser(
    fresh: Database, post: MailServer, tmp_path: Path, browser: Browser, browser_context_args: dict[str, Any]
) -> Iterator[Callable[[], Page]]:
    """Open a browser of one's own on Northgate's server: `open_browser()` gives its first page."""
    app = create_app(Settings(data_dir=tmp_path, database_url=fresh.url, secret_key="s" * 32))
    with app.app_context():
        northgate = create_organisation("northgate", "Northgate Imports", "Europe/London")
        add_member(northgate, create_person(MAYA, "Maya Okafor", OWNERS), "owner")
        db.session.commit()
        db.engine.dispose()
    settings = {"AUDITWEB_WORKERS": "1", "AUDITWEB_SMTP_URL": post.url, "AUDITWEB_MAIL_FROM": SENDER}
    opened: list[BrowserContext] = []
    with serve(fresh.url, tmp_path, settings=settings) as server:

        def open_one() -> Page:
            context = browser.new_context(**{**browser_context_args, "base_url": server.url})
            context.set_default_timeout(8_000)
            opened.append(context)
            return context.new_page()

        yield open_one
        for context in opened:
            context.close()


def test_the_story_of_priya(open_browser: Callable[[], Page], post: MailServer) -> None:
    """Invited, joined, enrolled, reset, enrolled again, made auditor, removed: and the log tells all of it."""
    owner, priya = open_browser(), open_browser()
    sign_in(owner, MAYA, OWNERS)

    invite(owner, PRIYA)
    join(priya, link_in(post.wait_for(1)[0].get_content()), "Priya Raman", HERS)
    phone = set_up_two_factor(priya)

    second = open_browser()
    sign_in(second, PRIYA, HERS)
    expect(second.get_by_role("heading", level=1)).to_have_text("Enter your code")
    enter_code(second, phone)
    second.goto(SIGN_IN)
    expect(second.get_by_text("This device")).to_be_visible()

    manage(owner, "Priya Raman")
    owner.get_by_role("link", name="Reset …").click()
    owner.get_by_role("button", name="Reset two-factor authentication").click()
    second.reload()
    expect(second).to_have_url(re.compile("/sign-in"))
    sign_in(second, PRIYA, HERS)
    expect(second.get_by_text("was reset")).to_be_visible()
    set_up_two_factor(second)

    manage(owner, "Priya Raman")
    owner.get_by_role("radio", name=re.compile("^Auditor")).check()
    owner.get_by_role("button", name="Change role").click()
    second.goto(LOG)
    expect(second.get_by_role("heading", level=1)).to_have_text("Audit log")
    assert second.get_by_role("navigation", name="Settings").get_by_role("link").all_inner_texts() == ["Audit log"]
    assert second.goto(TEAM).status == 403  # type: ignore[union-attr]
    second.goto(LOG)

    manage(owner, "Priya Raman")
    owner.get_by_role("link", name="Remove …").click()
    owner.get_by_role("button", name="Remove from the organisation").click()
    second.locator("#audit-tabs").get_by_role("link", name=re.compile("^Team")).click()
    expect(second).to_have_url(re.compile("/sign-in"))

    assert told_under(owner, "Team") == [
        ("Maya Okafor", "Removed Priya Raman from the organisation"),
        ("Maya Okafor", "Gave Priya Raman access to the audit log"),
        ("Maya Okafor", "Reset two-factor authentication for Priya Raman"),
        ("Priya Raman", "Accepted the invitation and joined as member"),
        ("Maya Okafor", f"Invited {PRIYA} as member"),
    ]
    assert told_under(owner, "Authentication") == [
        ("Priya Raman", "Set up two-factor authentication"),
        ("Priya Raman", "Signed in"),
        ("Priya Raman", "Signed in"),
        ("Priya Raman", "Set up two-factor authentication"),
        ("Maya Okafor", "Signed in"),
    ]
    expect(owner.locator(".log").get_by_text("Former member", exact=True).first).to_be_visible()


def sign_in(page: Page, email: str, password: str) -> None:
    if "/sign-in" not in page.url:
        page.goto("/sign-in")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: not url.rstrip("/").partition("?")[0].endswith("/sign-in"))


def enter_code(page: Page, phone: Phone) -> None:
    page.get_by_label(re.compile("code", re.IGNORECASE)).fill(phone.code())
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/sign-in/code" not in url)


def invite(page: Page, email: str) -> None:
    page.goto(TEAM)
    page.get_by_role("link", name="Invite people").click()
    page.get_by_label("addresses").fill(email)
    page.get_by_role("button", name="Send invitations").click()
    expect(page.get_by_text(email, exact=True)).to_be_visible()


def link_in(message: str) -> str:
    found = re.search(r"https?://[^/\s]+(/invitations/\S+)", message)
    assert found, message
    return found[1]


def join(page: Page, link: str, name: str, password: str) -> None:
    page.goto(link)
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name=re.compile("^Join")).click()
    page.wait_for_url(lambda url: "/invitations/" not in url)


def set_up_two_factor(page: Page) -> Phone:
    """Set up the second factor with an app that reads the key below the QR code."""
    if "/two-factor" not in page.url:
        page.goto("/two-factor/set-up")
    page.get_by_role("button", name="Show the QR code").click()
    expect(page.locator(".qr svg")).to_be_visible()
    phone = Phone("".join(page.locator(".secret").inner_text().split()))
    page.get_by_label(re.compile("code", re.IGNORECASE)).and_(page.locator("input")).fill(phone.code())
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Keep your recovery codes")
    expect(page.locator(".codes li")).to_have_count(10)
    page.get_by_role("link", name="I have kept them").click()
    return phone


def manage(page: Page, name: str) -> None:
    page.goto(TEAM)
    page.get_by_role("link", name=f"Manage {name}").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def told_under(page: Page, tab: str) -> list[tuple[str, str]]:
    """Return actor and sentence of each entry under a tab of the log, newest first."""
    page.goto(f"{LOG}?category={tab.lower()}")
    expect(page.locator("#audit-tabs [aria-current=page]")).to_contain_text(tab)
    actors = [text.splitlines()[0].strip() for text in page.locator(".log tbody .who").all_inner_texts()]
    sentences = [re.sub(r"\s+(Sensitive|Failed|Denied)$", "", " ".join(text.split())) for text in summaries(page)]
    return list(zip(actors, sentences, strict=True))
