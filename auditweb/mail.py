"""Mail by SMTP: plain texts to one person each, in one session with the server."""

import re
import smtplib
import ssl
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from email.errors import MessageError
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import Policy
from email.utils import formatdate, make_msgid
from typing import Self
from urllib.parse import unquote, urlsplit

import structlog

TIMEOUT = 10  # seconds for each answer of the server

_LONGEST_LINE = 76
_ADDRESS = re.compile(r"[^@\s\"<>,;:()\[\]\\]{1,64}@[^@\s\"<>,;:()\[\]\\]{1,189}")
_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """A text for one reader. *to* is a plain address; in a *subject* no control characters are taken."""

    to: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Server:
    """
    Where mail is handed in: smtp://user:password@host:587 or smtps://host:465.

    With smtp the session is encrypted (STARTTLS) as soon as there is a password, or the server offers it.
    """

    host: str
    port: int
    user: str
    password: str
    tls: bool

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read an address; ValueError if it cannot be meant."""
        wrong = ValueError("must be smtp://user:password@host:587, or smtps:// where the server speaks TLS at once")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise wrong from None
        tls = parts.scheme == "smtps"
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path not in ("", "/"):
            raise wrong
        port = port or (465 if tls else 587)
        return cls(parts.hostname, port, unquote(parts.username or ""), unquote(parts.password or ""), tls)


@dataclass(frozen=True, slots=True)
class Mailer:
    """What sends messages from one address."""

    server: Server
    sender: str

    def send(self, messages: Sequence[Message]) -> frozenset[str]:
        """Hand *messages* in and return the addresses whose message was not taken; what happened is logged."""
        left = {message.to for message in messages}
        try:
            with self._session() as session:
                for message in messages:
                    if self._hand_in(session, message):
                        left.discard(message.to)
        except (OSError, smtplib.SMTPException) as error:
            _log.warning("mail server failed", host=self.server.host, error=type(error).__name__)
        return frozenset(left)

    def _hand_in(self, session: smtplib.SMTP, message: Message) -> bool:
        """Tell whether *message* could be written and was taken. Whatever is wrong with it keeps no other one back."""
        try:
            session.send_message(self._written(message))
        except smtplib.SMTPResponseException as error:
            _log.warning("mail refused", code=error.smtp_code)
        except smtplib.SMTPRecipientsRefused:
            _log.warning("mail refused", code="recipient")
        except OSError:
            raise  # it is the session that failed
        except Exception:  # noqa: BLE001 - what others typed stands in it, and what it is for is in the database by now
            _log.exception("mail not written")
        else:
            return True
        return False

    def _session(self) -> smtplib.SMTP:
        server, context = self.server, ssl.create_default_context()
        if server.tls:
            session: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT, context=context)
        else:
            session = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT)
        try:
            session.ehlo()
            if not server.tls and (server.user or session.has_extn("starttls")):
                session.starttls(context=context)  # a password never goes out in the clear
            if server.user:
                session.login(server.user, server.password)
        except BaseException:
            session.close()
            raise
        return session

    def _written(self, message: Message) -> EmailMessage:
        written = EmailMessage()
        written["From"] = Address("ImportOps", addr_spec=self.sender)
        written["To"] = Address(addr_spec=message.to)
        written["Subject"] = _Subject(message.subject)
        written["Date"] = formatdate(localtime=False)
        written["Message-ID"] = make_msgid(domain=self.sender.rpartition("@")[2])
        written["Auto-Submitted"] = "auto-generated"
        written.set_content(message.text)
        return written


class _Subject(str):
    """
    A subject as its reader is to see it, in the shape that EmailMessage takes for a header which is ready.

    Of a plain string it would decode what looks like an encoded word, and write what came of it as lines of its own.
    """

    name = "Subject"

    def __init__(self, text: str) -> None:
        if any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") for letter in text):
            raise ValueError("a subject has no control characters")

    def fold(self, *, policy: Policy) -> str:
        """Return the header's lines; what could be read as something else is encoded, so that nobody does."""
        plain = self.isascii() and "=?" not in self and max(map(len, self.split()), default=0) < _LONGEST_LINE // 2
        header = Header(self, None if plain else "utf-8", _LONGEST_LINE, self.name)
        return f"{self.name}: {header.encode(linesep=policy.linesep)}{policy.linesep}"


def is_address(text: str) -> bool:
    """Tell whether *text* can be an e-mail address that every mail server takes."""
    if not text.isascii() or not _ADDRESS.fullmatch(text) or "." not in text.rpartition("@")[2].strip("."):
        return False
    if "=?" in text:  # it would be decoded, and not be the same address any more
        return False
    try:
        Address(addr_spec=text)  # what no message could be written to, such as a..b@example.org
    except (MessageError, ValueError):
        return False
    return True
