"""Webhooks as people have them: made on a page of a real server, which then calls."""

from functools import partial
from pathlib import Path

import httpx
import pytest
from flask import Flask

from tests.callers import new_key
from tests.ledgers import wait_for
from tests.programs import EVENTS
from tests.readers import Place, Someone, join
from tests.receivers import receiver
from tests.servers import serve
from tests.webhooks import deliveries, make


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_a_served_app_calls_within_seconds(
    app: Flask, organisation: Place, somebody: Someone, database_url: str, tmp_path: Path
) -> None:
    """And goes on after it was killed with all its workers."""
    join(app, organisation, somebody, "owner")
    key = new_key(app, organisation, somebody, scopes=["events:write"])
    order = {"action": "order.placed", "category": "shipments", "summary": "Placed an order"}
    with receiver(tmp_path) as hooks:
        hook_id, _ = make(app, organisation, somebody, hooks.url, query="?category=shipments")
        settings = {
            "AUDITWEB_WEBHOOK_NETWORKS": f"{hooks.ip}/32",
            "AUDITWEB_WORKERS": "2",
            "SSL_CERT_FILE": str(tmp_path / "authority.pem"),
        }
        for number in (1, 2):
            with serve(database_url, tmp_path, settings=settings) as server:
                sent = httpx.post(
                    f"{server.url}{EVENTS}",
                    json=order | {"idempotency_key": f"order-{number}"},
                    headers={"Authorization": f"Bearer {key}"},
                )
                assert sent.status_code == 201
                hooks.wait_for(number)
                wait_for(partial(_have_arrived, app, hook_id, number))  # one that was not noted would be sent again
                server.kill()
    told = [event["idempotency_key"] for call in hooks.calls for event in call.json["events"]]
    assert told == ["order-1", "order-2"]
    assert hooks.calls[0].json["events"][0]["url"].startswith("http://127.0.0.1:")
    assert {call.id for call in hooks.calls} == {each.id for each in deliveries(app, hook_id)}


def _have_arrived(app: Flask, hook_id: str, number: int) -> bool:
    return [each.state for each in deliveries(app, hook_id)] == ["delivered"] * number
