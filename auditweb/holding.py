"""
What holds a thread of a worker for long: waiting for news, streaming, reading what comes slowly, and searching what is
masked.

Some threads are always left for the others, and of what there is one organisation gets a part. How many are held in one
worker, that worker counts. How many streams an organisation has open is counted by locks on files in the data folder,
so that the workers of a machine agree, and whoever is killed counts no more.
"""

import fcntl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

from flask import Flask, current_app

from auditweb import courtesy
from auditweb.config import THREADS, Settings

STREAMS = 2  # of an organisation at a time
MOST = {  # threads of a worker for all organisations, and for one
    "wait": (THREADS // 2, THREADS // 4),
    "stream": (STREAMS + 1, STREAMS),  # also where there is but one worker
    "search": (THREADS // 4, THREADS // 4 - 1),
    "upload": (THREADS // 2, THREADS // 2 - 1),
}
PATIENCE: Final = 1.0  # seconds that an upload waits for its turn: one that comes at once is over in much less

RETRY_AFTER: Final = 10  # seconds after which to try again

_FOLDER = "auditweb.streams"
_MOST_OF_ALL = THREADS - 1

_held: Counter[tuple[str, int]] = Counter()  # threads of this worker, by what they do and for whom
_changed = threading.Condition()


class HeldError(Exception):
    """Too much is going on already: by this organisation, or (then it is *busy*) by all together."""

    def __init__(self, title: str, *, busy: bool) -> None:
        super().__init__(title)
        self.title = title
        self.busy = busy


def init_app(app: Flask, settings: Settings) -> None:
    app.extensions[_FOLDER] = settings.data_dir / "streams"


@contextmanager
def may_wait(org_id: int) -> Iterator[bool]:
    """Tell whether this thread may wait within the block: half of a worker's may, half of those for an organisation."""
    allowed = _take("wait", org_id)
    try:
        with courtesy.standing_back():
            yield allowed
    finally:
        if allowed:
            _give_back("wait", org_id)


@contextmanager
def reading(org_id: int, *, lines: bool = False) -> Iterator[None]:
    """Let this thread read a body within the block; HeldError where too many do. Lines leave a place for the others."""
    if not _take("upload", org_id, within=PATIENCE, left=1 if lines else 0):
        raise HeldError("Too much is being sent at the moment", busy=True)
    try:
        with courtesy.standing_back():
            yield
    finally:
        _give_back("upload", org_id)


@contextmanager
def searching(org_id: int) -> Iterator[None]:
    """Let this thread search what is masked within the block, entry by entry; HeldError where too many do."""
    if not _take("search", org_id, within=PATIENCE):
        raise HeldError("Others are searching here at the moment", busy=True)
    try:
        with courtesy.standing_back():
            yield
    finally:
        _give_back("search", org_id)


def begin_stream(org_id: int) -> Callable[[], None]:
    """Return what ends a stream that begins now; HeldError where too many are open."""
    close = _take_place(cast(Path, current_app.extensions[_FOLDER]), org_id)
    if not _take("stream", org_id):
        close()
        raise HeldError("Too many streams are open at the moment", busy=True)

    def end() -> None:
        close()
        _give_back("stream", org_id)

    return end


def _take(what: str, org_id: int, *, within: float = 0, left: int = 0) -> bool:
    """Hold one more thread, within so many seconds, if so many are *left* then; tell whether that may be."""
    of_all, of_one = MOST[what]

    def is_free() -> bool:
        held = sum(number for (kind, _), number in _held.items() if kind == what)
        return _held.total() < _MOST_OF_ALL and held < of_all - left and _held[what, org_id] < of_one - left

    with _changed:
        free = _changed.wait_for(is_free, within)
        if free:
            _held[what, org_id] += 1
        return free


def _give_back(what: str, org_id: int) -> None:
    with _changed:
        _held[what, org_id] -= 1
        if not _held[what, org_id]:
            del _held[what, org_id]
        _changed.notify_all()


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
    raise HeldError(f"{STREAMS} streams of this organisation are open already", busy=False)
