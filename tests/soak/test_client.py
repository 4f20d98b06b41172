"""`auditweb.client` and the real server: each event arrives once, whichever of the two is killed, and whenever."""

import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, select

from auditweb.accounts.callers import Scope
from auditweb.app import create_app
from auditweb.client import Client, Refused
from auditweb.config import ROOT, Settings
from auditweb.extensions import db
from auditweb.models import Event
from tests.callers import new_key
from tests.databases import Database
from tests.ledgers import process_for, server_engine, wait_for
from tests.readers import add_organisation, add_person, hash_cheaply
from tests.recording import ACTION, record_some, record_until_killed, returned_for
from tests.servers import LiveServer, free_port, serve

Rounds = Callable[[int, int], int]

SETTINGS = {"AUDITWEB_WORKERS": "1"}


@pytest.fixture
def key(fresh: Database, tmp_path: Path) -> str:
    hash_cheaply()
    app: Flask = create_app(Settings(data_dir=tmp_path, database_url=fresh.url, secret_key="s" * 32))
    made = new_key(app, add_organisation(app, "northgate", "N"), add_person(app, "Ada Okafor"), scopes=[Scope.WRITE])
    with app.app_context():
        db.engine.dispose()
    return made


def test_each_event_arrives_once(fresh: Database, tmp_path: Path, key: str, rounds: Rounds) -> None:
    """
    A client from before there is a server until the end, and two programs; with each `kill -9` of the server one of
    those is killed, too, and another goes on with its spool.
    """
    port, chance = free_port(), random.Random(7)
    url = f"http://127.0.0.1:{port}"
    with (
        server_engine(fresh.url) as engine,
        Client(url, key, spool=tmp_path / "own.spool") as log,
        Programs(url, key, tmp_path).running() as programs,
    ):
        said = record_some(log, "own", 0, 200)
        for round_ in range(1, rounds(1, 50) + 1):
            with serve(fresh.url, tmp_path, settings=SETTINGS, port=port) as server:
                wait_for(lambda: bool(in_the_log(engine, f"own {len(said) - 1}")))  # noqa: B023 - called at once
                time.sleep(chance.uniform(0, 0.3))
                said += record_some(log, "own", len(said), 50)
                server.kill()
                programs.replace(chance.choice("ab"), round_)
                said += record_some(log, "own", len(said), 50)
        with serve(fresh.url, tmp_path, settings=SETTINGS, port=port) as server:
            assert log.flush(60)
            returned, begun = programs.end()
            for name in "ab":
                with Client(url, key, spool=tmp_path / f"{name}.spool") as rest:
                    assert rest.flush(600)
            arrived = in_the_log(engine)
            assert set(arrived.values()) == {1}
            assert {*said, *returned} <= set(arrived)
            # No more than that, but for the one that each program was recording when it was killed.
            assert len(arrived) <= len(said) + len(returned) + begun
            sys.stderr.write(f"{len(arrived)} events\n")
            what_the_server_refuses_is_put_aside(engine, server, key, tmp_path)
            the_example_in_the_words_for_people_works(server, key, tmp_path)
    assert key[14:] not in (tmp_path / "server.log").read_text()


class Programs:
    """Two at a time, each with a spool that it takes over from the one before it."""

    def __init__(self, url: str, key: str, folder: Path) -> None:
        self._arguments = (url, key)
        self._folder = folder
        self._now: dict[str, Any] = {}
        self._returned: list[Path] = []

    @contextmanager
    def running(self) -> Iterator["Programs"]:
        try:
            for name in "ab":
                self._start(name, 0)
            yield self
        finally:
            self.end()

    def replace(self, name: str, round_: int) -> None:
        """Kill the one called *name*, and start the next."""
        wait_for(self._returned[-1].exists)
        self._kill(name)
        self._start(name, round_)

    def end(self) -> tuple[set[str], int]:
        """Kill both; return all that `record` has returned for, and in how many programs."""
        wait_for(lambda: len(returned_for(self._returned[-1])) > 20)
        for name in list(self._now):
            self._kill(name)
        return set[str]().union(*map(returned_for, self._returned)), len(self._returned)

    def _start(self, name: str, round_: int) -> None:
        file = self._folder / f"{name}{round_}.returned"
        spool = str(self._folder / f"{name}.spool")
        process = process_for(record_until_killed, *self._arguments, spool, f"{name}{round_}", str(file))
        process.start()
        self._now[name] = process
        self._returned.append(file)

    def _kill(self, name: str) -> None:
        process = self._now.pop(name)
        process.kill()
        process.join()


def what_the_server_refuses_is_put_aside(engine: Engine, server: LiveServer, key: str, folder: Path) -> None:
    spool, told = folder / "refused.spool", list[Refused]()
    order: dict[str, Any] = {"category": "shipments", "summary": "Shipped the order 4471 to Osaka"}
    with Client("http://127.0.0.1:9", key, spool=spool) as log:
        bad = log.record("order.shipped", **order, ip="the yard", idempotency_key="bad")
        good = log.record("order.shipped", **order, facts={"said": "good"}, idempotency_key="good")
        log.record("order.shipped", category="shipments", summary="Shipped another", idempotency_key="good")
        log.record("vehicle.bid_raised")  # of the catalogue, which wants a target
        log.close(timeout=0)
    with Client(server.url, key, spool=spool, on_refused=told.append) as log:
        assert log.flush(30)

    assert (told[0].idempotency_key, told[0].faults[0].field) == (bad, "ip")
    assert [one.status for one in told] == [422, 422, 409]
    assert (told[2].idempotency_key, told[2].faults[0].field) == (good, "idempotency_key")
    assert in_the_log(engine)["good"] == 1
    kept = spool.with_name("refused.spool.refused").read_text().splitlines()
    assert [json.loads(line)["status"] for line in kept] == [422, 422, 409]


def the_example_in_the_words_for_people_works(server: LiveServer, key: str, folder: Path) -> None:
    """As it stands in docs/client.md, but for the three things that it invites to put in."""
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "client.md").read_text(), re.DOTALL)
    for instead, there in (
        (server.url, "https://audit.example.org"),
        (str(folder / "example.spool"), "/var/lib/shop/audit.spool"),
        (repr(key), 'os.environ["AUDITWEB_KEY"]'),
    ):
        assert there in example
        example = example.replace(there, instead)
    names: dict[str, object] = {}
    exec(compile(example, "docs/client.md", "exec"), names)

    log = names["log"]
    assert isinstance(log, Client)
    assert log.waiting == 0
    assert not (folder / "example.spool.refused").exists()


def in_the_log(engine: Engine, said: str | None = None) -> Counter[str]:
    """Return how often each event that was recorded here, or the one that *said* this, is in the log."""
    query = select(Event.facts["said"].as_string()).where(Event.action == ACTION)
    if said is not None:
        query = query.where(Event.facts["said"].as_string() == said)
    with engine.connect() as connection:
        return Counter(connection.scalars(query))
