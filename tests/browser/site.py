"""The served world, and what tests do on it again and again."""

import time

from playwright.sync_api import Browser, Error, Page, StorageState, expect

from tests.browser.world import PASSWORD

LOG = "/o/northgate/settings/audit-log"
TEAM = "/o/northgate/settings/team"
PEOPLE = {
    "maya": "northgate",
    "ines": "northgate",
    "olu": "northgate",
    "tom": "northgate",
    "noor": "northgate",
    "kenji": "osaka-bay",
    "lena": "osaka-bay",
    "rin": "osaka-bay",
    "vera": "workshop",
    "nora": "depot",
    "robin": "support",
}


class Site:
    """A running server with the world of `world.py` on it."""

    def __init__(self, url: str, browser: Browser, database_url: str) -> None:
        self.url = url
        self.browser = browser
        self.database_url = database_url
        self._states: dict[str, StorageState] = {}

    def signed_in(self, who: str) -> StorageState:
        """Return the cookies of someone signed in. The session is shared: whoever ends one signs in anew instead."""
        if who not in self._states:
            self._states[who] = self.freshly_signed_in(who)
        return self._states[who]

    def freshly_signed_in(self, who: str) -> StorageState:
        context = self.browser.new_context(base_url=self.url)
        page = context.new_page()
        page.goto("/sign-in")
        fill_in_and_send(page, who)
        expect(page).not_to_have_url(f"{self.url}/sign-in")
        state = context.storage_state()
        context.close()
        return state


def fill_in_and_send(page: Page, who: str, password: str = PASSWORD) -> None:
    page.get_by_label("E-mail address").fill(f"{who}@{PEOPLE[who]}.example")
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def wait_until_ready(page: Page) -> None:
    """Wait until htmx has taken hold of the page."""
    # Not by wait_for_function, which lets the page evaluate a text: now and then its policy is quicker, and refuses.
    give_up_at = time.monotonic() + 8
    while not _is_ready(page):
        assert time.monotonic() < give_up_at, "htmx did not come"
        page.wait_for_timeout(20)


def _is_ready(page: Page) -> bool:
    try:
        return bool(page.evaluate("Boolean(window.htmx) && document.readyState === 'complete'"))
    except Error:  # the page is just giving way to the next
        return False


def summaries(page: Page) -> list[str]:
    """Return the sentences shown, without what the review has found meanwhile, in its own time."""
    found = page.locator(".log tbody .c-sum").evaluate_all(_WITHOUT_FINDINGS)
    return [str(text).strip() for text in found]


_WITHOUT_FINDINGS = """cells => cells.map(cell => {
    const links = [...cell.querySelectorAll("a[href*='/review/']")].map(link => link.innerText);
    return links.reduce((text, link) => text.replace(link, ""), cell.innerText);
})"""
