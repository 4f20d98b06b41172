"""
Looking after exports without end: a thread of the server, of which one among all workers and machines is at work.

It starts processes for what waits, has done again what a process left that was killed, and deletes what is past its
time. While nothing is asked for, it asks the database one short question a second.
"""

import threading
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final

from sqlalchemy import Engine

from auditweb.exports import keeping, work
from auditweb.exports.jobs import EXPORTER
from auditweb.exports.workers import Crew
from auditweb.ledger.leading import ServerThread, keep_at

PAUSE: Final = 1.0  # seconds between looks
TIDY_EVERY: Final = 60.0


def watch(
    engine: Engine,
    stopping: threading.Event,
    *,
    data_dir: Path,
    make_crew: Callable[[], Crew],
    tidy_more: Callable[[Engine], object],
) -> None:
    """Look after the exports in *data_dir* until *stopping* is set, and *tidy_more* every minute."""
    crew, folder = make_crew(), keeping.folder_in(data_dir)
    tidied_at = -TIDY_EVERY

    def look_after_them() -> None:
        nonlocal tidied_at
        look(engine, folder, crew)
        if monotonic() - tidied_at >= TIDY_EVERY:
            keeping.expire(engine, folder, actor=EXPORTER)
            keeping.tidy(engine, folder)
            tidy_more(engine)
            tidied_at = monotonic()

    try:
        keep_at(engine, "exports", stopping, lambda: nullcontext(look_after_them), pause=PAUSE)
    finally:
        crew.dismiss()


def look(engine: Engine, folder: Path, crew: Crew) -> None:
    """Take exports away from processes that are gone, and start one for what waits, if there is a place for it."""
    work.revive(engine, folder)
    if crew.has_place() and work.is_claimable(engine):
        crew.start_one()


def exports_thread(
    url: str, data_dir: Path, make_crew: Callable[[], Crew], *, tidy_more: Callable[[Engine], object]
) -> ServerThread:
    """Return what looks after the exports of the database at *url*; stopped, it leaves those under way to another."""
    return ServerThread("exports", url, partial(watch, data_dir=data_dir, make_crew=make_crew, tidy_more=tidy_more))
