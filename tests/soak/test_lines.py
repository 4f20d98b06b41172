"""A hundred thousand lines in one request to a real server: none lost, and it does not grow with them."""

import http.client
import json
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from flask import Flask
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from auditweb.accounts.callers import Scope
from auditweb.api.ndjson import CHUNK
from auditweb.app import create_app
from auditweb.config import Settings
from auditweb.extensions import db
from auditweb.models import Event
from tests.callers import ORDER, new_key
from tests.databases import Database
from tests.ledgers import server_engine
from tests.readers import add_organisation, add_person, hash_cheaply
from tests.servers import LiveServer, serve

Rounds = Callable[[int, int], int]

GROWTH = 24 * 1024 * 1024  # a worker that kept the lines, or what became of them, would grow by many times that
PADDING = "x" * 200


@pytest.fixture
def token(fresh: Database, tmp_path: Path) -> str:
    hash_cheaply()
    app: Flask = create_app(Settings(data_dir=tmp_path, database_url=fresh.url, secret_key="s" * 32))
    made = new_key(app, add_organisation(app, "northgate", "N"), add_person(app, "Ada Okafor"), scopes=[Scope.WRITE])
    with app.app_context():
        db.engine.dispose()
    return made


def test_lines_to_a_real_server(fresh: Database, tmp_path: Path, token: str, rounds: Rounds) -> None:
    """Each part by itself; they share the server, whose start takes longer than all of them."""
    with serve(fresh.url, tmp_path, settings={"AUDITWEB_WORKERS": "1"}) as server, server_engine(fresh.url) as engine:
        what_came_whole_of_a_broken_body_is_kept(engine, server, token)
        lines_without_end_are_taken_in_constant_memory(engine, server, token, rounds(6_000, 100_000))
        # The last, since what it sent is recorded at some time after it.
        those_who_send_nothing_more_do_not_keep_others_waiting(server, token)


def those_who_send_nothing_more_do_not_keep_others_waiting(server: LiveServer, token: str) -> None:
    """They hold neither the log nor all places for bodies. Without a key nobody gets as far as that."""
    with _connected(server) as one, _connected(server) as two, _connected(server) as stranger:
        for connection, key in ((one, token), (two, token), (stranger, "aw_none")):
            connection.sendall(_head(key, "Content-Length: 100000") + b"".join(_lines(3)))
        assert stranger.recv(100).startswith(b"HTTP/1.1 401")
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx.post(f"{server.url}/api/v1/events", json=ORDER, headers=headers, timeout=30).status_code == 201
        lines = headers | {"Content-Type": "application/x-ndjson"}
        refused = httpx.post(f"{server.url}/api/v1/events", content=b"".join(_lines(3)), headers=lines, timeout=30)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")


def what_came_whole_of_a_broken_body_is_kept(engine: Engine, server: LiveServer, token: str) -> None:
    """Half a request, over a connection that is closed after it: the committed chunks stay, half a line does not."""
    whole, before = b"".join(_lines(CHUNK * 2 + 1)), _number(engine)
    kept = 0
    for framing, body in (
        (f"Content-Length: {len(whole)}", whole[:-30]),
        ("Transfer-Encoding: chunked", b"%x\r\n%s" % (len(whole), whole[:-30])),
    ):
        with _connected(server) as connection:
            connection.sendall(_head(token, framing) + body)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while received := connection.recv(65536):
                answer += received
        assert answer.startswith(b"HTTP/1.1 200")
        *taken, refused = [json.loads(line) for line in answer.splitlines() if line.startswith(b"{")]
        assert {result["status"] for result in taken} == {"created"}
        assert (refused["line"], refused["status"]) == (len(taken) + 1, "refused")
        assert CHUNK <= len(taken) <= CHUNK * 2  # what came in the last 64 KiB may be left out
        kept += len(taken)
    assert _number(engine) - before == kept


def lines_without_end_are_taken_in_constant_memory(engine: Engine, server: LiveServer, token: str, lines: int) -> None:
    (worker,) = _children(server.process.pid)
    _send(server, token, 2_000)  # whatever is made at first use
    size, before = _peak(worker), _number(engine)

    results = _send(server, token, lines)

    grown = _peak(worker) - size
    sys.stderr.write(f"{lines} lines, {grown >> 20} MiB more\n")
    assert grown < GROWTH
    assert results == {"created": lines}
    assert _number(engine) - before == lines


def _send(server: LiveServer, token: str, number: int) -> dict[str, int]:
    """Send so many lines in one request without saying how long it will be; return how many have which status."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=120)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
    connection.request("POST", "/api/v1/events", body=_lines(number), headers=headers, encode_chunked=True)
    answer = connection.getresponse()
    counted: dict[str, int] = {}
    for place, line in enumerate(answer, start=1):
        result = json.loads(line)
        assert result["line"] == place
        counted[result["status"]] = counted.get(result["status"], 0) + 1
    connection.close()
    assert answer.status == 200
    return counted


def _lines(number: int) -> Iterator[bytes]:
    line = json.dumps(ORDER | {"facts": {"note": PADDING}}).encode() + b"\n"
    return (line for _ in range(number))


def _head(token: str, framing: str) -> bytes:
    return (
        "POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/x-ndjson\r\n{framing}\r\n\r\n"
    ).encode()


def _number(engine: Engine) -> int:
    with Session(engine) as session:
        return session.scalar(select(func.count()).select_from(Event)) or 0


def _connected(server: LiveServer) -> socket.socket:
    parts = urlsplit(server.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=30)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _peak(pid: int) -> int:
    """Return the most memory that a process has ever had, in bytes."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024
