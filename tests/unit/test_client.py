"""
The client and servers that answer badly, late or not at all: nothing is lost, and it is told.

That the real one has each event once is for tests/integration/test_client.py.
"""

import json
import logging
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import trustme

from auditweb.client import (
    Actor,
    ActorType,
    Client,
    ClientError,
    EventError,
    Fault,
    Outcome,
    Refused,
    SpoolInUseError,
    Target,
    calls,
    sending,
)

KEY = "aw_0123456789_" + "k" * 43
NOWHERE = "http://127.0.0.1:9"
Answer = tuple[int, object, dict[str, str]]


class Stand:
    """A server that gives the answers it is told to, in their order, and then takes everything."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: list[Answer | Callable[[list[Any]], Answer]] = []
        self.requests: list[list[Any]] = []
        self.times: list[float] = []
        self.headers: list[dict[str, str]] = []

    def answer(self, events: list[Any]) -> Answer:
        self.times.append(time.monotonic())
        self.requests.append(events)
        answer = self.answers.pop(0) if self.answers else taken
        return answer(events) if callable(answer) else answer


def taken(events: list[Any]) -> Answer:
    return 201, {"events": [{"id": "32ST6QNF15NM7", "url": "x", "status": "created"} for _ in events]}, {}


def problem(status: int, *errors: Mapping[str, object], **headers: str) -> Answer:
    told: dict[str, object] = {"title": "Such is life", "detail": "Do something.", "status": status}
    return status, told | ({"errors": errors} if errors else {}), headers


@contextmanager
def standing(context: ssl.SSLContext | None = None) -> Iterator[Stand]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            made.headers.append(dict(self.headers))
            events = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, body, headers = made.answer(events)
            text = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(text))}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    made = Stand(f"{'https' if context else 'http'}://localhost:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def stand() -> Iterator[Stand]:
    with standing() as made:
        yield made


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "audit.spool"


@pytest.fixture(autouse=True)
def _short_delays() -> Iterator[None]:
    with patch.object(sending, "FIRST_DELAY", 0.02):
        yield


def test_an_event_is_sent_as_the_api_has_it(stand: Stand, spool: Path) -> None:
    before = datetime.now(UTC)
    with Client(stand.url + "/", KEY, spool=spool) as log:
        made = log.record("vehicle.deleted")
        log.record(
            "order.shipped",
            category="shipments",
            summary="Shipped the order 4471 to Ōsaka",
            facts={"carrier": "ONE"},
            actor=Actor(ActorType.MEMBER, "42", "Hana Sato"),
            target=Target("order", "4471", "Order 4471", url="/orders/4471"),
            ip="203.0.113.7",
            user_agent="Mozilla/5.0",
            request_id="7c1e94b0",
            outcome=Outcome.DENIED,
            occurred_at=datetime(2026, 3, 2, 18, 30, tzinfo=timezone(timedelta(hours=9))),
            idempotency_key="order-4471",
        )
        assert log.flush(10)
        assert (log.waiting, log.trouble) == (0, None)

    first, second = (event for events in stand.requests for event in events)
    assert set(first) == {"action", "occurred_at", "idempotency_key"}
    assert first["idempotency_key"] == made
    assert first["occurred_at"].endswith("Z")
    assert before <= datetime.fromisoformat(first["occurred_at"]) <= datetime.now(UTC)
    assert second == {
        "action": "order.shipped",
        "category": "shipments",
        "summary": "Shipped the order 4471 to Ōsaka",
        "facts": {"carrier": "ONE"},
        "actor": {"type": "member", "id": "42", "name": "Hana Sato"},
        "target": {"type": "order", "id": "4471", "name": "Order 4471", "url": "/orders/4471"},
        "ip": "203.0.113.7",
        "user_agent": "Mozilla/5.0",
        "request_id": "7c1e94b0",
        "outcome": "denied",
        "occurred_at": "2026-03-02T09:30:00Z",
        "idempotency_key": "order-4471",
    }
    assert stand.headers[0]["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "bad",
    [
        problem(500),
        problem(503, Retry_After="0"),
        problem(404),
        problem(400),
        (400, {"type": "urn:auditweb:problem:empty", "title": "There is nothing in this request"}, {}),
        problem(422),
        problem(422, {"index": 7, "field": "ip", "reason": "x"}),
        (200, "<html>Sign in to the Wi-Fi</html>", {}),
        (201, {"events": []}, {}),
        (302, "", {"Location": "https://elsewhere.example/"}),
    ],
)
def test_whatever_is_no_yes_is_tried_again_with_the_same_content(stand: Stand, spool: Path, bad: Answer) -> None:
    stand.answers = [bad, bad]
    with Client(stand.url, KEY, spool=spool) as log:
        log.record("vehicle.deleted")
        assert log.flush(10)
        assert log.trouble is None

    assert len(stand.requests) == 3
    assert stand.requests[0] == stand.requests[1] == stand.requests[2]


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_may_not_keeps_everything_and_says_so(
    stand: Stand, spool: Path, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    faults = [{"index": 0, "field": "category", "reason": "no"}] if status == 401 else []
    stand.answers = [problem(status, *faults)] * 100
    with Client(stand.url, KEY, spool=spool) as log:
        log.record("vehicle.deleted")
        assert not log.flush(0.2)
        assert log.waiting == 1
        assert f"The key may not write. The server answered {status}: Such is life Do something." in str(log.trouble)
        stand.answers = []
        assert log.flush(10)
        assert KEY not in repr(log)
        assert str(spool) in repr(log)

    told = [record.message for record in caplog.records if record.name == "auditweb.client"]
    assert [text for text in told if "Nothing is lost: 1 event waits" in text] == told[:-1]  # once
    assert told[-1] == "events go to the server again"
    assert len(told) == 2
    assert KEY[14:] not in caplog.text
    assert KEY[14:].encode() not in spool.read_bytes()


def test_refused_events_are_put_aside_and_the_others_sent(
    stand: Stand, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    faults = [{"index": place, "field": "ip", "reason": "no address"} for place in (1, 3)]
    conflict = {"index": 0, "field": "idempotency_key", "reason": "taken"}
    foreign = {"index": 1, "field": "category", "reason": "this key may not write Team"}
    told: list[Refused] = []

    def tell(one: Refused) -> None:
        told.append(one)
        raise RuntimeError("a fault of the program's own")

    with Client(NOWHERE, KEY, spool=spool) as log:
        for number in range(6):
            log.record("vehicle.deleted", request_id=str(number))
        log.close(timeout=0)
    stand.answers = [problem(503), problem(422, *faults), problem(409, conflict), problem(403, foreign)]
    with Client(stand.url, KEY, spool=spool, on_refused=tell) as log:
        assert log.flush(10)

    _, whole, *rest = stand.requests
    assert [[event["request_id"] for event in events] for events in rest] == [list("0245"), list("245"), list("25")]
    assert [(one.event, one.status, one.faults) for one in told] == [
        (whole[1], 422, (Fault("ip", "no address"),)),
        (whole[3], 422, (Fault("ip", "no address"),)),
        (whole[0], 409, (Fault("idempotency_key", "taken"),)),
        (whole[4], 403, (Fault("category", "this key may not write Team"),)),
    ]
    kept = [json.loads(line) for line in spool.with_name("audit.spool.refused").read_text().splitlines()]
    assert kept[0] == {"status": 422, "errors": [{"field": "ip", "reason": "no address"}], "event": whole[1]}
    assert [one["status"] for one in kept] == [422, 422, 409, 403]
    assert f"the event {told[0].idempotency_key} was refused (422): ip: no address" in caplog.text


def test_on_refused_may_record_but_not_wait_for_itself(stand: Stand, spool: Path) -> None:
    stand.answers = [problem(422, {"index": 0, "field": "ip", "reason": "no address"})]
    said: list[str] = []

    def tell(one: Refused) -> None:
        for wait in (lambda: log.flush(5), lambda: log.close(5)):
            try:
                wait()
            except ClientError as error:
                said.append(str(error))
        log.record("vehicle.deleted", request_id=f"instead of {one.event['request_id']}")

    with Client(stand.url, KEY, spool=spool, on_refused=tell) as log:
        log.record("vehicle.deleted", request_id="a")
        assert log.flush(4)
        assert log.flush(4)
    assert said == ["on_refused cannot flush or close: it runs in the thread that sends. Do it in another."] * 2
    assert [[event["request_id"] for event in events] for events in stand.requests] == [["a"], ["instead of a"]]


@pytest.mark.parametrize("told", ["1000", "Tue, 01 Jan 2999 00:00:00 GMT"])
def test_retry_after_is_honoured_even_in_a_hurry(stand: Stand, spool: Path, told: str) -> None:
    """For an hour at most, which is shorter here."""
    stand.answers = [problem(429, Retry_After=told)]
    with patch.object(calls, "LONGEST_WAIT", 0.4), Client(stand.url, KEY, spool=spool) as log:
        log.record("vehicle.deleted")
        assert not log.flush(0.1)
        assert log.flush(10)

    first, second = stand.times
    assert second - first >= 0.4


@pytest.mark.parametrize("told", ["soon", "-5", "1e9", "Tue, 01 Jan 2002 00:00:00 GMT", "9" * 400])
def test_retry_after_that_says_nothing(stand: Stand, spool: Path, told: str) -> None:
    stand.answers = [problem(429, Retry_After=told)]
    with patch.object(calls, "LONGEST_WAIT", 0.1), Client(stand.url, KEY, spool=spool) as log:
        log.record("vehicle.deleted")
        assert log.flush(10)


def test_delays_grow_and_flushing_cuts_them_short(stand: Stand, spool: Path) -> None:
    stand.answers = [problem(500)] * 5
    with patch("random.uniform", return_value=1.0), Client(stand.url, KEY, spool=spool) as log:
        log.record("vehicle.deleted")
        wait_for(lambda: len(stand.times) == 6)
        waits = [later - earlier for earlier, later in zip(stand.times, stand.times[1:], strict=False)]
        assert all(wait >= 0.02 * 2**number for number, wait in enumerate(waits))
        assert log.flush(10)
        with patch.object(sending, "FIRST_DELAY", 60):
            stand.answers = [problem(500)]
            log.record("vehicle.deleted")
            wait_for(lambda: log.trouble is not None)
            assert log.flush(5)


def test_events_that_come_one_by_one_are_sent_together(stand: Stand, spool: Path) -> None:
    with Client(stand.url, KEY, spool=spool) as log:
        for _ in range(30):
            log.record("vehicle.deleted")
            time.sleep(0.01)
        began = time.monotonic()
        assert log.flush(10)
        assert time.monotonic() - began < 1
    assert sum(map(len, stand.requests)) == 30
    assert len(stand.requests) < 15
    assert all(later - earlier >= 0.045 for earlier, later in zip(stand.times[:-1], stand.times[1:-1], strict=False))


def test_what_is_too_much_at_once_is_sent_in_parts(stand: Stand, spool: Path) -> None:
    def small(events: list[Any]) -> Answer:
        if len(events) > 3 or any(event["request_id"] == "7" for event in events):
            return 413, "<html>nginx</html>", {}
        return taken(events)

    stand.answers = [small] * 100
    with Client(NOWHERE, KEY, spool=spool) as log:
        for number in range(10):
            log.record("vehicle.deleted", request_id=str(number))
        log.close(timeout=0)
    told: list[Refused] = []
    with Client(stand.url, KEY, spool=spool, on_refused=told.append) as log:
        assert log.flush(10)

    assert [(one.event["request_id"], one.status) for one in told] == [("7", 413)]
    arrived = [events for events in stand.requests if small(events)[0] == 201]
    assert [event["request_id"] for events in arrived for event in events] == list("012345689")


def test_an_event_that_cannot_be_read_does_not_block_the_others(stand: Stand, spool: Path) -> None:
    unreadable = {"type": calls.UNREADABLE, "title": "This request cannot be read", "detail": "Two fields of one name."}

    def picky(events: list[Any]) -> Answer:
        return (400, unreadable, {}) if any(event["request_id"] == "7" for event in events) else taken(events)

    stand.answers = [picky] * 100
    with Client(NOWHERE, KEY, spool=spool) as log:
        for number in range(10):
            log.record("vehicle.deleted", request_id=str(number))
        log.close(timeout=0)
    told: list[Refused] = []
    with Client(stand.url, KEY, spool=spool, on_refused=told.append) as log:
        assert log.flush(10)

    assert [(one.event["request_id"], one.status, one.faults) for one in told] == [
        ("7", 400, (Fault("", "This request cannot be read Two fields of one name."),))
    ]
    arrived = [events for events in stand.requests if picky(events)[0] == 201]
    assert [event["request_id"] for events in arrived for event in events] == list("012345689")


def test_a_slow_server_is_asked_again_for_less(stand: Stand, spool: Path) -> None:
    gate = threading.Event()

    def slow(events: list[Any]) -> Answer:
        if len(events) > 2:
            gate.wait(10)
        return taken(events)

    stand.answers = [slow] * 100
    with Client(NOWHERE, KEY, spool=spool) as log:
        began = time.monotonic()
        for _ in range(6):
            log.record("vehicle.deleted")
        log.close(timeout=0)
    with Client(stand.url, KEY, spool=spool, timeout=0.2) as log:
        assert log.flush(10)
    assert [len(events) for events in stand.requests[:3]] == [6, 3, 1]
    assert time.monotonic() - began < 5
    gate.set()


def test_recording_does_not_wait_for_the_server(stand: Stand, spool: Path) -> None:
    gate = threading.Event()

    def stuck(events: list[Any]) -> Answer:
        gate.wait(10)
        return taken(events)

    stand.answers = [stuck]
    log = Client(stand.url, KEY, spool=spool, fsync=False)
    log.record("vehicle.deleted")
    wait_for(lambda: bool(stand.requests))
    began = time.monotonic()
    for _ in range(1000):
        log.record("vehicle.deleted")
    assert time.monotonic() - began < 2
    log.close(timeout=0)
    log.close()
    with pytest.raises(ClientError, match="is closed"):
        log.record("vehicle.deleted")
    with pytest.raises(ClientError, match="is closed"):
        log.flush()
    with Client(stand.url, KEY, spool=spool) as other:
        gate.set()  # the answer to the first client comes when its spool is another's
        assert other.flush(10)
    assert len({event["idempotency_key"] for events in stand.requests for event in events}) == 1001
    assert max(len(events) for events in stand.requests) == 500


def test_what_was_recorded_without_waiting_gets_to_the_disk_soon(spool: Path) -> None:
    with patch.object(sending, "LONGEST_UNSYNCED", 0.05), patch.object(sending, "FIRST_DELAY", 600):
        log = Client(NOWHERE, KEY, spool=spool, fsync=False)
        log.record("vehicle.deleted")
        wait_for(lambda: log.trouble is not None)  # and it will not try again for minutes
        with patch("os.fsync") as fsync:
            log.record("vehicle.deleted")
            wait_for(lambda: fsync.call_count == 1)
        log.close(timeout=0)


def test_what_no_server_could_take_is_told_at_once(stand: Stand, spool: Path) -> None:
    nested: list[object] = []
    nested.append(nested)
    with Client(stand.url, KEY, spool=spool) as log:
        for bad in (
            {"occurred_at": datetime(2026, 3, 2, 9, 30)},  # noqa: DTZ001 - that is what is wrong
            {"request_id": "\ud800"},
            {"summary": "x" * 1024 * 1024},
            {"occurred_at": "2026-03-02T09:30:00Z"},
            {"occurred_at": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=9)))},
            {"facts": {1: "a", "1": "b"}},
            {"facts": {"a": 1}},
            {"facts": {"a": float("nan")}},
            {"facts": {None: "a"}},
            {"facts": {(): "a"}},
            {"facts": {"a": nested}},
            {"facts": [("a", "b")]},
            {"summary": b"bytes"},
            {"idempotency_key": 7},
            {"actor": Actor(ActorType.MEMBER, 42, "Hana Sato")},  # type: ignore[arg-type]
            {"target": Target("order", "4471", object())},  # type: ignore[arg-type]
        ):
            with pytest.raises(EventError):
                log.record("vehicle.deleted", **bad)
        assert log.flush(10)
    assert stand.requests == []


def test_two_clients_do_not_share_a_spool(stand: Stand, spool: Path) -> None:
    with Client(stand.url, KEY, spool=spool), pytest.raises(SpoolInUseError):
        Client(stand.url, KEY, spool=str(spool))


def test_a_fork_does_not_write_to_its_parents_spool(stand: Stand, spool: Path) -> None:
    log = Client(stand.url, KEY, spool=spool)
    with patch("os.getpid", return_value=1), pytest.raises(ClientError, match="in another process"):
        log.record("vehicle.deleted")
    log.close()
    assert stand.requests == []


@pytest.mark.parametrize(
    "url",
    ["http://audit.example.org", "audit.example.org", "ftp://localhost", "https://a:b@example.org", "https://", "//x",
     "https://example.org?a=b", "http://127.0.0.1.example.org", "https://example.org:port"],
)  # fmt: skip
def test_addresses_that_cannot_be_meant(spool: Path, url: str) -> None:
    with pytest.raises(ValueError, match=r"the address of the server|plain http is for this machine"):
        Client(url, KEY, spool=spool)


def test_keys_that_cannot_be_meant(spool: Path) -> None:
    for key in ("", "aw_1 2", "aw_\n", "aw_ü"):
        with pytest.raises(ValueError, match="printable ASCII") as told:
            Client("https://localhost", key, spool=spool)
        assert not key or key not in str(told.value)
    with pytest.raises(ValueError, match="no certificates"):
        Client("https://localhost", KEY, spool=spool, ca=spool)


def test_certificates_are_checked(spool: Path, tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with standing(context) as stand:
        with Client(stand.url, KEY, spool=spool) as log:
            log.record("vehicle.deleted")
            assert not log.flush(0.1)
            assert "certificate verify failed" in str(log.trouble)
            log.close(timeout=0)
        assert stand.requests == []
        with Client(stand.url, KEY, spool=spool, ca=tmp_path / "ca.pem") as log:
            assert log.flush(10)
    assert len(stand.requests) == 1


def test_no_proxy_sees_what_goes_to_this_machine(stand: Stand, spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with Client(stand.url, KEY, spool=spool) as log:
        log.record("vehicle.deleted")
        assert log.flush(10)


def wait_for(happened: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < give_up_at
        time.sleep(0.005)
