"""Processes that are killed while they look after webhooks. They import little, so that they begin soon."""

import ssl
import time
from pathlib import Path
from unittest.mock import patch

from auditweb.webhooks import outbox
from auditweb.webhooks.delivering import deliver
from auditweb.webhooks.sending import Caller
from auditweb.webhooks.watch import Watcher
from tests.ledgers import server_engine
from tests.receivers import ALLOWING


def send_and_wait(url: str, trust: str, arrived: str) -> None:
    """Send what is due, touch *arrived* once it has been answered, and never get as far as noting that."""

    def never(_engine: object, claimed: object, answer: object) -> bool:
        Path(arrived).touch()
        time.sleep(600)
        return False

    patch.object(outbox, "note", never).start()
    with server_engine(url) as engine:
        (due,) = outbox.due(engine)
        claimed = outbox.claim(engine, due)
        assert claimed is not None
        caller = Caller(ALLOWING, ssl.create_default_context(cafile=trust))
        deliver(engine, caller, lambda _slug: "https://audit.example.org", claimed)


def look_without_end(url: str) -> None:
    """Write down what is new, again and again, until killed."""
    with server_engine(url) as engine:
        watcher = Watcher(engine)
        while True:
            watcher.look()
