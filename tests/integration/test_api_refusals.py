"""What cannot be recorded is refused with all that is wrong, and changes nothing."""

import json

from flask import Flask

from auditweb import clock
from tests.callers import BID, HANA, NOW, ORDER, STEPWGN, Program, rows, told

CATALOGUES = "the catalogue has the action vehicle.bid_raised, which brings its own"
BRINGS = "an action that the catalogue does not know brings its own"
WHEN = "a date and time with its zone is needed, such as 2026-03-02T09:30:00Z"
CATEGORIES = (
    "one of these is needed: organisation, team, authentication, vehicles, customers, documents, shipments, suppliers, "
    "data_export"
)
REFUSED: list[tuple[object, dict[str, str]]] = [
    ({}, {"action": "this is missing"}),
    ("text", {"": "an object is needed"}),
    (None, {"": "an object is needed"}),
    (12, {"": "an object is needed"}),
    (ORDER | {"colour": "red", "id": "1"}, {"colour": "there is no such field", "id": "there is no such field"}),
    (ORDER | {"via": HANA}, {"via": "there is no such field"}),
    (ORDER | {"x" * 500: 1}, {"x" * 199 + "…": "there is no such field"}),
    (ORDER | {"\ud800": 1}, {"": "this contains half a character (a lone surrogate)"}),
    ({"action": "order.shipped"}, {"category": BRINGS, "summary": BRINGS}),
    (ORDER | {"summary": None}, {"summary": BRINGS}),
    (ORDER | {"category": "cars"}, {"category": CATEGORIES}),
    (ORDER | {"category": 1}, {"category": CATEGORIES}),
    (ORDER | {"summary": ""}, {"summary": "this is empty"}),
    (ORDER | {"summary": "x" * 2001}, {"summary": "this is longer than 2000 characters"}),
    (ORDER | {"summary": "a\0b"}, {"summary": "this contains a NUL character"}),
    (ORDER | {"summary": "\ud800"}, {"summary": "this contains half a character (a lone surrogate)"}),
    (ORDER | {"action": 7}, {"action": "a text is needed"}),
    (
        ORDER | {"action": "Order shipped"},
        {"action": "thing-dot-past-tense in lower case is needed, such as order.shipped"},
    ),
    (ORDER | {"action": "order." + "x" * 100}, {"action": "this is longer than 100 characters"}),
    (BID | {"category": "vehicles", "summary": "Raised it"}, {"category": CATALOGUES, "summary": CATALOGUES}),
    (BID | {"target": None}, {"target": "vehicle.bid_raised lacks a target"}),
    (BID | {"facts": {"colour": "red"}}, {"facts": "vehicle.bid_raised does not take colour"}),
    ({"action": "member.invited", "facts": {"email": "a@b.example"}}, {"facts": "member.invited lacks role"}),
    (ORDER | {"facts": []}, {"facts": "an object of names and texts is needed"}),
    (
        ORDER | {"facts": {"lot": 7, "sale": {"a": "b"}}},
        {"facts.lot": "a text is needed", "facts.sale": "a text is needed"},
    ),
    (ORDER | {"facts": {"lot": "x" * 1001}}, {"facts.lot": "this is longer than 1000 characters"}),
    (ORDER | {"facts": {f"f{n}": "x" for n in range(65)}}, {"facts": "these are more than 64"}),
    (ORDER | {"actor": "Hana"}, {"actor": "an object is needed"}),
    (
        ORDER | {"actor": {"type": "api_key", "id": 42, "role": "x"}},
        {
            "actor.type": "one of these is needed: member, system, support, anonymous",
            "actor.id": "a text is needed",
            "actor.name": "this is missing",
            "actor.role": "there is no such field",
        },
    ),
    (ORDER | {"actor": HANA | {"name": " "}}, {"actor.name": "this is empty"}),
    (
        ORDER | {"target": STEPWGN | {"type": "Vehicle"}},
        {"target.type": "a type is written in lower case letters, digits and underscores"},
    ),
    (
        ORDER | {"target": STEPWGN | {"url": "javascript:x"}},
        {"target.url": "an address is https://… or a path that starts with one slash"},
    ),
    (ORDER | {"ip": "300.1.1.1"}, {"ip": "this is no IP address"}),
    (ORDER | {"user_agent": "a\0"}, {"user_agent": "this contains a NUL character"}),
    (ORDER | {"request_id": "x" * 201}, {"request_id": "this is longer than 200 characters"}),
    (ORDER | {"outcome": "maybe"}, {"outcome": "one of these is needed: success, failure, denied"}),
    (ORDER | {"idempotency_key": "x" * 201}, {"idempotency_key": "this is longer than 200 characters"}),
    (ORDER | {"idempotency_key": ""}, {"idempotency_key": "this is empty"}),
    (ORDER | {"occurred_at": "yesterday"}, {"occurred_at": WHEN}),
    (ORDER | {"occurred_at": "2026-03-02T09:30:00"}, {"occurred_at": WHEN}),
    (ORDER | {"occurred_at": "2026-02-30T09:30:00Z"}, {"occurred_at": WHEN}),
    (ORDER | {"occurred_at": "2026-03-02T09:30:60Z"}, {"occurred_at": WHEN}),
    (ORDER | {"occurred_at": "２026-03-02T09:30:00Z"}, {"occurred_at": WHEN}),
    (ORDER | {"occurred_at": 1772443800}, {"occurred_at": "a text is needed"}),
    (ORDER | {"occurred_at": "2026-03-02T09:35:01Z"}, {"occurred_at": "this is more than five minutes in the future"}),
    (
        ORDER | {"occurred_at": "9999-12-31T23:59:59-23:59"},
        {"occurred_at": "this is more than five minutes in the future"},
    ),
    (ORDER | {"occurred_at": "0001-01-01T00:00:00+23:59"}, {"occurred_at": "this is before the year 2000"}),
    (ORDER | {"facts": {"a": [[[[[[[[[1]]]]]]]]]}}, {"": "this is nested deeper than 8 levels"}),
]


def test_what_cannot_be_recorded_is_refused_by_field(app: Flask, program: Program) -> None:
    for sent, wrong in REFUSED:
        with clock.set_to(NOW):
            answer = program.send(sent)
        problem = told(answer, 422)
        assert {error["field"]: error["reason"] for error in problem["errors"]} == wrong, sent
    assert rows(app) == []


def test_old_entries_and_those_of_clocks_that_run_ahead_are_taken(app: Flask, program: Program) -> None:
    with clock.set_to(NOW):
        for moment in ("2000-01-01T00:00:00Z", "2026-03-02t09:35:00z", "2026-03-02 09:30:00.123456789+00:00"):
            assert program.send(ORDER | {"occurred_at": moment}).status_code == 201, moment


UNREADABLE = [
    (b"{", "no JSON"),
    (b"{} {}", "no JSON"),
    (b'{"action": order}', "no JSON"),
    (b'{"action": "a\x00b"}', "no JSON"),
    (b"\xef\xbb\xbf{}", "no JSON"),
    (b'{"action": "\xff"}', "not UTF-8"),
    (b'{"action": "\xed\xa0\x80"}', "not UTF-8"),
    ('{"action": "x"}'.encode("utf-16"), "not UTF-8"),
    (b'{"action": "a.b", "action": "c.d"}', "same name"),
    (b'{"facts": {"a": "1", "\\u0061": "2"}}', "same name"),
    (b'{"action": NaN}', "NaN"),
    (b"[-Infinity]", "NaN"),
    (b'{"action": ' + b"1" * 5000 + b"}", "too long"),
    (b"[" * 100_000, "deeper"),
    (b'{"a":' * 100_000, "deeper"),
    (b"  \n", ""),
    (b"", ""),
    (b"[]", ""),
]


def test_what_cannot_be_read_is_a_400(app: Flask, program: Program) -> None:
    for body, reason in UNREADABLE:
        assert reason in told(program.send(body), 400)["detail"], body[:40]
    assert rows(app) == []


def test_media_types_that_are_not_taken(app: Flask, program: Program) -> None:
    body = json.dumps(ORDER).encode()
    for kind in ("", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/json-seq"):
        problem = told(program.send(body, kind), 415)
        assert "application/x-ndjson" in problem["detail"]
    told(program.send(body, "application/json; charset=utf-16"), 415)
    told(program.send(body, headers={"Content-Encoding": "gzip"}), 415)
    assert rows(app) == []

    assert (
        program.send(body, "Application/JSON; charset=UTF-8", headers={"Content-Encoding": "identity"}).status_code
        == 201
    )
