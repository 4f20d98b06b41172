"""Sessions: what ends them, and that the row in the database decides, not the cookie."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import event, select, update

from auditweb import clock, database, sqlite
from auditweb.accounts import sessions
from auditweb.accounts.permissions import Role
from auditweb.extensions import db
from auditweb.models import Person, SignInSession
from auditweb.parties import Origin
from tests.databases import Database
from tests.readers import Place, Reader, Someone, join, leave, set_role

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def member(app: Flask, organisation: Place, somebody: Someone) -> Someone:
    join(app, organisation, somebody, "owner")
    return somebody


@pytest.fixture
def reader(member: Someone, visitor: Reader) -> Reader:
    """Ada, signed in at nine through the form."""
    with clock.set_to(START):
        assert visitor.sign_in(member.email).status == 303
    visitor.someone = member
    return visitor


def may_still_read(reader: Reader, after: timedelta) -> bool:
    with clock.set_to(START + after):
        return reader.get("/").location == "/o/northgate/settings/audit-log"


def rows(app: Flask) -> list[SignInSession]:
    with app.app_context():
        return list(db.session.scalars(select(SignInSession)))


def test_a_cookie_kept_over_the_sign_out_opens_nothing(reader: Reader, organisation: Place) -> None:
    kept = reader.cookie()
    with clock.set_to(START):
        assert reader.post("/sign-out").location == "/sign-in"

        reader.keep(kept)

        assert reader.get("/profile").status == 302
        assert reader.get(organisation.log).status == 302
        assert reader.get(organisation.log, htmx=True).status == 401


def test_signing_in_makes_a_new_cookie_and_drops_all_that_was_planted(member: Someone, visitor: Reader) -> None:
    with visitor.client.session_transaction() as session:
        session["_user_id"] = "planted"
        session["planted"] = "by an attacker"
    before, token = visitor.cookie(), visitor.token()

    visitor.post("/sign-in", {"email": member.email, "password": "a password for tests"}, token=token)

    after = visitor.cookie()
    with visitor.client.session_transaction() as session:
        assert "planted" not in session
        assert session["_user_id"] != "planted"
    assert before != after
    visitor.keep(before)
    assert visitor.get("/profile").status == 302
    visitor.keep(after)
    assert visitor.post("/theme", {"theme": "dark"}, token=token).status == 400  # the token went with the rest


def test_two_sign_ins_never_share_an_id(app: Flask, member: Someone) -> None:
    for _ in range(3):
        Reader(app.test_client()).sign_in(member.email)

    assert len({row.id_hash for row in rows(app)}) == 3


def test_only_the_hash_of_the_id_is_stored(app: Flask, reader: Reader) -> None:
    with reader.client.session_transaction() as session:
        session_id = session["_user_id"]

    assert len(session_id) >= 43  # 256 bits in base64
    assert [row.id_hash for row in rows(app)] == [hashlib.sha256(session_id.encode()).hexdigest()]


def test_a_session_idles_out_after_half_an_hour(reader: Reader) -> None:
    assert not may_still_read(reader, timedelta(minutes=30))


def test_a_session_in_use_goes_on(reader: Reader) -> None:
    for minutes in (29, 58, 87):
        assert may_still_read(reader, timedelta(minutes=minutes))


def test_no_session_outlives_twelve_hours(reader: Reader) -> None:
    for minutes in range(25, 12 * 60, 25):
        assert may_still_read(reader, timedelta(minutes=minutes))
    assert may_still_read(reader, timedelta(hours=12, seconds=-1))

    assert not may_still_read(reader, timedelta(hours=12))


def test_use_is_written_down_at_most_once_a_minute(app: Flask, reader: Reader) -> None:
    seen = []
    for seconds in (10, 59, 60, 61, 119, 120, 121):
        assert may_still_read(reader, timedelta(seconds=seconds))
        seen.append((rows(app)[0].seen_at - START).total_seconds())

    assert seen == [0, 0, 60, 60, 60, 120, 120]


def test_no_page_fails_because_its_use_could_not_be_written_down(
    app: Flask, reader: Reader, fresh: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0)  # the wait itself is not what is tested
    with app.app_context():
        db.engine.dispose()
    busy = database.operator_engine(fresh.owner_url)
    with busy.begin() as elsewhere:  # holds the lock that is needed: of the file, or of the row
        elsewhere.execute(update(SignInSession).values(ip="203.0.113.9"))
        assert may_still_read(reader, timedelta(minutes=2))
    busy.dispose()

    assert rows(app)[0].seen_at == START


def test_sessions_that_ran_out_are_cleared_away_at_the_next_sign_in(
    app: Flask, reader: Reader, member: Someone
) -> None:
    with clock.set_to(START + timedelta(hours=3)):
        Reader(app.test_client()).sign_in(member.email)

    assert [row.started_at for row in rows(app)] == [START + timedelta(hours=3)]


def test_a_person_switched_off_is_out_at_the_next_request(app: Flask, reader: Reader, member: Someone) -> None:
    with app.app_context():
        db.session.get_one(Person, member.id).active = False
        db.session.commit()

    assert not may_still_read(reader, timedelta(minutes=1))


def test_a_demotion_counts_from_the_next_request(
    app: Flask, reader: Reader, member: Someone, organisation: Place
) -> None:
    with clock.set_to(START):
        assert reader.get(organisation.log).status == 200
        for role, status in ((Role.MEMBER, 403), (Role.AUDITOR, 200), (Role.MEMBER, 403), (Role.ADMIN, 200)):
            set_role(app, organisation, member, role)
            assert reader.get(organisation.log).status == status


def test_a_removal_counts_from_the_next_request(
    app: Flask, reader: Reader, member: Someone, organisation: Place
) -> None:
    leave(app, organisation, member)

    with clock.set_to(START):
        assert reader.get(organisation.log).status == 404
        assert "You belong to" not in reader.get("/").words


def test_who_is_asking_is_one_statement(app: Flask, member: Someone, other_organisation: Place) -> None:
    join(app, other_organisation, member, "auditor")
    with app.app_context():
        session_id = sessions.start(member.id, Origin())
        db.session.commit()
        statements: list[str] = []
        event.listen(db.engine, "before_cursor_execute", lambda _c, _k, statement, *_: statements.append(statement))

        found = sessions.find(session_id)

    assert found is not None
    assert [(place.slug, place.role) for place in found.places] == [("northgate", "owner"), ("osaka-bay", "auditor")]
    assert len([text for text in statements if not text.startswith("BEGIN")]) == 1
