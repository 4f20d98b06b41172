"""The three people of PRODUCT.md at work: an admin, an onboarding reviewer, support staff with a link."""

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.site import LOG, fill_in_and_send, summaries, wait_until_ready

NewContext = Callable[..., BrowserContext]


def test_an_admin_goes_through_the_tabs_without_a_reload(maya: Page) -> None:
    maya.goto(LOG)
    wait_until_ready(maya)
    maya.evaluate("window.sameDocument = true")

    for tab in ("Team", "Authentication", "Vehicles", "Data export"):
        maya.locator("#audit-tabs").get_by_role("link", name=tab).click()
        expect(maya.locator("#audit-tabs [aria-current]")).to_contain_text(tab)
        expect(maya.locator("#audit-table .cat").first).to_have_text(tab)
        expect(maya).to_have_url(re.compile(rf"category={tab.lower().replace(' ', '_')}$"))
        expect(maya).to_have_title(re.compile(f"^{tab}"))
        assert set(maya.locator(".row .cat").all_inner_texts()) == {tab}

    assert maya.evaluate("window.sameDocument")


def test_a_reviewer_goes_from_a_name_to_that_persons_oldest_page(maya: Page) -> None:
    maya.goto(LOG)
    wait_until_ready(maya)

    maya.locator(".who", has_text="Hana Sato").first.click()
    expect(maya.locator(".chip")).to_have_text(["Actor: Hana Sato"])
    assert set(maya.locator(".row .who").all_inner_texts()) == {"Hana Sato"}
    newest = summaries(maya)

    maya.locator(".pager").get_by_role("link", name="Oldest").click()
    expect(maya).to_have_url(re.compile("oldest=1"))
    expect(maya.locator(".pager").get_by_role("link", name="Older")).to_have_count(0)
    assert set(maya.locator(".row .who").all_inner_texts()) == {"Hana Sato"}
    assert summaries(maya) != newest

    maya.locator(".pager").get_by_role("link", name="Newest").click()
    expect(maya.locator(".pager").get_by_role("link", name="Newer")).to_have_count(0)
    assert summaries(maya) == newest


def test_first_and_last_actions_are_one_click_from_the_actor(maya: Page) -> None:
    maya.goto(LOG)
    wait_until_ready(maya)
    maya.locator(".who", has_text="Hana Sato").first.click()
    expect(maya.locator(".chip")).to_be_visible()

    maya.get_by_role("link", name="First actions").click()

    expect(maya).to_have_url(re.compile("oldest=1"))
    expect(maya.get_by_role("link", name="First actions")).to_have_attribute("aria-current", "page")


def test_every_page_is_reached_and_no_entry_is_met_twice(maya: Page) -> None:
    maya.goto(LOG)
    wait_until_ready(maya)
    met: list[str] = []
    while True:
        met += [row.get_attribute("id") or "" for row in maya.locator(".row").all()]
        older = maya.locator(".pager [rel='next']")
        if not older.count():
            break
        before = maya.locator(".row").first.get_attribute("id")
        older.click()
        expect(maya.locator(".row").first).not_to_have_attribute("id", before or "")

    assert len(met) == len(set(met))
    assert len(met) > 200


def test_support_sends_a_link_that_opens_after_signing_in(maya: Page, new_context: NewContext) -> None:
    maya.goto(f"{LOG}?category=authentication&outcome=failure")
    wait_until_ready(maya)
    link = maya.locator("#copy-link").get_attribute("data-copy") or ""
    shown = summaries(maya)

    colleague = new_context().new_page()
    colleague.goto(link)
    expect(colleague).to_have_url(re.compile("/sign-in"))
    fill_in_and_send(colleague, "ines")

    expect(colleague).to_have_url(link)
    assert summaries(colleague) == shown


def test_copy_link_puts_the_lasting_address_on_the_clipboard(new_context: NewContext) -> None:
    context = new_context("maya", permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{LOG}?last=7d")
    wait_until_ready(page)

    page.get_by_role("link", name="Copy link").first.click()

    expect(page.locator("#notices")).to_have_text("Link copied, with fixed dates")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "last=" not in copied
    assert "from=" in copied
    page.goto(copied)
    expect(page.locator(".row").first).to_be_visible()


def test_what_is_typed_and_an_entry_that_is_open_are_part_of_a_copied_link(new_context: NewContext) -> None:
    page = new_context("maya", permissions=["clipboard-read", "clipboard-write"]).new_page()

    def copied(link: str) -> str:
        page.locator("#notices > *").evaluate_all("toasts => toasts.forEach((toast) => toast.remove())")
        page.locator(link).dispatch_event("click")
        expect(page.locator("#notices")).not_to_be_empty()
        return str(page.evaluate("navigator.clipboard.readText()"))

    page.goto(f"{LOG}?category=vehicles")
    wait_until_ready(page)
    row = page.locator(".row").nth(3)
    row.locator(".x").click()
    expect(page.locator(".detail")).to_be_visible()
    open_row = row.get_attribute("id")
    assert copied("#copy-link").endswith(f"?category=vehicles#{open_row}")
    exact = copied("#copy-exact")
    page.locator("#q").evaluate("field => { field.value = 'alphard' }")
    assert copied("#copy-link").endswith("?category=vehicles&q=alphard")
    page.locator("#q").evaluate("field => { field.value = '' }")
    page.locator("[name=from]").evaluate("field => { field.value = '2026-01-05' }")
    assert copied("#copy-link").endswith("?category=vehicles&from=2026-01-05&tz=Europe%2FLondon")

    page.goto("about:blank")
    page.goto(exact)
    expect(page.locator(f"#{open_row} + .detail")).to_be_visible()
    expect(page.locator("#notices")).to_contain_text("This link shows entries up to")


@pytest.mark.parametrize(
    ("menu", "way", "address"),
    [
        ("#share-pop", "Share with support…", f"{LOG}/share?category=vehicles&"),
        ("#export-pop", "JSON Lines", f"{LOG}/export?category=vehicles&format=jsonl&"),
        ("#export-pop", "Print", f"{LOG}/print?category=vehicles&"),
    ],
)
def test_what_is_typed_is_what_is_shared_or_exported(maya: Page, menu: str, way: str, address: str) -> None:
    """Also in a menu that is open when the answer to the letters arrives, and stays so."""
    maya.goto(f"{LOG}?category=vehicles&last=7d")
    wait_until_ready(maya)
    maya.locator("[name=from]").evaluate("field => { field.value = '2026-01-05' }")
    maya.locator("#q").evaluate("field => { field.value = 'alphard' }")
    maya.locator(f"[popovertarget={menu[1:]}]").click()
    maya.locator(menu).get_by_role("link", name=way).click()
    at = urlsplit(maya.url)
    asked = parse_qs(at.query)
    assert address.startswith(f"{at.path}?category=vehicles&")
    expected = {"category": ["vehicles"], "q": ["alphard"], "from": ["2026-01-05"], "tz": ["Europe/London"]}
    assert {name: asked[name] for name in asked if name not in {"format", "to"}} == expected

    maya.goto(f"{LOG}?category=vehicles")
    wait_until_ready(maya)
    maya.locator("#q").press_sequentially("alphard")
    maya.locator(f"[popovertarget={menu[1:]}]").click()
    expect(maya.locator(".chip")).to_have_text(["Search: alphard"])
    expect(maya.locator(menu)).to_be_visible()


def test_copy_link_follows_the_filter(maya: Page) -> None:
    maya.goto(LOG)
    wait_until_ready(maya)
    maya.locator("#tab-veh").click()
    expect(maya.locator("#copy-link")).to_have_attribute("data-copy", re.compile(r"\?category=vehicles$"))


@pytest.mark.parametrize(("who", "status"), [("tom", 403), ("kenji", 404)])
def test_others_are_told_so(who: str, status: int, new_context: NewContext) -> None:
    page = new_context(who).new_page()
    answer = page.goto(LOG)
    assert answer
    assert answer.status == status
    if status == 403:
        expect(page.get_by_text("Maya Okafor")).to_be_visible()
        expect(page.get_by_text("Ines Duarte")).to_be_visible()
