"""Letting a long command be stopped where that leaves nothing half done."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stopping_between_steps() -> Iterator[Callable[[], None]]:
    """
    Let Ctrl+C and SIGTERM take effect where what is given is called, for the length of the block.

    In the midst of a COPY the driver could not even take it back, and would complain of that instead.
    """
    stopped = threading.Event()
    former = [(number, signal.signal(number, lambda *_: stopped.set())) for number in (signal.SIGINT, signal.SIGTERM)]

    def stop_here() -> None:
        if stopped.is_set():
            raise KeyboardInterrupt

    try:
        yield stop_here
    finally:
        for number, handler in former:
            signal.signal(number, handler)
