"""What is no proper http: answered as the sender's fault, and kept out of the log."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from flask.testing import FlaskClient

from tests.servers import LiveServer


@contextmanager
def connection(server: LiveServer) -> Iterator[socket.socket]:
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as opened:
        yield opened


def status_of(server: LiveServer, request: bytes) -> int:
    with connection(server) as opened:
        opened.sendall(request.replace(b"\n", b"\r\n"))
        return int(opened.recv(4096).split()[1])


def test_a_body_that_is_no_http_is_the_senders_fault(live_server: LiveServer) -> None:
    head = b"POST /sign-in HTTP/1.1\nHost: localhost\nContent-Type: application/x-www-form-urlencoded\n"
    for body in (b"ZZ\nabc\n0\n\n", b"-5\nabc\n0\n\n", b"3\nabcdef\n0\n\n"):
        assert status_of(live_server, head + b"Transfer-Encoding: chunked\n\n" + body) == 400


def test_nothing_of_a_request_that_cannot_be_read_gets_into_the_log(live_server: LiveServer) -> None:
    assert status_of(live_server, b"GET /sign-in?token=SECRET1\n\n") == 400
    assert status_of(live_server, b"GET / HTTP/1.1\nHost: localhost\nSECRET2\n\n") == 400
    assert status_of(live_server, b"GET /help/audit-log?token=SECRET3 HTTP/1.1\nHost: localhost\n\n") == 200

    log = live_server.output.read_text()
    assert "what was sent is not http" in log
    assert "SECRET" not in log


def test_a_forged_cookie_of_a_kind_never_given_out_is_not_read(client: FlaskClient) -> None:
    answer = client.get("/help/audit-log", headers={"Cookie": "remember_token=\u00e9|\u00e9"})

    assert answer.status_code == 200
