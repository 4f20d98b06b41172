"""
Calling the address of a webhook: only where it was checked to lead, once, and for a few seconds at most.

Redirects are not followed. What is answered is not kept, nor told to anybody: it could be of a place that only this
server reaches.
"""

import socket
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpcore

from auditweb.webhooks import targets
from auditweb.webhooks.targets import Address, Policy, Target, TargetError

TIMEOUT: Final = 5.0  # seconds, for everything
MOST_READ: Final = 64 * 1024  # bytes
USER_AGENT: Final = "auditweb-webhooks/1"

_AT_ONCE: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a call: the *status* that was answered, or none and the *reason* for it in a sentence."""

    status: int | None
    reason: str = ""

    @property
    def arrived(self) -> bool:
        return self.status is not None and 200 <= self.status < 300 and not self.reason


class Caller:
    """What calls addresses by the *policy* of this server, and trusts the certificates that *trust* does."""

    def __init__(self, policy: Policy, trust: ssl.SSLContext | None = None) -> None:
        self._policy = policy
        self._trust = trust or ssl.create_default_context()

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send *body* to *url*, and return what became of it."""
        deadline = time.monotonic() + TIMEOUT
        try:
            target = Target.parse(url)
            addresses = targets.resolve(target, self._policy, within=_left(deadline))
            return self._post(target, addresses, {**headers, "user-agent": USER_AGENT}, body, deadline)
        except TargetError as error:
            return Answer(None, str(error))
        except (TimeoutError, httpcore.TimeoutException):
            return Answer(None, f"There was no answer within {TIMEOUT:.0f} seconds.")
        except ssl.SSLCertVerificationError as error:
            return Answer(None, f"The certificate cannot be trusted: {error.verify_message.rstrip('.')}.")
        except (OSError, httpcore.NetworkError) as error:
            return Answer(None, _why(error))
        except httpcore.ProxyError:
            return Answer(None, "The proxy of this server did not let the call through.")
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol):
            return Answer(None, "What was answered is no HTTP.")

    def _post(
        self, target: Target, addresses: Sequence[Address], headers: Mapping[str, str], body: bytes, deadline: float
    ) -> Answer:
        url = httpcore.URL(scheme=b"https", host=target.host.encode(), port=target.port, target=target.path.encode())
        given = [("host", target.authority), ("content-length", str(len(body))), *headers.items()]
        with self._way(addresses, deadline) as way, way.stream("POST", url, headers=given, content=body) as response:
            size = 0
            for part in response.iter_stream():
                size += len(part)
                if size > MOST_READ:
                    break  # the status is known: nothing else of it matters
                _left(deadline)
            return Answer(response.status)

    def _way(self, addresses: Sequence[Address], deadline: float) -> httpcore.ConnectionPool:
        if self._policy.proxy:
            proxy = httpcore.URL(self._policy.proxy)
            return httpcore.HTTPProxy(proxy, ssl_context=self._trust, network_backend=_Network((), deadline))
        return httpcore.ConnectionPool(
            ssl_context=self._trust, network_backend=_Network(addresses, deadline), max_connections=1
        )


class _Network(httpcore.NetworkBackend):
    """Connects to *addresses* whatever name it is given, if there are any; nothing it does outlasts the *deadline*."""

    def __init__(self, addresses: Sequence[Address], deadline: float) -> None:
        self._addresses = addresses
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        places = [str(address) for address in self._addresses] or [host]
        for left in range(len(places), 0, -1):
            try:
                # The first of several that does not answer leaves time for the others.
                made = socket.create_connection((places[-left], port), _left(self._deadline) / left)
            except OSError:
                if left == 1:
                    raise
            else:
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return _Stream(made, self._deadline)
        raise AssertionError("there was no address")


class _Stream(httpcore.NetworkStream):
    """
    A connection on which nothing outlasts the *deadline*, however little at a time is sent or taken.

    What is written is sent when an answer is waited for, in one piece: a receiver that answers and closes without
    reading on has a short body then, so that its answer is not lost with what it left unread.
    """

    def __init__(self, made: socket.socket, deadline: float) -> None:
        self._socket = made
        self._deadline = deadline
        self._unsent = b""
        self._was_answered = False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._send()
        self._socket.settimeout(_left(self._deadline))
        part = self._socket.recv(min(max_bytes, _AT_ONCE))
        if not part and not self._was_answered:
            raise ConnectionAbortedError
        self._was_answered = True
        return part

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._unsent += buffer

    def _send(self) -> None:
        buffer, self._unsent = self._unsent, b""
        while buffer:
            self._socket.settimeout(_left(self._deadline))
            try:
                buffer = buffer[self._socket.send(buffer) :]
            except TimeoutError:
                raise
            except OSError:
                break  # what was answered before may still be read

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        self._socket.settimeout(_left(self._deadline))  # of the whole handshake
        try:
            secured = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except BaseException:
            self.close()
            raise
        return _Stream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._socket if info == "socket" else None


def _left(deadline: float) -> float:
    """Return how many seconds are left; TimeoutError if none are."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _why(error: Exception) -> str:
    if isinstance(error, ConnectionAbortedError):
        return "The connection was closed before anything was answered."
    if isinstance(error, ConnectionRefusedError):
        return "Nothing listens there: the connection was refused."
    if isinstance(error, ssl.SSLError):
        return "No encrypted connection could be made there."
    return "The connection broke down."
