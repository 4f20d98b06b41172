"""What the server tells others by itself: webhooks of what is new, and people of the week that is over."""

from functools import partial
from urllib.parse import urlsplit

from flask import Flask

from auditweb.config import Settings
from auditweb.ledger.leading import ServerThread
from auditweb.web import mailing
from auditweb.webhooks.sending import Caller
from auditweb.webhooks.targets import Policy
from auditweb.webhooks.watch import webhooks_thread
from auditweb.webhooks.weekly import WeeklyMails


def thread_of(app: Flask, settings: Settings) -> ServerThread:
    """Return what calls webhooks, and writes mails, for as long as this process runs."""
    site = urlsplit(settings.public_url or f"http://{_host(settings)}:{settings.port}")
    addresses = app.url_map.bind(site.netloc, url_scheme=site.scheme)

    def log_of(org_slug: str) -> str:
        return addresses.build("audit_log.index", {"org": org_slug}, force_external=True)

    caller = partial(Caller, Policy.of(settings))

    def setting() -> str:
        return addresses.build("profile.index", force_external=True) + "#weekly-mail"

    mails = WeeklyMails(log_of, setting)

    def send_mails() -> None:
        with app.app_context():
            if mailer := mailing.mailer():
                mails.send(mailer)

    return webhooks_thread(settings.database_url, caller, log_of, more=send_mails)


def _host(settings: Settings) -> str:
    return f"[{settings.host}]" if ":" in settings.host else settings.host
