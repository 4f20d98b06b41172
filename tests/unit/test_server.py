"""How gunicorn is run."""

import gc
import socket
from collections.abc import Iterator
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
    url = f"sqlite:///{tmp_path}/x.sqlite3"
    app = Flask("test")
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    db.init_app(app)
    settings = Settings(data_dir=tmp_path, database_url=url, secret_key="s" * 32, host="::1", port=8080, workers=3)
    server.run(app, settings, when_ready=lambda: told.update(said_ready=True))
    yield told
    gc.unfreeze()


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
