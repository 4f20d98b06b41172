"""The page about an actor: who has one, who may read it, and the ways there."""

from datetime import timedelta

import pytest
from flask import Flask

from auditweb import ids
from auditweb.parties import Actor, ActorType, Target
from tests.integration.conftest import SignedInAs
from tests.log_pages import NOW, statements
from tests.people import MONDAY, NIGHTLY, Tell, about, hrefs, priya, tell
from tests.readers import Place, Reader, Someone, add_key, add_person

# ruff: noqa: F401, F811  (fixtures are imported)

pytestmark = pytest.mark.usefixtures("at_now")


# Who has a page


def test_whoever_an_entry_or_a_membership_knows_has_a_page(
    app: Flask, reader: Reader, organisation: Place, priya: Someone, tell: Tell
) -> None:
    key_maker = add_person(app, "Maya Okafor")
    add_key(app, organisation, "key_1", "Dealer feed", key_maker)
    tell(MONDAY, NIGHTLY)
    tell(MONDAY, Actor(ActorType.SYSTEM, "a/b", "Odd one"))
    tell(MONDAY, NIGHTLY, "two_factor.reset", target=Target("member", "host-7", "Somebody of a host"))

    for ref, name in (
        (f"member:{priya.id}", "Priya Raman"),
        ("api_key:key_1", "Dealer feed"),
        ("system:nightly", "Nightly import"),
        ("system:a%252Fb", "Odd one"),
        ("system:a/b", "Odd one"),
        ("member:host-7", "host-7"),
    ):
        page = reader.get(about(organisation, ref))
        assert (page.status, page.heading()) == (200, name), ref


def test_nobody_else_has(
    app: Flask, reader: Reader, organisation: Place, other_organisation: Place, signed_in_as: SignedInAs
) -> None:
    kenji = signed_in_as("owner", other_organisation, name="Kenji Mori").someone
    assert kenji is not None
    add_key(app, other_organisation, "key_osaka", "Showroom website", kenji)
    missing = reader.get(f"{organisation.log}/nowhere/at/all")

    for ref in (
        f"member:{kenji.id}",
        "api_key:key_osaka",
        "member:999",
        "member:",
        "nonsense",
        "pirate:1",
        "system:none",
        "system:%00",
        "member:99999999999999999999",
        "system:" + "x" * 300,
    ):
        page = reader.get(about(organisation, ref))
        assert page.status == 404, ref
        assert page.heading() == missing.heading()
        assert "Kenji" not in page.text


@pytest.mark.parametrize("role", ["owner", "admin", "auditor", "member"])
def test_those_who_read_the_log_read_the_pages(
    signed_in_as: SignedInAs, organisation: Place, priya: Someone, role: str
) -> None:
    someone = signed_in_as(role)

    for part in ("", "?part=first-week", "?part=last-week"):
        assert someone.get(about(organisation, priya, part)).status == (403 if role == "member" else 200)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("part=third-week", "third-week"),
        ("part=first-week&part=last-week", "more than one part"),
        ("part=first-week&category=team", "category"),
        ("part=first-week&after=nonsense", "after which entry"),
        ("category=boats", "boats"),
        ("actor=member:1", "one actor"),
        ("oldest=1", "one actor"),
        ("colour=red", "colour"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    reader: Reader, organisation: Place, priya: Someone, query: str, name: str
) -> None:
    page = reader.get(about(organisation, priya, f"?{query}"))

    assert page.status == 400
    assert name in page.words


# The ways there


def test_names_lead_to_their_pages_and_outside_the_log_nowhere(
    app: Flask, reader: Reader, organisation: Place, priya: Someone, tell: Tell, signed_in_as: SignedInAs
) -> None:
    event = tell(NOW - timedelta(minutes=5), priya)
    person, thing = about(organisation, priya), f"{organisation.log}/targets/vehicle/veh_1"

    log = reader.get(organisation.log)
    assert person in hrefs(log, ".row a.whois")
    details = reader.get(f"{organisation.log}/entries/{ids.to_text(event.id)}", htmx=True)
    assert {person, thing} <= set(hrefs(details, ".facts a"))
    narrowed = reader.get(f"{organisation.log}?actor=member:{priya.id}&target=vehicle:veh_1", htmx=True)
    assert hrefs(narrowed, "#about-actor, #about-target") == [person, thing]
    for address in (person, thing):
        assert reader.get(address).status == 200
    own = signed_in_as("member", name="Tom Lindqvist")
    assert own.someone is not None
    mine = tell(NOW, own.someone)
    for page in (own.get("/o/northgate/my-log"), own.get(f"/o/northgate/my-log/entries/{ids.to_text(mine.id)}")):
        assert "/people/" not in page.text
        assert "/targets/" not in page.text


def test_details_on_other_pages_swap_no_table_that_is_not_there(
    reader: Reader, organisation: Place, priya: Someone, tell: Tell
) -> None:
    address = f"{organisation.log}/entries/{ids.to_text(tell(MONDAY, priya).id)}"
    elsewhere = {"HX-Current-URL": f"http://localhost{organisation.log}/targets/vehicle/veh_1"}

    assert reader.get(address, htmx=True).select("[hx-target='#audit-table']")
    assert not reader.get(address, htmx=True, headers=elsewhere).select("[hx-target]")
    assert not reader.get(address).select("main [hx-target]")


def test_a_page_asks_as_little_of_a_long_life_as_of_a_short_one(
    app: Flask, reader: Reader, organisation: Place, priya: Someone, tell: Tell
) -> None:
    tell(MONDAY, priya)
    address = about(organisation, priya)
    reader.get(address)
    tell(MONDAY, priya)
    with statements(app) as few:
        reader.get(address)
    for hours in range(30):
        tell(MONDAY + timedelta(hours=hours), priya)
    with statements(app) as many:
        reader.get(address)

    assert len(many) == len(few) <= 26
