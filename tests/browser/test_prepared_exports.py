"""What is prepared in the background: asked for, followed by a page that asks by itself, and downloaded."""

import zipfile
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.site import wait_until_ready
from tests.browser.world import PASSWORD

DATA = "/o/workshop/settings/data"
HOSTILE = "/o/hostile/settings/audit-log/exports"
READY = 60_000  # milliseconds that a process may take to be started and to prepare very little


def test_an_owner_takes_all_data_away(new_context: Callable[..., BrowserContext]) -> None:
    page = new_context("vera").new_page()
    page.goto(DATA)
    page.get_by_role("link", name="Export the data").click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Prepare the archive").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Export")
    expect(page.locator("#export-status")).to_contain_text("Ready.", timeout=READY)
    expect(page).to_have_title("Ready · Export · The Workshop")
    page.get_by_role("link", name="Download").click()
    page.get_by_label("Your password").fill(PASSWORD)
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download").click()
    with zipfile.ZipFile(downloading.value.path()) as archive:
        assert archive.testzip() is None
        assert {"README.txt", "members.csv", "entries.jsonl", "manifest.json"} <= set(archive.namelist())
    page.get_by_role("link", name="Back to the export").click()
    page.get_by_role("link", name="Delete…").click()
    page.get_by_role("button", name="Delete the file").click()
    expect(page.locator("#export-title")).to_have_text("Deleted")
    page.goto("/o/workshop/settings/audit-log?category=data_export")
    told = page.locator(".log tbody .c-sum").all_inner_texts()
    for what in ("Deleted the prepared export", "Downloaded the export", "Finished the export", "Asked for an export"):
        assert any(what in summary for summary in told), told


def test_without_javascript_one_looks_again(new_context: Callable[..., BrowserContext]) -> None:
    page = new_context("vera", java_script_enabled=False).new_page()
    page.goto(f"{DATA}/export")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Prepare the archive").click()
    for _ in range(60):
        if page.get_by_role("link", name="Download").is_visible():
            break
        page.wait_for_timeout(500)
        if page.get_by_role("link", name="Look again").is_visible():
            page.get_by_role("link", name="Look again").click()
        else:
            page.reload()
    expect(page.get_by_role("link", name="Download")).to_be_visible()


def test_what_asks_by_itself_leaves_the_reader_alone(new_context: Callable[..., BrowserContext]) -> None:
    page = new_context("maya").new_page()
    page.route("**/hostile1*", _hurry)
    page.route("**/hostile1/progress", _hurry)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/progress") else None)
    page.goto(f"{HOSTILE}/hostile1")
    wait_until_ready(page)
    cancel = page.get_by_role("button", name="Cancel")
    cancel.focus()
    page.wait_for_timeout(2_250)
    assert 2 <= len(asked) <= 5, "it asks at its pace, not oftener with each answer"
    expect(cancel).to_be_focused()

    for why, stop in {"nobody looks": _hide, "signed out": _sign_out}.items():
        stop(page)
        page.wait_for_timeout(700)
        asked.clear()
        page.wait_for_timeout(1_200)
        assert asked == [], why
    expect(page.locator("#export-title")).to_have_text("Being prepared")


def _hurry(route: Route) -> None:
    """Let a page ask four times as often, so that nobody has to wait."""
    answer = route.fetch()
    route.fulfill(response=answer, body=answer.text().replace("every 2s", "every 500ms"))


def _hide(page: Page) -> None:
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")


def _sign_out(page: Page) -> None:
    page.context.clear_cookies()
    page.evaluate("delete document.hidden")
