"""A collector that reads by http while eight write, their transactions open for a while: none missed, none twice."""

import json
import random
import time
from collections.abc import Callable
from typing import Any
from urllib.request import Request, urlopen

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from auditweb import catalogue, ids
from auditweb.bulk import record_many
from auditweb.models import Event
from auditweb.parties import Actor, ActorType
from tests.callers import new_key
from tests.ledgers import STEPWGN, a_bid, process_for, server_engine
from tests.programs import EVENTS
from tests.readers import add_organisation, add_person
from tests.servers import LiveServer

WRITERS = 8
LARGEST = 40  # events of a transaction


def record_with_pauses(url: str, name: str, events: int) -> None:
    """Record so many *events*, in transactions that stay open for a while on PostgreSQL, a tenth of them in vain."""
    chance = random.Random(name)
    actor = Actor(ActorType.SYSTEM, name, name)
    with server_engine(url) as engine:
        hold = 0.2 if engine.dialect.name == "postgresql" else 0.0
        while events:
            with Session(engine) as session:
                a_bid(session, actor=actor)  # its id is older than those of transactions that are over before
                time.sleep(hold * chance.random())
                size = min(events, chance.randint(1, LARGEST)) - 1
                more = {"actor": actor, "action": catalogue.BID_RAISED, "target": STEPWGN}
                record_many([more] * size, org_id=1, session=session)
                if chance.random() < 0.1:
                    session.rollback()
                else:
                    session.commit()
                    events -= size + 1
            time.sleep(0.02 * chance.random())


def test_none_missed_and_none_twice(
    app: Flask, database_url: str, live_server: LiveServer, rounds: Callable[[int, int], int]
) -> None:
    place, someone = add_organisation(app, "northgate", "Northgate"), add_person(app, "Ada Okafor")
    token = new_key(app, place, someone, scopes=["events:read"])
    writers = [
        process_for(record_with_pauses, database_url, f"writer {number}", rounds(250, 12_500))
        for number in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    collected: list[dict[str, Any]] = []
    answers = 0
    following = f"{live_server.url}{EVENTS}?order=leaf&wait=5&limit=300"
    after, total = -1, WRITERS * rounds(250, 12_500)
    give_up_at = time.monotonic() + rounds(60, 1200)
    while after < total - 1:
        assert time.monotonic() < give_up_at, f"{after} of {total}"
        request = Request(f"{following}&after={after}", headers={"Authorization": f"Bearer {token}"})
        with urlopen(request, timeout=60) as opened:
            answer = json.load(opened)
        assert [event["leaf_index"] for event in answer["events"]] == list(range(after + 1, answer["next"] + 1))
        assert answer["complete_up_to"] >= answer["next"] >= after
        collected += answer["events"]
        after = answer["next"]
        answers += 1
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * WRITERS

    with server_engine(database_url) as engine, Session(engine) as session:
        recorded = [ids.to_text(event_id) for event_id in session.scalars(sa.select(Event.id).where(Event.org_id == 1))]
    seen = [event["id"] for event in collected]
    assert len(seen) == len(set(seen)) == total
    assert set(seen) == set(recorded)
    assert answers > 5
    assert seen != sorted(seen), "ids came in order: no transaction was open for long"
