"""What the log is told about people and keys: today's name and standing, of this organisation only."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import event

from auditweb.accounts.permissions import Role
from auditweb.accounts.sessions import Place as Membership
from auditweb.accounts.sessions import SignedIn
from auditweb.accounts.viewers import MemberViewer
from auditweb.clock import now
from auditweb.extensions import db
from auditweb.parties import ActorRef
from auditweb.viewer import ActorProfile, Standing, Viewer
from tests.readers import Place, Someone, add_key, add_person, join, leave


@pytest.fixture
def hana(app: Flask, organisation: Place) -> Someone:
    someone = add_person(app, "Hana Sato")
    join(app, organisation, someone, "admin")
    return someone


@pytest.fixture
def left(app: Flask, organisation: Place) -> Someone:
    someone = add_person(app, "Ben Hall")
    join(app, organisation, someone)
    leave(app, organisation, someone)
    return someone


@pytest.fixture
def stranger(app: Flask, other_organisation: Place) -> Someone:
    someone = add_person(app, "Kenji Mori", "kenji@osaka-bay.example")
    join(app, other_organisation, someone, "owner")
    return someone


@pytest.fixture
def viewer(app: Flask, organisation: Place, hana: Someone, left: Someone, stranger: Someone) -> Iterator[Viewer]:
    with app.app_context():
        place = Membership(organisation.id, organisation.slug, organisation.name, organisation.zone, 0, Role.ADMIN)
        person = SignedIn("", hana.id, hana.email, hana.name, "", False, True, "system", now(), 0, (place,))
        yield MemberViewer(person, place)


def member(someone: Someone) -> ActorRef:
    return ActorRef("member", str(someone.id))


def test_what_is_known_of_each_actor(
    app: Flask, viewer: Viewer, organisation: Place, hana: Someone, left: Someone
) -> None:
    add_key(app, organisation, "key_1", "Shipment feed", hana)

    known = viewer.actors([member(hana), member(left), ActorRef("api_key", "key_1"), ActorRef("system", "importer")])

    assert known == {
        member(hana): ActorProfile(member(hana), "Hana Sato", Standing.CURRENT, hana.email),
        member(left): ActorProfile(member(left), "Ben Hall", Standing.FORMER, left.email),
        ActorRef("api_key", "key_1"): ActorProfile(
            ActorRef("api_key", "key_1"), "Shipment feed", Standing.CURRENT, "made by Hana Sato"
        ),
    }


def test_people_and_keys_of_another_organisation_are_unknown(
    app: Flask, viewer: Viewer, other_organisation: Place, stranger: Someone
) -> None:
    add_key(app, other_organisation, "key_osaka", "Osaka feed", stranger)

    assert viewer.actors([member(stranger), ActorRef("api_key", "key_osaka")]) == {}
    for text in ("kenji", "osaka", "key_", "feed", "@"):
        names = {found.name for found in viewer.find_actors(text, limit=50)}
        assert not names & {"Kenji Mori", "Osaka feed"}


@pytest.mark.parametrize("id_", ["", "x", "007", "-1", "1.0", "9" * 30, "²", "1 OR 1=1", "1\x00"])
def test_ids_that_are_nobodys_are_no_error(viewer: Viewer, id_: str) -> None:
    assert viewer.actors([ActorRef("member", id_), ActorRef("api_key", id_)]) == {}


def test_it_is_one_statement(app: Flask, viewer: Viewer, organisation: Place, hana: Someone, left: Someone) -> None:
    add_key(app, organisation, "key_1", "Shipment feed", hana)
    statements: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda _c, _k, statement, *_: statements.append(statement))

    viewer.actors([member(hana), member(left), ActorRef("api_key", "key_1")])
    viewer.actors([ActorRef("system", "importer")])

    assert len([text for text in statements if not text.startswith("BEGIN")]) == 1


def test_those_who_are_still_here_are_found_first(viewer: Viewer) -> None:
    assert [found.name for found in viewer.find_actors("", limit=50)] == ["Hana Sato", "Ben Hall"]
    assert [found.name for found in viewer.find_actors("", limit=1)] == ["Hana Sato"]


@pytest.mark.parametrize("text", ["hana", "SATO", "na sa", "hana@north", "NORTHGATE"])
def test_people_are_found_by_any_part_of_name_or_address(viewer: Viewer, text: str) -> None:
    assert "Hana Sato" in {found.name for found in viewer.find_actors(text, limit=50)}


@pytest.mark.parametrize("text", ["%", "_", "\\", "H%o", "H_na", "'", "/", "%%", "\x00"])
def test_wildcards_are_only_letters(viewer: Viewer, text: str) -> None:
    assert viewer.find_actors(text, limit=50) == []


def test_names_with_wildcards_are_found_by_them(app: Flask, viewer: Viewer, organisation: Place, hana: Someone) -> None:
    add_key(app, organisation, "key_1", "100%_of\\it/all", hana)

    for text in ("100%", "%_", "_of\\", "it/all"):
        assert [found.name for found in viewer.find_actors(text, limit=50)] == ["100%_of\\it/all"]


def test_other_letters_than_a_to_z_are_found_in_either_case(app: Flask, viewer: Viewer, organisation: Place) -> None:
    for name, email in (("Ödön Élő", "odon@northgate.example"), ("佐藤 花", "hana2@northgate.example")):
        join(app, organisation, add_person(app, name, email))

    for text in ("ödön", "Ödön", "élő", "佐藤"):
        assert len(viewer.find_actors(text, limit=50)) == 1
