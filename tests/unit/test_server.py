"""How gunicorn is run."""

import gc
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, request
from gunicorn.http.body import Body, LengthReader
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import ThreadWorker
from werkzeug.test import EnvironBuilder

from auditweb.cli import patience, server
from auditweb.config import Settings
from auditweb.extensions import db


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """What gunicorn is told."""
    told: dict[str, Any] = {}

    class Server:
        def __init__(self, app: Flask, options: dict[str, Any]) -> None:
            told.update(options)

        def run(self) -> None:
            pass

    monkeypatch.setattr(server, "_Server", Server)
    gc.unfreeze()  # what the tests began with
    url = f"sqlite:///{tmp_path}/x.sqlite3"
    app = Flask("test")
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    db.init_app(app)
    settings = Settings(data_dir=tmp_path, database_url=url, secret_key="s" * 32, host="::1", port=8080, workers=3)
    server.run(app, settings, when_ready=lambda: told.update(said_ready=True))
    yield told
    gc.freeze()


def test_workers_are_threaded_and_share_what_start_up_made(options: dict[str, Any]) -> None:
    """A long poll holds a thread, not a worker; and no request waits while the collector walks over all of start-up."""
    assert issubclass(options["worker_class"], ThreadWorker)
    assert options["workers"] == 3
    assert options["threads"] > 1
    assert options["preload_app"] is True
    assert options["bind"] == "[::1]:8080"

    assert gc.get_freeze_count() == 0
    options["when_ready"](None)
    assert gc.get_freeze_count() > 10_000
    assert options["said_ready"] is True


@pytest.mark.parametrize("late", [True, False], ids=["nothing comes", "the connection ends"])
def test_whoever_stops_sending_keeps_no_thread(late: bool) -> None:
    """The body that does not come is the sender's fault, not ours."""
    app = Flask("test")
    app.add_url_rule("/", view_func=lambda: request.get_data(), methods=["POST"])
    ours, theirs = socket.socketpair()
    theirs.sendall(b"half")
    if not late:
        theirs.close()
    environ = EnvironBuilder(method="POST").get_environ() | {"CONTENT_LENGTH": "100"}
    environ["wsgi.input_terminated"] = True  # as gunicorn has it: nobody else compares what came with what was told
    environ["wsgi.input"] = Body(LengthReader(SocketUnreader(patience.Source(ours, 0.01)), 100))

    status = Response.from_app(server._forgiving(app), environ).status_code

    assert status == 400
    ours.close()
    theirs.close()


@pytest.mark.parametrize(
    ("rate", "goes_on"), [(800_000, True), (40_000, False), (400, False)], ids=["slow", "too slow", "not at all"]
)
def test_whoever_takes_too_little_gets_no_more(rate: int, goes_on: bool) -> None:
    """Half a second may be lost on what is asked, 400,000 bytes a second; from who loses more the rest is kept."""
    ours, theirs = _connected()
    over = threading.Event()
    taken = 0

    def take() -> None:
        nonlocal taken
        with suppress(ConnectionResetError):
            while not over.wait(0 if taken > 1_000_000 else 4096 / rate if rate else 10) and (
                some := theirs.recv(4096)
            ):
                taken += len(some)

    reader = threading.Thread(target=take)
    reader.start()
    outlet = patience.Outlet(ours, 0.5, 400_000)
    outlet.sendall(b"a" * 1000)
    if goes_on:
        outlet.sendall(b"b" * 2_000_000)
        ours.close()
    else:
        with pytest.raises(ConnectionResetError, match="too slowly"):
            outlet.sendall(b"b" * 2_000_000)
        over.set()
    reader.join()
    assert (taken == 2_001_000) is goes_on
    if not goes_on:
        with pytest.raises(ConnectionResetError), theirs.makefile("rb") as rest:  # which is no end of an answer
            rest.read()
    theirs.close()


def _connected() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection by TCP, of which the other one keeps little unread."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        theirs = socket.socket()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        theirs.connect(listening.getsockname())
        ours, _ = listening.accept()
    return ours, theirs
