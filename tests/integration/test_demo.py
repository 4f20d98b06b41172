"""The demo: two years of believable work, the stories in it, and the rules for loading it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from auditweb import clock, demo
from auditweb.accounts import people
from auditweb.app import create_app
from auditweb.config import Settings
from auditweb.demo import loading, stories
from auditweb.demo.cast import NORTHGATE, OPEN_TO_ANYONE, PASSWORD
from auditweb.demo.happenings import Happening
from auditweb.extensions import db
from auditweb.models import Event, Invitation, Membership, Organisation, Person, Presence, TwoFactor
from tests.databases import fresh_database
from tests.readers import Page, Place, Reader, Someone, hash_cheaply, open_session

ENTRIES = 3_000
LOG = "/o/northgate/settings/audit-log"
A_MONDAY = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)
NAMED = ("ines", "declan", "gareth", "ben", "nia", "priya")
_LINK = re.compile(r"http://localhost:8000(/o/northgate/settings/audit-log[^)\s]*)")


@dataclass(frozen=True, slots=True)
class Demo:
    """A database with the demo in it, and Maya at her browser."""

    app: Flask
    until: datetime
    loaded: int
    maya: Reader

    def person(self, email: str) -> Someone:
        with self.app.app_context():
            found = people.find_person(email)
            assert found
            return Someone(found.id, found.email, found.name)

    def get(self, query: str) -> Page:
        page = self.maya.get(LOG + query)
        if page.status in {301, 302, 308} and page.location:
            page = self.maya.get(page.location)
        assert page.status == 200, page.text
        return page

    def events(self, slug: str = "northgate") -> list[Event]:
        with self.app.app_context():
            of_org = select(Event).join(Organisation, Organisation.id == Event.org_id).where(Organisation.slug == slug)
            return list(db.session.scalars(of_org.order_by(Event.id)))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo as `auditweb demo` loads it, a small one, up to now."""
    hash_cheaply()
    folder = tmp_path_factory.mktemp("demo")
    with fresh_database(request.param, folder) as made:
        app = create_app(Settings(data_dir=folder, database_url=made.url, secret_key="s" * 32))
        with app.app_context():
            mark = demo.load(entries=ENTRIES)
            until, count = mark.until, mark.loaded
            maya = people.find_person("maya@northgate.example")
            assert maya
            someone = Someone(maya.id, maya.email, maya.name)
        yield Demo(app, until, count, open_session(app, app.test_client(), someone))
        with app.app_context():
            db.engine.dispose()


def test_everything_is_recorded_as_it_was_told(loaded: Demo) -> None:
    """The same on either engine: sentence, people, origin and times of every entry."""
    with loaded.app.app_context():
        by_id = loading.worlds_of(demo.find_mark() or pytest.fail("no mark"))
        told = [one.happening for one in loading.tell_all(by_id, ENTRIES) if by_id[one.org_id].company is NORTHGATE]
    events = loaded.events()

    assert sorted(map(_of_event, events)) == sorted(map(_of_happening, told))


def test_nothing_looks_late_but_what_was_written_down_offline(loaded: Demo) -> None:
    events = loaded.events() + loaded.events("osaka-bay")
    late = [event for event in events if event.recorded_at - event.occurred_at > timedelta(hours=1)]

    assert {(event.action, event.actor_name) for event in late} == {("vehicle.inspected", "Gareth Pugh")}
    assert len(late) == 5
    assert all(event.occurred_at < event.recorded_at <= loaded.until for event in events)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?actor=member:{priya}&oldest=1", ["Accepted the invitation and joined as member", "Set up two-factor"]),
        ("?actor=member:{nia}", ["Downloaded the export of all customers", "Asked for an export of all customers"]),
        ("?action=member.removed", ["Removed Nia Coleman from the organisation"]),
        ("?action=sign_in.new_place_seen", ["Signed in from an unfamiliar place, Vilnius, Lithuania", "Declan Whyte"]),
        ("?action=sign_in.blocked", ["declan@northgate.example after too many attempts"]),
        ("?action=two_factor.reset", ["Reset two-factor authentication for Tom Lindqvist", "Ines Duarte"]),
        ("?action=vehicle.deleted&actor=member:{gareth}", ["Deleted", "Gareth Pugh"]),
        ("?category=shipments&actor=api_key:key_7Q2M", ["Forwarder feed", "waiting for a berth"]),
        ("?actor=system:nightly-jobs", ["Finished the export of the organisation’s data", "System"]),
        ("?action=support_access.opened", ["Opened this organisation to help with ticket #48213", "Jess Hartley"]),
        ("?outcome=failure", ["Could not sign in as tom@northgate.example: wrong password", "Failed"]),
        ("?outcome=denied&actor=member:{declan}", ["Asked for an export of all customers", "Denied"]),
        ("?category=data_export", ["Asked for an export of the organisation’s data", "Downloaded the export"]),
        ("?target=vehicle:veh_0471", ["Bought 2021 Toyota Alphard 3.5 SC at USS Yokohama", "as cleared customs"]),
        ("?target=shipment:shp_0118", ["Pushed back the arrival of MV Höegh Trapper, voyage 88"]),
        ("?action=vehicle.inspected&actor=member:{gareth}", ["Recorded late"]),
        ("?actor=support:jess.hartley", ["Opened the part of the audit log shared with ImportOps support"]),
        ("", ["4 min ago", "16 min ago", "30 min ago", "52 min ago"]),
    ],
)
def test_a_reader_finds_each_story(loaded: Demo, query: str, words: list[str]) -> None:
    ids = {name: loaded.person(f"{name}@northgate.example").id for name in ("priya", "nia", "gareth", "declan")}
    page = loaded.get(query.format(**ids))

    assert [phrase for phrase in words if _plain(phrase) not in _plain(page.words)] == []


def test_each_link_of_the_readme_leads_to_entries(loaded: Demo) -> None:
    """The ids in them are those that a fresh demo has."""
    links = _LINK.findall((Path(__file__).parents[2] / "README.md").read_text())

    assert len(links) >= 15
    entries = "tr.row, .lanes tr.own, .aftermath"
    assert [link for link in links if not loaded.get(link.removeprefix(LOG)).select(entries)] == []


def test_the_people_of_the_links_are_those_meant(loaded: Demo) -> None:
    ids = {name: loaded.person(f"{name}@northgate.example").id for name in NAMED}

    assert ids == {"ines": 2, "declan": 9, "gareth": 10, "ben": 13, "nia": 14, "priya": 15}


def test_the_night_of_deletions_stands_out(loaded: Demo) -> None:
    gareth = loaded.person("gareth@northgate.example")
    page = loaded.get(f"?action=vehicle.deleted&actor=member:{gareth.id}")

    assert len(page.select("tr.row")) >= stories.KEI_TRUCKS


def test_those_who_left_and_those_who_feed_explain_themselves(loaded: Demo) -> None:
    nia = loaded.person("nia@northgate.example")

    assert "Former member" in loaded.get(f"?actor=member:{nia.id}").words
    assert "made by Ines Duarte" in loaded.get("?actor=api_key:key_7Q2M").text
    assert "API key, revoked" in loaded.get("?actor=api_key:key_1B5X").words


def test_a_joiner_and_two_leavers_are_told_on_their_pages(loaded: Demo) -> None:
    priya, nia, ben = (loaded.person(f"{name}@northgate.example").id for name in ("priya", "nia", "ben"))

    first = loaded.get(f"/people/member:{priya}?part=first-week")
    told = [row.get_text(" ", strip=True) for row in first.select(".lanes tbody tr:not(.day)")]
    assert "Invited priya@northgate.example as member" in told[0]
    assert "Accepted the invitation and joined as member" in told[1]
    last = loaded.get(f"/people/member:{nia}?part=last-week").words
    assert "Downloaded the export of all customers" in last
    assert "nothing has happened under their name" in last
    red = loaded.get(f"/people/member:{ben}").select(".aftermath")
    assert "Security monitor" in red[0].get_text()


def test_everyone_named_can_sign_in(loaded: Demo) -> None:
    for email, _ in demo.SIGN_INS:
        answer = Reader(loaded.app.test_client()).sign_in(email, PASSWORD)
        assert answer.status == 303, email


def test_roles_are_those_the_readme_tells(loaded: Demo) -> None:
    with loaded.app.app_context():
        rows = db.session.execute(
            select(Organisation.slug, Person.email, Membership.role)
            .join(Membership, Membership.org_id == Organisation.id)
            .join(Person, Person.id == Membership.person_id)
        )
        roles = {(slug, email): role for slug, email, role in rows}

    assert roles["northgate", "maya@northgate.example"] == "owner"
    assert roles["northgate", "ines@northgate.example"] == "admin"
    assert roles["northgate", "olu@northgate.example"] == "auditor"
    assert roles["northgate", "tom@northgate.example"] == "member"
    assert roles["osaka-bay", "kenji@osaka-bay.example"] == "owner"
    assert ("northgate", "kenji@osaka-bay.example") not in roles
    both = {email for slug, email in roles if slug == "northgate"} & {
        email for slug, email in roles if slug == "osaka-bay"
    }
    assert both == {"yuto@reiwa-audit.example"}


def test_who_is_invited_and_was_last_seen_follows_from_what_was_told(loaded: Demo) -> None:
    last: dict[tuple[int, str], str] = {}
    seen: dict[tuple[int, int], datetime] = {}
    for event in loaded.events() + loaded.events("osaka-bay"):
        if event.occurred_at > loaded.until:
            continue  # what other tests do here
        if event.category == "team" and "email" in event.facts:
            last[event.org_id, event.facts["email"]] = event.action
        if event.actor_type == "member":
            seen[event.org_id, int(event.actor_id)] = event.occurred_at
    with loaded.app.app_context():
        joined = set(db.session.execute(select(Membership.org_id, Person.email).join(Person)))
        invited = {(row.org_id, row.email): row for row in db.session.scalars(select(Invitation))}
        present = {(row.org_id, row.person_id): row.seen_at for row in db.session.scalars(select(Presence))}
        factors = set(db.session.scalars(select(Person.email).join(TwoFactor)))

    still = {"member.invited", "invitation.resent"}
    assert set(invited) == {who for who, action in last.items() if action in still} - joined
    assert {
        "leila.haddad@northgate.example": "member",
        "oscar.nilsson@northgate.example": "member",
        "reviews@brightwater-audit.example": "auditor",
    }.items() <= {row.email: row.role for row in invited.values() if row.expires_at > loaded.until}.items()
    assert set(present) == set(seen)
    assert [who for who, at in present.items() if at <= loaded.until and at != seen[who]] == []
    assert not factors & OPEN_TO_ANYONE, "their password alone lets anyone be them"
    assert {"hana@northgate.example", "declan@northgate.example"} <= factors


def test_a_second_call_keeps_the_data(loaded: Demo) -> None:
    with loaded.app.app_context():
        before = db.session.scalar(select(func.count()).select_from(Event))
        mark = demo.load(until=A_MONDAY, entries=9_000)
        after = db.session.scalar(select(func.count()).select_from(Event))

    assert mark.finished_at is not None
    assert (mark.loaded, mark.entries) == (loaded.loaded, ENTRIES)
    assert after == before


def test_it_keeps_away_from_a_real_organisation(app: Flask, organisation: Place) -> None:
    with app.app_context():
        with pytest.raises(demo.DemoError, match="holds an organisation already"):
            demo.load(entries=ENTRIES)
        assert demo.find_mark() is None
        assert db.session.scalar(select(func.count()).select_from(Event)) == 0


@pytest.mark.parametrize(
    ("until", "entries", "reason"),
    [
        (A_MONDAY.replace(tzinfo=None), ENTRIES, "time zone"),
        (datetime(2019, 12, 31, tzinfo=UTC), ENTRIES, "between January 2020 and now"),
        (None, 2_000, "2,500 to 20,000,000 entries"),
        (None, 30_000_000, "2,500 to 20,000,000 entries"),
    ],
)
def test_it_refuses_what_makes_no_demo(app: Flask, until: datetime | None, entries: int, reason: str) -> None:
    with app.app_context():
        with pytest.raises(demo.DemoError, match=reason):
            demo.load(until=until, entries=entries)
        db.session.rollback()
        assert demo.find_mark() is None


def test_it_does_not_reach_into_the_future(app: Flask) -> None:
    with app.app_context(), pytest.raises(demo.DemoError, match="and now"):
        demo.load(until=clock.now() + timedelta(minutes=1), entries=ENTRIES)


def test_an_interrupted_loading_goes_on_where_it_stopped(app: Flask) -> None:
    """Ctrl+C half-way and another start: every entry is there, and none twice."""

    def interrupt(done: int, _about: int) -> None:
        if done >= 1_000:
            raise KeyboardInterrupt

    until = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    with app.app_context():
        with pytest.raises(KeyboardInterrupt):
            demo.load(until=until, entries=2_500, progress=interrupt)
        db.session.rollback()
        part = demo.find_mark()
        assert part is not None
        assert part.finished_at is None
        assert part.loaded == db.session.scalar(select(func.count()).select_from(Event)) == 1_000

        mark = demo.load(entries=9_000)
        told = sum(1 for _ in loading.tell_all(loading.worlds_of(mark), 2_500))
        assert mark.finished_at is not None
        assert mark.loaded == told == db.session.scalar(select(func.count()).select_from(Event))
        present, belong = (
            db.session.scalar(select(func.count()).select_from(table)) for table in (Presence, Membership)
        )
        assert present == belong, "also of those whose entries came in before the interruption"


def _of_event(event: Event) -> tuple[object, ...]:
    return (
        event.occurred_at,
        event.action,
        event.summary,
        sorted(event.facts.items()),
        event.actor_type,
        event.actor_id,
        event.actor_name,
        event.via_id or "",
        event.target_id or "",
        event.ip or "",
        event.user_agent or "",
        event.request_id or "",
        event.outcome,
    )


def _of_happening(done: Happening) -> tuple[object, ...]:
    return (
        done.at,
        done.action.slug,
        done.action.sentence(done.facts, done.target.name if done.target else ""),
        sorted(done.facts.items()),
        done.actor.type.value,
        done.actor.id,
        done.actor.name,
        done.via.id if done.via else "",
        done.target.id if done.target else "",
        (done.origin and done.origin.ip) or "",
        (done.origin and done.origin.user_agent) or "",
        (done.origin and done.origin.request_id) or "",
        done.outcome.value,
    )


def _plain(text: str) -> str:
    """Return *text* without the blanks that markup leaves between words and punctuation."""
    return "".join(text.split())
