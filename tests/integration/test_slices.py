"""Reading a shared part of the log: what is in it, what is masked in it, and that nothing leads out of it."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta
from itertools import product

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb import catalogue, clock, ids, transactions
from auditweb.extensions import db
from auditweb.models import Event, Share, ShareAlias
from auditweb.parties import Actor, ActorType, Origin, Outcome, Target
from auditweb.sharing import aliases, reading
from auditweb.sharing.aliases import StoredAliases
from auditweb.sharing.kinds import Kind, kind_of_fact
from auditweb.sharing.masking import Subject
from auditweb.sharing.opening import ClosedError
from tests.integration.conftest import FillLog
from tests.log_pages import NOW, follow, rows, spelled
from tests.readers import Place, Reader, Someone, add_person, join, leave, open_session
from tests.sharing import MASKS, ask, open_, outsider, share

pytestmark = pytest.mark.usefixtures("at_now")

AnEvent = Callable[..., Event]
HANA, TOM = "Hana Sato", "Tom Lindqvist"
WHITCOMBE = Target("customer", "cus_77", "Daniel Whitcombe", url="/customers/77")
SECRETS = (
    HANA, TOM, "hana@northgate.example", "tom@northgate.example", "203.0.113.7", "2001:db8::7", "Chrome", "Whitcombe",
    "cus_77", "/customers/77", "7c1e94b0", "Ines",
)  # fmt: skip


@pytest.fixture
def hana(app: Flask, organisation: Place) -> Someone:
    someone = add_person(app, HANA, "hana@northgate.example")
    join(app, organisation, someone)
    return someone


@pytest.fixture
def tom(app: Flask, organisation: Place) -> Someone:
    someone = add_person(app, TOM, "tom@northgate.example")
    join(app, organisation, someone)
    leave(app, organisation, someone)
    return someone


@pytest.fixture
def story(organisation: Place, an_event: AnEvent, hana: Someone, tom: Someone) -> list[Event]:
    """Nine entries, a minute apart, with everything in them that can be masked; the oldest first."""
    by_hana = Actor(ActorType.MEMBER, str(hana.id), hana.name)
    by_tom = Actor(ActorType.MEMBER, str(tom.id), tom.name)
    about_tom = Target("member", str(tom.id), tom.name)
    windows = Origin("203.0.113.7", "Mozilla/5.0 (Windows NT 10.0) Chrome/126.0 Safari/537.36", "7c1e94b0")
    mac = Origin("2001:db8::7", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Chrome/126.0 Safari/537.36", "7c1e94b0")
    told: list[tuple[str, dict[str, object]]] = [
        ("sign_in.succeeded", {"actor": by_hana, "facts": {"place": "Leith", "method": "password"}}),
        ("member.invited", {"actor": by_hana, "facts": {"email": tom.email, "role": "member"}}),
        ("member.joined", {"actor": by_tom, "facts": {"role": "member"}, "origin": mac}),
        ("vehicle.reserved", {"actor": by_tom, "facts": {"customer": "Daniel Whitcombe"}, "origin": mac}),
        ("customer.updated", {"actor": by_tom, "target": WHITCOMBE}),
        ("document.uploaded", {"actor": by_hana, "facts": {"document": "V5C", "file": "tom-lindqvist.pdf"}}),
        ("member.removed", {"actor": by_hana, "target": about_tom}),
        ("vehicle.updated", {"actor": by_hana, "via": Actor(ActorType.API_KEY, "key_1", f"Script of {HANA}")}),
        ("sign_in.refused", {
            "actor": Actor(ActorType.ANONYMOUS, "unknown", "Unknown person"),
            "target": about_tom,
            "facts": {"email": tom.email, "reason": "wrong password"},
            "outcome": Outcome.FAILURE,
        }),
    ]  # fmt: skip
    return [
        an_event(
            action,
            org_id=organisation.id,
            occurred_at=NOW - timedelta(minutes=9 - number),
            **{"origin": windows, **more},
        )
        for number, (action, more) in enumerate(told)
    ]


def every_address(visitor: Reader, address: str) -> list[str]:
    """Follow every link of a share, and return where it led."""
    seen = [address]
    for here in seen:  # which grows meanwhile
        page = visitor.get(here)
        assert page.status == 200, (here, page.words)
        for link in page.select("a[href]"):
            href = str(link["href"]).partition("#")[0].removeprefix("http://localhost")
            if href:
                assert href.startswith(address), (here, href)
                if href not in seen and len(seen) < 24:
                    seen.append(href)
        for tag in page.select("[src], link[href], use[href]"):
            assert str(tag.get("src") or tag.get("href")).startswith("/static/"), tag
        assert not page.select("form[method=post]")
    return seen


def test_what_is_shared_is_the_filter_that_was_chosen(
    app: Flask, reader: Reader, organisation: Place, story: list[Event], visitor: Reader
) -> None:
    address = open_(visitor, share(reader, organisation, "?category=team"))

    page = visitor.get(address)

    assert rows(page) == spelled([story[6], story[2], story[1]])
    assert "Part of the audit log of Northgate Imports" in page.heading()
    assert "Team entries, up to 23 November 2026, 10:42:07 (London)" in page.words
    assert "Shared by Ines Ferreira" in page.words
    assert not page.select("#audit-tabs")  # there is one category
    assert "1–3 of 3" in page.words
    assert HANA in page.words


def test_a_frozen_share_stays_and_one_that_follows_goes_on(
    app: Flask, reader: Reader, organisation: Place, fill: FillLog, visitor: Reader, an_event: AnEvent
) -> None:
    fill(2)
    frozen = open_(visitor, share(reader, organisation, "?category=vehicles&last=7d"))
    follows = open_(visitor, share(reader, organisation, "?category=vehicles&last=7d", extent="following"))
    with clock.set_to(NOW + timedelta(hours=5)):
        an_event("vehicle.deleted", org_id=organisation.id)
        frozen_page, following_page = visitor.get(frozen), visitor.get(follows)

        assert len(rows(frozen_page)) == 2
        assert "come since" not in frozen_page.words
        assert len(rows(following_page)) == 3
        assert "New entries show as they come" in following_page.words


def test_tabs_pages_filters_and_search_stay_within(
    app: Flask, reader: Reader, organisation: Place, fill: FillLog, story: list[Event], visitor: Reader
) -> None:
    fill(60)
    address = open_(visitor, share(reader, organisation, "?outcome=success"))

    page = visitor.get(address)
    assert [tab.get_text() for tab in page.select("#audit-tabs a[aria-current] .n")] == ["70"]  # with what sharing left
    older = follow(visitor, page, "#pager-older")
    assert len(rows(older)) == 20
    assert rows(follow(visitor, older, "#pager-newer")) == rows(page)
    assert rows(follow(visitor, page, "#pager-oldest"))[-1] == rows(older)[-1]
    team = follow(visitor, page, "#tab-team", htmx=True)
    assert rows(team) == spelled([story[6], story[2], story[1]])
    assert rows(visitor.get(f"{address}?q=lindqvist%20removed")) == spelled([story[6]])
    assert "<mark>" in visitor.get(f"{address}?q=lindqvist%20removed").text
    assert rows(visitor.get(f"{address}?q=refused")) == []  # it failed, and failures are not shared
    assert rows(visitor.get(f"{address}?category=documents&last=24h")) == spelled([story[5]])
    nothing = visitor.get(f"{address}?category=customers&q=zzz")
    assert "Of what is shared: No customers entries with zzz." in nothing.words


def test_no_address_widens_a_share(
    app: Flask, reader: Reader, organisation: Place, story: list[Event], hana: Someone, tom: Someone, visitor: Reader
) -> None:
    query = (
        f"?category=team&actor=member:{hana.id}&target=member:{tom.id}&action=member.removed&outcome=success"
        "&from=2026-11-22&to=2026-11-23&tz=Europe/London&q=removed"
    )
    address = open_(visitor, share(reader, organisation, query))
    missing = visitor.get("/slices/nothing").text
    assert rows(visitor.get(address)) == spelled([story[6]])

    for wider in (
        "category=vehicles", f"actor=member:{tom.id}", f"target=member:{hana.id}", "action=vehicle.updated",
        "outcome=failure", "from=2026-11-21&tz=Europe/London", "to=2026-11-24&tz=Europe/London", "last=30d",
        "from=2026-11-22&to=2026-11-23&tz=Asia/Tokyo", f"upto={ids.to_text(ids.LAST_ID)}",
    ):  # fmt: skip
        page = visitor.get(f"{address}?{wider}")
        assert (page.status, page.text) == (404, missing), wider
        part = visitor.get(f"{address}?{wider}", htmx=True)
        assert (part.status, part.response.mimetype) == (404, "text/plain")
    for event in story[:6] + story[7:]:
        assert visitor.get(f"{address}/entries/{ids.to_text(event.id)}").status == 404
        for place in ("before", "after"):
            inside = visitor.get(f"{address}?{place}={ids.to_text(event.id)}")
            assert set(rows(inside)) <= set(spelled([story[6]]))
    for narrower in ("from=2026-11-23&to=2026-11-23&tz=Europe/London", "q=lindqvist", "category=team"):
        assert rows(visitor.get(f"{address}?{narrower}")) == spelled([story[6]]), narrower
    assert rows(visitor.get(f"{address}?q=-removed")) == []
    for damaged in ("category=boats", "from=2026", "org=2", "before=x", "q=...", "category=team&category=team"):
        page = visitor.get(f"{address}?{damaged}")
        assert page.status == 400, damaged
        assert "See all that is shared" in page.words
    assert visitor.get(f"{address}?q={'%20'.join('abcdefghijkl')}").status == 400  # too many words, with the shared one


def test_an_unclosed_quote_of_the_share_does_not_swallow_a_search(
    app: Flask, reader: Reader, organisation: Place, story: list[Event], visitor: Reader
) -> None:
    address = open_(visitor, share(reader, organisation, "?q=%22removed"))

    assert rows(visitor.get(f"{address}?q=lindqvist")) == spelled([story[6]])
    assert rows(visitor.get(f"{address}?q=honda")) == []


def test_nothing_masked_is_left_anywhere(
    app: Flask, reader: Reader, organisation: Place, story: list[Event], visitor: Reader
) -> None:
    address = open_(visitor, share(reader, organisation, masks=MASKS))

    addresses = every_address(visitor, address)

    assert len(addresses) == 24
    for here, htmx in product(addresses, (False, True)):
        page = visitor.get(here, htmx=htmx)
        for secret in SECRETS:
            assert secret.casefold() not in page.text.casefold(), (here, secret)
            assert secret not in str(page.response.headers)


def test_masked_people_are_told_apart_and_stay_who_they_are(
    app: Flask, reader: Reader, organisation: Place, story: list[Event], visitor: Reader
) -> None:
    address = open_(visitor, share(reader, organisation, masks=MASKS))
    page = visitor.get(address)
    told = {str(row["id"]).removeprefix("e-"): " ".join(row.get_text(" ").split()) for row in page.select("tr.row")}
    invited, removed, refused, reserved = (told[ids.to_text(story[number].id)] for number in (1, 6, 8, 3))

    (person,) = re.findall(r"Removed (Person \d)", removed)
    assert "Could not sign in as E-mail 1" in refused
    assert "Invited E-mail 1" in invited
    assert "Customer 1" in reserved
    assert person in reserved
    ref = person.lower().replace(" ", "-")
    by_person = visitor.get(f"{address}?actor=member:{ref}")
    assert rows(by_person) == spelled([story[4], story[3], story[2]])
    assert f"Entries by {person}" in by_person.words
    about = visitor.get(f"{address}?target=member:{ref}")
    assert rows(about) == spelled([story[8], story[6]])
    detail = visitor.get(f"{address}/entries/{ids.to_text(story[0].id)}")
    for told_instead in (r"From Address \d", r"Device Device \d", "Place 1"):
        assert re.search(told_instead, detail.words)
    again = open_(outsider(app), share(reader, organisation, masks=MASKS))
    assert again != address  # another share has numbers of its own


def test_a_former_name_is_masked_like_the_present_one(
    app: Flask,
    reader: Reader,
    organisation: Place,
    story: list[Event],
    hana: Someone,
    an_event: AnEvent,
    visitor: Reader,
) -> None:
    an_event("vehicle.updated", org_id=organisation.id, target=Target("vehicle", "v1", f"Car of {HANA}"))
    address = open_(visitor, share(reader, organisation, masks=MASKS))
    before = visitor.get(address)

    open_session(app, app.test_client(), hana).post("/profile", {"name": "Hana Mori"})

    assert "Car of Person" in before.words
    assert visitor.get(address).words == before.words
    assert HANA not in visitor.get(open_(visitor, share(reader, organisation, masks=["names"]))).words


def test_many_masked_values_on_a_page_are_numbered(
    app: Flask, reader: Reader, organisation: Place, an_event: AnEvent, visitor: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aliases, "_AT_ONCE", 50)
    many = [f"{number}@x.yz" for number in range(200)]
    facts = {"chassis": " ".join(many[:100]), "fields": " ".join(many[100:])}
    an_event("vehicle.updated", org_id=organisation.id, facts=facts)
    address = open_(visitor, share(reader, organisation, "?category=vehicles", masks=["emails"]))

    for _ in range(2):  # in which they are given, and found
        (row,) = rows(visitor.get(address))
        entry = visitor.get(f"{address}/entries/{row}")
        assert "E-mail 1 E-mail 2" in entry.words
        assert "E-mail 200" in entry.words
        assert "@" not in entry.words


def test_no_number_is_given_in_a_share_that_is_over(app: Flask, reader: Reader, organisation: Place) -> None:
    made = outsider(app)
    share_id = open_(made, share(reader, organisation, masks=MASKS, extent="following")).rpartition("/")[2]
    reader.post(f"/o/northgate/settings/shares/{share_id}/revoke")
    with app.app_context(), transactions.reading():
        late = StoredAliases(organisation.id, share_id)
        late.number(Subject(Kind.PERSON, "member:1", "member:1"))
        with pytest.raises(ClosedError):
            late.settle()
        assert db.session.scalar(sa.select(sa.func.count()).select_from(ShareAlias)) == 0


def test_nobody_can_ask_who_is_behind_a_mask(
    app: Flask, reader: Reader, organisation: Place, story: list[Event], hana: Someone, tom: Someone, visitor: Reader
) -> None:
    address = open_(visitor, share(reader, organisation, masks=MASKS))
    missing = visitor.get("/slices/nothing").text
    for asked in (
        f"actor=member:{hana.id}", f"actor=member:{tom.id}", "actor=member:999", "target=customer:cus_77",
        "target=customer:nobody", f"target=member:{tom.id}", "actor=member:person-99", "target=customer:customer-9",
        "target=member:customer-1", "target=vehicle:Tom Lindqvist", "target=vehicle:Tom Lindqvistx",
        "actor=system:Hana Sato", "actor=system:Nobody At All",
    ):  # fmt: skip
        page = visitor.get(f"{address}?{asked}")
        assert (page.status, page.text) == (404, missing), asked

    everything = len(rows(visitor.get(address)))
    for word in (
        "hana", "sato", "lind*", "lindqvist", "whitcombe", "tom@northgate.example", "203.0.113.7", "2001:db8::7",
        "chrome", "%22hana%20sato%22", "leith",
    ):  # fmt: skip
        page = visitor.get(f"{address}?q={word}")
        assert rows(page) == [], word
        assert len(rows(visitor.get(f"{address}?q=-{word}"))) == everything, word
        assert not page.select("#audit-tabs .n"), "a number would tell"
    for action in ("q=removed", "q=%22removed%20person%22", f"q={ids.to_text(story[6].id)}"):
        assert rows(visitor.get(f"{address}?{action}")) == spelled([story[6]]), action


def test_a_masked_search_pages_both_ways(
    app: Flask, reader: Reader, organisation: Place, fill: FillLog, story: list[Event], visitor: Reader
) -> None:
    hondas = fill(120)
    address = open_(visitor, share(reader, organisation, masks=["names"]))

    first = visitor.get(f"{address}?q=stepwgn%20-reserved%20-uploaded%20-key_1%20-script")
    second = follow(visitor, first, "#pager-older")
    third = follow(visitor, second, "#pager-older")

    found = rows(first) + rows(second) + rows(third)
    assert found == spelled(hondas)
    assert rows(follow(visitor, third, "#pager-newer")) == rows(second)
    assert rows(follow(visitor, second, "#pager-oldest"))[-20:] == rows(third)
    assert rows(follow(visitor, third, "#pager-newest")) == rows(first)
    assert not third.select("#pager-older")


def test_a_masked_search_that_takes_long_goes_on_from_where_it_came(
    app: Flask,
    reader: Reader,
    organisation: Place,
    fill: FillLog,
    story: list[Event],
    visitor: Reader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(30)
    address = open_(visitor, share(reader, organisation, masks=MASKS))
    monkeypatch.setattr(reading, "TIME_LIMIT", 0.0)
    monkeypatch.setattr(reading, "LARGEST", 10)

    page, seen, turns = visitor.get(f"{address}?q=removed"), [], 0
    while True:
        seen += rows(page)
        turns += 1
        link = page.select_one("a:-soup-contains('Continue')")
        if link is None:
            break
        page = visitor.get(str(link["href"]))

    assert seen == spelled([story[6]])
    assert turns > 3


def test_the_words_of_a_masked_share_tell_nobody(
    app: Flask, reader: Reader, organisation: Place, story: list[Event], tom: Someone, visitor: Reader
) -> None:
    by_tom = open_(visitor, share(reader, organisation, f"?actor=member:{tom.id}", masks=["names"]))
    found = open_(visitor, share(reader, organisation, "?q=lindqvist", masks=["names"]))
    customers = open_(visitor, share(reader, organisation, "?target=customer:cus_77", masks=["names"]))

    page = visitor.get(by_tom)
    assert "Entries by Person 1, up to" in page.words
    assert len(rows(page)) == 3
    page = visitor.get(found)
    assert "narrowed by a search whose words are masked" in page.words
    assert "Entries about Customer 1, up to" in visitor.get(customers).words
    for address in (by_tom, found, customers):
        for here in every_address(visitor, address)[:25]:
            for secret in (TOM, "Lindqvist", "Whitcombe", "cus_77"):
                assert secret not in visitor.get(here).text, here


def test_hostile_names_stand_as_text(
    app: Flask, reader: Reader, organisation: Place, an_event: AnEvent, visitor: Reader
) -> None:
    names = ["<img src=x onerror=alert(1)>", "\u202eEVIL\u202c", "=HYPERLINK(1)", "★", "x" * 300, "\"'><script>"]
    for number, name in enumerate(names):
        actor = Actor(ActorType.MEMBER, f"m{number}", name)
        an_event("vehicle.updated", org_id=organisation.id, actor=actor, target=Target("vehicle", f"v{number}", name))
        an_event("member.invited", org_id=organisation.id, actor=actor, facts={"email": name, "role": name})
    note = "<script>alert(1)</script>"
    open_shares = [ask(reader, organisation, masks=masks, note=note) for masks in ([], MASKS)]
    with app.app_context():  # as one could be kept once
        db.session.execute(sa.update(Share).values(note=f"{note}\u202e"))
        db.session.commit()

    for made, masked in zip(open_shares, (False, True), strict=True):
        tag = made.select_one(".handout .secret")
        assert tag is not None
        address = open_(visitor, tag.get_text().removeprefix("http://localhost"))
        for here in (address, f"{address}?q=invited", *every_address(visitor, address)[:12]):
            page = visitor.get(here)
            assert not page.select("img, script:not([src])")
            assert "\u202e" not in page.text
            if masked:
                assert "EVIL" not in page.text
                assert "HYPERLINK" not in page.text


def test_numbers_are_given_once_by_many_readers_at_once(
    app: Flask, reader: Reader, organisation: Place, story: list[Event]
) -> None:
    link = share(reader, organisation, masks=MASKS)
    browsers = [outsider(app) for _ in range(4)]
    (address,) = {open_(browser, link) for browser in browsers}

    with ThreadPoolExecutor(4) as pool:
        contexts = [copy_context() for _ in browsers]  # in which it is NOW
        asked = zip(contexts, browsers, strict=True)
        pages = list(pool.map(lambda pair: pair[0].run(pair[1].get, address), asked))

    assert len({page.select("table.log")[0].get_text() for page in pages}) == 1


def test_the_catalogue_masks_every_fact_that_is_a_name() -> None:
    """A fact that is added to the catalogue is looked at here: is it a name of a person?"""
    facts = {name for action in catalogue.all_actions() for name in {*action.needed, *action.details}}
    assert {name for name in facts if kind_of_fact(name)} == {"customer", "duplicate", "member", "owner", "recipient"}
