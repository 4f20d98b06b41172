"""Reviewing without end: a thread of the server, of which one among all workers and machines is at work."""

import threading
from typing import Final

import structlog
from sqlalchemy import Engine

from auditweb import database
from auditweb.insights.detectors.desk import SpotOf
from auditweb.insights.runs import Review
from auditweb.ledger.locks import only_one

PAUSE: Final = 2.0  # seconds between looks at the logs
_PAUSE_AFTER_FAILURE: Final = 10.0

_log = structlog.stdlib.get_logger("auditweb.review")


def watch(engine: Engine, stopping: threading.Event, spot_of: SpotOf = lambda _: None) -> None:
    """Review whatever is sealed until *stopping* is set. Failures are logged, and it is tried again."""
    while not stopping.is_set():
        try:
            with only_one(engine, "review") as leads:
                review = Review(engine, spot_of)
                while leads() and not stopping.is_set():
                    review.run(stopped=stopping.is_set)
                    stopping.wait(PAUSE)
        except Exception:  # noqa: BLE001 - whatever it was, logs must be reviewed once it is over
            _log.exception("reviewing failed")
            stopping.wait(_PAUSE_AFTER_FAILURE)
        stopping.wait(PAUSE)


class ReviewThread(threading.Thread):
    """Reviews the logs of the database at *url* for as long as the process serves."""

    def __init__(self, url: str, spot_of: SpotOf = lambda _: None) -> None:
        super().__init__(name="review", daemon=True)
        self._url = url
        self._spot_of = spot_of
        self._stopping = threading.Event()

    def run(self) -> None:
        with database.patient_engine(self._url) as engine:
            watch(engine, self._stopping, self._spot_of)

    def stop(self, *, within: float) -> None:
        """Let the stretch under way be the last; wait so many seconds for it at most."""
        self._stopping.set()
        self.join(within)
