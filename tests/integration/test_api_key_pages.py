"""Settings → API keys: what the lists tell of keys, what becomes of them with their makers, and for whom they are."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb import clock
from auditweb.accounts import api_keys as rules
from auditweb.accounts import charge, people, sessions
from auditweb.accounts.callers import Scope
from auditweb.accounts.key_rights import Rights
from auditweb.accounts.permissions import Right, Role, may
from auditweb.accounts.sessions import SignedIn
from auditweb.accounts.team import MissingError
from auditweb.catalogue import Category
from auditweb.extensions import db
from auditweb.models import ApiKeyUse
from auditweb.parties import Actor, ActorType, Origin
from tests.api_keys import add, caller, create, form, found, keys, stored
from tests.integration.conftest import AnEvent, SignedInAs
from tests.readers import Page, Place, Reader, Someone, add_person, join, leave, set_role, without_tokens
from tests.teams import entries, notice, of, team, told

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
Which = tuple[int, SignedIn, str]
MISSING = "key_0000000000"


def cells(page: Page, name: str) -> list[str]:
    """Return what a row of the list tells of the key called so."""
    row = next(row for row in page.select(".keylist tbody tr") if name in row.get_text())
    return [" ".join(cell.get_text(" ").split()) for cell in row.select("th, td")]


# The lists


def test_the_list_tells_of_each_key_what_matters(app: Flask, organisation: Place, signed_in_as: SignedInAs) -> None:
    ben = add_person(app, "Ben Harker")
    join(app, organisation, ben, Role.ADMIN)
    rights = Rights(frozenset(Scope), frozenset({Category.VEHICLES, Category.DOCUMENTS, Category.TEAM}))
    with clock.set_to(NOON):
        owner = signed_in_as(Role.OWNER, name="Maya Okafor")
        add(app, organisation, ben, rights, id_="key_BBBBBBBBBB")
        add(app, organisation, owner.someone or ben, Rights(frozenset({Scope.READ})), id_="key_AAAAAAAAAA")
        leave(app, organisation, ben)
        with app.app_context():
            at = NOON - timedelta(minutes=4)
            db.session.add(ApiKeyUse(key_id="key_BBBBBBBBBB", org_id=organisation.id, used_at=at, ip="203.0.113.7"))
            db.session.commit()
        page = owner.get(keys(organisation))

    assert [row.select_one("a").get_text() for row in page.select(".keylist tbody tr")] == ["Feed AAAA", "Feed BBBB"]  # type: ignore[union-attr]
    assert cells(page, "Feed AAAA") == [
        "Feed AAAA made by Maya Okafor on 23 Nov 2026", "Read", "Used Never", "Expires Never", "Manage",
    ]  # fmt: skip
    assert cells(page, "Feed BBBB") == [
        "Feed BBBB made by Ben Harker , who has left, on 23 Nov 2026", "Write and read Team, Vehicles and 1 more",
        "Used 4 min ago 203.0.113.7", "Expires Never", "Manage",
    ]  # fmt: skip
    assert "goes on working after whoever made it has left" in notice(page)
    assert [tag.get_text() for tag in page.select(".tabs .n")] == ["2", "0"]


def test_hundreds_of_revoked_keys_are_read_page_by_page(app: Flask, organisation: Place, owner: Reader) -> None:
    assert owner.someone is not None
    with app.app_context():
        for number in range(120):
            rules.add(organisation.id, f"key_{number:03}", f"Feed {number:03}", owner.someone.id, Rights(frozenset()))
            rules.end(organisation.id, f"key_{number:03}", NOON + timedelta(seconds=number // 3))
        db.session.commit()

    address, met = keys(organisation, "/revoked"), list[str]()
    while True:
        page = owner.get(address)
        met += [tag.get_text() for tag in page.select(".keylist .whoname a")]
        more = page.select_one(".listpager [rel=next]")
        if more is None:
            break
        address = str(more["href"])
    assert met == [f"Feed {number:03}" for number in reversed(range(120))]
    for after in (MISSING, "\0", "x" * 5000, ""):
        answer = owner.client.get(keys(organisation, "/revoked"), query_string={"after": after})
        assert answer.status_code == 404, after


def test_keys_go_on_working_when_their_maker_is_removed_and_the_pages_say_so(
    app: Flask, organisation: Place, owner: Reader, signed_in_as: SignedInAs
) -> None:
    ben = signed_in_as(Role.ADMIN, name="Ben Harker")
    _, token = create(ben, organisation, "Yard scanner")
    key_id, _ = create(ben, organisation, "Old one")
    ben.post(keys(organisation, f"/{key_id}/revoke"))
    assert "API keys that you made go on working: Yard scanner ." in ben.get(team(organisation, "/leave")).words

    asked = owner.get(of(organisation, ben.someone, "/remove"))
    assert "API keys that they made go on working: Yard scanner . Replace the secret" in asked.words
    assert "Old one" not in asked.words
    assert owner.post(of(organisation, ben.someone, "/remove")).status == 303

    assert caller(app, token) is not None
    assert "who has left" in owner.get(keys(organisation)).words
    who = caller(app, token)
    assert who is not None
    assert "It goes on working although Ben Harker has left." in owner.get(keys(organisation, f"/{who.key_id}")).words


def test_an_entry_says_what_wrote_it_and_who_made_that_also_when_both_are_gone(
    app: Flask, organisation: Place, owner: Reader, signed_in_as: SignedInAs, an_event: AnEvent
) -> None:
    """And on whose behalf it was written, where that was said."""
    ben = signed_in_as(Role.ADMIN, name="Ben Harker")
    key_id, token = create(ben, organisation)
    who = caller(app, token)
    assert who is not None
    an_event(org_id=organisation.id, actor=who.actor)
    an_event(org_id=organisation.id, actor=Actor(ActorType.MEMBER, "77", "Lea Brandt"), via=who.actor)
    owner.post(keys(organisation, f"/{key_id}/revoke"))
    owner.post(of(organisation, ben.someone, "/remove"))

    through, by_itself = owner.get(f"{organisation.log}?action=vehicle.updated").select("tr.row")

    name, badge = by_itself.select_one(".who"), by_itself.select_one(".badge")
    assert name is not None
    assert badge is not None
    assert (name.get_text(), badge.get_text()) == ("Dealer feed", "API key, revoked")
    assert "made by Ben Harker" in str(name["title"])
    name, via = through.select_one(".who"), through.select_one(".via")
    assert name is not None
    assert via is not None
    assert (name.get_text(), " ".join(via.get_text().split())) == ("Lea Brandt", "through Dealer feed")
    assert "made by Ben Harker" in str(via["title"])
    details = owner.get(str(through.select_one(".x")["href"])).words  # type: ignore[index]
    assert "Through Dealer feed API key, revoked made by Ben Harker" in details


# Who may


@pytest.mark.parametrize("role", Role)
def test_keys_are_for_owners_and_admins(app: Flask, organisation: Place, signed_in_as: SignedInAs, role: Role) -> None:
    reader, maker = signed_in_as(role), add_person(app, "Ada Okafor")
    add(app, organisation, maker)
    allowed = may(role, Right.MANAGE_KEYS)
    assert allowed is (role in {Role.OWNER, Role.ADMIN})

    for rest in PAGES:
        assert reader.get(keys(organisation, rest)).status == (200 if allowed else 403), rest
    if not allowed:
        for rest, sent in FORMS.items():
            assert reader.post(keys(organisation, rest), sent).status == 403, rest
        assert told(app) == []
    listed = [tag.get_text(strip=True) for tag in reader.get("/profile").select("nav[aria-label=Settings] a")]
    assert ("API keys" in listed) is allowed


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.MEMBER])
def test_a_right_taken_away_meanwhile_counts(
    app: Flask, organisation: Place, owner: Reader, role: Role, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rules look again, under the lock, at what the page looked at when the request began."""
    assert owner.someone is not None
    someone = owner.someone
    add(app, organisation, someone)
    owner.get(keys(organisation))
    real = people.lock_organisation

    def lock(org_id: int) -> object:
        locked = real(org_id)
        db.session.execute(sa.text("UPDATE membership SET role = :role"), {"role": role.value})
        return locked

    monkeypatch.setattr(charge, "lock_organisation", lock)
    version = found(app, organisation, "key_0123456789").version
    for rest, sent in FORMS.items():
        page = owner.post(keys(organisation, rest), {**sent, "version": version})
        assert (page.status, "Your role here was changed a moment ago" in page.words) == (403, True), rest
        set_role(app, organisation, someone, Role.OWNER)
    assert told(app) == []
    assert len(stored(app, organisation)) == 1


def test_another_organisations_keys_are_the_same_404(
    app: Flask, organisation: Place, other_organisation: Place, owner: Reader, somebody: Someone
) -> None:
    token = add(app, other_organisation, somebody)
    add(app, other_organisation, somebody, id_="key_GGGGGGGGGG")
    with app.app_context():
        rules.end(other_organisation.id, "key_GGGGGGGGGG", NOON)
        db.session.commit()
    for rest in ("", "/revoked"):
        assert not owner.get(keys(organisation, rest)).select(".keylist"), rest
    missing = without_tokens(owner.get("/o/nobody/settings/api-keys").text)
    for rest in PAGES:
        page = owner.get(keys(other_organisation, rest))
        assert (page.status, without_tokens(page.text)) == (404, missing), rest
    for rest, sent in FORMS.items():
        assert owner.post(keys(other_organisation, rest), sent).status == 404, rest
    for rest in (rest for rest in PAGES if "key_" in rest):  # theirs, by our own organisation's addresses
        ours = owner.get(keys(organisation, rest))
        gone = owner.get(keys(organisation, rest.replace("key_0123456789", MISSING)))
        assert (ours.status, without_tokens(ours.text)) == (404, without_tokens(gone.text)), rest
    for rest, sent in FORMS.items():
        if "key_" in rest:
            assert owner.post(keys(organisation, rest), sent).status == 404, rest
    assert owner.get(keys(organisation, "/revoked?after=key_0123456789")).status == 404
    for id_ in ("%00", "x" * 3000, "..", "%F0%9F%9A%97", "key_%00"):
        assert owner.get(keys(organisation, f"/{id_}")).status == 404, id_
    with app.app_context():  # the rules look by themselves, too
        assert owner.someone is not None
        by, from_here = sessions.find(sessions.start(owner.someone.id, Origin())), Origin(ip="127.0.0.1")
        assert by is not None
        which: Which = (organisation.id, by, "key_0123456789")
        reads = Rights(frozenset({Scope.READ}))
        changes: list[Callable[[], object]] = [
            lambda: rules.rename(*which, "Other", origin=from_here),
            lambda: rules.change_rights(*which, reads, origin=from_here),
            lambda: rules.rotate(*which, "at once", version="", origin=from_here),
            lambda: rules.revoke(*which, origin=from_here),
        ]
        for change in changes:
            with pytest.raises(MissingError):
                change()
    assert caller(app, token) is not None
    assert entries(app) == []


PAGES = ["", "/revoked", "/new", *(f"/key_0123456789{rest}" for rest in ("", "/rights", "/secret", "/revoke"))]
FORMS = {
    "/new": form(name="Feed"),
    "/key_0123456789/name": form(name="Other"),
    "/key_0123456789/rights": form(scopes=["events:read"]),
    "/key_0123456789/secret": form(overlap="at once"),
    "/key_0123456789/revoke": form(),
}
