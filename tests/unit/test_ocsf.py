"""Events for a SIEM hold against the schema of OCSF itself, as the package ocsf-json-schema ships it."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

import jsonschema_rs
import pytest
from ocsf_json_schema import OcsfJsonSchema, OcsfJsonSchemaEmbedded, get_ocsf_schema

from auditweb import catalogue, ids
from auditweb.exports import ocsf
from auditweb.parties import ActorType, Outcome
from auditweb.reading.pages import WholeRow

MOMENT = datetime(2026, 11, 23, 10, 19, 7, 123456, tzinfo=UTC)
ROW = WholeRow(
    id=ids.first_id_at(MOMENT),
    occurred_at=MOMENT,
    recorded_at=MOMENT,
    category="vehicles",
    action="vehicle.updated",
    summary="Updated the details of the Stepwgn",
    facts={"fields": "colour"},
    actor_type="member",
    actor_id="7",
    actor_name="Hana Sato",
    via_type=None,
    via_id=None,
    via_name=None,
    target_type="vehicle",
    target_id="veh_1",
    target_name="Stepwgn",
    target_url="/vehicles/1",
    ip="203.0.113.58",
    user_agent="Firefox",
    request_id="7c1e94b0",
    outcome="success",
    idempotency_key="once",
)
NO_TARGET = {"target_type": None, "target_id": None, "target_name": None, "target_url": None}
NO_ORIGIN = {"ip": None, "user_agent": None, "request_id": None, "idempotency_key": None}


@cache
def schema_of(class_uid: int) -> Any:
    """Return what validates events of a class; what it does not name is not let in."""
    schema = OcsfJsonSchema(get_ocsf_schema(ocsf.VERSION))
    name = schema.lookup_class_name_from_uid(class_uid)
    return jsonschema_rs.validator_for(OcsfJsonSchemaEmbedded(schema).get_class_schema(name))


def event(**changes: Any) -> dict[str, Any]:
    """Return an entry as an event that has been held against its schema."""
    made = ocsf.event_of(ROW._replace(**changes), organisation="northgate", log="https://x.example/log")
    problems = [f"{error.instance_path}: {error.message}" for error in schema_of(made["class_uid"]).iter_errors(made)]
    assert problems == []
    assert made["type_uid"] == made["class_uid"] * 100 + made["activity_id"]
    return made


def test_every_action_of_the_catalogue_is_a_valid_event() -> None:
    for action in catalogue.all_actions():
        for target in ({}, NO_TARGET):
            event(action=action.slug, category=action.category.value, **target)


@pytest.mark.parametrize("actor_type", ActorType)
def test_every_actor_and_every_outcome(actor_type: ActorType) -> None:
    for outcome in Outcome:
        for action in ("sign_in.refused", "password.set", "vehicle.deleted", "host.own_action"):
            via = {"via_type": "api_key", "via_id": "key_1", "via_name": "Dealer feed"}
            made = event(action=action, actor_type=actor_type.value, outcome=outcome.value, **via, **NO_ORIGIN)
            assert made["status_id"] == (1 if outcome is Outcome.SUCCESS else 2)
            assert made["status_code"] == outcome.value
            assert made["actor"]["app_name"] == "Dealer feed"


@pytest.mark.parametrize(
    ("action", "changes", "type_uid", "about"),
    [
        ("sign_in.succeeded", NO_TARGET, 300201, "Hana Sato"),
        ("sign_out.completed", NO_TARGET, 300202, "Hana Sato"),
        ("password.changed", NO_TARGET, 300103, "Hana Sato"),
        ("two_factor.reset", {"target_type": "member", "target_name": "Tom"}, 300111, "Tom"),
        ("member.removed", {"target_type": "member", "target_name": "Tom"}, 300106, "Tom"),
        ("vehicle.created", {}, 300401, "Stepwgn"),
        ("vehicle.updated", {}, 300403, "Stepwgn"),
        ("vehicle.deleted", {}, 300404, "Stepwgn"),
        ("shipment.customs_cleared", {}, 300499, "Stepwgn"),
        ("organisation.log_purged", NO_TARGET, 300499, "northgate"),
    ],
)
def test_what_an_action_is(action: str, changes: dict[str, Any], type_uid: int, about: str) -> None:
    made = event(action=action, **changes)

    assert made["type_uid"] == type_uid
    assert (made.get("user") or made["entity"])["name"] == about


def test_nothing_of_an_entry_is_lost() -> None:
    made = event()

    assert made["time"] == 1_795_429_147_123
    assert made["metadata"]["uid"] == ids.to_text(ROW.id)
    assert made["unmapped"] == {
        "organisation": "northgate",
        "url": f"https://x.example/log/entries/{ids.to_text(ROW.id)}",
        "category": "vehicles",
        "action": "vehicle.updated",
        "facts": {"fields": "colour"},
        "target": {"type": "vehicle", "id": "veh_1", "name": "Stepwgn", "url": "/vehicles/1"},
        "outcome": "success",
        "idempotency_key": "once",
    }
