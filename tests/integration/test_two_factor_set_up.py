"""Setting up a second factor, freely or because an organisation demands it: the page, the codes, what it changes."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
import segno
from flask import Flask
from sqlalchemy import select, update

from auditweb import clock
from auditweb.accounts import sessions, two_factor
from auditweb.extensions import db
from auditweb.models import Event, Organisation, Person, RecoveryCode, SignInSession, TwoFactor
from auditweb.parties import Origin
from tests.readers import PASSWORD, Page, Place, Reader, Someone, add_person, join, open_session

SET_UP = "/two-factor/set-up"
BEGIN = f"{SET_UP}/begin"
LATER = datetime(2999, 1, 1, tzinfo=UTC)


@pytest.fixture
def member(app: Flask, organisation: Place, somebody: Someone) -> Someone:
    join(app, organisation, somebody, "owner")
    return somebody


@pytest.fixture
def reader(app: Flask, member: Someone) -> Reader:
    return open_session(app, app.test_client(), member)


def secret_on(page: Page) -> str:
    shown = page.select_one(".secret")
    assert shown is not None
    return shown.get_text().replace(" ", "")


def code_for(page: Page, *, steps: int = 0) -> str:
    return pyotp.TOTP(secret_on(page)).generate_otp(two_factor.step_at(clock.now()) + steps)


def demand(app: Flask, place: Place, rule: str, since: datetime | None = None) -> None:
    with app.app_context():
        wanted = {"two_factor_rule": rule, "two_factor_from": since}
        db.session.execute(update(Organisation).where(Organisation.id == place.id).values(**wanted))
        db.session.commit()


def test_it_is_set_up_with_a_code_of_the_app(app: Flask, organisation: Place, reader: Reader) -> None:
    before, there = reader.get(SET_UP), reader.cookie()
    assert not before.select(".secret, svg path")
    assert reader.post(f"{BEGIN}?next={organisation.log}").location == f"{SET_UP}?next={organisation.log}"
    page = reader.get(f"{SET_UP}?next={organisation.log}")

    done = reader.post(f"{SET_UP}?next={organisation.log}", {"code": code_for(page)})

    assert done.status == 200
    codes = [tag.get_text() for tag in done.select(".codes li")]
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"(?:[A-Z2-9]{6}-){3}[A-Z2-9]{6}", code) for code in codes)
    onwards = done.select_one("a.btn.primary")
    assert onwards is not None
    assert onwards["href"] == organisation.log
    assert reader.get(organisation.log).status == 200
    assert reader.cookie() != there
    with app.app_context():
        kept = db.session.scalars(select(RecoveryCode.code_hash)).all()
    assert len(kept) == 10
    assert not set(kept) & set(codes)
    assert not [code for code in codes if code in reader.get(SET_UP).text]  # shown once


def test_the_qr_code_is_drawn_in_the_page_and_says_what_the_text_does(
    app: Flask, reader: Reader, member: Someone
) -> None:
    reader.post(BEGIN)
    page = reader.get(SET_UP)
    drawn = page.select_one(".qr svg")
    assert drawn is not None
    assert not drawn.select("[style], style, script, image")
    with app.app_context():
        secret = two_factor.pending_secret(member.id)

    address = urlsplit(two_factor.address_for_apps(secret_on(page), member.email))
    assert secret_on(page) == secret
    (dark,) = [path["d"] for path in drawn.select("path[stroke]")]
    assert str(dark) in segno.make(address.geturl(), micro=False, error="m").svg_inline(border=3)
    assert (address.scheme, address.netloc, address.path) == ("otpauth", "totp", "/ImportOps:ada%40northgate.example")
    assert parse_qs(address.query) == {"secret": [secret], "issuer": ["ImportOps"]}


def test_looking_at_the_page_begins_nothing(app: Flask, reader: Reader) -> None:
    reader.get(SET_UP)

    with app.app_context():
        assert db.session.scalars(select(TwoFactor)).all() == []


def test_a_wrong_code_sets_nothing_up_and_leaves_the_qr_code(app: Flask, reader: Reader) -> None:
    reader.post(BEGIN)
    page = reader.get(SET_UP)

    for code, problem in (("", "Enter the code."), (code_for(page, steps=9), "not the code that the app shows")):
        refused = reader.post(SET_UP, {"code": code})
        assert (refused.status, secret_on(refused)) == (422, secret_on(page))
        error = refused.select_one("#code-error")
        assert error is not None
        assert problem in error.get_text()
        assert f'value="{code}"' in refused.text

    assert entries(app) == []
    with app.app_context():
        assert db.session.scalars(select(TwoFactor.enrolled_at)).all() == [None]
        assert db.session.scalars(select(RecoveryCode)).all() == []


def test_beginning_anew_makes_a_new_secret(reader: Reader) -> None:
    reader.post(BEGIN)
    first = reader.get(SET_UP)
    reader.post(BEGIN)
    second = reader.get(SET_UP)

    assert secret_on(first) != secret_on(second)
    assert reader.post(SET_UP, {"code": code_for(first)}).status == 422
    assert reader.post(SET_UP, {"code": code_for(second)}).status == 200


def test_a_code_before_it_has_begun_sets_nothing_up(reader: Reader) -> None:
    page = reader.post(SET_UP, {"code": "123456"})

    assert (page.status, page.location) == (303, SET_UP)
    assert "Show the QR code" in reader.get(SET_UP).words


def test_what_another_session_began_is_never_shown(app: Flask, member: Someone, reader: Reader) -> None:
    """Whoever once had somebody's session open must not know the secret that is then taken into use."""
    thief = open_session(app, app.test_client(), member)
    thief.post(BEGIN)
    secret = secret_on(thief.get(SET_UP))

    assert "Show the QR code" in reader.get(SET_UP).words
    assert reader.post(SET_UP, {"code": pyotp.TOTP(secret).now()}).location == SET_UP
    reader.post(BEGIN)
    assert secret_on(reader.get(SET_UP)) != secret
    with app.app_context():
        assert not two_factor.is_enrolled(member.id)


def test_a_session_left_open_cannot_lock_its_owner_out(app: Flask, reader: Reader) -> None:
    with clock.set_to(clock.now() + timedelta(minutes=11)):
        assert reader.get(SET_UP).select_one("input[name=password]")
        for form, problem in (({}, "Enter your password."), ({"password": "not hers"}, "This is not your password.")):
            page = reader.post(BEGIN, form)
            assert (page.status, problem in page.words, page.select(".secret")) == (422, True, [])
        assert reader.post(BEGIN, {"password": PASSWORD}).location == SET_UP
        assert secret_on(reader.get(SET_UP))


def test_one_that_is_in_use_is_not_replaced(app: Flask, reader: Reader) -> None:
    reader.post(BEGIN)
    reader.post(SET_UP, {"code": code_for(reader.get(SET_UP))})
    with app.app_context():
        (before,) = db.session.scalars(select(TwoFactor.secret)).all()

    assert reader.post(f"{BEGIN}?next=/profile").location == f"{SET_UP}?next=/profile"
    assert reader.get(f"{SET_UP}?next=/profile").location == "/profile"
    assert reader.post(f"{SET_UP}?next=//evil.example", {"code": "123456"}).location == "/"

    with app.app_context():
        assert db.session.scalars(select(TwoFactor.secret)).all() == [before]


def test_enrolment_is_one_entry_in_each_organisation_ends_other_sessions_and_renews_this_one(
    app: Flask, organisation: Place, other_organisation: Place, member: Someone
) -> None:
    join(app, other_organisation, member)
    other = open_session(app, app.test_client(), member)
    reader = open_session(app, app.test_client(), member)
    reader.headers = {"User-Agent": "A browser/1.0"}
    reader.post(BEGIN)
    old = reader.cookie()

    done = reader.post(SET_UP, {"code": code_for(reader.get(SET_UP))})

    told = [(entry.org_id, entry.action, entry.facts, entry.actor_id, entry.user_agent) for entry in entries(app)]
    what = ("two_factor.enrolled", {"method": "authenticator app"}, str(member.id), "A browser/1.0")
    assert told == [(organisation.id, *what), (other_organisation.id, *what)]
    assert other.get("/profile").status == 302
    assert done.status == 200
    assert reader.get("/profile").status == 200
    reader.keep(old)
    assert reader.get("/profile").status == 302


def test_the_session_is_as_old_as_it_was(app: Flask, member: Someone, reader: Reader) -> None:
    with app.app_context():
        (began,) = db.session.scalars(select(SignInSession.started_at)).all()
    with clock.set_to(clock.now() + timedelta(minutes=20)):
        reader.post(BEGIN, {"password": PASSWORD})
        reader.post(SET_UP, {"code": code_for(reader.get(SET_UP))})
    with app.app_context():
        assert db.session.scalars(select(SignInSession.started_at)).all() == [began]


def test_the_code_of_the_enrolment_does_not_sign_in(app: Flask, member: Someone, reader: Reader) -> None:
    reader.post(BEGIN)
    page = reader.get(SET_UP)
    code = code_for(page)
    reader.post(SET_UP, {"code": code})
    elsewhere = Reader(app.test_client())
    assert elsewhere.sign_in(member.email).location == "/sign-in/code"

    assert elsewhere.post("/sign-in/code", {"code": code}).status == 401


# Where it is demanded


@pytest.mark.parametrize(
    ("rule", "role", "since", "leads_there"),
    [
        ("everyone", "member", None, True),
        ("everyone", "owner", datetime(2026, 1, 1, tzinfo=UTC), True),
        ("everyone", "member", LATER, False),
        ("admins", "admin", None, True),
        ("admins", "auditor", None, False),
        ("optional", "owner", None, False),
    ],
)
def test_who_lacks_it_where_it_is_demanded_is_led_there(
    app: Flask, organisation: Place, rule: str, role: str, since: datetime | None, leads_there: bool
) -> None:
    demand(app, organisation, rule, since)
    someone = add_person(app, "Tom Price")
    join(app, organisation, someone, role)
    reader = open_session(app, app.test_client(), someone)
    address = "/o/northgate/settings/sign-in"

    answer = reader.get(address)

    assert answer.location == (f"{SET_UP}?next={address}" if leads_there else None)
    assert reader.get("/profile").status == 200
    if leads_there:
        part = reader.get(organisation.log + "?category=team", htmx=True)
        assert (part.status, part.text) == (401, "")
        there = urlsplit(part.response.headers["HX-Redirect"])
        assert (there.path, parse_qs(there.query)) == (SET_UP, {"next": [organisation.log + "?category=team"]})
        page = reader.get(str(answer.location))
        assert "Northgate Imports lets you in only with two-factor authentication." in page.words
        assert "Not now" not in page.words
        assert reader.post("/sign-out").location == "/sign-in"


def test_after_a_reset_it_is_asked_everywhere(app: Flask, organisation: Place, member: Someone, reader: Reader) -> None:
    with app.app_context():
        db.session.execute(update(Person).values(must_enrol=True))
        db.session.commit()

    sent = reader.get(organisation.log)
    page = reader.get(str(sent.location))
    assert "Your two-factor authentication was reset." in page.words
    assert "Not now" not in page.words
    reader.post(f"{BEGIN}?next={organisation.log}")
    done = reader.post(SET_UP, {"code": code_for(reader.get(SET_UP))})

    assert done.status == 200
    assert reader.get(organisation.log).status == 200
    with app.app_context():
        assert not db.session.get_one(Person, member.id).must_enrol


def test_whoever_does_it_freely_may_leave_it(reader: Reader, organisation: Place) -> None:
    page = reader.get(f"{SET_UP}?next={organisation.log}")

    links = {link.get_text(): link["href"] for link in page.select("a.btn")}
    assert links == {"Not now": organisation.log}


def test_nobody_sets_it_up_signed_out_or_with_the_password_alone(app: Flask, member: Someone, visitor: Reader) -> None:
    assert (visitor.get(SET_UP).location or "").startswith("/sign-in?")
    for address in (SET_UP, BEGIN):
        assert (visitor.post(address, {"code": "123456"}).location or "").startswith("/sign-in")
    with app.app_context():
        sessions.start(member.id, Origin(), awaits_code=True)
        assert db.session.scalars(select(TwoFactor)).all() == []


def test_a_session_ended_meanwhile_leads_to_signing_in(
    app: Flask, member: Someone, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the same form is sent twice at once: the second finds its session gone, and changes nothing."""
    reader.post(BEGIN)
    code = code_for(reader.get(SET_UP))
    lock = two_factor.enrol

    def enrol_after_the_end(person_id: int, code: str) -> bool:
        sessions.end_all(person_id)
        return lock(person_id, code)

    monkeypatch.setattr(two_factor, "enrol", enrol_after_the_end)
    answer = reader.post(SET_UP, {"code": code})

    assert (answer.location or "").startswith("/sign-in")
    assert entries(app) == []
    with app.app_context():
        assert db.session.scalars(select(TwoFactor.enrolled_at)).all() == [None]


def entries(app: Flask) -> list[Event]:
    with app.app_context():
        return list(db.session.scalars(select(Event).order_by(Event.id)))


def test_signing_in_leads_there_at_once(app: Flask, organisation: Place, member: Someone) -> None:
    demand(app, organisation, "everyone")
    reader = Reader(app.test_client())

    landed = reader.sign_in(member.email, PASSWORD, to=f"/sign-in?next={organisation.log}")

    assert landed.location == organisation.log
    assert reader.get(organisation.log).location == f"{SET_UP}?next={organisation.log}"
