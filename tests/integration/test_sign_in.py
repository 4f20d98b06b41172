"""Signing in and out: who gets in, where they land, what the log says about it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import pytest
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import event, select

from auditweb.accounts import passwords
from auditweb.extensions import db
from auditweb.models import Event, Person, SignInSession
from auditweb.web.sign_in import offer
from tests.log_pages import statements
from tests.readers import PASSWORD, Place, Reader, Someone, add_person, join, leave

NOBODY = "nobody@northgate.example"


@pytest.fixture
def member(app: Flask, organisation: Place, somebody: Someone) -> Someone:
    join(app, organisation, somebody, "owner")
    return somebody


def entries(app: Flask) -> list[Event]:
    with app.app_context():
        return list(db.session.scalars(select(Event).order_by(Event.id)))


def test_the_right_password_lets_a_person_in(member: Someone, visitor: Reader) -> None:
    answer = visitor.sign_in(member.email)

    assert (answer.status, answer.location) == (303, "/")
    assert visitor.get("/profile").status == 200


@pytest.mark.parametrize("spelling", ["ADA@Northgate.example", "  ada@northgate.example "])
def test_an_address_is_the_same_in_capitals_and_with_blanks(member: Someone, visitor: Reader, spelling: str) -> None:
    assert visitor.sign_in(spelling).status == 303


def test_a_password_typed_in_either_unicode_form_is_the_same(
    app: Flask, organisation: Place, somebody: Someone, visitor: Reader
) -> None:
    with app.app_context():
        db.session.get_one(Person, somebody.id).password_hash = passwords.hash_password("cafe\u0301 au lait")
        db.session.commit()

    assert visitor.sign_in(somebody.email, "café au lait").status == 303


@pytest.mark.parametrize(
    "link",
    [
        "/o/northgate/settings/audit-log",
        "/o/northgate/settings/audit-log?category=vehicles&actor=member:42&from=2026-03-01&to=2026-03-31&tz=Asia/Tokyo",
        "/o/northgate/settings/audit-log?target=vehicle%3Aveh_1%26x&last=7d",
        "/o/northgate/settings/audit-log/entries/32ST6QNF15NM7",
        "/profile",
    ],
)
def test_a_person_lands_on_exactly_the_link_they_opened(member: Someone, visitor: Reader, link: str) -> None:
    sent = visitor.get(link)
    assert sent.status == 302
    assert sent.location is not None
    assert urlsplit(sent.location).path == "/sign-in"

    assert visitor.sign_in(member.email, "wrong", to=sent.location).status == 401
    assert visitor.sign_in(member.email, to=sent.location).location == link


def test_whoever_is_signed_in_already_goes_on(member: Someone, visitor: Reader) -> None:
    visitor.sign_in(member.email)

    assert visitor.get("/sign-in?next=/profile").location == "/profile"
    assert visitor.get("/sign-in").location == "/"


def test_signing_in_as_someone_else_ends_the_first_session(
    app: Flask, organisation: Place, member: Someone, visitor: Reader
) -> None:
    other = add_person(app, "Tom Price")
    join(app, organisation, other, "admin")
    token = visitor.token()
    visitor.post("/sign-in", {"email": member.email, "password": PASSWORD}, token=token)
    visitor.someone = member

    visitor.sign_in(other.email)

    assert [entry.action for entry in entries(app)] == ["sign_in.succeeded", "sign_in.succeeded", "sign_out.completed"]
    assert entries(app)[-1].actor_name == member.name
    assert "Tom Price" in visitor.get("/profile").text
    with app.app_context():
        assert db.session.scalars(select(SignInSession.person_id)).all() == [other.id]


def test_errors_keep_the_address_and_never_the_password(member: Someone, visitor: Reader) -> None:
    page = visitor.sign_in(member.email, "not the password")

    assert page.status == 401
    field = page.select_one("input[name=email]")
    assert field is not None
    assert field["value"] == member.email
    assert "not the password" not in page.text


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"email": "", "password": PASSWORD}, "Enter your e-mail address."),
        ({"email": "a@example.org", "password": ""}, "Enter your password."),
        ({"email": "a" * 255, "password": PASSWORD}, "This is too long."),
        ({"email": "a@example.org", "password": "p" * 1025}, "This is too long."),
    ],
)
def test_an_incomplete_form_says_what_is_missing(visitor: Reader, form: dict[str, str], problem: str) -> None:
    page = visitor.post("/sign-in", form)

    assert page.status == 422
    assert problem in page.words


@pytest.mark.parametrize("reason", ["unknown", "wrong", "inactive"])
def test_nobody_can_tell_why_they_were_refused(app: Flask, member: Someone, reason: str) -> None:
    """Byte for byte the same page, and exactly one argon2 verification, for each of the reasons."""
    hasher = CountingHasher(time_cost=1, memory_cost=8, parallelism=1)
    with app.app_context():
        db.session.get_one(Person, member.id).active = reason != "inactive"
        db.session.commit()
    reader = Reader(app.test_client())
    token = reader.token()
    email = NOBODY if reason == "unknown" else member.email
    right = reason == "inactive"

    passwords.configure(hasher)
    try:
        passwords.prepare()
        page = reader.post("/sign-in", {"email": email, "password": PASSWORD if right else "wrong"}, token=token)
    finally:
        passwords.configure(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))

    assert page.status == 401
    assert hasher.verified == 1
    plain = Reader(app.test_client())
    same = plain.post("/sign-in", {"email": "x@y.example", "password": "wrong"}, token=plain.token())
    assert neutral(page.text, email) == neutral(same.text, "x@y.example")


def test_unknown_address_costs_what_a_known_one_does(app: Flask, member: Someone) -> None:
    """The same look-ups, writings and commits, in the same order, so that no clock tells them apart."""
    with app.app_context():
        engine = db.engine

    def work(email: str) -> list[str]:
        reader = Reader(app.test_client())
        token = reader.token()
        with statements(app) as seen:
            event.listen(engine, "commit", commit := lambda _connection: seen.append("COMMIT"))
            status = reader.post("/sign-in", {"email": email, "password": "wrong"}, token=token).status
            event.remove(engine, "commit", commit)
        kinds = {"BEGIN": "", "SELECT": "read", "COMMIT": "commit"}
        return [str(status), *filter(None, (kinds.get(text.split()[0], "write") for text in seen))]

    for email in (member.email, NOBODY):
        work(email)  # the first try makes rows that later ones only change
    known, unknown = zip(*[(work(member.email), work(NOBODY)) for _ in range(12)], strict=True)

    assert unknown == known
    assert {told[0] for told in known} == {"401", "429"}


class CountingHasher(PasswordHasher):
    verified = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
        self.verified += not self.check_needs_rehash(hash)  # a hash of these parameters, so the same work
        return super().verify(hash, password)


def neutral(text: str, email: str) -> str:
    """Take out what the reader sent themselves, and the token, which differs from page to page."""
    lines = text.replace(email, "").splitlines()
    return "\n".join(line for line in lines if "csrf_token" not in line)


def test_an_old_hash_is_made_anew_with_todays_parameters(app: Flask, member: Someone, visitor: Reader) -> None:
    with app.app_context():
        person = db.session.get_one(Person, member.id)
        person.password_hash = old = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
        db.session.commit()

    visitor.sign_in(member.email)

    with app.app_context():
        new = db.session.get_one(Person, member.id).password_hash
    assert new != old
    assert passwords.verify(new, PASSWORD)


def test_an_old_hash_keeps_nobody_out_who_signs_in_twice_at_once(app: Flask, member: Someone) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    with app.app_context():
        old = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
        db.session.get_one(Person, member.id).password_hash = old
        db.session.commit()

    def sign_in(_number: int) -> int:
        return app.test_client().post("/sign-in", data={"email": member.email, "password": PASSWORD}).status_code

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(sign_in, range(8))) == {303}


# What the log says


def test_signing_in_and_out_are_entries_of_each_organisation_of_an_active_member(
    app: Flask, organisation: Place, other_organisation: Place, member: Someone
) -> None:
    join(app, other_organisation, member, "auditor")
    reader = Reader(app.test_client(), headers={"User-Agent": "A browser/1.0"})

    reader.sign_in(member.email)
    reader.someone = member
    reader.post("/sign-out")

    told = [(e.org_id, e.action, e.category, e.actor_type, e.actor_id, e.actor_name, e.outcome) for e in entries(app)]
    who = ("authentication", "member", str(member.id), member.name, "success")
    assert sorted(told) == sorted(
        (org.id, action, *who)
        for org in (organisation, other_organisation)
        for action in ("sign_in.succeeded", "sign_out.completed")
    )
    assert {(e.ip, e.user_agent) for e in entries(app)} == {("127.0.0.1", "A browser/1.0")}
    assert all(e.request_id for e in entries(app))


def test_a_refused_sign_in_to_a_known_address_is_an_entry_by_an_unknown_person(
    app: Flask, organisation: Place, other_organisation: Place, member: Someone, visitor: Reader
) -> None:
    join(app, other_organisation, member, "member")

    visitor.sign_in(member.email, "hunter2 hunter2")

    refused = entries(app)
    assert sorted(e.org_id for e in refused) == sorted([organisation.id, other_organisation.id])
    for entry in refused:
        assert (entry.action, entry.category, entry.outcome) == ("sign_in.refused", "authentication", "failure")
        assert (entry.actor_type, entry.actor_id, entry.actor_name) == ("anonymous", "unknown", "Unknown person")
        assert (entry.target_type, entry.target_id, entry.target_name) == ("member", str(member.id), member.name)
        assert (entry.ip, bool(entry.request_id)) == ("127.0.0.1", True)


def test_only_organisations_that_a_person_still_belongs_to_are_told(
    app: Flask, organisation: Place, other_organisation: Place, member: Someone, visitor: Reader
) -> None:
    join(app, other_organisation, member, "admin")
    leave(app, other_organisation, member)

    visitor.sign_in(member.email, "wrong")
    visitor.sign_in(member.email)

    assert {entry.org_id for entry in entries(app)} == {organisation.id}


@pytest.mark.parametrize("typed", ["correct horse battery staple", "hunter2@northgate.example", "s3cr3t\x00"])
def test_what_was_typed_as_an_unknown_address_is_stored_nowhere(
    app: Flask, member: Someone, visitor: Reader, typed: str, capfd: pytest.CaptureFixture[str]
) -> None:
    visitor.sign_in(typed, "and this")

    assert entries(app) == []
    for table in (Event, Person, SignInSession):
        assert typed not in dump(app, table.__tablename__)
    assert typed.strip("\x00") not in dump(app, "rate")
    logged = capfd.readouterr().err
    assert '"known_address": false' in logged
    assert typed.strip("\x00") not in logged


def test_an_inactive_person_is_refused_and_that_is_an_entry(app: Flask, member: Someone, visitor: Reader) -> None:
    with app.app_context():
        db.session.get_one(Person, member.id).active = False
        db.session.commit()

    assert visitor.sign_in(member.email).status == 401
    assert [entry.action for entry in entries(app)] == ["sign_in.refused"]


def dump(app: Flask, table: str) -> str:
    with app.app_context(), db.engine.connect() as connection:
        return repr(connection.exec_driver_sql(f"SELECT * FROM {table}").all())


# Where `next` leads

VECTORS = [
    "//evil.example", "///evil.example", "////evil.example", "/\\evil.example", "\\\\evil.example", "\\/evil.example",
    "/\t/evil.example", "/\n/evil.example", "/\r/evil.example", "\t//evil.example", " //evil.example",
    "/ /evil.example",
    "https:evil.example", "https:/evil.example", "https://evil.example", "HTTPS://evil.example", "http:evil.example",
    "//evil.example@localhost/", "https://localhost@evil.example/", "https://localhost.evil.example/",
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "mailto:a@evil.example",
    "evil.example", "www.evil.example", ".evil.example", "../evil.example", "@evil.example", "?//evil.example",
    "#//evil.example", "/\u2028/evil.example", "/\uff0fevil.example", "\uff0f\uff0fevil.example",
    "/\u2215/evil.example",
    "/x\r\nLocation: https://evil.example", "/x\r\n\r\n<script>", "/\x00/evil.example", "/\x7f/evil.example",
    "/.//evil.example", "/..//evil.example", "/x//evil.example", "/a\\..\\evil", "",
]  # fmt: skip


def test_next_leads_nowhere_but_to_this_site(app: Flask, member: Someone) -> None:
    assert len(VECTORS) >= 40
    for vector in VECTORS:
        reader = Reader(app.test_client())
        answer = reader.client.post(
            "/sign-in",
            query_string={"next": vector},
            data={"csrf_token": reader.token(), "email": member.email, "password": PASSWORD},
        )
        assert (answer.status_code, answer.headers["Location"]) == (303, "/"), vector


def test_a_link_of_this_site_survives_as_it_is(member: Someone, visitor: Reader) -> None:
    link = "/o/northgate/settings/audit-log?target=document:a//b&last=7d"

    answer = visitor.client.post(
        "/sign-in",
        query_string={"next": link},
        data={"csrf_token": visitor.token(), "email": member.email, "password": PASSWORD},
    )

    assert answer.headers["Location"] == link


# htmx


@pytest.mark.parametrize("header", ["HX-Request", "HX-History-Restore-Request"])
def test_htmx_is_told_to_leave_for_the_sign_in_page(organisation: Place, visitor: Reader, header: str) -> None:
    answer = visitor.get(f"{organisation.log}?category=team", headers={header: "true"})

    assert (answer.status, answer.text, answer.location) == (401, "", None)
    address = urlsplit(answer.response.headers["HX-Redirect"])
    assert address.path == "/sign-in"
    assert parse_qs(address.query) == {"next": [f"{organisation.log}?category=team"]}


def test_after_a_form_without_a_session_one_returns_to_the_page_it_stood_on(visitor: Reader) -> None:
    answer = visitor.post(
        "/profile", {}, headers={"HX-Request": "true", "HX-Current-URL": "http://localhost/profile?a=b"}
    )

    assert answer.status == 401
    assert parse_qs(urlsplit(answer.response.headers["HX-Redirect"]).query) == {"next": ["/profile?a=b"]}


def test_the_page_of_another_site_is_no_place_to_return_to(visitor: Reader) -> None:
    answer = visitor.post(
        "/profile", {}, headers={"HX-Request": "true", "HX-Current-URL": "http://evil.example/profile"}
    )

    assert answer.response.headers["HX-Redirect"] == "/sign-in"


def test_the_demo_offers_its_sign_ins_on_the_page(app: Flask, member: Someone, visitor: Reader) -> None:
    assert not visitor.get("/sign-in").select(".demo")

    offer(app, [(member.email, "owner of Northgate Imports")], PASSWORD)

    forms = visitor.get("/sign-in").select(".demo form")
    sent = {str(field["name"]): str(field["value"]) for field in forms[0].select("input")}
    assert visitor.client.post("/sign-in", data=sent).headers["Location"] == "/"
