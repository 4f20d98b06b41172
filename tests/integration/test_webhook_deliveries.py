"""Deliveries of webhooks: when they are tried again, and that nothing is lost, whoever is killed when."""

import json
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from auditweb import clock
from auditweb.extensions import db
from auditweb.webhooks import outbox
from auditweb.webhooks.outbox import CLAIMED_FOR, KEPT, MOST_WAITING, PAUSES
from auditweb.webhooks.sending import Answer
from auditweb.webhooks.sources import MOST
from auditweb.webhooks.watch import Watcher
from tests.integration.conftest import AnEvent, FillLog
from tests.ledgers import process_for, wait_for
from tests.log_pages import NOW
from tests.readers import Place, Someone
from tests.receivers import Receiver
from tests.webhook_processes import look_without_end, send_and_wait
from tests.webhooks import act, claim_next, deliveries, hooked, items, look, make, maya, receiving, seal, send, stored

# ruff: noqa: F401, F811  (fixtures are imported)

pytestmark = pytest.mark.usefixtures("at_now")


# When it is tried again


def test_tries_grow_further_apart_and_end(
    app: Flask, organisation: Place, maya: Someone, an_event: AnEvent, hooked: Receiver
) -> None:
    hook_id, _ = make(app, organisation, maya, hooked.url, query="?category=team")
    an_event("member.invited", org_id=organisation.id)
    look(app)
    hooked.status = 503
    tried: list[datetime] = []
    moment = NOW
    while (delivery := deliveries(app, hook_id)[0]).state == "waiting":
        assert delivery.next_at == moment
        with clock.set_to(moment - timedelta(seconds=1)):
            assert not tried or send(app, hooked) == 0
        with clock.set_to(moment):
            assert (send(app, hooked), send(app, hooked)) == (1, 0)
        tried.append(moment)
        moment = deliveries(app, hook_id)[0].next_at

    assert [after - before for before, after in pairwise(tried)] == list(PAUSES)
    assert (delivery.state, delivery.status, delivery.tries) == ("failed", 503, len(PAUSES) + 1)
    assert len({call.id for call in hooked.calls}) == 1
    assert len({call.body for call in hooked.calls}) == 1
    assert len({call.headers["webhook-signature"] for call in hooked.calls}) == len(tried)
    hook = stored(app, hook_id)
    assert (hook.answered_at, hook.failing_since) == (None, NOW)
    hooked.status = 200
    with clock.set_to(moment + timedelta(days=1)):
        assert act(app, organisation, maya, "send_again", hook_id, delivery_id=delivery.id)
        assert send(app, hooked) == 1
    assert hooked.calls[-1].id == hooked.calls[0].id
    assert deliveries(app, hook_id)[0].state == "delivered"
    assert stored(app, hook_id).failing_since is None


def test_why_a_try_failed_is_told(
    app: Flask, organisation: Place, maya: Someone, an_event: AnEvent, hooked: Receiver
) -> None:
    hook_id, _ = make(app, organisation, maya, "https://10.0.0.1/", query="?category=team")
    an_event("member.invited", org_id=organisation.id)
    look(app)
    send(app, hooked)
    (delivery,) = deliveries(app, hook_id)
    assert (delivery.state, delivery.status) == ("waiting", None)
    assert delivery.reason == "10.0.0.1 is no address of the internet, and this server calls no others."


def test_what_cannot_be_put_together_is_given_up_in_the_end(
    app: Flask, organisation: Place, maya: Someone, hooked: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a try as any other, and no other delivery waits for it."""
    hook_id, _ = make(app, organisation, maya, hooked.url)
    with app.app_context():
        broken = outbox.add(db.session(), organisation.id, hook_id, "entries", (1,))
        outbox.add(db.session(), organisation.id, hook_id, "test", ())
        db.session.commit()
    monkeypatch.setattr("auditweb.webhooks.sources.find_placed", None)
    moment, tries = NOW, 0
    while (delivery := next(each for each in deliveries(app, hook_id) if each.id == broken)).state == "waiting":
        with clock.set_to(moment):
            send(app, hooked)
        tries += 1
        assert tries <= len(PAUSES) + 1
        moment = next(each for each in deliveries(app, hook_id) if each.id == broken).next_at
    assert (delivery.state, delivery.tries, delivery.status) == ("failed", len(PAUSES) + 1, None)
    assert delivery.reason == "This server could not send it: its own log says why."
    assert [call.json["type"] for call in hooked.calls] == ["test"]


def test_no_secret_reaches_the_log_of_the_server(
    app: Flask, organisation: Place, maya: Someone, hooked: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    url = hooked.url.replace("from=auditweb", "token=canary")
    _, secret = make(app, organisation, maya, url)
    look(app)
    hooked.status = 500
    send(app, hooked)
    hooked.status = 200
    with clock.set_to(NOW + timedelta(hours=1)):
        send(app, hooked)
    said = "".join(capfd.readouterr())
    assert "canary" not in said
    assert secret not in said
    assert hooked.calls[0].headers["webhook-signature"] not in said
    told = json.dumps(hooked.calls[0].json)
    assert "canary" not in told
    assert secret not in told


def test_a_webhook_takes_only_so_many_and_the_rest_waits_in_the_log(
    app: Flask, organisation: Place, maya: Someone, fill: FillLog, hooked: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MOST_WAITING", 2)
    make(app, organisation, maya, hooked.url)
    fill(3 * MOST + 1)
    assert (look(app), look(app)) == (2, 0)
    assert send(app, hooked) == 2
    assert (look(app), send(app, hooked)) == (2, 2)
    told = [event["leaf_index"] for call in hooked.calls for event in call.json["events"]]
    assert told == list(range(told[0], told[0] + 3 * MOST + 2))
    assert MOST_WAITING * MOST == 10_000


def test_a_month_later_the_list_is_shorter(
    app: Flask, organisation: Place, maya: Someone, an_event: AnEvent, hooked: Receiver
) -> None:
    hook_id, _ = make(app, organisation, maya, hooked.url)
    look(app)
    send(app, hooked)
    an_event("member.invited", org_id=organisation.id)
    look(app)
    with app.app_context(), clock.set_to(NOW + KEPT):
        assert outbox.tidy(db.engine) == 0
    with app.app_context(), clock.set_to(NOW + KEPT + timedelta(seconds=1)):
        assert outbox.tidy(db.engine) == 1
    assert [each.state for each in deliveries(app, hook_id)] == ["waiting"]


# At once, and when somebody is killed


def test_two_workers_send_each_once(app: Flask, organisation: Place, maya: Someone, hooked: Receiver) -> None:
    names = [f"Channel {number}" for number in range(4)]
    made = [make(app, organisation, maya, hooked.url, name=name, query="?category=team")[0] for name in names]
    with app.app_context():
        for hook_id in made:
            for _ in range(3):
                outbox.add(db.session(), organisation.id, hook_id, "test", ())
        db.session.commit()
    at_once: dict[str, int] = {}
    most: list[int] = []
    lock = threading.Lock()

    def answer(handler: Any) -> None:
        hook_id = hooked.calls[-1].json["webhook"]["id"]
        with lock:
            at_once[hook_id] = at_once.get(hook_id, 0) + 1
            most.append(at_once[hook_id])
        handler.send_response(200)
        handler.send_header("content-length", "0")
        handler.end_headers()
        with lock:
            at_once[hook_id] -= 1

    hooked.behave = answer
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(_at_now, send, app, hooked) for _ in range(4)]
        total = sum(each.result() for each in futures)
    total += send(app, hooked)
    assert total == 12
    assert len({call.id for call in hooked.calls}) == len(hooked.calls) == 12
    assert all(each.tries == 1 for hook_id in made for each in deliveries(app, hook_id))


def _at_now(do: Any, *arguments: Any) -> Any:
    with clock.set_to(NOW):
        return do(*arguments)


def test_one_delivery_of_a_webhook_at_a_time(app: Flask, organisation: Place, maya: Someone) -> None:
    first, _ = make(app, organisation, maya, name="First")
    second, _ = make(app, organisation, maya, name="Second")
    with app.app_context():
        for hook_id in (first, first, second):
            outbox.add(db.session(), organisation.id, hook_id, "test", ())
        db.session.commit()
        claimed = [claim_next(db.engine) for _ in range(3)]
        assert sorted(each.hook_id for each in claimed if each) == sorted([first, second])
        one = claimed[0]
        assert one is not None
        assert outbox.note(db.engine, one, Answer(200))
        assert not outbox.note(db.engine, one, Answer(500))
        again = claim_next(db.engine)
        assert again is None or again.hook_id == one.hook_id


def test_killed_between_sending_and_noting(
    app: Flask, organisation: Place, maya: Someone, hooked: Receiver, database_url: str, tmp_path: Path
) -> None:
    """It is sent again under its old id, by which the receiver knows it; nothing is lost."""
    hook_id, _ = make(app, organisation, maya, hooked.url)
    with app.app_context():
        outbox.add(db.session(), organisation.id, hook_id, "test", ())
        db.session.commit()
    arrived = tmp_path / "arrived"
    trust = tmp_path / "authority.pem"
    hooked.authority.cert_pem.write_to_path(str(trust))
    process = process_for(send_and_wait, database_url, str(trust), str(arrived))
    process.start()
    hooked.wait_for(1)
    wait_for(arrived.exists)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()

    assert send(app, hooked) == 0  # it may still be at work
    with clock.set_to(datetime.now(tz=NOW.tzinfo) + CLAIMED_FOR + timedelta(seconds=5)):
        assert send(app, hooked) == 1
    assert [call.id for call in hooked.calls] == [deliveries(app, hook_id)[0].id] * 2
    assert (deliveries(app, hook_id)[0].state, deliveries(app, hook_id)[0].tries) == ("delivered", 2)


def test_killed_at_any_moment_while_writing_down(
    app: Flask, organisation: Place, maya: Someone, fill: FillLog, database_url: str, rounds: Callable[[int, int], int]
) -> None:
    """A cursor that moved has its deliveries, and one that did not has none: together they tell each entry once."""
    hook_id, _ = make(app, organisation, maya)
    fill(2 * MOST)
    seal(app)
    for _ in range(rounds(2, 50)):
        process = process_for(look_without_end, database_url)
        process.start()
        wait_for(partial(_has_more, app, hook_id, len(items(app, hook_id))))
        process.kill()
        process.join()
        assert items(app, hook_id) == list(range(_first(app, hook_id), stored(app, hook_id).cursor + 1))
        fill(MOST)
        seal(app)
    look(app)
    told = items(app, hook_id)
    assert told == list(range(told[0], stored(app, hook_id).cursor + 1))


def _has_more(app: Flask, hook_id: str, before: int) -> bool:
    return len(items(app, hook_id)) > before


def _first(app: Flask, hook_id: str) -> int:
    return min(items(app, hook_id))


def test_two_watchers_tell_each_entry_once(app: Flask, organisation: Place, maya: Someone, fill: FillLog) -> None:
    """Should there be two leaders for a moment."""
    hook_id, _ = make(app, organisation, maya)
    fill(4 * MOST)
    seal(app)

    def watch() -> None:
        with app.app_context():
            watcher = Watcher(db.engine)
            for _ in range(6):
                watcher.look()

    with ThreadPoolExecutor(3) as pool:
        for each in [pool.submit(_at_now, watch) for _ in range(3)]:
            each.result()
    told = items(app, hook_id)
    assert told == list(range(told[0], told[0] + 4 * MOST + 1))
