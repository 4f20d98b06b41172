"""Settings → Data management: how long the log is kept, whose the organisation is, and asking for its deletion."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pyotp
import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb import clock
from auditweb.accounts.permissions import Role
from auditweb.config import Settings
from auditweb.extensions import db
from auditweb.models import Membership, Organisation, OwnershipOffer, Person, TwoFactor
from tests.export_jobs import maya
from tests.integration.conftest import SignedInAs
from tests.log_entries import DEVICE, at_a_known_device, entries_of, one_entry, told
from tests.log_pages import LOG, NOW
from tests.mail_servers import mail_server
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
    set_role,
    without_tokens,
)
from tests.together import at_once

# ruff: noqa: F401, F811  (fixtures are imported)

DATA = "/o/northgate/settings/data"
OWNERSHIP = "/o/northgate/settings/ownership"
PROOF = {"password": PASSWORD}
NAME = {"typed": "Northgate Imports"}

pytestmark = pytest.mark.usefixtures("at_now")


@pytest.fixture
def tom(signed_in_as: SignedInAs) -> Reader:
    return at_a_known_device(signed_in_as(Role.MEMBER, name="Tom Price"))


def id_of(reader: Reader) -> str:
    assert reader.someone is not None
    return str(reader.someone.id)


def to(reader: Reader) -> dict[str, str]:
    return {"to": id_of(reader)}


def set_up(app: Flask, place: Place, **values: Any) -> None:
    with app.app_context():
        db.session.execute(sa.update(Organisation).where(Organisation.id == place.id).values(values))
        db.session.commit()


def state(app: Flask, place: Place) -> dict[str, Any]:
    """Return all that the pages change: the organisation's columns, its roles, its offer."""
    with app.app_context():
        row = db.session.execute(sa.select(Organisation.__table__).where(Organisation.id == place.id)).one()
        roles = sa.select(Person.name, Membership.role).join(Membership, Membership.person_id == Person.id)
        offers = sa.select(OwnershipOffer.from_id, OwnershipOffer.to_id)
        return {
            **{name: value for name, value in row._mapping.items() if name != "people_stamp"},
            "roles": {each.name: each.role for each in db.session.execute(roles.where(Membership.org_id == place.id))},
            "offer": [tuple(row) for row in db.session.execute(offers.where(OwnershipOffer.org_id == place.id))],
        }


def says(reader: Reader, answer: Page) -> str:
    """Return what a page says that an action led to."""
    assert answer.status == 303, answer.words
    return reader.get(str(answer.location)).words


def problem(page: Page, field: str) -> str:
    error = page.select_one(f"#{field}-error")
    return error.get_text(" ", strip=True) if error else ""


def test_each_action_is_one_entry(app: Flask, organisation: Place, maya: Reader, tom: Reader) -> None:
    people = {"Maya Okafor": maya, "Tom Price": tom}
    nothing: dict[str, str] = {}
    offer = ("/data/transfer", to(tom) | PROOF, "ownership_offered", "Tom Price", nothing)
    shorten = ("/data/shorter?months=24", PROOF, "log_retention_shortened", None)
    two_years = {"period": "2 years", "begins": "23 December 2026"}
    steps: list[tuple[str, str, dict[str, str], str, str | None, dict[str, str]]] = [
        ("Maya Okafor", *offer),
        ("Maya Okafor", "/data/transfer/withdraw", {}, "ownership_offer_withdrawn", "Tom Price", {}),
        ("Maya Okafor", *offer),
        ("Tom Price", "/ownership/decline", {}, "ownership_declined", "Maya Okafor", {}),
        ("Maya Okafor", *offer),
        ("Tom Price", "/ownership/accept", {}, "ownership_accepted", "Maya Okafor", {}),
        ("Tom Price", *shorten, two_years),
        ("Tom Price", "/data/shorter/call-off", {}, "log_retention_shortening_cancelled", None, {}),
        ("Tom Price", *shorten, two_years),
        ("Tom Price", "/data", {"months": "good"}, "log_retention_shortening_cancelled", None, {}),
        ("Tom Price", "/data/delete", NAME | PROOF, "deletion_requested", None, {}),
        ("Tom Price", "/data/delete/call-off", {}, "deletion_cancelled", None, {}),
    ]
    for who, address, form, action, target, facts in steps:
        with one_entry(app, organisation) as found:
            answer = people[who].post(f"/o/northgate/settings{address}", form)
        assert answer.status == 303, (address, answer.words)
        assert told(found[0]) == (f"organisation.{action}", who, target, "127.0.0.1", DEVICE)
        assert found[0].facts == facts
    set_up(app, organisation, retention_months=12)
    with one_entry(app, organisation) as found:
        tom.post(DATA, {"months": "36"})
    assert told(found[0])[:2] == ("organisation.log_retention_changed", "Tom Price")
    assert found[0].facts == {"period": "3 years"}


# Who may


@pytest.mark.parametrize(
    ("role", "sees", "does"),
    [(Role.OWNER, 200, 303), (Role.ADMIN, 200, 403), (Role.AUDITOR, 403, 403), (Role.MEMBER, 403, 403)],
)
def test_who_may_see_and_who_may_act(
    app: Flask, organisation: Place, signed_in_as: SignedInAs, role: Role, sees: int, does: int
) -> None:
    reader, other = signed_in_as(role, name="Somebody Else"), signed_in_as(Role.ADMIN, name="Ines Ferreira")
    before = state(app, organisation)

    page = reader.get(DATA)
    assert page.status == sees
    assert bool(page.select(".settings form, .settings .panel:not(#export) .btn")) is (role is Role.OWNER)
    for address in ("/transfer", "/delete", "/shorter?months=12"):
        assert reader.get(DATA + address).status == (200 if does == 303 else 403)
    acts = [
        ("", {"months": "good"}),
        ("/shorter?months=60", PROOF),
        ("/shorter/call-off", {}),
        ("/transfer", to(other) | PROOF),
        ("/transfer/withdraw", {}),
        ("/delete", NAME | PROOF),
        ("/delete/call-off", {}),
    ]
    assert {reader.post(DATA + address, form).status for address, form in acts} == {does}
    assert state(app, organisation) == before
    assert reader.get(OWNERSHIP).status == 200
    assert "Nobody offers it to you" in reader.get(OWNERSHIP).words


def test_for_strangers_it_is_the_same_404(
    app: Flask, organisation: Place, maya: Reader, tom: Reader, signed_in_as: SignedInAs, other_organisation: Place
) -> None:
    maya.post(f"{DATA}/transfer", to(tom) | PROOF)
    kenji = signed_in_as(Role.OWNER, other_organisation)
    signed_in_as(Role.MEMBER, other_organisation)
    before = state(app, organisation)
    missing = without_tokens(kenji.get("/o/nobody/settings/data").text)

    for address in ("/data", "/data/transfer", "/data/delete", "/data/shorter?months=12", "/ownership"):
        page = kenji.get(f"/o/northgate/settings{address}")
        assert (page.status, without_tokens(page.text)) == (404, missing)
    for address in ("/data", "/data/shorter/call-off", "/data/transfer/withdraw", "/ownership/accept"):
        assert kenji.post(f"/o/northgate/settings{address}").status == 404
    refused = kenji.post("/o/osaka-bay/settings/data/transfer", to(tom) | PROOF)
    assert (refused.status, problem(refused, "to")) == (422, "Not a valid choice.")
    assert "Tom Price" not in refused.text
    assert state(app, organisation) == before


# Proof, and what is typed


REFUSED = [
    ("/transfer", {}, "to", "Choose who is to be the owner."),
    ("/transfer", {"to": "999"} | PROOF, "to", "Not a valid choice."),
    ("/transfer", {"password": "wrong"}, "to", "Choose who"),
    ("/transfer", {"password": "wrong", "to": "tom"}, "password", "This is not your password."),
    ("/delete", NAME | {"password": "wrong"}, "password", "This is not your password."),
    ("/delete", NAME, "password", "Enter your password."),
    ("/delete", {"typed": "northgate imports"} | PROOF, "typed", "This is not the name."),
    ("/delete", PROOF, "typed", "This is not the name."),
    ("/shorter?months=24", {"password": "wrong"}, "password", "This is not your password."),
    ("/shorter?months=24", {"password": "x" * 1025}, "password", "This is too long."),
]


def test_without_proof_nothing_changes(app: Flask, organisation: Place, maya: Reader, tom: Reader) -> None:
    before = state(app, organisation)

    for address, sent, field, reason in REFUSED:
        form = sent | to(tom) if sent.get("to") == "tom" else sent
        page = maya.post(DATA + address, form)
        assert page.status == 422
        assert reason in problem(page, field), (address, sent)
        assert [str(tag["value"]) for tag in page.select("#typed")] == (
            [form.get("typed", "")] if address == "/delete" else []
        )
        chosen = {str(tag["value"]) for tag in page.select("#to [selected]")} - {""}
        assert chosen == ({id_of(tom)} if form.get("to") == id_of(tom) else set())
        assert "wrong" not in page.text
    assert (state(app, organisation), entries_of(app, organisation)) == (before, [])


def test_proof_takes_a_code_of_those_who_have_one(app: Flask, organisation: Place, maya: Reader, tom: Reader) -> None:
    secret = pyotp.random_base32()
    with app.app_context():
        db.session.add(TwoFactor(person_id=int(id_of(maya)), secret=secret, last_step=0, enrolled_at=NOW))
        db.session.commit()
    code = {"code": pyotp.TOTP(secret).at(NOW)}

    assert "Enter the code." in problem(maya.post(f"{DATA}/transfer", to(tom) | PROOF), "code")
    assert "not right" in problem(maya.post(f"{DATA}/transfer", to(tom) | PROOF | {"code": "000000"}), "code")
    assert maya.post(f"{DATA}/transfer", to(tom) | PROOF | code).status == 303
    assert "used already" in problem(maya.post(f"{DATA}/delete", NAME | PROOF | code), "code")
    assert state(app, organisation)["deletion_due_at"] is None


def test_guessing_the_password_has_to_wait(app: Flask, organisation: Place, maya: Reader, tom: Reader) -> None:
    for _ in range(6):
        page = maya.post(f"{DATA}/delete", NAME | {"password": "wrong"})

    assert "Too many tries. Wait" in problem(page, "password")
    for address in ("delete", "transfer", "shorter?months=24"):
        blocked = maya.post(f"{DATA}/{address}", NAME | to(tom) | PROOF)
        assert "Too many tries. Wait" in problem(blocked, "password")
        assert (blocked.status, blocked.response.headers["Retry-After"]) == (429, "30")
    assert state(app, organisation)["deletion_due_at"] is None


# How long the log is kept


def test_heading_of_the_log_tells_it(app: Flask, organisation: Place, reader: Reader) -> None:
    for months, words in ((None, "for good"), (12, "for 1 year"), (84, "for 7 years"), (18, "for 18 months")):
        set_up(app, organisation, retention_months=months)
        assert f"Entries can’t be changed, and are kept {words}." in reader.get(LOG).words
        assert f"Entries are kept {words} ." in reader.get(DATA).words


def test_more_time_counts_at_once_and_calls_off_less(app: Flask, organisation: Place, maya: Reader) -> None:
    set_up(app, organisation, retention_months=24)
    assert maya.post(f"{DATA}/shorter?months=12", PROOF).status == 303

    with one_entry(app, organisation) as found:
        assert "Entries are kept for 5 years." in says(maya, maya.post(DATA, {"months": "60"}))

    assert found[0].action == "organisation.log_retention_changed"
    kept = state(app, organisation)
    assert (kept["retention_months"], kept["shorter_months"], kept["shorter_from"]) == (60, None, None)
    before = len(entries_of(app, organisation))
    assert "nothing was changed" in says(maya, maya.post(DATA, {"months": "60"}))
    assert "There was nothing to call off" in says(maya, maya.post(f"{DATA}/shorter/call-off"))
    assert len(entries_of(app, organisation)) == before


def test_less_time_is_announced_and_counts_thirty_days_later(app: Flask, organisation: Place, maya: Reader) -> None:
    before = state(app, organisation)
    leads = maya.post(DATA, {"months": "12"})
    assert leads.location == f"{DATA}/shorter?months=12"
    assert state(app, organisation) == before

    page = maya.get(str(leads.location))
    assert "from 23 December 2026 on it counts" in page.words
    assert "entries up to 22 December 2025 are removed" in page.words
    assert "No entry is as old yet." in page.words
    maya.post(f"{DATA}/shorter?months=12", PROOF)

    kept = state(app, organisation)
    assert (kept["retention_months"], kept["shorter_months"]) == (None, 12)
    assert kept["shorter_from"] == NOW + timedelta(days=30)
    assert "From 23 December 2026 on they are kept for 1 year only" in maya.get(DATA).words
    count = len(entries_of(app, organisation))
    assert "nothing was changed" in says(maya, maya.get(f"{DATA}/shorter?months=12"))
    assert "nothing was changed" in says(maya, maya.post(f"{DATA}/shorter?months=12", PROOF))
    assert len(entries_of(app, organisation)) == count
    with one_entry(app, organisation):
        assert maya.post(f"{DATA}/shorter?months=36", PROOF).status == 303
    assert state(app, organisation)["shorter_months"] == 36


def test_page_counts_what_would_go(app: Flask, organisation: Place, maya: Reader, an_event: Callable[..., Any]) -> None:
    for days_ago in (10, 335, 336, 700):  # up to 22 December 2025, thirty days and a year before
        an_event("vehicle.updated", org_id=organisation.id, occurred_at=NOW - timedelta(days=days_ago))

    link = maya.get(f"{DATA}/shorter?months=12").select_one(".bullets a")

    assert link is not None
    assert link.get_text() == "2 entries"
    assert len(maya.get(str(link["href"])).select("#audit-table tr.row")) == 2


def test_there_are_no_other_periods(app: Flask, organisation: Place, maya: Reader) -> None:
    before = state(app, organisation)

    for months in ("", "0", "13", "good", "-12", "9" * 40, "12 ", "१२"):
        assert maya.get(f"{DATA}/shorter?months={months}").status == 400
        assert maya.post(f"{DATA}/shorter?months={months}", PROOF).status == 400
        if months != "good":
            page = maya.post(DATA, {"months": months})
            assert (page.status, problem(page, "months")) == (422, "Not a valid choice.")
    assert state(app, organisation) == before


# Handing over


def test_offer_is_seen_accepted_and_swaps_the_two(app: Flask, organisation: Place, maya: Reader, tom: Reader) -> None:
    assert "Nobody offers it to you" in tom.get(OWNERSHIP).words
    assert "offered to Tom Price, who has to accept it" in says(maya, maya.post(f"{DATA}/transfer", to(tom) | PROOF))
    assert state(app, organisation)["roles"] == {"Maya Okafor": "owner", "Tom Price": "member"}
    assert "The ownership of Northgate Imports is offered to you." in tom.get("/profile").words
    assert "is offered to you" not in maya.get("/profile").words
    assert "is offered to Tom Price already" in says(maya, maya.get(f"{DATA}/transfer"))
    page = tom.get(OWNERSHIP)
    assert "Maya Okafor offers you the ownership" in page.words
    assert "read and filter the whole audit log" in page.words
    planted = tom.cookie()

    assert "You own the organisation now. Maya Okafor is an admin" in says(tom, tom.post(f"{OWNERSHIP}/accept"))

    assert state(app, organisation)["roles"] == {"Maya Okafor": "admin", "Tom Price": "owner"}
    assert state(app, organisation)["offer"] == []
    assert maya.get(f"{DATA}/transfer").status == 403
    assert tom.get(f"{DATA}/transfer").status == 200
    assert tom.cookie() != planted
    tom.keep(planted)
    assert tom.get(DATA).status == 302


def test_offer_stands_only_as_long_as_both_are_what_they_were(
    app: Flask, organisation: Place, maya: Reader, tom: Reader, signed_in_as: SignedInAs
) -> None:
    zoe = signed_in_as(Role.OWNER, name="Zoe Lund")
    assert maya.someone is not None
    assert tom.someone is not None

    def void(spoil: Callable[[], None], mend: Callable[[], None]) -> None:
        assert zoe.post(f"{DATA}/transfer/withdraw").status == 303  # whatever there was before
        assert maya.post(f"{DATA}/transfer", to(tom) | PROOF).status == 303
        spoil()
        mend()
        before = state(app, organisation)
        assert "is offered to you" not in tom.get("/profile").words
        assert "This offer does not stand any more." in says(tom, tom.post(f"{OWNERSHIP}/accept"))
        assert "This offer does not stand any more." in says(tom, tom.post(f"{OWNERSHIP}/decline"))
        assert "There is no open offer any more." in says(zoe, zoe.post(f"{DATA}/transfer/withdraw"))
        assert state(app, organisation)["roles"] == before["roles"]

    def rejoin(someone: Someone, role: Role) -> None:
        with clock.set_to(NOW + timedelta(seconds=1)):
            join(app, organisation, someone, role)

    void(partial(leave, app, organisation, tom.someone), partial(rejoin, tom.someone, Role.MEMBER))
    with clock.set_to(NOW + timedelta(seconds=2)):
        void(partial(set_role, app, organisation, maya.someone, Role.ADMIN), lambda: None)
        set_role(app, organisation, maya.someone, Role.OWNER)
        void(partial(set_role, app, organisation, tom.someone, Role.OWNER), lambda: None)
        set_role(app, organisation, tom.someone, Role.ADMIN)
        assert "offered to Tom Price, who" in says(maya, maya.post(f"{DATA}/transfer", to(tom) | PROOF))


def test_only_whom_it_is_offered_to_can_take_it(
    app: Flask, organisation: Place, maya: Reader, tom: Reader, reader: Reader
) -> None:
    maya.post(f"{DATA}/transfer", to(tom) | PROOF)
    before = state(app, organisation)

    for other in (reader, maya):
        assert "Nobody offers it to you" in other.get(OWNERSHIP).words
        for act in ("accept", "decline"):
            assert "does not stand any more" in says(other, other.post(f"{OWNERSHIP}/{act}"))
    assert state(app, organisation) == before


def test_two_people_at_once_end_in_one_result(app: Flask, organisation: Place, maya: Reader, tom: Reader) -> None:
    for reader in (maya, tom):
        reader.token()
    for acts, actions in (
        ([(tom, "/ownership/decline"), (maya, "/data/transfer/withdraw")], {"declined", "offer_withdrawn"}),
        ([(tom, "/ownership/accept"), (maya, "/data/transfer/withdraw")], {"accepted", "offer_withdrawn"}),
    ):
        assert maya.post(f"{DATA}/transfer", to(tom) | PROOF).status == 303
        with one_entry(app, organisation) as found:
            at_once(*(partial(who.post, f"/o/northgate/settings{address}") for who, address in acts))
        assert found[0].action.removeprefix("organisation.ownership_") in actions
        now = state(app, organisation)
        assert now["offer"] == []
        assert sorted(now["roles"].values()).count("owner") == 1
        assert (now["roles"]["Tom Price"] == "owner") is (found[0].action == "organisation.ownership_accepted")


def test_two_owners_offer_at_once_and_one_offer_stands(
    app: Flask, organisation: Place, maya: Reader, tom: Reader, signed_in_as: SignedInAs
) -> None:
    zoe = signed_in_as(Role.OWNER, name="Zoe Lund")
    for reader in (maya, zoe):
        reader.token()

    with one_entry(app, organisation):
        answers = at_once(*(partial(who.post, f"{DATA}/transfer", to(tom) | PROOF) for who in (maya, zoe)))

    assert [answer.status for answer in answers] == [303, 303]
    assert len(state(app, organisation)["offer"]) == 1


# Deletion


def test_deletion_is_told_on_every_page_until_an_owner_calls_it_off(
    app: Flask, organisation: Place, maya: Reader, signed_in_as: SignedInAs
) -> None:
    readers = {role: signed_in_as(role, name=f"Another {role}") for role in Role}
    assert "will be deleted on 7 December 2026" in says(maya, maya.post(f"{DATA}/delete", NAME | PROOF))
    assert state(app, organisation)["deletion_due_at"] == NOW + timedelta(days=14)

    for role, reader in readers.items():
        for address in ("/profile", OWNERSHIP, *([LOG, DATA] if role is Role.ADMIN else [])):
            (banner,) = reader.get(address).select(".banner")
            assert "Northgate Imports and its whole log will be deleted on 7 December 2026." in banner.get_text()
            assert bool(banner.select(f'a[href="{DATA}#deletion"]')) is (role is Role.OWNER)
    assert "nothing was changed" in says(maya, maya.post(f"{DATA}/delete", NAME | PROOF))
    with clock.set_to(NOW + timedelta(days=14, minutes=1)):
        late = open_session(app, app.test_client(), readers[Role.OWNER].someone or add_person(app, "Nobody"))
        assert "will be deleted at any moment: that day was 7 December 2026." in late.get(DATA).words
        with one_entry(app, organisation):
            assert "its deletion is called off" in says(late, late.post(f"{DATA}/delete/call-off"))
        assert "nothing to call off" in says(late, late.post(f"{DATA}/delete/call-off"))
        assert not late.get(DATA).select(".banner")


def test_asked_for_and_called_off_twice_at_once_are_one_entry_each(
    app: Flask, organisation: Place, maya: Reader, signed_in_as: SignedInAs
) -> None:
    zoe = signed_in_as(Role.OWNER, name="Zoe Lund")
    for reader in (maya, zoe):
        reader.token()

    for address, form in (("/delete", NAME | PROOF), ("/delete/call-off", {})):
        with one_entry(app, organisation):
            answers = at_once(*(partial(who.post, DATA + address, form) for who in (maya, zoe)))
        assert [answer.status for answer in answers] == [303, 303]


def test_banner_of_a_shorter_time_is_for_owners(app: Flask, organisation: Place, maya: Reader, reader: Reader) -> None:
    maya.post(f"{DATA}/shorter?months=24", PROOF)

    (banner,) = maya.get(LOG).select(".banner")
    assert "From 23 December 2026 on, audit log entries are kept for 2 years only" in banner.get_text()
    assert banner.select(f'a[href="{DATA}#retention"]')
    assert reader.get(LOG).select(".banner") == []


# Mail


def test_owners_are_told_by_mail(make_app: Callable[[Settings], Flask], settings: Settings) -> None:
    with mail_server() as mail:
        app = make_app(settings.model_copy(update=mail.settings))
        place = add_organisation(app, "northgate", "Northgate Imports")
        people = {name: add_person(app, name) for name in ("Maya Okafor", "Zoe Lund", "Ines Ferreira")}
        for name, someone in people.items():
            join(app, place, someone, Role.ADMIN if name.startswith("Ines") else Role.OWNER)
        maya = open_session(app, app.test_client(), people["Maya Okafor"])

        assert "All owners were told by mail." in says(maya, maya.post(f"{DATA}/shorter?months=24", PROOF))
        first = mail.wait_for(2)
        mail.refused.add("zoe@northgate.example")
        assert "No mail could be sent to zoe@northgate.example" in says(maya, maya.post(f"{DATA}/delete", NAME | PROOF))

    sent = mail.wait_for(3)
    assert [message["To"] for message in sent] == [
        "maya@northgate.example",
        "zoe@northgate.example",
        "maya@northgate.example",
    ]
    assert [message["Subject"] for message in sent[1:]] == [
        "The audit log of Northgate Imports will be kept for a shorter time",
        "Northgate Imports will be deleted",
    ]
    assert "kept for 2 years only, from 23 December 2026 on" in first[1].get_content()
    assert "On 7 December 2026 everything of it goes for good" in " ".join(sent[2].get_content().split())
    for message in sent:
        assert f"http://localhost{DATA}" in message.get_content()
    assert state(app, place)["deletion_due_at"] is not None
