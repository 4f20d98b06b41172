"""Sending what is due: one delivery after the other, each as a signed JSON object."""

from collections.abc import Callable
from typing import Any, Final

import structlog
from sqlalchemy import Engine

from auditweb import clock, transactions
from auditweb.reading.as_json import spell
from auditweb.webhooks import outbox, signing
from auditweb.webhooks.outbox import Claimed
from auditweb.webhooks.sending import Caller
from auditweb.webhooks.sources import SOURCES, Watched

TEST: Final = "test"

LogOf = Callable[[str], str]
"""Tells the whole address of an organisation's log by its slug."""

_log = structlog.stdlib.get_logger("auditweb.webhooks")


def deliver_one(engine: Engine, caller: Caller, log_of: LogOf) -> bool:
    """Send one delivery that is due and note what became of it; False if none was."""
    claimed = outbox.claim(engine)
    if claimed is None:
        return False
    deliver(engine, caller, log_of, claimed)
    return True


def deliver(engine: Engine, caller: Caller, log_of: LogOf, claimed: Claimed) -> None:
    """Send a delivery that was claimed."""
    body = spell(message_of(engine, log_of, claimed)).encode()
    headers = signing.headers(claimed.id, int(clock.now().timestamp()), body, claimed.secrets)
    answer = caller.post(claimed.url, {"content-type": "application/json", **headers}, body)
    told = {"delivery": claimed.id, "webhook": claimed.hook_id, "status": answer.status, "tries": claimed.tries}
    if answer.arrived:
        _log.info("delivered", **told)
    else:
        _log.warning("not_delivered", reason=answer.reason, **told)
    outbox.note(engine, claimed, answer)


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
