"""What a transaction may: write or only read, and how long. What each engine makes of it, its own module says."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

STATEMENT_TIMEOUT = 3  # seconds a request's statement may take; on SQLite one that only reads

_reading: ContextVar[bool] = ContextVar("reading", default=False)


@contextmanager
def reading() -> Iterator[None]:
    """Let transactions that begin within the block only read: on SQLite they then take no turn among the writers."""
    token = _reading.set(True)
    try:
        yield
    finally:
        _reading.reset(token)


@contextmanager
def writing() -> Iterator[None]:
    """Let transactions that begin within the block write, also in a request that otherwise only reads."""
    token = _reading.set(False)
    try:
        yield
    finally:
        _reading.reset(token)


def set_reading(only: bool) -> None:
    """Say whether transactions that begin from here on only read, where a `with` block does not fit (a request)."""
    _reading.set(only)


def is_reading() -> bool:
    return _reading.get()
