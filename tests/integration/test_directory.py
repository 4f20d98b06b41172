"""What is remembered of people and keys: used again while it holds, and never once it does not."""

from collections.abc import Callable, Mapping

import pytest
from flask import Flask
from sqlalchemy import event, select, text

from auditweb.accounts import directory
from auditweb.extensions import db
from auditweb.models import Organisation
from auditweb.parties import Actor, ActorRef, ActorType
from auditweb.viewer import ActorProfile, Standing
from tests.integration.conftest import FillLog
from tests.log_pages import LOG
from tests.readers import Place, Reader, Someone, add_key, add_organisation, add_person, join, leave

Ask = Callable[[], Mapping[ActorRef, ActorProfile]]

KEY = ActorRef("api_key", "key_1")


@pytest.fixture
def hana(app: Flask, organisation: Place) -> Someone:
    someone = add_person(app, "Hana Sato")
    join(app, organisation, someone, "admin")
    add_key(app, organisation, KEY.id, "Shipment feed", someone)
    return someone


@pytest.fixture
def ref(hana: Someone) -> ActorRef:
    return ActorRef("member", str(hana.id))


@pytest.fixture
def ask(app: Flask, organisation: Place, ref: ActorRef) -> Ask:
    """Ask of Hana and her key as a request does: with the stamp of that moment, on a connection of its own."""

    def ask() -> Mapping[ActorRef, ActorProfile]:
        with app.app_context():
            stamp = db.session.scalar(select(Organisation.people_stamp).where(Organisation.id == organisation.id))
            assert stamp is not None
            return directory.find_profiles(organisation.id, stamp, [ref, KEY])

    return ask


def test_what_is_known_is_not_asked_again(app: Flask, ask: Ask) -> None:
    asked: list[str] = []
    first = ask()
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda _c, _k, statement, *_: asked.append(statement))

    assert ask() == first
    assert len(first) == 2
    assert not [statement for statement in asked if "membership" in statement or "api_key" in statement]


CHANGES = {
    "a person's name": "UPDATE person SET name = 'Hana Mori' WHERE id = {hana}",
    "a person's address": "UPDATE person SET email = 'h@northgate.example' WHERE id = {hana}",
    "an end": "UPDATE membership SET removed_at = joined_at WHERE person_id = {hana}",
    "a membership gone": "DELETE FROM membership WHERE person_id = {hana}",
    "a membership moved": "UPDATE membership SET org_id = {other} WHERE person_id = {hana}",
    "a key's name": "UPDATE api_key SET name = 'Port feed'",
    "a key's end": "UPDATE api_key SET revoked_at = created_at",
    "a key gone": "DELETE FROM api_key",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_is_seen_at_once(
    app: Flask, ask: Ask, hana: Someone, other_organisation: Place, change: str
) -> None:
    """Also one that no function of ours made."""
    before = ask()
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text(change.format(hana=hana.id, other=other_organisation.id)))

    assert ask() != before


def test_newcomer_is_seen_at_once(app: Flask, organisation: Place) -> None:
    someone = add_person(app, "Ines Duarte")
    ref = ActorRef("member", str(someone.id))

    def ask() -> Mapping[ActorRef, ActorProfile]:
        with app.app_context():
            stamp = db.session.scalars(
                select(Organisation.people_stamp).where(Organisation.id == organisation.id)
            ).one()
            return directory.find_profiles(organisation.id, stamp, [ref])

    assert ask() == {}
    join(app, organisation, someone)
    assert ask()[ref].standing is Standing.CURRENT
    leave(app, organisation, someone)
    assert ask()[ref].standing is Standing.FORMER
    join(app, organisation, someone)
    assert ask()[ref].standing is Standing.CURRENT


def test_change_taken_back_leaves_nothing_behind(app: Flask, ask: Ask, organisation: Place, ref: ActorRef) -> None:
    """What was read inside a transaction that then failed is not told to anyone else."""
    with app.app_context():
        session = db.session()
        session.execute(text("UPDATE person SET name = 'Nobody' WHERE id = :id"), {"id": int(ref.id)})
        stamp = session.scalars(select(Organisation.people_stamp).where(Organisation.id == organisation.id)).one()
        assert directory.find_profiles(organisation.id, stamp, [ref])[ref].name == "Nobody"
        session.rollback()

    assert ask()[ref].name == "Hana Sato"


def test_stamp_of_another_organisation_stays(app: Flask, hana: Someone, organisation: Place) -> None:
    add_organisation(app, "osaka-bay", "Osaka Bay Motors")
    stamps = select(Organisation.slug, Organisation.people_stamp)
    with app.app_context():
        before = dict(db.session.execute(stamps).all())
        db.session.execute(text("UPDATE person SET name = 'Hana Mori' WHERE id = :id"), {"id": hana.id})
        after = dict(db.session.execute(stamps).all())

    assert after["northgate"] != before["northgate"]
    assert after["osaka-bay"] == before["osaka-bay"]


def test_memory_is_bounded(
    app: Flask, ask: Ask, organisation: Place, ref: ActorRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "MOST_REMEMBERED", 10)
    with app.app_context():
        for number in range(50):
            directory.find_profiles(organisation.id, 0, [ActorRef("member", str(900_000 + number)), KEY])
        assert len(directory._remembered[db.engine]) <= 10

    assert ask()[ref].name == "Hana Sato"


def test_page_tells_of_a_change_at_once(
    app: Flask, reader: Reader, fill: FillLog, hana: Someone, organisation: Place
) -> None:
    fill(1, actor=Actor(ActorType.MEMBER, str(hana.id), hana.name))

    def told() -> str:
        return str(reader.get(LOG).select(".c-act .who")[0]["title"])

    assert "former" not in told()
    leave(app, organisation, hana)
    assert "former member" in told()
    join(app, organisation, hana)
    assert "former" not in told()
