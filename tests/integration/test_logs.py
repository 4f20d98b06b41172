"""The server's own log: a line a request, and no secrets."""

import io
import json
import sys
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask.typing import ResponseReturnValue
from sqlalchemy import text

from auditweb.config import Settings
from auditweb.extensions import db
from tests.callers import ORDER, Program
from tests.readers import Reader

Lines = Callable[[], list[dict[str, Any]]]

FOREIGN = "a\nb\u202e\u001b[31m"


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    """What was logged since the last call, each line parsed."""
    capsys.readouterr()
    return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_request_leaves_one_line(reader: Reader, lines: Lines) -> None:
    response = reader.client.get("/o/northgate/settings/audit-log?category=team")

    (line,) = lines()
    assert line["event"] == "request"
    assert line["level"] == "info"
    assert line["method"] == "GET"
    assert line["route"] == "/o/<org>/settings/audit-log"
    assert line["status"] == response.status_code == 200
    assert line["organisation"] == "northgate"
    assert line["request_id"] == response.headers["X-Request-ID"]
    assert 0 < line["duration_ms"] < 60_000
    assert line["timestamp"].endswith("Z")


def test_a_call_names_its_key_and_organisation(program: Program, lines: Lines) -> None:
    program.send(ORDER)
    Program(program.client, program.token[:-1]).send(ORDER)

    one, none = lines()
    assert (one["organisation"], one["key"]) == ("northgate", "key_" + program.token.split("_")[1])
    assert (none["organisation"], "key" in none) == (None, False)
    assert program.token.split("_", 2)[2] not in json.dumps([one, none])


def test_each_request_has_an_id_of_its_own(client: FlaskClient, lines: Lines) -> None:
    ids = {client.get("/healthz").headers["X-Request-ID"] for _ in range(20)}

    assert len(ids) == 20
    assert {line["request_id"] for line in lines()} == ids


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere/S3CRET",
        "/sign-in?next=/o/S3CRET",
        "/o/northgate/settings/audit-log?q=S3CRET",
        "/o/S3CRET!/x",
        "/o/S3CRET!/settings/audit-log",
        "/?S3CRET",
    ],
)
def test_no_secret_is_logged(client: FlaskClient, lines: Lines, capsys: pytest.CaptureFixture[str], path: str) -> None:
    """Neither path nor query, form, cookie or header."""
    client.set_cookie("auditweb", "S3CRET")
    headers = {
        "Authorization": "Bearer S3CRET",
        "X-Request-ID": "S3CRET-S3CRET",
        "User-Agent": "S3CRET",
        "Referer": "S3CRET",
    }

    client.get(path, headers=headers)
    client.post("/sign-in", data={"email": "S3CRET", "password": "S3CRET"}, headers=headers)

    logged = capsys.readouterr().err
    assert len(logged.splitlines()) == 2
    assert "S3CRET" not in logged


def test_method_that_is_no_word_is_not_repeated(client: FlaskClient, lines: Lines) -> None:
    client.open("/healthz", method="S3CRET\x1b[1m")

    (line,) = lines()
    assert line["method"] == "?"


class Sink(io.StringIO):
    """A standard error that remembers each writing to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []

    def write(self, text: str) -> int:
        self.written.append(text)
        return len(text)


def test_line_is_written_in_one_piece(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the lines of threads would run into each other."""
    sink = Sink()
    monkeypatch.setattr(sys, "stderr", sink)

    client.get("/healthz")
    client.get("/healthz")

    assert [text.count("\n") for text in sink.written] == [1, 1]
    assert all(json.loads(text)["event"] == "request" for text in sink.written)


def no_space() -> io.TextIOBase:
    full = io.StringIO()
    full.write = Mock(side_effect=OSError(28, "No space left on device"))  # type: ignore[method-assign]
    return full


def closed() -> io.TextIOBase:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("make", [no_space, closed, lambda: None], ids=["full", "closed", "missing"])
def test_request_is_answered_where_nothing_can_be_logged(
    visitor: Reader, monkeypatch: pytest.MonkeyPatch, make: Callable[[], io.TextIOBase | None]
) -> None:
    monkeypatch.setattr(sys, "stderr", make())

    assert visitor.get("/healthz").status == 200
    assert visitor.post("/sign-in", {"email": "nobody@northgate.example", "password": "x"}).status < 500


def test_request_that_fails_leaves_its_line_and_its_reason(app: Flask, lines: Lines) -> None:
    def fail() -> ResponseReturnValue:
        raise RuntimeError(FOREIGN)

    app.view_functions["health.index"] = fail
    app.config["PROPAGATE_EXCEPTIONS"] = False
    response = app.test_client().get("/healthz?token=S3CRET")

    reason, line = lines()
    assert response.status_code == line["status"] == 500
    assert reason["level"] == "error"
    assert "RuntimeError: a\nb" in reason["exception"]
    assert reason["request_id"] == line["request_id"] == response.headers["X-Request-ID"]
    assert "S3CRET" not in json.dumps(reason)
    assert "/healthz?" not in json.dumps(reason)


def test_statement_that_fails_keeps_its_values_to_itself(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    secret = "".join(("S3", "CRET"))  # the traceback quotes the source

    def fail() -> ResponseReturnValue:
        db.session.execute(text("SELECT nothing FROM person WHERE email = :email"), {"email": secret})
        return ""

    app.view_functions["health.index"] = fail
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.test_client().get("/healthz")

    logged = capsys.readouterr().err
    assert "SELECT nothing" in logged
    assert secret not in logged


def test_foreign_text_stays_within_its_line(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    app.logger.warning("someone sent %s", FOREIGN)

    logged = capsys.readouterr().err
    assert logged.isascii()
    assert len(logged.splitlines()) == 1
    assert "\x1b" not in logged
    assert json.loads(logged)["event"] == f"someone sent {FOREIGN}"


@pytest.mark.parametrize(
    ("hops", "sent", "taken"),
    [
        (0, "proxy-id-0001", False),
        (1, "proxy-id-0001", True),
        (1, "short", False),
        (1, "x" * 65, False),
        (1, "with space in it", False),
        (1, "proxy-id\u202e0001", False),
    ],
)
def test_request_id_is_taken_from_a_trusted_proxy_only(
    settings: Settings, make_app: Callable[[Settings], Flask], hops: int, sent: str, taken: bool
) -> None:
    app = make_app(settings.model_copy(update={"proxy_hops": hops}))

    answered = app.test_client().get("/healthz", headers={"X-Request-ID": sent}).headers["X-Request-ID"]

    assert (answered == sent) is taken
    assert answered.isascii()


def test_level_leaves_out_what_is_below(
    settings: Settings, make_app: Callable[[Settings], Flask], lines: Lines
) -> None:
    make_app(settings.model_copy(update={"log_level": "warning"})).test_client().get("/healthz")

    assert lines() == []
