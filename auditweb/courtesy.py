"""
Who goes first where threads of a worker want to run Python at once: whoever a person waits for.

Long work (an export) asks before each of its small steps. Unasked it would hold the interpreter five milliseconds at a
time, as long as a whole page takes, and a page hands it over at each question to the database.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, g

PATIENCE = 0.05  # seconds that long work waits at most: it must get on, however busy the worker is

_answering = 0
_changed = threading.Condition()


def init_app(app: Flask) -> None:
    """Have the requests of *app* count as what someone waits for."""
    app.before_request(_begin)
    app.teardown_request(_end)


def give_way() -> None:
    """Let those go first for whom someone waits, for a while."""
    if _answering > 0:
        with _changed:
            _changed.wait_for(lambda: _answering <= 0, PATIENCE)


@contextmanager
def standing_back() -> Iterator[None]:
    """Let this request not count within the block: it waits for something itself, or does long work."""
    _count(-1)
    try:
        yield
    finally:
        _count(1)


def _begin() -> None:
    g.counts_as_answering = True
    _count(1)


def _end(_error: BaseException | None) -> None:
    if g.pop("counts_as_answering", False):
        _count(-1)


def _count(change: int) -> None:
    global _answering
    with _changed:
        _answering += change
        if _answering <= 0:
            _changed.notify_all()
