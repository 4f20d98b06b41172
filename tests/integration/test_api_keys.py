"""Settings → API keys: making keys, looking after them, and what the pages say of each."""

import re
import shlex
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from flask import Flask

from auditweb import clock
from auditweb.accounts import api_keys as rules
from auditweb.accounts.callers import Scope
from auditweb.accounts.key_rights import InvalidError, Rights, parse_networks
from auditweb.accounts.permissions import Role
from auditweb.catalogue import Category
from auditweb.models import ApiKey
from auditweb.parties import Actor, ActorType
from tests.api_keys import add, caller, create, form, found, keys, rotate, stored, token_on
from tests.integration.conftest import AnEvent, SignedInAs
from tests.readers import PASSWORD, Page, Place, Reader, add_key, add_person
from tests.second_factors import enrol
from tests.teams import at_once, entries, error, notice, told

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def cells(page: Page, name: str) -> list[str]:
    """Return what a row of the list tells of the key called so."""
    row = next(row for row in page.select(".keylist tbody tr") if name in row.get_text())
    return [" ".join(cell.get_text(" ").split()) for cell in row.select("th, td")]


# Making them


def test_a_new_key_is_shown_once_with_lines_to_paste(app: Flask, organisation: Place, owner: Reader) -> None:
    page = owner.post(
        keys(organisation, "/new"),
        form(name="Yard scanner", scopes=["events:write", "events:read"], categories=["vehicles"]),
    )

    token = token_on(page)
    assert re.fullmatch(r"aw_[0-9A-Z]{10}_[A-Za-z0-9_-]{43}", token)
    lines = [shlex.split(tag.get_text()) for tag in page.select(".handout .secret")[1:]]
    for line in lines:
        assert line[:3] == ["curl", "-H", f"Authorization: Bearer {token}"]
        assert line[-1] == "http://localhost/api/v1/events"
    assert lines[0][3:7] == [
        "-H", "Content-Type: application/json", "-d",
        '{"action": "api_key.tried", "category": "vehicles", "summary": "Tried out an API key"}',
    ]  # fmt: skip
    assert len(lines[1]) == 4, "to read takes no more than the key"
    assert {tag["data-copy"] for tag in page.select("button[data-copy]")} == {
        tag.get_text() for tag in page.select(".handout .secret")
    }

    who = caller(app, token)
    assert who is not None
    assert (who.org_id, who.name, who.scopes) == (organisation.id, "Yard scanner", frozenset(Scope))
    assert who.categories == frozenset({Category.VEHICLES})
    for rest in ("", "/revoked", "/new", f"/{who.key_id}", f"/{who.key_id}/secret", f"/{who.key_id}/rights"):
        assert token.split("_", 2)[2] not in owner.get(keys(organisation, rest)).text


REFUSED: list[tuple[dict[str, str | list[str]], str, str]] = [
    ({"name": ""}, "name", "Enter a name."),
    ({"name": "   "}, "name", "Enter a name."),
    ({"name": "x" * 81}, "name", "at most 80 characters"),
    ({"name": "a\u202eb"}, "name", "cannot be seen"),
    ({"name": "a\0b"}, "name", "cannot be seen"),
    ({"name": "DEALER FEED"}, "name", "There is a key of this name"),
    ({"scopes": []}, "scopes", "Choose at least one."),
    ({"scopes": ["events:write", "events:delete"]}, "scopes", "Choose from these only."),
    ({"categories": ["vehicles", "boats"]}, "categories", "Choose from these only."),
    ({"networks": "203.0.113.7/24"}, "networks", "write 203.0.113.0/24 or the address alone"),
    ({"networks": "203.0.113.0/33"}, "networks", "neither an address nor a range"),
    ({"networks": "office"}, "networks", "neither an address nor a range"),
    ({"expires": "2026-11-22"}, "expires", "a day that is not over"),
    ({"expires": "2099-01-01"}, "expires", "at most ten years from now"),
    ({"expires": "9999-12-31"}, "expires", "at most ten years from now"),
    ({"expires": "tomorrow"}, "expires", "Write the day as year, month and day"),
    ({"password": "wrong"}, "password", "This is not your password."),
    ({"password": ""}, "password", "Enter your password."),
]  # fmt: skip


def test_what_a_key_cannot_be_is_said_at_its_field(app: Flask, organisation: Place, signed_in_as: SignedInAs) -> None:
    with clock.set_to(NOON):
        owner = signed_in_as(Role.OWNER)
        add_key(app, organisation, "key_1", "Dealer feed", owner.someone or add_person(app, "Ada"))
        for fields, field, says in REFUSED:
            sent = form(name="Yard scanner", networks="192.0.2.9", expires="2027-01-31") | fields
            page = owner.post(keys(organisation, "/new"), sent)
            assert (page.status, says in error(page, field)) == (422, True), (fields, error(page, field))
            assert len(page.select(".fielderror")) == 1, fields
            # Nothing has to be typed again, but for the password.
            for name in ("name", "networks", "expires"):
                typed = page.select_one(f"#{name}")
                assert typed is not None
                assert str(typed.get("value") or typed.get_text()).strip() == str(sent[name]).strip(), fields
            ticked = {str(tag["value"]) for tag in page.select("input[checked]")}
            known = {"events:write", "events:read", *Category}
            assert ticked == {*sent["scopes"], *sent.get("categories", ())} & known
    assert len(stored(app, organisation)) == 1
    assert told(app) == []


def test_a_second_factor_is_asked_for_as_well(app: Flask, organisation: Place, owner: Reader) -> None:
    assert owner.someone is not None
    phone = enrol(app, owner.someone)

    assert error(owner.post(keys(organisation, "/new"), form(name="Feed")), "code") == "Enter the code."
    assert stored(app, organisation) == []
    create(owner, organisation, code=phone.code())
    assert len(stored(app, organisation)) == 1


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("", ()),
        (" 203.0.113.7 ", ("203.0.113.7/32",)),
        ("203.0.113.7\r\n203.0.113.7/32, 203.0.113.7", ("203.0.113.7/32",)),
        ("10.0.0.0/8;2001:DB8::/32", ("10.0.0.0/8", "2001:db8::/32")),
        ("2001:0db8:0:0::1", ("2001:db8::1/128",)),
        ("0.0.0.0/0", ("0.0.0.0/0",)),
    ],
)
def test_networks_are_read_into_one_spelling(text: str, networks: tuple[str, ...]) -> None:
    assert parse_networks(text) == networks


@pytest.mark.parametrize(
    "text",
    ["x", "203.0.113", "203.0.113.0/24/1", "203.0.113.0/255.255.255.0", "203.0.113.0/-1", "1.2.3.4/", "fe80::1%eth0",
     "::ffff:203.0.113.7", "2001:db8::1/64", "203.0.113.010", "٢٠٣.0.113.7", "10.0.0.0/0", "3405803783",
     " ".join(f"192.0.2.{number}" for number in range(21)), "x " * 10_000],
)  # fmt: skip
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(InvalidError) as refused:
        parse_networks(text)
    assert refused.value.field == "networks"
    assert len(refused.value.reason) < 500


def test_a_key_works_until_its_last_day_is_over_where_the_organisation_is(
    app: Flask, organisation: Place, other_organisation: Place, signed_in_as: SignedInAs
) -> None:
    with clock.set_to(NOON):
        for place, end in ((organisation, "2026-11-25T00:00"), (other_organisation, "2026-11-24T15:00")):
            owner = signed_in_as(Role.OWNER, place)
            key_id, token = create(owner, place, expires="2026-11-24")
            over = datetime.fromisoformat(end).replace(tzinfo=UTC)
            assert found(app, place, key_id).rights.expires_at == over
            assert "24 Nov 2026" in owner.get(keys(place)).words
            with clock.set_to(over - timedelta(microseconds=1)):
                assert caller(app, token) is not None
            with clock.set_to(over):
                assert caller(app, token) is None
                assert "Expired" in signed_in_as(Role.ADMIN, place).get(keys(place)).words


def test_there_is_an_end_to_how_many_keys(
    app: Flask, organisation: Place, owner: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MOST_KEYS", 2)
    create(owner, organisation, "One")
    create(owner, organisation, "Two")

    page = owner.post(keys(organisation, "/new"), form(name="Three"))

    assert page.status == 409
    assert "There are 2 keys already. Revoke what is not needed" in notice(page)
    assert len(stored(app, organisation)) == 2


# Looking after them


def test_a_replaced_secret_works_on_for_as_long_as_chosen(
    app: Flask, organisation: Place, signed_in_as: SignedInAs
) -> None:
    with clock.set_to(NOON):
        owner = signed_in_as(Role.OWNER)
        key_id, first = create(owner, organisation)
        assert owner.get(keys(organisation, f"/{key_id}/secret")).select_one("[value='24 hours'][checked]")
        for overlap, lasts in rules.OVERLAPS.items():
            _, former = key_id, first
            page = rotate(owner, organisation, key_id, overlap)
            assert page.status == 200, page.words
            first = token_on(page)
            assert first != former
            assert caller(app, first) is not None
            assert (caller(app, former) is not None) is bool(lasts), overlap
            assert ("The former one works no longer." in page.words) is (not lasts)
            if lasts:
                with clock.set_to(NOON + lasts - timedelta(microseconds=1)):
                    assert caller(app, former) is not None
                with clock.set_to(NOON + lasts):
                    assert caller(app, former) is None
                    assert caller(app, first) is not None
                assert "The former secret works, too: it stops in" in owner.get(keys(organisation)).words
        # A third secret ends the first one, whatever was said about that.
        oldest, page = first, rotate(owner, organisation, key_id, "7 days")
        assert caller(app, oldest) is not None
        last = token_on(rotate(owner, organisation, key_id, "at once"))
        assert [caller(app, token) is not None for token in (oldest, token_on(page), last)] == [False, False, True]


def test_a_secret_is_replaced_once_by_those_who_press_at_once(
    app: Flask, organisation: Place, signed_in_as: SignedInAs, owner: Reader
) -> None:
    key_id, token = create(owner, organisation)
    admins = [owner, signed_in_as(Role.ADMIN)]
    for admin in admins:
        admin.token()
    version = found(app, organisation, key_id).version
    sent = {"version": version, "overlap": "1 hour", "password": PASSWORD}

    pages = at_once(*(partial(one.post, keys(organisation, f"/{key_id}/secret"), sent) for one in admins))

    assert sorted(page.status for page in pages) == [200, 409]
    (made,) = [token_on(page) for page in pages if page.status == 200]
    assert [caller(app, one) is not None for one in (token, made)] == [True, True]
    (late,) = [page for page in pages if page.status == 409]
    assert "The secret was replaced a moment ago." in late.words
    assert told(app).count("Replaced the secret of the API key Dealer feed") == 1
    # Loading the page anew that showed the secret sends its form once more, and ends nothing.
    assert owner.post(keys(organisation, f"/{key_id}/secret"), sent).status == 409
    assert caller(app, made) is not None


def test_one_of_two_keys_of_a_name_is_made_by_those_who_press_at_once(
    app: Flask, organisation: Place, signed_in_as: SignedInAs, owner: Reader
) -> None:
    admins = [owner, signed_in_as(Role.ADMIN)]
    for admin in admins:
        admin.token()

    pages = at_once(*(partial(one.post, keys(organisation, "/new"), form(name="Feed")) for one in admins))

    assert sorted(page.status for page in pages) == [200, 422]
    assert len(stored(app, organisation)) == 1
    assert told(app) == ["Created the API key Feed"]


def test_a_key_is_revoked_at_once_and_for_good(app: Flask, organisation: Place, owner: Reader) -> None:
    key_id, token = create(owner, organisation)
    former, token = token, token_on(rotate(owner, organisation, key_id, "7 days"))
    address = keys(organisation, f"/{key_id}/revoke")
    assert "Revoke Dealer feed?" in owner.get(address).heading()
    assert caller(app, token) is not None, "asking changes nothing"

    pages = at_once(*(partial(owner.post, address) for _ in range(2)))

    assert [page.location for page in pages] == [keys(organisation)] * 2
    assert [caller(app, one) for one in (token, former)] == [None, None]
    (row,) = stored(app, organisation)
    assert (row.secret_hash, row.former_hash, row.former_until) == (None, None, None)
    assert told(app).count("Revoked the API key Dealer feed") == 1
    assert "No API keys" in owner.get(keys(organisation)).words
    assert cells(owner.get(keys(organisation, "/revoked")), "Dealer feed")[1] == "Write"
    page = owner.get(keys(organisation, f"/{key_id}"))
    assert "nothing opens with it" in page.words
    assert not page.select("main form")
    secret = form(overlap="1 hour", version=found(app, organisation, key_id).version)
    for rest, sent in {"/name": form(name="Other"), "/rights": form(), "/secret": secret}.items():
        assert "stays so" in owner.post(keys(organisation, f"/{key_id}{rest}"), sent).words, rest
    assert caller(app, token) is None
    create(owner, organisation, "Dealer feed")  # its name is free


def test_what_a_key_may_do_is_changed_with_fresh_proof(app: Flask, organisation: Place, owner: Reader) -> None:
    key_id, token = create(owner, organisation, categories=["vehicles"], networks="127.0.0.1\n2001:db8::/32")
    address = keys(organisation, f"/{key_id}/rights")
    page = owner.get(address)
    assert [tag["value"] for tag in page.select("input[checked]")] == ["events:write", "vehicles"]
    networks = page.select_one("#networks")
    assert networks is not None
    assert networks.get_text().split() == ["127.0.0.1", "2001:db8::/32"]
    as_it_is = form(categories=["vehicles"], networks="127.0.0.1\n2001:db8::/32")
    assert owner.post(address, {**as_it_is, "password": "wrong"}).status == 422
    assert "nothing was changed" in owner.get(owner.post(address, as_it_is).location or "").words

    assert owner.post(address, form(scopes=["events:read"], categories=["vehicles"])).status == 303

    who = caller(app, token, "192.0.2.1")
    assert who is not None
    assert (who.scopes, who.categories) == (frozenset({Scope.READ}), None), "what it may write is no matter any more"
    before = told(app)
    assert "nothing was changed" in owner.get(owner.post(address, form(scopes=["events:read"])).location or "").words
    assert told(app) == before


def test_a_key_is_renamed_and_its_older_entries_are_not(
    app: Flask, organisation: Place, owner: Reader, an_event: AnEvent
) -> None:
    key_id, _ = create(owner, organisation)
    create(owner, organisation, "Other")
    an_event(org_id=organisation.id, actor=Actor(ActorType.API_KEY, key_id, "Dealer feed"))
    address = keys(organisation, f"/{key_id}/name")

    assert "There is a key of this name" in error(owner.post(address, {"name": "other"}), "name")
    assert error(owner.post(address, {"name": " "}), "name") == "Enter a name."
    assert owner.post(address, {"name": "  Auction   feed "}).status == 303
    assert "nothing was changed" in owner.get(owner.post(address, {"name": "Auction feed"}).location or "").words
    assert owner.post(address, {"name": "AUCTION feed"}).status == 303, "it may take its own name"

    assert found(app, organisation, key_id).name == "AUCTION feed"
    who = owner.get(f"{organisation.log}?actor=api_key:{key_id}").select_one("tr.row .who")
    assert who is not None
    assert (who.get_text(), "now called AUCTION feed" in str(who["title"])) == ("Dealer feed", True)


def test_a_key_without_a_secret_gets_one(app: Flask, organisation: Place, owner: Reader) -> None:
    """Such as all those that were there before keys opened anything."""
    add_key(app, organisation, "key_7Q2M", "Old feed", owner.someone or add_person(app, "Ada"))
    assert "No secret" in owner.get(keys(organisation)).words
    assert not owner.get(keys(organisation, "/key_7Q2M/secret")).select("[name=overlap]")

    page = rotate(owner, organisation, "key_7Q2M", "7 days")

    assert caller(app, token_on(page)) is not None
    (row,) = stored(app, organisation)
    assert (row.former_hash, row.former_until) == (None, None)


def test_an_expired_key_lasts_longer_before_its_secret_is_replaced(
    app: Flask, organisation: Place, owner: Reader
) -> None:
    assert owner.someone is not None
    rights = Rights(frozenset({Scope.READ}), expires_at=clock.now() - timedelta(days=1))
    token = add(app, organisation, owner.someone, rights)
    key_id = "key_0123456789"

    page = rotate(owner, organisation, key_id, "at once")

    assert (page.status, "let it last longer first" in page.words) == (409, True)
    assert caller(app, token) is None
    owner.post(keys(organisation, f"/{key_id}/rights"), form(scopes=["events:read"]))
    assert caller(app, token) is not None


# Each action is one entry


def test_each_action_is_told_once_with_what_the_key_may_do_now(
    app: Flask, organisation: Place, signed_in_as: SignedInAs
) -> None:
    with clock.set_to(NOON):
        maya = signed_in_as(Role.OWNER, name="Maya Okafor")
    maya.headers = {"User-Agent": "Firefox"}
    with clock.set_to(NOON + timedelta(minutes=5)):
        key_id, _ = create(
            maya,
            organisation,
            categories=["documents", "vehicles"],
            networks="203.0.113.0/24 192.0.2.9",
            expires="2027-03-31",
        )
        page = keys(organisation, f"/{key_id}")
        assert maya.post(f"{page}/name", {"name": "Feed"}).status == 303
        assert maya.post(f"{page}/rights", form(scopes=["events:read", "events:write"])).status == 303
        assert rotate(maya, organisation, key_id, "7 days").status == 200
        assert rotate(maya, organisation, key_id, "at once").status == 200
        assert maya.post(f"{page}/revoke").status == 303

    log = entries(app, organisation)
    assert [(entry.action, entry.summary, entry.facts) for entry in log] == [
        ("api_key.created", "Created the API key Dealer feed", {
            "scope": "write", "categories": "Vehicles, Documents", "addresses": "203.0.113.0/24, 192.0.2.9/32",
            "expires": "31 March 2027",
        }),
        ("api_key.renamed", "Renamed an API key to Feed", {}),
        ("api_key.scope_changed", "Changed what the API key Feed may do", {"scope": "write and read"}),
        ("api_key.rotated", "Replaced the secret of the API key Feed", {"overlap": "7 days"}),
        ("api_key.rotated", "Replaced the secret of the API key Feed", {"overlap": "none"}),
        ("api_key.revoked", "Revoked the API key Feed", {}),
    ]  # fmt: skip
    assert maya.someone is not None
    for entry in log:
        assert (entry.category, entry.outcome) == ("organisation", "success")
        assert (entry.actor_type, entry.actor_id, entry.actor_name) == ("member", str(maya.someone.id), "Maya Okafor")
        assert (entry.target_type, entry.target_id) == ("api_key", key_id)
        assert (entry.ip, entry.user_agent) == ("127.0.0.1", "Firefox")
        assert entry.request_id
    assert len(log) == len(entries(app)) == len({entry.request_id for entry in log})


def test_the_most_that_a_key_can_be_tied_to_fits_into_an_entry(app: Flask, organisation: Place, owner: Reader) -> None:
    networks = "\n".join(f"2001:db8:1111:2222:3333:4444:5555:{0x6660 + number:x}/128" for number in range(1, 21))

    create(owner, organisation, "x" * 80, networks=networks, categories=[each.value for each in Category])

    assert len(entries(app)[0].facts["addresses"].split(", ")) == 20


def test_keys_are_stored_as_they_are_meant(app: Flask, organisation: Place, owner: Reader) -> None:
    create(owner, organisation, scopes=["events:read", "events:write"], categories=["documents", "team"])

    (row,) = stored(app, organisation)

    assert (row.scopes, row.categories, row.networks) == ("events:write events:read", "team documents", "")
    assert isinstance(row, ApiKey)
