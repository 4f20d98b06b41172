"""The mail server of this app, where one is set up."""

import threading
from collections.abc import Sequence

import structlog
from flask import Flask, current_app

from auditweb import mail
from auditweb.config import Settings
from auditweb.mail import Mailer, Message

_KEY = "auditweb.mailer"
_log = structlog.stdlib.get_logger(__name__)


def init_app(app: Flask, settings: Settings) -> None:
    if settings.smtp_url and settings.mail_from:
        app.extensions[_KEY] = Mailer(mail.Server.parse(settings.smtp_url), settings.mail_from)


def mailer() -> Mailer | None:
    """Return what sends mail, or None where no mail server is set up: links are then shown, to be passed on."""
    found = current_app.extensions.get(_KEY)
    return found if isinstance(found, Mailer) else None


def send_later(messages: Sequence[Message]) -> None:
    """
    Hand *messages*, which may be none, to the mail server while the request goes on: it takes no longer for them.

    What has to be in the database for them is committed before.
    """
    if sender := mailer():
        threading.Thread(target=_send, args=(sender, messages), name="mail", daemon=True).start()


def _send(sender: Mailer, messages: Sequence[Message]) -> None:
    try:
        if messages:
            sender.send(messages)
    except Exception:  # noqa: BLE001 - nobody waits for this thread: what goes wrong is told in the log
        _log.exception("mail not sent")
