"""Settings → Sign-in: one's own password, second factor and devices."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest
from flask import Flask
from sqlalchemy import select, update

from auditweb import clock
from auditweb.accounts import passwords, proof, sessions, two_factor
from auditweb.accounts.permissions import Role
from auditweb.config import Settings
from auditweb.extensions import db
from auditweb.models import Event, Organisation, PasswordReset, Person, RecoveryCode, SignInSession
from auditweb.parties import Origin
from tests.integration.conftest import SignedInAs
from tests.place_files import place, write_places
from tests.readers import PASSWORD, Page, Place, Reader, Someone, add_person, join, open_session
from tests.second_factors import Phone, enrol

HERE = "/o/northgate/settings/sign-in"
CHANGE = f"{HERE}/password"
TURN_OFF = f"{HERE}/two-factor/turn-off"
RECOVERY = f"{HERE}/two-factor/recovery-codes"
SIGN_OUT = f"{HERE}/devices/sign-out"
OTHERS = f"{HERE}/devices/sign-out-others"

NEW = "a new one that nobody guesses"
NOW = datetime(2026, 11, 23, 10, 42, 7, tzinfo=UTC)
WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 26_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 "
    "Mobile/15E148 Safari/604.1"
)


@pytest.fixture
def member(app: Flask, organisation: Place, somebody: Someone) -> Someone:
    join(app, organisation, somebody, "owner")
    return somebody


@pytest.fixture
def reader(app: Flask, member: Someone) -> Reader:
    return open_session(app, app.test_client(), member)


@pytest.fixture
def phone(app: Flask, member: Someone) -> Phone:
    return enrol(app, member)


def entries(app: Flask) -> list[Event]:
    with app.app_context():
        return list(db.session.scalars(select(Event).order_by(Event.id)))


def hash_of(app: Flask, someone: Someone) -> str:
    with app.app_context():
        return db.session.get_one(Person, someone.id).password_hash


def error_of(page: Page, field: str) -> str:
    error = page.select_one(f"#{field}-error")
    assert error is not None, page.words
    assert page.select_one(f"#{field}[aria-invalid=true]")
    return error.get_text().strip()


def notice_on(page: Page) -> str:
    return " ".join(tag.get_text(" ", strip=True) for tag in page.select(".settings > .notice"))


@pytest.mark.parametrize("role", list(Role))
def test_the_page_is_for_every_role_and_no_auditor_has_it_in_the_sidebar(signed_in_as: SignedInAs, role: Role) -> None:
    reader = signed_in_as(role)

    page = reader.get(HERE)

    assert (page.status, page.heading()) == (200, "Sign-in")
    in_sidebar = [str(link["href"]) for link in page.select("nav[aria-label=Settings] a")]
    assert (HERE in in_sidebar) is (role is not Role.AUDITOR)
    assert HERE in [str(link["href"]) for link in reader.get("/profile").select("#account-menu a")]
    for address in (CHANGE, TURN_OFF, RECOVERY):
        assert reader.get(address).status == (200 if address == CHANGE else 303)


def test_of_another_organisation_there_is_no_such_page(reader: Reader, other_organisation: Place) -> None:
    for path in ("", "/password", "/two-factor/turn-off", "/two-factor/recovery-codes"):
        assert reader.get(f"/o/osaka-bay/settings/sign-in{path}").status == 404
    for path in ("/password", "/two-factor/turn-off", "/devices/sign-out", "/devices/sign-out-others"):
        assert reader.post(f"/o/osaka-bay/settings/sign-in{path}").status == 404


# The password


def test_a_changed_password_is_the_only_one_that_signs_in(app: Flask, member: Someone, reader: Reader) -> None:
    before, old = hash_of(app, member), reader.cookie()
    other = open_session(app, app.test_client(), member)
    with app.app_context():
        waiting = sessions.start(member.id, Origin(), awaits_code=True)
        db.session.add(PasswordReset(token_hash="x", person_id=member.id, expires_at=clock.now() + timedelta(hours=1)))
        db.session.commit()

    answer = reader.post(CHANGE, {"password": PASSWORD, "new": NEW})

    assert (answer.status, answer.location) == (303, HERE)
    assert "Your password is changed" in notice_on(reader.get(HERE))
    assert hash_of(app, member) != before
    assert passwords.verify(hash_of(app, member), NEW)
    assert other.get("/profile").status == 302
    with app.app_context():
        assert sessions.awaiting_code(waiting) is None
        assert db.session.scalars(select(PasswordReset)).all() == []
    assert reader.cookie() != old
    reader.keep(old)
    assert reader.get("/profile").status == 302
    assert Reader(app.test_client()).sign_in(member.email, PASSWORD).status == 401
    assert Reader(app.test_client()).sign_in(member.email, NEW).status == 303


@pytest.mark.parametrize(
    ("form", "field", "problem"),
    [
        ({"password": "", "new": NEW}, "password", "Enter your password."),
        ({"password": "wrong", "new": NEW}, "password", "This is not your password."),
        ({"password": PASSWORD, "new": ""}, "new", "Enter a new password."),
        ({"password": PASSWORD, "new": "short"}, "new", "Use at least 12 characters."),
        ({"password": PASSWORD, "new": "x" * 1025}, "new", "Use at most 1,024 characters."),
        ({"password": PASSWORD, "new": "password1234"}, "new", "one of the passwords that are tried first"),
        ({"password": PASSWORD, "new": "Ada.Okafor.2026"}, "new", "made of your name"),
        ({"password": PASSWORD, "new": "importops importops 7"}, "new", "made of your name"),
        ({"password": PASSWORD, "new": PASSWORD}, "new", "This is your password already."),
    ],
)
def test_a_refused_password_changes_nothing_and_says_why(
    app: Flask, member: Someone, reader: Reader, form: dict[str, str], field: str, problem: str
) -> None:
    before = hash_of(app, member)

    page = reader.post(CHANGE, form)

    assert page.status == 422
    assert problem in error_of(page, field)
    assert NEW not in page.text
    assert (hash_of(app, member), entries(app)) == (before, [])
    assert reader.get("/profile").status == 200


def test_with_a_second_factor_a_code_is_part_of_the_proof(
    app: Flask, member: Someone, phone: Phone, reader: Reader
) -> None:
    wrong = {"password": PASSWORD, "new": NEW, "code": phone.wrong_code()}
    assert "This code is not right" in error_of(reader.post(CHANGE, wrong), "code")
    assert reader.post(CHANGE, wrong | {"code": ""}).status == 422
    refused = reader.post(CHANGE, {"password": PASSWORD, "new": "short", "code": phone.code()})
    assert refused.status == 422  # for another reason, so that the code is still good

    assert reader.post(CHANGE, wrong | {"code": phone.code()}).status == 303
    assert reader.post(CHANGE, {"password": NEW, "new": NEW + "!", "code": phone.code()}).status == 422  # used
    assert reader.post(CHANGE, {"password": NEW, "new": NEW + "!", "code": phone.recovery_codes[0]}).status == 303
    assert reader.post(CHANGE, {"password": NEW + "!", "new": NEW, "code": phone.recovery_codes[0]}).status == 422


def test_proof_is_not_to_be_guessed(app: Flask, member: Someone, reader: Reader) -> None:
    for _ in range(proof.FREE_TRIES):
        assert error_of(reader.post(CHANGE, {"password": "wrong", "new": NEW}), "password")

    blocked = reader.post(CHANGE, {"password": PASSWORD, "new": NEW})

    assert error_of(blocked, "password").startswith("Too many tries. Wait ")
    assert blocked.status == 429
    assert 0 < int(blocked.response.headers["Retry-After"]) <= 30
    assert entries(app) == []


def test_a_second_factor_turned_on_in_another_tab_is_asked_for(
    app: Flask, member: Someone, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the password is checked."""
    verify = passwords.verify

    def meanwhile(hashed: str | None, password: str) -> bool:
        enrol(app, member)
        return verify(hashed, password)

    monkeypatch.setattr(passwords, "verify", meanwhile)
    refused = reader.post(CHANGE, {"password": PASSWORD, "new": NEW})

    assert refused.status == 422
    assert error_of(refused, "password").startswith("Two-factor authentication was turned on meanwhile.")
    assert reader.get(CHANGE).select_one("input[name=code]") is not None


def test_of_two_who_change_it_at_once_one_does(app: Flask, member: Someone) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    readers = [open_session(app, app.test_client(), member) for _ in range(2)]
    statuses: list[str | None] = []
    start = Barrier(2)

    def change(reader: Reader, new: str) -> None:
        start.wait()
        statuses.append(reader.client.post(CHANGE, data={"password": PASSWORD, "new": new}).headers.get("Location"))

    threads = [Thread(target=change, args=(reader, NEW + str(n))) for n, reader in enumerate(readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses.count(HERE) == 1
    assert [entry.action for entry in entries(app)] == ["password.changed"]
    with app.app_context():
        assert len(db.session.scalars(select(SignInSession)).all()) == 1


def test_a_sign_in_under_way_does_not_outlive_the_change(
    app: Flask, member: Someone, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever typed the old password while it was being changed is not let in with it."""
    verify = passwords.verify

    def verify_and_change(hashed: str | None, typed: str) -> bool:
        right = verify(hashed, typed)
        with app.app_context():
            db.session.execute(update(Person).values(password_hash=passwords.hash_password(NEW)))
            db.session.commit()
        return right

    monkeypatch.setattr(passwords, "verify", verify_and_change)
    assert Reader(app.test_client()).sign_in(member.email).status == 401
    assert verify(hash_of(app, member), NEW)


# The second factor


def test_the_page_tells_how_it_stands(app: Flask, member: Someone, reader: Reader) -> None:
    page = reader.get(HERE)
    assert badge(page) == "Off"
    form = page.select_one("form[action^='/two-factor/set-up/begin']")
    assert form is not None
    assert reader.post(str(form["action"])).location == f"/two-factor/set-up?next={HERE}"

    phone = enrol(app, member)
    page = reader.get(HERE)
    assert badge(page) == "On"
    assert "10 of 10 left" in page.words
    for code in phone.recovery_codes[:7]:
        with app.app_context():
            assert two_factor.take_recovery_code(member.id, code)
            db.session.commit()
    assert "3 of 10 left, make new ones soon" in reader.get(HERE).words


def badge(page: Page) -> str:
    found = page.select_one("#factor-title .badge")
    assert found is not None
    return found.get_text()


def test_turning_it_off_takes_fresh_proof(app: Flask, member: Someone, phone: Phone, reader: Reader) -> None:
    other, old = open_session(app, app.test_client(), member), reader.cookie()
    for form in ({"password": PASSWORD, "code": phone.wrong_code()}, {"password": "wrong", "code": phone.code()}, {}):
        assert reader.post(TURN_OFF, form).status == 422
    assert entries(app) == []

    answer = reader.post(TURN_OFF, {"password": PASSWORD, "code": phone.code()})

    assert (answer.status, answer.location) == (303, HERE)
    assert "Two-factor authentication is off" in notice_on(reader.get(HERE))
    assert [entry.action for entry in entries(app)] == ["two_factor.removed"]
    assert other.get("/profile").status == 302
    reader.keep(old)
    assert reader.get("/profile").status == 302
    with app.app_context():
        assert not two_factor.is_enrolled(member.id)
        assert db.session.scalars(select(RecoveryCode)).all() == []
    assert Reader(app.test_client()).sign_in(member.email).location == "/"


@pytest.mark.parametrize("where", ["northgate", "osaka-bay"])
def test_it_stays_on_where_an_organisation_demands_it(
    app: Flask, other_organisation: Place, member: Someone, phone: Phone, reader: Reader, where: str
) -> None:
    join(app, other_organisation, member, "admin")
    demand(app, where, None)
    name = {"northgate": "Northgate Imports", "osaka-bay": "Osaka Bay Motors"}[where]

    assert not reader.get(HERE).select(f'a[href="{TURN_OFF}"]')
    for page, status in ((reader.get(TURN_OFF), 200), (reader.post(TURN_OFF, {"password": PASSWORD}), 409)):
        assert page.status == status
        assert f"{name} lets you in only with two-factor authentication, so it cannot be turned off." in page.words
        assert not page.select("input[name=password]")

    assert entries(app) == []
    with app.app_context():
        assert two_factor.is_enrolled(member.id)


def demand(app: Flask, slug: str, since: datetime | None) -> None:
    with app.app_context():
        rule = {"two_factor_rule": "everyone", "two_factor_from": since}
        db.session.execute(update(Organisation).where(Organisation.slug == slug).values(**rule))
        db.session.commit()


def test_a_day_to_come_is_announced(app: Flask, other_organisation: Place, member: Someone, reader: Reader) -> None:
    join(app, other_organisation, member)
    assert notice_on(reader.get(HERE)) == ""

    demand(app, "osaka-bay", datetime(2027, 3, 2, 20, 0, tzinfo=UTC))  # which is tomorrow there
    with clock.set_to(NOW):
        reader = open_session(app, app.test_client(), member)
        told = notice_on(reader.get(HERE))
    assert told == (
        "Osaka Bay Motors lets you in only with two-factor authentication from 3 March 2027 on. Set it up before then."
    )
    demand(app, "osaka-bay", None)
    assert "Osaka Bay Motors lets you in only with two-factor authentication." in reader_of(app, member).get(HERE).words
    enrol(app, member)
    assert notice_on(reader_of(app, member).get(HERE)) == ""


def reader_of(app: Flask, someone: Someone) -> Reader:
    return open_session(app, app.test_client(), someone)


def test_new_recovery_codes_replace_the_old(app: Flask, member: Someone, phone: Phone, reader: Reader) -> None:
    assert reader.post(RECOVERY, {"password": PASSWORD, "code": phone.wrong_code()}).status == 422

    done = reader.post(RECOVERY, {"password": PASSWORD, "code": phone.code()})

    codes = [tag.get_text() for tag in done.select(".codes li")]
    assert (done.status, len(set(codes))) == (200, 10)
    assert not set(codes) & set(phone.recovery_codes)
    onwards = done.select_one("a.btn.primary")
    assert onwards is not None
    assert onwards["href"] == HERE
    assert [entry.action for entry in entries(app)] == ["recovery_codes.created"]
    with app.app_context():
        assert not two_factor.take_recovery_code(member.id, phone.recovery_codes[0])
        assert two_factor.take_recovery_code(member.id, codes[0])


# The devices


@pytest.fixture
def devices(app: Flask, member: Someone) -> list[str]:
    """Two other devices of the member, and what must not be shown: too old, waiting for a code, somebody else's."""
    other = add_person(app, "Tom Price")
    with app.app_context():
        for minutes, ip, agent, person, waits in (
            (3, "203.0.113.58", WINDOWS, member, False),
            (25, "2001:db8::7", IPHONE, member, False),
            (31, "198.51.100.1", "Too old", member, False),
            (1, "198.51.100.2", "Waits for a code", member, True),
            (1, "198.51.100.3", "Somebody else's", other, False),
        ):
            with clock.set_to(NOW - timedelta(minutes=minutes)):
                sessions.start(person.id, Origin(ip, agent), awaits_code=waits)
        db.session.commit()
        return list(db.session.scalars(select(SignInSession.id_hash).order_by(SignInSession.seen_at.desc())))


@pytest.mark.usefixtures("at_now", "devices")
def test_the_devices_are_listed_this_one_first(app: Flask, member: Someone) -> None:
    reader = reader_of(app, member)

    rows = [
        " ".join(row.get_text(" ").split())
        for row in reader.get(HERE).select("#devices-title ~ .rowlist, .rowlist")[-1].select("li")
    ]

    assert rows == [
        "an unknown device This device 127.0.0.1 · signed in just now",
        "Chrome 156 on Windows 203.0.113.58 · signed in 3 min ago · last seen 3 min ago "
        "Sign out Chrome 156 on Windows, last seen 3 min ago",
        "Mobile Safari 26 on iOS 2001:db8::7 · signed in 25 min ago · last seen 25 min ago "
        "Sign out Mobile Safari 26 on iOS, last seen 25 min ago",
    ]  # fmt: skip


@pytest.mark.usefixtures("at_now", "devices")
def test_one_device_is_signed_out(app: Flask, member: Someone) -> None:
    reader = reader_of(app, member)
    button = reader.get(HERE).select("button[name=device]")[1]

    assert reader.post(SIGN_OUT, {"device": str(button["value"])}).location == HERE

    page = reader.get(HERE)
    assert notice_on(page) == "You are signed out on Mobile Safari 26 on iOS."
    assert len(page.select("button[name=device]")) == 1
    assert [(entry.action, entry.facts) for entry in entries(app)] == [
        ("session.ended", {"device": "Mobile Safari 26 on iOS"})
    ]
    again = reader.post(SIGN_OUT, {"device": str(button["value"])})
    assert (again.status, "it was signed out already" in notice_on(again)) == (404, True)
    assert len(entries(app)) == 1


@pytest.mark.usefixtures("at_now")
def test_nothing_but_ones_own_other_devices_is_signed_out(app: Flask, member: Someone, devices: list[str]) -> None:
    reader = reader_of(app, member)
    with app.app_context():
        everything = set(db.session.scalars(select(SignInSession.id_hash)))
    listed = {str(button["value"]) for button in reader.get(HERE).select("button[name=device]")}
    assert listed < set(devices)

    for other in [*(everything - listed), "", "x", "\x00", "f" * 64]:
        assert reader.post(SIGN_OUT, {"device": other}).status == 404

    with app.app_context():
        assert set(db.session.scalars(select(SignInSession.id_hash))) == everything
    assert entries(app) == []


@pytest.mark.usefixtures("at_now", "devices")
def test_all_others_are_signed_out(app: Flask, member: Someone) -> None:
    reader = reader_of(app, member)

    assert reader.post(OTHERS).location == HERE

    assert notice_on(reader.get(HERE)) == "You are signed out on 2 other devices."
    assert [(entry.action, entry.facts) for entry in entries(app)] == [("session.others_ended", {"devices": "2"})]
    with app.app_context():
        left = db.session.scalars(select(SignInSession.person_id).order_by(SignInSession.person_id)).all()
    assert [person == member.id for person in left] == [True, False]
    reader.post(OTHERS)
    assert notice_on(reader.get(HERE)) == "You are signed in on this device only."
    assert len(entries(app)) == 1


@pytest.mark.usefixtures("at_now")
def test_a_device_is_shown_as_what_it_says_of_itself_and_no_more(app: Flask, member: Someone) -> None:
    with app.app_context():
        sessions.start(member.id, Origin("203.0.113.9", "<b>\u202eevil</b>" + "x" * 400))
        db.session.commit()
    reader = reader_of(app, member)
    page = reader.get(HERE)

    assert "\u202e" not in page.text
    assert "<b>\u202e" not in page.text
    device = page.select_one("button[name=device]")
    assert device is not None
    assert reader.post(SIGN_OUT, {"device": str(device["value"])}).status == 303
    assert "\u202e" not in reader.get(HERE).text
    assert len(entries(app)[0].facts["device"]) <= 60


def test_where_the_operator_has_a_file_of_places_they_are_told(
    settings: Settings, make_app: Callable[[Settings], Flask], member: Someone, tmp_path: Path
) -> None:
    file = write_places(tmp_path / "places.mmdb", {"203.0.113.0/24": place("Bristol", "United Kingdom")})
    knowing = make_app(settings.model_copy(update={"places_file": file}))
    with knowing.app_context():
        for ip in ("203.0.113.58", "198.51.100.7"):
            sessions.start(member.id, Origin(ip, WINDOWS))
        db.session.commit()

    page = reader_of(knowing, member).get(HERE)

    assert "203.0.113.58 · about Bristol, United Kingdom · signed in" in page.words
    assert "198.51.100.7 · signed in" in page.words
