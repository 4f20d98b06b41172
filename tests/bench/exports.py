"""What taking entries out costs: rows of CSV a second, and what a page costs meanwhile in the same worker."""

import csv
import io
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import perf_counter

import psycopg
from flask import Flask
from sqlalchemy.engine import make_url

from auditweb import clock
from auditweb.accounts.people import find_organisation
from auditweb.exports.entries import Export, pieces
from auditweb.exports.formats import Format
from auditweb.reading.filters import LogFilter
from tests.bench.data import conninfo
from tests.bench.timing import as_served
from tests.databases import Database

CSV_A_SECOND = 100_000
SLOWED_AT_MOST = 1.5  # times as long as while no export is made
GROWN_AT_MOST = 1.1  # times the memory of a process that writes few entries
FEW = 10_000

_AT_ONCE = 1_000
_WARMING = 50_000  # rows that are written first, as pages are shown before they are measured
_TIMES = 3  # the best counts: what else the machine does only takes from it
_MOST = 1_000_000  # rows that are written to measure: more take no longer each
_WHOLE_LOG = "SELECT * FROM event WHERE org_id = {} ORDER BY id DESC LIMIT {}"


def an_export(app: Flask) -> Export:
    """Return the export of the whole log as CSV."""
    with app.app_context():
        organisation = find_organisation("northgate")
        assert organisation is not None
        return Export.of(
            LogFilter(org_id=organisation.id, org_zone=organisation.zone),
            Format.CSV,
            zone=organisation.zone,
            organisation=organisation.slug,
            name=organisation.name,
            log="https://audit.example.org/o/northgate/settings/audit-log",
            made_by="Maya Okafor",
            made_at=clock.now(),
        )


def written_a_second(app: Flask) -> float:
    """Return how many rows of CSV are written in a second: the best of some times, after the first few."""
    export = an_export(app)
    with app.app_context(), as_served():
        _write(export, _WARMING)
        return _best(lambda: _write(export, _MOST))


def _best(write: Callable[[], int]) -> float:
    """Return how many rows a second *write* has written, which tells their number, the quickest time."""
    rates = []
    for _ in range(_TIMES):
        began = perf_counter()
        rates.append(write() / (perf_counter() - began))
    return max(rates)


def _write(export: Export, most: int) -> int:
    number = 0
    for _, number in pieces(export):
        if number >= most:
            break
    return number


def peak(app: Flask, most: int) -> tuple[float, int]:
    """Return how many MB this process takes at most while so many entries are written, and how many there were."""
    export = an_export(app)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is that from here on
    with app.app_context(), as_served():
        number = _write(export, most)
    told = Path("/proc/self/status").read_text()
    return int(told.partition("VmHWM:")[2].split()[0]) / 1024, number


def bare_a_second(made: Database, org_id: int) -> float:
    """Return how many rows the bare driver and Python's own csv module write in a second, unsafe as they are."""

    def write() -> int:
        number = 0
        for rows in _rows(made, org_id):
            csv.writer(io.StringIO()).writerows(rows)
            number += len(rows)
        return number

    with as_served():
        return _best(write)


def _rows(made: Database, org_id: int) -> Iterator[list[tuple[object, ...]]]:
    if made.engine_name == "sqlite":
        with closing(sqlite3.connect(make_url(made.url).database or "")) as connection:
            lite = connection.execute(_WHOLE_LOG.format("?", _MOST), (org_id,))
            while rows := lite.fetchmany(_AT_ONCE):
                yield rows
        return
    with psycopg.connect(conninfo(made.url)) as server, server.cursor(name="whole_log") as cursor:
        cursor.execute(_WHOLE_LOG.format("%s", _MOST).encode(), (org_id,))
        while found := cursor.fetchmany(_AT_ONCE):
            yield found


@contextmanager
def under_way(app: Flask) -> Iterator[threading.Event]:
    """Have a thread of this process write the whole log as CSV, over and over, while the event that is given is set."""
    export, going, over = an_export(app), threading.Event(), threading.Event()

    def write() -> None:
        while not over.is_set():
            with app.app_context():
                written = pieces(export)
            for _ in written:
                going.wait()
                if over.is_set():
                    return

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield going
    finally:
        over.set()
        going.set()
        thread.join()
