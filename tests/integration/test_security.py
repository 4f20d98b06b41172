"""What holds for every request and response, whatever the page: cookies, forms, headers, hosts, transport, caching."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import create_engine, inspect

from auditweb import catalogue, clock
from auditweb.config import Settings
from auditweb.extensions import db
from auditweb.ids import to_text
from auditweb.models import Finding
from auditweb.parties import Actor, ActorType
from auditweb.recorder import record
from auditweb.web.assets import asset_url
from tests.api_keys import add as add_api_key
from tests.export_jobs import ask_for_log
from tests.readers import PASSWORD, Place, Reader, Someone, add_organisation, add_person, check, join, open_session
from tests.teams import invite, links

PUBLIC = "https://audit.example.org"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)
MakeApp = Callable[[Settings], Flask]
SAFE = {"GET", "HEAD", "OPTIONS"}


@pytest.fixture
def secure_app(make_app: MakeApp, settings: Settings) -> Flask:
    """The app as people reach it by https."""
    return make_app(settings.model_copy(update={"public_url": PUBLIC}))


@pytest.fixture
def owner(app: Flask, organisation: Place, somebody: Someone) -> Reader:
    join(app, organisation, somebody, "owner")
    return open_session(app, app.test_client(), somebody)


@pytest.fixture
def addresses(app: Flask, organisation: Place, owner: Reader) -> list[tuple[str, set[str]]]:
    """Every rule of the app as an address that exists, with its methods."""
    (link,) = links(invite(owner, organisation, "nadia@northgate.example"))
    add_api_key(app, organisation, owner.someone or add_person(app, "Ines"))
    job_id = ask_for_log(app, organisation, owner.someone)
    with app.app_context():
        event = record(catalogue.SIGNED_OUT, org_id=organisation.id, actor=Actor(ActorType.MEMBER, "7", "Ada"))
        spelled = to_text(event.id)
        told = {
            "subject_type": "member",
            "subject_id": "7",
            "subject_name": "Ada",
            "place": "",
            "sentence": "",
            "unusual": "",
        }
        made = {"at": clock.now(), "found_at": clock.now(), "run": 1, "state": "open", "note": ""}
        db.session.add(Finding(org_id=organisation.id, id="found", number=1, kind="burst", **told, **made))
        db.session.commit()
    filled = {
        "org": organisation.slug,
        "spelled": spelled,
        "entry_id": spelled,
        "filename": "css/base.css",
        "token": link.rpartition("/")[2],
        "person_id": owner.someone.id if owner.someone else 0,
        "invitation_id": 1,
        "role": "admin",
        "key_id": "key_0123456789",
        "share_id": "nothing",
        "view_id": "nothing",
        "hook_id": "nothing",
        "delivery_id": "nothing",
        "slice_id": "nothing",
        "review_id": "nothing",
        "type_": "thing",
        "job_id": job_id,
        "finding_id": "found",
        "pattern_id": "p",
    }
    with app.test_request_context():
        adapter = app.create_url_adapter(None) or app.url_map.bind("localhost")
        return [
            (adapter.build(rule.endpoint, {name: filled[name] for name in rule.arguments}), set(rule.methods or ()))
            for rule in app.url_map.iter_rules()
        ]


# Cookies


def test_the_cookie_on_loopback(visitor: Reader) -> None:
    cookies = visitor.get("/sign-in").response.headers.getlist("Set-Cookie")

    assert [re.sub(r"=[^;]+", "=…", cookie, count=1) for cookie in cookies] == [
        "auditweb=…; HttpOnly; Path=/; SameSite=Lax"
    ]


def test_the_cookies_by_https(secure_app: Flask) -> None:
    someone = add_person(secure_app, "Ada Okafor")
    reader = Reader(secure_app.test_client(), base_url=PUBLIC)
    token = reader.token()

    pages = [
        reader.get("/sign-in"),
        reader.post("/theme", {"theme": "dark"}, token=token),
        reader.post("/sign-in", {"email": someone.email, "password": PASSWORD}, token=token),
        reader.get("/profile"),
    ]
    reader.someone = someone
    pages.append(reader.post("/sign-out"))

    cookies = [cookie for page in pages for cookie in page.response.headers.getlist("Set-Cookie")]
    assert len(cookies) >= 3
    for cookie in cookies:
        assert cookie.startswith("__Host-auditweb")
        attributes = set(cookie.split("; ")[1:])
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= attributes
        assert not any(attribute.startswith("Domain") for attribute in attributes)


def test_a_changed_cookie_opens_nothing(owner: Reader) -> None:
    cookie = owner.cookie()
    assert cookie is not None
    payload, rest = cookie[:-10], cookie[-10:]

    owner.keep(payload + ("A" if rest[0] != "A" else "B") + rest[1:])

    assert owner.get("/profile").status == 302


# Forms


def test_no_form_is_taken_without_its_token(app: Flask, addresses: list[tuple[str, set[str]]], owner: Reader) -> None:
    walked = 0
    for address, methods in addresses:
        for method in methods - SAFE:
            for browser in (owner.client, app.test_client()):
                for form in ({}, {"csrf_token": "made up", "theme": "dark", "name": "Eve"}):
                    answer = browser.open(address, method=method, data=form, buffered=True)
                    refused = 401 if address.startswith("/api/") else 400  # there a key counts, and no cookie
                    assert answer.status_code == refused, (method, address)
                    walked += 1
    assert walked >= 4 * 4


def test_a_token_of_another_browser_is_none(app: Flask, owner: Reader) -> None:
    token = Reader(app.test_client()).token()

    assert owner.post("/profile", {"name": "Eve"}, token=token).status == 400


def test_by_https_a_form_of_another_site_is_refused_even_with_a_token(secure_app: Flask) -> None:
    reader = Reader(secure_app.test_client(), base_url=PUBLIC)
    token = reader.token()

    for referer in ("https://evil.example/", ""):
        page = reader.post("/theme", {"theme": "dark"}, token=token, headers={"Referer": referer})
        assert page.status == 400
    assert reader.post("/theme", {"theme": "dark"}, token=token).status == 303


def test_reading_changes_nothing(app: Flask, addresses: list[tuple[str, set[str]]], owner: Reader) -> None:
    before = contents(app)

    for address, methods in addresses:
        for method in methods & SAFE:
            owner.client.open(address, method=method, buffered=True)

    assert contents(app) == before


def contents(app: Flask) -> dict[str, list[str]]:
    with app.app_context(), db.engine.connect() as connection:
        tables = sorted(set(inspect(connection).get_table_names()) - {"alembic_version"})
        return {table: sorted(map(repr, connection.exec_driver_sql(f'SELECT * FROM "{table}"'))) for table in tables}


def test_the_pages_that_change_something_are_these(app: Flask) -> None:
    """A new one is added here together with thought about who may use it."""
    changing = {rule.rule for rule in app.url_map.iter_rules() if set(rule.methods or ()) - SAFE}

    settings = "/o/<org>/settings"
    member = f"{settings}/team/members/<int(max=2147483647):person_id>"
    key = f"{settings}/api-keys/<key_id>"
    hook = f"{settings}/webhooks/<hook_id>"
    invitation = f"{settings}/team/invitations/<int(max=2147483647):invitation_id>"
    assert changing == {
        "/setup",
        "/setup/organisation",
        "/sign-in",
        "/sign-in/code",
        "/sign-out",
        "/forgotten-password",
        "/reset-password/<token>",
        "/two-factor/set-up",
        "/two-factor/set-up/begin",
        "/profile",
        "/profile/weekly-mail/<org>",
        "/theme",
        f"{settings}/audit-log/export",
        f"{settings}/audit-log/reviews",
        f"{settings}/audit-log/reviews/<review_id>",
        f"{settings}/general",
        f"{settings}/api-keys/new",
        f"{key}/name",
        f"{key}/rights",
        f"{key}/secret",
        f"{key}/revoke",
        f"{settings}/data",
        f"{settings}/data/shorter",
        f"{settings}/audit-log/share",
        f"{settings}/audit-log/views/new",
        f"{settings}/audit-log/views/<view_id>",
        f"{settings}/audit-log/views/<view_id>/delete",
        f"{settings}/webhooks/new",
        f"{hook}/change",
        f"{hook}/secret",
        f"{hook}/pause",
        f"{hook}/resume",
        f"{hook}/test",
        f"{hook}/deliveries/<delivery_id>/again",
        f"{hook}/delete",
        f"{settings}/shares/<share_id>/revoke",
        "/shared/<token>",
        "/support/<share_id>",
        f"{settings}/data/shorter/call-off",
        f"{settings}/data/transfer",
        f"{settings}/data/transfer/withdraw",
        f"{settings}/data/delete",
        f"{settings}/data/delete/call-off",
        f"{settings}/data/export",
        f"{settings}/audit-log/exports/<job_id>/cancel",
        f"{settings}/audit-log/exports/<job_id>/delete",
        f"{settings}/audit-log/exports/<job_id>/file",
        f"{settings}/audit-log/review/<finding_id>",
        f"{settings}/audit-log/review/patterns/<pattern_id>/end",
        f"{settings}/ownership/accept",
        f"{settings}/ownership/decline",
        f"{settings}/sign-in/password",
        f"{settings}/sign-in/two-factor/turn-off",
        f"{settings}/sign-in/two-factor/recovery-codes",
        f"{settings}/sign-in/devices/sign-out",
        f"{settings}/sign-in/devices/sign-out-others",
        "/invitations/<token>",
        "/invitations/<token>/sign-out",
        f"{settings}/team/invite",
        f"{settings}/team/leave",
        f"{invitation}/resend",
        f"{invitation}/withdraw",
        f"{member}/role",
        f"{member}/role/<role>",
        f"{member}/two-factor",
        f"{member}/remove",
        "/api/v1/events",
    }


def test_a_nul_in_an_address_is_nothing_that_there_is(app: Flask, organisation: Place, owner: Reader) -> None:
    """No text of PostgreSQL has one, not even in a question."""
    given = {"org": organisation.slug}
    with app.test_request_context():
        adapter = app.url_map.bind("localhost")
        asked = [
            adapter.build(rule.endpoint, dict.fromkeys(rule.arguments, "a\x00b") | given)
            for rule in app.url_map.iter_rules()
            if "GET" in (rule.methods or ()) and rule.arguments and not {"person_id", "invitation_id"} & rule.arguments
        ]
    assert len([address for address in asked if "%00" in address]) > 20
    lists = [address for address in asked if "%00" not in address]
    for address in [*asked, *(f"{each}?{name}=a%00b" for each in lists for name in ("after", "before"))]:
        assert owner.get(address).status < 500, address


# Headers


def break_down() -> str:
    raise RuntimeError("secret detail")


@pytest.fixture
def fragile(app: Flask) -> Flask:
    """The app with a page that breaks down, answering as it does in earnest."""
    app.add_url_rule("/broken", view_func=break_down)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app


def test_every_answer_carries_the_headers(fragile: Flask, addresses: list[tuple[str, set[str]]], owner: Reader) -> None:
    asked = [(method, address) for address, methods in addresses for method in methods]
    asked += [("GET", "/nowhere"), ("DELETE", "/profile"), ("GET", "/broken"), ("GET", "/static/nothing.css")]
    asked += [("GET", "/o/northgate/settings/audit-log?category=none")]
    seen = set()
    for browser in (owner.client, fragile.test_client()):
        for method, address in asked:
            answer = browser.open(address, method=method, buffered=True)
            seen.add(answer.status_code)
            headers = answer.headers
            assert headers["Content-Security-Policy"] == POLICY
            assert headers["X-Content-Type-Options"] == "nosniff"
            untold = address.startswith(("/shared/", "/slices/"))
            assert headers["Referrer-Policy"] == ("no-referrer" if untold else "same-origin")
            assert ("noindex" in headers.get("X-Robots-Tag", "")) is untold
            assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert "geolocation=()" in headers["Permissions-Policy"]
            assert "Strict-Transport-Security" not in headers
            if answer.mimetype == "text/html":
                assert headers["Cache-Control"] == "private, no-store", (method, address)
    assert {200, 302, 400, 404, 405, 500} <= seen


def test_browsers_that_came_by_https_are_told_to_stay_with_it(secure_app: Flask) -> None:
    secure_app.add_url_rule("/broken", view_func=break_down)
    secure_app.config["PROPAGATE_EXCEPTIONS"] = False
    client = secure_app.test_client()

    for address in ("/", "/sign-in", "/nowhere", "/broken", "/static/css/base.css", "/healthz"):
        answer = client.get(address, base_url=PUBLIC, buffered=True)
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


def test_static_files_are_kept_for_good_under_the_hash_of_their_content(app: Flask, visitor: Reader) -> None:
    with app.test_request_context():
        address = asset_url("css/base.css")

    kept = visitor.client.get(address, buffered=True)
    assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Cookie" not in kept.headers.get("Vary", "")
    for other in ("/static/css/base.css", "/static/css/base.css?v=0123456789ab"):
        assert visitor.client.get(other, buffered=True).headers["Cache-Control"] == "public, no-cache"


@pytest.mark.parametrize(
    ("suffix", "type_"),
    [("js", "text/javascript"), ("woff2", "font/woff2"), ("svg", "image/svg+xml"), ("css", "text/css")],
)
def test_static_files_have_the_types_that_browsers_take_without_sniffing(app: Flask, suffix: str, type_: str) -> None:
    folder = Path(app.static_folder or "")
    files = sorted(folder.rglob(f"*.{suffix}"))

    assert files
    for file in files:
        answer = app.test_client().get(f"/static/{file.relative_to(folder)}", buffered=True)
        assert answer.mimetype == type_


# Hosts and transport


def test_another_host_is_refused(app: Flask) -> None:
    for host in ("evil.example", "localhost.evil.example", "localhost@evil.example", "", "[::1", "a b", "localhost:x"):
        answer = app.test_client().get("/sign-in?next=/profile", headers={"Host": host})
        assert answer.status_code == 400, host
        assert "evil" not in answer.text
        assert answer.headers["Content-Security-Policy"] == POLICY


@pytest.mark.parametrize(
    ("listening", "host"), [("127.0.0.1", "localhost:8000"), ("127.0.0.2", "127.0.0.2:8000"), ("::1", "localhost:8000")]
)
def test_server_answers_to_where_it_listens(settings: Settings, make_app: MakeApp, listening: str, host: str) -> None:
    client = make_app(settings.model_copy(update={"host": listening})).test_client()

    assert client.get("/sign-in", headers={"Host": host}).status_code == 200
    assert client.get("/sign-in", headers={"Host": "127.0.0.3:8000"}).status_code == 400


def test_by_https_only_the_public_host_is_served(secure_app: Flask) -> None:
    client = secure_app.test_client()

    for base_url in ("https://localhost", "https://evil.example", "https://audit.example.org.evil.example"):
        answer = client.get("/sign-in", base_url=base_url)
        assert answer.status_code == 400
        assert "evil" not in answer.text
    assert client.get("/sign-in", base_url=PUBLIC).status_code == 200


@pytest.mark.parametrize("address", ["203.0.113.9", "10.0.0.5", "192.168.1.20", "2001:db8::1", "nonsense"])
def test_plain_http_from_elsewhere_is_refused(app: Flask, address: str) -> None:
    for path in ("/", "/sign-in", "/healthz", "/static/css/base.css", "/nowhere"):
        answer = app.test_client().get(path, environ_overrides={"REMOTE_ADDR": address})
        assert answer.status_code == 403
        assert "https" in answer.text
        assert "Set-Cookie" not in answer.headers


def test_plain_http_on_this_machine_is_served(app: Flask) -> None:
    for address in ("127.0.0.1", "127.8.9.10", "::1"):
        assert app.test_client().get("/sign-in", environ_overrides={"REMOTE_ADDR": address}).status_code == 200


def test_without_hops_a_forwarded_header_changes_nothing(app: Flask, organisation: Place, visitor: Reader) -> None:
    forged = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    someone = add_person(app, "Ada Okafor")
    join(app, organisation, someone, "owner")
    token = visitor.token()

    visitor.post("/sign-in", {"email": someone.email, "password": "wrong"}, token=token, headers=forged)

    assert ips(app) == ["127.0.0.1"]
    with app.app_context(), db.engine.connect() as connection:
        keys = [key for (key,) in connection.exec_driver_sql("SELECT key FROM rate")]
    assert "address:127.0.0.1" in keys
    assert not [key for key in keys if "198.51" in key]
    elsewhere = app.test_client().get("/sign-in", headers=forged, environ_overrides={"REMOTE_ADDR": "203.0.113.9"})
    assert elsewhere.status_code == 403


@pytest.mark.parametrize(
    ("forwarded", "recorded"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("127.0.0.1, 198.51.100.7", "198.51.100.7"),
        ("1.2.3.4, 5.6.7.8, 2001:db8::7", "2001:db8::7"),
        ("unknown", None),
    ],
)
def test_with_a_hop_the_address_is_what_our_proxy_says(
    make_app: MakeApp, settings: Settings, forwarded: str, recorded: str | None
) -> None:
    app = make_app(settings.model_copy(update={"public_url": PUBLIC, "proxy_hops": 1}))
    place = add_organisation(app, "northgate", "Northgate Imports")
    someone = add_person(app, "Ada Okafor")
    join(app, place, someone, "owner")
    headers = {"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"}
    reader = Reader(app.test_client(), base_url="http://audit.example.org", headers=headers)
    token = reader.token()

    answer = reader.post(
        "/sign-in", {"email": someone.email, "password": "wrong"}, token=token, headers={"Referer": PUBLIC + "/"}
    )

    assert answer.status == 401
    assert ips(app) == [recorded]


def ips(app: Flask) -> list[str | None]:
    with app.app_context(), db.engine.connect() as connection:
        return [ip for (ip,) in connection.exec_driver_sql("SELECT ip FROM event")]


# What is too much, and what goes wrong


def test_too_large_a_form_is_refused(visitor: Reader) -> None:
    page = visitor.post("/sign-in", {"email": "a@b.example", "password": "x" * 70_000})

    assert page.status == 413
    check(page)


def test_a_breakdown_tells_nothing_about_itself(fragile: Flask, owner: Reader) -> None:
    page = owner.get("/broken")

    assert page.status == 500
    assert "secret detail" not in page.text
    assert "RuntimeError" not in page.text
    assert page.response.headers["X-Request-ID"] in page.text


def test_a_breakdown_of_the_database_still_has_a_page(
    fragile: Flask, owner: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_session_id: str) -> None:
        raise ConnectionError("the database is gone")

    monkeypatch.setattr("auditweb.accounts.sessions.find", fail)

    page = owner.get("/profile")

    assert page.status == 500
    assert page.heading() == "Something went wrong"
    assert "the database is gone" not in page.text


@pytest.mark.parametrize(
    ("address", "status"), [("/nowhere", 404), ("/o/northgate/settings/audit-log?category=none", 400)]
)
def test_a_part_of_a_page_is_refused_in_words_alone(owner: Reader, address: str, status: int) -> None:
    answer = owner.get(address, htmx=True)

    assert answer.status == status
    assert answer.response.mimetype == "text/plain"
    assert "<" not in answer.text


# Health


def test_health(visitor: Reader, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = visitor.client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})

    with app.app_context():
        broken = db.engine.url.set(database="/nonexistent/folder/file")
        monkeypatch.setitem(db.engines, None, create_engine(broken))
    answer = visitor.client.get("/healthz")
    assert (answer.status_code, answer.json) == (503, {"status": "unavailable"})
