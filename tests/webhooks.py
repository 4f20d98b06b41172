"""What the tests of webhooks do again and again."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import Engine

from auditweb.accounts.permissions import Role
from auditweb.extensions import db
from auditweb.ledger.sealer import Sealer
from auditweb.models import Webhook, WebhookDelivery
from auditweb.webhooks import deliveries as sending
from auditweb.webhooks import hooks, outbox
from auditweb.webhooks.delivering import deliver
from auditweb.webhooks.hooks import Draft
from auditweb.webhooks.outbox import Claimed
from auditweb.webhooks.sending import Caller
from auditweb.webhooks.watch import Watcher
from tests.export_jobs import ORIGIN, signed_in
from tests.readers import Place, Reader, Someone
from tests.receivers import Receiver, receiver

URL = "https://127.0.0.1:8443/in"
SITE = "https://audit.example.org"


@pytest.fixture(scope="module")
def receiving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """A receiver for all tests of a file."""
    with receiver(tmp_path_factory.mktemp("receiver")) as running:
        yield running


@pytest.fixture
def hooked(receiving: Receiver) -> Receiver:
    """What webhooks call, as new."""
    receiving.calls.clear()
    receiving.status, receiving.behave = 204, None
    return receiving


@pytest.fixture
def maya(signed_in_as: Callable[..., Reader]) -> Someone:
    """Maya Okafor, an owner of Northgate."""
    return member(signed_in_as(Role.OWNER, name="Maya Okafor"))


def webhooks(place: Place, rest: str = "") -> str:
    return f"/o/{place.slug}/settings/webhooks{rest}"


def log_of(org_slug: str) -> str:
    return f"{SITE}/o/{org_slug}/settings/audit-log"


def make(app: Flask, place: Place, someone: Someone | None, url: str = URL, **draft: Any) -> tuple[str, str]:
    """Make a webhook, and return its id and its secret."""
    assert someone is not None
    given: dict[str, Any] = {"name": "Duty channel", "kind": "entries", **draft}
    with app.app_context():
        made = hooks.create(place.id, signed_in(someone), Draft(url=url, **given), origin=ORIGIN)
        db.session.commit()
        return made.id, made.secret


def act(app: Flask, place: Place, maya: Someone, do: str, hook_id: str, **more: Any) -> Any:
    """Do something to a webhook as Maya."""
    with app.app_context():
        rules = sending if do.startswith("send_") else hooks
        done = getattr(rules, do)(place.id, signed_in(maya), hook_id, **more)
        db.session.commit()
        return done


def seal(app: Flask) -> None:
    with app.app_context():
        Sealer(db.engine).run()


def look(app: Flask, watcher: Watcher | None = None) -> int:
    """Seal what there is, and write down what webhooks are to be told of it."""
    with app.app_context():
        Sealer(db.engine).run()
        return (watcher or Watcher(db.engine, lasts=60)).look()


def send(app: Flask, receiver: Receiver) -> int:
    """Send what is due, one after the other, and return how many deliveries that were."""
    with app.app_context():
        caller, sent = receiver.caller(), 0
        while send_next(db.engine, caller):
            sent += 1
        return sent


def claim_next(engine: Engine) -> Claimed | None:
    """Claim what is due, of the webhook that waits for longest and is not being sent something."""
    return next(filter(None, (outbox.claim(engine, due) for due in outbox.due(engine))), None)


def send_next(engine: Engine, caller: Caller) -> bool:
    """Send one delivery that is due; False if none was."""
    claimed = claim_next(engine)
    if claimed is not None:
        deliver(engine, caller, log_of, claimed)
    return claimed is not None


def stored(app: Flask, hook_id: str) -> Webhook:
    with app.app_context():
        found = db.session.get_one(Webhook, hook_id)
        db.session.expunge(found)
        return found


def deliveries(app: Flask, hook_id: str) -> list[WebhookDelivery]:
    """Return the deliveries of a webhook, the oldest first."""
    with app.app_context():
        found = sa.select(WebhookDelivery).where(WebhookDelivery.hook_id == hook_id)
        rows = db.session.scalars(found.order_by(WebhookDelivery.created_at, WebhookDelivery.id)).all()
        db.session.expunge_all()
        return list(rows)


def items(app: Flask, hook_id: str) -> list[int]:
    """Return what all deliveries of a webhook tell of, in order."""
    rows = [json.loads(each.items) for each in deliveries(app, hook_id)]
    return sorted(item for each in rows for item in each)


def member(reader: Reader) -> Someone:
    assert reader.someone is not None
    return reader.someone
