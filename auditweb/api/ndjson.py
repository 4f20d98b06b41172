"""
Newline-delimited JSON of any length: read in constant memory, committed in chunks, with one result for each line.

What became of the lines is kept in a temporary file until the last one has come. Most clients send all before they read
anything: a server that answered meanwhile would wait for a client that waits for it, once all buffers between are full.
"""

import json
from collections.abc import Callable, Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final, Protocol

import structlog

from auditweb import database, ids
from auditweb.api.ingest import Fault, Sender, UnreadableError, conflicts, parse, read_event, write
from auditweb.bulk import Checked
from auditweb.recorder import IdempotencyConflict

CHUNK: Final = 500  # lines that are committed together
LARGEST_CHUNK: Final = 4 * 1024 * 1024  # or as many as have so many bytes
LONGEST_LINE: Final = 64 * 1024
MOST_REFUSED: Final = 5_000  # lines: what is said of them is many times what the shortest take
KEPT_IN_MEMORY: Final = 1024 * 1024  # of the results

_BLOCK = 64 * 1024

_log = structlog.stdlib.get_logger("auditweb.api")


class Stream(Protocol):
    """What is read from; its `read` raises *broken* (see `take_lines`) where the sender went away."""

    def read(self, size: int, /) -> bytes: ...


class ClosedError(Exception):
    """The sender may not send any more; the text says why."""


def take_lines(
    stream: Stream,
    current_sender: Callable[[], Sender],
    *,
    key: str | None,
    address: str,
    broken: type[Exception],
) -> IO[bytes] | None:
    """
    Take every line of *stream* and return the file of what became of each, at its end; None if there was none.

    After MOST_REFUSED lines that were not taken nothing more is: the last result names the first line of those.
    *current_sender* is asked before each chunk, and raises ClosedError once nothing more may be taken. The addresses of
    entries begin with *address*, the idempotency keys of lines with *key*.
    """
    results = SpooledTemporaryFile(max_size=KEPT_IN_MEMORY)  # noqa: SIM115  (the caller closes it)
    chunk = _Chunk(results, current_sender, key, address)
    number = 0
    try:
        try:
            for number, line in enumerate(_lines(stream), start=1):
                chunk.add(number, line)
                if chunk.is_given_up:
                    while stream.read(_BLOCK):  # most clients read no answer before they have sent everything
                        pass
        except broken:
            chunk.add(number + 1, _CUT)
        chunk.commit()
    except BaseException:
        results.close()
        raise
    if results.tell():
        return results
    results.close()
    return None


class _Chunk:
    """Lines that wait to be committed together, and the file that what became of them goes to."""

    def __init__(self, results: IO[bytes], current_sender: Callable[[], Sender], key: str | None, address: str) -> None:
        self._results = results
        self._current_sender = current_sender
        self._key = key
        self._address = address
        self._lines: list[tuple[int, bytes | Fault]] = []
        self._size = 0
        self._over: dict[str, Any] | None = None  # what is said of every line from some point on
        self._refused = 0
        self.is_given_up = False  # the last result is written, and nothing more is taken

    def add(self, number: int, line: bytes | Fault) -> None:
        """Take a line, unless it is blank, and commit if there are enough of them."""
        if self.is_given_up or (isinstance(line, bytes) and (not line or line.isspace())):
            return
        if self._refused >= MOST_REFUSED:
            self._tell(number, _told([_TOO_MANY]))
            self.is_given_up = True
            return
        if isinstance(line, bytes):
            self._size += len(line)
        self._lines.append((number, line))
        if len(self._lines) == CHUNK or self._size >= LARGEST_CHUNK:
            self.commit()

    def commit(self) -> None:
        """Write the lines that can be, and say of each what became of it."""
        lines, self._lines, self._size = self._lines, [], 0
        told: dict[int, dict[str, Any]] = {}
        if lines and self._over is None:
            try:
                self._write(lines, self._current_sender(), told)
            except ClosedError as error:
                self._over = _told([Fault("", str(error))])
            except database.OUT_OF_REACH:
                _log.exception("a chunk of lines was not written")
                self._over = _told([Fault("", _SEND_AGAIN)], status="failed")
        for number, _ in lines:
            result = told.get(number, self._over) or {}
            self._refused += "errors" in result
            self._tell(number, result)

    def _tell(self, number: int, result: dict[str, Any]) -> None:
        self._results.write(_json({"line": number} | result).encode() + b"\n")

    def _write(self, lines: list[tuple[int, bytes | Fault]], sender: Sender, told: dict[int, dict[str, Any]]) -> None:
        items: list[Checked] = []
        for number, line in lines:
            result = self._read(number, line, sender)
            if isinstance(result, list):
                told[number] = _told(result)
            else:
                items.append(result)
        while items:
            try:
                new = write(items, sender)
            except IdempotencyConflict as error:
                # All that can be found at once: asking again for each would take long, if there are many.
                for conflict in (error, *conflicts(items, sender)):
                    told[conflict.index or 0] = _told([sender.told(conflict)])
                items = [item for item in items if item.place not in told]
                continue
            for item, is_new in zip(items, new, strict=True):
                id_ = ids.to_text(item.row["id"])
                status = "created" if is_new else "known"
                told[item.place] = {"status": status, "id": id_, "url": self._address + id_}
            return

    def _read(self, number: int, line: bytes | Fault, sender: Sender) -> Checked | list[Fault]:
        if isinstance(line, Fault):
            return [line]
        try:
            sent = parse(line)
        except UnreadableError as error:
            return [Fault("", str(error))]
        return read_event(sent, sender, number, None if self._key is None else f"{self._key}/{number}")


def _lines(stream: Stream) -> Iterator[bytes | Fault]:
    """Yield each line of *stream*, and of one that is too long that it is."""
    rest, too_long = b"", False
    while block := stream.read(_BLOCK):
        *ends, begun = block.split(b"\n")
        for end in ends:
            line = rest + end
            yield _TOO_LONG if too_long or len(line) > LONGEST_LINE else line
            rest, too_long = b"", False
        rest += begun
        if len(rest) > LONGEST_LINE:
            rest, too_long = b"", True
    if rest or too_long:
        yield _TOO_LONG if too_long else rest


def _told(faults: list[Fault], status: str = "refused") -> dict[str, Any]:
    return {"status": status, "errors": [{"field": fault.field, "reason": fault.reason} for fault in faults]}


_TOO_LONG = Fault("", f"this line is longer than {LONGEST_LINE // 1024} KiB")
_NUMBERED = "with a header Idempotency-Key, which goes by the number of a line, send all from the first on"
_CUT = Fault(
    "",
    f"what was sent ended before it was complete: send this line again, whole, and what came after it; {_NUMBERED}",
)
_TOO_MANY = Fault("", f"over {MOST_REFUSED:,} lines were not taken: nothing was, of this line and what came after it")
_SEND_AGAIN = f"the log could not be reached: send this line again in a while; {_NUMBERED}"
_json = json.JSONEncoder(separators=(",", ":")).encode
