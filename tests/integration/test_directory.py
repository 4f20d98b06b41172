"""What is remembered of people and keys: used again while it holds, and never once it does not."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import event, select, text

from auditweb.accounts import directory, people
from auditweb.extensions import db
from auditweb.models import Directory, Organisation, Person
from auditweb.parties import Actor, ActorRef, ActorType
from auditweb.viewer import ActorProfile, Standing
from tests.integration.conftest import FillLog
from tests.log_pages import LOG
from tests.readers import Place, Reader, Someone, add_key, add_person, join, leave

Ask = Callable[[], Mapping[ActorRef, ActorProfile]]

KEY, NOBODY = ActorRef("api_key", "key_1"), ActorRef("member", "999999")


@pytest.fixture
def maker(app: Flask) -> Someone:
    """Who made a key, and is no member."""
    return add_person(app, "Ines Ferreira", "maker@northgate.example")


@pytest.fixture
def hana(app: Flask, organisation: Place, maker: Someone) -> Someone:
    someone = add_person(app, "Hana Sato")
    join(app, organisation, someone, "admin")
    add_key(app, organisation, KEY.id, "Shipment feed", maker)
    return someone


@pytest.fixture
def ref(hana: Someone) -> ActorRef:
    return ActorRef("member", str(hana.id))


@pytest.fixture
def ask(app: Flask, organisation: Place, ref: ActorRef) -> Ask:
    """Ask of Hana and her key as a request does: with the stamps of that moment."""

    def ask() -> Mapping[ActorRef, ActorProfile]:
        with app.app_context():
            return directory.find_profiles(organisation.id, stamps(organisation), [ref, KEY, NOBODY])

    return ask


def stamps(organisation: Place) -> tuple[int, int]:
    names = select(Directory.names_stamp).scalar_subquery()
    found = select(Organisation.people_stamp, names).where(Organisation.id == organisation.id)
    of_people, of_names = db.session.execute(found).one()
    return of_people, of_names


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
    "a key moved": "UPDATE api_key SET org_id = {other}",
    "a key's maker": "UPDATE api_key SET maker_id = {hana}",
    "a membership handed on": "UPDATE membership SET person_id = {maker} WHERE person_id = {hana}",
    "a maker's name": "UPDATE person SET name = 'Ines Mori' WHERE id = {maker}",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_is_seen_at_once(
    app: Flask, ask: Ask, hana: Someone, maker: Someone, other_organisation: Place, change: str
) -> None:
    """Also one that no function of ours made."""
    before = ask()
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text(change.format(hana=hana.id, maker=maker.id, other=other_organisation.id)))

    assert ask() != before


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_replaced_person_is_seen_at_once(app: Flask, ask: Ask, ref: ActorRef) -> None:
    """An update triggers nothing here: SQLite deletes and adds."""
    ask()
    with app.app_context(), db.engine.begin() as connection:
        columns = [column.name for column in Person.__table__.columns]
        values = ", ".join("'Hana Mori'" if name == "name" else f'"{name}"' for name in columns)
        connection.exec_driver_sql(f"INSERT OR REPLACE INTO person ({', '.join(columns)}) SELECT {values} FROM person")

    assert ask()[ref].name == "Hana Mori"


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    "holding",
    [
        "INSERT INTO membership (org_id, person_id, role, joined_at) VALUES (:org, :person, 'member', now())",
        "INSERT INTO api_key (id, org_id, name, maker_id, created_at) VALUES ('key_2', :org, 'Feed', :person, now())",
    ],
    ids=["membership", "api key"],
)
def test_rename_that_commits_after_a_membership_is_seen(app: Flask, organisation: Place, holding: str) -> None:
    """The two transactions do not see each other's rows."""
    someone = add_person(app, "Old Name")
    refs = [ActorRef("member", str(someone.id)), ActorRef("api_key", "key_2")]
    with app.app_context(), db.engine.connect() as renaming:
        renaming.execute(text("UPDATE person SET name = 'New Name' WHERE id = :id"), {"id": someone.id})
        with db.engine.begin() as joining:
            joining.execute(text(holding), {"org": organisation.id, "person": someone.id})
        before = directory.find_profiles(organisation.id, stamps(organisation), refs)
        db.session.rollback()
        renaming.commit()
        after = directory.find_profiles(organisation.id, stamps(organisation), refs)

    (old,), (new,) = before.values(), after.values()
    assert "Old Name" in (old.name, old.note.removeprefix("made by "))
    assert "New Name" in (new.name, new.note.removeprefix("made by "))


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_profiles_saved_at_once_do_not_hold_each_other_up(
    app: Flask, organisation: Place, other_organisation: Place
) -> None:
    """Six people of the same two organisations, all renaming themselves as fast as they can."""
    crowd = [add_person(app, f"Person{number} Mori") for number in range(6)]
    for someone in crowd:
        join(app, organisation, someone)
        join(app, other_organisation, someone)

    def rename(someone: Someone) -> None:
        with app.app_context():
            for number in range(100):
                name = f"Name {number}"
                people.save_profile(
                    someone.id, name=name, zone="", absolute_times=False, shortcuts=True, theme="system"
                )
                db.session.commit()

    with ThreadPoolExecutor(len(crowd)) as pool:
        for done in [pool.submit(rename, someone) for someone in crowd]:
            done.result(60)


def test_newcomer_is_seen_at_once(app: Flask, organisation: Place) -> None:
    someone = add_person(app, "Ines Duarte")
    ref = ActorRef("member", str(someone.id))

    def ask() -> Mapping[ActorRef, ActorProfile]:
        with app.app_context():
            return directory.find_profiles(organisation.id, stamps(organisation), [ref])

    assert ask() == {}
    join(app, organisation, someone)
    assert ask()[ref].standing is Standing.CURRENT
    leave(app, organisation, someone)
    assert ask()[ref].standing is Standing.FORMER
    join(app, organisation, someone)
    assert ask()[ref].standing is Standing.CURRENT


def test_change_taken_back_leaves_nothing_behind(app: Flask, ask: Ask, organisation: Place, ref: ActorRef) -> None:
    """What was read inside a transaction that then failed is not told to anyone else, however others go on."""
    rename = text("UPDATE person SET name = :name WHERE id = :id")
    with app.app_context():
        db.session.execute(rename, {"name": "Nobody", "id": int(ref.id)})
        within = directory.find_profiles(organisation.id, stamps(organisation), [ref])
        assert within[ref].name == "Nobody"
        db.session.rollback()
        assert ask()[ref].name == "Hana Sato"
        with db.engine.begin() as connection:
            connection.execute(rename, {"name": "Hana Mori", "id": int(ref.id)})

    assert ask()[ref].name == "Hana Mori"


def test_same_stamps_elsewhere_tell_nothing(
    app: Flask, organisation: Place, other_organisation: Place, ref: ActorRef
) -> None:
    """Stamps are drawn, and two may be equal."""
    with app.app_context():
        assert ref in directory.find_profiles(organisation.id, (7, 7), [ref, KEY])
        assert directory.find_profiles(other_organisation.id, (7, 7), [ref, KEY]) == {}


def test_stamp_of_another_organisation_stays(
    app: Flask, organisation: Place, other_organisation: Place, hana: Someone
) -> None:
    with app.app_context():
        before = stamps(organisation)[0], stamps(other_organisation)[0]
    leave(app, organisation, hana)
    with app.app_context():
        after = stamps(organisation)[0], stamps(other_organisation)[0]

    assert after[0] != before[0]
    assert after[1] == before[1]


def test_memory_is_bounded(
    app: Flask, ask: Ask, organisation: Place, ref: ActorRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "MOST_REMEMBERED", 10)
    with app.app_context():
        for number in range(50):
            directory.find_profiles(organisation.id, (0, 0), [ActorRef("member", str(900_000 + number)), KEY])
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
