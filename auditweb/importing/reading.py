"""What stands in a file, record by record, in constant memory: newline-delimited JSON, a list in JSON, or CSV."""

import codecs
import csv
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, cast

from auditweb.api.ingest import UnreadableError, parse
from auditweb.importing.templates import Number

LONGEST: Final = 1024 * 1024  # bytes of a line, or of one object in a list
LONGEST_CELL: Final = 128 * 1024
MOST_LINES: Final = 1_000  # of one record in CSV

_BLOCK = 64 * 1024
_BLANK = b" \t\r\n"


class FileError(Exception):
    """The file as a whole cannot be read; the text is a sentence that says why."""


class Found(NamedTuple):
    """
    A record: the line it begins in, counted from 1, how it stands there, and what it says.

    *fault* says why it cannot be read, if so; then it says nothing.
    """

    line: int
    source: str
    value: Any
    fault: str = ""


@contextmanager
def opened(path: Path, columns: Sequence[str] | None = None) -> Iterator[tuple[Iterator[Found], Callable[[], int]]]:
    """
    Give what stands in a file, and what tells how many of its bytes were read. One whose name ends in .gz is unpacked.

    With *columns* it is CSV that has at least these, otherwise JSON. Reading raises FileError where it cannot go on.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}.") from None
    with file:
        unpacked = cast(BufferedReader, gzip.GzipFile(fileobj=file)) if path.suffix.lower() == ".gz" else file
        yield _guarded(path, unpacked, columns), file.tell if file.seekable() else lambda: 0


def _guarded(path: Path, file: BufferedReader, columns: Sequence[str] | None) -> Iterator[Found]:
    try:
        yield from read_json(file) if columns is None else read_csv(file, columns)
    except EOFError:
        raise FileError(f"{path} is not complete: it was cut off.") from None
    except (OSError, zlib.error) as error:  # gzip's own errors are of both kinds
        raise FileError(f"{path} cannot be read on: {error}.") from None


def read_json(file: BufferedReader) -> Iterator[Found]:
    """Yield what stands in each line that is not blank, or each member of the list that the file is."""
    start = file.peek(_BLOCK)[:_BLOCK].removeprefix(codecs.BOM_UTF8).lstrip(_BLANK)
    return _members(file) if start.startswith(b"[") else _lines(file)


def read_csv(file: BufferedReader, needed: Sequence[str]) -> Iterator[Found]:
    """
    Yield each row as a dict by the names in the first row; FileError where that lacks one that is *needed*.

    A row with bad quotes is told of alone: reading goes on in the line after the one where it began.
    """
    csv.field_size_limit(LONGEST_CELL)
    lines = _TextLines(file)
    rows = csv.reader(lines, strict=True)
    header = _header(rows, lines, needed)
    while True:
        lines.begin()
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            number, source = lines.first, lines.give_back()
            yield Found(number, source, None, _csv_reason(str(error)))
            continue
        if not cells:
            continue
        source = lines.taken()
        fault = lines.fault or _quotes(source)
        if not fault and len(cells) != len(header):
            fault = f"this row has {len(cells)} cells, and the first one {len(header)}"
        yield Found(lines.first, source, None if fault else dict(zip(header, cells, strict=True)), fault)


def _lines(file: BufferedReader) -> Iterator[Found]:
    number = 0
    while line := file.readline(LONGEST + 1):
        number += 1
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if len(line) > LONGEST:
            start = line[:_BLOCK]
            while line and not line.endswith(b"\n"):
                line = file.readline(LONGEST)
            yield Found(number, _shown(start), None, _TOO_LONG)
        elif line and not line.isspace():
            yield _record(number, line)


def _members(file: BufferedReader) -> Iterator[Found]:
    """
    Yield the members of a list, none of which is longer than LONGEST, without ever holding more than a few.

    Raises FileError where one has no end that could be found: nobody can tell then what follows it.
    """
    text = _Ahead(file)
    text.skip()
    text.take(1)
    first = True
    while True:
        text.skip()
        if text.starts("]"):
            text.take(1)
            text.skip()
            if text.more():
                raise FileError(f"Something follows the list that this file is, in line {text.line:,}.")
            return
        if not first:
            if not text.starts(","):
                raise _broken_list(text.line)
            text.take(1)
            text.skip()
        first = False
        number, member = text.line, text.member()
        if member is None:
            raise _broken_list(number)
        yield _record(number, member.encode("utf-8", "surrogateescape"))


class _Ahead:
    """Text that is read as far as it is needed, with the number of the line one is in."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decode = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape").decode
        self._text = ""
        self._at = 0
        self._ended = False
        self.line = 1

    def more(self) -> bool:
        """Read on if nothing is left; tell whether there is anything."""
        return self._at < len(self._text) or self._read()

    def starts(self, with_: str) -> bool:
        return self.more() and self._text.startswith(with_, self._at)

    def take(self, length: int) -> str:
        taken = self._text[self._at : self._at + length]
        self.line += taken.count("\n")
        self._at += length
        return taken

    def skip(self) -> None:
        """Go on to what is not blank."""
        while self.more():
            blank = _BLANKS.match(self._text, self._at)
            if blank is None or not blank[0]:
                return
            self.take(len(blank[0]))

    def member(self) -> str | None:
        """Take what the JSON of one value is; None if there is none."""
        while True:
            try:
                _, end = _raw_decode(self._text, self._at)
            except RecursionError:
                return None
            except ValueError:
                end = 0
            if end and (self._text[end : end + 1] in _AFTER or self._ended):
                return self.take(end - self._at)
            if len(self._text) - self._at > LONGEST or not self._read():
                return None if not end else self.take(end - self._at)

    def _read(self) -> bool:
        while not self._ended:
            block = self._file.read(_BLOCK)
            self._ended = not block
            text = self._decode(block, not block)
            self._text, self._at = self._text[self._at :] + text, 0
            if text:
                return True
        return False


class _TextLines:
    """
    The lines of a CSV file as text, which remembers those that the current record has taken.

    Bytes that are no UTF-8 do not stop it: *fault* then says so of the record.
    """

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self._again: list[str] = []
        self._taken: list[str] = []
        self._number = 0
        self.first = 1
        self.fault = ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self._taken) == MOST_LINES:
            raise csv.Error("too many lines")
        line = self._again.pop() if self._again else self._read()
        self._number += 1
        self._taken.append(line)
        if not line.isascii() and _HALF.search(line):
            self.fault = "this is not UTF-8"
        if len(line) > LONGEST:
            raise csv.Error("line too long")
        return line

    def begin(self) -> None:
        """Say that a new record begins here."""
        self._taken = []
        self.first, self.fault = self._number + 1, ""

    def taken(self) -> str:
        return _whole("".join(self._taken))

    def give_back(self) -> str:
        """Return the first line of the current record, and have those after it read again."""
        first, *rest = self._taken or [""]
        self._again += reversed(rest)
        self._number -= len(rest)
        return _whole(first[:_BLOCK] if len(first) > LONGEST else first)

    def _read(self) -> str:
        line = self._file.readline(LONGEST + 1)
        if not line:
            raise StopIteration
        rest = line
        while len(line) > LONGEST and rest and not rest.endswith(b"\n"):
            rest = self._file.readline(LONGEST)
        if self._number == 0:
            line = line.removeprefix(codecs.BOM_UTF8)
        return line.decode("utf-8", "surrogateescape")


def _header(rows: Iterator[list[str]], lines: _TextLines, needed: Sequence[str]) -> list[str]:
    try:
        header = next(rows)
    except StopIteration:
        raise FileError("The file is empty: its first row names the columns.") from None
    except csv.Error as error:
        raise FileError(f"The first row, which names the columns, cannot be read: {_csv_reason(str(error))}.") from None
    if lines.fault or not all(name and not name.isspace() for name in header):
        raise FileError("The first row names the columns, and here it leaves one without a name or is not UTF-8.")
    if twice := {name for name in header if header.count(name) > 1}:
        raise FileError(f"Two columns have the same name: {', '.join(sorted(twice))}.")
    if missing := [name for name in needed if name not in header]:
        raise FileError(
            f"There is no column {', '.join(missing)}, which the mapping names. There are: {_some(header)}."
        )
    return header


def _record(number: int, line: bytes) -> Found:
    try:
        parse(line)
        value = _as_written(line.decode())
    except UnreadableError as error:
        return Found(number, _shown(line), None, str(error))
    if not isinstance(value, dict):
        return Found(number, _shown(line), None, "an object is needed")
    return Found(number, line.decode().strip(), value)


def _quotes(source: str) -> str:
    """Say what csv.reader takes for a part of the text: a quote in a cell that does not begin with one."""
    if '"' in source and not _ROW.fullmatch(source):
        return _BAD_QUOTES
    return ""


def _csv_reason(error: str) -> str:
    if "field limit" in error:
        return f"a cell is longer than {LONGEST_CELL // 1024} KiB, or its closing quote is missing"
    if "too many lines" in error:
        return f"this row has more than {MOST_LINES} lines: a closing quote is missing"
    if "line too long" in error:
        return _TOO_LONG
    return "a closing quote is missing" if "end of data" in error else _BAD_QUOTES


def _broken_list(line: int) -> FileError:
    return FileError(
        f"The list that this file is cannot be read from line {line:,} on: what stands there is no JSON, is nested too "
        f"deeply, or is longer than {LONGEST // 1024} KiB. Mend that line; nothing after it was read."
    )


def _shown(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace").strip()


def _whole(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").rstrip("\r\n")


def _some(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 30 else f"{', '.join(names[:30])} and {len(names) - 30} more"


_as_written = json.JSONDecoder(parse_int=Number, parse_float=Number).decode
_raw_decode = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode  # only to see where a value ends
_AFTER = tuple(" \t\r\n,]")
_BLANKS = re.compile(r"[ \t\r\n]*")
_HALF = re.compile("[\udc80-\udcff]")
_CELL = r'(?:"[^"]*(?:""[^"]*)*"|[^",\r\n]*)'
_ROW = re.compile(rf"{_CELL}(?:,{_CELL})*[\r\n]*")
_BAD_QUOTES = "bad quotes: a cell with quotes, commas or line ends stands in quotes, and a quote in it is doubled"
_TOO_LONG = f"this line is longer than {LONGEST // 1024} KiB"
