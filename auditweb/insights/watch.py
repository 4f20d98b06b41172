"""Reviewing without end."""

import threading
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Final

from sqlalchemy import Engine

from auditweb.insights.detectors.desk import SpotOf
from auditweb.insights.runs import Review
from auditweb.ledger.leading import ServerThread, keep_at

PAUSE: Final = 2.0  # seconds between looks at the logs


def watch(engine: Engine, stopping: threading.Event, spot_of: SpotOf = lambda _: None) -> None:
    """Review whatever is sealed until *stopping* is set."""

    def begin() -> AbstractContextManager[partial[int]]:
        return nullcontext(partial(Review(engine, spot_of).run, stopped=stopping.is_set))

    keep_at(engine, "review", stopping, begin, pause=PAUSE)


def review_thread(url: str, spot_of: SpotOf = lambda _: None) -> ServerThread:
    """Return what reviews the logs of the database at *url*."""
    return ServerThread("review", url, partial(watch, spot_of=spot_of))
