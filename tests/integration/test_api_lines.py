"""Newline-delimited JSON: of any length, each line for itself, in constant memory."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from flask import Flask
from pydantic import TypeAdapter
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from auditweb import bulk, clock, ids
from auditweb.accounts.callers import Scope
from auditweb.api import answer_schemas, ndjson
from auditweb.bulk import Checked
from auditweb.extensions import db
from auditweb.models import ApiKey
from tests.callers import BID, HANA, ORDER, Program, new_key, rows, told
from tests.readers import Place, Someone

LINES = "application/x-ndjson"
LOG = "http://localhost/o/northgate/settings/audit-log/entries/"
RESULT = TypeAdapter[answer_schemas.LineTaken | answer_schemas.LineRefused](
    answer_schemas.LineTaken | answer_schemas.LineRefused
)


def lines(*events: object, end: bytes = b"\n") -> bytes:
    return b"".join(event if isinstance(event, bytes) else json.dumps(event).encode() + end for event in events)


def results(answer: TestResponse) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == LINES
    read: list[dict[str, Any]] = [json.loads(line) for line in answer.text.splitlines()]
    for result in read:
        RESULT.validate_python(result)
    return read


def test_each_line_has_its_result(app: Flask, program: Program) -> None:
    number = ndjson.CHUNK * 2 + 7
    sent = lines(*[ORDER | {"summary": f"Shipped the order {n}"} for n in range(1, number + 1)])

    read = results(program.send(sent, LINES))

    stored = {ids.to_text(row["id"]): row["summary"] for row in rows(app)}
    assert [result["line"] for result in read] == list(range(1, number + 1))
    assert [stored[result["id"]] for result in read] == [f"Shipped the order {n}" for n in range(1, number + 1)]
    assert {(result["status"], result["url"] == LOG + result["id"]) for result in read} == {("created", True)}


def test_bad_lines_are_refused_alone(app: Flask, program: Program) -> None:
    sent = lines(
        ORDER,
        b"{\n",
        ORDER | {"colour": "red", "actor": HANA | {"id": 7}},
        b"\n  \r\n",
        [ORDER],
        b'{"action": "\xff"}\n',
        b'{"action": "a.b", "action": "a.b"}\n',
        b'{"a":' * 60 + b"1" + b"}" * 60 + b"\n",
        b"[" * 50_000 + b"\n",
        b"x" * 200_000 + b"\n",
        ORDER | {"facts": {f"f{n}": "x" * 1000 for n in range(64)}},
        ORDER | {"occurred_at": "2099-01-01T00:00:00Z"},
        b'{"action": "sign_out.completed"}',
    )

    read = results(program.send(sent, LINES))

    refused = {2: [""], 3: ["actor.id", "colour"], 13: ["occurred_at"]} | {n: [""] for n in range(6, 12)}
    taken: dict[int, list[str]] = {1: [], 12: [], 14: []}
    told_of = {result["line"]: [error["field"] for error in result.get("errors", ())] for result in read}
    assert told_of == refused | taken
    assert {result["line"] for result in read if result["status"] == "refused"} == set(refused)
    reasons = [error["reason"] for result in read for error in result.get("errors", ()) if not error["field"]]
    assert reasons == [
        "this is no JSON: see line 1, column 2",
        "an object is needed",
        "this is not UTF-8",
        "an object in this has two fields of the same name",
        "this is nested deeper than 8 levels",
        "this is nested deeper than 8 levels",
        "this line is longer than 64 KiB",
    ]
    assert sorted(row["action"] for row in rows(app)) == ["order.shipped", "order.shipped", "sign_out.completed"]


def test_sending_lines_again_is_harmless(app: Flask, program: Program) -> None:
    sent = lines(*[ORDER] * (ndjson.CHUNK + 3), b"\n", BID, end=b"\r\n")
    header = {"Idempotency-Key": "import-1"}

    first, again = (results(program.send(sent, LINES, headers=header)) for _ in range(2))

    assert [result["id"] for result in again] == [result["id"] for result in first]
    assert {result["status"] for result in first} == {"created"}
    assert {result["status"] for result in again} == {"known"}
    assert again[-1]["line"] == ndjson.CHUNK + 5
    keys = {row["idempotency_key"] for row in rows(app)}
    assert keys == {f"import-1/{result['line']}" for result in first}


def test_conflicts_are_refused_alone(app: Flask, program: Program) -> None:
    keyed = [ORDER | {"idempotency_key": f"k{n}"} for n in range(10)]
    program.send(keyed[:5])
    changed = [event | {"outcome": "failure"} if n % 2 else event for n, event in enumerate(keyed)]

    read = results(
        program.send(
            lines(*changed, keyed[9] | {"summary": "Shipped another"}, {**ORDER, "idempotency_key": "k0"}), LINES
        )
    )

    assert [result["status"] for result in read] == [
        *["known", "refused", "known", "refused", "known"],
        *["created"] * 5,
        *["refused", "known"],
    ]
    assert read[1]["errors"] == [{"field": "idempotency_key", "reason": "an entry with this key has another outcome"}]
    twice = results(program.send(lines(keyed[1], ORDER), LINES, headers={"Idempotency-Key": "x"}))
    assert [result["status"] for result in twice] == ["refused", "created"]
    assert len(rows(app)) == 11


def test_a_known_line_that_is_left_alone_by_conflicts_is_known(program: Program) -> None:
    keyed = [ORDER | {"idempotency_key": f"k{n}"} for n in range(2)]
    program.send(keyed)

    read = results(program.send(lines(keyed[0], keyed[1] | {"outcome": "failure"}), LINES))

    assert [result["status"] for result in read] == ["known", "refused"]


def test_after_thousands_of_bad_lines_nothing_more_is_taken(app: Flask, program: Program) -> None:
    """What is said of each is many times what it took to send."""
    bad = ndjson.MOST_REFUSED
    sent = lines(ORDER, b"x\n" * bad, ORDER)

    read = results(program.send(sent, LINES))
    assert [result["status"] for result in read] == ["created", *["refused"] * bad, "created"]  # in the last chunk

    answer = program.send(sent + b"x\n" * 1_000_000 + lines(ORDER), LINES)
    read = results(answer)
    assert len(read) <= bad + ndjson.CHUNK + 1
    assert [result["line"] for result in read] == list(range(1, len(read) + 1))
    assert read[-1]["errors"][0]["reason"].startswith("over 5,000 lines were not taken")
    assert len(rows(app)) == 4
    assert len(results(program.send(b"x\n" * bad + b"\n" * 9, LINES))) == bad


def test_no_lines_at_all(program: Program) -> None:
    for body in (b"", b"\n \n\r\n"):
        told(program.send(body, LINES), 400)


def test_a_key_for_some_categories(app: Flask, organisation: Place, somebody: Someone) -> None:
    some = Program(
        app.test_client(), new_key(app, organisation, somebody, scopes=[Scope.WRITE], categories=["vehicles"])
    )

    read = results(some.send(lines(BID, ORDER, BID), LINES))

    assert [result["status"] for result in read] == ["created", "refused", "created"]
    assert read[1]["errors"] == [{"field": "category", "reason": "this key may not write Shipments"}]


def test_a_body_that_ends_too_early_keeps_what_came_whole(app: Flask, program: Program) -> None:
    body = lines(*[ORDER] * (ndjson.CHUNK + 2))
    cut = body[:-20]

    read = results(program.send_slowly(iter([cut]), LINES, length=len(body)))

    assert [result["status"] for result in read] == ["created"] * (ndjson.CHUNK + 1) + ["refused"]
    assert "ended before it was complete" in read[-1]["errors"][0]["reason"]
    assert "send all from the first on" in read[-1]["errors"][0]["reason"]
    assert len(rows(app)) == ndjson.CHUNK + 1


def test_nothing_is_held_while_lines_come_in(app: Flask, program: Program) -> None:
    """Neither a transaction nor a connection: others write meanwhile, and what was committed is there."""
    seen: list[int] = []

    def pieces() -> Iterator[bytes]:
        for _ in range(3):
            yield lines(*[ORDER] * ndjson.CHUNK)
            assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
            other = Program(app.test_client(), program.token).send(BID)
            assert other.status_code == 201
            seen.append(len(rows(app)))

    assert len(results(program.send_slowly(pieces(), LINES))) == 3 * ndjson.CHUNK
    assert seen == [ndjson.CHUNK + 1, 2 * ndjson.CHUNK + 2, 3 * ndjson.CHUNK + 3]


def test_a_key_that_is_revoked_meanwhile_writes_no_more(app: Flask, program: Program) -> None:
    def pieces() -> Iterator[bytes]:
        yield lines(*[ORDER] * ndjson.CHUNK)
        with app.app_context():
            db.session.query(ApiKey).update({"revoked_at": clock.now()})
            db.session.commit()
        yield lines(*[ORDER] * (ndjson.CHUNK + 1))

    read = results(program.send_slowly(pieces(), LINES))

    assert [result["status"] for result in read] == ["created"] * ndjson.CHUNK + ["refused"] * (ndjson.CHUNK + 1)
    assert read[-1]["errors"][0]["reason"] == "this key may not write any more"
    assert len(rows(app)) == ndjson.CHUNK


def test_where_the_log_cannot_be_reached_lines_are_to_be_sent_again(
    app: Flask, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, calls = bulk.write_checked, []

    def fail_once(*arguments: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise OperationalError("insert", None, Exception("the database is locked"))
        return write(*arguments, **more)

    monkeypatch.setattr(bulk, "write_checked", fail_once)
    sent = [*[ORDER] * (ndjson.CHUNK + 1), b"{\n", *[ORDER] * ndjson.CHUNK]
    read = results(program.send(lines(*sent), LINES))

    assert [result["status"] for result in read] == [
        *["created"] * ndjson.CHUNK,
        *["failed", "refused"],
        *["failed"] * ndjson.CHUNK,
    ]
    assert "send all from the first on" in read[-1]["errors"][0]["reason"]
    assert len(rows(app)) == ndjson.CHUNK
    assert program.send(ORDER).status_code == 201
    del calls[1:]
    problem = told(program.send([ORDER, ORDER]), 503)
    assert "Send the request again" in problem["detail"]
    assert len(rows(app)) == ndjson.CHUNK + 1


def test_large_lines_are_committed_before_they_fill_the_memory(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    write = bulk.write_checked

    def write_and_count(items: Sequence[Checked], **more: Any) -> Sequence[bool]:
        written.append(sum(len(json.dumps(item.row["facts"])) for item in items))
        return write(items, **more)

    monkeypatch.setattr(bulk, "write_checked", write_and_count)
    large = ORDER | {"facts": {f"f{n}": "x" * 1000 for n in range(60)}}

    read = results(program.send(lines(*[large] * 100), LINES))

    assert {result["status"] for result in read} == {"created"}
    assert len(written) == 2
    assert max(written) < ndjson.LARGEST_CHUNK + ndjson.LONGEST_LINE
