"""Sealing without end: a thread of the server, of which one among all workers and machines does the work at a time."""

import threading
from collections.abc import Callable

import structlog
from sqlalchemy import Engine

from auditweb import database
from auditweb.ledger.locks import only_one
from auditweb.ledger.sealer import Sealer

PAUSE = 0.5  # seconds between looks at the queue
FINISH_IT = "If no repair is at work, one was cut short. Run: auditweb doctor --repair"
_PAUSE_AFTER_FAILURE = 5.0

_log = structlog.stdlib.get_logger("auditweb.sealer")


def watch(engine: Engine, stopping: threading.Event, progress: Callable[[int], object] = lambda _: None) -> None:
    """Seal whatever comes until *stopping* is set. Failures are logged, and it is tried again."""
    sealer = Sealer(engine)
    told: set[int] = set()
    while not stopping.is_set():
        try:
            with only_one(engine, "sealer") as leads:
                while leads() and not stopping.is_set():
                    sealer.run(progress, stopped=stopping.is_set)
                    if held_up := sealer.held_up - told:
                        _log.warning("held_up_by_a_repair", organisations=sorted(held_up), advice=FINISH_IT)
                    told = set(sealer.held_up)
                    stopping.wait(PAUSE)
        except Exception:  # noqa: BLE001 - whatever it was, entries must be sealed once it is over
            _log.exception("sealing failed")
            stopping.wait(_PAUSE_AFTER_FAILURE)
        stopping.wait(PAUSE)


class SealingThread(threading.Thread):
    """Seals the logs of the database at *url* for as long as the process serves."""

    def __init__(self, url: str) -> None:
        super().__init__(name="sealer", daemon=True)
        self._url = url
        self._stopping = threading.Event()

    def run(self) -> None:
        with database.patient_engine(self._url) as engine:
            watch(engine, self._stopping)

    def stop(self, *, within: float) -> None:
        """Let the batch under way be the last; wait so many seconds for it at most."""
        self._stopping.set()
        self.join(within)
