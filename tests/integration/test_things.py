"""The page about a thing: every entry about it, and who touched it."""

from datetime import timedelta

import pytest
from flask import Flask

from auditweb.parties import Actor, ActorType, Target
from tests.integration.conftest import AnEvent, SignedInAs
from tests.log_pages import NOW, follow, rows, spelled, statements
from tests.readers import Page, Place, Reader

pytestmark = pytest.mark.usefixtures("at_now")

ALPHARD = Target("vehicle", "veh_1", "2021 Toyota Alphard", url="/vehicles/1")
HANA = Actor(ActorType.MEMBER, "hana", "Hana Sato")
FEED = Actor(ActorType.API_KEY, "key_1", "Dealer feed")


def about(place: Place, rest: str = "vehicle/veh_1") -> str:
    return f"{place.log}/targets/{rest}"


def shown(page: Page) -> list[str]:
    return [str(row["id"]).removeprefix("e-") for row in page.select("#thing-table tr.row")]


def test_every_entry_about_it_and_who_touched_it(
    reader: Reader, organisation: Place, other_organisation: Place, an_event: AnEvent
) -> None:
    told = [
        an_event(org_id=organisation.id, target=ALPHARD, actor=actor, occurred_at=NOW - timedelta(hours=hours))
        for hours, actor in ((9, HANA), (8, FEED), (2, HANA))
    ]
    an_event(org_id=organisation.id, target=Target("vehicle", "veh_2", "Another"))
    an_event(org_id=organisation.id, target=Target("shipment", "veh_1", "Another kind"))
    an_event(org_id=other_organisation.id, target=ALPHARD, actor="Kenji Mori")

    page = reader.get(about(organisation))

    assert page.heading() == "2021 Toyota Alphard"
    assert shown(page) == spelled(told[::-1])
    assert "2 actors did something to it. Last: Hana Sato , 2 h ago . First: Hana Sato , 9 h ago ." in page.words
    touchers = {link.get_text(" ", strip=True): str(link["href"]) for link in page.select(".touchers a")}
    assert list(touchers) == ["HS Hana Sato 2 entries", "Dealer feed 1 entry"]
    for name, href in touchers.items():
        assert str(len(rows(reader.get(href)))) in name
    assert [str(link["href"]) for link in page.select(".headacts a")] == [
        "/vehicles/1",
        f"{organisation.log}?target=vehicle:veh_1",
    ]
    assert "Monday 23 November 2026: 3 entries" in page.text
    assert "Kenji" not in page.text


def test_from_the_log_to_who_changed_a_vehicle_in_two_clicks(
    reader: Reader, organisation: Place, an_event: AnEvent
) -> None:
    an_event(org_id=organisation.id, target=Target("vehicle", "veh_9", "2019 Elgrand"), actor=HANA)

    found = reader.get(f"{organisation.log}?q=elgrand")
    first = follow(reader, found, ".row .tgt")
    second = follow(reader, first, "#about-target")

    assert "Last: Hana Sato" in second.words


@pytest.mark.parametrize(
    ("id_", "path"),
    [
        ("2019/044", "2019%252F044"),
        ("2019/044", "2019/044"),
        ("/a//b/", "%252Fa%252F%252Fb%252F"),
        ("..", "%252E%252E"),
        ("50%", "50%2525"),
        ("50%", "50%25"),
        ("a?b#c d", "a%3Fb%23c%20d"),
        ("Ünïcødé\u202e", "%C3%9Cn%C3%AFc%C3%B8d%C3%A9%E2%80%AE"),
    ],
)
def test_ids_may_hold_anything(reader: Reader, organisation: Place, an_event: AnEvent, id_: str, path: str) -> None:
    event = an_event(org_id=organisation.id, target=Target("invoice", id_, "Invoice"))

    assert shown(reader.get(about(organisation, f"invoice/{path}"))) == spelled([event])
    details = reader.get(f"{organisation.log}/entries/{spelled([event])[0]}")
    (link,) = [link for link in details.select(".facts a") if link.get_text() == "All about it"]
    assert shown(reader.get(str(link["href"]))) == spelled([event])


def test_what_no_entry_knows_is_not_there(
    reader: Reader, organisation: Place, other_organisation: Place, an_event: AnEvent, signed_in_as: SignedInAs
) -> None:
    an_event(org_id=other_organisation.id, target=ALPHARD)
    member = signed_in_as("member")

    for rest in ("vehicle/veh_1", "vehicle/nothing", "vehicle/%00", "veh%00icle/1", "vehicle/" + "x" * 600):
        assert reader.get(about(organisation, rest)).status == 404, rest
    an_event(org_id=organisation.id, target=ALPHARD)
    assert reader.get(about(organisation)).status == 200
    assert member.get(about(organisation)).status == 403


def test_it_obeys_the_filters_of_the_log(reader: Reader, organisation: Place, an_event: AnEvent) -> None:
    by_hana = an_event(org_id=organisation.id, target=ALPHARD, actor=HANA)
    an_event(org_id=organisation.id, target=ALPHARD, actor=FEED)

    for query in ("actor=member:hana", "q=%22Hana+Sato%22", "category=vehicles&actor=member:hana"):
        assert shown(reader.get(about(organisation, f"vehicle/veh_1?{query}"))) == spelled([by_hana]), query
    none = reader.get(about(organisation, "vehicle/veh_1?category=team"))
    assert (none.status, shown(none)) == (200, [])
    assert "Nothing matches these filters" in none.words
    for query in ("target=vehicle:veh_2", "category=boats", "colour=red"):
        assert reader.get(about(organisation, f"vehicle/veh_1?{query}")).status == 400


def test_pages_of_it_are_turned_like_those_of_the_log(
    app: Flask, reader: Reader, organisation: Place, an_event: AnEvent
) -> None:
    told = [
        an_event(org_id=organisation.id, target=ALPHARD, occurred_at=NOW - timedelta(minutes=minutes))
        for minutes in range(1, 53)
    ]

    first = reader.get(about(organisation))
    with statements(app) as seen:
        second = follow(reader, first, "#pager-older")

    assert shown(first) + shown(second) == spelled(told)
    assert "50 of 52 entries" in first.words or "1 to 50 of 52 entries" in first.words
    assert shown(follow(reader, second, "#pager-newest")) == shown(first)
    assert len(shown(follow(reader, first, "#pager-oldest"))) == 50
    assert len(seen) < 20


def test_of_thousands_of_entries_a_sample_says_so(
    reader: Reader, organisation: Place, an_event: AnEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditweb.reading.lives.SAMPLE", 1)
    an_event(org_id=organisation.id, target=ALPHARD, actor=FEED, occurred_at=NOW - timedelta(hours=1))
    an_event(org_id=organisation.id, target=ALPHARD, actor=HANA)

    page = reader.get(about(organisation))

    assert "One actor did something to it, in the last 1 entries." in page.words
    assert [link.select("bdi")[0].get_text() for link in page.select(".touchers a")] == ["Hana Sato"]


def test_somebody_is_a_thing_too_and_has_a_page_as_a_person(
    reader: Reader, organisation: Place, an_event: AnEvent
) -> None:
    hana = Target("member", "hana", "Hana Sato")
    an_event("two_factor.reset", org_id=organisation.id, target=hana)

    page = follow(reader, reader.get(about(organisation, "member/hana")), ".headacts a")

    assert page.heading() in ("Hana Sato", "hana")
    assert "1 entry about them" in page.words
