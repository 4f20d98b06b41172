"""A row of the log: what it shows of an entry, and how it keeps its head when that is hostile."""

import unicodedata
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from bs4 import Tag
from flask import Flask

from auditweb import catalogue, clock
from auditweb.catalogue import Action, Category
from auditweb.extensions import db
from auditweb.models import Event
from auditweb.parties import UNKNOWN_PERSON, Actor, ActorType, Outcome, Target
from tests.integration.conftest import AnEvent
from tests.log_pages import LOG, NOW
from tests.readers import Page, Place, Reader, Someone, add_key, add_person, join, leave

pytestmark = pytest.mark.usefixtures("at_now")


@pytest.fixture
def store(app: Flask, organisation: Place, an_event: AnEvent) -> Callable[..., None]:
    """Put an event into the table as it could only get there past the recorder, or before the catalogue changed."""

    def put(**columns: Any) -> None:
        with clock.set_to(NOW - timedelta(days=2)):
            event = an_event(org_id=organisation.id)
        with app.app_context():
            values = {column.name: getattr(event, column.name) for column in Event.__table__.columns}
            db.session.execute(sa.insert(Event).values({**values, "id": event.id + 1, **columns}))
            db.session.commit()

    return put


def first_row(page: Page) -> Tag:
    row = page.select_one("tr.row")
    assert row is not None
    return row


def cell(page: Page, selector: str) -> Tag:
    found = first_row(page).select_one(selector)
    assert found is not None, first_row(page)
    return found


def words(tag: Tag) -> str:
    return " ".join(tag.get_text().split())


def test_a_row_is_a_row_of_a_table_to_everyone(reader: Reader, organisation: Place, an_event: AnEvent) -> None:
    """Phones lay the table out anew, so its roles are said explicitly."""
    an_event(org_id=organisation.id)

    page = reader.get(LOG)

    roles = [(tag.name, tag.get("role"), tag.get("scope")) for tag in first_row(page).find_all(["td", "th"])]
    assert roles == [
        ("td", "cell", None),
        ("td", "cell", None),
        ("th", "rowheader", "row"),
        ("td", "cell", None),
        ("td", "cell", None),
    ]
    assert [tag["role"] for tag in page.select(".log, .log thead, .log tbody, .log tr")] == [
        "table", "rowgroup", "row", "rowgroup", "row", "row",
    ]  # fmt: skip
    assert [tag.get("role") for tag in page.select(".log thead th")] == ["columnheader"] * 5


def test_target_and_values_are_marked_in_the_sentence(reader: Reader, organisation: Place, an_event: AnEvent) -> None:
    catalogue.add(Action("yacht.berthed", Category.SHIPMENTS, "Berthed {target} at {quay} for {owner}"))
    facts = {"quay": "Quay <4>", "owner": "佐藤"}
    an_event("yacht.berthed", org_id=organisation.id, target=Target("yacht", "y/1 2", "MY Höegh"), facts=facts)

    sentence = cell(reader.get(LOG), ".c-sum")

    assert words(sentence) == "Berthed MY Höegh at Quay <4> for 佐藤"
    assert [words(value) for value in sentence.select(".val[dir=auto]")] == ["Quay <4>", "佐藤"]
    link = sentence.select_one("a.tgt[dir=auto]")
    assert link is not None
    assert link["href"] == f"{LOG}?target=yacht:y/1%202"
    assert reader.get(str(link["href"])).select("tr.row")


@pytest.mark.parametrize(
    ("url", "linked"),
    [
        ("/vehicles/veh_1?tab=2&x", True),
        ("https://cars.example/1", True),
        ("javascript:alert(1)", False),
        ("//evil.example/", False),
        ("/\\evil.example", False),
        ("http://cars.example/1", False),
    ],
)
def test_a_target_leads_to_itself_where_its_host_gave_an_address(
    reader: Reader, store: Callable[..., None], url: str, linked: bool
) -> None:
    name = "2020 Honda Stepwgn Spada"
    store(target_url=url, target_type="vehicle", target_id="veh_1", target_name=name)

    link = cell(reader.get(LOG), "a.tgt")

    assert link["href"] == (url if linked else f"{LOG}?target=vehicle:veh_1")
    assert ("hx-get" in link.attrs) != linked


@pytest.mark.parametrize(
    "columns",
    [
        {"summary": "Did something that the catalogue never said"},
        {"action": "yacht.polished", "summary": "Polished the yacht"},
        {"action": "member.invited", "summary": "Invited somebody long ago", "facts": {}},
        {"action": "member.invited", "summary": "Invited a@b.example as admin", "facts": {"email": "a@b.example"}},
        {"summary": "Updated the details of 2020 Honda Stepwgn Spad"},
    ],
)
def test_what_is_seen_is_what_was_stored(reader: Reader, store: Callable[..., None], columns: dict[str, Any]) -> None:
    """Where the catalogue would tell it differently today, the stored sentence stands there plainly."""
    store(**columns)

    sentence = cell(reader.get(LOG), ".c-sum")

    assert words(sentence) == columns["summary"]
    assert sentence.select("a, .val") == []
    assert sentence.select_one("bdi") is not None


def test_flags_say_what_to_notice(reader: Reader, organisation: Place, an_event: AnEvent) -> None:
    def flags(action: str = "vehicle.updated", *, after: timedelta = timedelta(), **more: Any) -> list[str]:
        with clock.set_to(NOW - timedelta(days=1) + after):
            an_event(action, org_id=organisation.id, occurred_at=NOW - timedelta(days=1), **more)
        return [flag.get_text() for flag in first_row(reader.get(f"{LOG}?action={action}")).select(".c-sum .flag")]

    assert flags() == []
    assert flags("two_factor.reset") == ["Sensitive"]
    assert flags("customer.updated", outcome=Outcome.FAILURE) == ["Failed"]
    assert flags("member.removed", outcome=Outcome.DENIED) == ["Denied"]
    assert flags("member.suspended", after=timedelta(minutes=59)) == []
    assert flags("member.reinstated", after=timedelta(minutes=61)) == ["Recorded late"]


def test_each_category_has_its_tile(reader: Reader, organisation: Place, an_event: AnEvent) -> None:
    shown = {}
    for action in catalogue.all_actions():
        if action.category.label not in shown:
            an_event(action.slug, org_id=organisation.id)
            tile = cell(reader.get(f"{LOG}?category={action.category}"), ".cat")
            shown[words(tile)] = tile["class"]

    assert set(shown) == {category.label for category in Category}
    assert len({str(classes) for classes in shown.values()}) == 9


def test_times_are_relative_for_a_day_unless_someone_wants_the_clock(
    app: Flask, reader: Reader, organisation: Place, an_event: AnEvent
) -> None:
    for ago in (timedelta(minutes=4), timedelta(hours=23), timedelta(hours=25)):
        an_event(org_id=organisation.id, occurred_at=NOW - ago)

    def times() -> list[tuple[str, str]]:
        return [(time.get_text(), str(time["datetime"])) for time in reader.get(LOG).select("tr.row time")]

    assert times() == [
        ("4 min ago", "2026-11-23T10:38:07Z"),
        ("23 h ago", "2026-11-22T11:42:07Z"),
        ("09:42", "2026-11-22T09:42:07Z"),
    ]
    with app.app_context():
        db.session.execute(sa.text("UPDATE person SET absolute_times = :on").bindparams(on=True))
        db.session.commit()
    assert [told for told, _ in times()] == ["10:38", "11:42", "09:42"]


def test_each_kind_of_actor_explains_itself(app: Flask, reader: Reader, organisation: Place, an_event: AnEvent) -> None:
    hana, nia = add_person(app, "Hana Sato"), add_person(app, "Nia Coleman")
    join(app, organisation, hana, "admin")
    join(app, organisation, nia, "member")
    leave(app, organisation, nia)
    add_key(app, organisation, "key_1", "Dealer feed", hana)

    def cell_of(actor: Actor) -> tuple[str, list[str], str]:
        an_event(org_id=organisation.id, actor=actor)
        actor_cell = cell(reader.get(LOG), ".actor")
        name = actor_cell.select_one("a.who[dir=auto]")
        assert name is not None
        assert name["href"] == f"{LOG}?actor={actor.type}:{actor.id}"
        assert actor_cell.select_one(".av[aria-hidden=true]") is not None
        return words(name), [badge.get_text() for badge in actor_cell.select(".badge")], str(name["title"])

    member = Actor(ActorType.MEMBER, str(hana.id), "Hana Sato")
    former = Actor(ActorType.MEMBER, str(nia.id), "Nia Coleman")
    assert cell_of(member) == ("Hana Sato", [], f"member:{hana.id}, member, hana@northgate.example")
    assert cell_of(former) == (
        "Nia Coleman",
        ["Former member"],
        f"member:{nia.id}, former member, nia@northgate.example",
    )
    assert cell_of(Actor(ActorType.SYSTEM, "nightly", "Nightly job")) == (
        "Nightly job", ["System"], "system:nightly, system process",
    )  # fmt: skip
    assert cell_of(Actor(ActorType.API_KEY, "key_1", "Dealer feed")) == (
        "Dealer feed", ["API key"], "api_key:key_1, api key, made by Hana Sato",
    )  # fmt: skip
    assert cell_of(Actor(ActorType.SUPPORT, "jess", "Jess Hartley")) == (
        "Jess Hartley", ["Support"], "support:jess, support",
    )  # fmt: skip
    assert cell_of(UNKNOWN_PERSON) == (
        "Unknown person", [], "anonymous:unknown, someone who was not signed in",
    )  # fmt: skip
    assert cell_of(Actor(ActorType.MEMBER, "9999", "Long Gone"))[1] == ["Not a member"]


def test_a_revoked_key_says_so(app: Flask, reader: Reader, organisation: Place, an_event: AnEvent) -> None:
    add_key(app, organisation, "key_1", "Dealer feed", add_person(app, "Hana Sato"))
    with app.app_context():
        db.session.execute(sa.text("UPDATE api_key SET revoked_at = created_at"))
        db.session.commit()
    an_event(org_id=organisation.id, actor=Actor(ActorType.API_KEY, "key_1", "Dealer feed"))

    badge = cell(reader.get(LOG), ".actor .badge")

    assert badge.get_text() == "API key, revoked"


def test_an_entry_keeps_the_name_its_actor_had(
    app: Flask, reader: Reader, organisation: Place, an_event: AnEvent, somebody: Someone
) -> None:
    join(app, organisation, somebody, "member")
    an_event(org_id=organisation.id, actor=Actor(ActorType.MEMBER, str(somebody.id), "Ada Byron"))

    name = cell(reader.get(LOG), "a.who")

    assert words(name) == "Ada Byron"
    assert "now called Ada Okafor" in str(name["title"])


def test_what_was_done_through_a_key_says_so(
    app: Flask, reader: Reader, organisation: Place, an_event: AnEvent
) -> None:
    add_key(app, organisation, "key_1", "Dealer feed", add_person(app, "Hana Sato"))
    an_event(org_id=organisation.id, via=Actor(ActorType.API_KEY, "key_1", "Dealer feed"))

    via = cell(reader.get(LOG), ".via")

    assert words(via) == "through Dealer feed"
    assert "made by Hana Sato" in str(via["title"])


def test_names_that_look_alike_are_told_apart(reader: Reader, organisation: Place, an_event: AnEvent) -> None:
    an_event(org_id=organisation.id, actor=Actor(ActorType.MEMBER, "7", "Ольга"))
    assert first_row(reader.get(LOG)).select(".b-mixed") == []

    an_event(org_id=organisation.id, actor=Actor(ActorType.MEMBER, "8", "аdmin"))

    actor = cell(reader.get(LOG), ".actor")
    assert actor.select_one(".b-mixed") is not None
    assert "member:8" in actor.get_text()


HIDDEN = [
    chr(code)
    for code in range(1, 0x110000)
    if unicodedata.category(chr(code)) in {"Cc", "Cf", "Zl", "Zp"} and chr(code) not in "\u200c\u200d"
]


def test_no_hidden_character_reaches_the_page_raw(reader: Reader, organisation: Place, an_event: AnEvent) -> None:
    """All of them, in every field that anyone else fills."""
    hostile = "x" + "".join(HIDDEN) + "y"
    catalogue.add(Action("yacht.named", Category.SHIPMENTS, "Named {target} {name}", details=("note",)))
    an_event(
        "yacht.named",
        org_id=organisation.id,
        actor=Actor(ActorType.SYSTEM, hostile[:150], hostile),
        via=Actor(ActorType.API_KEY, hostile[150:], hostile),
        target=Target("yacht", hostile[:150], hostile),
        facts={"name": hostile, "note": hostile},
    )
    page = reader.get(LOG)
    entry = str(cell(page, "a.x")["href"])
    addresses = [LOG, entry, str(cell(page, "a.who")["href"]), str(cell(page, "a.tgt")["href"]), f"{LOG}/actors"]

    for address in addresses:
        for htmx in (False, True):
            text = reader.get(address, htmx=htmx).text.replace("\n", "")
            assert [hex(ord(character)) for character in HIDDEN if character in text] == []
            assert "\\u{202e}" in text


PAYLOADS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    '" onfocus="alert(1)" autofocus="',
    "</title><script>alert(1)</script>",
    "</tr></table><iframe src=//evil.example>",
    "{{ 7 * 7 }}{% raw %}",
    "{evil}%(evil)s%s",
    "<!--<bdi hx-get=/x hx-trigger=load>",
    "&lt;script&gt;&#x3c;b&#x3e;",
    "javascript:alert(1)",
)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_payload_becomes_markup(reader: Reader, organisation: Place, an_event: AnEvent, payload: str) -> None:
    def shape(page: Page) -> list[tuple[str, list[str]]]:
        return [(tag.name, sorted(tag.attrs)) for tag in page.markup.find_all(True)]

    def pages(text: str) -> list[Page]:
        an_event(
            "member.role_changed",
            org_id=organisation.id,
            actor=Actor(ActorType.SYSTEM, text, text),
            via=Actor(ActorType.API_KEY, text, text),
            target=Target("person", text, text),
            facts={"role": text},
        )
        page = reader.get(f"{LOG}?category=team")
        entry = str(cell(page, "a.x")["href"])
        narrowed = [str(cell(page, selector)["href"]) for selector in ("a.who", "a.tgt")]
        return [reader.get(address) for address in (entry, *narrowed)]

    for harmless, hostile in zip(pages("harmless"), pages(payload), strict=True):
        assert shape(hostile) == shape(harmless)
        assert payload in hostile.markup.get_text() or "{evil}" in payload
