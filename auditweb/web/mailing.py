"""The mail server of this app, where one is set up."""

from flask import Flask, current_app

from auditweb import mail
from auditweb.config import Settings
from auditweb.mail import Mailer

_KEY = "auditweb.mailer"


def init_app(app: Flask, settings: Settings) -> None:
    if settings.smtp_url and settings.mail_from:
        app.extensions[_KEY] = Mailer(mail.Server.parse(settings.smtp_url), settings.mail_from)


def mailer() -> Mailer | None:
    """Return what sends mail, or None where no mail server is set up: links are then shown, to be passed on."""
    found = current_app.extensions.get(_KEY)
    return found if isinstance(found, Mailer) else None
