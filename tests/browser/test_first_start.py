"""From a server that nobody has set up to the first page of its log."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from auditweb import database
from auditweb.accounts import first_start
from tests.servers import serve

SECRET = "k" * 32
PASSWORD = "heron lantern quarry"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[str]:
    """The address of a server on a database without anything in it."""
    url = f"sqlite:///{tmp_path / 'new.sqlite3'}"
    database.upgrade(url)
    with serve(url, tmp_path, settings={"AUDITWEB_SECRET_KEY": SECRET, "AUDITWEB_WORKERS": "1"}) as server:
        yield server.url


@pytest.fixture
def newcomer(new_server: str, browser: Browser, browser_context_args: dict[str, Any]) -> Iterator[Callable[..., Page]]:
    """Open a browser that has never been there."""
    opened: list[BrowserContext] = []

    def open_one(**options: Any) -> Page:
        args = {**browser_context_args, "base_url": new_server, "timezone_id": "Asia/Tokyo", **options}
        opened.append(browser.new_context(**args))
        opened[-1].set_default_timeout(8_000)
        return opened[-1].new_page()

    yield open_one
    for context in opened:
        context.close()


def look_at(page: Page) -> None:
    """See that a page is sound, wide and narrow, light and dark."""
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], "it scrolls sideways"
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        assert [(rule["id"], node["html"]) for rule in found for node in rule["nodes"]] == []
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]


def show_code(page: Page) -> None:
    page.goto("/")
    page.get_by_label("One-time code").fill(first_start.code(SECRET).lower())
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Set up your organisation")


def test_first_organisation_is_set_up(newcomer: Callable[..., Page], new_server: str) -> None:
    plain = newcomer(java_script_enabled=False)
    show_code(plain)
    plain.get_by_label("Name", exact=True).fill("Osaka Bay Motors")
    plain.get_by_role("button", name="Set up and sign in").click()
    expect(plain.locator("#zone-error")).to_have_text("Choose a time zone.")
    expect(plain.get_by_label("Address", exact=True)).to_have_value("osaka-bay-motors")

    page = newcomer()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if "Policy" in message.text else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto("/sign-in")
    expect(page).to_have_url(f"{new_server}/setup")
    look_at(page)
    page.get_by_label("One-time code").fill("7K3D")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#code-error")).to_contain_text("This is not the code.")
    look_at(page)
    show_code(page)
    look_at(page)
    page.get_by_label("Name", exact=True).fill("Müller & Söhne")
    expect(page.get_by_label("Address", exact=True)).to_have_value("muller-sohne")
    expect(page.get_by_label("Time zone")).to_have_value("Asia/Tokyo")
    page.get_by_label("Address", exact=True).fill("mueller")
    page.get_by_label("Name", exact=True).fill("Müller & Töchter")
    expect(page.get_by_label("Address", exact=True)).to_have_value("mueller")
    page.get_by_label("Your name").fill("Maya Okafor")
    page.get_by_label("E-mail address").fill("maya@mueller.example")
    page.get_by_label("Password", exact=True).fill("password1234")
    page.get_by_role("button", name="Set up and sign in").click()
    expect(page.locator(".fielderror")).to_have_count(1)
    look_at(page)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Set up and sign in").click()

    expect(page).to_have_url(f"{new_server}/o/mueller/settings/audit-log")
    expect(page.locator(".notice")).to_have_text(
        "Welcome, Maya Okafor. From now on, what happens in Müller & Töchter is recorded here."
    )
    expect(page.locator(".c-sum[scope=row]")).to_have_text(["Signed in", "Created the organisation Müller & Töchter"])
    look_at(page)
    assert said == []
    plain.reload()
    expect(plain.get_by_role("heading", level=1)).to_have_text("Page not found")
