"""
The processes that prepare exports: who of them is alive, and how they are started.

Each holds a lock on a file of its own in the folder of exports, gone with it however it ends. Preparing takes a
processor for minutes; in a process of its own, which the machine treats as less urgent, it holds up no page.
"""

import fcntl
import os
import secrets
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from math import inf
from pathlib import Path
from time import monotonic
from typing import Final

import structlog

PAUSE_AFTER_FAILURE: Final = 30.0  # seconds

LOCKS: Final = ".worker"  # what the names of their files end in
_LESS_URGENT: Final = 10

_log = structlog.stdlib.get_logger("auditweb.exports")


class Worker:
    """A process that prepares exports, called *name* ("host/a1b2c3") in what it has claimed."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def mark(self) -> str:
        """What tells its files from those of others."""
        return self.name.rpartition("/")[2]


@contextmanager
def working(folder: Path) -> Iterator[Worker]:
    """Be a worker within the block."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    mark = secrets.token_hex(6)
    path = folder / f"{mark}{LOCKS}"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield Worker(f"{socket.gethostname()}/{mark}")
        finally:
            path.unlink(missing_ok=True)


def is_gone(name: str, folder: Path) -> bool:
    """Tell whether a worker has certainly ended: what is known of another machine's is its last heartbeat alone."""
    host, _, mark = name.rpartition("/")
    if host != socket.gethostname():
        return False
    path = folder / f"{mark}{LOCKS}"
    try:
        with path.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        pass
    return True


class Crew:
    """The workers that this process has started, so many at most. They end when it does, whichever way."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], most: int) -> None:
        self._command = command
        self._environ = environ
        self._most = most
        self._started: list[subprocess.Popen[bytes]] = []
        self._not_before = -inf

    def has_place(self) -> bool:
        """Tell whether another may be started; not at once where one could not even begin, as the next could not."""
        for process in self._started:
            code = process.poll()
            if code is not None and process.stdin:
                process.stdin.close()
            if code:
                _log.error("worker_failed", exit_code=code)
            if code and code > 0:  # which is none that was killed
                self._not_before = monotonic() + PAUSE_AFTER_FAILURE
        self._started = [process for process in self._started if process.returncode is None]
        return len(self._started) < self._most and monotonic() >= self._not_before

    def start_one(self) -> None:
        """Start a worker, which ends by itself when there is nothing to do any more."""
        # It reads nothing, and learns from the end of its input that this process is no more.
        self._started.append(
            subprocess.Popen(self._command, env=self._environ, stdin=subprocess.PIPE, start_new_session=True)
        )

    def dismiss(self, *, within: float = 5) -> None:
        """Have all workers leave what they do to a later one, and wait so many seconds for each at most."""
        for process in self._started:
            if process.stdin:
                process.stdin.close()
        for process in self._started:
            with suppress(subprocess.TimeoutExpired):
                process.wait(within)


def most_at_once() -> int:
    """Return how many workers this machine takes and still answers its readers."""
    return min(max((os.cpu_count() or 1) - 1, 1), 4)


def be_patient() -> None:
    """Let everything else on this machine come first."""
    with suppress(OSError):
        os.nice(_LESS_URGENT)


def watch_input(stopping: threading.Event, source: int) -> None:
    """Set *stopping* once whoever started this process is gone: then *source*, its input, has ended."""

    def wait() -> None:
        with suppress(OSError):
            while os.read(source, 1024):  # a buffered file would be locked, and so abort the end of the process
                pass
        stopping.set()

    threading.Thread(target=wait, name="input", daemon=True).start()
