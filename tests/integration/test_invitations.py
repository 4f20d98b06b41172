"""Invitations: whom one can invite, what reaches them, and joining by the link, once."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from flask import Flask
from sqlalchemy import select, update

from auditweb import clock
from auditweb.accounts import invitations as rules
from auditweb.accounts import passwords
from auditweb.accounts.permissions import Role
from auditweb.config import Settings
from auditweb.extensions import db
from auditweb.models import Event, Invitation, Membership, Organisation, Person, Rate, SignInSession
from tests.integration.conftest import SignedInAs
from tests.mail_servers import MailServer, mail_server
from tests.readers import (
    Place,
    Reader,
    Someone,
    add_organisation,
    add_person,
    join,
    leave,
    open_session,
    without_tokens,
)
from tests.servers import free_port
from tests.teams import (
    NEW_PASSWORD,
    accept,
    at_once,
    entries,
    error,
    invitations,
    invite,
    links,
    notice,
    roles,
    team,
    told,
)

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NADIA = "nadia@northgate.example"
PUBLIC = "https://audit.example.org"
MakeApp = Callable[[Settings], Flask]


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture
def link(owner: Reader, organisation: Place) -> str:
    """Nadia's way in, as an auditor."""
    (path,) = links(invite(owner, organisation, NADIA, role="auditor"))
    return path


# Inviting


def test_several_are_invited_at_once_and_each_gets_a_link(app: Flask, organisation: Place, owner: Reader) -> None:
    page = owner.post(
        team(organisation, "/invite"),
        {"addresses": f" {NADIA.upper()} \r\n tom@x.example;ines@x.example,, tom@X.example", "role": "admin"},
    )

    assert page.status == 200
    assert page.heading() == "Pass these links on"
    shown = links(page)
    assert len(set(shown)) == 3
    assert all(visitor.get(path).status == 200 for path in shown for visitor in [Reader(app.test_client())])
    assert [tag["data-copy"] for tag in page.select("[data-copy]")] == [f"http://localhost{path}" for path in shown]
    made = invitations(app, organisation)
    assert [(one.email, one.role, one.mail) for one in made] == [
        (email, "admin", "none") for email in (NADIA, "tom@x.example", "ines@x.example")
    ]
    assert [one.token_hash for one in made] == [sha(path) for path in shown]
    assert all(one.expires_at - one.created_at == timedelta(days=7) for one in made)
    assert told(app) == [f"Invited {one.email} as admin" for one in made]
    listed = owner.get(team(organisation, "/invitations"))
    assert [tag.get_text() for tag in listed.select(".rowlist b")] == ["ines@x.example", "tom@x.example", NADIA]
    assert "Invited by Maya Okafor" in listed.words
    assert not any(path.rpartition("/")[2] in listed.text for path in shown), "a link is shown once"


def sha(path: str) -> str:
    return hashlib.sha256(path.rpartition("/")[2].encode()).hexdigest()


def test_if_one_cannot_be_invited_nobody_is_and_each_is_named(
    app: Flask, organisation: Place, other_organisation: Place, owner: Reader, link: str
) -> None:
    kenji = add_person(app, "Kenji Mori", "kenji@osaka-bay.example")
    join(app, other_organisation, kenji, "owner")
    with app.app_context():
        db.session.add(
            Invitation(
                org_id=other_organisation.id, email="x@x.example", role="member", token_hash="-", inviter_id=kenji.id,
                created_at=NOON, sent_at=NOON, expires_at=NOON + timedelta(days=9999), mail="none",
            )
        )  # fmt: skip
        db.session.commit()
    before, rows = told(app), len(invitations(app, organisation))
    maya = owner.someone.email if owner.someone else ""
    for typed, problem in (
        ("", "Enter at least one address."),
        (" , \n;", "There is no address here."),
        (f"{maya}\n{NADIA.upper()}, good@x.example", f"{maya} is a member already. {NADIA} has an open invitation"),
        (f"nonsense, a b@x.example\n{maya}", "“nonsense” is not an e-mail address. “a b@x.example” is not an e-mail"),
        ("a\u202eb@x.example", "“a\\u{202e}b@x.example” is not"),
        ("zoë@x.example a..b@x.example", "“zoë@x.example a..b@x.example” is not"),
        ("\0@x.example", "is not an e-mail address"),
        (",".join(f"n{number}" for number in range(12)), "And 4 more."),
        (",".join(f"n{number}@x.example" for number in range(31)), "These are 31 addresses. Invite at most 30"),
    ):
        page = owner.post(team(organisation, "/invite"), {"addresses": typed, "role": "auditor"})
        assert (page.status, problem in error(page, "addresses")) == (422, True), (typed, error(page, "addresses"))
        field, chosen = page.select_one("textarea"), page.select_one("input[name=role][checked]")
        assert field is not None
        assert chosen is not None
        assert (field.get_text().removeprefix("\n").split(), chosen["value"]) == (typed.split(), "auditor")
    for role in ("", "god"):
        page = owner.post(team(organisation, "/invite"), {"addresses": "good@x.example", "role": role})
        assert (page.status, error(page, "role")) == (422, "Choose one of these roles.")
    assert (told(app), len(invitations(app, organisation))) == (before, rows)
    assert invite(owner, organisation, kenji.email, "x@x.example").status == 200, "what is elsewhere is no matter"


def test_of_two_who_invite_the_same_at_once_one_does(
    app: Flask, organisation: Place, owner: Reader, signed_in_as: SignedInAs
) -> None:
    other = signed_in_as(Role.ADMIN, name="Ines Duarte")
    for reader in (owner, other):
        reader.token()

    answers = at_once(*(lambda who=who: invite(who, organisation, NADIA).status for who in (owner, other)))

    assert sorted(answers) == [200, 422]
    assert len(invitations(app, organisation)) == len(entries(app)) == 1


# Mail


def test_where_there_is_a_mail_server_the_link_goes_by_mail(
    make_app: MakeApp, settings: Settings, mail: MailServer
) -> None:
    app = make_app(settings.model_copy(update={"public_url": PUBLIC, **mail.settings}))
    place = add_organisation(app, "northgate", "Northgate  Imports\u202e")
    maya = add_person(app, "Maya Okafor")
    join(app, place, maya, "owner")
    owner = Reader(app.test_client(), base_url=PUBLIC)
    owner.sign_in(maya.email)
    owner.someone = maya
    mail.refused.add("full@x.example")

    page = invite(owner, place, NADIA, "full@x.example", role="admin")

    (message,) = mail.wait_for()
    assert (message["To"], message["Subject"]) == (NADIA, "Maya Okafor invites you to Northgate Imports\\u{202e}")
    text = message.get_content()
    (line,) = [line for line in text.splitlines() if "://" in line]
    assert line.startswith(f"{PUBLIC}/invitations/")
    assert "as an admin" in text
    assert Reader(app.test_client(), base_url=PUBLIC).get(line.removeprefix(PUBLIC)).status == 200
    assert [tag.get_text() for tag in page.select(".handouts b")] == ["full@x.example"], "what was not taken is shown"
    assert "The mail server did not take this message. 1 other went out." in notice(page)
    assert [(one.email, one.mail) for one in invitations(app, place)] == [(NADIA, "sent"), ("full@x.example", "failed")]
    assert "did not take the message" in owner.get(team(place, "/invitations")).words

    answer = invite(owner, place, "tom@x.example")
    assert (answer.status, answer.location) == (303, team(place, "/invitations"))
    assert "tom@x.example has been sent an invitation." in notice(owner.get(team(place, "/invitations")))
    assert [message["To"] for message in mail.wait_for(2)] == [NADIA, "tom@x.example"]


def test_names_are_read_in_a_mail_as_they_are(make_app: MakeApp, settings: Settings, mail: MailServer) -> None:
    """What looks like an encoded header is nothing but a name."""
    evil = "=?utf-8?q?=0d=0aReply-To:_e@evil.example=0a=0a<a_href=//evil.example>Go</a>?="
    app = make_app(settings.model_copy(update=mail.settings))
    place, maya = add_organisation(app, "northgate", evil), add_person(app, f"Zoë {evil}")
    join(app, place, maya, "owner")

    page = invite(open_session(app, app.test_client(), maya), place, NADIA)

    assert page.status == 303
    (message,) = mail.wait_for()
    assert message["Subject"] == f"Zoë {evil} invites you to {evil}"
    assert (message["Reply-To"], message.get_content_type()) == (None, "text/plain")
    assert message.get_content().startswith(f"Zoë {evil} invites you to {evil} on ImportOps")


def test_a_mail_server_that_is_not_there_keeps_nobody_from_inviting(make_app: MakeApp, settings: Settings) -> None:
    nowhere = {"smtp_url": f"smtp://127.0.0.1:{free_port()}", "mail_from": "auditweb@example.org"}
    app = make_app(settings.model_copy(update=nowhere))
    place, maya = add_organisation(app, "northgate", "Northgate Imports"), add_person(app, "Maya Okafor")
    join(app, place, maya, "owner")

    page = invite(open_session(app, app.test_client(), maya), place, NADIA)

    assert (page.status, len(links(page))) == (200, 1)
    assert [one.mail for one in invitations(app, place)] == ["failed"]
    assert told(app) == [f"Invited {NADIA} as member"]


# Sending again, taking back


def again(app: Flask, reader: Reader) -> Reader:
    """Sign somebody in whose session has run out."""
    assert reader.someone
    return open_session(app, app.test_client(), reader.someone)


def test_a_new_link_replaces_the_old_one(app: Flask, organisation: Place, owner: Reader, link: str) -> None:
    (before,) = invitations(app, organisation)
    with clock.set_to(clock.now() + timedelta(days=8)):
        owner = again(app, owner)
        assert Reader(app.test_client()).get(link).status == 404
        assert "Expired" in owner.get(team(organisation, "/invitations")).words
        (fresh,) = links(owner.post(team(organisation, f"/invitations/{before.id}/resend")))

        assert [Reader(app.test_client()).get(path).status for path in (link, fresh)] == [404, 200]
    (after,) = invitations(app, organisation)
    assert after.expires_at - after.sent_at == timedelta(days=7)
    assert after.sent_at - before.sent_at >= timedelta(days=8)
    assert told(app) == [f"Invited {NADIA} as auditor", f"Sent the invitation to {NADIA} again"]


def test_an_expired_invitation_makes_way_for_another(app: Flask, organisation: Place, owner: Reader, link: str) -> None:
    with clock.set_to(clock.now() + timedelta(days=7, seconds=1)):
        owner = again(app, owner)
        assert invite(owner, organisation, NADIA, role="member").status == 200
    assert [one.role for one in invitations(app, organisation)] == ["member"]


def test_what_is_withdrawn_opens_nothing(app: Flask, organisation: Place, owner: Reader, link: str) -> None:
    (one,) = invitations(app, organisation)

    answer = owner.post(team(organisation, f"/invitations/{one.id}/withdraw"))

    assert (answer.status, answer.location) == (303, team(organisation, "/invitations"))
    page = owner.get(team(organisation, "/invitations"))
    assert f"The invitation to {NADIA} is withdrawn" in notice(page)
    assert "No open invitations" in page.words
    assert Reader(app.test_client()).get(link).status == 404
    assert owner.post(team(organisation, f"/invitations/{one.id}/withdraw")).status == 404
    assert told(app)[1:] == [f"Withdrew the invitation to {NADIA}"]


def test_invitations_of_others_are_not_there_and_those_of_owners_for_owners(
    app: Flask, organisation: Place, other_organisation: Place, owner: Reader, signed_in_as: SignedInAs
) -> None:
    kenji = signed_in_as(Role.OWNER, other_organisation, name="Kenji Mori")
    invite(kenji, other_organisation, "theirs@x.example")
    invite(owner, organisation, "boss@x.example")
    with app.app_context():  # as it could be done once
        db.session.execute(update(Invitation).where(Invitation.email == "boss@x.example").values(role="owner"))
        db.session.commit()
    admin = signed_in_as(Role.ADMIN, name="Ines Duarte")
    (theirs,), (boss,) = invitations(app, other_organisation), invitations(app, organisation)
    before = told(app)

    missing = without_tokens(owner.get(team(organisation, "/members/999999")).text)
    for id_ in (theirs.id, 999999, 2**31, 10**30):
        for act in ("resend", "withdraw"):
            page = owner.post(team(organisation, f"/invitations/{id_}/{act}"))
            assert (page.status, without_tokens(page.text)) == (404, missing)
    assert not admin.get(team(organisation, "/invitations")).select(".rowlist form")
    for act in ("resend", "withdraw"):
        page = admin.post(team(organisation, f"/invitations/{boss.id}/{act}"))
        assert (page.status, "Only an owner can" in page.words) == (403, True)
    assert told(app) == before
    assert "theirs@x.example" not in owner.get(team(organisation, "/invitations")).text


def test_so_many_a_day_and_one_link_a_minute(
    app: Flask, organisation: Place, owner: Reader, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "A_DAY", 4)
    (one,) = invitations(app, organisation)
    resend = team(organisation, f"/invitations/{one.id}/resend")

    page = owner.post(resend)
    assert page.status == 429
    assert 0 < int(page.response.headers["Retry-After"]) <= 60
    assert "Wait" in notice(page)
    with clock.set_to(clock.now() + timedelta(seconds=61)):
        assert owner.post(resend).status == 200
        page = invite(owner, organisation, "a@x.example", "b@x.example", "c@x.example")
        assert page.status == 429
        assert 23 * 3600 < int(page.response.headers["Retry-After"]) <= 24 * 3600
        assert "Wait about 24 hours" in error(page, "addresses")
        assert "a@x.example" in page.select_one("textarea").get_text()  # type: ignore[union-attr]
        assert invite(owner, organisation, "a@x.example", "b@x.example").status == 200
        assert invite(owner, organisation, "c@x.example").status == 429
    with app.app_context():
        assert db.session.scalars(select(Rate.hits)).all() == [4]
    assert len(entries(app)) == 4


# Joining


def test_somebody_new_sets_name_and_password_and_is_in(
    app: Flask, organisation: Place, owner: Reader, link: str, visitor: Reader
) -> None:
    page = visitor.get(link)
    assert "Maya Okafor invites you to Northgate Imports on ImportOps, as an auditor." in page.words
    assert page.select_one(f"input[value='{NADIA}'][readonly]")
    planted = visitor.cookie()

    answer = accept(visitor, link)

    assert (answer.status, answer.location) == (303, "/")
    assert visitor.cookie() != planted
    assert visitor.get("/").location == organisation.log
    assert visitor.get(organisation.log).status == 200
    visitor.keep(planted)
    assert (visitor.get(organisation.log).location or "").startswith("/sign-in"), "a session planted before is dead"
    again = Reader(app.test_client())
    assert again.sign_in(NADIA, NEW_PASSWORD).status == 303
    assert told(app)[1:] == ["Accepted the invitation and joined as auditor", "Signed in"]
    joined = entries(app)[1]
    assert (joined.actor_name, joined.ip) == ("Nadia Rahman", "127.0.0.1")
    assert invitations(app, organisation) == []


def test_what_does_not_do_is_said_beside_its_field(app: Flask, organisation: Place, link: str, visitor: Reader) -> None:
    for form, field, problem in (
        ({"name": " ", "password": NEW_PASSWORD}, "name", "Enter your name."),
        ({"name": "Nadia\u202e", "password": NEW_PASSWORD}, "name", "Leave out characters that cannot be seen."),
        ({"name": "N" * 101, "password": NEW_PASSWORD}, "name", "too long"),
        ({"name": "Nadia", "password": ""}, "password", "Choose a password."),
        ({"name": "Nadia", "password": "short"}, "password", "at least 12 characters"),
        ({"name": "Nadia", "password": "password1234"}, "password", "tried first"),
        ({"name": "Nadia Rahman", "password": "nadia rahman 26"}, "password", "made of your name"),
    ):
        page = visitor.post(link, form)
        assert (page.status, problem in error(page, field)) == (422, True), (form, error(page, field))
        kept = page.select_one("input[name=name]")
        assert kept is not None
        assert str(kept["value"]) == form["name"].strip()
        assert form["password"] == "" or form["password"] not in page.text
    assert roles(app, organisation).keys() == {1}
    assert visitor.get(link).status == 200


def test_somebody_with_an_account_signs_in_and_joins_with_one_button(
    app: Flask, organisation: Place, other_organisation: Place, link: str, visitor: Reader
) -> None:
    nadia = add_person(app, "Nadia Rahman", NADIA)
    join(app, other_organisation, nadia, "owner")

    page = visitor.get(link)
    assert not page.select("input[name=password]")
    assert accept(visitor, link).status == 409
    to = page.select_one(".stack a.btn")
    assert to is not None
    answer = visitor.sign_in(NADIA, to=str(to["href"]))
    assert answer.location == link
    visitor.someone = nadia
    page = visitor.get(link)
    assert page.select_one("form button").get_text() == "Join Northgate Imports"  # type: ignore[union-attr]
    answer = visitor.post(link)

    assert (answer.status, answer.location) == (303, "/")
    assert visitor.get("/").location == organisation.log
    assert roles(app, organisation)[nadia.id] == "auditor"
    assert told(app, organisation)[1:] == ["Accepted the invitation and joined as auditor"]
    assert told(app, other_organisation) == ["Signed in"]
    assert visitor.get(link).status == 404


def test_signed_in_as_somebody_else_one_is_told_and_can_sign_out(
    app: Flask, organisation: Place, owner: Reader, link: str
) -> None:
    page = owner.get(link)
    assert f"This invitation is for {NADIA} , and you are signed in as" in page.words
    assert owner.post(link).status == 409
    assert owner.post(link, {"name": "Eve", "password": NEW_PASSWORD}).status == 409
    assert NADIA not in [email for (email,) in _people(app)]

    answer = owner.post(f"{link}/sign-out")

    assert (answer.status, answer.location) == (303, link)
    assert owner.get(link).select("input[name=password]")
    assert told(app)[1:] == ["Signed out"]


def _people(app: Flask) -> list[tuple[str]]:
    with app.app_context():
        return [(email,) for email in db.session.scalars(select(Person.email))]


def test_whoever_belongs_already_is_told_so(app: Flask, organisation: Place, link: str) -> None:
    nadia = add_person(app, "Nadia Rahman", NADIA)
    join(app, organisation, nadia, "admin")

    page = open_session(app, app.test_client(), nadia).post(link)

    assert (page.status, "You belong to Northgate Imports already." in notice(page)) == (409, True)
    assert roles(app, organisation)[nadia.id] == "admin"
    assert len(invitations(app, organisation)) == len(entries(app)) == 1


def test_a_former_member_comes_back_under_the_same_name(app: Flask, organisation: Place, owner: Reader) -> None:
    nadia = add_person(app, "Nadia Rahman", NADIA)
    join(app, organisation, nadia, "admin")
    leave(app, organisation, nadia)
    (path,) = links(invite(owner, organisation, NADIA, role="member"))

    assert open_session(app, app.test_client(), nadia).post(path).status == 303

    assert roles(app, organisation)[nadia.id] == "member"
    with app.app_context():
        assert len(db.session.scalars(select(Membership).filter_by(person_id=nadia.id)).all()) == 1
    assert "Nadia" not in owner.get(team(organisation, "/former")).text


def test_a_link_that_opens_nothing_says_the_same_whatever_the_reason(
    app: Flask, organisation: Place, owner: Reader, link: str
) -> None:
    used, withdrawn, replaced = links(invite(owner, organisation, *(f"{name}@x.example" for name in "abc")))
    accept(Reader(app.test_client()), used)
    rows = {one.email: one.id for one in invitations(app, organisation)}
    owner.post(team(organisation, f"/invitations/{rows['b@x.example']}/withdraw"))
    with clock.set_to(clock.now() + timedelta(minutes=2)):
        owner.post(team(organisation, f"/invitations/{rows['c@x.example']}/resend"))
    altered = link[:-1] + ("A" if link[-1] != "A" else "B")
    dead = [used, withdrawn, replaced, altered, link + "A", link[:-1], "/invitations/x", "/invitations/%00%E9"]

    said = set()
    for path in dead:
        visitor = Reader(app.test_client())
        pages = [visitor.get(path), visitor.post(path, {"name": "Eve", "password": NEW_PASSWORD})]
        said |= {(page.status, without_tokens(page.text)) for page in pages}
    with clock.set_to(clock.now() + timedelta(days=8)):
        page = Reader(app.test_client()).get(link)
        said.add((page.status, without_tokens(page.text)))
    with app.app_context():
        db.session.get_one(Organisation, organisation.id).disabled_at = clock.now()
        db.session.commit()
    page = Reader(app.test_client()).get(link)
    said.add((page.status, without_tokens(page.text)))

    assert len(said) == 1
    assert said.pop()[0] == 404
    assert "This invitation cannot be used any more" in page.words
    assert "Ask whoever invited you for a new one" in page.words


def test_of_two_who_use_a_link_at_once_one_joins(app: Flask, organisation: Place, link: str) -> None:
    browsers = [Reader(app.test_client()) for _ in range(2)]
    for browser in browsers:
        browser.get(link)
        browser.token()

    answers = at_once(*(lambda who=who: accept(who, link) for who in browsers))

    assert sorted(answer.status for answer in answers) == [303, 404]
    assert told(app)[1:] == ["Accepted the invitation and joined as auditor"]
    with app.app_context():
        assert len(db.session.scalars(select(SignInSession)).all()) == 2, "the owner’s, and one of the two"


def test_of_two_tabs_of_one_person_one_joins(app: Flask, organisation: Place, link: str) -> None:
    nadia = add_person(app, "Nadia Rahman", NADIA)
    tabs = [open_session(app, app.test_client(), nadia) for _ in range(2)]
    for tab in tabs:
        tab.token()

    answers = at_once(*(lambda tab=tab: tab.post(link).status for tab in tabs))

    assert sorted(answers) == [303, 404]
    assert len(entries(app)) == 2


def test_of_two_links_to_one_new_person_the_second_finds_the_account(
    app: Flask, organisation: Place, other_organisation: Place, link: str, signed_in_as: SignedInAs
) -> None:
    kenji = signed_in_as(Role.OWNER, other_organisation, name="Kenji Mori")
    (other,) = links(invite(kenji, other_organisation, NADIA))
    browsers = [Reader(app.test_client()) for _ in range(2)]
    for browser in browsers:
        browser.token()

    answers = at_once(lambda: accept(browsers[0], link), lambda: accept(browsers[1], other))

    assert sorted(answer.status for answer in answers) == [303, 409]
    (second,) = [answer for answer in answers if answer.status == 409]
    assert "There is an account for" in second.words
    assert len(invitations(app, organisation)) + len(invitations(app, other_organisation)) == 1, "it can be used still"


def test_no_lock_is_held_while_the_password_is_hashed(
    app: Flask, organisation: Place, link: str, visitor: Reader, somebody: Someone
) -> None:
    """Someone else writes meanwhile, which on SQLite would have to wait."""
    visitor.token()
    hashed = passwords.hash_password

    def hash_while_others_write(password: str) -> str:
        at_once(lambda: join(app, organisation, somebody))
        return hashed(password)

    with patch.object(passwords, "hash_password", hash_while_others_write):
        assert accept(visitor, link).status == 303

    assert len(roles(app, organisation)) == 3


def test_no_token_is_stored_or_logged(
    app: Flask, organisation: Place, link: str, visitor: Reader, capsys: pytest.CaptureFixture[str]
) -> None:
    token = link.rpartition("/")[2]
    accept(visitor, link)
    visitor.get(link)

    with app.app_context():
        for table in (Event, Person, SignInSession, Invitation):
            for row in db.session.scalars(select(table)):
                assert token not in repr(vars(row))
    logged = capsys.readouterr()
    assert token not in logged.err + logged.out
