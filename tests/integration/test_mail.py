"""Mail: a real session with a real server, and what becomes of messages that are not taken."""

from collections.abc import Iterator

import pytest

from auditweb.mail import Mailer, Message, Server
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
