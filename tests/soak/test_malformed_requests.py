"""Requests that no browser would send: whatever comes, the answer is never a failure of ours."""

import random
import string
import sys
from collections import Counter
from collections.abc import Callable

import pytest
from flask import Flask
from werkzeug.test import EnvironBuilder

from auditweb import catalogue
from auditweb.extensions import db
from auditweb.ids import to_text
from auditweb.parties import Actor, ActorType
from auditweb.recorder import record
from tests.readers import PASSWORD, Someone, add_organisation, add_person, hash_cheaply, join, open_session

SPOILERS = ["\0", "%", "..", "//", "é", "\xff", ";", "?", "A" * 300, "\\"]
METHODS = ["GET", "GET", "GET", "POST", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "BREW", "get"]
NAMES = [
    "category", "actor", "target", "action", "outcome", "from", "to", "tz", "last", "before", "after", "oldest", "name",
    "next", "v", "q", "csrf_token", "email", "password", "theme", "zone", "times", "shortcuts", "", "a[b]", "\0", "é",
]  # fmt: skip
VALUES = [
    "", "0", "1", "-1", "9" * 30, "1e999", "NaN", "null", "true", "\0", "%", "%%", "_", "\\", "'", '"', "<script>",
    "../" * 9, "//evil.example", "\ud7ff", "\uffff", "\U0010ffff", "\u202e", "é" * 300, "x" * 5000, "member:",
    "member:1", "member:999999999999999999999999", "member:\0", "api_key:\0", "system:%",
    ":", "::", "vehicle:\0", "vehicle:veh_1", "vehicles",
    "VEHICLES", "2026-02-30", "2026-03-01", "0000-00-00", "9999-12-31", "10000-01-01", "-001-01-01", "2026-3-1",
    "Europe/London", "../etc/passwd", "/etc/passwd", "Asia/\0", "UTC\n", "7d", "9999d", "99999d", "0d", "7 d", "٧d",
    "success", "vehicle.updated", "a.b", "32ST6QNF15NM7", "ZZZZZZZZZZZZZ", "8000000000000", "７ZZZZZZZZZZZZ", "dark",
    "{{7*7}}", "${7*7}", "1;DROP TABLE event", "' OR 1=1 --", "[" * 500, "{" * 500 + "}" * 500,
]  # fmt: skip
BODIES = [
    b"", b"\xff\xfe\x00", b"a=b&a=c&" * 200, b"%", b"%zz=%f", b"=&=&&", b"[" * 5000, b'{"a":' * 2000, b"<xml/>",
    b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n", b"--x\r\n", b"--x", b"\r\n" * 50,
    b"--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"\xff\"\r\n\r\n" + b"z" * 3000, b"z" * 70_000,
]  # fmt: skip
TYPES = [
    "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "multipart/form-data", "application/json",
    "application/x-www-form-urlencoded; charset=utf-7", "text/plain; charset=none", "\xff", "",
    "multipart/form-data; boundary=",
]  # fmt: skip
HEADERS = [
    ("HX-Request", "true"), ("HX-Request-Type", "partial"), ("HX-History-Restore-Request", "true"),
    ("HX-Current-URL", "http://[x"), ("HX-Current-URL", "\xff\xfe"), ("Referer", "http://[::1"),
    ("Referer", "http://localhost//e"),
    ("Cookie", "auditweb=\xff; auditweb-theme=\x01"), ("Cookie", "auditweb=eyJ9.x.y; remember_token=1|2"),
    ("Cookie", ";;==;"),
    ("Range", "bytes=9-1"), ("Range", "bytes=-"), ("If-Modified-Since", "yesterday"), ("If-None-Match", 'W/"'),
    ("User-Agent", "\x01\xff" * 400), ("Authorization", "Basic \xff"), ("Authorization", "Bearer"),
    ("Content-Length", "-1"),
    ("Content-Length", "x"), ("Host", "localhost:99999"), ("Host", "\xff"), ("X-Forwarded-For", ",,,"),
    ("Accept", "\xff;q=x"),
    ("X-Request-ID", "\xff" * 99), ("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked"),
    ("Expect", "100-continue"),
]  # fmt: skip


def test_no_request_is_answered_with_a_failure(
    app: Flask, rounds: Callable[[int, int], int], capsys: pytest.CaptureFixture[str]
) -> None:
    hash_cheaply()
    app.config.update(TESTING=False, PROPAGATE_EXCEPTIONS=False)
    someone, spelled = somebody_with_a_log(app)
    chance = random.Random(20260419)
    paths = [
        "/", "/sign-in", "/sign-out", "/profile", "/theme", "/help/audit-log", "/healthz", "/static/css/base.css",
        "/api/docs", "/api/openapi.json",
        "/o/northgate/settings/audit-log", "/o/northgate/settings/audit-log", "/o/northgate/settings/audit-log",
        "/setup", "/setup/organisation", "/o/northgate/my-log", f"/o/northgate/my-log/entries/{spelled}",
        "/o/northgate/settings/audit-log/actors", f"/o/northgate/settings/audit-log/entries/{spelled}",
        f"/o/northgate/settings/audit-log/entries/{spelled}.json",
    ]  # fmt: skip
    answers: Counter[int] = Counter()

    for number in range(rounds(300, 10_000)):
        if number % 50 == 0:  # one of them may have signed out
            reader = open_session(app, app.test_client(), someone)
        environ = a_request(chance, paths, reader.token(), reader.cookie())
        status = answer(app, environ)
        answers[status] += 1
        assert status < 500, (number, environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"])

    with capsys.disabled():
        tally = ", ".join(f"{times} × {status}" for status, times in sorted(answers.items()))
        sys.stdout.write(f"\n{answers.total()} malformed requests: {tally}\n")
    assert {200, 400, 404, 405} <= set(answers)


def somebody_with_a_log(app: Flask) -> tuple[Someone, str]:
    place = add_organisation(app, "northgate", "Northgate Imports")
    someone = add_person(app, "Ada Okafor")
    join(app, place, someone, "owner")
    with app.app_context():
        event = record(catalogue.SIGNED_OUT, org_id=place.id, actor=Actor(ActorType.MEMBER, str(someone.id), "Ada"))
        db.session.commit()
    return someone, to_text(event.id)


def a_request(chance: random.Random, paths: list[str], token: str, cookie: str | None) -> dict[str, object]:
    """Make up a request: a page that exists or nearly, with parameters, body and headers gone wrong."""
    path = chance.choice(paths)
    if chance.random() < 0.3:
        place = chance.randrange(len(path) + 1)
        path = path[:place] + chance.choice(SPOILERS) + path[place:]
    method = chance.choice(METHODS)
    environ = EnvironBuilder(path="/", method=method, base_url="http://localhost").get_environ()
    environ["PATH_INFO"] = path.encode("utf-8", "replace").decode("latin-1")
    environ["QUERY_STRING"] = query(chance)
    if cookie and chance.random() < 0.8:
        environ["HTTP_COOKIE"] = f"auditweb={cookie}"
    if method in {"POST", "PUT", "PATCH"} or chance.random() < 0.1:
        body = chance.choice(BODIES) if chance.random() < 0.5 else form(chance, token)
        builder = EnvironBuilder(method="POST", data=body, content_type=chance.choice(TYPES))
        sent = builder.get_environ()
        environ |= {name: sent[name] for name in ("wsgi.input", "CONTENT_LENGTH", "CONTENT_TYPE") if name in sent}
    for name, value in chance.sample(HEADERS, chance.choice([0, 0, 1, 2, 4])):
        key = name.upper().replace("-", "_")
        environ[key if key.startswith("CONTENT_") and key != "CONTENT_ENCODING" else f"HTTP_{key}"] = value
    return dict(environ)


def query(chance: random.Random) -> str:
    if chance.random() < 0.1:
        return "".join(chance.choices(string.printable + "\xff\x00", k=chance.randrange(200)))
    pairs = [(chance.choice(NAMES), chance.choice(VALUES)) for _ in range(chance.choice([0, 1, 1, 2, 3, 8]))]
    return "&".join(f"{quoted(chance, name)}={quoted(chance, value)}" for name, value in pairs)


def quoted(chance: random.Random, text: str) -> str:
    """Percent-encode, mostly; now and then leave the bytes as they are, or spoil them."""
    octets = text.encode("utf-8", "replace")
    if chance.random() < 0.1:
        return octets.decode("latin-1")
    escaped = "".join(f"%{octet:02X}" for octet in octets)
    return escaped + "%FF" if chance.random() < 0.05 else escaped


def form(chance: random.Random, token: str) -> bytes:
    right = {
        "csrf_token": token,
        "email": "ada@northgate.example",
        "password": PASSWORD,
        "theme": "dark",
        "name": "Ada",
    }
    pairs = [f"{name}={quoted(chance, value)}" for name, value in right.items() if chance.random() < 0.8]
    pairs += [f"{quoted(chance, chance.choice(NAMES))}={quoted(chance, chance.choice(VALUES))}" for _ in range(3)]
    return "&".join(pairs).encode("latin-1")


def answer(app: Flask, environ: dict[str, object]) -> int:
    """Run one request as a server does and return its status."""
    started: list[str] = []

    def start_response(status: str, _headers: object, _error: object = None) -> Callable[[bytes], object]:
        started.append(status)
        return lambda _: None

    body = app.wsgi_app(environ, start_response)
    try:
        for _ in body:
            pass
    finally:
        close = getattr(body, "close", None)
        if close:
            close()
    return int(started[-1].split()[0])
