"""A forgotten password: the link that is mailed, what it sets, and that nobody learns whose address is known."""

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import event, select, update

from auditweb import clock
from auditweb.accounts import password_changes, passwords
from auditweb.config import Settings
from auditweb.extensions import db
from auditweb.models import Event, PasswordReset, Person, SignInSession
from tests.log_pages import NOW, statements
from tests.mail_servers import SENDER, MailServer, mail_server
from tests.readers import PASSWORD, Page, Place, Reader, Someone, join, open_session
from tests.second_factors import enrol
from tests.servers import free_port

ASK = "/forgotten-password"
NOBODY = "nobody@northgate.example"
NEW = "a new one that nobody guesses"


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture
def settings(settings: Settings, mail: MailServer) -> Settings:
    return settings.model_copy(update=mail.settings)


@pytest.fixture
def member(app: Flask, organisation: Place, somebody: Someone) -> Someone:
    join(app, organisation, somebody, "owner")
    return somebody


def ask(reader: Reader, email: str) -> Page:
    return reader.post(ASK, {"email": email})


def link_in(mail: MailServer, number: int = 1) -> str:
    """Return the path that the latest of so many messages leads to."""
    found = re.findall(r"http://localhost(/reset-password/\S+)", mail.wait_for(number)[-1].get_content())
    assert len(found) == 1
    return str(found[0])


def entries(app: Flask) -> list[Event]:
    with app.app_context():
        return list(db.session.scalars(select(Event).order_by(Event.id)))


def hash_of(app: Flask, someone: Someone) -> str:
    with app.app_context():
        return db.session.get_one(Person, someone.id).password_hash


def test_the_link_of_the_mail_sets_a_new_password(
    app: Flask, member: Someone, visitor: Reader, mail: MailServer
) -> None:
    before, signed_in = hash_of(app, member), open_session(app, app.test_client(), member)
    link = visitor.get("/sign-in").select_one(f'a[href="{ASK}"]')
    assert link is not None

    answer = ask(visitor, f"  {member.email.upper()} ")
    assert (answer.status, answer.location) == (303, f"{ASK}/sent")
    assert visitor.get(f"{ASK}/sent").status == 200
    (message,) = mail.wait_for()
    assert (message["To"], message["From"]) == (member.email, f"ImportOps <{SENDER}>")
    page = visitor.get(link_in(mail))
    assert (page.status, page.heading()) == (200, "Set a new password")
    assert member.name not in page.text
    assert member.email not in page.text

    answer = visitor.post(link_in(mail), {"new": NEW})

    assert answer.location == "/sign-in"
    assert "Your new password is set." in visitor.get("/sign-in").words
    assert hash_of(app, member) != before
    assert signed_in.get("/profile").status == 302
    assert Reader(app.test_client()).sign_in(member.email, PASSWORD).status == 401
    assert Reader(app.test_client()).sign_in(member.email, NEW).status == 303


def test_a_second_factor_is_asked_all_the_same(app: Flask, member: Someone, visitor: Reader, mail: MailServer) -> None:
    enrol(app, member)
    ask(visitor, member.email)
    visitor.post(link_in(mail), {"new": NEW})

    assert visitor.sign_in(member.email, NEW).location == "/sign-in/code"
    assert visitor.get("/profile").status == 302


def test_only_the_hash_of_the_token_is_stored_and_no_log_has_it(
    app: Flask, member: Someone, visitor: Reader, mail: MailServer, capfd: pytest.CaptureFixture[str]
) -> None:
    ask(visitor, member.email)
    link = link_in(mail)
    token = link.rpartition("/")[2]
    assert len(token) >= 43  # 256 bits in base64
    with app.app_context():
        kept = db.session.scalars(select(PasswordReset.token_hash)).all()
    assert kept == [hashlib.sha256(token.encode()).hexdigest()]

    visitor.get(link)
    visitor.post(link, {"new": "short"})
    visitor.post(link, {"new": NEW})
    visitor.get(link)

    logged = capfd.readouterr().err
    assert logged.count('"route": "/reset-password/<token>"') == 4
    assert token not in logged
    assert NEW not in logged
    assert all(token not in repr((entry.facts, entry.summary, entry.target_id)) for entry in entries(app))


def test_opening_the_link_changes_nothing(app: Flask, member: Someone, visitor: Reader, mail: MailServer) -> None:
    ask(visitor, member.email)
    before = hash_of(app, member)
    for _ in range(3):
        for method in ("GET", "HEAD"):
            assert visitor.client.open(link_in(mail), method=method).status_code == 200

    assert hash_of(app, member) == before
    assert visitor.post(link_in(mail), {"new": NEW}).status == 303


@pytest.mark.parametrize(
    ("new", "problem"),
    [
        ("", "Enter a new password."),
        ("short", "Use at least 12 characters."),
        ("password1234", "one of the passwords that are tried first"),
        ("okafor.ada.2026", "made of your name"),
    ],
)
def test_a_refused_password_does_not_use_up_the_link(
    app: Flask, member: Someone, visitor: Reader, mail: MailServer, new: str, problem: str
) -> None:
    ask(visitor, member.email)

    page = visitor.post(link_in(mail), {"new": new})

    assert page.status == 422
    error = page.select_one("#new-error")
    assert error is not None
    assert problem in error.get_text()
    assert visitor.post(link_in(mail), {"new": NEW}).status == 303


# Links that do not work


def test_every_link_that_does_not_work_gets_the_same_page(
    app: Flask, member: Someone, visitor: Reader, mail: MailServer
) -> None:
    ask(visitor, member.email)
    used = link_in(mail)
    ask(visitor, member.email)
    replaced = link_in(mail, 2)
    assert used != replaced
    visitor.post(used, {"new": NEW})
    with clock.set_to(clock.now() + timedelta(minutes=20)):
        ask(visitor, member.email)
        good = link_in(mail, 3)
    altered = good[:-1] + ("A" if good[-1] != "A" else "B")
    before = hash_of(app, member)

    pages = []
    for link in (used, replaced, altered, "/reset-password/x", "/reset-password/%00", "/reset-password/" + "x" * 5000):
        page = visitor.get(link)
        pages.append(page.text)
        assert (page.status, visitor.post(link, {"new": NEW + "!"}).status) == (404, 404)
    with clock.set_to(clock.now() + timedelta(minutes=80)):
        pages.append(visitor.get(good).text)
        assert visitor.post(good, {"new": NEW + "!"}).status == 404

    assert len(set(pages)) == 1
    assert "This link does not work" in pages[0]
    assert hash_of(app, member) == before


def test_a_link_to_somebody_switched_off_does_not_work(
    app: Flask, member: Someone, visitor: Reader, mail: MailServer
) -> None:
    ask(visitor, member.email)
    link = link_in(mail)
    with app.app_context():
        db.session.execute(update(Person).values(active=False))
        db.session.commit()

    assert visitor.get(link).status == 404
    assert visitor.post(link, {"new": NEW}).status == 404
    assert ask(visitor, member.email).location == f"{ASK}/sent"
    with app.app_context():
        assert len(db.session.scalars(select(PasswordReset)).all()) == 1


def test_of_many_who_use_a_link_at_once_one_does(
    app: Flask, member: Someone, visitor: Reader, mail: MailServer
) -> None:
    ask(visitor, member.email)
    link = link_in(mail)
    app.config["WTF_CSRF_ENABLED"] = False

    def use(number: int) -> int:
        return app.test_client().post(link, data={"new": f"{NEW} {number}"}).status_code

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(use, range(8)))

    assert sorted(statuses) == [303] + [404] * 7
    assert [entry.action for entry in entries(app)] == ["password.reset_requested", "password.reset"]
    assert passwords.verify(hash_of(app, member), f"{NEW} {statuses.index(303)}")


# Who is known


def test_a_known_and_an_unknown_address_get_the_same_answer(
    app: Flask, member: Someone, visitor: Reader, mail: MailServer
) -> None:
    answers = [ask(visitor, email) for email in (NOBODY, "somebody@else.example", member.email)]

    assert {(answer.status, answer.location, answer.text) for answer in answers} == {
        (303, f"{ASK}/sent", answers[0].text)
    }
    assert [message["To"] for message in mail.wait_for()] == [member.email]
    assert NOBODY not in visitor.get(f"{ASK}/sent").text


def test_what_is_no_address_is_refused_beside_its_field(visitor: Reader, mail: MailServer) -> None:
    for typed in ("correct horse battery staple", "ana@", "a@b.example, c@d.example"):
        page = ask(visitor, typed)
        assert (page.status, "This is not an e-mail address." in page.words) == (422, True), typed


def test_an_unknown_address_costs_what_a_known_one_does(app: Flask, member: Someone) -> None:
    """The same look-ups, writings and commits, so that no clock tells them apart; the mail goes out after them."""
    with app.app_context():
        engine = db.engine

    def work(email: str) -> list[str]:
        reader = Reader(app.test_client())
        reader.token()
        with statements(app) as seen:
            event.listen(engine, "commit", commit := lambda _connection: seen.append("COMMIT"))
            status = ask(reader, email).status
            event.remove(engine, "commit", commit)
        kinds = {"BEGIN": "", "SELECT": "read", "COMMIT": "commit"}
        return [str(status), *filter(None, (kinds.get(text.split()[0], "write") for text in seen))]

    for email in (member.email, NOBODY):
        work(email)  # the first try makes rows that later ones only change
    known, unknown = zip(*[(work(member.email), work(NOBODY)) for _ in range(5)], strict=True)

    assert unknown == known
    assert {told[0] for told in known} == {"303", "429"}


def test_the_answer_does_not_wait_for_the_mail_server(
    make_app: Callable[[Settings], Flask], settings: Settings, member: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditweb.mail.Mailer.send", lambda *_: time.sleep(3))
    reader = Reader(make_app(settings).test_client())
    reader.token()

    began = time.monotonic()
    assert ask(reader, member.email).status == 303
    assert time.monotonic() - began < 2


def test_nobody_notices_that_the_mail_server_is_gone(
    make_app: Callable[[Settings], Flask], settings: Settings, member: Someone
) -> None:
    gone = settings.model_copy(update={"smtp_url": f"smtp://127.0.0.1:{free_port()}"})

    assert ask(Reader(make_app(gone).test_client()), member.email).location == f"{ASK}/sent"


def test_what_was_typed_as_an_unknown_address_is_stored_nowhere(
    app: Flask, member: Someone, visitor: Reader, capfd: pytest.CaptureFixture[str]
) -> None:
    ask(visitor, "hunter2@northgate.example")

    assert entries(app) == []
    with app.app_context(), db.engine.connect() as connection:
        for table in ("rate", "password_reset", "person"):
            assert "hunter2" not in repr(connection.exec_driver_sql(f"SELECT * FROM {table}").all())
    assert "hunter2" not in capfd.readouterr().err


@pytest.mark.parametrize(("email", "problem"), [("", "Enter your e-mail address."), ("a" * 255, "This is too long.")])
def test_an_incomplete_form_says_what_is_missing(visitor: Reader, email: str, problem: str) -> None:
    page = ask(visitor, email)

    assert (page.status, problem in page.words) == (422, True)
    assert f'value="{email}"' in page.text


# How often


def test_after_three_links_the_next_has_to_wait(app: Flask, member: Someone, visitor: Reader, mail: MailServer) -> None:
    pages = {}
    with clock.set_to(NOW):
        for email in (member.email, NOBODY):
            assert [ask(visitor, email).status for _ in range(4)] == [303] * 3 + [429]
            pages[email] = ask(visitor, email)

    for email, page in pages.items():
        assert page.status == 429
        assert "Too many tries" in page.words
        assert f'value="{email}"' in page.text
    waits = {page.response.headers["Retry-After"] for page in pages.values()}
    assert len(waits) == 1
    with clock.set_to(NOW + timedelta(seconds=int(waits.pop()))):
        assert ask(visitor, member.email).status == 303
    assert len(mail.wait_for(4)) == 4


def test_one_client_asking_for_many_addresses_has_to_wait(app: Flask, member: Someone, visitor: Reader) -> None:
    with clock.set_to(NOW):
        statuses = [ask(visitor, f"somebody-{number}@example.org").status for number in range(21)]
        assert statuses == [303] * 20 + [429]
        elsewhere = visitor.client.post(
            ASK,
            data={"csrf_token": visitor.token(), "email": member.email},
            environ_overrides={"REMOTE_ADDR": "127.0.0.9"},
        )
    assert elsewhere.status_code == 303


def test_a_new_password_ends_the_waiting_after_wrong_ones(
    app: Flask, member: Someone, visitor: Reader, mail: MailServer
) -> None:
    for _ in range(11):
        visitor.sign_in(member.email, "wrong")
    assert visitor.sign_in(member.email).status == 429
    ask(visitor, member.email)
    visitor.post(link_in(mail), {"new": NEW})

    assert visitor.sign_in(member.email, NEW).status == 303


# Without a mail server


def test_without_a_mail_server_the_page_says_whom_to_ask(
    make_app: Callable[[Settings], Flask], settings: Settings, member: Someone
) -> None:
    without = make_app(settings.model_copy(update={"smtp_url": None, "mail_from": None}))
    reader = Reader(without.test_client())
    assert reader.get("/sign-in").select_one(f'a[href="{ASK}"]')

    for page, status in ((reader.get(ASK), 200), (ask(reader, member.email), 409)):
        assert page.status == status
        assert "This server sends no mail" in page.words
        assert "Ask an owner or admin of your organisation." in page.words
        assert not page.select("input[name=email]")

    assert entries(without) == []
    with without.app_context():
        assert db.session.scalars(select(PasswordReset)).all() == []


def test_the_link_leads_to_the_public_address(
    make_app: Callable[[Settings], Flask], settings: Settings, member: Someone, mail: MailServer
) -> None:
    secure = make_app(settings.model_copy(update={"public_url": "https://audit.example.org"}))
    reader = Reader(secure.test_client(), base_url="https://audit.example.org")
    ask(reader, member.email)

    found = re.findall(r"https://audit\.example\.org(/reset-password/\S+)", mail.wait_for()[0].get_content())
    assert reader.get(found[0]).status == 200
    assert reader.post(found[0], {"new": NEW}).status == 303  # also with the strict check of where a form came from


def test_sessions_and_links_end_with_it(app: Flask, member: Someone, visitor: Reader, mail: MailServer) -> None:
    ask(visitor, member.email)
    ask(visitor, member.email)
    open_session(app, app.test_client(), member)
    mail.wait_for(2)
    visitor.post(link_in(mail, 2), {"new": NEW})

    with app.app_context():
        assert db.session.scalars(select(PasswordReset)).all() == []
        assert db.session.scalars(select(SignInSession)).all() == []


def test_links_that_ran_out_are_cleared_away_when_another_is_asked_for(
    app: Flask, member: Someone, visitor: Reader, mail: MailServer
) -> None:
    with clock.set_to(NOW):
        ask(visitor, member.email)
    with clock.set_to(NOW + password_changes.LINK_LIMIT):
        ask(visitor, member.email)

    with app.app_context():
        assert db.session.scalars(select(PasswordReset.expires_at)).all() == [NOW + 2 * password_changes.LINK_LIMIT]
