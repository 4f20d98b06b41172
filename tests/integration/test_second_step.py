"""Signing in with a second factor: the code after the password, recovery codes, wrong ones, and many at once."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from auditweb import clock
from auditweb.accounts import second_step, sessions, two_factor
from auditweb.config import Settings
from auditweb.extensions import db
from auditweb.models import Event, Person, RecoveryCode, SignInSession
from auditweb.parties import Origin
from tests.readers import PASSWORD, Page, Place, Reader, Someone, add_person, join
from tests.second_factors import Phone, enrol

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CODE = "/sign-in/code"
RECOVERY = f"{CODE}?with=recovery-code"


@pytest.fixture
def member(app: Flask, organisation: Place, somebody: Someone) -> Someone:
    join(app, organisation, somebody, "owner")
    return somebody


@pytest.fixture
def phone(app: Flask, member: Someone) -> Phone:
    with clock.set_to(START - timedelta(days=1)):
        return enrol(app, member)


def give_password(app: Flask, someone: Someone, *, to: str = "/sign-in", after: float = 0) -> Reader:
    """Return a browser in which the right password was typed."""
    reader = Reader(app.test_client(), headers={"User-Agent": "A browser/1.0"})
    with clock.set_to(START + timedelta(seconds=after)):
        assert (reader.sign_in(someone.email, to=to).location or "").startswith(CODE)
    return reader


def give(reader: Reader, code: str | Callable[[], str], *, to: str = CODE, after: float = 0) -> Page:
    with clock.set_to(START + timedelta(seconds=after)):
        return reader.post(to, {"code": code if isinstance(code, str) else code()})


def entries(app: Flask) -> list[Event]:
    with app.app_context():
        return list(db.session.scalars(select(Event).order_by(Event.id)))


def rows(app: Flask) -> list[SignInSession]:
    with app.app_context():
        return list(db.session.scalars(select(SignInSession)))


def test_a_code_lets_a_person_in_to_exactly_the_link_they_opened(app: Flask, member: Someone, phone: Phone) -> None:
    link = "/o/northgate/settings/audit-log?category=vehicles&actor=member:42"
    sent = Reader(app.test_client()).get(link).location
    assert sent is not None
    reader = give_password(app, member, to=sent)
    asked = f"{CODE}?{sent.partition('?')[2]}"

    with clock.set_to(START):
        page = reader.get(asked)
    field = page.select_one("input[name=code]")
    assert field is not None
    assert (field["autocomplete"], field["inputmode"]) == ("one-time-code", "numeric")
    assert give(reader, phone.wrong_code, to=asked).status == 401
    answer = give(reader, phone.code, to=asked)

    assert (answer.status, answer.location) == (303, link)
    with clock.set_to(START):
        assert reader.get("/profile").status == 200


def test_the_password_alone_opens_nothing(app: Flask, organisation: Place, member: Someone, phone: Phone) -> None:
    reader = give_password(app, member)

    with clock.set_to(START):
        for address in ("/", "/profile", organisation.log, "/two-factor/set-up"):
            assert (reader.get(address).location or "").startswith("/sign-in?") or address == "/"
        assert reader.get(organisation.log, htmx=True).status == 401
        assert reader.get("/").location == "/sign-in"
    assert entries(app) == []


def test_a_new_session_with_a_new_id_begins(app: Flask, member: Someone, phone: Phone) -> None:
    reader = give_password(app, member)
    with reader.client.session_transaction() as session:
        session["planted"] = "by an attacker"
    waiting = reader.cookie()
    (before,) = rows(app)
    assert before.awaits_code

    give(reader, phone.code)

    (after,) = rows(app)
    assert (after.awaits_code, after.id_hash != before.id_hash) == (False, True)
    with reader.client.session_transaction() as session:
        assert "planted" not in session
        assert hashlib.sha256(session["_user_id"].encode()).hexdigest() == after.id_hash
    reader.keep(waiting)
    with clock.set_to(START):
        assert reader.get(CODE).location == "/sign-in"
    assert give(reader, lambda: phone.code(steps=1)).location == "/sign-in"  # a code not used yet, in the old cookie
    assert [row.id_hash for row in rows(app)] == [after.id_hash]


@pytest.mark.parametrize("way", ["password", "code", "recovery code"])
def test_how_someone_signed_in_is_one_entry_in_each_organisation(
    app: Flask, organisation: Place, other_organisation: Place, member: Someone, way: str
) -> None:
    join(app, other_organisation, member, "auditor")
    if way == "password":
        Reader(app.test_client(), headers={"User-Agent": "A browser/1.0"}).sign_in(member.email)
    else:
        phone = enrol(app, member)
        reader = Reader(app.test_client(), headers={"User-Agent": "A browser/1.0"})
        reader.sign_in(member.email)
        recovery = way == "recovery code"
        reader.post(RECOVERY if recovery else CODE, {"code": phone.recovery_codes[3] if recovery else phone.code()})

    told = {
        "password": ("sign_in.succeeded", "Signed in", {"method": "password"}),
        "code": ("sign_in.succeeded", "Signed in", {"method": "password and code"}),
        "recovery code": ("recovery_codes.used", "Signed in with a recovery code", {}),
    }[way]
    assert [entry.org_id for entry in entries(app)] == [organisation.id, other_organisation.id]
    for entry in entries(app):
        assert (entry.action, entry.summary, entry.facts) == told
        assert (entry.actor_id, entry.actor_name, entry.outcome) == (str(member.id), member.name, "success")
        assert (entry.ip, entry.user_agent, bool(entry.request_id)) == ("127.0.0.1", "A browser/1.0", True)


def test_a_wrong_code_is_an_entry_by_an_unknown_person(app: Flask, member: Someone, phone: Phone) -> None:
    reader = give_password(app, member)

    page = give(reader, phone.wrong_code)

    assert page.status == 401
    assert "This code is not right" in page.words
    (entry,) = entries(app)
    assert (entry.action, entry.outcome, entry.facts) == (
        "sign_in.refused", "failure", {"email": member.email, "reason": "wrong code"},
    )  # fmt: skip
    assert (entry.actor_type, entry.target_id) == ("anonymous", str(member.id))
    assert give(reader, phone.code).status == 303


@pytest.mark.parametrize(("code", "problem"), [("", "Enter the code."), ("1" * 41, "This is too long.")])
def test_an_incomplete_form_says_so_and_is_no_try(
    app: Flask, member: Someone, phone: Phone, code: str, problem: str
) -> None:
    reader = give_password(app, member)

    for _ in range(second_step.MOST_TRIES + 1):
        page = give(reader, code)
        assert (page.status, problem in page.words) == (422, True)

    assert entries(app) == []


@pytest.mark.parametrize("code", ["abcdef", "１２３４５６", "12345", "\x00" * 6, "\udc80", "ABCDEF-" * 4, "🐘" * 6])
def test_whatever_is_typed_is_only_wrong(app: Flask, member: Someone, phone: Phone, code: str) -> None:
    reader = give_password(app, member)

    for to in (CODE, RECOVERY):
        assert give(reader, code.encode("utf-8", "replace").decode(), to=to).status == 401


def test_blanks_in_a_code_are_nothing(app: Flask, member: Someone, phone: Phone) -> None:
    reader = give_password(app, member)

    assert give(reader, lambda: f" {phone.code()[:3]} {phone.code()[3:]} ").status == 303


# Once, and only for a while


def test_a_code_works_once(app: Flask, member: Someone, phone: Phone) -> None:
    first, second = give_password(app, member), give_password(app, member)
    assert give(first, phone.code).status == 303

    assert give(second, phone.code).status == 401
    assert give(second, lambda: phone.code(steps=-1)).status == 401  # nor one from before it
    assert give(second, lambda: phone.code(steps=1)).status == 303


@pytest.mark.parametrize(("after", "status"), [(59, 303), (61, 401)])
def test_a_code_stands_for_half_a_minute_and_a_little(
    app: Flask, member: Someone, phone: Phone, after: int, status: int
) -> None:
    with clock.set_to(START):
        code = phone.code()

    assert give(give_password(app, member, after=after), code, after=after).status == status


def test_the_time_for_a_code_is_ten_minutes(app: Flask, member: Someone, phone: Phone) -> None:
    reader = give_password(app, member)

    answer = give(reader, phone.code, to=f"{CODE}?next=/profile", after=600)

    assert answer.location == "/sign-in?next=/profile"
    with clock.set_to(START + timedelta(minutes=10)):
        assert "The time for the code is over." in reader.get(answer.location).words
    assert give(give_password(app, member, after=600), phone.code, after=1199).status == 303


def test_a_new_password_ends_the_waiting_for_a_code(app: Flask, member: Someone, phone: Phone) -> None:
    reader = give_password(app, member)
    with app.app_context():
        sessions.end_all(member.id)
        db.session.commit()

    assert give(reader, phone.code).location == "/sign-in"
    assert give(give_password(app, member), phone.code).status == 303  # which was not used up


@pytest.mark.parametrize("change", [{"active": False}, None])
def test_who_may_not_come_in_any_more_is_not_let_in(
    app: Flask, member: Someone, phone: Phone, change: dict[str, bool] | None
) -> None:
    reader = give_password(app, member)
    with app.app_context():
        if change is None:
            two_factor.remove(member.id)
        else:
            db.session.execute(update(Person).values(**change))
        db.session.commit()

    assert give(reader, phone.code).location == "/sign-in"
    assert rows(app) == []


# Recovery codes


def test_a_recovery_code_works_once_however_it_is_typed(app: Flask, member: Someone, phone: Phone) -> None:
    code = phone.recovery_codes[0]

    typed = f" {code.lower().replace('-', ' ')} "
    assert give(give_password(app, member), typed, to=RECOVERY).status == 303
    page = give(give_password(app, member), code, to=RECOVERY)

    assert page.status == 401
    assert "none of your recovery codes" in page.words
    assert give(give_password(app, member), phone.recovery_codes[1], to=RECOVERY).status == 303


def test_each_kind_of_code_has_its_own_page(app: Flask, member: Someone, phone: Phone) -> None:
    reader = give_password(app, member)

    with clock.set_to(START):
        page = reader.get(f"{CODE}?next=/profile")
        link = page.select_one(".undernote a")
        assert link is not None
        assert "recovery code" in reader.get(str(link["href"])).heading()
    assert give(reader, phone.code, to=RECOVERY).status == 401
    assert give(reader, phone.recovery_codes[0]).status == 401
    assert give(reader, phone.recovery_codes[0], to=str(link["href"])).location == "/profile"


def test_the_database_holds_no_recovery_code(app: Flask, member: Someone, phone: Phone) -> None:
    with app.app_context():
        kept = {row.code_hash for row in db.session.scalars(select(RecoveryCode))}

    plain = [code.replace("-", "") for code in phone.recovery_codes]
    assert kept == {hashlib.sha256(code.encode()).hexdigest() for code in plain}
    assert all(len(code) * 5 >= 112 for code in plain)  # five bits a letter


# Guessing


def test_after_five_wrong_codes_the_right_one_has_to_wait_too(app: Flask, member: Someone, phone: Phone) -> None:
    reader = give_password(app, member)
    assert [give(reader, phone.wrong_code, after=second).status for second in range(6)] == [401] * 5 + [429]

    blocked = give(reader, phone.code, after=6)

    assert blocked.status == 429
    wait = int(blocked.response.headers["Retry-After"])
    assert wait == 30 - 6
    assert "Too many tries" in blocked.words
    assert give(reader, phone.code, after=6 + wait).status == 303
    assert [(entry.outcome, entry.facts.get("reason")) for entry in entries(app)] == [
        *[("failure", "wrong code")] * 5, *[("denied", "too many attempts")] * 2, ("success", None),
    ]  # fmt: skip


def test_typing_the_password_anew_gives_no_more_tries(app: Flask, member: Someone, phone: Phone) -> None:
    for _ in range(5):
        assert give(give_password(app, member), phone.wrong_code).status == 401

    assert give(give_password(app, member), phone.code).status == 429


def test_with_too_many_wrong_codes_the_password_is_asked_again(app: Flask, member: Someone, phone: Phone) -> None:
    reader = give_password(app, member)
    for _ in range(second_step.MOST_TRIES - 1):
        assert give(reader, phone.wrong_code).status in {401, 429}
    kept = reader.cookie()

    answer = give(reader, phone.wrong_code)

    assert answer.location == "/sign-in"
    with clock.set_to(START):
        assert "Too many wrong codes." in reader.get("/sign-in").words
    reader.keep(kept)
    assert give(reader, phone.code, after=120).location == "/sign-in"
    assert rows(app) == []


def test_another_account_is_not_touched(app: Flask, organisation: Place, member: Someone, phone: Phone) -> None:
    other = add_person(app, "Tom Price")
    join(app, organisation, other)
    with clock.set_to(START - timedelta(days=1)):
        others = enrol(app, other)
    reader = give_password(app, member)
    for _ in range(7):
        give(reader, phone.wrong_code)

    assert give(give_password(app, other), others.code).status == 303


def test_two_workers_share_the_count(
    make_app: Callable[[Settings], Flask], settings: Settings, app: Flask, member: Someone, phone: Phone
) -> None:
    first, second = give_password(app, member), give_password(make_app(settings), member)

    statuses = [give(browser, phone.wrong_code).status for _ in range(3) for browser in (first, second)]

    assert statuses == [401] * 5 + [429]


def test_a_guesser_cannot_flood_the_log(app: Flask, member: Someone, phone: Phone) -> None:
    for tries in (9, *[1] * 14):
        reader = give_password(app, member)
        for _ in range(tries):
            give(reader, phone.wrong_code)

    assert len(entries(app)) == 20


def test_a_wrong_password_does_not_tell_of_the_second_factor(app: Flask, member: Someone, phone: Phone) -> None:
    plain = add_person(app, "Tom Price")
    pages = []
    for someone in (member, plain):
        reader = Reader(app.test_client())
        token = reader.token()
        page = reader.post("/sign-in", {"email": someone.email, "password": "wrong"}, token=token)
        lines = page.text.replace(someone.email, "").splitlines()
        pages.append((page.status, [line for line in lines if "csrf_token" not in line]))

    assert pages[0] == pages[1]


# At once


def test_of_a_hundred_who_type_the_same_code_at_once_one_gets_in(
    app: Flask, member: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = enrol(app, member).code()
    assert at_once(app, member, monkeypatch, lambda: code, to=CODE, number=100) == {303: 1, 401: 99}
    assert sum(not row.awaits_code for row in rows(app)) == 1
    assert [entry.action for entry in entries(app)].count("sign_in.succeeded") == 1


def test_of_many_who_type_the_same_recovery_code_at_once_one_gets_in(
    app: Flask, member: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = enrol(app, member).recovery_codes[0]
    assert at_once(app, member, monkeypatch, lambda: code, to=RECOVERY, number=12) == {303: 1, 401: 11}


def test_of_two_codes_in_one_browser_at_once_one_is_taken(
    app: Flask, member: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = enrol(app, member)
    codes = [*phone.recovery_codes]
    assert at_once(app, member, monkeypatch, codes.pop, to=RECOVERY, number=8, browsers=1) == {303: 8}
    with app.app_context():
        assert two_factor.count_recovery_codes(member.id) == 9
    assert sum(not row.awaits_code for row in rows(app)) == 1


def at_once(
    app: Flask,
    member: Someone,
    monkeypatch: pytest.MonkeyPatch,
    code: Callable[[], str],
    *,
    to: str,
    number: int,
    browsers: int | None = None,
) -> dict[int, int]:
    """Type codes in so many browsers at the same moment, whatever number of tries is free; count the answers."""
    for limit in ("FREE_TRIES", "MOST_TRIES"):
        monkeypatch.setattr(second_step, limit, 1000)
    app.config["WTF_CSRF_ENABLED"] = False
    with app.app_context():
        waiting = [sessions.start(member.id, Origin(), awaits_code=True) for _ in range(browsers or number)]
        db.session.commit()

    def try_it(which: int) -> int:
        client = app.test_client()
        with client.session_transaction() as session:
            session["awaits_code"] = waiting[which % len(waiting)]
        return client.post(to, data={"code": typed[which]}).status_code

    typed = [code() for _ in range(number)]
    with ThreadPoolExecutor(number) as threads:
        statuses = list(threads.map(try_it, range(number)))
    return {status: statuses.count(status) for status in sorted(set(statuses))}


def test_signing_in_as_someone_else_ends_the_first_session(app: Flask, member: Someone, organisation: Place) -> None:
    other = add_person(app, "Tom Price")
    join(app, organisation, other, "admin")
    phone = enrol(app, other)
    reader = Reader(app.test_client())
    token = reader.token()
    reader.post("/sign-in", {"email": member.email, "password": PASSWORD}, token=token)
    reader.someone = member

    reader.sign_in(other.email)
    reader.someone = None
    assert [entry.action for entry in entries(app)] == ["sign_in.succeeded", "sign_out.completed"]
    reader.post(CODE, {"code": phone.code()})

    assert "Tom Price" in reader.get("/profile").text
