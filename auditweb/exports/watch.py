"""
Looking after exports without end: a thread of the server, of which one among all workers and machines is at work.

It starts processes for what waits, has done again what a process left that was killed, and deletes what is past its
time. While nothing is asked for, it asks the database one short question a second.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Final

import structlog
from sqlalchemy import Engine

from auditweb import database
from auditweb.exports import keeping, work
from auditweb.exports.jobs import EXPORTER
from auditweb.exports.workers import Crew
from auditweb.ledger.locks import only_one

PAUSE: Final = 1.0  # seconds between looks
TIDY_EVERY: Final = 60.0
_PAUSE_AFTER_FAILURE: Final = 5.0

_log = structlog.stdlib.get_logger("auditweb.exports")


def watch(
    engine: Engine, folder: Path, crew: Crew, stopping: threading.Event, tidy_more: Callable[[Engine], object]
) -> None:
    """
    Look after exports until *stopping* is set, and *tidy_more* every minute.

    Failures are logged, and it is tried again.
    """
    while not stopping.is_set():
        try:
            with only_one(engine, "exports") as leads:
                tidied_at = -TIDY_EVERY
                while leads() and not stopping.is_set():
                    look(engine, folder, crew)
                    if monotonic() - tidied_at >= TIDY_EVERY:
                        keeping.expire(engine, folder, actor=EXPORTER)
                        keeping.tidy(engine, folder)
                        tidy_more(engine)
                        tidied_at = monotonic()
                    stopping.wait(PAUSE)
        except Exception:  # noqa: BLE001 - whatever it was, exports must be prepared once it is over
            _log.exception("looking after exports failed")
            stopping.wait(_PAUSE_AFTER_FAILURE)
        stopping.wait(PAUSE)


def look(engine: Engine, folder: Path, crew: Crew) -> None:
    """Take exports away from processes that are gone, and start one for what waits, if there is a place for it."""
    work.revive(engine, folder)
    if crew.has_place() and work.is_claimable(engine):
        crew.start_one()


class ExportsThread(threading.Thread):
    """Looks after the exports of the database at *url* for as long as the process serves."""

    def __init__(
        self, url: str, data_dir: Path, crew: Callable[[], Crew], *, tidy_more: Callable[[Engine], object]
    ) -> None:
        super().__init__(name="exports", daemon=True)
        self._url = url
        self._data_dir = data_dir
        self._make_crew = crew
        self._tidy_more = tidy_more
        self._stopping = threading.Event()

    def run(self) -> None:
        crew = self._make_crew()
        with database.patient_engine(self._url) as engine:
            try:
                watch(engine, keeping.folder_in(self._data_dir), crew, self._stopping, self._tidy_more)
            finally:
                crew.dismiss()

    def tell_to_stop(self) -> None:
        """Leave what is under way to a later process, without waiting until it is left."""
        self._stopping.set()

    def stop(self, *, within: float) -> None:
        """Leave what is under way to a later process; wait so many seconds for it at most."""
        self.tell_to_stop()
        self.join(within)
