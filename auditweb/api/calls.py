"""
Calls that show how the API is used: each is written in the description, and sent and compared by the tests.

What they are answered holds for a log with ENTRY in it and nothing else, and for calls in this order.
"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from auditweb.catalogue import Category

SERVER: Final = "https://audit.example.org"
ENTRY_ID: Final = "32ST6QNF15NM7"

_JSON = "application/json"
_LINES = "application/x-ndjson"
_PROBLEM = "application/problem+json"
_EVENTS = "/api/v1/events"
_LOG = f"{SERVER}/o/northgate/settings/audit-log"

_Object = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """
    One request as it is sent, and what is answered.

    *sent* is the body: lines as they are, anything else as an object. *key* is the key that sends it: one with "both"
    scopes, one for "reading" alone, or "" for none. Those that are *shown* are put before people to try out; the others
    tell what goes wrong.
    """

    name: str
    label: str
    path: str
    status: int
    answer: object
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    sent: object = None
    media_type: str = _JSON
    answered_as: str = _JSON
    key: str = "both"

    @property
    def shown(self) -> bool:
        return self.status < 400

    @property
    def body(self) -> str | None:
        """Return the body as it is sent."""
        if self.sent is None or isinstance(self.sent, str):
            return self.sent
        return json.dumps(self.sent)

    def curl(self, server: str) -> str:
        """Return a command for the shell, with the key in a variable."""
        words = [f"curl {shlex.quote(server + self.path)}", '-H "Authorization: Bearer $KEY"']
        words += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in self.headers.items()]
        if self.body is not None:
            words.append(f"-H {shlex.quote(f'Content-Type: {self.media_type}')}")
            words.append(f"--data-binary {shlex.quote(self.body)}")
        return " \\\n  ".join(words)


def _problem(status: int, name: str, title: str, detail: str, *errors: _Object) -> _Object:
    told = {"type": f"urn:auditweb:problem:{name}", "title": title, "status": status, "detail": detail}
    return told | ({"errors": list(errors)} if errors else {}) | {"request_id": "7c1e94b05ad2f318"}


ENTRY: Final[_Object] = {
    "id": ENTRY_ID,
    "organisation": "northgate",
    "url": f"{_LOG}/entries/{ENTRY_ID}",
    "occurred_at": "2026-11-23T10:19:07.000482Z",
    "recorded_at": "2026-11-23T10:19:07.201000Z",
    "category": "team",
    "action": "member.role_changed",
    "summary": "Changed the role of Sofia Marques to Documents editor",
    "facts": {"role": "Documents editor"},
    "actor": {"type": "member", "id": "42", "name": "Hana Sato"},
    "via": None,
    "target": {"type": "member", "id": "7", "name": "Sofia Marques", "url": None},
    "ip": "203.0.113.58",
    "user_agent": None,
    "request_id": None,
    "outcome": "success",
    "idempotency_key": None,
}
_ORDER = {
    "action": "order.shipped",
    "category": "shipments",
    "summary": "Shipped the order 4471 to Osaka",
}
_BID = {
    "action": "vehicle.bid_raised",
    "actor": {"type": "member", "id": "42", "name": "Hana Sato"},
    "target": {"type": "vehicle", "id": "veh_4471", "name": "2020 Honda Stepwgn Spada", "url": "/vehicles/4471"},
    "facts": {"sale": "USS Tokyo", "lot": "10448"},
    "occurred_at": "2026-11-23T10:20:00Z",
}
_CLOUD_EVENT = {
    "specversion": "1.0",
    "id": "A-4471",
    "source": "/orders",
    "type": "order.shipped",
    "time": "2026-11-23T10:20:00Z",
    "subject": "order:4471",
    "data": {"category": "shipments", "summary": "Shipped the order 4471 to Osaka"},
}


def _taken(id_: str, status: str = "created") -> _Object:
    return {"id": id_, "url": f"{_LOG}/entries/{id_}", "status": status}


def _lines(*objects: object) -> str:
    return "".join([json.dumps(each, separators=(",", ":")) + "\n" for each in objects])


LIST: Final = (
    Call(
        name="page",
        label="The newest entries of a category",
        path=f"{_EVENTS}?category=team&last=7d&limit=1",
        status=200,
        answer={
            "filter": "Team entries, last 7 days",
            "newer": None,
            "older": None,
            "searched_to": None,
            "flags": {},
            "events": [ENTRY],
        },
    ),
    Call(
        name="stretch",
        label="The order of commits, for collectors",
        path=f"{_EVENTS}?order=leaf&after=-1&wait=30",
        status=200,
        answer={
            "filter": "All entries",
            "next": 0,
            "complete_up_to": 0,
            "events": [{**ENTRY, "leaf_index": 0}],
        },
    ),
    Call(
        name="stream",
        label="Everything as a stream",
        path=_EVENTS,
        headers={"Accept": _LINES},
        status=200,
        answer=_lines(ENTRY),
        answered_as=_LINES,
    ),
    Call(
        name="bad-parameter",
        label="A parameter that cannot be read",
        path=f"{_EVENTS}?from=2026-02-30",
        status=400,
        answer=_problem(
            400,
            "bad-parameter",
            "What is asked for cannot be read",
            "“2026-02-30” is not a date. One is written like 2026-03-31.",
            {"field": "from", "reason": "“2026-02-30” is not a date. One is written like 2026-03-31."},
        ),
        answered_as=_PROBLEM,
    ),
    Call(
        name="no-key",
        label="No key",
        path=_EVENTS,
        key="",
        status=401,
        answer=_problem(
            401,
            "no-key",
            "No key opens with what was sent",
            "Send a valid key of this organisation in the header Authorization: Bearer aw_…",
        ),
        answered_as=_PROBLEM,
    ),
)
ONE: Final = (
    Call(name="entry", label="One entry", path=f"{_EVENTS}/{ENTRY_ID}", status=200, answer=ENTRY),
    Call(
        name="not-found",
        label="An entry that is not there, or another organisation's",
        path=f"{_EVENTS}/7ZZZZZZZZZZZZ",
        status=404,
        answer=_problem(
            404,
            "not-found",
            "There is no such entry",
            "It is not in the log of this key's organisation.",
        ),
        answered_as=_PROBLEM,
    ),
)
COUNT: Final = (
    Call(
        name="counts",
        label="Entries of a month",
        path="/api/v1/counts?from=2026-11-01&to=2026-11-30&tz=Asia/Tokyo",
        status=200,
        answer={
            "filter": "Entries, 1 to 30 November 2026 (Tokyo)",
            "matching": {"number": 1, "capped": False},
            "all": {"number": 1, "capped": False},
            "categories": {
                each.value: {"number": 1 if each is Category.TEAM else 0, "capped": False} for each in Category
            },
        },
    ),
)
CATALOGUE: Final = (
    Call(
        name="actions",
        label="The catalogue, from which two lines are shown here",
        path="/api/v1/actions",
        status=200,
        answer={
            "categories": [{"category": "vehicles", "label": "Vehicles"}],
            "actions": [
                {
                    "action": "vehicle.bid_raised",
                    "category": "vehicles",
                    "sentence": "Raised the bid on {target}",
                    "facts": [],
                    "details": ["sale", "lot"],
                    "takes_target": True,
                    "sensitive": False,
                }
            ],
        },
    ),
)
WRITE: Final = (
    Call(
        name="event",
        label="One event, sent again harmlessly",
        method="POST",
        path=_EVENTS,
        headers={"Idempotency-Key": "order-4471-shipped"},
        sent=_ORDER,
        status=201,
        answer=_taken("32ST6T4W8YR00"),
    ),
    Call(
        name="known",
        label="The same once more",
        method="POST",
        path=_EVENTS,
        headers={"Idempotency-Key": "order-4471-shipped"},
        sent=_ORDER,
        status=200,
        answer=_taken("32ST6T4W8YR00", "known"),
    ),
    Call(
        name="list",
        label="A list: all of it or nothing",
        method="POST",
        path=_EVENTS,
        sent=[_BID, _ORDER],
        status=201,
        answer={"events": [_taken("32ST6QZ39S801"), _taken("32ST6T4W8YR02")]},
    ),
    Call(
        name="lines",
        label="Lines without end",
        method="POST",
        path=_EVENTS,
        sent=_lines(_ORDER, {**_ORDER, "actor": {"type": "member", "id": "42"}}),
        media_type=_LINES,
        status=200,
        answer=_lines(
            {"line": 1, "status": "created", "id": "32ST6T4W8YR03", "url": f"{_LOG}/entries/32ST6T4W8YR03"},
            {"line": 2, "status": "refused", "errors": [{"field": "actor.name", "reason": "this is missing"}]},
        ),
        answered_as=_LINES,
    ),
    Call(
        name="cloud-event",
        label="A CloudEvent",
        method="POST",
        path=_EVENTS,
        sent=_CLOUD_EVENT,
        media_type="application/cloudevents+json",
        status=201,
        answer=_taken("32ST6QZ39S804"),
    ),
    Call(
        name="cloud-events",
        label="A batch of CloudEvents",
        method="POST",
        path=_EVENTS,
        sent=[{**_CLOUD_EVENT, "id": "A-4472"}],
        media_type="application/cloudevents-batch+json",
        status=201,
        answer={"events": [_taken("32ST6QZ39S805")]},
    ),
    Call(
        name="unreadable",
        label="No JSON",
        method="POST",
        path=_EVENTS,
        sent="action=order.shipped",
        status=400,
        answer=_problem(400, "unreadable", "This request cannot be read", "This is no JSON: see line 1, column 1."),
        answered_as=_PROBLEM,
    ),
    Call(
        name="out-of-scope",
        label="A key that may only read",
        method="POST",
        path=_EVENTS,
        key="reading",
        sent=_ORDER,
        status=403,
        answer=_problem(403, "out-of-scope", "This key may not do that", "It takes a key with the scope events:write."),
        answered_as=_PROBLEM,
    ),
    Call(
        name="conflict",
        label="The key of another event",
        method="POST",
        path=_EVENTS,
        headers={"Idempotency-Key": "order-4471-shipped"},
        sent={**_ORDER, "summary": "Shipped the order 4471 to Kobe"},
        status=409,
        answer=_problem(
            409,
            "conflict",
            "An idempotency key belongs to another event",
            "Nothing was written. A key is for one event: the same content again, or a new key.",
            {"field": "idempotency_key", "reason": "an entry with this key has another summary"},
        ),
        answered_as=_PROBLEM,
    ),
    Call(
        name="too-large",
        label="Over a thousand events",
        method="POST",
        path=_EVENTS,
        sent="[" + ",".join(["{}"] * 1_001) + "]",
        status=413,
        answer=_problem(
            413,
            "too-large",
            "These are too many events at once",
            "Send at most 1,000 in one list, or newline-delimited JSON of any length.",
        ),
        answered_as=_PROBLEM,
    ),
    Call(
        name="wrong-media-type",
        label="A form",
        method="POST",
        path=_EVENTS,
        sent="action=order.shipped",
        media_type="application/x-www-form-urlencoded",
        status=415,
        answer=_problem(
            415,
            "wrong-media-type",
            "This media type is not taken here",
            "These are: application/json, application/x-ndjson, application/cloudevents+json, "
            "application/cloudevents-batch+json.",
        ),
        answered_as=_PROBLEM,
    ),
    Call(
        name="invalid",
        label="Events that cannot be recorded",
        method="POST",
        path=_EVENTS,
        sent=[_ORDER, {**_ORDER, "actor": {"type": "member", "id": "", "name": "Hana Sato"}}],
        status=422,
        answer=_problem(
            422,
            "invalid",
            "This cannot be recorded",
            "Nothing was written. Mend what errors name.",
            {"index": 1, "field": "actor.id", "reason": "this is empty"},
        ),
        answered_as=_PROBLEM,
    ),
)
