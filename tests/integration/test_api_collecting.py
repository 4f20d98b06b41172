"""Reading by the API in the order of commits: what collectors do."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import Engine

from auditweb import catalogue, clock, holding, ids
from auditweb.bulk import record_many
from auditweb.config import THREADS
from auditweb.extensions import db
from auditweb.ledger import purger
from auditweb.ledger.sealer import Sealer
from auditweb.models import ApiKey
from auditweb.parties import Actor, ActorType
from auditweb.reading import leaves
from tests.callers import new_key
from tests.integration.conftest import AnEvent
from tests.ledgers import operator_engine
from tests.log_pages import ADA, STEPWGN, statements
from tests.programs import EVENTS, LINES, Program, ids_of
from tests.readers import Place, Someone

COLLECT = f"{EVENTS}?order=leaf"
FEED = Actor(ActorType.SYSTEM, "feed", "Feed")


@pytest.fixture
def program(app: Flask, organisation: Place, somebody: Someone) -> Program:
    return Program(app.test_client(), new_key(app, organisation, somebody, scopes=["events:read"]))


@pytest.fixture
def seal(engine: Engine) -> Callable[[], object]:
    return Sealer(engine).run


@pytest.fixture
def record(app: Flask, organisation: Place) -> Callable[..., None]:
    """Record so many events, each an hour older than the one before it, the first as many *hours* ago."""

    def make(number: int, actor: Actor = ADA, hours: int = 0) -> None:
        now = clock.now() - timedelta(hours=hours)
        with app.app_context():
            record_many(
                (
                    {
                        "action": catalogue.VEHICLE_UPDATED,
                        "actor": actor,
                        "target": STEPWGN,
                        "occurred_at": now - timedelta(hours=place),
                    }
                    for place in range(number)
                ),
                org_id=organisation.id,
            )
            db.session.commit()

    return make


def collect(program: Program, query: str = "", after: int = -1) -> tuple[list[dict[str, Any]], int]:
    """Return all entries after a place, asked for answer by answer, and how many answers that took."""
    found: list[dict[str, Any]] = []
    answers = 0
    while True:
        answer = program.read(f"{COLLECT}{query}&after={after}")
        answers += 1
        found += answer["events"]
        assert answer["next"] >= after
        if answer["next"] == answer["complete_up_to"]:
            return found, answers
        assert answer["next"] > after
        after = answer["next"]


def test_everything_comes_once_in_the_order_of_sealing(
    program: Program, record: Callable[..., None], seal: Callable[[], object], an_event: AnEvent
) -> None:
    nothing = program.read(COLLECT)
    assert (nothing["events"], nothing["next"], nothing["complete_up_to"]) == ([], -1, -1)
    record(25)
    assert program.read(COLLECT)["complete_up_to"] == -1  # not sealed yet
    seal()
    record(7)  # back-dated: their ids lie among the others
    seal()
    unsealed = an_event()

    found, answers = collect(program, "&limit=10")

    assert [event["leaf_index"] for event in found] == list(range(32))
    assert answers == 4
    assert len({event["id"] for event in found}) == 32
    assert ids.to_text(unsealed.id) not in ids_of({"events": found})
    answer = program.get(f"{COLLECT}&limit=10&after=3")
    assert answer.json is not None
    assert answer.json["events"] == found[4:14]
    assert answer.headers["Link"] == f'<http://localhost{COLLECT}&limit=10&after=13>; rel="next"'
    assert {name: value for name, value in found[0].items() if name != "leaf_index"} == (
        program.read(f"{EVENTS}/{found[0]['id']}")
    )
    again = program.get(f"{COLLECT}&limit=10&after=3", If_None_Match=answer.headers["ETag"])
    assert (again.status_code, again.data) == (304, b"")


def test_a_filter_looks_through_so_much_and_says_where_it_was(
    program: Program, record: Callable[..., None], seal: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaves, "LOOKED_THROUGH", 8)
    for actor, number in ((FEED, 3), (ADA, 30), (FEED, 12), (ADA, 1)):
        record(number, actor)
        seal()

    for query, expected in (
        ("&actor=system:feed", 15),
        ("&actor=system:feed&limit=2", 15),
        ("&category=team", 0),
        ("&outcome=success&limit=5", 46),
        ("&action=vehicle.updated&target=thing:thing-1&category=vehicles&last=9999d", 46),
        ("&last=2h&actor=member:ada-okafor", 3),
        ("&action=not.yet", 0),
    ):
        found, answers = collect(program, query)
        assert len({event["id"] for event in found}) == len(found) == expected, query
        assert [event["leaf_index"] for event in found] == sorted(event["leaf_index"] for event in found)
        assert answers >= 6, query


def test_purged_entries_hold_nobody_up(
    program: Program, record: Callable[..., None], seal: Callable[[], object], owner_url: str, organisation: Place
) -> None:
    record(40)
    seal()
    record(3, hours=50)  # purged before they were sealed
    kept = program.read(f"{EVENTS}?limit=7")
    with operator_engine(owner_url) as owner:
        purger.purge(owner, organisation.id, ids.from_text(ids_of(kept)[-1]) - 1, who="test", why="test")

    found, answers = collect(program, "&limit=5")

    assert {event["id"] for event in found} == set(ids_of(kept))
    assert program.read(COLLECT)["complete_up_to"] == 42
    assert answers == 9
    with operator_engine(owner_url) as owner:
        purger.erase(owner, organisation.id, who="test", why="test")
    ahead = program.get(f"{COLLECT}&after=42")
    assert (ahead.status_code, (ahead.json or {})["type"]) == (409, "urn:auditweb:problem:ahead-of-the-log")
    assert program.read(COLLECT)["events"] == []


def test_what_cannot_be_meant_is_refused_by_name(program: Program) -> None:
    for query in (
        "after=-2", "after=x", "after=1.5", "after=9999999999999999999", "after=1&after=2", "limit=0", "limit=1001",
        "wait=31", "wait=-1", "wait=x", "before=x", "oldest=1", "q=stepwgn", "colour=red", "category=none",
        "after=", "limit=", "wait=", "after=&after=1",
    ):  # fmt: skip
        assert program.wrong_fields(f"{COLLECT}&{query}") == [query.partition("=")[0]], query
    for address in (f"{EVENTS}?order=newest", f"{EVENTS}?order=", f"{COLLECT}&order=leaf"):
        assert program.wrong_fields(address) == ["order"]
    assert program.wrong_fields(COLLECT, **LINES) == ["order"]
    assert program.get(f"{COLLECT}&after=0").status_code == 409


# Waiting


class Waiting(threading.Thread):
    """Somebody who waits for what is to come."""

    def __init__(self, program: Program, address: str) -> None:
        super().__init__()
        self._program = Program(program.client.application.test_client(), program.token)
        self._address = address
        self.start()

    def run(self) -> None:
        began = time.monotonic()
        self.answer = self._program.get(self._address)
        self.seconds = time.monotonic() - began

    def is_waiting(self) -> bool:
        self.join(0.6)
        return self.is_alive()

    def ids(self) -> list[str]:
        self.join(20)
        assert self.answer.status_code == 200, self.answer.text
        assert self.answer.json is not None
        return ids_of(self.answer.json)


def test_waiting_ends_when_something_comes(
    app: Flask,
    program: Program,
    record: Callable[..., None],
    seal: Callable[[], object],
    an_event: AnEvent,
) -> None:
    record(2)
    seal()
    began = time.monotonic()
    assert len(program.read(f"{COLLECT}&wait=30")["events"]) == 2
    assert time.monotonic() - began < 5
    anything = Waiting(program, f"{COLLECT}&after=1&wait=30")
    hers = Waiting(program, f"{COLLECT}&after=1&wait=30&actor=system:feed")
    assert anything.is_waiting()
    with app.app_context():
        assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # of the pools that we have
    first = an_event()
    assert anything.is_waiting()  # until it is sealed

    seal()

    assert anything.ids() == [ids.to_text(first.id)]
    assert hers.is_waiting()
    second = an_event(actor=FEED)
    seal()
    assert hers.ids() == [ids.to_text(second.id)]
    assert (hers.answer.json or {})["next"] == 3


def test_waiting_in_vain_ends_in_time(app: Flask, program: Program) -> None:
    with statements(app) as sent:
        began = time.monotonic()
        answer = program.read(f"{COLLECT}&wait=1")
        seconds = time.monotonic() - began

    assert (answer["events"], answer["next"]) == ([], -1)
    assert 1 <= seconds < 3
    assert 3 <= len([statement for statement in sent if "log_head" in statement]) <= 6


def test_a_key_that_is_revoked_meanwhile_learns_nothing(
    app: Flask, program: Program, an_event: AnEvent, seal: Callable[[], object]
) -> None:
    waiting = Waiting(program, f"{COLLECT}&wait=30")
    assert waiting.is_waiting()
    with app.app_context():
        db.session.execute(sa.update(ApiKey).values(revoked_at=clock.now()))
        db.session.commit()
    an_event()
    seal()

    waiting.join(20)

    assert waiting.answer.status_code == 401


def test_half_of_the_threads_may_wait_and_half_of_those_for_one_organisation(
    app: Flask, program: Program, organisation: Place, other_organisation: Place, somebody: Someone
) -> None:
    other = Program(program.client, new_key(app, other_organisation, somebody, scopes=["events:read"]))

    def sent_away(who: Program, seconds: int) -> str | None:
        return who.get(f"{COLLECT}&wait={seconds}").headers.get("Retry-After")

    with ExitStack() as stack:
        assert all(stack.enter_context(holding.may_wait(organisation.id)) for _ in range(THREADS // 4))
        assert (sent_away(program, 30), sent_away(program, 2), sent_away(other, 1)) == ("5", "2", None)
        assert all(stack.enter_context(holding.may_wait(1_000)) for _ in range(THREADS // 4))
        assert sent_away(other, 30) == "5"
    assert sent_away(program, 1) is None
    with holding.may_wait(organisation.id) as allowed:
        assert allowed  # whoever waited does no more
