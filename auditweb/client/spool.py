"""
The file in which events wait until the server has them.

Its first line says what it is. Each other is a checksum and, as JSON, an event, or `=` and a number: all that lies
before that place in the file is settled. Lines are only ever added, until all is settled and the file is cut to its
first line, or much is and it is replaced by a shorter one. Wherever that is interrupted, what was added and not settled
is found again by the next who opens it; something settled may be found too, and its idempotency key keeps it from
being doubled.
"""

import fcntl
import logging
import os
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final, NamedTuple

from auditweb.client.errors import ClientError, SpoolError, SpoolFullError, SpoolInUseError

HEADER: Final = b"auditweb spool 1\n"
LONGEST: Final = 1024 * 1024  # bytes of one event; one with all that the API takes is half of that
WORTH_SHORTENING: Final = 4 * 1024 * 1024

_FRAME = 10  # bytes that a line has more than what it holds

_log = logging.getLogger("auditweb.client")


class Batch(NamedTuple):
    """Events as JSON, oldest first, and the place in the file after them."""

    events: list[bytes]
    end: int


class Spool:
    """The events that wait, on a disk. Any thread may add; one thread takes and settles."""

    def __init__(self, path: Path, *, limit: int) -> None:
        self._path = path
        self._limit = limit
        self._adding = threading.Lock()
        self._syncing = threading.Lock()  # taken before the other, where both are
        self._added = self._synced = 0  # events since it was opened, with those found in it
        self._settled = 0
        self._file = -1
        self._head = self._end = 0  # where in the file what waits begins, and where it ends
        self._is_torn = False
        try:
            self._lock = _locked(_beside(path, ".lock"))
            try:
                self._open()
            except BaseException:
                os.close(self._lock)
                raise
        except OSError as error:
            raise SpoolError(f"The spool {path} cannot be opened: {error.strerror}.") from error

    @property
    def added(self) -> int:
        return self._added

    @property
    def settled(self) -> int:
        return self._settled

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return self._added - self._settled

    def add(self, event: bytes) -> int:
        """Write *event* to the file, for `sync` to make sure of; return how many have been added so far."""
        line = _line(event)
        with self._adding:
            self._check_open()
            if self._end - self._head + len(line) > self._limit:
                raise SpoolFullError(
                    f"Nothing was recorded: {self._path} has {self.waiting:,} events that wait, and its limit is "
                    f"{self._limit:,} bytes. Is the server there, and does it take the key?"
                )
            try:
                self._append(line)
            except OSError as error:
                raise SpoolError(f"Nothing was recorded: {self._path} takes no more: {error.strerror}.") from error
            self._added += 1
            return self._added

    def sync(self, number: int | None = None) -> None:
        """Return once the first *number* events added, or all of them, would outlast the machine's fall."""
        wanted = self._added if number is None else number
        with self._syncing:  # whoever waits here finds the work of many done by one
            if self._synced >= wanted or self._file < 0:
                return
            reached = self._added
            try:
                os.fsync(self._file)
            except OSError as error:
                raise SpoolError(
                    f"{self._path} was not put on the disk: {error.strerror}. What was recorded may be lost."
                ) from error
            self._synced = reached

    def take(self, most: int, size: int) -> Batch:
        """Return up to *most* of the events that wait, *size* bytes of them at most but one in any case."""
        with self._adding:
            self._check_open()
            events: list[bytes] = []
            place, taken = self._head, 0
            while not events and place < self._end:  # there may be many marks before the next event
                block = os.pread(self._file, min(self._end - place, max(size, LONGEST) + _FRAME), place)
                lines = block.split(b"\n")[:-1]
                if not lines:
                    break
                for line in lines:
                    content = _read(line + b"\n")
                    if content and not content.startswith(b"="):
                        if events and (len(events) == most or taken + len(content) > size):
                            break
                        events.append(content)
                        taken += len(content) + 1
                    place += len(line) + 1
            if self.waiting and not events:
                raise SpoolError(f"Somebody else has changed the spool {self._path}: open it anew.")
            return Batch(events, place)

    def settle(self, batch: Batch) -> None:
        """Let go of the events of *batch*, the one last taken."""
        with self._syncing, self._adding:
            if self._file < 0:
                return  # whoever has opened it since will send them again
            self._head = batch.end
            self._settled += len(batch.events)
            with suppress(OSError):  # they would be sent again after the next start, which is harmless
                if self._settled == self._added:
                    self._cut(len(HEADER))
                    self._head = len(HEADER)
                elif self._head > max(WORTH_SHORTENING, self._end // 2):
                    self._shorten()
                else:
                    self._append(_line(b"=%d" % self._head))

    def close(self) -> None:
        """Let others open it."""
        with self._syncing, self._adding:
            if self._file >= 0:
                with suppress(OSError):
                    os.fsync(self._file)
                os.close(self._file)
                os.close(self._lock)
                self._file = -1

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            with open(self._file, "rb", closefd=False) as file:
                first = file.readline(len(HEADER))
                if first != HEADER:
                    if not HEADER.startswith(first):
                        raise SpoolError(f"{self._path} is no spool of this client. It was left as it is.")
                    self._cut(0)
                    self._append(HEADER)
                    _sync_folder(self._path)
                self._head = self._end = len(HEADER)
                damaged = self._find_waiting(file)
            if damaged:
                self._put_aside(damaged)
            if os.fstat(self._file).st_size > self._end:
                self._cut(self._end)
            os.fsync(self._file)
            self._synced = self._added
        except BaseException:
            os.close(self._file)
            raise

    def _find_waiting(self, file: IO[bytes]) -> list[bytes]:
        """Go through all lines; return those that are damaged. One that has no end was never taken for written."""
        file.seek(self._end)
        starts: list[int] = []
        damaged: list[bytes] = []
        for line in file:
            if not line.endswith(b"\n"):
                break
            read = _read(line)
            if read is None or len(read) > LONGEST:
                damaged.append(line)
            elif read.startswith(b"="):
                self._head = max(self._head, min(int(read[1:]), self._end))
            else:
                starts.append(self._end)
            self._end += len(line)
        self._added = sum(start >= self._head for start in starts)
        return damaged

    def _put_aside(self, damaged: list[bytes]) -> None:
        aside = _beside(self._path, ".damaged")
        add_durably(aside, b"".join(damaged))
        _log.error("damaged lines of the spool %s are in %s: %d", self._path, aside, len(damaged))
        self._shorten()

    def _append(self, line: bytes) -> None:
        if self._is_torn:
            self._cut(self._end)
            self._is_torn = False
        try:
            write_all(self._file, line)
        except BaseException:
            self._is_torn = True
            with suppress(OSError):
                self._cut(self._end)
                self._is_torn = False
            raise
        self._end += len(line)

    def _cut(self, size: int) -> None:
        os.ftruncate(self._file, size)
        self._end = size

    def _shorten(self) -> None:
        """Replace the file by one that has only what waits."""
        fresh = _beside(self._path, ".new")
        file = os.open(fresh, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            write_all(file, HEADER)
            end = len(HEADER)
            with open(self._file, "rb", closefd=False) as old:
                old.seek(self._head)
                place = self._head
                while place < self._end and (line := old.readline()):
                    place += len(line)
                    event = _read(line)
                    if event and not event.startswith(b"="):
                        write_all(file, line)
                        end += len(line)
            os.fsync(file)
            fresh.replace(self._path)
        except BaseException:
            os.close(file)
            fresh.unlink(missing_ok=True)
            raise
        os.close(self._file)
        self._file, self._head, self._end, self._is_torn = file, len(HEADER), end, False
        self._synced = self._added
        _sync_folder(self._path)

    def _check_open(self) -> None:
        if self._file < 0:
            raise ClientError("This client is closed.")


def add_durably(path: Path, text: bytes) -> None:
    """Add *text* to the end of the file *path*, and return once it is on the disk."""
    with opened(path) as file:
        size = os.fstat(file).st_size
        try:
            write_all(file, text)
            os.fsync(file)
        except BaseException:
            with suppress(OSError):
                os.ftruncate(file, size)
            raise


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open a file of the owner's own to add to."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield file
    finally:
        os.close(file)


def write_all(file: int, text: bytes) -> None:
    """Write all of *text*, which the system may take in parts."""
    left = memoryview(text)
    while left:
        left = left[os.write(file, left) :]


def _line(content: bytes) -> bytes:
    return b"%08x %b\n" % (zlib.crc32(content), content)


def _read(line: bytes) -> bytes | None:
    """Return what a line holds; None if that is not what was written."""
    sum_, content = line[:9], line[9:-1]
    return content if content and sum_ == b"%08x " % zlib.crc32(content) else None


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _locked(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        spool = path.with_suffix("")
        raise SpoolInUseError(f"Another client has the spool {spool} open: each needs one of its own.") from None
    except BaseException:
        os.close(file)
        raise
    return file


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
