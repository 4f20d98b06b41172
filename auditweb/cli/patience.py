"""
gunicorn's worker, with an end to its patience.

Whoever sends slowly, or takes slowly what is sent, would keep one of its few threads for ever.
"""

import errno
import socket
import struct
from contextlib import suppress
from time import monotonic
from typing import Any

from gunicorn.http import get_parser
from gunicorn.http.body import LengthReader
from gunicorn.workers.gthread import ThreadWorker

HEAD = 5  # seconds that the head of a request may take, from its first byte to its last
PATIENCE = 60  # seconds that a thread waits for the next bytes of a body
GOODBYE = 1  # a second for the other side to close a connection after the last answer
BODY, PACE = 20, 500  # a body whose length was told may take so many seconds, and one more for so many bytes
ANSWER, LEAST = 60, 4_000  # so many seconds may a reader stand still; who takes fewer bytes a second uses these up

_AT_ONCE = 64 * 1024  # bytes of an answer
_UNSENT = 128 * 1024  # bytes of it that may wait in the kernel: as long as they do, nobody has taken them
_AT_ONCE_AND_FOR_GOOD = struct.pack("ii", 1, 0)  # how a connection is closed without what is still to be sent


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """
    Hangs up on those who take too long.

    A body whose length was not told may come as slowly as what it tells of happens, as long as it goes on.
    """

    def handle(self, conn: Any) -> Any:
        """Read and answer one request."""
        if conn.parser is None:
            conn.parser = get_parser(self.cfg, conn.sock, conn.client)
        conn.parser.unreader.sock = Source(conn.sock, HEAD)
        goes_on = super().handle(conn)
        if not goes_on:
            _say_goodbye(conn.sock)
        return goes_on

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request whose head was read."""
        is_whole = isinstance(req.body.reader, LengthReader)
        conn.sock.settimeout(PATIENCE)
        sock = conn.sock
        conn.parser.unreader.sock = Source(sock, BODY, PACE) if is_whole else sock
        conn.sock = Outlet(sock, ANSWER, LEAST)
        try:
            return super().handle_request(req, conn)
        finally:
            conn.sock = conn.parser.unreader.sock = sock


class Source:
    """A socket that may be read from for so many *seconds*, and longer by as much as comes at this *pace* a second."""

    def __init__(self, sock: socket.socket, seconds: float, pace: float = float("inf")) -> None:
        self._sock = sock
        self._seconds = seconds
        self._pace = pace
        self._began: float | None = None
        self._received = 0

    def recv(self, size: int) -> bytes:
        """Read as from a socket; for one who is too slow the connection is gone."""
        now = monotonic()
        if self._began is None:
            self._began = now
        left = self._began + self._seconds + self._received / self._pace - now
        try:
            self._sock.settimeout(max(left, 0))
            received = self._sock.recv(size) if left > 0 else None
        except TimeoutError:
            received = None
        finally:
            self._sock.settimeout(PATIENCE)
        if received is None:
            self._sock.shutdown(socket.SHUT_RD)
            raise ConnectionResetError(errno.ECONNRESET, "what was sent came too slowly")
        self._received += len(received)
        return received


class Outlet:
    """
    A socket that is written to as long as what comes is taken at this *pace* a second.

    A reader may fall behind by so many *seconds*, however fast they were before. Then the connection is reset, so that
    what they have of the answer cannot pass for all of it, whether or not its length was told.
    """

    def __init__(self, sock: socket.socket, seconds: float, pace: float) -> None:
        self._sock = sock
        self._seconds = self._left = seconds
        self._pace = pace
        with suppress(OSError):  # it is no TCP connection
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def sendall(self, data: bytes) -> None:
        """Send as on a socket; from one who is too slow the connection is taken away."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._send(rest[:_AT_ONCE]) :]

    def _send(self, data: memoryview) -> int:
        began = monotonic()
        self._sock.settimeout(max(self._left, 0.001))
        try:
            sent = self._sock.send(data)
        except TimeoutError:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE_AND_FOR_GOOD)
            self._sock.close()
            raise ConnectionResetError(errno.ECONNRESET, "what was sent was taken too slowly") from None
        self._sock.settimeout(PATIENCE)
        self._left = min(self._left - (monotonic() - began) + sent / self._pace, self._seconds)
        return sent


def _say_goodbye(sock: socket.socket) -> None:
    """
    Wait a moment for the other side to have read its answer, until it closes the connection.

    gunicorn does so in the thread that takes connections, where each that is not closed would keep all others waiting.
    """
    until = monotonic() + GOODBYE
    with suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
        while (left := until - monotonic()) > 0:
            sock.settimeout(left)
            if not sock.recv(65536):
                break
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RD)  # for gunicorn, who then finds the end of it
