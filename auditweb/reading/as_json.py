"""Entries as JSON: for programs, and for whoever wants to see everything there is."""

import json
from datetime import datetime
from typing import Any

from auditweb import ids
from auditweb.models import Event
from auditweb.reading.pages import WholeRow


def entry_object(event: Event | WholeRow, *, organisation: str, log: str) -> dict[str, Any]:
    """Return every field of an event. *organisation* is the slug of whose it is, *log* the whole address of its log."""
    spelled = ids.to_text(event.id)
    return {
        "id": spelled,
        "organisation": organisation,
        "url": f"{log}/entries/{spelled}",
        "occurred_at": _moment(event.occurred_at),
        "recorded_at": _moment(event.recorded_at),
        "category": event.category,
        "action": event.action,
        "summary": event.summary,
        "facts": event.facts,
        "actor": {"type": event.actor_type, "id": event.actor_id, "name": event.actor_name},
        "via": event.via_type and {"type": event.via_type, "id": event.via_id, "name": event.via_name},
        "target": event.target_type
        and {"type": event.target_type, "id": event.target_id, "name": event.target_name, "url": event.target_url},
        "ip": event.ip,
        "user_agent": event.user_agent,
        "request_id": event.request_id,
        "outcome": event.outcome,
        "idempotency_key": event.idempotency_key,
    }


def spell(value: object) -> str:
    """Write *value* as one line of ASCII, the same each time: no character in it is taken for the end of a line."""
    return json.dumps(value, separators=(",", ":"))


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"
