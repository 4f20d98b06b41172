"""Many organisations on one server: no backlog and no receiver of one holds up what another is told."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb.accounts.permissions import Role
from auditweb.extensions import db
from auditweb.models import WebhookDelivery
from auditweb.webhooks import outbox, sending
from auditweb.webhooks.turns import AT_ONCE
from auditweb.webhooks.watch import SENDERS, watch
from tests.integration.conftest import SignedInAs
from tests.ledgers import server_engine
from tests.readers import Place, Someone
from tests.receivers import Receiver, receiver
from tests.webhooks import deliveries, log_of, make, maya, member, send_next

# ruff: noqa: F401, F811  (fixtures are imported)

ANSWERED_WITHIN = 1.0  # seconds, instead of five


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "TIMEOUT", ANSWERED_WITHIN)


@pytest.fixture
def hooked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    with receiver(tmp_path_factory.mktemp("receiver")) as running:
        yield running


@pytest.fixture
def kenji(signed_in_as: SignedInAs, other_organisation: Place) -> Someone:
    return member(signed_in_as(Role.OWNER, other_organisation, name="Kenji Mori"))


def behaving(hooked: Receiver, theirs: Callable[[], object]) -> None:
    """Have *theirs* done before /theirs answers, and everything else answer at once."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/theirs":
            theirs()
        handler.send_response(204)
        handler.send_header("content-length", "0")
        handler.end_headers()

    hooked.behave = answer


def add(app: Flask, place: Place, hook_id: str, number: int = 1) -> None:
    """Write so many deliveries down."""
    with app.app_context():
        for _ in range(number):
            outbox.add(db.session(), place.id, hook_id, "entries", ())
        db.session.commit()


@contextmanager
def sending_(app: Flask, hooked: Receiver) -> Iterator[None]:
    """Look after webhooks as a server does, for the length of the block."""
    stopping = threading.Event()
    with server_engine(app.config["SQLALCHEMY_DATABASE_URI"]) as engine:
        given = {"make_caller": hooked.caller, "log_of": log_of, "more": lambda: None}
        thread = threading.Thread(target=watch, args=(engine, stopping), kwargs=given)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()


def arrived_after(hooked: Receiver, path: str, seconds: float) -> float:
    """Return how long it took until something came to *path*."""
    begun = time.monotonic()
    while not [call for call in hooked.calls if call.path == path]:
        assert time.monotonic() - begun < seconds, f"nothing within {seconds} s, after {len(hooked.calls)} others"
        time.sleep(0.005)
    return time.monotonic() - begun


def test_many_that_never_answer_hold_up_nobody_else(
    app: Flask, organisation: Place, other_organisation: Place, maya: Someone, kenji: Someone, hooked: Receiver
) -> None:
    url = hooked.url.partition("/in")[0]
    behaving(hooked, lambda: time.sleep(2 * ANSWERED_WITHIN))
    names = [f"Dead {number}" for number in range(SENDERS + 1)]
    theirs = [make(app, organisation, maya, f"{url}/theirs", name=name)[0] for name in names]
    for hook_id in theirs:
        add(app, organisation, hook_id, 20)
    ours, _ = make(app, other_organisation, kenji, f"{url}/ours")

    with sending_(app, hooked):
        hooked.wait_for(AT_ONCE)
        add(app, other_organisation, ours)
        arrived_after(hooked, "/ours", 3)
        hooked.wait_for(2 * AT_ONCE + 1)
    # One try told that nobody answers there: what else waits for them is left alone for a while.
    assert max(sum(each.tries for each in deliveries(app, hook_id)) for hook_id in theirs) == 1


def test_a_backlog_holds_up_nobody_else(
    app: Flask, organisation: Place, other_organisation: Place, maya: Someone, kenji: Someone, hooked: Receiver
) -> None:
    """Its receiver answers at once, but there is much for it."""
    url = hooked.url.partition("/in")[0]
    behaving(hooked, lambda: time.sleep(0.02))
    theirs = [make(app, organisation, maya, f"{url}/theirs", name=f"Busy {number}")[0] for number in range(5)]
    for hook_id in theirs:
        add(app, organisation, hook_id, 40)
    ours, _ = make(app, other_organisation, kenji, f"{url}/ours")

    with sending_(app, hooked):
        hooked.wait_for(5)
        add(app, other_organisation, ours)
        arrived_after(hooked, "/ours", 3)
        before = len(hooked.calls)
        assert before < 150, "it came when all else was done"
        # Whoever is done goes on at once, and does not wait for the next look twice a second.
        hooked.wait_for(before + 40, seconds=5)


def test_a_test_is_sent_before_what_waits(app: Flask, organisation: Place, maya: Someone, hooked: Receiver) -> None:
    hook_id, _ = make(app, organisation, maya, hooked.url)
    add(app, organisation, hook_id, 3)
    again, *others = deliveries(app, hook_id)
    with app.app_context():
        outbox.add(db.session(), organisation.id, hook_id, "test", ())
        tried = sa.update(WebhookDelivery).where(WebhookDelivery.id == others[-1].id)
        db.session.execute(tried.values(tried_at=again.created_at))  # and sent again by hand
        db.session.commit()
        assert outbox.asked_for(db.engine, [hook_id, "wh_other"]) == [hook_id]
        for _ in range(2):
            assert send_next(db.engine, hooked.caller())
        assert outbox.asked_for(db.engine, [hook_id]) == []
    states = {each.id: each.state for each in deliveries(app, hook_id)}
    assert [states[each.id] for each in (again, *others)] == ["waiting", "waiting", "delivered"]
