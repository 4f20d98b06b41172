"""Sending what is due: one delivery after the other, each as a signed JSON object."""

from collections.abc import Callable
from typing import Any, Final

import structlog
from sqlalchemy import Engine

from auditweb import clock, transactions
from auditweb.reading.as_json import spell
from auditweb.webhooks import outbox, signing
from auditweb.webhooks.outbox import Claimed
from auditweb.webhooks.sending import Answer, Caller
from auditweb.webhooks.sources import SOURCES, Watched

TEST: Final = "test"

_OWN_FAULT: Final = "This server could not send it: its own log says why."

LogOf = Callable[[str], str]
"""Tells the whole address of an organisation's log by its slug."""

_log = structlog.stdlib.get_logger("auditweb.webhooks")


def deliver(engine: Engine, caller: Caller, log_of: LogOf, claimed: Claimed) -> Answer:
    """Send a delivery that was claimed, note what became of it and return that."""
    answer = _sent(engine, caller, log_of, claimed)
    told = {"delivery": claimed.id, "webhook": claimed.hook_id, "status": answer.status, "tries": claimed.tries}
    if answer.arrived:
        _log.info("delivered", **told)
    else:
        _log.warning("not_delivered", reason=answer.reason, **told)
    outbox.note(engine, claimed, answer)
    return answer


def _sent(engine: Engine, caller: Caller, log_of: LogOf, claimed: Claimed) -> Answer:
    try:
        body = spell(message_of(engine, log_of, claimed)).encode()
        headers = signing.headers(claimed.id, int(clock.now().timestamp()), body, claimed.secrets)
        return caller.post(claimed.url, {"content-type": "application/json", **headers}, body)
    except Exception:  # noqa: BLE001 - it is a try as any other, so that it is given up in the end
        _log.exception("delivering failed", delivery=claimed.id)
        return Answer(None, _OWN_FAULT)


def message_of(engine: Engine, log_of: LogOf, claimed: Claimed) -> dict[str, Any]:
    """Return the body of a delivery; what was removed from the log since it was written down is not in it."""
    log = log_of(claimed.org_slug)
    message: dict[str, Any] = {
        "type": claimed.kind,
        "timestamp": f"{claimed.created_at:%Y-%m-%dT%H:%M:%S.%fZ}",
        "organisation": claimed.org_slug,
        "webhook": {"id": claimed.hook_id, "name": claimed.hook_name},
    }
    if claimed.view:
        message["view"] = {"name": claimed.view, "url": log + claimed.query}
    if claimed.kind == TEST:
        return message
    source = SOURCES[claimed.kind]
    watched = Watched(claimed.org_id, claimed.org_slug, claimed.org_zone, claimed.query, log)
    with transactions.reading(), engine.connect() as connection:
        message[source.label] = source.tell(connection, watched, claimed.items)
    return message
