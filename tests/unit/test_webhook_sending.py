"""Calling the address of a webhook: where it was checked to lead, for a few seconds, and no further."""

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from auditweb.webhooks import sending, targets
from auditweb.webhooks.sending import MOST_READ, Answer
from auditweb.webhooks.targets import Policy
from tests import receivers
from tests.receivers import ALLOWING, LOOPBACK, PORT, Receiver, receiver
from tests.servers import free_port

HEADERS = {"content-type": "application/json", "webhook-id": "msg_1"}


@pytest.fixture
def hooks(tmp_path: Path) -> Iterator[Receiver]:
    with receiver(tmp_path) as running:
        yield running


def post(hooks: Receiver, url: str | None = None, policy: Policy = ALLOWING) -> Answer:
    return hooks.caller(policy).post(url or hooks.url, HEADERS, b'{"type":"test"}')


def test_what_is_sent_and_answered(hooks: Receiver) -> None:
    answer = post(hooks)

    assert (answer.status, answer.reason, answer.arrived) == (204, "", True)
    (call,) = hooks.calls
    assert (call.path, call.body, call.asked_for) == ("/in?from=auditweb", b'{"type":"test"}', f"{hooks.ip}:{PORT}")
    assert call.headers["content-type"] == "application/json"
    assert call.headers["user-agent"] == "auditweb-webhooks/1"
    for status, arrived in ((200, True), (202, True), (302, False), (400, False), (410, False), (500, False)):
        hooks.status = status
        assert (post(hooks).status, post(hooks).arrived) == (status, arrived)


def test_a_name_is_looked_up_once_and_its_certificate_is_for_the_name(
    hooks: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that means the inside a moment later: the connection goes to what was checked."""
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return [hooks.ip] if len(asked) == 1 else ["127.0.0.1"]

    monkeypatch.setattr(targets, "look_up", rebinding)
    monkeypatch.setattr(socket, "getaddrinfo", _only_literals(socket.getaddrinfo))
    assert post(hooks, f"https://hooks.example:{PORT}/in").arrived
    assert asked == ["hooks.example"]
    assert hooks.calls[0].asked_for == f"hooks.example:{PORT}"
    assert "hooks.example" in hooks.names

    monkeypatch.setattr(targets, "look_up", lambda _host, _port: [hooks.ip])
    answer = post(hooks, f"https://other.example:{PORT}/in")
    assert answer.reason.startswith("The certificate cannot be trusted: Hostname mismatch")
    assert answer.reason.endswith("'other.example'.")
    assert len(hooks.calls) == 1


def _only_literals(ask: object) -> object:
    """Let nothing be looked up any more: what connects has an address."""

    def literal(host: str, *rest: object, **more: object) -> object:
        assert host.replace(".", "").isdigit(), f"{host} was looked up again"
        return ask(host, *rest, **more)  # type: ignore[operator]

    return literal


def test_nothing_is_sent_to_what_may_not_be_called(hooks: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no address of the internet" in post(hooks, policy=Policy()).reason
    monkeypatch.setattr(targets, "look_up", lambda _host, _port: [hooks.ip])
    assert "no address of the internet" in post(hooks, f"https://hooks.example:{PORT}/", policy=Policy()).reason
    assert not hooks.calls


def test_a_certificate_that_nobody_vouches_for(hooks: Receiver) -> None:
    answer = sending.Caller(ALLOWING).post(hooks.url, HEADERS, b"{}")
    assert answer.status is None
    assert answer.reason.startswith("The certificate cannot be trusted")
    assert not hooks.calls


def test_an_answer_before_the_body_was_read(hooks: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(204)
        handler.end_headers()
        handler.close_connection = True

    monkeypatch.setattr(receivers._Handler, "do_POST", answer)  # which reads nothing
    assert {post(hooks).status for _ in range(20)} == {204}


def test_redirects_are_not_followed(hooks: Receiver, tmp_path: Path) -> None:
    with receiver(tmp_path) as inside:
        hooks.behave = lambda handler: _redirect(handler, inside.url)
        answer = post(hooks)
    assert (answer.status, answer.arrived) == (307, False)
    assert not inside.calls


def _redirect(handler: BaseHTTPRequestHandler, url: str) -> None:
    handler.send_response(307)
    handler.send_header("location", url)
    handler.send_header("content-length", "0")
    handler.end_headers()


def test_five_seconds_in_all(hooks: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """However little of an answer comes at a time, and wherever it stops."""
    monkeypatch.setattr(sending, "TIMEOUT", 0.3)
    for begun in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"):
        hooks.behave = lambda handler, begun=begun: _drip(handler, begun)
        began = time.monotonic()
        answer = post(hooks)
        assert time.monotonic() - began < 1.5
        assert not answer.arrived
        assert answer.reason == "There was no answer within 0 seconds."


def _drip(handler: BaseHTTPRequestHandler, begun: bytes) -> None:
    handler.wfile.write(begun)
    for _ in range(40):
        time.sleep(0.05)
        handler.wfile.write(b"x")
        handler.wfile.flush()


def test_no_more_is_read_than_needed(hooks: Receiver) -> None:
    """The status is all that matters: an answer without end costs neither memory nor time."""
    sent: list[int] = []
    hooks.behave = lambda handler: _send_without_end(handler, sent)
    began = time.monotonic()

    answer = post(hooks)

    assert (answer.status, answer.arrived) == (200, True)
    assert time.monotonic() - began < 3
    time.sleep(0.1)
    assert sum(sent) < 100 * MOST_READ


def _send_without_end(handler: BaseHTTPRequestHandler, sent: list[int]) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"x" * 8192)
        sent.append(8192)


def test_what_is_no_http_and_what_is_not_there(hooks: Receiver) -> None:
    hooks.behave = lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    assert post(hooks).reason == "What was answered is no HTTP."
    hooks.behave = lambda _handler: None
    assert post(hooks).reason == "The connection was closed before anything was answered."
    hooks.behave = lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\nx: " + b"x" * 300_000)
    assert post(hooks).reason == "What was answered is no HTTP."
    assert post(hooks, "https://127.0.0.1:8443/").reason == "Nothing listens there: the connection was refused."


class _Proxy(socketserver.BaseRequestHandler):
    """Connects to the receiver whatever it is asked for, and remembers that."""

    asked: list[str]
    place: tuple[str, int]
    lets_through: bool

    def handle(self) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.request.recv(4096)
        self.asked.append(head.decode().split("\r\n")[0])
        if not self.lets_through:
            self.request.sendall(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
            return
        with socket.create_connection(self.place) as other:
            self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            thread = threading.Thread(target=_copy, args=(other, self.request), daemon=True)
            thread.start()
            _copy(self.request, other)
            thread.join(2)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(4096):
            sink.sendall(part)
        sink.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("lets_through", [True, False])
def test_through_a_proxy(hooks: Receiver, lets_through: bool) -> None:
    asked: list[str] = []
    own = {"asked": asked, "place": (hooks.ip, PORT), "lets_through": lets_through}
    port = free_port()
    with socketserver.ThreadingTCPServer(("127.0.0.1", port), type("_Own", (_Proxy,), own)) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        policy = Policy((LOOPBACK,), proxy=f"http://127.0.0.1:{port}")
        answer = post(hooks, f"https://hooks.example:{PORT}/in", policy)
        server.shutdown()

    assert asked == [f"CONNECT hooks.example:{PORT} HTTP/1.1"]
    assert answer.arrived is lets_through
    assert len(hooks.calls) == lets_through
    if not lets_through:
        assert answer.reason == "The proxy of this server did not let the call through."
