"""What the frame around every page shows: who is signed in, where, and where else they can go."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from flask import Flask, current_app, g, request, url_for
from werkzeug.utils import cached_property

from auditweb.accounts.permissions import GRANTED, Right, Role
from auditweb.accounts.sessions import Place, SignedIn
from auditweb.insights import findings
from auditweb.web import gate
from auditweb.web.actor_kinds import hue_of, initials
from auditweb.web.banners import Banner, banners

THEMES = ("system", "light", "dark")


class Person(NamedTuple):
    name: str
    email: str
    initials: str
    hue: int


class Link(NamedTuple):
    """*waiting* is how many things on that page wait for somebody: nothing where none do."""

    label: str
    icon: str
    url: str
    current: bool
    waiting: str = ""


class SettingsPage(NamedTuple):
    """A page of the sidebar, for those who have *right*; it is no use to those whom it is *hidden_from*."""

    label: str
    icon: str
    endpoint: str
    right: Right
    hidden_from: frozenset[Role] = frozenset()


NAV: tuple[tuple[str, tuple[SettingsPage, ...]], ...] = (
    (
        "Organisation",
        (
            SettingsPage("General", "building-2", "general.index", Right.MANAGE_SETTINGS),
            SettingsPage("Team", "users", "team.index", Right.MANAGE_TEAM),
            SettingsPage("API keys", "plug", "api_keys.index", Right.MANAGE_KEYS),
            SettingsPage("Webhooks", "webhook", "webhooks.index", Right.MANAGE_WEBHOOKS),
            SettingsPage("Data management", "database", "data.index", Right.MANAGE_SETTINGS),
        ),
    ),
    (
        "Security",
        (
            SettingsPage("Audit log", "scroll-text", "audit_log.index", Right.READ_LOG),
            # Auditors see the log alone here; its flags lead them to what was found.
            SettingsPage("Security review", "shield-check", "review.index", Right.READ_LOG, frozenset({Role.AUDITOR})),
            SettingsPage("Shares", "share-2", "shares.index", Right.SHARE_LOG),
            # Those who read the whole log find their own part of it in their account menu.
            SettingsPage("My log", "scroll-text", "my_log.index", Right.READ_OWN_LOG, GRANTED[Right.READ_LOG]),
            SettingsPage(
                "Sign-in", "fingerprint", "sign_in_settings.index", Right.READ_OWN_LOG, frozenset({Role.AUDITOR})
            ),
        ),
    ),
)


def landing(place: Place) -> str:
    """Return the page of an organisation where its person belongs first."""
    return url_for("audit_log.index" if place.may_read_log else "my_log.index", org=place.slug)


class Shell:
    """Looked up where a template asks, so that a fragment pays for nothing it does not show."""

    @cached_property
    def person(self) -> Person | None:
        person = self._signed_in
        if person is None:
            return None
        return Person(person.name, person.email, initials(person.name), hue_of(person.actor.ref))

    @cached_property
    def theme(self) -> str:
        """This browser's own choice, else the person's."""
        chosen = request.cookies.get(theme_cookie())
        if chosen in THEMES:
            return chosen
        return self._signed_in.theme if self._signed_in else THEMES[0]

    @cached_property
    def shortcuts(self) -> bool:
        return self._signed_in is None or self._signed_in.shortcuts

    @cached_property
    def organisations(self) -> list[tuple[str, str, str]]:
        """The slug and the name of each, and where its person belongs first."""
        return [(place.slug, place.name, landing(place)) for place in self._signed_in.places] if self._signed_in else []

    @cached_property
    def organisation(self) -> tuple[str, str] | None:
        return (self._place.slug, self._place.name) if self._place else None

    @cached_property
    def nav(self) -> list[tuple[str, list[Link]]]:
        """The groups of the settings sidebar, with the pages that the person may open."""
        if self._signed_in is not None and self._signed_in.is_support:
            address = url_for("support.index")
            return [("Support", [Link("Shared with support", "life-buoy", address, request.path == address)])]
        if self._place is None:
            return []
        current = self._current(self._place)
        groups = [(title, list(self._links(self._place, pages, current))) for title, pages in NAV]
        return [(title, links) for title, links in groups if links]

    @cached_property
    def banners(self) -> list[Banner]:
        """What is about to happen to the organisation."""
        return banners(self._place) if self._place else []

    @cached_property
    def landing(self) -> str | None:
        """Where the organisation's own page is, for this person: the log, or what of it is theirs."""
        return landing(self._place) if self._place else None

    @cached_property
    def reads_log(self) -> bool:
        """Whether the person may read the whole log of their organisation."""
        return self._place is not None and self._place.may_read_log

    def _links(self, place: Place, pages: Sequence["SettingsPage"], current: str) -> Iterator[Link]:
        for page in pages:
            if place.may(page.right) and place.role not in page.hidden_from:
                address = url_for(page.endpoint, org=place.slug)
                waiting = _waiting(place) if page.endpoint == "review.index" else ""
                yield Link(page.label, page.icon, address, address == current, waiting)

    def _current(self, place: Place) -> str:
        """Return the address of the page of the sidebar that this one is, or is part of: of several the narrowest."""
        addresses = [url_for(page.endpoint, org=place.slug) for _, pages in NAV for page in pages]
        return max((each for each in addresses if f"{request.path}/".startswith(f"{each}/")), key=len, default="")

    @cached_property
    def _signed_in(self) -> SignedIn | None:
        return None if g.get("bare") else gate.signed_in()

    @cached_property
    def _place(self) -> Place | None:
        """The organisation of this page, else the last one used, else the only one."""
        person = self._signed_in
        if person is None:
            return None
        if "place" in g:
            return g.place  # type: ignore[no-any-return]
        return gate.last_place(person)


def _waiting(place: Place) -> str:
    """Tell how many findings nobody has decided about."""
    number = findings.count_open(place.org_id)
    return "" if not number else str(number) if number <= findings.MOST_COUNTED else f"{findings.MOST_COUNTED}+"


def init_app(app: Flask) -> None:
    app.context_processor(_shell)


def theme_cookie() -> str:
    """Return the name of the cookie that keeps this browser's theme, which is kept beside the session's."""
    return f"{current_app.config['SESSION_COOKIE_NAME']}-theme"


def _shell() -> dict[str, Any]:
    return {"shell": Shell()}
