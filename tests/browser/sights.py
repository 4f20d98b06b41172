"""The pages that are looked at, each with who looks, and what is done on it before."""

from collections.abc import Callable
from dataclasses import dataclass
from time import time_ns

from playwright.sync_api import Page, expect

from tests.browser.site import LOG, TEAM, fill_in_and_send, wait_until_ready
from tests.browser.world import PASSWORD

SETTINGS = "/o/northgate/settings"
SIGN_IN = f"{SETTINGS}/sign-in"
KEYS = f"{SETTINGS}/api-keys"
HOOKS = f"{SETTINGS}/webhooks"
HOSTILE_HOOKS = "/o/hostile/settings/webhooks"
HOSTILE_KEYS = "/o/hostile/settings/api-keys"
SHORT = f"{LOG}?category=organisation"
DEPOT = "/o/depot/settings/audit-log"
HOSTILE = "/o/hostile/settings/audit-log"


@dataclass(frozen=True, slots=True)
class Sight:
    """A page, and what to do on it before looking."""

    path: str
    who: str = "maya"
    do: Callable[[Page], None] = lambda page: None
    refused: bool = False

    def show(self, page: Page) -> None:
        page.goto(self.path)
        self.do(page)


def _open(button: str, until: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        wait_until_ready(page)
        page.locator(button).first.click()
        expect(page.locator(until).first).to_be_visible()

    return act


def _press(key: str, until: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        wait_until_ready(page)
        page.keyboard.press(key)
        expect(page.locator(until).first).to_be_visible()

    return act


def _fail(page: Page) -> None:
    wait_until_ready(page)
    page.context.set_offline(True)
    page.locator("#tab-veh").click()
    expect(page.locator(".toast")).to_be_visible()
    page.context.set_offline(False)


def _see_red(page: Page) -> None:
    expect(page.locator(".aftermath .bad").first).to_be_visible()


def _review(page: Page) -> None:
    """Start a review of a leaver, or go on with the one that another sight has started."""
    _follow(page, ".whois[title='About Kim Ost']")
    _follow(page, ".tabs a[href*='last-week']")
    page.locator(".startreview button, .reviews a").first.click()
    expect(page.locator("[name=seen]").first).to_be_visible()


def _send_nothing(page: Page) -> None:
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.locator(".fielderror").first).to_be_visible()


def _invite(page: Page, *addresses: str) -> None:
    page.get_by_label("E-mail addresses").fill(", ".join(addresses))
    page.get_by_role("button", name="Make invitations").click()
    expect(page.locator(".fielderror, .handout").first).to_be_visible()


def _ask_for_key(page: Page, name: str, networks: str = "", password: str = PASSWORD) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Only from these addresses").fill(networks)
    page.get_by_label("Your password").fill(password)
    page.get_by_role("button", name="Create the key").click()
    expect(page.locator(".fielderror, .handout").first).to_be_visible()


def _ask_for_webhook(page: Page, name: str, url: str) -> None:
    page.get_by_label("Name").fill(name)
    page.locator("#url").fill(url)
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Create the webhook").click()
    expect(page.locator(".fielderror, .handout").first).to_be_visible()


def _share_with(page: Page, recipient: str) -> None:
    page.get_by_label("For whom").fill(recipient)
    page.get_by_role("button", name="Make the link").click()
    expect(page.locator(".fielderror, .handout").first).to_be_visible()


def _decide_at_length(page: Page) -> None:
    page.get_by_label("Note").fill("x" * 501)
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator(".fielderror")).to_be_visible()


def _enter(page: Page, button: str = "", until: str = "", add: str = "") -> None:
    page.get_by_role("button", name="Open").click()
    expect(page.locator(".row").first).to_be_visible()
    if add:
        page.goto(f"{page.url}{add}")
    if button:
        _open(button, until)(page)


def _give_password(page: Page, code: str = "") -> None:
    fill_in_and_send(page, "rin")
    expect(page.get_by_label("Authentication code")).to_be_visible()
    if code:
        page.get_by_label("Authentication code").fill(code)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.locator(".fielderror, [role=alert]").first).to_be_visible()


def _show_qr_code(page: Page) -> None:
    if page.get_by_role("button", name="Show the QR code").is_visible():
        page.get_by_role("button", name="Show the QR code").click()
    expect(page.locator(".qr svg")).to_be_visible()


def _be_on_two_devices(page: Page) -> None:
    expect(page.locator(".rowlist li").first).to_contain_text("This device")


def _refuse_password(page: Page) -> None:
    page.get_by_label("New password", exact=True).fill("password1234")
    page.get_by_role("button", name="Change password").click()
    expect(page.locator("#new-error")).to_be_visible()


def _choose_everyone(page: Page) -> None:
    page.locator("label", has_text="Everyone").click()
    expect(page.get_by_label("From", exact=True)).to_be_visible()


def _send_a_reserved_word(page: Page) -> None:
    page.get_by_label("Address of its pages").fill("settings")
    page.get_by_role("button", name="Save address").click()
    expect(page.locator("#slug-error")).to_be_visible()
    expect(page.get_by_label("Address of its pages")).to_be_focused()


def _search_for(page: Page, text: str) -> None:
    wait_until_ready(page)
    page.locator("#q").fill(text)
    page.locator("#q").press("Enter")
    expect(page.locator("#search-problem")).not_to_be_empty()


def _go_to_page(page: Page, number: str) -> None:
    wait_until_ready(page)
    page.locator("[name='page']").fill(number)
    page.locator("[name='page']").press("Enter")
    expect(page.locator("#page-problem")).not_to_be_empty()


def _wait_for_news(page: Page) -> None:
    wait_until_ready(page)
    page.evaluate(
        """() => {
            const poll = document.getElementById("audit-new");
            poll.setAttribute("hx-get", poll.getAttribute("hx-get").replace(/after=\\w+/, "after=0000000000000"));
            poll.setAttribute("hx-trigger", "load");
            const fresh = poll.cloneNode();
            delete fresh.dataset.htmxPowered;
            poll.replaceWith(fresh);
            htmx.process(fresh);
        }"""
    )
    expect(page.locator(".newbar")).to_be_visible()


SIGHTS = {
    "log": Sight(LOG),
    "filtered": Sight(f"{LOG}?category=authentication&outcome=failure&last=30d"),
    "searched": Sight(f"{LOG}?q=alphard&last=90d"),
    "hours": Sight(f"{LOG}?last=24h"),
    "weeks": Sight(f"{LOG}?from=2025-11-01&to=2026-11-30&tz=Asia/Tokyo"),
    "nothing found": Sight(f"{LOG}?category=customers&outcome=failure&q=zzz"),
    "search refused": Sight(LOG, do=lambda page: _search_for(page, "..."), refused=True),
    "page refused": Sight(LOG, do=lambda page: _go_to_page(page, "99"), refused=True),
    "new entries": Sight(LOG, do=lambda page: _wait_for_news(page)),
    "details": Sight(SHORT, do=_open(".row .x", ".detail")),
    "actor menu": Sight(SHORT, do=_open("#actor-btn", "[role='option']")),
    "date menu": Sight(SHORT, do=_open("#date-btn", "#date-pop")),
    "outcome menu": Sight(SHORT, do=_open("#outcome-btn", "#outcome-pop")),
    "theme menu": Sight(SHORT, do=_open("[popovertarget='theme-menu']", "#theme-menu")),
    "account menu": Sight(SHORT, do=_open(".me", "#account-menu")),
    "shortcuts": Sight(SHORT, do=_press("?", "#shortcuts")),
    "error toast": Sight(SHORT, do=_fail),
    "no match": Sight(f"{LOG}?category=customers&outcome=failure"),
    "new organisation": Sight("/o/newcomers/settings/audit-log"),
    "damaged link": Sight(f"{LOG}?category=boats"),
    "export menu": Sight(SHORT, do=_open("#export-btn", "#export-pop")),
    "export": Sight(f"{LOG}/export?category=vehicles&last=90d"),
    "export of many": Sight(f"{LOG}/export?format=jsonl"),
    "export of nothing": Sight(f"{LOG}/export?category=customers&outcome=failure&q=zzz"),
    "print": Sight(f"{LOG}/print?category=organisation"),
    "hostile print": Sight(f"{HOSTILE}/print"),
    "actors": Sight(f"{LOG}/actors"),
    "entry": Sight(LOG, do=lambda page: _follow(page, ".row .x")),
    "a person": Sight(f"{LOG}/people/member:1"),
    "a person, narrowed": Sight(f"{LOG}/people/member:1?category=vehicles&last=90d"),
    "somebody who left": Sight(f"{LOG}/people/member:16", do=_see_red),
    "a first week": Sight(f"{LOG}/people/member:15?part=first-week"),
    "a busy week": Sight(f"{LOG}/people/member:15?part=last-week"),
    "a last week": Sight(f"{LOG}/people/member:16?part=last-week", do=_see_red),
    "a key as an actor": Sight(f"{LOG}/people/api_key:key_dealer"),
    "a process": Sight(f"{LOG}/people/system:schedule"),
    "a hostile person": Sight(f"{HOSTILE}/people/member:stranger-3"),
    "a hostile week": Sight(f"{HOSTILE}/people/member:stranger-3?part=last-week"),
    "a hostile thing": Sight(f"{HOSTILE}/targets/vehicle/veh-3"),
    "a thing": Sight(f"{LOG}/targets/vehicle/veh_4471"),
    "details of a thing": Sight(f"{LOG}/targets/vehicle/veh_3902", do=_open(".row .x", ".detail")),
    "a thing, nothing found": Sight(f"{LOG}/targets/vehicle/veh_4471?category=suppliers"),
    "a review": Sight(f"{DEPOT}?q=bid", who="nora", do=lambda page: _review(page)),
    "my log": Sight("/o/northgate/my-log"),
    "my log, of a member": Sight("/o/northgate/my-log", who="tom"),
    "my log, nothing": Sight("/o/northgate/my-log?category=customers", who="tom"),
    "my log, refused": Sight("/o/northgate/my-log?actor=member:1", who="tom"),
    "my own details": Sight("/o/northgate/my-log", who="tom", do=_open(".row .x", ".detail")),
    "my own entry": Sight("/o/northgate/my-log", who="tom", do=lambda page: _follow(page, ".row .x")),
    "not allowed": Sight(LOG, who="tom"),
    "not found": Sight("/o/elsewhere/settings/audit-log"),
    "not found, signed out": Sight("/nowhere", who=""),
    "profile": Sight("/profile"),
    "general": Sight(f"{SETTINGS}/general", do=_choose_everyone),
    "general, refused": Sight(f"{SETTINGS}/general", do=_send_a_reserved_word),
    "data management": Sight(f"{SETTINGS}/data"),
    "hostile data management": Sight("/o/hostile/settings/data"),
    "exporting all data": Sight(f"{SETTINGS}/data/export"),
    "exports, none": Sight("/o/newcomers/settings/audit-log/exports"),
    "hostile exports": Sight(f"{HOSTILE}/exports"),
    "an export, waiting": Sight(f"{HOSTILE}/exports/hostile0"),
    "an export, being prepared": Sight(f"{HOSTILE}/exports/hostile1"),
    "an export, being prepared for who knows how long": Sight(f"{HOSTILE}/exports/hostile2"),
    "an export, ready": Sight(f"{HOSTILE}/exports/hostile3"),
    "deleting an export": Sight(f"{HOSTILE}/exports/hostile3/delete"),
    "downloading all data": Sight(f"{HOSTILE}/exports/hostile7/file"),
    "an export, failed": Sight(f"{HOSTILE}/exports/hostile4"),
    "review": Sight(f"{LOG}/review"),
    "review, none": Sight("/o/newcomers/settings/audit-log/review"),
    "review, all": Sight(f"{LOG}/review?state=all"),
    "review, of an auditor": Sight(f"{LOG}/review", who="olu"),
    "review, set aside": Sight(f"{LOG}/review?state=set_aside"),
    "hostile review": Sight(f"{HOSTILE}/review?state=all"),
    "set aside from now on": Sight(f"{LOG}/review/patterns"),
    "set aside from now on, of an auditor": Sight(f"{LOG}/review/patterns", who="olu"),
    "nothing set aside from now on": Sight("/o/newcomers/settings/audit-log/review/patterns"),
    "hostile things set aside from now on": Sight(f"{HOSTILE}/review/patterns"),
    "a finding": Sight(f"{LOG}/review/n0"),
    "a finding, decided": Sight(f"{LOG}/review/n1"),
    "a finding, refused": Sight(f"{LOG}/review/n0", do=_decide_at_length),
    "hostile finding": Sight(f"{HOSTILE}/review/h2"),
    "flagged": Sight(f"{LOG}?flag=any"),
    "hostile flagged": Sight(f"{HOSTILE}?flag=any"),
    "keys": Sight(KEYS),
    "keys, none": Sight("/o/newcomers/settings/api-keys"),
    "revoked keys": Sight(f"{KEYS}/revoked"),
    "new key, refused": Sight(f"{KEYS}/new", do=lambda page: _ask_for_key(page, "Dealer feed", "203.0.113.7/24", "x")),
    "a key's secret": Sight(
        "/o/workshop/settings/api-keys/new", who="vera", do=lambda page: _ask_for_key(page, f"{time_ns()}")
    ),
    "a key": Sight(f"{KEYS}/key_monitor"),
    "a revoked key": Sight(f"{KEYS}/key_gone"),
    "what a key may do": Sight(f"{KEYS}/key_monitor/rights"),
    "replacing a secret": Sight(f"{KEYS}/key_monitor/secret"),
    "revoking a key": Sight(f"{KEYS}/key_monitor/revoke"),
    "hostile keys": Sight(HOSTILE_KEYS),
    "a hostile key": Sight(f"{HOSTILE_KEYS}/key_hostile_3"),
    "webhooks": Sight(HOOKS),
    "webhooks, none": Sight("/o/newcomers/settings/webhooks"),
    "a webhook": Sight(f"{HOOKS}/wh_northgate0"),
    "a webhook, paused": Sight(f"{HOOKS}/wh_northgate1"),
    "new webhook, refused": Sight(
        f"{HOOKS}/new", do=lambda page: _ask_for_webhook(page, "Duty channel", "https://127.1")
    ),
    "a webhook's secret": Sight(
        "/o/workshop/settings/webhooks/new",
        who="vera",
        do=lambda page: _ask_for_webhook(page, f"{time_ns()}", "https://127.0.0.1/in"),
    ),
    "changing a webhook": Sight(f"{HOOKS}/wh_northgate1/change"),
    "replacing a webhook's secret": Sight(f"{HOOKS}/wh_northgate0/secret"),
    "deleting a webhook": Sight(f"{HOOKS}/wh_northgate1/delete"),
    "hostile webhooks": Sight(HOSTILE_HOOKS),
    "a hostile webhook": Sight(f"{HOSTILE_HOOKS}/wh_hostile3"),
    "what is recorded": Sight(f"{LOG}/coverage"),
    "views": Sight(f"{LOG}/views"),
    "views to choose from": Sight(LOG, do=lambda page: page.click("#views-btn")),
    "keeping a view": Sight(f"{LOG}/views/new?category=team&last=30d"),
    "keeping a view, refused": Sight(f"{LOG}/views/new", do=lambda page: page.click("main .primary")),
    "sharing": Sight(f"{LOG}/share?category=team&last=30d"),
    "sharing, refused": Sight(f"{LOG}/share", do=lambda page: _share_with(page, "")),
    "a link made": Sight("/o/hostile/settings/audit-log/share", do=lambda page: _share_with(page, "support")),
    "shares": Sight(f"{SETTINGS}/shares"),
    "shares, none": Sight("/o/newcomers/settings/shares"),
    "shares that are over": Sight(f"{SETTINGS}/shares/over"),
    "a share": Sight(f"{SETTINGS}/shares/masked"),
    "an expired share": Sight(f"{SETTINGS}/shares/expired"),
    "ending a share": Sight(f"{SETTINGS}/shares/masked/revoke"),
    "hostile shares": Sight("/o/hostile/settings/shares"),
    "shared, the door": Sight("/shared/link-masked", who=""),
    "shared, nothing open": Sight("/shared/nothing", who=""),
    "shared": Sight("/shared/link-masked", who="", do=lambda page: _enter(page)),
    "shared, details": Sight("/shared/link-masked", who="", do=lambda page: _enter(page, ".row .x", ".detail")),
    "shared, dates": Sight("/shared/link-masked", who="", do=lambda page: _enter(page, "#date-btn", "#date-pop")),
    "shared, nothing found": Sight("/shared/link-masked", who="", do=lambda page: _enter(page, add="?q=zzz")),
    "shared, damaged": Sight("/shared/link-masked", who="", do=lambda page: _enter(page, add="?category=boats")),
    "shared, hostile": Sight("/shared/link-hostile", who="", do=lambda page: _enter(page)),
    "shared with support": Sight("/support", who="robin"),
    "handing over": Sight("/o/osaka-bay/settings/data/transfer", who="kenji"),
    "deleting": Sight(f"{SETTINGS}/data/delete"),
    "an offer": Sight(f"{SETTINGS}/ownership", who="tom"),
    "help": Sight("/help/audit-log"),
    "help, signed out": Sight("/help/audit-log", who=""),
    "the API": Sight("/api/docs", do=_open(".answers summary", ".answers pre")),
    "the API, signed out": Sight("/api/docs", who=""),
    "sign-in": Sight("/sign-in", who=""),
    "sign-in, refused": Sight("/sign-in", who="", do=_send_nothing),
    "code": Sight("/sign-in", who="", do=lambda page: _give_password(page)),
    "code, refused": Sight("/sign-in", who="", do=lambda page: _give_password(page, code="000000"), refused=True),
    "recovery code": Sight("/sign-in/code?with=recovery-code", who=""),
    "forgotten password": Sight("/forgotten-password", who=""),
    "link sent": Sight("/forgotten-password/sent", who=""),
    "link gone": Sight("/reset-password/none", who="", refused=True),
    "two-factor": Sight("/two-factor/set-up", who="tom"),
    "two-factor, QR code": Sight("/two-factor/set-up", do=lambda page: _show_qr_code(page)),
    "how one signs in": Sight(SIGN_IN, do=lambda page: _be_on_two_devices(page)),
    "new password": Sight(f"{SIGN_IN}/password"),
    "new password, refused": Sight(f"{SIGN_IN}/password", do=lambda page: _refuse_password(page), refused=True),
    "choose an organisation": Sight("/", who="noor"),
    "team": Sight(TEAM),
    "team, nobody found": Sight(f"{TEAM}?q=zzz"),
    "former members": Sight(f"{TEAM}/former"),
    "invitations": Sight(f"{TEAM}/invitations"),
    "invite, refused": Sight(f"{TEAM}/invite", do=lambda page: _invite(page, "maya@northgate.example", "nonsense")),
    "links to pass on": Sight(
        "/o/hostile/settings/team/invite", do=lambda page: _invite(page, *(f"{i}.{time_ns()}@x.example" for i in "ab"))
    ),
    "a member": Sight(f"{TEAM}/members/2"),
    "remove": Sight(f"{TEAM}/members/2/remove"),
    "reset two-factor": Sight(f"{TEAM}/members/2/two-factor"),
    "make an owner": Sight(f"{TEAM}/members/2/role/owner"),
    "roles": Sight(f"{TEAM}/roles"),
    "invitation": Sight("/invitations/the link of sofia@northgate.example", who=""),
    "invitation for another": Sight("/invitations/the link of sofia@northgate.example"),
    "invitation, expired": Sight("/invitations/the link of lost@northgate.example", who=""),
    "hostile team": Sight("/o/hostile/settings/team"),
    "hostile names": Sight(HOSTILE),
    "hostile details": Sight(f"{HOSTILE}?oldest=1", do=_open(".row .x", ".detail")),
    "hostile actors": Sight(f"{HOSTILE}/actors"),
}


def _follow(page: Page, link: str) -> None:
    page.goto(page.locator(link).first.get_attribute("href") or "")
