"""Mail: a real session with a real server, and what becomes of messages that are not taken."""

from collections.abc import Iterator
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import compat32

import pytest

from auditweb.mail import Mailer, Message, Server, is_address
from tests.mail_servers import SENDER, MailServer, mail_server
from tests.servers import free_port

EVIL = "=?utf-8?q?=0d=0aReply-To:_e@evil.example=0aContent-Type:text/html=0a=0a<a_href=//evil.example>Go</a>?="
HEADERS = {
    *("from", "to", "subject", "date", "message-id", "auto-submitted"),
    *("content-type", "content-transfer-encoding", "mime-version"),
}
ADA = Message("ada@northgate.example", "Your link", "Zoë’s text\n\nhttps://audit.example.org/x\n")


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


def test_messages_arrive_as_they_were_written(mail: MailServer) -> None:
    tom = Message("tom@northgate.example", "Another", "More\n")

    assert Mailer(Server.parse(mail.url), SENDER).send([ADA, tom]) == frozenset()

    first, second = mail.wait_for(2)
    assert (first["To"], first["From"], first["Subject"]) == (ADA.to, f"ImportOps <{SENDER}>", ADA.subject)
    assert first.get_content().replace("\r\n", "\n") == ADA.text
    assert (first["Auto-Submitted"], first["Message-ID"] != second["Message-ID"]) == ("auto-generated", True)


@pytest.mark.parametrize(
    "subject",
    [
        EVIL,
        f"{EVIL} invites you to {EVIL}",
        f"Ada invites you to {EVIL}",
        "=?utf-8?b?DQpCY2M6IGVAZXZpbC5leGFtcGxlDQo=?= invites you to =?iso-8859-1?q?=0D=0A=0D=0AHello?=",
        "a=?utf-8?q?=0abcc:e@evil.example?=b",
        "=?utf-8?q?a",
        "?= =? =?",
        "Zoë 佐藤 花 invites you to Nørthgåte 株式会社 🚚",
        "Zoë =?utf-8?q?=0ax:_y?= invites you to Москва",
        f"{'Hana Satō ' * 10}invites you to {'日本' * 33}",
        f"{'Plain words of ASCII ' * 12}end",
        "x" * 220,
        "Two  blanks, and\\u{202e} a\\r\\n",
    ],
)
def test_a_subject_is_read_as_it_was_written(mail: MailServer, subject: str) -> None:
    """Whatever people and organisations call themselves: it is no header, and no body."""
    assert Mailer(Server.parse(mail.url), SENDER).send([Message(ADA.to, subject, ADA.text)]) == frozenset()

    (message,) = mail.wait_for()
    decoded = make_header(decode_header(message_from_bytes(bytes(message), policy=compat32)["Subject"]))
    assert (message["Subject"], str(decoded).replace("\n ", " ")) == (subject, subject)
    assert message.get_content().replace("\r\n", "\n") == ADA.text
    assert {name.lower() for name in message} == HEADERS
    assert max(map(len, mail.raw[0].split(b"\r\n"))) < 80


def test_a_message_that_cannot_be_written_keeps_no_other_back(mail: MailServer) -> None:
    wrong = [
        Message("a@x.example", "Your\nBcc: eve@x.example", "Text"),
        Message("b@x.example", "Your\x00link", "Text"),
        Message("c@x.example", "Your\u2028link", "Text"),
        Message("d@x.example", "Your link", "\ud800"),
        Message("=?utf-8?q?=0aBcc=3ae?=@x.example", "Your link", "Text"),
    ]

    assert Mailer(Server.parse(mail.url), SENDER).send([*wrong, ADA]) == {message.to for message in wrong}
    assert [message["To"] for message in mail.wait_for()] == [ADA.to]


def test_a_message_that_is_not_taken_keeps_no_other_back(mail: MailServer) -> None:
    tom = Message("tom@northgate.example", "Another", "More\n")
    mail.refused.add(ADA.to)

    assert Mailer(Server.parse(mail.url), SENDER).send([ADA, tom]) == {ADA.to}
    assert [message["To"] for message in mail.wait_for()] == [tom.to]


def test_without_the_server_no_message_is_taken() -> None:
    nowhere = Server.parse(f"smtp://127.0.0.1:{free_port()}")

    assert Mailer(nowhere, SENDER).send([ADA]) == {ADA.to}


@pytest.mark.parametrize(
    "text", ["ada@x.example", "a.b+c=d@x.example", "o'brien@x-y.example", "a|b@x.example", "x" * 64 + "@x.example"]
)
def test_mail_can_be_sent_to_whatever_passes_for_an_address(mail: MailServer, text: str) -> None:
    assert is_address(text)
    assert Mailer(Server.parse(mail.url), SENDER).send([Message(text, "Your link", "Here it is.")]) == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        "", "ada", "ada@", "@x.example", "ada@example", "ada@x.example.", "ada@.example", "ada@x..example",
        "a..b@x.example", ".a@x.example", "a.@x.example", "a b@x.example", "a@x.example\n", "<a@x.example>",
        "a,b@x.example", "a@b@x.example", "zoë@x.example", "a\u202eb@x.example", "a\x7fb@x.example", "a\0@x.example",
        "x" * 65 + "@x.example", "=?utf-8?q?=0aBcc=3ae?=@x.example",
    ],
)  # fmt: skip
def test_what_no_message_can_be_written_to_is_no_address(text: str) -> None:
    assert not is_address(text)
