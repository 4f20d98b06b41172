"""`auditweb user` and `auditweb org`: what they do, the one entry each leaves, what they refuse."""

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import create_engine, func, insert, select

from auditweb import clock, database, sqlite
from auditweb.accounts import operators, passwords, two_factor
from auditweb.accounts.founding import RefusedError
from auditweb.cli import asking
from auditweb.extensions import db
from auditweb.models import (
    DeletedOrganisation,
    Event,
    FormerSlug,
    Membership,
    Organisation,
    PasswordReset,
    Person,
    Presence,
    SignInSession,
    TwoFactor,
)
from tests.databases import Database
from tests.integration.conftest import Operate
from tests.log_pages import NOW
from tests.readers import Place, Reader, Someone, add_person, join, leave, open_session

PASSWORD = "heron lantern quarry"


@pytest.fixture
def maya(app: Flask, organisation: Place) -> Someone:
    """The owner of Northgate Imports."""
    someone = add_person(app, "Maya Okafor")
    join(app, organisation, someone, "owner")
    return someone


@pytest.fixture
def tom(app: Flask, organisation: Place, other_organisation: Place, maya: Someone) -> Someone:
    """A member of Northgate Imports and an auditor of Osaka Bay Motors, once of a third; with a second factor."""
    someone = add_person(app, "Tom Lindqvist")
    join(app, organisation, someone)
    join(app, other_organisation, someone, "auditor")
    with app.app_context():
        db.session.add(TwoFactor(person_id=someone.id, secret="A" * 32, last_step=0, enrolled_at=NOW))
        db.session.commit()
    return someone


def entries(app: Flask) -> list[tuple[int, str, str, str]]:
    with app.app_context():
        events = db.session.scalars(select(Event).order_by(Event.org_id, Event.id))
        return [(each.org_id, each.action, f"{each.actor_type}:{each.actor_id}", each.summary) for each in events]


def contents(app: Flask) -> list[str]:
    with app.app_context(), db.engine.connect() as connection:
        tables = ("organisation", "person", "membership", "event", "two_factor", "sign_in_session")
        return [repr(row) for table in tables for row in connection.exec_driver_sql(f"SELECT * FROM {table}")]


# Each deed, and its entries

DEEDS = {
    "user disable tom@northgate.example --yes": ("member.suspended", "Suspended Tom Lindqvist"),
    "user reset-password tom@northgate.example --yes --password-stdin": (
        "password.set",
        "Set a new password for Tom Lindqvist",
    ),
    "user reset-two-factor TOM@northgate.example --yes": (
        "two_factor.reset",
        "Reset two-factor authentication for Tom Lindqvist",
    ),
}


@pytest.mark.parametrize("command", DEEDS)
def test_what_ends_sessions_leaves_one_entry_in_each_organisation(
    app: Flask, operate: Operate, organisation: Place, other_organisation: Place, tom: Someone, command: str
) -> None:
    third = add_third_organisation_that_was_left(app, tom)
    reader = open_session(app, app.test_client(), tom)
    address = f"/o/{organisation.slug}/my-log"
    assert reader.get(address).status == 200

    done = operate(command, stdin=PASSWORD + "\n")

    assert (done.code, done.refused) == (0, "")
    assert "Tom Lindqvist" in done.said
    action, sentence = DEEDS[command]
    told = (action, "system:operator", sentence)
    assert entries(app) == [(organisation.id, *told), (other_organisation.id, *told)]
    assert third not in {org_id for org_id, *_ in entries(app)}
    with app.app_context():
        event = db.session.scalars(select(Event)).first()
        assert event is not None
        assert (event.actor_name, event.target_type, event.target_id) == (
            "Operator (command line)",
            "member",
            str(tom.id),
        )
        assert db.session.scalar(select(func.count()).select_from(SignInSession)) == 0
    assert (reader.get(address).location or "").startswith("/sign-in")


def add_third_organisation_that_was_left(app: Flask, someone: Someone) -> int:
    with app.app_context():
        third = Organisation(slug="leith", name="Leith Cars", zone="Europe/London", created_at=NOW)
        db.session.add(third)
        db.session.flush()
        db.session.add(Membership(org_id=third.id, person_id=someone.id, role="owner", joined_at=NOW, removed_at=NOW))
        db.session.commit()
        return third.id


def test_disabled_account_cannot_sign_in_until_it_is_enabled(
    app: Flask, operate: Operate, visitor: Reader, tom: Someone, organisation: Place
) -> None:
    assert operate("user disable tom@northgate.example --yes").code == 0
    assert visitor.sign_in(tom.email).status == 401

    again = operate("user disable tom@northgate.example --yes")
    assert (again.code, again.said) == (0, "Tom Lindqvist was disabled already.\n")
    assert operate("user enable tom@northgate.example").said == "Tom Lindqvist can sign in again.\n"
    assert operate("user enable tom@northgate.example").said == "Tom Lindqvist was not disabled.\n"

    assert visitor.sign_in(tom.email).location == "/sign-in/code"  # he has a second factor
    here = [action for org_id, action, *_ in entries(app) if org_id == organisation.id]
    assert here == ["member.suspended", "sign_in.refused", "member.reinstated"]


def test_password_is_another_one(app: Flask, operate: Operate, tom: Someone) -> None:
    with app.app_context():
        db.session.add(PasswordReset(token_hash="t", person_id=tom.id, expires_at=NOW))
        db.session.commit()

    done = operate("user reset-password tom@northgate.example --yes --password-stdin", stdin=PASSWORD + "\n")

    assert done.said == "Tom Lindqvist signs in with the new password from now on.\n"
    with app.app_context():
        person = db.session.get_one(Person, tom.id)
        assert passwords.verify(person.password_hash, PASSWORD)
        assert db.session.scalar(select(func.count()).select_from(PasswordReset)) == 0, "a link still opens"


def test_second_factor_is_asked_for_anew(app: Flask, operate: Operate, tom: Someone) -> None:
    operate("user reset-two-factor tom@northgate.example --yes")

    with app.app_context():
        assert not two_factor.is_enrolled(tom.id)
        assert db.session.get_one(Person, tom.id).must_enrol
    again = operate("user reset-two-factor tom@northgate.example --yes")
    assert (again.code, len(entries(app))) == (0, 2)
    assert again.said == "Tom Lindqvist has no two-factor authentication: nothing was changed.\n"


def test_newcomer_is_added_to_an_organisation(
    app: Flask, operate: Operate, visitor: Reader, organisation: Place, maya: Someone
) -> None:
    done = operate(
        "user create Priya@northgate.example --organisation northgate --role auditor --password-stdin --name",
        " Priya  Raman ",
        stdin=PASSWORD + "\n",
    )

    assert (done.code, done.said) == (0, "Priya Raman is in northgate now, as auditor.\n")
    assert entries(app) == [(organisation.id, "member.added", "system:operator", "Added Priya Raman as auditor")]
    assert visitor.sign_in("priya@northgate.example", PASSWORD).status == 303
    assert visitor.get(organisation.log).status == 200


def test_someone_with_an_account_joins_another_organisation_or_comes_back(
    app: Flask, operate: Operate, organisation: Place, other_organisation: Place, maya: Someone
) -> None:
    leave(app, organisation, maya)
    for slug in ("osaka-bay", "northgate"):
        done = operate(f"user create maya@northgate.example --organisation {slug} --role owner")
        assert (done.code, done.said) == (0, f"Maya Okafor is in {slug} now, as owner.\n")

    told = ("member.added", "system:operator", "Added Maya Okafor as owner")
    assert entries(app) == [(organisation.id, *told), (other_organisation.id, *told)]
    reader = open_session(app, app.test_client(), maya)
    assert reader.get(organisation.log).status == reader.get(other_organisation.log).status == 200


def test_organisation_gets_an_owner(app: Flask, operate: Operate, maya: Someone) -> None:
    done = operate("org create --slug leith --zone Europe/London --owner maya@northgate.example --name", "Leith Cars")
    assert (done.code, done.said) == (0, "Leith Cars is there, at /o/leith, and maya@northgate.example is its owner.\n")

    newcomer = ("--owner-name", "Ross Hay", "--name", "Forth Motors")
    line = "org create --slug forth --zone Europe/London --owner ross@forth.example --password-stdin"
    assert operate(line, *newcomer, stdin=PASSWORD).code == 0

    assert [entry[1:] for entry in entries(app)] == [
        ("organisation.created", "system:operator", "Created the organisation Leith Cars"),
        ("organisation.created", "system:operator", "Created the organisation Forth Motors"),
    ]
    with app.app_context():
        owners = select(Organisation.slug, Person.email).join_from(Membership, Person).join(Organisation)
        rows = db.session.execute(owners.where(Membership.role == "owner").order_by(Organisation.slug)).all()
        assert list(map(tuple, rows)) == [
            ("forth", "ross@forth.example"),
            ("leith", "maya@northgate.example"),
            ("northgate", "maya@northgate.example"),
        ]


def test_organisation_that_is_disabled_is_open_to_nobody(
    app: Flask, operate: Operate, organisation: Place, tom: Someone, maya: Someone, other_organisation: Place
) -> None:
    owner, member = (open_session(app, app.test_client(), someone) for someone in (maya, tom))
    stranger = open_session(app, app.test_client(), add_person(app, "Kenji Mori"))
    assert owner.get(organisation.log).status == 200

    assert operate("org disable northgate --yes").said == "Nobody can open Northgate Imports now.\n"

    for reader, address in ((owner, organisation.log), (member, f"/o/{organisation.slug}/my-log")):
        page = reader.get(address)
        assert page.status == 403
        assert "Northgate Imports is switched off." in page.words
    assert stranger.get(organisation.log).status == 404
    assert "Nobody can open Northgate Imports at present." in owner.get("/").words
    assert member.get("/").location == other_organisation.log
    assert operate("org disable northgate --yes").said == "Northgate Imports was disabled already.\n"

    assert operate("org enable northgate").said == "Northgate Imports can be opened again.\n"
    assert operate("org enable northgate").said == "Northgate Imports was not disabled.\n"
    assert owner.get(organisation.log).status == 200
    assert entries(app) == [
        (
            organisation.id,
            "organisation.switched_off",
            "system:operator",
            "Switched the organisation off: nobody can open it",
        ),
        (organisation.id, "organisation.switched_on", "system:operator", "Switched the organisation on again"),
    ]


# What is refused

REFUSED = {
    "user disable nobody@x.example --yes": "There is no account with the address nobody@x.example.",
    "user enable nobody@x.example": "There is no account with the address nobody@x.example.",
    "user reset-password nobody@x.example --yes --password-stdin": "There is no account with",
    "user reset-two-factor nobody@x.example --yes": "There is no account with",
    "user list --organisation nowhere": "There is no organisation with the address nowhere.",
    "user create tom@northgate.example --organisation nowhere": "There is no organisation with the address nowhere.",
    "user create tom@northgate.example --organisation northgate": "belongs to Northgate Imports already.",
    "user create maya@northgate.example --organisation osaka-bay --name May": "has an account already: leave --name",
    "user create x@x.example --organisation northgate --password-stdin": "--name is needed: there is no terminal",
    "user create x@x.example --organisation northgate --name Xenia": "--password-stdin is needed",
    "user create x@x.example --organisation northgate --name Xe\u202enia --password-stdin": "--name: Leave out",
    "user create x-at-x --organisation northgate": "EMAIL: This is not an e-mail address",
    "user disable tom@northgate.example": "--yes is needed: there is no terminal to ask at.",
    "user reset-password tom@northgate.example --password-stdin": "--yes is needed",
    "user reset-two-factor tom@northgate.example": "--yes is needed",
    "user disable maya@northgate.example --yes": "Maya Okafor is the last owner of Northgate Imports.",
    "org disable nowhere --yes": "There is no organisation with the address nowhere.",
    "org enable nowhere": "There is no organisation with the address nowhere.",
    "org disable northgate": "--yes is needed",
    "org create --name Leith --zone UTC --owner maya@northgate.example --slug northgate": "belongs to another",
    "org create --name Leith --zone UTC --owner maya@northgate.example --slug northgate-old": "its old links lead",
    "org create --name Leith --zone UTC --owner maya@northgate.example --slug North": "--slug: An address has",
    "org create --name Leith --zone Mars --owner maya@northgate.example --slug leith": "--zone: This is no time zone",
    "org create --name Leith --zone UTC --owner maya@northgate.example": "--slug is needed",
    "org create --name Leith --zone UTC --slug leith --owner maya@northgate.example --owner-name May": "has an account",
    "org create --name Leith --zone UTC --slug leith --owner x@x.example": "--owner-name is needed",
}


def test_what_cannot_be_done_is_said_in_a_sentence_and_changes_nothing(
    app: Flask, operate: Operate, organisation: Place, tom: Someone
) -> None:
    with app.app_context():
        db.session.add(FormerSlug(slug="northgate-old", org_id=organisation.id, given_up_at=NOW))
        db.session.commit()
    before = contents(app)

    for command, reason in REFUSED.items():
        done = operate(command, stdin="short")
        assert (done.code, done.said) == (2, ""), command
        (line,) = done.refused.splitlines()
        assert line.startswith("auditweb: "), command
        assert reason in line, command
    weak = operate("user reset-password tom@northgate.example --yes --password-stdin", stdin="tom lindqvist!")
    assert (weak.code, weak.refused.startswith("auditweb: --password-stdin: This is made of your name")) == (2, True)

    assert contents(app) == before


@pytest.mark.parametrize(
    "line", ["user", "user create x@x.example", "user create x@x.example --organisation northgate --role king"]
)
def test_command_that_is_not_one_is_explained(operate: Operate, line: str) -> None:
    done = operate(line)

    assert done.code == 2
    assert "Usage: auditweb user" in done.refused + done.said


def test_last_owner_stays_unless_the_organisation_is_off(
    app: Flask, operate: Operate, organisation: Place, maya: Someone
) -> None:
    """Somebody whose account is disabled is no owner to rely on."""
    other = add_person(app, "Ines Duarte")
    join(app, organisation, other, "owner")
    assert operate("user disable ines@northgate.example --yes").code == 0

    refused = operate("user disable maya@northgate.example --yes")
    assert refused.code == 2
    assert "Add another owner first" in refused.refused

    assert operate("org disable northgate --yes").code == 0
    assert operate("user disable maya@northgate.example --yes").code == 0


def test_organisation_is_enabled_with_an_owner_only(
    app: Flask, operate: Operate, organisation: Place, maya: Someone
) -> None:
    for line in ("org disable northgate --yes", "user disable maya@northgate.example --yes"):
        assert operate(line).code == 0
    before = contents(app)

    refused = operate("org enable northgate")

    assert (refused.code, contents(app)) == (2, before)
    assert "Northgate Imports has no owner whose account is on. Switch an owner’s on first" in refused.refused
    assert operate("user enable maya@northgate.example").code == 0
    assert operate("org enable northgate").code == 0


def test_enabled_again_an_organisation_has_its_fourteen_days_anew(
    app: Flask, operate: Operate, organisation: Place, maya: Someone
) -> None:
    due_at = clock.now() + timedelta(days=1)
    with app.app_context():
        place = db.session.get_one(Organisation, organisation.id)
        place.deletion_due_at, place.deletion_asked_by, place.deletion_asked_at = due_at, maya.id, NOW
        db.session.commit()
    assert operate("org disable northgate --yes").code == 0
    day = f"{clock.now() + timedelta(days=14):%d %B %Y}"

    said = operate("org enable northgate").said

    assert said == f"Northgate Imports can be opened again. It is to be deleted on {day} now.\n"
    with app.app_context():
        place = db.session.get_one(Organisation, organisation.id)
        assert place.deletion_due_at is not None
        assert timedelta(days=13, hours=23) < place.deletion_due_at - clock.now() <= timedelta(days=14)
        assert place.deletion_asked_at == NOW


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_somebodys_first_visit_is_not_waited_for(app: Flask, organisation: Place, maya: Someone) -> None:
    """Its row refers to the person; who waits for it, while it waits for the organisation, would wait for good."""
    with app.app_context(), db.engine.begin() as elsewhere:
        elsewhere.execute(insert(Presence).values(org_id=organisation.id, person_id=maya.id, seen_at=NOW))

        operators.reset_password(maya.email, "-")


def test_of_two_last_owners_disabled_at_once_one_stays(app: Flask, organisation: Place, maya: Someone) -> None:
    other = add_person(app, "Ines Duarte")
    join(app, organisation, other, "owner")
    outcomes: list[bool] = []
    start = threading.Barrier(2)

    def disable(email: str) -> None:
        with app.app_context():
            start.wait()
            try:
                outcomes.append(operators.disable(email))
            except RefusedError:
                outcomes.append(False)

    threads = [threading.Thread(target=disable, args=(someone.email,)) for someone in (maya, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == [False, True]
    assert [action for _, action, *_ in entries(app)] == ["member.suspended"]


def test_nothing_is_held_while_the_operator_thinks(
    app: Flask, operate: Operate, tom: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite nobody else could write, a sign-in included, until the question is answered."""
    answers = {"Name": "Xenia", "E-mail address": "x@x.example", "Time zone": "UTC", "Password": PASSWORD}
    asked: list[str] = []

    def answer(question: str, **_options: object) -> str | bool:
        assert not db.session().in_transaction(), question
        asked.append(question)
        return answers.get(question, "leith")

    monkeypatch.setattr(asking, "_need_someone", lambda *_options: None)
    monkeypatch.setattr("click.confirm", answer)
    monkeypatch.setattr("click.prompt", answer)
    for line, questions in {
        "user disable tom@northgate.example": 1,
        "user reset-password tom@northgate.example": 2,
        "user reset-two-factor tom@northgate.example": 1,
        "user create y@y.example --organisation northgate": 2,
        "org disable northgate": 1,
        "org create": 6,
    }.items():
        asked.clear()
        assert operate(line).code == 0, line
        assert len(asked) == questions, asked


def test_database_that_is_busy_is_no_breakdown(
    app: Flask, fresh: Database, operate: Operate, tom: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0)
    owner = create_engine(database.normalise_url(fresh.owner_url))
    with owner.connect() as connection:
        if fresh.engine_name == "postgresql":
            connection.exec_driver_sql(f"ALTER DATABASE {owner.url.database} SET lock_timeout = '50ms'")
            connection.commit()
            connection.exec_driver_sql("SELECT id FROM organisation FOR UPDATE")
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        done = operate("org disable northgate --yes")
    owner.dispose()

    assert (done.code, done.said, done.refused) == (2, "", f"auditweb: {operators.BUSY}\n")
    assert operate("org disable northgate --yes").code == 0


# Lists


def test_people_are_listed(operate: Operate, app: Flask, organisation: Place, tom: Someone) -> None:
    add_person(app, "森 健二\u202e", "kenji@osaka.example")
    operate("user disable tom@northgate.example --yes")

    assert operate("user list").said.splitlines() == [
        "ADDRESS                 NAME             ACCOUNT   2FA  ORGANISATIONS",
        "kenji@osaka.example     森 健二\\u{202e}  on        off  none",
        "maya@northgate.example  Maya Okafor      on        off  northgate (owner)",
        "tom@northgate.example   Tom Lindqvist    disabled  on   northgate (member), osaka-bay (auditor)",
    ]
    assert [each["email"] for each in json.loads(operate("user list --organisation osaka-bay --json").said)] == [
        tom.email
    ]
    assert json.loads(operate("user list --json").said)[2] == {
        "id": tom.id,
        "email": tom.email,
        "name": tom.name,
        "enabled": False,
        "two_factor": True,
        "support": False,
        "roles": {"northgate": "member", "osaka-bay": "auditor"},
    }


def test_organisations_are_listed(operate: Operate, app: Flask, tom: Someone) -> None:
    operate("org disable osaka-bay --yes")

    assert operate("org list").said.splitlines() == [
        "ADDRESS    NAME               STATE     MEMBERS  OWNERS                  ZONE",
        "northgate  Northgate Imports  on        2        maya@northgate.example  Europe/London",
        "osaka-bay  Osaka Bay Motors   disabled  1        none                    Asia/Tokyo",
    ]
    assert [each["enabled"] for each in json.loads(operate("org list --json").said)] == [True, False]


def test_what_remains_of_deleted_organisations_is_listed(app: Flask, operate: Operate, organisation: Place) -> None:
    asked, done = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 16, tzinfo=UTC)
    who = "Kenji Mori (kenji@osaka-bay.example)"
    with app.app_context():
        db.session.add_all(
            DeletedOrganisation(org_id=org_id, name=name, asked_by=who, asked_at=asked, deleted_at=deleted_at)
            for org_id, name, deleted_at in ((98, "Leith Cars", done), (99, "Forth\x1b[2J", None))
        )
        db.session.commit()

    assert operate("org list --deleted").said.splitlines() == [
        "ID  NAME            ASKED FOR BY                          ON             DELETED",
        "98  Leith Cars      Kenji Mori (kenji@osaka-bay.example)  02 March 2026  16 March 2026",
        "99  Forth\\u{1b}[2J  Kenji Mori (kenji@osaka-bay.example)  02 March 2026  under way",
    ]
    listed = json.loads(operate("org list --deleted --json").said)
    assert [(each["id"], each["name"], each["deleted_at"] is None) for each in listed] == [
        (98, "Leith Cars", False),
        (99, "Forth\x1b[2J", True),
    ]
