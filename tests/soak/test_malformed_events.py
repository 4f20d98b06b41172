"""What no program would send to the API, with a key that opens it: nothing fails, and nothing is half-written."""

import gzip
import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from auditweb.accounts.callers import Scope
from auditweb.extensions import db
from auditweb.models import Event
from tests.callers import BID, HANA, ORDER, new_key
from tests.readers import add_organisation, add_person, hash_cheaply

TYPES = [
    "application/json", "application/json", "application/x-ndjson", "application/x-ndjson",
    "application/cloudevents+json", "application/cloudevents-batch+json", "application/json; charset=utf-16",
    "multipart/form-data; boundary=x", "text/plain", "", "\xff", "application/json;;=",
]  # fmt: skip
METHODS = ["POST"] * 20 + ["GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW", "post"]
HEADERS = [
    ("Idempotency-Key", "k"), ("Idempotency-Key", "\xff"), ("Idempotency-Key", "a" * 151), ("Content-Encoding", "gzip"),
    ("Content-Encoding", "identity"), ("Content-Length", "-1"), ("Content-Length", "x"), ("Content-Length", "9" * 30),
    ("Transfer-Encoding", "chunked"), ("Expect", "100-continue"), ("Accept", "\xff"), ("Cookie", "auditweb=\xff"),
    ("Authorization", "Bearer aw_\xff"), ("Authorization", "Basic eA=="),
]  # fmt: skip
VALUES: list[Any] = [
    None, True, 0, -1, 1.5, 10**400, 1e308, "", " ", "\0", "\ud800", "\udfff\ud800", "é" * 3000, "x" * 70_000, "\u202e",
    [], [[]], {}, {"": ""}, {"a": None}, {"\0": "\0"}, [None] * 1001, "2026-02-30T00:00:00Z", "9999-12-31T23:59:59Z",
    "0000-01-01T00:00:00Z", "2026-01-01T00:00:00+99:99", "vehicle.updated", "a.b", "javascript:x", "//e", "::1%eth0",
    "999.1.1.1", "success", "shipments", HANA, HANA | {"id": 7}, {"type": "api_key", "id": "1", "name": "x"},
]  # fmt: skip
FIELDS = [
    "action", "category", "summary", "facts", "actor", "target", "ip", "user_agent", "request_id", "outcome", "data",
    "occurred_at", "idempotency_key", "id", "source", "type", "specversion", "time", "subject", "",
    "\0", "\ud800", "org_id",
]  # fmt: skip
SPLINTERS = [
    b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"NaN", b"-Infinity", b"1e99999", b"9" * 5000, b"[" * 3000, b"{",
    b'{"a":' * 3000, b"}", b"]", b'"', b",", b":", b"\\u0000", b"\\ud83d", b"\\", b"\n", b"\r\n", b"//",
    b'"action":"x.y",',
    b'"x":' + b"[" * 5000 + b"]" * 5000 + b",", b'"facts":' + b'{"a":' * 20 + b"1" + b"}" * 20 + b",",
    b"1" + b"0" * 400,
    b'"facts":{"a":"1","a":"2"},', b"\x1b[2J", b" " * 5000,
]  # fmt: skip
ENCODINGS = ["utf-16", "utf-16-le", "utf-32", "utf-7", "utf-8-sig"]
CLOUD = {"specversion": "1.0", "id": "1", "source": "/s", "type": "order.shipped", "data": ORDER | {"action": None}}


def test_malformed_events_are_never_our_failure(
    make_app: Callable[..., Flask], settings: Any, rounds: Callable[[int, int], int]
) -> None:
    """No 5xx, and in the log exactly what was acknowledged. Set the seed anew to look further."""
    hash_cheaply()
    app = make_app(settings.model_copy(update={"api_requests_a_minute": 1_000_000}))
    place, maker = add_organisation(app, "northgate", "Northgate"), add_person(app, "Ada Okafor")
    token = new_key(app, place, maker, scopes=[Scope.WRITE])
    app.config["PROPAGATE_EXCEPTIONS"] = False
    client = app.test_client()
    seed = random.randrange(10**9)
    chance = random.Random(seed)
    statuses: Counter[int] = Counter()
    acknowledged = 0
    for number in range(rounds(300, 10_000)):
        method, body, kind = chance.choice(METHODS), _body(chance), chance.choice(TYPES)
        headers = [("Authorization", f"Bearer {token}"), *chance.choices(HEADERS, k=chance.choice([0, 0, 0, 1, 2]))]
        try:
            answer = client.open(
                "/api/v1/events", method=method, data=body, content_type=kind, headers=headers, buffered=True
            )
        except (ValueError, UnicodeError):  # the test client's own refusal
            continue
        assert answer.status_code < 500, (seed, number, method, kind, headers, body[:500], answer.text[:500])
        statuses[answer.status_code] += 1
        acknowledged += answer.text.count('"created"') if answer.status_code in (200, 201) else 0
    with app.app_context():
        stored = db.session.scalar(select(func.count()).select_from(Event))
    sys.stderr.write(f"{dict(statuses)}, {stored} entries, seed {seed}\n")
    assert stored == acknowledged
    assert statuses[201] + statuses[200] > 0
    assert statuses[422] > 0
    assert statuses[400] > 0
    assert statuses[415] > 0
    assert client.post("/api/v1/events", json=BID, headers={"Authorization": f"Bearer {token}"}).status_code == 201


def _body(chance: random.Random) -> bytes:
    """Return events, most of which something is wrong with: a field, what is around them, or bytes in the middle."""
    events = [_event(chance) for _ in range(chance.choice([1, 1, 1, 2, 5]))]
    written = [json.dumps(event).encode() for event in events]
    shape = chance.randrange(4)
    body = written[0] if shape == 0 else b"\n".join(written) if shape == 1 else b"[" + b",".join(written) + b"]"
    for _ in range(chance.choice([0, 0, 0, 1, 3])):
        at = chance.randrange(len(body) + 1)
        cut = chance.choice([0, 0, 1, 10])
        body = body[:at] + chance.choice(SPLINTERS) + body[at + cut :]
    if chance.random() < 0.03:
        text = body.decode("utf-8", "replace")
        body = gzip.compress(body) if chance.random() < 0.2 else text.encode(chance.choice(ENCODINGS), "replace")
    return body[: chance.randrange(len(body))] if chance.random() < 0.1 else body


def _event(chance: random.Random) -> object:
    event = dict(chance.choice([ORDER, ORDER | {"actor": HANA}, BID, CLOUD]))
    for _ in range(chance.choice([0, 0, 1, 2])):
        event[chance.choice(FIELDS)] = chance.choice(VALUES)
    if chance.random() < 0.2 and event:
        del event[chance.choice(list(event))]
    return event if chance.random() > 0.03 else chance.choice(VALUES)
