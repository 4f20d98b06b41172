"""Searching the log, on both engines, what is sealed and what is not."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb import ids
from auditweb.extensions import db
from auditweb.ledger import index
from auditweb.models import Event
from auditweb.parties import Actor, ActorType, Origin, Outcome, Target
from auditweb.reading import matches, postings, questions, search, walks
from auditweb.reading.filters import LogFilter
from auditweb.reading.pages import find_page
from auditweb.transactions import reading
from tests.databases import Database
from tests.ledgers import operator_engine
from tests.log_pages import LOG, NOW
from tests.readers import Reader
from tests.sealing import index_anew, seal, seal_all

AnEvent = Callable[..., Event]

FEED = Actor(ActorType.API_KEY, "key_7", "Dealer feed")
CRUISER = Target("vehicle", "v1", "2019 Toyota Land Cruiser")
CAFE = Target("customer", "c1", "Café Müller 株式会社ホンダ")
LONG = "a" * postings.LONGEST_WORD  # of longer words the index knows as much
TABLE = [
    ("cruiser", {"cruiser"}),
    ("CRUISER", {"cruiser"}),
    ("cruise", set()),
    ("cru*", {"cruiser"}),
    ("land cruiser", {"cruiser"}),
    ("cruiser land", {"cruiser"}),
    ('"land cruiser"', {"cruiser"}),
    ('"cruiser land"', set()),
    ('"land cru*', {"cruiser"}),
    ("“toyota land”", {"cruiser"}),
    ("updated", {"cruiser", "cafe"}),
    ("updated -cruiser", {"cafe"}),
    ('updated -"land cruiser"', {"cafe"}),
    ('updated -"cruiser land"', {"cafe", "cruiser"}),
    ("updated -cru*", {"cafe"}),
    ("-updated", {"refused"}),
    ("cafe", {"cafe"}),
    ("CAFÉ", {"cafe"}),
    ("muller", {"cafe"}),
    ("ﾎﾝﾀﾞ", {"cafe"}),
    ("会社", {"cafe"}),
    ("社会", set()),
    ("imp-2026-0042", {"cruiser"}),
    ("2026-imp", set()),
    ("0042 2019", {"cruiser"}),
    ("dealer", {"cafe"}),  # an actor
    ('"hana sato" dealer', {"cafe"}),  # whom it acted for
    ("hana.sato@northgate.example", {"refused"}),
    ("sato@northgate", {"refused"}),
    ("example.northgate", set()),
    ("203.0.113.7", {"refused", "cafe"}),  # where one came from, what the other says
    ("203.0.113.07", set()),
    ("203.0.113", {"cafe"}),  # no address, and only what is said
    ("-203.0.113.7", {"cruiser"}),
    ("2001:DB8:0::5", {"cruiser"}),
    ("vehicle", set()),  # neither the names of categories and actions
    ("success", set()),
    ("100%", set()),
    ("toy_ta", set()),
    ("x" * 200, set()),
    ("toyota\u200b", {"cruiser"}),
    (LONG, set()),
    (f"-{LONG}", {"cruiser", "cafe", "refused"}),
    (f"{LONG}b", {"refused"}),
    (f"{LONG}*", {"refused"}),
]


@pytest.fixture(params=["sealed", "unsealed", "half"])
def three(request: pytest.FixtureRequest, fresh: Database, an_event: AnEvent) -> dict[int, str]:
    """Three events of organisation 1 and the same once more of organisation 2; how the first ones are called."""
    names = {}
    for org_id in (1, 2):
        made = {
            "cruiser": an_event(
                org_id=org_id, target=CRUISER, facts={"chassis": "IMP-2026-0042"}, origin=Origin(ip="2001:db8::5")
            ),
            "cafe": an_event(
                "customer.updated", org_id=org_id, target=CAFE, actor=FEED,
                via=Actor(ActorType.MEMBER, "42", "Hana Sato"), facts={"fields": "seen at 203.0.113.7"},
            ),
            "refused": an_event(
                "sign_in.refused", org_id=org_id, outcome=Outcome.DENIED, origin=Origin(ip="203.0.113.7"),
                facts={"email": "hana.sato@northgate.example", "reason": f"it is locked {LONG}b"},
            ),
        }  # fmt: skip
        if org_id == 1:
            names = {event.id: name for name, event in made.items()}
    with operator_engine(fresh.owner_url) as engine:
        if request.param == "sealed":
            seal_all(engine)
        elif request.param == "half":
            with engine.begin() as connection:
                seal(connection, 1, sorted(names)[1:])
    return names


@pytest.mark.usefixtures("app_context")
def test_what_is_found(three: dict[int, str]) -> None:
    wrong = {}
    for typed, expected in TABLE:
        log = LogFilter(org_id=1, org_zone="Europe/London", q=typed)
        with reading():
            found = {three[row.id] for row in find_page(log).rows}
            counted = {three[each] for each in search.find_matches(log).ids}
            db.session.rollback()
        if not found == counted == expected:
            wrong[typed] = (found, counted, expected)
    assert not wrong


@pytest.mark.usefixtures("app_context")
def test_entry_is_found_by_its_id_and_its_link(three: dict[int, str]) -> None:
    for event_id, name in three.items():
        spelled = ids.to_text(event_id)
        for typed in (spelled, spelled.lower(), f"http://localhost{LOG}/entries/{spelled}", f"-{spelled}"):
            rows = find_page(LogFilter(org_id=1, org_zone="Europe/London", q=typed)).rows
            expected = set(three.values()) - {name} if typed[0] == "-" else {name}
            assert {three[row.id] for row in rows} == expected
    assert find_page(LogFilter(org_id=2, org_zone="Europe/London", q=ids.to_text(min(three)))).rows == []


@pytest.mark.parametrize(
    "typed",
    [typed for typed, _ in TABLE] + ["'", "%", '"', "\ud800", "a\ud800b", "\U0010ffff", "😀*", "(a OR b) NEAR c", "*"],
)
def test_no_search_is_a_server_error(reader: Reader, typed: str) -> None:
    spelled = quote(typed.encode("utf-8", "surrogatepass"))
    response = reader.client.get(f"{LOG}?q={spelled}", follow_redirects=True)
    assert response.status_code in {200, 400}


@pytest.mark.usefixtures("app_context")
def test_entry_that_is_sealed_during_a_search_is_found_once(app: Flask, fresh: Database, an_event: AnEvent) -> None:
    """Whichever of the two, the queue or the index, is read before and which after."""
    for newest_first in (True, False):
        for source in (walks._Sealed, walks._Unsealed):
            event = an_event(target=CRUISER)
            advance = source.advance

            def seal_then_advance(self: Any, *more: Any, advance: Any = advance) -> None:
                with operator_engine(fresh.owner_url) as engine:
                    seal_all(engine)
                advance(self, *more)

            log = LogFilter(org_id=1, org_zone="Europe/London", q="cruiser").at(oldest=not newest_first)
            with reading(), patch.object(source, "advance", seal_then_advance):
                found = [row.id for row in find_page(log).rows]
            db.session.rollback()
            assert found.count(event.id) == 1


@pytest.mark.usefixtures("app_context")
def test_search_that_runs_out_of_time_says_how_far_it_came(
    fresh: Database, an_event: AnEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postings, "SEGMENT_SIZE", 2)
    monkeypatch.setattr(walks, "_GROUPS", (1,))
    leaf = Target("vehicle", "v2", "Nissan Leaf")
    events = [
        an_event(target=leaf if hour > 16 else CRUISER, occurred_at=NOW - timedelta(hours=hour))
        for hour in range(20, 0, -1)
    ]
    with operator_engine(fresh.owner_url) as engine:
        seal_all(engine)
    monkeypatch.setattr(search, "TIME_LIMIT", 0)
    log = LogFilter(org_id=1, org_zone="Europe/London", q="-nissan")  # nothing rare to start from

    page = find_page(log)

    assert [row.id for row in page.rows] == [event.id for event in events[:-3:-1]]
    assert page.searched_to is not None
    assert events[-3].id < page.searched_to <= events[-2].id
    assert not search.find_matches(log, budget=0).complete

    # After an event it is the same: the newest page would pass over what lies between.
    after = find_page(log.at(after=events[0].id), size=1)

    assert after.rows == []
    assert after.searched_to is not None
    assert events[1].id <= after.searched_to < events[2].id


@pytest.mark.usefixtures("app_context")
def test_counting_that_has_no_time_for_all_texts_says_so(
    fresh: Database, an_event: AnEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matches, "_CHECKED_AT_ONCE", 2)
    events = [an_event(target=CRUISER) for _ in range(5)]
    with operator_engine(fresh.owner_url) as engine:
        seal_all(engine)
    log = LogFilter(org_id=1, org_zone="Europe/London", q='"toyota land"')

    hurried, unhurried = search.find_matches(log, budget=0), search.find_matches(log)

    assert hurried.ids == [event.id for event in events[:2:-1]]
    assert (hurried.count(), hurried.complete, hurried.since) == (2, False, events[3].id)
    assert (unhurried.count(), unhurried.complete) == (5, True)


@pytest.mark.usefixtures("app_context")
def test_purged_entries_are_on_no_page(fresh: Database, an_event: AnEvent) -> None:
    """Even before the index has forgotten them."""
    events = [an_event(target=CRUISER, occurred_at=NOW - timedelta(hours=hour)) for hour in range(9, 0, -1)]
    with operator_engine(fresh.owner_url) as engine:
        seal_all(engine)
        with engine.begin() as connection:
            given = {"now": 0 if fresh.engine_name == "sqlite" else NOW, "up_to": events[3].id}
            connection.execute(
                sa.text(
                    "INSERT INTO purge (id, org_id, up_to_id, who, why, started_at) "
                    "VALUES (1, 1, :up_to, 'a', 'b', :now)"
                ),
                given,
            )
            connection.execute(sa.delete(Event).where(Event.org_id == 1, Event.id <= events[3].id))
            connection.execute(sa.text("UPDATE purge SET finished_at = :now WHERE id = 1"), {"now": given["now"]})
    log = LogFilter(org_id=1, org_zone="Europe/London", q="toyota")

    page = find_page(log, size=5)
    oldest = find_page(log.at(oldest=True), size=3)

    assert [row.id for row in page.rows] == [event.id for event in events[:3:-1]]
    assert not page.has_older
    assert [row.id for row in oldest.rows] == [event.id for event in events[6:3:-1]]


def test_check_tells_what_is_wrong_and_rebuilding_mends_it(fresh: Database, an_event: AnEvent) -> None:
    for org_id in (1, 1, 1, 2):
        an_event(org_id=org_id, target=CRUISER)
    with operator_engine(fresh.owner_url) as engine, patch.object(postings, "SEGMENT_SIZE", 2):
        seal_all(engine)
        wrongs = {
            "DELETE FROM posting WHERE word = 'cruiser' AND segment = 1": "Segment 1 {} is wrong about 1 of its words.",
            "UPDATE posting SET segment = 7 WHERE word = 'land' AND segment = 0": "segment 7, which there is not",
            "INSERT INTO posting SELECT org_id, 'more', 0, places FROM posting WHERE word = 'toyota' AND segment = 0": (
                "Segment 0 {} is wrong about 1 of its words."
            ),
            "UPDATE segment SET last_id = last_id + 1 WHERE number = 0": "Segment 0 {} is wrong about the span",
            "UPDATE segment SET ids = (SELECT ids FROM segment s WHERE org_id = 1 AND number = 1) WHERE number = 0": (
                "Segment 0 {} is wrong about the span of its entries"
            ),
            "DELETE FROM segment WHERE number = 1": "does not hold each sealed entry once",
        }
        for wrong, told in wrongs.items():
            with engine.begin() as connection:
                assert index.check(connection, 1) == []
                connection.exec_driver_sql(f"{wrong} AND org_id = 1")
                assert told.format("of the search index") in " ".join(index.check(connection, 1))
                assert index.check(connection, 2) == []
                index_anew(connection, 1)


def test_every_question_is_answered_by_keys(fresh: Database, an_event: AnEvent) -> None:
    """No table is read in full, nothing but a page is sorted: seen in the plans of all that a search asks."""
    for _ in range(60):
        an_event(target=CRUISER)
    with operator_engine(fresh.owner_url) as engine:
        seal_all(engine)
        with engine.connect() as connection:
            if fresh.engine_name == "postgresql":
                connection.exec_driver_sql("SET enable_seqscan = off")
            plans = [_plan(connection, statement, given) for statement, given in _asked(connection)]
    assert len({name for name, _ in plans}) > 5
    assert not [plan for _, plan in plans if any(word in plan for word in ("Seq Scan", "SCAN posting", "SCAN event"))]
    assert not [plan for _, plan in plans if "TEMP B-TREE" in plan or '"Sort"' in plan]


def _asked(connection: sa.Connection) -> list[tuple[str, Any]]:
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, given: Any, *_rest: Any) -> None:
        asked.append((statement, given))

    sa.event.listen(connection, "before_cursor_execute", note)
    for typed in ("toyota", "toyota -nissan", "cru*", "203.0.113.7", ids.to_text(7), "-toyota"):
        for newest_first in (True, False):
            log = LogFilter(org_id=1, org_zone="UTC", q=typed)
            assert log.words is not None
            question = questions.sought(connection, log.values(NOW), log.words.terms)
            looking = search._Search(connection, (), walks.Deadline(60))
            looking.rows(question, 51, newest_first=newest_first)
    sa.event.remove(connection, "before_cursor_execute", note)
    return asked


def _plan(connection: sa.Connection, statement: str, given: Any) -> tuple[str, str]:
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN (FORMAT JSON)"
    found = connection.exec_driver_sql(f"{explain} {statement}", given).all()
    return statement, json.dumps([list(row) for row in found])
