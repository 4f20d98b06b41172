"""
What holds a thread of a worker for long: waiting for news and streaming. Some threads are always left for the others.

How many wait or stream in one worker, that worker counts. How many streams an organisation has open is counted by locks
on files in the data folder, so that the workers of a machine agree, and whoever is killed counts no more.
"""

import fcntl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from flask import Flask, current_app

from auditweb.api.problems import Problem
from auditweb.config import THREADS, Settings

STREAMS = 2  # of an organisation at a time

_FOLDER = "auditweb.streams"

_waiting = threading.BoundedSemaphore(THREADS // 2)
_streaming = threading.BoundedSemaphore(THREADS // 4)


def init_app(app: Flask, settings: Settings) -> None:
    app.extensions[_FOLDER] = settings.data_dir / "streams"


@contextmanager
def may_wait() -> Iterator[bool]:
    """Tell whether this thread may wait within the block: half of a worker's may."""
    allowed = _waiting.acquire(blocking=False)
    try:
        yield allowed
    finally:
        if allowed:
            _waiting.release()


def begin_stream(org_id: int) -> Callable[[], None]:
    """Return what ends a stream that begins now; a Problem where too many are open."""
    close = _take_place(cast(Path, current_app.extensions[_FOLDER]), org_id)
    if not _streaming.acquire(blocking=False):
        close()
        raise Problem(
            503,
            "busy",
            "Too many streams are open at the moment",
            "Send the request again in a while.",
            headers={"Retry-After": "10"},
        )

    def end() -> None:
        close()
        _streaming.release()

    return end


def _take_place(folder: Path, org_id: int) -> Callable[[], None]:
    folder.mkdir(mode=0o700, exist_ok=True)
    for place in range(STREAMS):
        file = (folder / f"{org_id}-{place}").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
        else:
            return file.close
    raise Problem(
        429,
        "too-many",
        f"{STREAMS} streams of this organisation are open already",
        "Wait until one of them is over, or read page by page.",
        headers={"Retry-After": "10"},
    )
