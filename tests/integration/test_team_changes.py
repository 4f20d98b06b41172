"""Settings → Team: changing roles, removing and leaving, with an owner left in the end."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb.accounts.permissions import Role
from auditweb.extensions import db
from auditweb.models import OwnershipOffer, Person, Presence, SignInSession
from tests.integration.conftest import SignedInAs
from tests.ledgers import NOON
from tests.readers import PASSWORD, Page, Place, Reader, Someone, add_organisation, add_person, join, open_session
from tests.teams import at_once, entries, error, give_role, invite, names, notice, of, priya, roles, team, told

# ruff: noqa: F401, F811  (fixtures are imported)


# Roles


MEANINGS = {
    ("member", "admin"): "Raised the role of Priya Raman to admin",
    ("member", "owner"): "Raised the role of Priya Raman to owner",
    ("admin", "owner"): "Raised the role of Priya Raman to owner",
    ("auditor", "admin"): "Raised the role of Priya Raman to admin",
    ("member", "auditor"): "Gave Priya Raman access to the audit log",
    ("auditor", "member"): "Took away the audit log access of Priya Raman",
    ("admin", "auditor"): "Changed the role of Priya Raman to auditor",
    ("owner", "admin"): "Changed the role of Priya Raman to admin",
    ("owner", "member"): "Changed the role of Priya Raman to member",
    ("admin", "admin"): None,
}


def test_a_change_of_role_is_told_by_what_it_means(
    app: Flask, organisation: Place, owner: Reader, priya: Someone
) -> None:
    for (old, new), sentence in MEANINGS.items():
        join(app, organisation, priya, old)
        before = told(app)

        answer = give_role(owner, organisation, priya, new)

        assert (answer.status, answer.location) == (303, of(organisation, priya))
        assert roles(app, organisation)[priya.id] == new
        assert told(app)[len(before) :] == ([sentence] if sentence else []), (old, new)
    assert "Priya Raman is" in notice(owner.get(of(organisation, priya)))


def test_a_role_counts_from_the_next_click(app: Flask, organisation: Place, owner: Reader, priya: Someone) -> None:
    hers = open_session(app, app.test_client(), priya)
    assert hers.get(organisation.log).status == 403

    owner.post(of(organisation, priya, "/role"), {"role": "auditor"})

    assert hers.get(organisation.log).status == 200
    assert hers.get(team(organisation)).status == 403


def test_a_role_that_is_none_is_refused_beside_its_field(
    app: Flask, organisation: Place, owner: Reader, priya: Someone
) -> None:
    for form in ({}, {"role": ""}, {"role": "god"}, {"role": "owner "}):
        page = owner.post(of(organisation, priya, "/role"), form)
        assert (page.status, error(page, "role")) == (422, "Choose one of these roles.")
    assert roles(app, organisation)[priya.id] == "member"
    assert entries(app) == []


def test_admins_neither_make_nor_touch_owners(
    app: Flask, organisation: Place, owner: Reader, priya: Someone, signed_in_as: SignedInAs
) -> None:
    admin, maya = signed_in_as(Role.ADMIN, name="Ines Duarte"), owner.someone

    offered = [str(tag["value"]) for tag in admin.get(of(organisation, priya)).select("input[name=role]")]
    assert offered == ["admin", "auditor", "member"]
    page = admin.post(of(organisation, priya, "/role"), {"role": "owner"})
    assert (page.status, error(page, "role")) == (422, "Only an owner can make someone an owner.")
    assert not admin.get(of(organisation, maya)).select("main form, main .btn.danger")
    for rest, form in (("/role", {"role": "member"}), ("/remove", {}), ("/two-factor", {})):
        page = admin.post(of(organisation, maya, rest), form)
        assert page.status == 403
        assert "Only an owner can" in page.words
    assert admin.get(of(organisation, priya, "/role/owner")).status == 403
    assert admin.get(of(organisation, maya, "/remove")).status == 403
    for reader in (admin, owner):
        page = invite(reader, organisation, "new@x.example", role="owner")
        assert (page.status, error(page, "role")) == (422, "Only an owner can make someone an owner.")
    assert entries(app) == []
    assert roles(app, organisation)[priya.id] == "member"


def test_one_can_give_up_a_role_but_not_raise_oneself(
    app: Flask, organisation: Place, owner: Reader, signed_in_as: SignedInAs
) -> None:
    admin = signed_in_as(Role.ADMIN, name="Ines Duarte")
    assert admin.post(of(organisation, admin.someone, "/role"), {"role": "owner"}).status == 422

    answer = admin.post(of(organisation, admin.someone, "/role"), {"role": "auditor"})

    assert (answer.status, answer.location) == (303, "/profile")
    assert "You are now an auditor" in notice(admin.get("/profile"))
    assert admin.get(team(organisation)).status == 403
    assert told(app) == ["Changed the role of Ines Duarte to auditor"]


def test_an_owner_is_made_unmade_and_removed_only_by_who_proves_who_they_are(
    app: Flask, organisation: Place, owner: Reader, priya: Someone
) -> None:
    for old, new in (("member", "owner"), ("owner", "admin")):
        join(app, organisation, priya, old)
        address = of(organisation, priya, f"/role/{new}")
        assert owner.post(of(organisation, priya, "/role"), {"role": new}).location == address
        assert owner.get(address).status == 200
        for form in ({}, {"password": "not hers"}):
            page = owner.post(address, form)
            assert page.status == 422
            assert error(page, "password")
        assert roles(app, organisation)[priya.id] == old
    assert owner.get(of(organisation, priya, "/role/auditor")).status == 200
    for nothing in ("god", "OWNER"):
        assert owner.get(of(organisation, priya, f"/role/{nothing}")).status == 404

    page = owner.post(of(organisation, priya, "/remove"))
    assert (page.status, error(page, "password")) == (422, "Enter your password.")
    assert priya.id in roles(app, organisation)
    assert entries(app) == []
    assert owner.post(of(organisation, priya, "/remove"), {"password": PASSWORD}).status == 303
    assert told(app) == ["Removed Priya Raman from the organisation"]


# The last owner


def test_the_last_owner_stays_one(app: Flask, organisation: Place, owner: Reader, priya: Someone) -> None:
    switched_off = add_person(app, "Absent Owner")
    join(app, organisation, switched_off, "owner")
    with app.app_context():
        db.session.get_one(Person, switched_off.id).active = False
        db.session.commit()

    page = owner.post(of(organisation, owner.someone, "/role"), {"role": "member"})
    assert page.status == 422
    assert "needs an owner" in error(page, "role")
    assert page.select_one("input[name=role][value=member][checked]"), "what was chosen stays chosen"
    page = owner.post(team(organisation, "/leave"))
    assert (page.status, "You are its only owner" in notice(page)) == (409, True)
    assert not owner.get(team(organisation, "/leave")).select("main .btn.danger")
    page = owner.post(of(organisation, owner.someone, "/remove"))
    assert (page.status, "You can leave" in notice(page)) == (409, True)
    assert entries(app) == []

    join(app, organisation, priya, "owner")
    assert owner.post(team(organisation, "/leave")).status == 303
    assert told(app) == ["Left the organisation"]


Act = Callable[[Reader, Place, Someone | None], Page]

ACTS: dict[str, Act] = {
    "demote each other": lambda who, place, other: give_role(who, place, other, "member"),
    "remove each other": lambda who, place, other: who.post(of(place, other, "/remove"), {"password": PASSWORD}),
    "both leave": lambda who, place, _other: who.post(team(place, "/leave")),
    "both step down": lambda who, place, _other: who.post(of(place, who.someone, "/role"), {"role": "admin"}),
}


def test_of_two_owners_who_act_at_once_one_is_left(app: Flask, signed_in_as: SignedInAs) -> None:
    for number, (what, act) in enumerate(ACTS.items()):
        place = add_organisation(app, f"place-{number}", "Two Owners Ltd")
        first, second = (signed_in_as(Role.OWNER, place, name=name) for name in ("Maya Okafor", "Kenji Mori"))
        for reader in (first, second):
            reader.token()

        answers = at_once(partial(act, first, place, second.someone), partial(act, second, place, first.someone))

        statuses = {answer.status for answer in answers}
        assert 303 in statuses, what
        # Or 302 and 404: removed, and so signed out, before the second was even heard.
        assert statuses & {302, 403, 404, 409, 422}, what
        assert list(roles(app, place).values()).count("owner") == 1, what
        assert len(entries(app, place)) == 1, what


# Removing and leaving


def test_whoever_is_removed_is_out_at_once_and_stays_on_record(
    app: Flask, organisation: Place, other_organisation: Place, owner: Reader, priya: Someone
) -> None:
    join(app, other_organisation, priya, "auditor")
    hers = open_session(app, app.test_client(), priya)
    assert hers.get(other_organisation.log).status == 200
    hers.post("/theme", {"theme": "dark"})

    asked = owner.get(of(organisation, priya, "/remove"))
    assert "Remove Priya Raman?" in asked.heading()
    answer = owner.post(of(organisation, priya, "/remove"))

    assert (answer.status, answer.location) == (303, team(organisation))
    assert "no longer belongs" in notice(owner.get(team(organisation)))
    for place in (organisation, other_organisation):
        assert (hers.get(place.log).location or "").startswith("/sign-in")
    assert told(app) == ["Removed Priya Raman from the organisation"]
    assert names(owner.get(team(organisation, "/former"))) == ["Priya Raman"]
    again = open_session(app, app.test_client(), priya)
    assert (again.get(organisation.log).status, again.get(other_organisation.log).status) == (404, 200)
    assert owner.post(of(organisation, priya, "/remove")).location == team(organisation), "pressed twice"
    assert "Priya Raman does not belong to Northgate Imports any more." in notice(owner.get(team(organisation)))
    assert told(app) == ["Removed Priya Raman from the organisation"]


def test_the_entries_of_someone_removed_keep_their_name_and_say_so(
    app: Flask, organisation: Place, owner: Reader, priya: Someone
) -> None:
    hers = open_session(app, app.test_client(), priya)
    hers.post("/sign-out")
    owner.post(of(organisation, priya, "/remove"))

    row = owner.get(f"{organisation.log}?actor=member:{priya.id}").select_one(".row")

    assert row is not None
    assert "Priya Raman" in row.get_text()
    assert "Former member" in row.get_text()


def test_removal_warns_of_invitations_that_stay_open(
    app: Flask, organisation: Place, owner: Reader, signed_in_as: SignedInAs
) -> None:
    admin = signed_in_as(Role.ADMIN, name="Ines Duarte")
    invite(admin, organisation, "friend@x.example")

    assert "friend@x.example" in owner.get(of(organisation, admin.someone, "/remove")).words


def test_offers_of_ownership_end_with_those_they_concern(
    app: Flask, organisation: Place, owner: Reader, priya: Someone
) -> None:
    tom = add_person(app, "Tom Price")
    join(app, organisation, tom, "owner")

    def offer(from_id: int, to_id: int) -> None:
        with app.app_context():
            db.session.add(OwnershipOffer(org_id=organisation.id, from_id=from_id, to_id=to_id, offered_at=NOON))
            db.session.commit()

    def is_open() -> bool:
        with app.app_context():
            return db.session.get(OwnershipOffer, organisation.id) is not None

    offer(tom.id, priya.id)
    owner.post(of(organisation, priya, "/role"), {"role": "admin"})
    assert is_open()
    give_role(owner, organisation, tom, "admin")
    assert not is_open(), "who is no owner any more has nothing to offer"
    offer(owner.someone.id if owner.someone else 0, priya.id)
    owner.post(of(organisation, priya, "/remove"))
    assert not is_open()


def test_anyone_can_leave_from_their_profile(
    app: Flask, organisation: Place, owner: Reader, signed_in_as: SignedInAs
) -> None:
    for number, role in enumerate(Role, start=1):
        reader = signed_in_as(role, name=f"Some {role}")
        answer = reader.post(team(organisation, "/leave"))
        assert (answer.status, answer.location) == (303, "/profile")
        assert told(app) == ["Left the organisation"] * number
        for again in (reader.get(organisation.log), reader.post(team(organisation, "/leave"))):
            assert again.status == 404
    page = reader.get("/profile")
    assert "You have left Northgate Imports." in page.words
    assert not page.select(".rowlist")

    link = owner.get("/profile").select_one(".rowlist .btn")
    assert link is not None
    assert owner.get(str(link["href"])).heading() == "Leave Northgate Imports?"


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_a_visit_that_is_being_noted_does_not_stand_in_the_way(
    app: Flask, organisation: Place, owner: Reader, priya: Someone
) -> None:
    """It holds the session and needs the organisation, and who removes the person the other way round."""
    open_session(app, app.test_client(), priya)
    owner.token()
    with app.app_context(), db.engine.connect() as noting, ThreadPoolExecutor() as pool:
        noting.execute(sa.update(SignInSession).filter_by(person_id=priya.id).values(seen_at=NOON))
        removing = pool.submit(owner.post, of(organisation, priya, "/remove"))
        wait([removing], 0.5)
        assert not removing.done()
        noting.execute(sa.insert(Presence).values(org_id=organisation.id, person_id=priya.id, seen_at=NOON))
        noting.commit()
        assert removing.result(10).status == 303
