"""A reader at a browser without JavaScript, who notices on each page what must always hold."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import lxml.html
from argon2 import PasswordHasher
from bs4 import BeautifulSoup, Tag
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from flask.testing import FlaskClient
from itsdangerous import BadSignature
from werkzeug.test import TestResponse
from werkzeug.utils import cached_property

from auditweb.accounts import api_keys, passwords, people, sessions
from auditweb.accounts.callers import Scope
from auditweb.accounts.key_rights import Rights
from auditweb.accounts.permissions import Role
from auditweb.extensions import db
from auditweb.models import Membership, Organisation, Person
from auditweb.parties import Origin

PASSWORD = "a password for tests"
VARY = {"HX-Request", "HX-Request-Type", "HX-History-Restore-Request", "Cookie"}
_FIELDS = "//input[not(@type='hidden')] | //select | //textarea"
_WORDS = "//text()[not(parent::script or parent::style or parent::template)]"
_HANDLERS = "//*[@*[starts-with(name(), 'on') or starts-with(name(), 'hx-on')]]"
_TOKEN = re.compile(r'name="csrf_token"[^>]* value="([^"]+)"')


def hash_cheaply() -> None:
    """Let argon2 do as little as it can: the tests are about what is asked of it, not about its cost."""
    passwords.configure(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@dataclass(frozen=True, slots=True)
class Place:
    """An organisation as the tests know it."""

    id: int
    slug: str
    name: str
    zone: str

    @property
    def log(self) -> str:
        return f"/o/{self.slug}/settings/audit-log"


@dataclass(frozen=True, slots=True)
class Someone:
    """A person as the tests know them."""

    id: int
    email: str
    name: str


@dataclass(frozen=True)
class Page:
    """An answer, and what can be asked of its markup."""

    response: TestResponse

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def text(self) -> str:
        return self.response.text

    @property
    def location(self) -> str | None:
        return self.response.headers.get("Location")

    @property
    def words(self) -> str:
        """What can be read on the page."""
        return " ".join(" ".join(self.tree.xpath(_WORDS)).split())

    @cached_property
    def tree(self) -> lxml.html.HtmlElement:
        """The same as `markup`, in a tenth of the time: all pages of all tests are looked at by it."""
        return lxml.html.document_fromstring(self.text)

    @cached_property
    def markup(self) -> BeautifulSoup:
        # lxml is twice as quick. But it makes a page of what is only part of one, and a NUL into something else.
        quick = self.text[:9].lower() == "<!doctype" and "\0" not in self.text
        return BeautifulSoup(self.text, "lxml" if quick else "html.parser")

    def select(self, selector: str) -> list[Tag]:
        return list(self.markup.select(selector))

    def select_one(self, selector: str) -> Tag | None:
        return self.markup.select_one(selector)

    def heading(self) -> str:
        return " ".join(tag.get_text(" ", strip=True) for tag in self.select("h1"))


@dataclass
class Reader:
    """A browser with its cookies. What it opens has to be sound, whatever the test is about."""

    client: FlaskClient
    someone: Someone | None = None
    base_url: str = "http://localhost"
    headers: Mapping[str, str] = field(default_factory=dict)
    _tokens: dict[str, str] = field(default_factory=dict)

    def get(self, address: str, *, htmx: bool = False, headers: Mapping[str, str] | None = None) -> Page:
        asked = {"HX-Request": "true", "HX-Request-Type": "partial"} if htmx else {}
        response = self.client.get(
            address, base_url=self.base_url, headers={**self.headers, **asked, **(headers or {})}
        )
        page = Page(response)
        if response.mimetype == "text/html" and page.text and not 300 <= page.status < 400:
            check(page, fragment=htmx)
        return page

    def post(
        self,
        address: str,
        form: Mapping[str, str | list[str]] | None = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Page:
        """Send a form with the token of this browser, as a page would."""
        sent = {"csrf_token": self.token() if token is None else token, **(form or {})}
        response = self.client.post(
            address,
            data=sent,
            base_url=self.base_url,
            headers={"Referer": self.base_url + "/", **self.headers, **(headers or {})},
        )
        page = Page(response)
        if response.mimetype == "text/html" and page.text and not 300 <= page.status < 400:
            check(page)
        return page

    def token(self) -> str:
        """Return the token out of a form that this browser can always open, of what its session is bound to now."""
        if self._bound_to() not in self._tokens:
            page = self.get("/help/audit-log" if self.someone else "/sign-in")
            while page.location:
                page = self.get(page.location)
            found = _TOKEN.search(page.text)
            assert found is not None, page.text
            self._tokens[self._bound_to()] = found[1]
        return self._tokens[self._bound_to()]

    def _bound_to(self) -> str:
        """Return what the session's tokens are made of, which outlives what else is put into its cookie."""
        serializer = SecureCookieSessionInterface().get_signing_serializer(self.client.application)
        assert serializer is not None
        try:
            return str(serializer.loads(self.cookie() or "").get("csrf_token", ""))
        except BadSignature:
            return ""

    def sign_in(self, email: str, password: str = PASSWORD, *, to: str = "/sign-in") -> Page:
        return self.post(to, {"email": email, "password": password})

    def cookie(self) -> str | None:
        """Return the value of this browser's session cookie."""
        cookie = self.client.get_cookie(*self._cookie_place)
        return cookie.value if cookie else None

    def keep(self, cookie: str | None) -> None:
        """Put a session cookie into the browser as it is."""
        name, domain = self._cookie_place
        self.client.set_cookie(name, cookie or "", domain=domain)

    @property
    def _cookie_place(self) -> tuple[str, str]:
        address = urlsplit(self.base_url)
        return "__Host-auditweb" if address.scheme == "https" else "auditweb", address.hostname or ""


def check(page: Page, *, fragment: bool = False) -> None:
    """Assert what must hold for each page, and for each part of one."""
    headers = page.response.headers
    assert headers["Cache-Control"] == "private, no-store"
    assert {name.strip() for name in headers["Vary"].split(",")} >= VARY
    assert "script-src 'self'" in headers["Content-Security-Policy"]

    tree = page.tree
    assert [id_ for id_, times in Counter(tree.xpath("//@id")).items() if times > 1] == []
    labelled = set(tree.xpath("//label/@for"))
    for form_field in tree.xpath(_FIELDS):
        own = form_field.get("aria-label") or form_field.get("aria-labelledby") or form_field.get("id") in labelled
        assert own or form_field.xpath("ancestor::label"), _spelled(form_field)
    assert list(map(_spelled, tree.xpath("//script[not(@src) or normalize-space()]"))) == [], "an inline script"
    assert list(map(_spelled, tree.xpath("//style | //*[@style]"))) == []
    assert list(map(_spelled, tree.xpath(_HANDLERS))) == []
    assert list(map(_spelled, tree.xpath("//form[@method='post'][not(.//input[@name='csrf_token'])]"))) == []
    if not fragment:
        assert len(tree.xpath("//h1")) == 1
        assert tree.findtext(".//title", "").strip()
        assert tree.get("lang")


def _spelled(tag: Any) -> str:
    return str(lxml.html.tostring(tag, encoding="unicode", with_tail=False))[:500]


def without_tokens(text: str) -> str:
    """Return a page without what differs each time it is made."""
    return re.sub(r'(name="csrf_token" value=)"[^"]+"', r"\1", text)


def add_organisation(app: Flask, slug: str, name: str, zone: str = "Europe/London") -> Place:
    with app.app_context():
        made = people.create_organisation(slug, name, zone)
        db.session.commit()
        return Place(made.id, made.slug, made.name, made.zone)


def add_person(app: Flask, name: str, email: str | None = None, *, zone: str = "") -> Someone:
    address = email or f"{name.split()[0].lower()}@northgate.example"
    with app.app_context():
        made = people.create_person(address, name, PASSWORD, zone)
        db.session.commit()
        return Someone(made.id, made.email, made.name)


def join(app: Flask, place: Place, someone: Someone, role: Role | str = Role.MEMBER) -> None:
    with app.app_context():
        people.add_member(_organisation(place), _person(someone), role)
        db.session.commit()


def leave(app: Flask, place: Place, someone: Someone) -> None:
    with app.app_context():
        people.remove_member(_organisation(place), _person(someone))
        db.session.commit()


def set_role(app: Flask, place: Place, someone: Someone, role: Role) -> None:
    with app.app_context():
        db.session.query(Membership).filter_by(org_id=place.id, person_id=someone.id).update({"role": role.value})
        db.session.commit()


def add_key(app: Flask, place: Place, key_id: str, name: str, maker: Someone) -> None:
    with app.app_context():
        api_keys.add(place.id, key_id, name, maker.id, Rights(frozenset(Scope)))
        db.session.commit()


def open_session(app: Flask, client: FlaskClient, someone: Someone, *, secure: bool = False) -> Reader:
    """Put someone's cookie into a browser, without the entry that signing in would leave in the log."""
    with app.app_context():
        session_id = sessions.start(someone.id, Origin(ip="127.0.0.1"))
        db.session.commit()
    base_url = "https://localhost" if secure else "http://localhost"
    with client.session_transaction(base_url=base_url) as session:
        session["_user_id"] = session_id
        session["_fresh"] = True
    return Reader(client, someone, base_url)


def _organisation(place: Place) -> Organisation:
    return db.session.get_one(Organisation, place.id)


def _person(someone: Someone) -> Person:
    return db.session.get_one(Person, someone.id)
