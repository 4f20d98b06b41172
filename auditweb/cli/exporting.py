"""What the server looks after beside the log: processes that prepare exports, and shares whose time is over."""

import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import partial

from auditweb.app import create_app
from auditweb.config import Settings
from auditweb.exports import keeping
from auditweb.exports.watch import exports_thread
from auditweb.exports.work import work
from auditweb.exports.workers import Crew, be_patient, most_at_once, watch_input, working
from auditweb.extensions import db
from auditweb.ledger.leading import ServerThread
from auditweb.sharing import expiring

NAME = "prepare-exports"


def thread_of(settings: Settings) -> ServerThread:
    """Return what looks after exports, and ends shares, for as long as this process runs."""
    crew = partial(Crew, _command(), _environ(settings), most_at_once())
    return exports_thread(settings.database_url, settings.data_dir, crew, tidy_more=expiring.close_all)


def prepare(settings: Settings) -> None:
    """
    Prepare exports until none waits any more, or whoever started this process is gone.

    Stopped, it leaves what it was at to another: nothing counts that was not finished.
    """
    be_patient()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    watch_input(stopping, sys.stdin.fileno())
    folder = keeping.folder_in(settings.data_dir)
    with create_app(settings).app_context(), working(folder) as worker:
        try:
            work(db.engine, folder, worker, stopping)
        finally:
            db.session.remove()
            db.engine.dispose()


def _command() -> Sequence[str]:
    return [sys.executable, "-m", "auditweb.cli", NAME]


def _environ(settings: Settings) -> Mapping[str, str]:
    """Return the environment in which a process has the same database, which need not be that of the environment."""
    own = {"AUDITWEB_DATABASE_URL": settings.database_url, "AUDITWEB_DATA_DIR": str(settings.data_dir)}
    return {**os.environ, **own}
