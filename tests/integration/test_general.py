"""Settings → General: what an organisation decides about itself, form by form."""

import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb import clock
from auditweb.accounts.permissions import Role
from auditweb.extensions import db
from auditweb.ids import to_text
from auditweb.models import Event, FormerSlug, Organisation, TwoFactor
from tests.databases import Database
from tests.integration.conftest import SignedInAs
from tests.ledgers import operator_engine
from tests.log_entries import DEVICE, at_a_known_device, entries_of, one_entry, told
from tests.log_pages import NOW
from tests.readers import Page, Place, Reader, Someone, join, open_session, without_tokens

GENERAL = "/o/northgate/settings/general"
TODAY, LAST = date(2026, 11, 23), date(2027, 11, 23)


@pytest.fixture
def ines(reader: Reader) -> Reader:
    return at_a_known_device(reader)


def organisation_row(app: Flask, place: Place) -> Organisation:
    with app.app_context():
        return db.session.get_one(Organisation, place.id)


def shown(page: Page, name: str) -> str:
    """Return what a field of the page holds."""
    chosen = page.select_one(f"input[type=radio][name={name}][checked], select[name={name}] option[selected]")
    field = chosen or page.select_one(f"input[name={name}]")
    assert field is not None
    return str(field["value"])


def problem(page: Page, field: str) -> str:
    error = page.select_one(f"#{field}-error")
    return error.get_text(" ", strip=True) if error else ""


def two_factor(rule: str, first_day: date | str = TODAY) -> dict[str, str]:
    return {"panel": "two-factor", "rule": rule, "first_day": str(first_day)}


def sessions(idle: str, hours: str) -> dict[str, str]:
    return {"panel": "sessions", "idle_minutes": idle, "session_hours": hours}


# Which field of which form is sent, what it holds afterwards, and the action and facts of the entry.
CHANGES: list[tuple[str, dict[str, str], str, str, dict[str, str]]] = [
    (
        "name",
        {"panel": "name", "name": " Northgate  Motors "},
        "Northgate Motors",
        "organisation.renamed",
        {"name": "Northgate Motors"},
    ),
    (
        "slug",
        {"panel": "address", "slug": "North-Gate-2 "},
        "north-gate-2",
        "organisation.slug_changed",
        {"slug": "north-gate-2"},
    ),
    (
        "zone",
        {"panel": "time-zone", "zone": "Asia/Tokyo"},
        "Asia/Tokyo",
        "organisation.time_zone_changed",
        {"zone": "Asia/Tokyo"},
    ),
    (
        "rule",
        two_factor("everyone", "2026-12-01"),
        "everyone",
        "organisation.two_factor_required",
        {"deadline": "1 December 2026"},
    ),
    (
        "rule",
        two_factor("admins", LAST),
        "admins",
        "organisation.two_factor_required_of_admins",
        {"deadline": "23 November 2027"},
    ),
    (
        "idle_minutes",
        sessions("5", "1"),
        "5",
        "organisation.session_limits_changed",
        {"without_use": "5 minutes", "at_most": "1 hour"},
    ),
    (
        "session_hours",
        sessions(" 120", "24"),
        "24",
        "organisation.session_limits_changed",
        {"without_use": "120 minutes", "at_most": "24 hours"},
    ),
]


@pytest.mark.usefixtures("at_now")
def test_each_change_is_one_entry_and_the_same_again_is_none(app: Flask, organisation: Place, ines: Reader) -> None:
    here = GENERAL
    for field, form, holds, action, facts in CHANGES:
        with one_entry(app, organisation) as found:
            answer = ines.post(here, form)
        assert answer.status == 303
        here = str(answer.location)
        assert told(found[0]) == (action, "Ines Ferreira", None, "127.0.0.1", DEVICE)
        assert found[0].facts == facts
        page = ines.get(here)
        assert (shown(page, field), "nothing was changed" in page.words) == (holds, False)

        before = len(entries_of(app, organisation))
        assert "nothing was changed" in ines.get(str(ines.post(here, form).location)).words
        assert len(entries_of(app, organisation)) == before


REFUSED = [
    ({"panel": "name", "name": "  "}, "name", "Enter the organisation’s name."),
    ({"panel": "name", "name": "x" * 101}, "name", "This is too long"),
    ({"panel": "name", "name": "North\u200bgate"}, "name", "cannot be seen"),
    ({"panel": "name"}, "name", "Enter the organisation’s name."),
    ({"panel": "address", "slug": ""}, "slug", "Enter an address."),
    ({"panel": "address", "slug": "ab"}, "slug", "3 to 40 characters"),
    ({"panel": "address", "slug": "a" * 41}, "slug", "3 to 40 characters"),
    ({"panel": "address", "slug": "-north"}, "slug", "letter or digit at either end"),
    ({"panel": "address", "slug": "north_gate"}, "slug", "small letters (a to z)"),
    ({"panel": "address", "slug": "nörthgate"}, "slug", "small letters (a to z)"),
    ({"panel": "address", "slug": "north\0gate"}, "slug", "small letters (a to z)"),
    ({"panel": "address", "slug": "x" * 5000}, "slug", "This is too long."),
    ({"panel": "address", "slug": "settings"}, "slug", "kept for other pages"),
    ({"panel": "address", "slug": "osaka-bay"}, "slug", "belongs to another organisation"),
    ({"panel": "address", "slug": "osaka-motors"}, "slug", "belongs to another organisation"),
    ({"panel": "time-zone", "zone": "Europe/Atlantis"}, "zone", "Not a valid choice"),
    (two_factor("nobody"), "rule", "Not a valid choice"),
    (two_factor("everyone", TODAY - timedelta(days=1)), "first_day", "23 November 2026 (today) to 23 November 2027"),
    (two_factor("admins", LAST + timedelta(days=1)), "first_day", "23 November 2026 (today) to 23 November 2027"),
    (two_factor("admins", ""), "first_day", "Choose a day"),
    (two_factor("admins", "1 December"), "first_day", "such as 2026-12-01"),
    (two_factor("admins", "2026-02-30"), "first_day", "such as 2026-12-01"),
    (sessions("4", "12"), "idle_minutes", "from 5 to 120"),
    (sessions("121", "12"), "idle_minutes", "from 5 to 120"),
    (sessions("30.5", "12"), "idle_minutes", "from 5 to 120"),
    (sessions("30", "0"), "session_hours", "from 1 to 24"),
    (sessions("30", "25"), "session_hours", "from 1 to 24"),
    (sessions("30", "9" * 5000), "session_hours", "from 1 to 24"),
    (sessions("٣٠", "12"), "idle_minutes", "from 5 to 120"),
    ({"panel": "sessions"}, "idle_minutes", "from 5 to 120"),
]


@pytest.mark.usefixtures("at_now")
def test_what_cannot_be_is_refused_beside_its_field_and_stays_typed(
    app: Flask, organisation: Place, other_organisation: Place, reader: Reader
) -> None:
    with app.app_context():
        db.session.add(FormerSlug(slug="osaka-motors", org_id=other_organisation.id, given_up_at=NOW))
        db.session.commit()
    before = vars(organisation_row(app, organisation)).copy()

    token = reader.token()
    for form, field, reason in REFUSED:
        # Past the checks of a reader: taking a page with all the zones there are to pieces takes longer than the rest.
        answer = reader.client.post(GENERAL, data={"csrf_token": token, **form})
        assert answer.status_code == 422, form
        (error,) = re.findall(rf'id="{field}-error">(.*)</p>', answer.text)
        assert reason in error, form
        assert "Nothing was changed." in answer.text
        if field not in {"zone", "rule"} and "\0" not in form.get(field, ""):
            (typed,) = re.findall(rf'<input[^>]* name="{field}"[^>]* value="([^"]*)"', answer.text)
            assert typed.split() == form.get(field, "").split()
    assert "3 to 40 characters" in problem(reader.post(GENERAL, {"panel": "address", "slug": "a"}), "slug")

    after = vars(organisation_row(app, organisation))
    assert {name: value for name, value in after.items() if name[0] != "_"} == {
        name: value for name, value in before.items() if name[0] != "_"
    }
    assert entries_of(app, organisation) == []


def test_there_are_no_other_panels(reader: Reader) -> None:
    for panel in ("", "deletion", "\0"):
        assert reader.post(GENERAL, {"panel": panel, "name": "Eve"}).status == 400


@pytest.mark.parametrize(("role", "status"), [(Role.OWNER, 200), (Role.AUDITOR, 403), (Role.MEMBER, 403)])
def test_who_may_see_and_change_it(
    app: Flask, organisation: Place, signed_in_as: SignedInAs, role: Role, status: int
) -> None:
    reader = signed_in_as(role)

    page = reader.get(GENERAL)
    answers = {reader.post(GENERAL, form).status for _, form, *_ in CHANGES[:1] + CHANGES[5:]}

    assert page.status == status
    assert answers == ({303} if status == 200 else {403})
    assert bool(reader.get("/profile").select(f'.side a[href="{GENERAL}"]')) is (status == 200)
    if status == 403:
        assert organisation_row(app, organisation).name == "Northgate Imports"


def test_for_strangers_it_is_the_same_404(reader: Reader, other_organisation: Place) -> None:
    missing = without_tokens(reader.get("/o/nobody/settings/general").text)

    theirs = reader.get("/o/osaka-bay/settings/general")

    assert (theirs.status, without_tokens(theirs.text)) == (404, missing)
    assert reader.post("/o/osaka-bay/settings/general", CHANGES[0][1]).status == 404


# The address


def move(reader: Reader, old: str, new: str) -> Page:
    return reader.post(f"/o/{old}/settings/general", {"panel": "address", "slug": new})


def test_old_links_lead_to_the_new_address(
    app: Flask, organisation: Place, reader: Reader, an_event: Callable[..., Event]
) -> None:
    spelled = to_text(an_event("vehicle.updated", org_id=organisation.id).id)
    assert move(reader, "northgate", "northgate-imports").location == "/o/northgate-imports/settings/general"

    for rest in (
        "",
        "?category=vehicles&q=caf%C3%A9%20%26%20co",
        f"/entries/{spelled}",
        f"/entries/{spelled}.json",
        f"/new?after={spelled}",
        "/actors?name=Ada",
    ):
        for htmx in (False, True):
            answer = reader.get(f"/o/northgate/settings/audit-log{rest}", htmx=htmx)
            assert (answer.status, answer.location) == (308, f"/o/northgate-imports/settings/audit-log{rest}")
    assert reader.get("/").location == "/o/northgate-imports/settings/audit-log"
    page = reader.get(f"/o/northgate-imports/settings/audit-log/entries/{spelled}")
    assert page.status == 200
    assert "/o/northgate/" not in page.text
    assert reader.post(GENERAL, CHANGES[0][1]).location == "/o/northgate-imports/settings/general"


def test_home_leads_to_an_organisation_that_has_moved_since(
    app: Flask, organisation: Place, other_organisation: Place, somebody: Someone, reader: Reader
) -> None:
    for place in (organisation, other_organisation):
        join(app, place, somebody, "admin")
    ada = open_session(app, app.test_client(), somebody)
    assert ada.get(GENERAL).status == 200

    move(reader, "northgate", "harbour")

    assert ada.get("/").location == "/o/harbour/settings/audit-log"


def test_old_links_of_others_are_the_same_404(
    reader: Reader, other_organisation: Place, signed_in_as: SignedInAs, visitor: Reader
) -> None:
    assert move(signed_in_as(Role.OWNER, other_organisation), "osaka-bay", "osaka-motors").status == 303
    missing = without_tokens(reader.get("/o/nobody/settings/audit-log").text)

    for slug in ("osaka-bay", "osaka-motors"):
        page = reader.get(f"/o/{slug}/settings/audit-log")
        assert (page.status, without_tokens(page.text)) == (404, missing)
        assert visitor.get(f"/o/{slug}/settings/audit-log").location == (f"/sign-in?next=/o/{slug}/settings/audit-log")


def test_an_organisation_keeps_ten_former_addresses_for_itself(
    app: Flask, organisation: Place, signed_in_as: SignedInAs
) -> None:
    """It can go back to one of them, and from there to another one."""
    maya = signed_in_as(Role.OWNER, name="Maya Okafor")
    former = [f"former-{number}" for number in range(9)]
    with app.app_context():
        db.session.add_all(FormerSlug(slug=slug, org_id=organisation.id, given_up_at=NOW) for slug in former)
        db.session.commit()

    assert move(maya, "northgate", "tenth").status == 303
    refused = move(maya, "tenth", "eleventh")

    assert refused.status == 422
    assert problem(refused, "slug").startswith("There are 10 former addresses already, which go on leading here")
    assert "take one of those again: former-0, former-1," in problem(refused, "slug")
    assert move(maya, "tenth", "former-3").status == 303
    assert move(maya, "former-3", "eleventh").status == 422
    with app.app_context():
        kept = db.session.scalars(sa.select(FormerSlug.slug)).all()
    assert sorted(kept) == sorted({*former, "northgate", "tenth"} - {"former-3"})


def test_an_address_given_up_stays_the_organisations_own(
    app: Flask, organisation: Place, other_organisation: Place, reader: Reader, signed_in_as: SignedInAs
) -> None:
    move(reader, "northgate", "second")
    move(reader, "second", "third")
    kenji = signed_in_as(Role.OWNER, other_organisation)

    for slug in ("northgate", "second", "third"):
        assert "belongs to another organisation" in problem(move(kenji, "osaka-bay", slug), "slug")
    with one_entry(app, organisation):
        assert move(reader, "third", "northgate").location == GENERAL

    with app.app_context():
        assert sorted(db.session.scalars(sa.select(FormerSlug.slug))) == ["second", "third"]
    for slug in ("second", "third"):
        assert reader.get(f"/o/{slug}/settings/audit-log").location == organisation.log


def test_two_organisations_take_one_address_at_once(
    app: Flask, fresh: Database, organisation: Place, other_organisation: Place, reader: Reader
) -> None:
    """Whoever comes second, by as little as may be, is told so beside the field."""
    reader.token()
    answers: list[Page] = []
    asking = threading.Thread(target=lambda: answers.append(move(reader, "northgate", "harbour")))
    with operator_engine(fresh.owner_url) as elsewhere:
        with elsewhere.begin() as connection:
            taking = sa.update(Organisation).where(Organisation.id == other_organisation.id).values(slug="harbour")
            connection.execute(taking)
            asking.start()
            time.sleep(0.3)
            assert answers == []  # it waits
        asking.join(20)

    assert answers[0].status == 422
    assert "belongs to another organisation" in problem(answers[0], "slug")
    assert organisation_row(app, organisation).slug == "northgate"
    with app.app_context():
        assert db.session.scalar(sa.select(sa.func.count()).select_from(FormerSlug)) == 0
    assert entries_of(app, organisation) == []


# Two-factor authentication


def enrol(app: Flask, someone: Someone) -> None:
    with app.app_context():
        db.session.add(TwoFactor(person_id=someone.id, secret="S" * 32, last_step=0, enrolled_at=NOW))
        db.session.commit()


@pytest.mark.usefixtures("at_now")
def test_rule_is_loosened_and_its_day_moved_by_one_entry_each(app: Flask, organisation: Place, ines: Reader) -> None:
    steps = [
        (two_factor("admins", "2026-12-01"), "organisation.two_factor_required_of_admins"),
        (two_factor("admins", "2026-12-15"), "organisation.two_factor_deadline_changed"),
        (two_factor("everyone", "2026-12-15"), "organisation.two_factor_required"),
        (two_factor("optional", "2026-12-15"), "organisation.two_factor_made_optional"),
    ]
    for form, action in steps:
        with one_entry(app, organisation) as found:
            assert ines.post(GENERAL, form).status == 303
        assert found[0].action == action

    row = organisation_row(app, organisation)
    assert (row.two_factor_rule, row.two_factor_from) == ("optional", None)


def test_day_is_the_organisations_own_and_stays_the_same_in_another_zone(
    app: Flask, organisation: Place, reader: Reader
) -> None:
    with clock.set_to(NOW):
        reader.post(GENERAL, {"panel": "time-zone", "zone": "Asia/Tokyo"})
        reader.post(GENERAL, two_factor("admins", "2026-12-01"))
        assert organisation_row(app, organisation).two_factor_from == datetime(2026, 11, 30, 15, tzinfo=UTC)

        reader.post(GENERAL, {"panel": "time-zone", "zone": "America/New_York"})

        assert organisation_row(app, organisation).two_factor_from == datetime(2026, 12, 1, 5, tzinfo=UTC)
        assert "from 1 December 2026" in reader.get(GENERAL).words


def test_a_day_in_force_may_be_kept_but_not_chosen(app: Flask, organisation: Place, reader: Reader) -> None:
    assert reader.someone is not None
    enrol(app, reader.someone)
    with clock.set_to(NOW):
        reader.post(GENERAL, two_factor("admins"))
    with clock.set_to(NOW + timedelta(minutes=20)):
        assert "since 23 November 2026" in reader.get(GENERAL).words
    with app.app_context():
        db.session.execute(sa.update(Organisation).values(two_factor_from=NOW - timedelta(days=9)))
        db.session.commit()

    with clock.set_to(NOW + timedelta(minutes=20)):
        assert "since 14 November 2026" in reader.get(GENERAL).words
        assert reader.post(GENERAL, two_factor("admins", "2026-11-14")).status == 303
        assert "(today)" in problem(reader.post(GENERAL, two_factor("everyone", "2026-11-14")), "first_day")


@pytest.mark.usefixtures("at_now")
def test_page_says_who_has_none(app: Flask, organisation: Place, signed_in_as: SignedInAs) -> None:
    maya = signed_in_as(Role.OWNER, name="Maya Okafor")
    others = [signed_in_as(Role.MEMBER, name=f"Member {letter}") for letter in "ABCDEFGHIJ"]
    signed_in_as(Role.ADMIN, name="Zoe Admin")

    words = maya.get(GENERAL).words
    assert "12 of 12 members have not set it up, 2 owners and admins among them: Maya Okafor , Zoe Admin" in words
    assert "Member F and 4 more" in words
    assert "you are asked to right after saving" in words

    for reader in [maya, *others[1:]]:
        assert reader.someone is not None
        enrol(app, reader.someone)
    words = maya.get(GENERAL).words
    assert "2 of 12 members have not set it up, an owner or admin among them: Zoe Admin , Member A ." in words
    assert "you are asked to right after saving" not in words


@pytest.mark.usefixtures("at_now")
def test_someone_without_a_second_factor_is_asked_for_it_next(app: Flask, reader: Reader) -> None:
    if "two_factor.set_up" not in app.view_functions:
        app.add_url_rule("/two-factor", "two_factor.set_up", lambda: "")

    assert reader.post(GENERAL, two_factor("admins", TODAY)).location == GENERAL

    answer = reader.get(GENERAL)
    assert (answer.status, "next=" in str(answer.location)) == (302, True)


# Staying signed in


def test_shorter_times_count_at_once_and_of_several_organisations_the_shortest(
    app: Flask, organisation: Place, other_organisation: Place, somebody: Someone
) -> None:
    join(app, organisation, somebody, "owner")
    join(app, other_organisation, somebody, "owner")
    with clock.set_to(NOW - timedelta(hours=3)):
        early = open_session(app, app.test_client(), somebody)
    with clock.set_to(NOW):
        late = open_session(app, app.test_client(), somebody)
        assert "For someone in several organisations the shortest times count" in late.get(GENERAL).words
        late.post(GENERAL, sessions("120", "24"))
        late.post("/o/osaka-bay/settings/general", sessions("120", "2"))
        assert early.get(GENERAL).status == 302
        assert late.get(GENERAL).status == 200
    with clock.set_to(NOW + timedelta(minutes=10)):
        late.post(GENERAL, sessions("5", "24"))
        assert late.get(GENERAL).status == 200
    with clock.set_to(NOW + timedelta(minutes=16)):
        assert late.get(GENERAL).status == 302


# Several people at once


def test_two_admins_at_once_end_in_one_of_what_they_wanted(
    app: Flask, organisation: Place, signed_in_as: SignedInAs
) -> None:
    readers = [signed_in_as(Role.ADMIN, name=f"Admin {number}") for number in range(4)]
    for reader in readers:
        reader.token()
    statuses: list[int] = []

    def send(reader: Reader, form: dict[str, Any]) -> None:
        statuses.append(reader.post(GENERAL, form).status)

    threads = [
        threading.Thread(target=send, args=(reader, {"panel": "name", "name": f"Name {number % 2}"}))
        for number, reader in enumerate(readers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert statuses == [303] * 4
    told_names = [entry.facts["name"] for entry in entries_of(app, organisation)]
    assert told_names[-1] == organisation_row(app, organisation).name
    assert all(first != second for first, second in pairwise(told_names))
