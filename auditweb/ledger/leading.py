"""Work without end: threads of the server, of which one among all workers and machines does each work at a time."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import structlog
from sqlalchemy import Engine

from auditweb import database
from auditweb.ledger.locks import Work, only_one

PAUSE_AFTER_FAILURE = 5.0  # seconds

_log = structlog.stdlib.get_logger("auditweb.work")

Begin = Callable[[], AbstractContextManager[Callable[[], object]]]
"""Makes ready for a work, and gives what does as much of it as there is."""


def keep_at(engine: Engine, work: Work, stopping: threading.Event, begin: Begin, *, pause: float) -> None:
    """
    Do a *work* whenever nobody else does, with a *pause* of so many seconds in between, until *stopping* is set.

    Failures are logged, and it is begun again.
    """
    while not stopping.is_set():
        try:
            with only_one(engine, work) as leads, begin() as do_what_there_is:
                while leads() and not stopping.is_set():
                    do_what_there_is()
                    stopping.wait(pause)
        except Exception:  # noqa: BLE001 - whatever it was, the work must be done once it is over
            _log.exception("work failed", work=work)
            stopping.wait(PAUSE_AFTER_FAILURE)
        stopping.wait(pause)


class ServerThread(threading.Thread):
    """Works on the database at *url* for as long as the process serves, or until it is told to stop."""

    def __init__(self, name: str, url: str, work: Callable[[Engine, threading.Event], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._url = url
        self._work = work
        self._stopping = threading.Event()

    def run(self) -> None:
        with database.patient_engine(self._url) as engine:
            self._work(engine, self._stopping)

    def tell_to_stop(self) -> None:
        """Let what is under way be the last, without waiting for it."""
        self._stopping.set()

    def stop(self, *, within: float) -> None:
        """Let what is under way be the last; wait so many seconds for it at most."""
        self.tell_to_stop()
        self.join(within)
