"""POST /api/v1/events: one event, up to a thousand that go together, or lines without end."""

import re
from collections.abc import Callable, Iterator
from os import SEEK_END
from time import monotonic
from typing import IO, Any, Final

from flask import Response, jsonify, request
from werkzeug.exceptions import ClientDisconnected

from auditweb import holding, ids
from auditweb.accounts.callers import Scope, UnknownCallerError
from auditweb.addresses import entries_of
from auditweb.api import limits, ndjson
from auditweb.api.callers import authenticate, current_caller, found_again, request_origin
from auditweb.api.cloud_events import read_cloud_event
from auditweb.api.ingest import (
    Fault,
    Sender,
    UnreadableError,
    conflicts,
    parse,
    read_event,
    write,
)
from auditweb.api.problems import Problem
from auditweb.bulk import Checked
from auditweb.recorder import IdempotencyConflict

JSON: Final = "application/json"
LINES: Final = "application/x-ndjson"
CLOUD_EVENT: Final = "application/cloudevents+json"
CLOUD_EVENTS: Final = "application/cloudevents-batch+json"
MOMENT: Final = 0.1  # seconds, for which what was found out about a key holds
LONGEST_KEY: Final = 150  # of a request: those of its events are longer

_TAKEN = f"{JSON}, {LINES}, {CLOUD_EVENT}, {CLOUD_EVENTS}"
_KEY = re.compile(rf"[\x20-\x7e]{{1,{LONGEST_KEY}}}")

_Read = Callable[[object, Sender, int, str | None], Checked | list[Fault]]


def write_events() -> Response:
    """Take events into the log of the key's organisation; the answer is sent once they are there for good."""
    current_caller(Scope.WRITE)
    key = _idempotency_key()
    kind = _media_type()
    if kind == LINES:
        return _lines(key)
    began = monotonic()
    body = limits.whole_body()
    if monotonic() - began > MOMENT:
        authenticate()  # the key may have been revoked while the body came in
    sender = _sender()
    sent = _sent(body)
    if isinstance(sent, list):
        if kind == CLOUD_EVENT:
            raise _unreadable("A list of cloud events is sent as application/cloudevents-batch+json.")
        return _many(sent, sender, key, read_event if kind == JSON else read_cloud_event)
    if kind == CLOUD_EVENTS:
        raise _unreadable("A batch is a list; one cloud event is sent as application/cloudevents+json.")
    return _one(sent, sender, key, read_event if kind == JSON else read_cloud_event)


def _one(sent: object, sender: Sender, key: str | None, read: _Read) -> Response:
    item = read(sent, sender, 0, key)
    if isinstance(item, list):
        raise _refused([_error(None, fault) for fault in item], item)
    try:
        (new,) = write([item], sender)
    except IdempotencyConflict as error:
        raise _conflict([_error(None, sender.told(error))]) from None
    taken = _taken(item, new, entries_of(current_caller(Scope.WRITE).org_slug))
    response = jsonify(taken)
    response.status_code = 201 if new else 200
    response.headers["Location"] = taken["url"]
    return response


def _many(sent: list[object], sender: Sender, key: str | None, read: _Read) -> Response:
    if not sent:
        raise limits.empty()
    if len(sent) > limits.MOST_EVENTS:
        raise Problem(
            413,
            "too-large",
            "These are too many events at once",
            f"Send at most {limits.MOST_EVENTS:,} in one list, or newline-delimited JSON of any length.",
        )
    items: list[Checked] = []
    faults: list[Fault] = []
    errors: list[dict[str, Any]] = []
    for place, event in enumerate(sent):
        item = read(event, sender, place, None if key is None else f"{key}/{place}")
        if isinstance(item, list):
            faults += item
            errors += [_error(place, fault) for fault in item]
        else:
            items.append(item)
    if errors:
        raise _refused(errors, faults)
    try:
        new = write(items, sender)
    except IdempotencyConflict as error:
        found = conflicts(items, sender) or [error]
        raise _conflict([_error(one.index, sender.told(one)) for one in found]) from None
    address = entries_of(current_caller(Scope.WRITE).org_slug)
    response = jsonify(events=[_taken(item, is_new, address) for item, is_new in zip(items, new, strict=True)])
    response.status_code = 201 if any(new) else 200
    return response


def _lines(key: str | None) -> Response:
    limits.unlimited_body()
    caller = current_caller(Scope.WRITE)
    address = entries_of(caller.org_slug)
    with holding.reading(caller.org_id, lines=True):
        results = ndjson.take_lines(request.stream, _sender_again, key=key, address=address, broken=ClientDisconnected)
    if results is None:
        raise limits.empty()
    response = Response(_blocks(results), mimetype=LINES)
    response.content_length = results.seek(0, SEEK_END)
    results.seek(0)
    response.call_on_close(results.close)  # also where nobody waited for all of it
    return response


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while block := file.read(64 * 1024):
            yield block


def _sender() -> Sender:
    caller = current_caller(Scope.WRITE)
    reads = caller.may(Scope.READ)
    return Sender(caller.org_id, caller.actor, caller.categories, request_origin().ip, reads)


def _sender_again() -> Sender:
    """Return whose lines these are, by what holds for the key now: it may have been revoked since they began."""
    try:
        found_again()
        return _sender()
    except (UnknownCallerError, Problem):
        raise ndjson.ClosedError("this key may not write any more") from None


def _idempotency_key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise Problem(
            422,
            "invalid",
            "The header Idempotency-Key cannot be meant",
            f"A key is printable ASCII, up to {LONGEST_KEY} characters, such as a random UUID.",
        )
    return key


def _media_type() -> str:
    """Return what kind of body this is; one that is not taken here is a 415."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise _not_taken("A body is sent as it is, without Content-Encoding.")
    if request.mimetype not in _TAKEN.split(", "):
        raise _not_taken(f"These are: {_TAKEN}.")
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise _not_taken("JSON is sent in UTF-8.")
    return request.mimetype


def _sent(body: bytes) -> object:
    try:
        return parse(body)
    except UnreadableError as error:
        raise _unreadable(f"{error}."[:1].upper() + f"{error}."[1:]) from None


def _taken(item: Checked, new: bool, address: str) -> dict[str, str]:
    id_ = ids.to_text(item.row["id"])
    return {"id": id_, "url": address + id_, "status": "created" if new else "known"}


def _error(place: int | None, fault: Fault) -> dict[str, Any]:
    where = {} if place is None else {"index": place}
    return where | {"field": fault.field, "reason": fault.reason}


def _refused(errors: list[dict[str, Any]], faults: list[Fault]) -> Problem:
    """Return what is said of events that cannot be recorded, or not by this key."""
    if all(fault.forbidden for fault in faults):
        return Problem(
            403, "out-of-scope", "This key may not write that", "Nothing was written. See errors.", errors=errors
        )
    return Problem(
        422, "invalid", "This cannot be recorded", "Nothing was written. Mend what errors name.", errors=errors
    )


def _conflict(errors: list[dict[str, Any]]) -> Problem:
    return Problem(
        409,
        "conflict",
        "An idempotency key belongs to another event",
        "Nothing was written. A key is for one event: the same content again, or a new key.",
        errors=errors,
    )


def _unreadable(detail: str) -> Problem:
    return Problem(400, "unreadable", "This request cannot be read", detail)


def _not_taken(detail: str) -> Problem:
    headers = {"Accept-Post": _TAKEN, "Accept-Encoding": "identity"}
    return Problem(415, "wrong-media-type", "This media type is not taken here", detail, headers=headers)
