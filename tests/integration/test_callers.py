"""Who calls the API: which tokens open something, where and for what, and that none of them is left lying about."""

import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask, request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from auditweb import clock
from auditweb.accounts import api_keys
from auditweb.accounts.callers import Scope
from auditweb.accounts.key_rights import Rights
from auditweb.accounts.permissions import Role
from auditweb.api.callers import current_caller
from auditweb.extensions import db
from auditweb.models import ApiKey, ApiKeyUse, Organisation
from tests.api_keys import add, caller, create, keys, rotate, token_on
from tests.integration.conftest import SignedInAs
from tests.readers import PASSWORD, Place, Someone, join, open_session
from tests.teams import entries

TRIED = "/api/v1/tried"
KEY = "key_0123456789"

Call = Callable[..., TestResponse]


def _try() -> dict[str, str]:
    caller = current_caller(Scope(request.args.get("scope", Scope.READ)))
    if "break" in request.args:
        raise RuntimeError(f"broken by {request.headers['Authorization']}"[:9])
    return {"organisation": caller.org_slug}


@pytest.fixture
def tried(app: Flask) -> Flask:
    """The app with a view of the API that only tells who calls."""
    app.add_url_rule(TRIED, "api.tried", _try, methods=["GET", "POST"])
    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app


@pytest.fixture
def call(tried: Flask) -> Call:
    """Call the API with a token: `call(token, ip="203.0.113.7")`."""

    def send(
        token: str | None, *, ip: str = "127.0.0.1", client: FlaskClient | None = None, **more: Any
    ) -> TestResponse:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        more = {"path": TRIED, "headers": headers, "base_url": "https://localhost", **more}
        return (client or tried.test_client()).open(environ_overrides={"REMOTE_ADDR": ip}, **more)

    return send


# What opens, and what does not


def test_a_token_opens_only_as_it_is(app: Flask, organisation: Place, somebody: Someone) -> None:
    token = add(app, organisation, somebody, id_="key_012345678Z")
    assert caller(app, token) is not None
    wrong = [
        token[:-1], token + "A", token.lower(), token.upper(), f" {token}", f"{token}\n", token.replace("aw_", "aw-"),
        token[:-1] + ("A" if token[-1] != "A" else "B"), token.replace("012345678Z", "012345678Y"), "", "aw_", "aw__",
        token.replace("012345678Z", "٠١٢٣٤٥٦٧٨٩"), token.replace("012345678Z", "0123\x00"), "aw_012345678Z_" + "é" * 43,
        "aw_012345678Z_", "key_012345678Z", "%", "aw_%_" + "s" * 43,
    ]  # fmt: skip
    assert [each for each in wrong if caller(app, each) is not None] == []


def test_what_shuts_a_key_out_and_nobody_learns_which(
    app: Flask, organisation: Place, somebody: Someone, call: Call
) -> None:
    token = add(app, organisation, somebody, Rights(frozenset(Scope), networks=("203.0.113.0/24",)))
    inside = "203.0.113.7"
    answer = call(token, ip=inside)
    assert (answer.status_code, answer.json) == (200, {"organisation": "northgate"})
    told = _told(call(None))
    assert (told["status"], told["type"]) == (401, "urn:auditweb:problem:no-key")

    refused = [call(token, ip=ip) for ip in ("203.0.114.7", "2001:db8::1", "127.0.0.1")]
    refused += [
        call(each, ip=inside) for each in (None, "", "x", token[:-1] + "!", token.replace("0123456789", "9999999999"))
    ]
    for change in (
        {"revoked_at": clock.now()}, {"expires_at": clock.now()}, {"secret_hash": None}, {"secret_hash": "f" * 64},
    ):  # fmt: skip
        with app.app_context():
            key = db.session.get_one(ApiKey, KEY)
            kept = {name: getattr(key, name) for name in change}
            _set(key, change)
        refused.append(call(token, ip=inside))
        with app.app_context():
            _set(db.session.get_one(ApiKey, KEY), kept)
    with app.app_context():
        _set(db.session.get_one(Organisation, organisation.id), {"disabled_at": clock.now()})
    refused.append(call(token, ip=inside))

    assert len(refused) == 13
    for answer in refused:
        assert (answer.status_code, _told(answer)) == (401, told)
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="auditweb"'


def test_a_key_may_do_only_what_it_was_made_for(app: Flask, organisation: Place, somebody: Someone, call: Call) -> None:
    for number, scopes in enumerate(({Scope.READ}, {Scope.WRITE}, set(Scope))):
        token = add(app, organisation, somebody, Rights(frozenset(scopes)), id_=f"key_AAAAAAAAA{number}")
        for scope in Scope:
            answer = call(token, query_string={"scope": scope.value})
            assert answer.status_code == (200 if scope in scopes else 403), (scopes, scope)
            if scope not in scopes:
                assert _told(answer)["detail"] == f"It takes a key with the scope {scope}."


def test_a_key_opens_its_own_organisation_alone(
    app: Flask, organisation: Place, other_organisation: Place, somebody: Someone, call: Call
) -> None:
    """And no page: those are for people."""
    ours, theirs = (
        add(app, place, somebody, id_=id_)
        for place, id_ in ((organisation, KEY), (other_organisation, "key_9876543210"))
    )
    assert call(ours).json == {"organisation": "northgate"}
    assert call(theirs).json == {"organisation": "osaka-bay"}
    assert caller(app, theirs.replace("9876543210", KEY[4:])) is not None, "their secrets are the same here"
    for address in (organisation.log, keys(organisation), "/profile", "/"):
        answer = call(ours, path=address)
        assert (answer.status_code, "/sign-in" in answer.location) == (302, True)


def test_an_address_is_the_one_the_request_came_from(app: Flask, organisation: Place, somebody: Someone) -> None:
    networks = ("203.0.113.0/24", "2001:db8:1::/48", "192.0.2.9/32")
    token = add(app, organisation, somebody, Rights(frozenset(Scope), networks=networks))
    for ip, opens in {
        "203.0.113.0": True, "203.0.113.255": True, "::ffff:203.0.113.7": True, "203.0.114.0": False, "192.0.2.9": True,
        "192.0.2.8": False, "2001:db8:1:ffff::": True, "2001:db8:2::": False, "": False, "unknown": False, None: False,
    }.items():  # fmt: skip
        assert (caller(app, token, ip) is not None) is opens, ip


def test_a_cookie_opens_nothing(
    organisation: Place, signed_in_as: SignedInAs, call: Call, somebody: Someone, tried: Flask
) -> None:
    join(tried, organisation, somebody, Role.OWNER)
    browser = open_session(tried, tried.test_client(), somebody)

    assert browser.get(organisation.log).status == 200
    assert call(None, client=browser.client, base_url="http://localhost").status_code == 401


def test_a_key_is_taken_from_its_header_alone(app: Flask, organisation: Place, somebody: Someone, call: Call) -> None:
    token = add(app, organisation, somebody)
    for sent in (
        {"query_string": {"key": token, "token": token, "access_token": token}},
        {"method": "POST", "data": {"access_token": token}},
        {"headers": {"X-API-Key": token}},
        {"headers": {"Cookie": f"auditweb={token}"}},
        {"headers": {"Authorization": token}},
        {"headers": {"Authorization": f"Basic {token}"}},
    ):
        assert call(None, **sent).status_code == 401, sent
    assert call(None, headers={"Authorization": f"bearer  {token}"}).status_code == 200


def test_secrets_are_compared_in_the_same_time_whatever_is_wrong(
    app: Flask, organisation: Place, somebody: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, by hashes of one length: also where there is no such key, or none with a secret."""
    token = add(app, organisation, somebody)
    with app.app_context():
        api_keys.add(organisation.id, "key_1111111111", "Without", somebody.id, Rights(frozenset(Scope)))
        db.session.commit()
    compared, real = list[tuple[str, str]](), hmac.compare_digest

    def compare(ours: str, theirs: str) -> bool:
        compared.append((ours, theirs))
        return real(ours, theirs)

    monkeypatch.setattr("auditweb.accounts.callers.hmac.compare_digest", compare)
    for each in (token, token[:-1] + "X", token.replace("0123456789", "2" * 10), token.replace("0123456789", "1" * 10)):
        compared.clear()
        found = caller(app, each)
        assert (found is not None) is (each == token)
        assert [len(text) for pair in compared for text in pair] == [64, 64], each


# What is noted of their use


def test_use_is_noted_once_a_minute_with_where_from(
    app: Flask, organisation: Place, somebody: Someone, call: Call
) -> None:
    token, now = add(app, organisation, somebody), clock.now()

    def used() -> tuple[timedelta, str | None]:
        with app.app_context():
            (row,) = db.session.scalars(sa.select(ApiKeyUse))
            return row.used_at - now, row.ip

    with clock.set_to(now):
        assert call(token, query_string={"scope": "events:write"}, ip="203.0.113.7").status_code == 200
        assert used() == (timedelta(0), "203.0.113.7")
    with clock.set_to(now + timedelta(seconds=59)):
        call(token, ip="203.0.113.8")
        assert used() == (timedelta(0), "203.0.113.7")
    with clock.set_to(now + timedelta(minutes=1)):
        call(token[:-1] + "X", ip="203.0.113.9")  # whoever has no key leaves no trace here
        assert used() == (timedelta(0), "203.0.113.7")
        call(token, ip="203.0.113.8")
        assert used() == (timedelta(minutes=1), "203.0.113.8")


# What is left lying about


def test_no_key_is_in_any_line_cookie_address_or_table(
    tried: Flask, organisation: Place, signed_in_as: SignedInAs, call: Call, capfd: pytest.CaptureFixture[str]
) -> None:
    """From the page that makes it to a request that breaks down."""
    owner = signed_in_as(Role.OWNER)
    capfd.readouterr()

    key_id, first = create(owner, organisation, scopes=["events:write", "events:read"])
    page = rotate(owner, organisation, key_id, "1 hour")
    second = token_on(page)
    assert page.location is None
    assert page.response.headers["Cache-Control"] == "private, no-store"
    assert page.response.headers["Referrer-Policy"] == "same-origin"
    answers = [call(token) for token in (first, second)]
    answers += [
        call(first, query_string={"break": ""}),
        call(second[:-1] + "~"),
        call(None, query_string={"key": first}),
    ]
    answers += [
        call(first, path="/api/v1/nowhere"),
        call(first, method="DELETE"),
        call(first, path=f"/api/v1/{second}"),
    ]
    answers += [call(None, path="/sign-in", headers={"Referer": f"http://localhost/{first}"})]
    owner.post(keys(organisation, f"/{key_id}/revoke"))
    owner.get(f"{organisation.log}?target=api_key:{key_id}")
    logged = capfd.readouterr()

    assert 500 in {answer.status_code for answer in answers}
    secrets = [token.split("_", 2)[2] for token in (first, second)]
    assert "the request failed" in logged.err
    assert len(logged.err.splitlines()) > len(answers)
    for secret in secrets:
        assert secret not in logged.err + logged.out
        for answer in answers:
            assert secret not in answer.text
            assert secret not in str(answer.headers)
        assert secret not in str(page.response.headers)
        assert secret not in (owner.cookie() or "")
    with owner.client.session_transaction() as session:
        assert "aw_" not in json.dumps(dict(session), default=str)
    with tried.app_context(), db.engine.connect() as connection:
        for table in sa.inspect(connection).get_table_names():
            rows = repr(connection.exec_driver_sql(f'SELECT * FROM "{table}"').all())
            assert [secret for secret in secrets if secret in rows] == [], table
    assert [entry.action for entry in entries(tried)] == ["api_key.created", "api_key.rotated", "api_key.revoked"]


def test_only_what_makes_a_secret_shows_it_and_never_again(
    app: Flask, organisation: Place, signed_in_as: SignedInAs
) -> None:
    owner = signed_in_as(Role.OWNER)
    key_id, token = create(owner, organisation)
    shown = owner.post(
        keys(organisation, "/new"), {"name": "Dealer feed", "scopes": ["events:read"], "password": PASSWORD}
    )

    assert shown.status == 422, "loading the page anew that showed it makes no second key"
    for rest in ("", f"/{key_id}", f"/{key_id}/secret", "/new"):
        assert token not in owner.get(keys(organisation, rest)).text


def _told(answer: TestResponse) -> dict[str, Any]:
    assert answer.mimetype == "application/problem+json"
    told = dict(answer.get_json(force=True))
    assert told.pop("request_id") == answer.headers["X-Request-ID"]
    return told


def _set(row: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    db.session.commit()
