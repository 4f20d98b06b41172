"""A part of the log for somebody outside: an admin shares it, a clean browser reads it, and nobody else gets in."""

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.site import LOG, wait_until_ready

NewContext = Callable[..., BrowserContext]


def make_share(page: Page, query: str, *, unmask: tuple[str, ...] = (), note: str = "") -> str:
    """Share what a view of the log shows, from its menu, and return the link."""
    page.goto(f"{LOG}{query}")
    wait_until_ready(page)
    page.get_by_role("button", name="More ways to share").click()
    page.get_by_role("link", name="Share with support").click()
    expect(page.get_by_role("heading", name="Share with support")).to_be_visible()
    page.get_by_label("For whom").fill("ImportOps support, ticket 48213")
    page.get_by_label("Open for").select_option("1 day")
    for mask in unmask:
        page.get_by_label(mask).uncheck()
    page.get_by_label("Note for the reader").fill(note)
    page.get_by_role("button", name="Make the link").click()
    expect(page.get_by_role("heading", name="The link is made")).to_be_visible()
    return page.locator(".handout .secret").inner_text()


def test_an_admin_shares_and_support_reads_and_the_admin_ends_it(new_context: NewContext) -> None:
    admin = new_context("ines", permissions=["clipboard-read", "clipboard-write"]).new_page()
    link = make_share(admin, "?category=team", note="Who was invited here?")
    admin.get_by_role("button", name="Copy the link").click()
    expect(admin.locator(".toast")).to_contain_text("Link copied")
    assert admin.evaluate("navigator.clipboard.readText()") == link

    browser = new_context()
    reader = browser.new_page()
    loaded: list[str] = []
    reader.on("request", lambda request: loaded.append(request.url))
    reader.goto(link)
    expect(reader.get_by_role("heading", name="Part of an audit log")).to_be_visible()
    assert "Northgate" not in reader.content()
    reader.get_by_role("button", name="Open").click()
    expect(reader.get_by_role("heading", name="Part of the audit log of Northgate Imports")).to_be_visible()
    token = link.rpartition("/")[2]
    assert token not in reader.url
    expect(reader.locator(".note")).to_contain_text("Who was invited here?")
    expect(reader.locator(".row").first).to_contain_text("Invited E-mail 1 as member")
    expect(reader.locator(".row .who").first).to_have_text("Person 1")
    for private in ("Maya", "sofia@", "203.0.113.58"):
        assert private not in reader.content()

    wait_until_ready(reader)
    reader.locator(".row .who").first.click()
    expect(reader.locator(".chip")).to_contain_text("Person 1")
    assert reader.url.endswith("?actor=member:person-1")
    reader.locator(".row .x").first.click()
    expect(reader.locator(".detail")).to_contain_text("Address 1")
    narrowed = reader.url
    reader.locator("#q").fill("sofia")
    expect(reader.get_by_role("heading", name="Nothing matches this search")).to_be_visible()
    reader.goto(narrowed)
    assert all(address.startswith(link.partition("/shared")[0]) for address in loaded)

    colleague = new_context().new_page()
    colleague.goto(narrowed)
    expect(colleague.get_by_role("heading", name="Nothing is open here")).to_be_visible()
    colleague.goto(link)
    colleague.get_by_role("button", name="Open").click()
    expect(colleague.locator(".row").first).to_be_visible()
    colleague.goto(narrowed)
    expect(colleague.locator(".chip")).to_contain_text("Person 1")

    admin.get_by_role("link", name="I have copied it").click()
    admin.get_by_role("link", name="Manage the share with ImportOps support, ticket 48213").first.click()
    expect(admin.locator(".rowlist")).to_contain_text("Someone with the link")
    admin.get_by_role("link", name="Revoke …").click()
    admin.get_by_role("button", name="End the share").click()
    expect(admin.locator(".notice.good")).to_contain_text("its link opens nothing any more")
    wait_until_ready(reader)
    reader.locator(".chip a").first.click()
    expect(reader.locator(".toast")).to_contain_text("Nothing is open here")
    reader.reload()
    expect(reader.get_by_role("heading", name="Nothing is open here")).to_be_visible()


def test_whoever_should_not_get_in_sees_the_same_page(new_context: NewContext) -> None:
    link = make_share(new_context("ines").new_page(), "?category=vehicles")
    reader = new_context().new_page()
    reader.goto(link)
    reader.get_by_role("button", name="Open").click()
    expect(reader.locator(".row").first).to_be_visible()
    inside = reader.url
    address, token = link.rsplit("/", 1)
    elsewhere = re.sub(r"/slices/.*", "/slices/guessed", inside)
    shut = [f"{address}/{token[:-1]}", f"{address}/{token[::-1]}", f"{address}/guessed", elsewhere]

    told = set()
    for page, addresses in ((reader, [*shut, f"{inside}?category=team"]), (new_context("kenji").new_page(), [inside])):
        for each in addresses:
            answer = page.goto(each)
            assert answer is not None
            assert answer.status == 404
            told.add(page.locator("main").inner_text())
    assert len(told) == 1


def test_a_share_is_read_without_javascript(new_context: NewContext) -> None:
    link = make_share(new_context("ines").new_page(), "", unmask=("Names of people",))
    page = new_context(java_script_enabled=False).new_page()
    page.goto(link)
    page.get_by_role("button", name="Open").click()
    page.get_by_role("link", name="Team").click()
    expect(page.locator("#audit-tabs [aria-current]")).to_contain_text("Team")
    page.locator("#tab-all").click()
    page.locator("#pager-older").click()
    expect(page.locator(".where")).to_contain_text("51–100")
    page.locator(".row .x").first.click()
    expect(page.locator("dl.facts")).to_contain_text(re.compile(r"Address \d"))
