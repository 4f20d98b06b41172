"""Events in the envelope of CloudEvents 1.0: structured and in batches."""

from datetime import timedelta
from typing import Any

from flask import Flask

from tests.callers import HANA, NOW, STEPWGN, Program, rows, told

BATCH = "application/cloudevents-batch+json"
CLOUD = "application/cloudevents+json"
CLOUD_EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "4471",
    "source": "/orders",
    "type": "order.shipped",
    "time": "2026-03-02T09:00:00Z",
    "datacontenttype": "application/json",
    "data": {"category": "shipments", "summary": "Shipped the order 4471", "facts": {"carrier": "ONE"}, "actor": HANA},
}


def test_a_cloud_event_is_an_event(app: Flask, program: Program) -> None:
    for status in (201, 200):
        assert program.send(CLOUD_EVENT, CLOUD).status_code == status
    (row,) = rows(app)
    assert (row["action"], row["summary"], row["actor_name"]) == (
        "order.shipped",
        "Shipped the order 4471",
        "Hana Sato",
    )
    assert row["occurred_at"] == NOW - timedelta(minutes=30)
    assert row["idempotency_key"] == "ce:/orders 4471"


def test_a_batch_of_cloud_events(app: Flask, program: Program) -> None:
    batch = [CLOUD_EVENT | {"id": str(n)} for n in range(3)]
    long = CLOUD_EVENT | {"source": "https://example.org/" + "x" * 300}
    assert program.send([*batch, long], BATCH).status_code == 201
    answer = program.send([*batch, long, CLOUD_EVENT | {"id": "4"}], BATCH)

    assert [event["status"] for event in (answer.json or {})["events"]] == ["known"] * 4 + ["created"]
    assert len(rows(app)) == 5


def test_the_subject_of_a_cloud_event_is_its_target(app: Flask, program: Program) -> None:
    data = CLOUD_EVENT["data"]
    program.send(CLOUD_EVENT | {"subject": "vehicle:veh_4471"}, CLOUD)
    program.send(CLOUD_EVENT | {"id": "2", "subject": "vehicle:veh_4471", "data": data | {"target": STEPWGN}}, CLOUD)

    assert {(row["target_type"], row["target_id"]) for row in rows(app)} == {("vehicle", "veh_4471")}
    assert {row["target_name"] for row in rows(app)} == {"veh_4471", "2020 Honda Stepwgn Spada"}


NO_CLOUD_EVENTS: list[tuple[dict[str, Any], set[str]]] = [
    ({"specversion": "0.3"}, {"specversion"}),
    ({"id": ""}, {"id"}),
    ({"id": "\ud800"}, {"id"}),
    ({"id": "\ud800" + "x" * 300}, {"id"}),
    ({"id": "a\0"}, {"id"}),
    ({"source": "a b"}, {"source"}),
    ({"source": None}, {"source"}),
    ({"traceparent": "00-1"}, {"traceparent"}),
    ({"dataschema": "https://example.org"}, {"dataschema"}),
    ({"data_base64": "e30="}, {"data_base64"}),
    ({"datacontenttype": "text/xml"}, {"datacontenttype"}),
    ({"time": "2026-03-02"}, {"time"}),
    ({"type": "Order"}, {"type"}),
    ({"subject": "veh_4471"}, {"subject"}),
    ({"subject": "Vehicle:1"}, {"data.target.type"}),
    ({"subject": "order:1", "data": CLOUD_EVENT["data"] | {"target": STEPWGN}}, {"subject"}),
    ({"data": "text"}, {"data"}),
    ({"data": None}, {"data.category", "data.summary"}),
    (
        {"data": CLOUD_EVENT["data"] | {"action": "x.y", "idempotency_key": "1"}},
        {"data.action", "data.idempotency_key"},
    ),
    ({"data": CLOUD_EVENT["data"] | {"ip": "x"}}, {"data.ip"}),
    ({"data": CLOUD_EVENT["data"] | {"facts": {"a": 1}}}, {"data.facts.a"}),
]


def test_cloud_events_that_cannot_be_recorded_are_refused_by_path(app: Flask, program: Program) -> None:
    for change, wrong in NO_CLOUD_EVENTS:
        for body, kind in ((CLOUD_EVENT | change, CLOUD), ([CLOUD_EVENT | change], BATCH)):
            errors = told(program.send(body, kind), 422)["errors"]
            assert {error["field"] for error in errors} == wrong, change
    assert {
        e["field"] for e in told(program.send(CLOUD_EVENT, CLOUD, headers={"Idempotency-Key": "a"}), 422)["errors"]
    } == {"id"}
    told(program.send([CLOUD_EVENT], CLOUD), 400)
    told(program.send(CLOUD_EVENT, BATCH), 400)
    assert rows(app) == []
