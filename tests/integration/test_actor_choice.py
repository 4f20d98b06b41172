"""Choosing an actor: a page that works by itself, and the same as options for the combobox."""

from collections.abc import Callable
from urllib.parse import quote

import pytest
from flask import Flask

from auditweb.models import Event
from auditweb.parties import UNKNOWN_PERSON, Actor, ActorType
from auditweb.web import actors
from tests.log_pages import LOG
from tests.readers import Page, Place, Reader, add_key, add_person, join, leave

AnEvent = Callable[..., Event]


@pytest.fixture
def everyone(app: Flask, organisation: Place, reader: Reader, an_event: AnEvent) -> Reader:
    """A reader (Ines Ferreira) of an organisation with every kind of actor."""
    hana, nia = add_person(app, "Hana Sato"), add_person(app, "Nia Coleman")
    join(app, organisation, hana, "member")
    join(app, organisation, nia, "member")
    leave(app, organisation, nia)
    add_key(app, organisation, "key_1", "Dealer feed", hana)
    for actor in (
        Actor(ActorType.SYSTEM, "nightly", "Nightly job"),
        Actor(ActorType.SYSTEM, "importops", "ImportOps"),
        Actor(ActorType.SUPPORT, "jess", "Jess Hartley"),
        UNKNOWN_PERSON,
    ):
        an_event(org_id=organisation.id, actor=actor)
    an_event(org_id=organisation.id, actor=Actor(ActorType.SYSTEM, "importops", "ImportOps (new name)"))
    return reader


def groups(page: Page) -> dict[str, list[str]]:
    return {
        section.select("h2")[0].get_text(): [name.get_text() for name in section.select("li bdi")]
        for section in page.select("section.people")
    }


def options(page: Page) -> dict[str, list[str]]:
    return {
        group.select("[role=presentation]")[0].get_text(): [
            name.get_text() for name in group.select("[role=option] bdi")
        ]
        for group in page.select("#actor-list[role=listbox] [role=group]")
    }


def test_everyone_who_can_be_chosen_stands_in_a_group(everyone: Reader) -> None:
    expected = {
        "Members": ["Hana Sato", "Ines Ferreira"],
        "Former members": ["Nia Coleman"],
        "System processes": ["ImportOps (new name)", "Nightly job"],
        "API keys": ["Dealer feed"],
        "Support": ["Jess Hartley"],
        "Not signed in": ["Unknown person"],
    }

    page, part = everyone.get(f"{LOG}/actors"), everyone.get(f"{LOG}/actors", htmx=True)

    assert groups(page) == options(part) == expected
    assert [tag.name for tag in part.markup.find_all(recursive=False)] == ["div"]
    assert "made by Hana Sato" in page.words


def test_each_choice_leads_to_the_log_and_keeps_the_other_filters(everyone: Reader) -> None:
    page = everyone.get(f"{LOG}/actors?category=vehicles&actor=support:jess&last=7d&oldest=1")

    links = {link.select("bdi")[0].get_text(): str(link["href"]) for link in page.select("a.person")}
    assert links["Nightly job"] == f"{LOG}?category=vehicles&actor=system:nightly&last=7d"
    assert [link.select("bdi")[0].get_text() for link in page.select("a.person[aria-current]")] == ["Jess Hartley"]
    anyone = page.select_one(f"a[href='{LOG}?category=vehicles&last=7d']")
    assert anyone is not None
    for link in links.values():
        assert everyone.get(link).status == 200


def test_the_search_form_keeps_them_too(everyone: Reader) -> None:
    form = everyone.get(f"{LOG}/actors?category=vehicles&last=7d&name=night").select_one("main form")

    assert form is not None
    assert form["action"] == f"{LOG}/actors"
    sent = {str(tag["name"]): str(tag["value"]) for tag in form.select("input")}
    assert sent == {"category": "vehicles", "last": "7d", "name": "night"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("sat", {"Members": ["Hana Sato"]}),
        ("SAT", {"Members": ["Hana Sato"]}),
        ("nia@", {"Former members": ["Nia Coleman"]}),
        ("import", {"System processes": ["ImportOps (new name)"]}),
        ("dealer", {"API keys": ["Dealer feed"]}),
        ("hartley", {"Support": ["Jess Hartley"]}),
        ("100%", {}),
        ("_", {}),
        ("no such person", {}),
    ],
)
def test_typing_narrows_the_choice(everyone: Reader, text: str, found: dict[str, list[str]]) -> None:
    address = f"{LOG}/actors?name={quote(text)}"
    if text == "_":
        found = {"API keys": ["Dealer feed"]}  # key_1, and nothing else: it is no wildcard

    page = everyone.get(address)

    assert groups(page) == options(everyone.get(address, htmx=True)) == found
    assert ("No actor has that name" in page.words) == (not found)


def test_more_than_can_be_listed_is_said(
    app: Flask, organisation: Place, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actors, "LIMIT", 2)
    for name in ("Ann Lee", "Ann Poe", "Ann Ray"):
        join(app, organisation, add_person(app, name, f"{name.replace(' ', '.')}@northgate.example"))

    assert "More than 2" in reader.get(f"{LOG}/actors?name=ann").words
    assert "More than 2" in reader.get(f"{LOG}/actors?name=ann", htmx=True).words
    assert "More than 2" not in reader.get(f"{LOG}/actors?name=ann+l").words


@pytest.mark.parametrize(
    "query",
    [
        "?category=boats",
        "?p=x",
        "?from=2026-03-02&to=2026-03-01&name=a",
        "?name=a&name=b",
        "?name=a%00",
        "?name=" + "x" * 101,
    ],
)
def test_a_bad_filter_is_refused_here_too(reader: Reader, query: str) -> None:
    page = reader.get(f"{LOG}/actors{query}")

    assert page.status == 400
    assert page.select_one(f"main .problem a[href='{LOG}']") is not None


def test_only_for_those_who_may_read_the_log(signed_in_as: Callable[..., Reader], other_organisation: Place) -> None:
    assert signed_in_as("member").get(f"{LOG}/actors").status == 403
    assert signed_in_as("owner", other_organisation, name="Kenji Mori").get(f"{LOG}/actors").status == 404


def test_nobody_of_another_organisation_is_listed(
    app: Flask, everyone: Reader, other_organisation: Place, an_event: AnEvent
) -> None:
    kenji = add_person(app, "Kenji Mori", "kenji@osaka-bay.example")
    join(app, other_organisation, kenji, "owner")
    add_key(app, other_organisation, "key_9", "Mori feed", kenji)
    an_event(org_id=other_organisation.id, actor=Actor(ActorType.SYSTEM, "mori", "Mori job"))

    assert "Mori" not in everyone.get(f"{LOG}/actors").text
    assert groups(everyone.get(f"{LOG}/actors?name=mor")) == {}
