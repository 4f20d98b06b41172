"""A receiver of webhooks for tests: it speaks https at an address of its own on this machine, and keeps what came."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from random import SystemRandom
from typing import Any, ClassVar

import trustme
from werkzeug.utils import cached_property

from auditweb.webhooks.sending import Caller
from auditweb.webhooks.targets import Policy

PORT = 8443
LOOPBACK = ip_network("127.0.0.0/8")
ALLOWING = Policy((LOOPBACK,))


@dataclass(frozen=True, slots=True)
class Call:
    """What came in one request."""

    path: str
    headers: dict[str, str]
    body: bytes
    asked_for: str | None

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """
    A running receiver at the address *ip*, whose certificate is for that and for hooks.example.

    *behave* answers instead of it, if it is set; else it says *status*.
    """

    ip: str
    authority: trustme.CA
    calls: list[Call] = field(default_factory=list)
    status: int = 204
    behave: Callable[[BaseHTTPRequestHandler], object] | None = None
    names: list[str | None] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://{self.ip}:{PORT}/in?from=auditweb"

    def caller(self, policy: Policy = ALLOWING) -> Caller:
        """What calls it, and trusts its certificate."""
        return Caller(policy, self._trust)

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        trust = ssl.create_default_context()
        self.authority.configure_trust(trust)
        return trust

    def wait_for(self, number: int = 1, seconds: float = 15) -> list[Call]:
        """Return the calls as soon as *number* of them are there."""
        until = time.monotonic() + seconds
        while len(self.calls) < number:
            assert time.monotonic() < until, f"{len(self.calls)} of {number} calls have come"
            time.sleep(0.005)
        return list(self.calls)


class _Handler(BaseHTTPRequestHandler):
    receiver: ClassVar[Receiver]
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.receiver.calls.append(Call(self.path, headers, body, self.headers["host"]))
        if self.receiver.behave is not None:
            with suppress(OSError):
                self.receiver.behave(self)
            self.close_connection = True
            return
        self.send_response(self.receiver.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def receiver(folder: Path) -> Iterator[Receiver]:
    """Run a receiver for the length of the block; *folder* is for its key."""
    numbers = SystemRandom()
    ip = f"127.{numbers.randrange(1, 255)}.{numbers.randrange(1, 255)}.{numbers.randrange(1, 255)}"
    authority = trustme.CA()
    certificate = authority.issue_cert(ip, "hooks.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    running = Receiver(ip, authority)
    context.sni_callback = lambda _socket, name, _context: running.names.append(name)
    handler = type("_Own", (_Handler,), {"receiver": running})

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def finish_request(self, request: Any, client_address: Any) -> None:
            with suppress(OSError, ssl.SSLError):
                secured = context.wrap_socket(request, server_side=True)
                super().finish_request(secured, client_address)
                secured.close()

    server = Server((ip, PORT), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
