"""Settings → Team: who belongs, as lists that are read and searched, and who may see and manage them."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb import clock
from auditweb.accounts import charge, people
from auditweb.accounts.permissions import GRANTED, Right, Role, may, may_manage
from auditweb.extensions import db
from auditweb.models import Membership, Organisation, Person, Presence
from tests.integration.conftest import SignedInAs
from tests.ledgers import NOON
from tests.readers import PASSWORD, Page, Place, Reader, Someone, add_person, join, leave, open_session, without_tokens
from tests.second_factors import enrol
from tests.teams import entries, invite, names, of, priya, roles, team

# ruff: noqa: F401, F811  (fixtures are imported)


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
