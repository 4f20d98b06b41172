"""POST /api/v1/events: what other systems send is in the log as they said it, or refused with all that is wrong."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from flask import Flask
from sqlalchemy import event
from sqlalchemy.exc import ProgrammingError

from auditweb import clock, ids
from auditweb.accounts.callers import Scope
from auditweb.api import answer_schemas
from auditweb.api.writing import CLOUD_EVENT, JSON, MOMENT
from auditweb.config import Settings
from auditweb.extensions import db
from auditweb.models import ApiKey
from auditweb.recordable import REDACTED
from tests.callers import BID, HANA, NOW, ORDER, STEPWGN, Program, new_key, rows, told
from tests.readers import Place, Reader, Someone, add_organisation

EVERYTHING = ORDER | {
    "facts": {"carrier": "ONE", "api_token": "abc"},
    "actor": HANA,
    "target": STEPWGN,
    "ip": "::ffff:203.0.113.7",
    "user_agent": "Mozilla/5.0",
    "request_id": "7c1e94b0",
    "outcome": "denied",
    "occurred_at": "2025-12-31T23:59:59.5+09:00",
    "idempotency_key": "order-4471",
}
LOG = "http://localhost/o/northgate/settings/audit-log/entries/"


def test_every_field_is_stored_as_it_was_sent(app: Flask, organisation: Place, program: Program) -> None:
    with clock.set_to(NOW):
        answer = program.send(EVERYTHING)

    (row,) = rows(app)
    spelled = ids.to_text(row["id"])
    assert (answer.status_code, answer.json) == (201, {"id": spelled, "url": LOG + spelled, "status": "created"})
    assert answer.headers["Location"] == LOG + spelled
    assert answer.headers["Cache-Control"] == "private, no-store"
    answer_schemas.Taken.model_validate(answer.json)
    key_id = "key_" + program.token.split("_")[1]
    assert row | {"id": 0} == {
        "id": 0,
        "org_id": organisation.id,
        "occurred_at": datetime(2025, 12, 31, 14, 59, 59, 500_000, tzinfo=UTC),
        "recorded_at": NOW,
        "category": "shipments",
        "action": "order.shipped",
        "summary": "Shipped the order 4471 to Osaka",
        "facts": {"carrier": "ONE", "api_token": REDACTED},
        "actor_type": "member",
        "actor_id": "42",
        "actor_name": "Hana Sato",
        "via_type": "api_key",
        "via_id": key_id,
        "via_name": "Vehicle system",
        "target_type": "vehicle",
        "target_id": "veh_4471",
        "target_name": "2020 Honda Stepwgn Spada",
        "target_url": "/vehicles/4471",
        "ip": "203.0.113.7",
        "user_agent": "Mozilla/5.0",
        "request_id": "7c1e94b0",
        "outcome": "denied",
        "idempotency_key": "order-4471",
    }


def test_the_address_opens_the_entry(reader: Reader, program: Program) -> None:
    answer = program.send(ORDER)

    page = reader.get(str(answer.headers["Location"]).removeprefix("http://localhost"))
    assert page.status == 200
    assert "Shipped the order 4471 to Osaka" in page.words


def test_addresses_begin_as_people_reach_the_site(
    settings: Settings, make_app: Callable[[Settings], Flask], somebody: Someone, organisation: Place
) -> None:
    app = make_app(settings.model_copy(update={"public_url": "https://audit.example.org"}))
    token = new_key(app, organisation, somebody, scopes=[Scope.WRITE])
    answer = app.test_client().post(
        "/api/v1/events", json=ORDER, base_url="https://audit.example.org", headers={"Authorization": f"Bearer {token}"}
    )
    assert (answer.json or {})["url"].startswith("https://audit.example.org/o/northgate/settings/audit-log/entries/")


def test_without_an_actor_the_key_itself_acted_from_where_it_called(app: Flask, program: Program) -> None:
    program.send(BID, ip="127.0.0.9")
    program.send(BID | {"user_agent": "cron"}, ip="127.0.0.9")
    program.send(BID | {"ip": "203.0.113.7"}, ip="127.0.0.9")

    stored = rows(app)
    assert {(row["actor_type"], row["actor_name"], row["via_type"]) for row in stored} == {
        ("api_key", "Vehicle system", None)
    }
    assert [(row["ip"], row["user_agent"]) for row in stored] == [
        ("127.0.0.9", None),
        ("127.0.0.9", "cron"),
        ("203.0.113.7", None),
    ]


def test_of_somebody_else_no_address_is_invented(app: Flask, program: Program) -> None:
    program.send(BID | {"actor": HANA}, ip="127.0.0.9")
    program.send(BID | {"actor": HANA, "user_agent": "Mozilla"}, ip="127.0.0.9")

    assert [(row["ip"], row["user_agent"]) for row in rows(app)] == [(None, None), (None, "Mozilla")]


def test_the_catalogue_brings_its_own_sentence(app: Flask, program: Program) -> None:
    program.send({"action": "vehicle.updated", "target": STEPWGN, "category": None, "summary": None})

    (row,) = rows(app)
    assert (row["category"], row["summary"]) == ("vehicles", "Updated the details of 2020 Honda Stepwgn Spada")


# Many


def test_an_array_is_answered_in_its_order(app: Flask, program: Program) -> None:
    sent = [ORDER | {"summary": f"Shipped the order {n}"} for n in range(1000)]

    answer = program.send(sent)

    assert answer.status_code == 201
    taken = answer_schemas.TakenMany.model_validate(answer.json).events
    stored = {ids.to_text(row["id"]): row["summary"] for row in rows(app)}
    assert [stored[one.id] for one in taken] == [event["summary"] for event in sent]
    assert {(one.status, one.url == LOG + one.id) for one in taken} == {("created", True)}


def test_an_array_is_all_or_nothing_and_names_each_bad_item(app: Flask, program: Program) -> None:
    sent = [ORDER, ORDER | {"colour": "red", "ip": 7}, ORDER, BID | {"target": None}, []]

    errors = told(program.send(sent), 422)["errors"]

    assert [(error["index"], error["field"]) for error in errors] == [(1, "ip"), (1, "colour"), (3, "target"), (4, "")]
    for error in errors:
        answer_schemas.Fault.model_validate(error)
    assert rows(app) == []


def test_of_one_event_ten_faults_are_told(program: Program) -> None:
    errors = told(program.send([{f"f{n}": 1 for n in range(200)}, {}]), 422)["errors"]

    assert [error["index"] for error in errors] == [0] * 10 + [1]


def test_a_crowd_of_fields_is_one_fault(program: Program) -> None:
    """Nobody looks at each of them: of 300,000 that took seconds, and a hundred megabytes."""
    crowd = {f"f{n}": 1 for n in range(201)}
    cloud = {"specversion": "1.0", "id": "1", "source": "/a", "type": "order.shipped"}
    for sent, kind, field in (
        (crowd, JSON, ""),
        (ORDER | {"facts": crowd}, JSON, "facts"),
        (ORDER | {"actor": crowd}, JSON, "actor"),
        (cloud | crowd, CLOUD_EVENT, ""),
        (cloud | {"data": {"target": crowd}}, CLOUD_EVENT, "data.target"),
    ):
        (error,) = told(program.send(sent, kind), 422)["errors"]
        assert error == {"field": field, "reason": "this has more than 200 fields"}


def test_too_much_at_once(app: Flask, program: Program) -> None:
    told(program.send([ORDER] * 1001), 413)
    problem = told(program.send([ORDER | {"request_id": "x" * 4 * 1024**2}]), 413)
    assert "4 MiB" in problem["detail"]
    assert rows(app) == []


# Sending it again


def test_a_retry_is_harmless(app: Flask, program: Program) -> None:
    first, again = program.send(EVERYTHING), program.send(EVERYTHING)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json == (first.json or {}) | {"status": "known"}
    assert again.headers["Location"] == first.headers["Location"]
    assert len(rows(app)) == 1


def test_a_retry_is_known_though_the_key_moved_was_renamed_or_replaced(
    app: Flask, program: Program, organisation: Place, somebody: Someone
) -> None:
    """None of that was said by the sender."""
    own, others = ORDER | {"idempotency_key": "1"}, ORDER | {"idempotency_key": "2", "actor": HANA}
    assert program.send([own, others], ip="127.0.0.1").status_code == 201
    with app.app_context():
        db.session.query(ApiKey).update({"name": "Renamed"})
        db.session.commit()

    assert program.send([own, others], ip="127.0.0.9").status_code == 200
    other = Program(program.client, new_key(app, organisation, somebody, scopes=[Scope.WRITE], name="Other"))
    assert [other.send([own, others]).status_code, other.send(own).status_code] == [200, 200]
    told(other.send(own | {"actor": HANA}), 409)
    told(other.send({**others, "actor": None}), 409)
    assert len(rows(app)) == 2


def test_who_may_not_read_learns_nothing_of_what_another_key_sent(
    app: Flask, program: Program, organisation: Place, somebody: Someone
) -> None:
    keyed = [ORDER | {"idempotency_key": "1"}, ORDER | {"idempotency_key": "2", "actor": HANA}]
    program.send(keyed)
    changed = [event | {"outcome": "failure"} for event in keyed]
    lines = b"".join(json.dumps(event).encode() + b"\n" for event in changed)
    for scopes, reason in (
        ({Scope.WRITE}, "an entry of another sender has this key, and says something else"),
        (set(Scope), "an entry with this key has another outcome"),
    ):
        other = Program(program.client, new_key(app, organisation, somebody, scopes=scopes))
        for body, number in ((changed[0], 1), (changed[1], 1), (changed, 2)):
            errors = told(other.send(body), 409)["errors"]
            assert [error["reason"] for error in errors] == [reason] * number
        results = [json.loads(line) for line in other.send(lines, "application/x-ndjson").text.splitlines()]
        assert [result["errors"][0]["reason"] for result in results] == [reason] * 2


def test_same_key_with_other_content_is_a_conflict(app: Flask, program: Program) -> None:
    keyed = [ORDER | {"idempotency_key": f"k{n}"} for n in range(5)]
    program.send(keyed[1:4])

    (error,) = told(program.send(keyed[1] | {"summary": "Shipped another"}), 409)["errors"]
    assert error == {"field": "idempotency_key", "reason": "an entry with this key has another summary"}
    changed = [
        keyed[0],
        keyed[1] | {"outcome": "failure"},
        keyed[2],
        keyed[3] | {"actor": HANA},
        keyed[4] | {"ip": "::1"},
    ]
    changed.append(keyed[4])
    errors = told(program.send(changed), 409)["errors"]

    assert [(error["index"], error["field"]) for error in errors] == [(1, "idempotency_key"), (3, "idempotency_key")]
    assert len(rows(app)) == 3


def test_the_header_makes_the_keys_of_all_its_events(app: Flask, program: Program) -> None:
    header = {"Idempotency-Key": "k" * 150}
    one, many = program.send(ORDER, headers=header), program.send([ORDER, BID], headers=header)

    assert [
        program.send(ORDER, headers=header).status_code,
        program.send([ORDER, BID], headers=header).status_code,
    ] == [200, 200]
    assert (one.status_code, many.status_code) == (201, 201)
    assert sorted(row["idempotency_key"] for row in rows(app)) == ["k" * 150, "k" * 150 + "/0", "k" * 150 + "/1"]
    more = program.send([ORDER, BID, BID], headers=header)
    assert more.status_code == 201
    assert [event["status"] for event in (more.json or {})["events"]] == ["known", "known", "created"]


def test_keys_that_cannot_be_meant(app: Flask, program: Program) -> None:
    for key in ("", "k" * 151, "ü", "a\tb"):
        told(program.send(ORDER, headers={"Idempotency-Key": key}), 422)
    twice = program.send([ORDER, ORDER | {"idempotency_key": "a"}], headers={"Idempotency-Key": "b"})
    assert [(error["index"], error["field"]) for error in told(twice, 422)["errors"]] == [(1, "idempotency_key")]
    assert rows(app) == []


def test_what_is_recorded_is_told_though_the_use_of_the_key_cannot_be_noted(app: Flask, program: Program) -> None:
    def refuse(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if statement.startswith("INSERT INTO api_key_use"):
            raise ProgrammingError(statement, None, Exception("permission denied"))

    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", refuse)

    assert program.send(ORDER).status_code == 201
    assert len(rows(app)) == 1


# Who may


def test_a_key_writes_only_what_it_is_for(app: Flask, organisation: Place, somebody: Someone) -> None:
    client = app.test_client()
    reads = Program(client, new_key(app, organisation, somebody, scopes=[Scope.READ]))
    some = Program(client, new_key(app, organisation, somebody, scopes=[Scope.WRITE], categories=["vehicles"]))

    assert "events:write" in told(reads.send(ORDER), 403)["detail"]
    errors = told(some.send([BID, ORDER, {"action": "member.invited", "facts": {"email": "a", "role": "b"}}]), 403)[
        "errors"
    ]
    assert [(error["index"], error["field"]) for error in errors] == [(1, "category"), (2, "category")]
    told(some.send([ORDER, {}]), 422)
    assert rows(app) == []
    assert some.send(BID).status_code == 201


def test_a_key_that_is_revoked_while_the_body_comes_in_writes_nothing(app: Flask, program: Program) -> None:
    body = json.dumps(ORDER).encode()

    def pieces() -> Iterator[bytes]:
        yield body[:10]
        with app.app_context():
            db.session.query(ApiKey).update({"revoked_at": clock.now()})
            db.session.commit()
        time.sleep(MOMENT)
        yield body[10:]

    told(program.send_slowly(pieces()), 401)
    assert rows(app) == []


def test_only_a_key_opens(app: Flask, reader: Reader, program: Program) -> None:
    for headers in ({}, {"Authorization": "Bearer aw_0123456789_" + "x" * 43}, {"Authorization": program.token}):
        answer = reader.client.post("/api/v1/events", json=ORDER, headers=headers)
        assert told(answer, 401)["title"] == "No key opens with what was sent"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert [row for row in rows(app) if row["action"] == "order.shipped"] == []


def test_entries_go_to_the_log_of_the_key(app: Flask, program: Program, somebody: Someone) -> None:
    elsewhere = add_organisation(app, "osaka-bay", "Osaka Bay Motors")
    other = Program(program.client, new_key(app, elsewhere, somebody, scopes=[Scope.WRITE]))
    same = ORDER | {"idempotency_key": "1"}

    assert [program.send(same).status_code, other.send(same | {"summary": "Shipped another"}).status_code] == [201, 201]
    assert len({row["org_id"] for row in rows(app)}) == 2
