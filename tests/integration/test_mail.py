"""Mail: a real session with a real server, and what becomes of messages that are not taken."""

from collections.abc import Iterator

import pytest

from auditweb.mail import Mailer, Message, Server, is_address
from tests.mail_servers import SENDER, MailServer, mail_server
from tests.servers import free_port

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
        "x" * 65 + "@x.example",
    ],
)  # fmt: skip
def test_what_no_message_can_be_written_to_is_no_address(text: str) -> None:
    assert not is_address(text)
