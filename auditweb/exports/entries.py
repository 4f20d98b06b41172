"""An export of a log: what is asked for, and all of it in pieces, in constant memory."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Self

from sqlalchemy import Engine

from auditweb import courtesy, transactions
from auditweb.exports.formats import Format, Writer, writer_for
from auditweb.extensions import db
from auditweb.reading.filters import LogFilter
from auditweb.reading.strides import SIZES, Raw, Stride, read_stride

_AT_ONCE = 100  # rows that are written in one go: a millisecond at most, before others get their turn
_ENOUGH = 2_000_000  # characters in a stride, from which on the next one has fewer rows
_TURN = 0.00001  # seconds that the thread which reads gets between batches: unasked it would wait for five milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """
    What is handed on: the entries *wanted* of an *organisation* (its slug) called *name*, and who made it when.

    Times are told in *zone* where a format has a choice; *log* is the whole address of the log, *words* say the filter.
    """

    wanted: LogFilter
    format: Format
    zone: str
    organisation: str
    name: str
    log: str
    made_by: str
    made_at: datetime
    words: str

    @classmethod
    def of(
        cls,
        wanted: LogFilter,
        format_: Format,
        *,
        zone: str,
        organisation: str,
        name: str,
        log: str,
        made_by: str,
        made_at: datetime,
        words: str = "",
    ) -> Self:
        """Return the export of all that is *wanted*, wherever in the log, and has happened up to *made_at*."""
        pinned = wanted.at().pinned(made_at)
        return cls(
            wanted=pinned,
            format=format_,
            zone=zone,
            organisation=organisation,
            name=name,
            log=log,
            made_by=made_by,
            made_at=made_at,
            words=words or pinned.describe(),
        )

    @property
    def address(self) -> str:
        """The address at which the page shows what the filter selects."""
        return self.log + self.wanted.query()

    @property
    def file_name(self) -> str:
        """The name of the file of entries, such as northgate-audit-log-20260331-1018.csv."""
        return f"{self.stem}.{self.format.ending}"

    @property
    def stem(self) -> str:
        return f"{self.organisation}-audit-log-{self.made_at:%Y%m%d-%H%M%S}"

    def writer(self) -> Writer:
        return writer_for(self.format, zone=self.zone, organisation=self.organisation, log=self.log)


class Entries:
    """
    All entries of an export, written: iterated once, it yields bytes and how many entries they and those before are.

    Each stride is read in a short transaction of its own. So what was committed before the first one is all in it,
    each entry once and newest first; what others record meanwhile for a time before the export may be in it or not.
    """

    def __init__(self, export: Export, *, after: int | None = None) -> None:
        """Begin at the newest entry; or go on *after* one, with what is older, and without the head of a file."""
        self._export = export
        self._engine = db.engine
        self._after = after
        self._is_rest = after is not None
        self.number = 0
        self.first_id: int | None = None
        self.last_id: int | None = None

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        writer = self._export.writer()
        if not self._is_rest:
            yield writer.head(), 0
        size = SIZES[0]
        with closing(_Reader(self._engine, self._export, writer)) as reader:
            take = reader.begin(self._after, size)
            while True:
                rows, go_on = take()
                if go_on is not None:
                    size = _next_size(size, rows)
                    take = reader.begin(go_on, size)
                for some in _batches(rows):
                    reader.give_way()
                    written = writer.lines(some)
                    self._note(some)
                    yield written, self.number
                if go_on is None:
                    return

    def _note(self, rows: Sequence[Raw]) -> None:
        self.first_id = rows[0][0] if self.first_id is None else self.first_id
        self.last_id = rows[-1][0]
        self.number += len(rows)


def pieces(export: Export) -> Iterator[tuple[bytes, int]]:
    """Return all that is in an export: pieces of its file, each with how many entries there are so far."""
    return iter(Entries(export))


class _Reader:
    """
    Reads strides: each while the one before is written, where the database is a process of its own.

    SQLite is none, and would only take turns with the writing: it reads when the rows are asked for.
    """

    def __init__(self, engine: Engine, export: Export, writer: Writer) -> None:
        self._engine, self._export, self._writer = engine, export, writer
        self._thread = ThreadPoolExecutor(1, "read-ahead") if engine.dialect.name == "postgresql" else None

    def begin(self, before: int | None, size: int) -> Callable[[], Stride]:
        """Begin to read what is *before* an entry; what is returned waits for it."""
        if self._thread is None:
            return partial(self._read, before, size)
        return self._thread.submit(self._read, before, size).result

    def give_way(self) -> None:
        """Let the thread that reads have its turn, and those for whom someone waits."""
        if self._thread is not None:
            time.sleep(_TURN)
        courtesy.give_way()

    def close(self) -> None:
        if self._thread is not None:
            self._thread.shutdown()

    def _read(self, before: int | None, size: int) -> Stride:
        with transactions.reading(), self._engine.connect() as connection:
            columns = self._writer.columns
            return read_stride(connection, self._export.wanted, self._export.made_at, columns, before=before, size=size)


def _batches(rows: Sequence[Raw]) -> Iterator[Sequence[Raw]]:
    for start in range(0, len(rows), _AT_ONCE):
        yield rows[start : start + _AT_ONCE]


def _next_size(size: int, rows: Sequence[Raw]) -> int:
    """Return how many rows come after *rows*: more as long as they are small, so that memory stays what it is."""
    at = SIZES.index(size)
    length = sum([len(part) for row in rows for part in row if type(part) is str])
    if length > _ENOUGH:
        return SIZES[max(at - 1, 0)]
    return SIZES[min(at + 1, len(SIZES) - 1)] if length < _ENOUGH // 2 else size
