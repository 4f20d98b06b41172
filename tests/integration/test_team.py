"""Settings → Team: who belongs, changing roles, removing, resetting second factors, leaving."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb import clock
from auditweb.accounts import charge, people, sessions, two_factor
from auditweb.accounts.permissions import GRANTED, Right, Role, may, may_manage
from auditweb.extensions import db
from auditweb.models import Membership, Organisation, OwnershipOffer, Person, Presence, SignInSession
from auditweb.parties import Origin
from tests.integration.conftest import SignedInAs
from tests.readers import (
    PASSWORD,
    Page,
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
from tests.second_factors import enrol
from tests.teams import at_once, entries, error, give_role, invite, notice, of, roles, team, told

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def owner(signed_in_as: SignedInAs) -> Reader:
    return signed_in_as(Role.OWNER, name="Maya Okafor")


@pytest.fixture
def priya(app: Flask, organisation: Place) -> Someone:
    someone = add_person(app, "Priya Raman")
    join(app, organisation, someone)
    return someone


def names(page: Page) -> list[str]:
    return [tag.get_text() for tag in page.select(".team .whoname a")]


# The lists


def test_each_member_has_role_second_factor_last_visit_and_first_day(
    app: Flask, organisation: Place, owner: Reader, priya: Someone
) -> None:
    enrol(app, priya)
    with app.app_context():
        db.session.add(Presence(org_id=organisation.id, person_id=priya.id, seen_at=NOON - timedelta(minutes=4)))
        db.session.execute(
            sa.update(Membership).where(Membership.person_id == priya.id).values(joined_at=NOON - timedelta(days=27))
        )
        db.session.commit()

    with clock.set_to(NOON):
        person = open_session(app, app.test_client(), owner.someone or priya)
        page = person.get(team(organisation))

    row = next(row for row in page.select(".team tbody tr") if "Priya" in row.get_text())
    assert [" ".join(cell.get_text(" ").split()) for cell in row.select("td")] == [
        "Member", "Two-factor On", "Active 4 min ago", "Joined 27 Oct 2026", "Manage",
    ]  # fmt: skip
    assert [time["datetime"] for time in row.select("time")] == ["2026-11-23T11:56:00Z", "2026-10-27T12:00:00Z"]
    link = row.select_one(".whoname a")
    assert link is not None
    assert link["href"] == f"{organisation.log}/people/member:{priya.id}"
    assert owner.get(str(link["href"])).status == 200


def test_a_visit_is_what_last_active_tells_of(
    app: Flask, organisation: Place, other_organisation: Place, owner: Reader
) -> None:
    assert owner.someone
    join(app, other_organisation, owner.someone, "admin")
    owner.get(organisation.log)
    assert "just now" in owner.get(team(organisation)).words, "from the first page on"
    owner.get(other_organisation.log)
    assert "just now" in owner.get(team(other_organisation)).words, "a minute has not passed, but this is elsewhere"
    with clock.set_to(clock.now() + timedelta(minutes=2)):
        owner.get(team(organisation))
        assert "just now" in owner.get(team(organisation)).words


def test_members_are_found_by_part_of_a_name_or_address(app: Flask, organisation: Place, owner: Reader) -> None:
    for name, email in (
        ("Zoë Ångström", "zoe@a.example"),
        ("100% Sure", "sure@b.example"),
        ("Tom Price", "tp@b.example"),
    ):
        join(app, organisation, add_person(app, name, email))
    sure, tom, zoe = ["100% Sure"], ["Tom Price"], ["Zoë Ångström"]
    for text, found in (
        ("ångs", zoe), ("ZOE@", zoe), ("%", sure), ("b.example", sure + tom), ("_", []), ("\0", []),
        ("  tom   price ", tom), ("", [*sure, "Maya Okafor", *tom, *zoe]),
    ):  # fmt: skip
        page = Page(owner.client.get(team(organisation), query_string={"q": text}))
        assert names(page) == found, text
        assert bool(page.select(".blank")) is (not found)


def test_hundreds_of_members_are_read_page_by_page(app: Flask, organisation: Place, owner: Reader) -> None:
    with app.app_context():
        place = db.session.get_one(Organisation, organisation.id)
        for number in range(120):
            person = Person(
                email=f"m{number}@x.example",
                name=f"member {number // 2:03}",
                password_hash="",
                created_at=NOON,
                zone="",
            )
            db.session.add(person)
            db.session.flush()
            membership = people.add_member(place, person, Role.MEMBER)
            membership.removed_at = NOON + timedelta(seconds=number // 3) if number >= 60 else None
        db.session.commit()

    for address, number in ((team(organisation), 61), (team(organisation, "/former"), 60)):
        met, page = list[str](), owner.get(address)
        assert page.select_one("[aria-current] .n").get_text() == str(number)  # type: ignore[union-attr]
        while True:
            met += [tag.get_text() for tag in page.select(".team small")]
            more = page.select_one(".listpager [rel=next]")
            if more is None:
                break
            page = owner.get(str(more["href"]))
            assert page.select(f'.listpager a[href="{address}"]')
        assert len(met) == len(set(met)) == number


def test_a_page_takes_no_more_statements_for_many_members(app: Flask, organisation: Place, owner: Reader) -> None:
    addresses = [team(organisation, rest) for rest in ("", "/former", "/invitations")]
    few = [statements(app, owner, address) for address in addresses]
    for number in range(12):
        someone = add_person(app, f"Member {number}", f"m{number}@x.example")
        join(app, organisation, someone)
        if number % 2:
            leave(app, organisation, someone)
    invite(owner, organisation, *(f"new{number}@x.example" for number in range(9)))

    assert [statements(app, owner, address) for address in addresses] == few
    assert max(few) <= 4


def statements(app: Flask, reader: Reader, address: str) -> int:
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    with app.app_context():
        engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        assert reader.get(address).status == 200
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
    return len([statement for statement in asked if statement.startswith("SELECT")])


def test_former_members_have_a_list_with_their_last_day(
    app: Flask, organisation: Place, owner: Reader, priya: Someone
) -> None:
    assert "Nobody has left" in owner.get(team(organisation, "/former")).words
    with clock.set_to(datetime(2026, 11, 6, 23, 30, tzinfo=UTC)):
        leave(app, organisation, priya)

    page = owner.get(team(organisation, "/former"))

    assert names(page) == ["Priya Raman"]
    assert "Former member" in page.words
    assert "Last day 6 Nov 2026" in page.words
    assert "Priya" not in owner.get(team(organisation)).text
    assert owner.get(team(organisation, "/former?q=nobody")).select(".blank")
    again = page.select_one(".c-does a")
    assert again is not None
    asked = owner.get(str(again["href"])).select_one("textarea")
    assert asked is not None
    assert asked.get_text().strip() == priya.email


def test_a_damaged_link_is_refused(organisation: Place, owner: Reader) -> None:
    for query in ("after=x", "after=0", "after=-1", "after=99999999999", "after=%00", f"q={'x' * 101}"):
        for rest in ("", "/former"):
            assert owner.get(f"{team(organisation, rest)}?{query}").status == 400, query
    assert owner.get(team(organisation, "/invitations?after=x")).status == 400


def test_a_place_of_nobody_here_is_not_there(
    app: Flask, organisation: Place, other_organisation: Place, owner: Reader
) -> None:
    kenji = add_person(app, "Kenji Mori", "kenji@osaka-bay.example")
    join(app, other_organisation, kenji, "owner")
    for rest in ("", "/former"):
        for person_id in (kenji.id, 2**31 - 1):
            assert owner.get(f"{team(organisation, rest)}?after={person_id}").status == 404


# Who may


def test_the_team_is_for_those_who_manage_it(app: Flask, organisation: Place, signed_in_as: SignedInAs) -> None:
    signed_in_as(Role.OWNER, name="Maya Okafor")
    tom = add_person(app, "Tom Price")
    join(app, organisation, tom)
    for role in Role:
        reader = signed_in_as(role, name=f"Some {role}")
        his = [f"/members/{tom.id}{rest}" for rest in ("", "/remove", "/two-factor")]
        for rest in ("", "/former", "/invitations", "/invite", "/roles", *his):
            page = reader.get(team(organisation, rest))
            assert page.status == (200 if may(role, Right.MANAGE_TEAM) else 403), rest
            if page.status == 403:
                assert "The team page of Northgate Imports is for owners and admins." in page.words
                assert "Maya Okafor" in [tag.get_text() for tag in page.select(".helpers b")]
        links = [str(link["href"]) for link in page.select("nav[aria-label=Settings] a")]
        assert (team(organisation) in links) is may(role, Right.MANAGE_TEAM)
        if role is Role.AUDITOR:
            assert links == [organisation.log]


def test_the_page_of_roles_shows_the_table_that_is_applied(organisation: Place, owner: Reader) -> None:
    page = owner.get(team(organisation, "/roles"))

    assert [tag.get_text() for tag in page.select(".rights thead th")] == ["May", *(role.capitalize() for role in Role)]
    for row, right in zip(page.select(".rights tbody tr"), GRANTED, strict=True):
        assert row.select_one("th").get_text().lower() == right.value.lower()  # type: ignore[union-attr]
        said = [cell.get_text(strip=True).removeprefix("–") for cell in row.select("td")]
        for role, word in zip(Role, said, strict=True):
            partly = right is Right.MANAGE_TEAM and may(role, right) and not may_manage(role, Role.OWNER)
            assert word == ("Except owners" if partly else "Yes" if may(role, right) else "No"), (right, role)


def test_another_organisations_people_are_the_same_404(
    app: Flask, organisation: Place, other_organisation: Place, owner: Reader, priya: Someone
) -> None:
    kenji, gone = add_person(app, "Kenji Mori", "kenji@osaka-bay.example"), add_person(app, "Gone Person")
    join(app, other_organisation, kenji)
    join(app, organisation, gone)
    leave(app, organisation, gone)
    missing = without_tokens(owner.get(team(organisation, "/members/999999")).text)

    for person_id in (kenji.id, gone.id, 2**31 - 1, 2**31, 10**30):
        for rest in ("", "/two-factor", "/role/owner"):
            page = owner.get(team(organisation, f"/members/{person_id}{rest}"))
            assert (page.status, without_tokens(page.text)) == (404, missing)
        for rest in ("/role", "/role/owner", "/two-factor", "/remove"):
            if (person_id, rest) == (gone.id, "/remove"):
                continue  # see below: it has been done
            page = owner.post(team(organisation, f"/members/{person_id}{rest}"), {"role": "admin"})
            assert (page.status, without_tokens(page.text)) == (404, missing), (person_id, rest)
    assert owner.post(of(other_organisation, kenji, "/role"), {"role": "admin"}).status == 404
    assert entries(app) == []


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


# Second factors


def test_a_reset_signs_out_and_asks_for_another(
    app: Flask, organisation: Place, other_organisation: Place, owner: Reader, priya: Someone
) -> None:
    join(app, other_organisation, priya)
    enrol(app, priya)
    with app.app_context():
        sessions.start(priya.id, Origin(ip="127.0.0.1"))
        db.session.commit()

    answer = owner.post(of(organisation, priya, "/two-factor"))

    assert (answer.status, answer.location) == (303, of(organisation, priya))
    with app.app_context():
        assert not two_factor.is_enrolled(priya.id)
        assert two_factor.count_recovery_codes(priya.id) == 0
        assert db.session.get_one(Person, priya.id).must_enrol
        assert not db.session.scalars(sa.select(SignInSession).filter_by(person_id=priya.id)).all()
    for place, by in ((organisation, "Maya Okafor"), (other_organisation, "Another organisation")):
        assert told(app, place) == ["Reset two-factor authentication for Priya Raman"]
        (entry,) = entries(app, place)
        assert (entry.actor_name, entry.ip is None) == (by, place is other_organisation), "unknown there, they stay so"


ELSEWHERE = [  # my role here, theirs elsewhere and mine there; what is answered
    ("owner", "owner", None, 409),
    ("owner", "admin", "auditor", 409),
    ("owner", "owner", "admin", 409),
    ("owner", "admin", "admin", 303),
    ("admin", "owner", "owner", 303),
    ("admin", "auditor", None, 409),
    ("admin", "auditor", "admin", 303),
    ("admin", "member", None, 303),
]


def test_who_runs_another_organisation_is_reset_only_by_those_who_may_there(
    app: Flask, organisation: Place, other_organisation: Place, owner: Reader, priya: Someone
) -> None:
    assert owner.someone
    enrol(app, priya)
    for here, theirs, mine, status in ELSEWHERE:
        join(app, organisation, owner.someone, here)
        join(app, other_organisation, priya, theirs)
        join(app, other_organisation, owner.someone, mine) if mine else leave(app, other_organisation, owner.someone)
        before = len(entries(app))

        page = owner.post(of(organisation, priya, "/two-factor"))

        assert page.status == status, (here, theirs, mine)
        assert len(entries(app)) - before == (2 if status == 303 else 0)
        if status == 409:
            assert "not for you alone to reset" in notice(page)
            assert mine or other_organisation.name not in page.text
        else:
            enrol(app, priya)


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


def test_there_has_to_be_something_to_reset(app: Flask, organisation: Place, owner: Reader, priya: Someone) -> None:
    page = owner.post(of(organisation, priya, "/two-factor"))
    assert (page.status, "has no two-factor authentication" in notice(page)) == (409, True)

    assert owner.someone
    enrol(app, owner.someone)
    page = owner.post(of(organisation, owner.someone, "/two-factor"))
    assert (page.status, "in your sign-in settings" in notice(page)) == (409, True)
    assert entries(app) == []


def test_of_two_resets_at_once_one_counts(
    app: Flask, organisation: Place, other_organisation: Place, owner: Reader, priya: Someone, signed_in_as: SignedInAs
) -> None:
    """Also where they come from two organisations, which do not wait for each other."""
    kenji = signed_in_as(Role.OWNER, other_organisation, name="Kenji Mori")
    join(app, other_organisation, priya)
    enrol(app, priya)
    for reader in (owner, kenji):
        reader.token()

    answers = at_once(
        lambda: owner.post(of(organisation, priya, "/two-factor")).status,
        lambda: kenji.post(of(other_organisation, priya, "/two-factor")).status,
    )

    assert sorted(answers) == [303, 409]
    assert len(entries(app)) == 2


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


# What was true when the page was opened may not be any more


def test_rights_are_looked_at_when_it_is_ones_turn(
    app: Flask, organisation: Place, owner: Reader, priya: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between asking and getting the organisation to oneself, one's role may go."""
    lock = people.lock_organisation

    def lock_after_a_demotion(org_id: int) -> Organisation:
        locked = lock(org_id)
        db.session.execute(sa.update(Membership).filter_by(person_id=owner.someone.id).values(role="auditor"))  # type: ignore[union-attr]
        return locked

    monkeypatch.setattr(charge, "lock_organisation", lock_after_a_demotion)
    settings, proof = f"/o/{organisation.slug}/settings", {"password": PASSWORD}

    for address, form in (
        (of(organisation, priya, "/role"), {"role": "admin"}),
        (of(organisation, priya, "/role/owner"), proof),
        (of(organisation, priya, "/remove"), {}),
        (of(organisation, priya, "/two-factor"), {}),
        (team(organisation, "/invite"), {"addresses": "new@x.example", "role": "member"}),
        (f"{settings}/general", {"panel": "name", "name": "Southgate"}),
        (f"{settings}/general", {"panel": "address", "slug": "southgate"}),
        (f"{settings}/general", {"panel": "time-zone", "zone": "Asia/Tokyo"}),
        (f"{settings}/general", {"panel": "two-factor", "rule": "everyone", "first_day": f"{clock.now():%Y-%m-%d}"}),
        (f"{settings}/general", {"panel": "sessions", "idle_minutes": "20", "session_hours": "8"}),
        (f"{settings}/data", {"months": "good"}),
        (f"{settings}/data/shorter?months=12", proof),
        (f"{settings}/data/shorter/call-off", {}),
        (f"{settings}/data/transfer", {"to": str(priya.id)} | proof),
        (f"{settings}/data/transfer/withdraw", {}),
        (f"{settings}/data/delete", {"typed": organisation.name} | proof),
        (f"{settings}/data/delete/call-off", {}),
    ):
        page = owner.post(address, form)
        assert (page.status, "changed a moment ago" in page.words) == (403, True), (address, form, page.words)
    assert entries(app) == []
    assert roles(app, organisation)[priya.id] == "member"
