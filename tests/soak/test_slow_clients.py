"""Real connections to a real server that send half of something, or a byte at a time: others are answered meanwhile."""

import json
import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auditweb.accounts.callers import Scope
from auditweb.app import create_app
from auditweb.cli.patience import BODY, GOODBYE, HEAD
from auditweb.config import THREADS, Settings
from auditweb.extensions import db
from auditweb.models import Event
from tests.callers import ORDER, new_key
from tests.databases import Database
from tests.ledgers import server_engine
from tests.readers import add_organisation, add_person, hash_cheaply
from tests.servers import LiveServer, serve

Rounds = Callable[[int, int], int]

MANY = THREADS * 2  # connections at once to a worker that has half as many threads
BODY_SENT = json.dumps(ORDER).encode()
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
AT_ONCE = 3.0  # seconds within which somebody is answered where nobody is in the way


@pytest.fixture
def tokens(fresh: Database, tmp_path: Path) -> tuple[str, str]:
    """Keys of two organisations."""
    hash_cheaply()
    app = create_app(Settings(data_dir=tmp_path, database_url=fresh.url, secret_key="s" * 32))
    ada = add_person(app, "Ada Okafor")
    places = (add_organisation(app, "northgate", "N"), add_organisation(app, "osaka-bay", "O"))
    one, other = (new_key(app, place, ada, scopes=[Scope.WRITE]) for place in places)
    with app.app_context():
        db.engine.dispose()
    return one, other


def test_slow_senders(fresh: Database, tmp_path: Path, tokens: tuple[str, str], rounds: Rounds) -> None:
    """One worker, who lives through all of it, and in the log exactly what was acknowledged."""
    token, other = tokens
    with serve(fresh.url, tmp_path, settings={"AUDITWEB_WORKERS": "1"}) as server:
        worker = _children(server)
        written = 0
        for _ in range(rounds(1, 10)):
            written += others_go_on_beside_half_bodies(server, token, other)
            written += slow_but_whole_is_taken(server, token)
            broken_off_is_not_written(server, token)
            half_heads_do_not_freeze_the_server(server)
            connections_left_open_keep_nobody_waiting(server)
        if rounds(0, 1):
            written += half_bodies_by_the_dozen_end(server, token)
        assert _children(server) == worker
    with server_engine(fresh.url) as engine, Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(Event)) == written


def half_heads_do_not_freeze_the_server(server: LiveServer) -> None:
    """Without any key: some send nothing after half a head, some go on with a byte now and then."""
    chance = random.Random(7)
    with ExitStack() as stack:
        opened = [stack.enter_context(_connected(server)) for _ in range(MANY)]
        for connection in opened:
            connection.sendall(b"POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nX-A: "[: chance.randint(1, 50)])
        over = threading.Event()
        dripping = threading.Thread(target=_drip, args=(opened[::2], over))
        dripping.start()
        began = time.monotonic()
        assert _status(_connected(server), HEALTH) == 200
        assert time.monotonic() - began < 2 * HEAD + AT_ONCE  # those who came first have their time, twice in a row
        over.set()
        dripping.join()


def connections_left_open_keep_nobody_waiting(server: LiveServer) -> None:
    """They have had their last answer, and do not close."""
    with ExitStack() as stack:
        for _ in range(MANY):
            stack.enter_context(_connected(server)).sendall(HEALTH)
        began = time.monotonic()
        assert _status(_connected(server), HEALTH) == 200
        assert time.monotonic() - began < MANY / THREADS * GOODBYE + AT_ONCE


def others_go_on_beside_half_bodies(server: LiveServer, token: str, other: str) -> int:
    """As many as there are threads wait for bodies that do not come: they keep out their own organisation alone."""
    with ExitStack() as stack:
        for _ in range(THREADS):
            connection = stack.enter_context(_connected(server))
            connection.sendall(_head(token, len(BODY_SENT)) + BODY_SENT[:20])
        began = time.monotonic()
        for _ in range(5):
            assert _status(_connected(server), _head(other, len(BODY_SENT)) + BODY_SENT) == 201
        assert _status(_connected(server), _head(token, len(BODY_SENT)) + BODY_SENT) == 503
        assert time.monotonic() - began < 6 * AT_ONCE
    return 5


def slow_but_whole_is_taken(server: LiveServer, token: str) -> int:
    """A few bytes at a time, head and body: an event like any other."""
    with _connected(server) as connection:
        sent = _head(token, len(BODY_SENT)) + BODY_SENT
        for start in range(0, len(sent), 40):
            connection.sendall(sent[start : start + 40])
            time.sleep(0.02)
        assert _answer(connection) == 201
    return 1


def broken_off_is_not_written(server: LiveServer, token: str) -> None:
    """Less than was told, and the end of the connection: half closed, closed, and reset."""
    for cut in (0, 1, len(BODY_SENT) // 2, len(BODY_SENT) - 1):
        with _connected(server) as connection:
            connection.sendall(_head(token, len(BODY_SENT)) + BODY_SENT[:cut])
            connection.shutdown(socket.SHUT_WR)
            assert _answer(connection) == 400
        with _connected(server) as connection:
            connection.sendall(_head(token, len(BODY_SENT)) + BODY_SENT[:cut])
        with _connected(server) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(_head(token, len(BODY_SENT)) + BODY_SENT[:cut])


def half_bodies_by_the_dozen_end(server: LiveServer, token: str) -> int:
    """With a key its own organisation is kept out, for a while: then they are given up, also those who go on slowly."""
    with ExitStack() as stack:
        opened = [stack.enter_context(_connected(server)) for _ in range(THREADS)]
        for connection in opened:
            connection.sendall(_head(token, 100_000) + b"[" + b" " * 20)
        over = threading.Event()
        dripping = threading.Thread(target=_drip, args=(opened[::2], over, b" ", 1.0))
        dripping.start()
        began = time.monotonic()
        while _status(_connected(server), _head(token, len(BODY_SENT)) + BODY_SENT) == 503:
            assert time.monotonic() - began < BODY + AT_ONCE
        over.set()
        dripping.join()
    return 1


def _drip(connections: list[socket.socket], over: threading.Event, byte: bytes = b"a", pause: float = 0.3) -> None:
    """Send a byte to each now and then, also to those who hung up."""
    while not over.wait(pause):
        for connection in connections:
            with suppress(OSError):
                connection.sendall(byte)


def _head(token: str, length: int) -> bytes:
    return (
        "POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def _status(connection: socket.socket, request: bytes) -> int:
    with connection:
        connection.sendall(request)
        return _answer(connection)


def _answer(connection: socket.socket) -> int:
    """Return the status of the answer, having read all of it."""
    answer = b""
    while received := connection.recv(65536):
        answer += received
    return int(answer.split(b" ", 2)[1])


def _connected(server: LiveServer) -> socket.socket:
    parts = urlsplit(server.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=60)


def _children(server: LiveServer) -> list[int]:
    pid = server.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
