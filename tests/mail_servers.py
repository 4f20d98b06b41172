"""A mail server for tests: it speaks SMTP on a free port of this machine, and keeps what it was given."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.servers import free_port

SENDER = "auditweb@example.org"


@dataclass
class MailServer:
    """A running server: its address as a setting, what has arrived (*raw*: as it came), whose mail it does not take."""

    url: str
    messages: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    @property
    def settings(self) -> dict[str, str]:
        """What to set so that an app sends its mail here."""
        return {"smtp_url": self.url, "mail_from": SENDER}

    def wait_for(self, number: int = 1, seconds: float = 10) -> list[EmailMessage]:
        """Return the messages as soon as *number* of them are there."""
        deadline = time.monotonic() + seconds
        while len(self.messages) < number:
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(self.messages)} of {number} messages have arrived")
            time.sleep(0.005)
        return list(self.messages)

    async def handle_RCPT(  # noqa: N802 - the library calls it so
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refused:
            return "550 no such mailbox here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.original_content or b""
        self.raw.append(content)
        self.messages.append(message_from_bytes(content, policy=policy.default))
        return "250 OK"


class _Controller(Controller):
    """Hangs up on whoever is there when it is stopped: else their sockets stay open until they are found as garbage."""

    def __init__(self, handler: MailServer, port: int) -> None:
        super().__init__(handler, hostname="127.0.0.1", port=port)
        self._made: list[SMTP] = []

    def factory(self) -> SMTP:
        made: SMTP = super().factory()  # type: ignore[no-untyped-call]
        self._made.append(made)
        return made

    def stop(self, no_assert: bool = False) -> None:
        asyncio.run_coroutine_threadsafe(self._hang_up(), self.loop).result(5)
        super().stop(no_assert)

    async def _hang_up(self) -> None:
        if self.server is not None:
            self.server.close()
        give_up_at = time.monotonic() + 2
        await asyncio.sleep(0)
        while any(map(_is_open, self._made)) and time.monotonic() < give_up_at:
            for each in self._made:
                if isinstance(each.transport, asyncio.Transport):
                    each.transport.abort()
            await asyncio.sleep(0.005)  # in which the loop closes them, and whoever was let in gets their connection


def _is_open(made: SMTP) -> bool:
    """Tell whether a connection is to come yet, or has not been closed."""
    if made.session is None:
        return True
    return made.transport is not None and made.transport.get_extra_info("socket").fileno() != -1


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """Run a mail server for the length of the block."""
    port = free_port()
    running = MailServer(f"smtp://127.0.0.1:{port}")
    controller = _Controller(running, port)
    controller.start()
    try:
        yield running
    finally:
        controller.stop()
