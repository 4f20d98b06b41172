"""A server that is killed again and again while others write to it by HTTP: nothing acknowledged is lost or doubled."""

import http.client
import json
import os
import random
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from auditweb import database, ids
from auditweb.accounts.callers import Scope
from auditweb.app import create_app
from auditweb.config import Settings
from auditweb.extensions import db
from auditweb.ledger.doctor import Doctor
from auditweb.ledger.sealer import Sealer
from auditweb.models import Event
from tests.callers import BID, HANA, ORDER, new_key
from tests.databases import Database
from tests.ledgers import process_for, server_engine
from tests.readers import add_organisation, add_person, hash_cheaply
from tests.servers import clean_environ, free_port

Rounds = Callable[[int, int], int]

SENDERS = 4
KEYS = 6  # each worker takes a fiftieth of a key's minute in advance, which is lost when it is killed
ADDRESS = "/api/v1/events"
JSON, LINES = "application/json", "application/x-ndjson"
LOAD = (0.05, 0.7)  # seconds under load before the server is killed
BEFORE_ANSWER = (0.0, 0.25)  # the same of each fifth server, which is killed before it is known to answer
PATIENCE = 90  # seconds from one answer to the next, beyond any start of the server
SENT_AGAIN = 0.2  # of what was acknowledged


def test_a_server_that_is_killed_loses_and_doubles_nothing(
    fresh: Database, tmp_path: Path, rounds: Rounds, pytestconfig: pytest.Config
) -> None:
    """Arbiter and workers are killed at once, at any moment; whoever sends, sends again until it is acknowledged."""
    chance = random.Random(11)
    tokens, port, stop = _tokens(fresh, tmp_path), free_port(), threading.Event()
    senders = [Sender(name, port, tokens, stop) for name in "abcdefgh"[:SENDERS]]
    kills = rounds(2, 200)
    with nursery(fresh.url, tmp_path, port) as start:
        pid = start()
        for sender in senders:
            sender.start()
        for number in range(kills):
            if number % 5 == 4:
                time.sleep(chance.uniform(*BEFORE_ANSWER))
            else:
                before = sum(sender.answers for sender in senders)
                _wait(lambda before=before: sum(sender.answers for sender in senders) > before)  # type: ignore[misc]
                time.sleep(chance.uniform(*LOAD))
            os.killpg(pid, signal.SIGKILL)
            pid = start()
        stop.set()
        for sender in senders:
            sender.join(PATIENCE)
        assert [sender.is_alive() for sender in senders] == [False] * SENDERS
        os.killpg(pid, signal.SIGKILL)

    acknowledged: dict[str, str] = {}
    for sender in senders:
        assert sender.wrong == []
        acknowledged |= sender.acknowledged
    seen = sum((sender.seen for sender in senders), Counter[str]())
    told = ", ".join(f"{times:,} {what}" for what, times in sorted(seen.items()))
    pytestconfig.get_terminal_writer().line(
        f"{fresh.engine_name}: {kills} kills, {len(acknowledged):,} entries acknowledged; {told}"
    )
    with server_engine(fresh.url) as engine, Session(engine) as session:
        stored = [(key, ids.to_text(id_)) for key, id_ in session.execute(select(Event.idempotency_key, Event.id))]
    assert len(stored) == len(acknowledged)
    assert dict(stored) == acknowledged
    assert seen["requests without an answer"] >= kills / 2, "the server was hardly ever at work when it was killed"
    _assert_sound(fresh, len(stored))


class Sender(threading.Thread):
    """
    Another system: it numbers its events, and sends each request until it is acknowledged.

    *acknowledged* is the id of each idempotency key, *seen* what was met with, *wrong* what must not be.
    """

    def __init__(self, name: str, port: int, tokens: list[str], stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._prefix, self._port, self._stop_asked = name, port, stop
        self._tokens = tokens
        self._chance = random.Random(name)
        self._connection: http.client.HTTPConnection | None = None
        self.acknowledged: dict[str, str] = {}
        self.answers = 0
        self.seen: Counter[str] = Counter()
        self.wrong: list[Any] = []

    def run(self) -> None:
        number = 0
        while not self._stop_asked.is_set() and not self.wrong:
            number += 1
            request = self._chance.choice([_single, _single, _own_key, _own_key, _array, _array, _lines])(
                f"{self._prefix}-{number}"
            )
            request.headers["Authorization"] = f"Bearer {self._chance.choice(self._tokens)}"
            self._note(request, self._send_until_acknowledged(request))
            if self._chance.random() < SENT_AGAIN:
                again = self._send_until_acknowledged(request)
                self.seen["requests acknowledged twice"] += 1
                if {result["status"] for result in again} != {"known"}:
                    self.wrong.append(("not known", again[:3]))
                self._note(request, again)
        self._hang_up()

    def _note(self, request: "Request", results: list[dict[str, Any]]) -> None:
        """Note the id of each key, which has to be the one that it was acknowledged with before, if it was."""
        if len(results) != len(request.keys):
            self.wrong.append((request.keys[0], len(request.keys), len(results)))
        for key, result in zip(request.keys, results, strict=False):
            if self.acknowledged.setdefault(key, result["id"]) != result["id"]:
                self.wrong.append((key, self.acknowledged[key], result["id"]))

    def _send_until_acknowledged(self, request: "Request") -> list[dict[str, Any]]:
        give_up_at = time.monotonic() + PATIENCE
        while time.monotonic() < give_up_at:
            try:
                results = self._send(request)
            except (OSError, http.client.HTTPException) as error:
                self._hang_up()
                self.seen["refused connections" if _is_refused(error) else "requests without an answer"] += 1
                time.sleep(0.02)
                continue
            if results is not None:
                self.answers += 1
                self.seen["requests acknowledged"] += 1
                self.seen["entries known already"] += sum(result["status"] == "known" for result in results)
                return results
            time.sleep(0.05)
        self.wrong.append("no answer")
        return []

    def _send(self, request: "Request") -> list[dict[str, Any]] | None:
        """Return what became of each event; None if the request is to be sent again."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        self._connection.request("POST", ADDRESS, body=request.body, headers=request.headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status in (503, 429):
            self.seen[f"answers {answer.status}"] += 1
            return None
        if answer.status not in (200, 201):
            self.wrong.append((answer.status, text[:500]))
            return []
        if request.headers["Content-Type"] == LINES:
            results = [json.loads(line) for line in text.splitlines()]
            if any(result["status"] == "failed" for result in results):
                self.seen["lines failed"] += 1
                return None
            self.wrong += [result for result in results if result["status"] not in ("created", "known")]
            return results
        told = json.loads(text)
        return list(told["events"]) if "events" in told else [told]

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Request:
    """What is sent, and the idempotency keys that its events will have."""

    def __init__(
        self, body: bytes, keys: list[str], kind: str = JSON, headers: Mapping[str, str] | None = None
    ) -> None:
        self.body = body
        self.keys = keys
        self.headers = {"Content-Type": kind, **(headers or {})}


def _single(key: str) -> Request:
    return Request(json.dumps(ORDER | {"actor": HANA}).encode(), [key], headers={"Idempotency-Key": key})


def _own_key(key: str) -> Request:
    return Request(json.dumps(BID | {"idempotency_key": key}).encode(), [key])


def _array(key: str) -> Request:
    body = json.dumps([BID | {"facts": {"lot": str(lot)}} for lot in range(50)]).encode()
    return Request(body, [f"{key}/{place}" for place in range(50)], headers={"Idempotency-Key": key})


def _lines(key: str, number: int = 600) -> Request:
    """More than are committed together, so that what is sent again is known in part."""
    body = b"".join(json.dumps(ORDER | {"facts": {"lot": str(lot)}}).encode() + b"\n" for lot in range(number))
    return Request(body, [f"{key}/{line}" for line in range(1, number + 1)], LINES, {"Idempotency-Key": key})


def _is_refused(error: Exception) -> bool:
    return isinstance(error, ConnectionRefusedError)


@contextmanager
def nursery(url: str, folder: Path, port: int) -> Iterator[Callable[[], int]]:
    """
    Give what starts `auditweb serve`, with two workers, and returns the id of its process group.

    It is forked from a process that has imported all of it: two hundred interpreters would take longer to start than
    all else. The database gets no chance to settle down in between: the next server starts as soon as the port is free.
    """
    ours, theirs = Pipe()
    settings = {
        "AUDITWEB_DATABASE_URL": url,
        "AUDITWEB_DATA_DIR": str(folder),
        "AUDITWEB_PORT": str(port),
        "AUDITWEB_WORKERS": "2",
        "AUDITWEB_API_REQUESTS_A_MINUTE": "1000000",
    }
    process = process_for(_bring_up, theirs, clean_environ() | settings, str(folder / "server.log"))
    process.start()
    pids: list[int] = []

    def start() -> int:
        _wait(lambda: _is_free(port))
        ours.send("serve")
        pids.append(ours.recv())
        return pids[-1]

    try:
        yield start
    finally:
        for pid in pids[-1:]:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        process.kill()
        process.join()


def _bring_up(asked: Connection, environ: dict[str, str], output: str) -> None:
    from auditweb.app import create_app  # noqa: F401  here, where it is forked from
    from auditweb.cli import main
    from auditweb.cli.server import run  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    while True:
        asked.recv()
        pid = os.fork()
        if pid == 0:
            break
        asked.send(pid)
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(environ)
    log = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in (1, 2):
        os.dup2(log, number)
    sys.argv = ["auditweb", "serve"]
    try:
        main()
    finally:
        os._exit(1)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _wait(happened: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < give_up_at
        time.sleep(0.005)


def _tokens(fresh: Database, folder: Path) -> list[str]:
    hash_cheaply()
    app: Flask = create_app(Settings(data_dir=folder, database_url=fresh.url, secret_key="s" * 32))
    place, maker = add_organisation(app, "northgate", "Northgate"), add_person(app, "Ada Okafor")
    tokens = [new_key(app, place, maker, scopes=[Scope.WRITE]) for _ in range(KEYS)]
    with app.app_context():
        db.engine.dispose()
    return tokens


def _assert_sound(fresh: Database, entries: int) -> None:
    """Seal what no server came to, and have the doctor look at all of it."""
    with database.patient_engine(fresh.url) as engine:
        Sealer(engine).run()
        doctor = Doctor(engine)
        (org_id,) = doctor.organisations()
        assert doctor.count_leaves(org_id) == doctor.count_sealed(org_id) == entries
        assert doctor.examine(org_id) == []
