"""Exports of any length take no more memory, and open in a spreadsheet as what they are."""

import csv
import re
import shutil
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from auditweb.bulk import record_many
from auditweb.cli.exporting import NAME
from auditweb.exports.archive import zipped
from auditweb.exports.entries import pieces
from auditweb.exports.formats import Format
from auditweb.exports.tables import safe_cell
from auditweb.extensions import db
from auditweb.parties import Actor, ActorType, Target
from auditweb.reading.filters import LogFilter
from tests.databases import Database
from tests.export_jobs import ask_for_log, files, job
from tests.exported import export_of
from tests.ledgers import operator_engine
from tests.readers import add_organisation, add_person, hash_cheaply, join
from tests.servers import clean_environ

Rounds = Callable[[int, int], int]

LOG = LogFilter(org_id=1, org_zone="Europe/London")
AT_ONCE = 10_000
MORE = 24  # MB that a process may take more for a large export than for a small one
NAMES = [
    "=1+1",
    "@x",
    "＝1",
    "+44 20 7946 0000",
    'a,b "c"',
    "佐藤 花",
    "O’Brien",
    "x" * 300,
    "\u202eexe.txt",
    "line\nbreak",
]
OPENING = "--infilter=CSV:44,34,76,1"  # without its window it does not look for the mark of UTF-8, as it does with it
SAVING = "--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false"


def record_some(number: int) -> None:
    for first in range(0, number, AT_ONCE):
        record_many(
            (
                {
                    "action": "vehicle.updated",
                    "actor": Actor(ActorType.MEMBER, "1", NAMES[each % len(NAMES)]),
                    "target": Target("vehicle", f"{each}", f"Stepwgn {each}"),
                }
                for each in range(first, min(first + AT_ONCE, number))
            ),
            org_id=1,
        )
        db.session.commit()


def test_an_export_takes_no_more_memory_however_long_it_is(app: Flask, rounds: Rounds) -> None:
    """All of them of one log, which takes longer to make than to take out."""
    number = rounds(12_000, 1_000_000)
    with app.app_context():
        record_some(number)
        for way in ("csv", "jsonl", "zip"):
            written = zipped(export_of(LOG)) if way == "zip" else pieces(export_of(LOG, Format(way)))
            tracemalloc.start()
            try:
                early = 0
                for _, done in written:
                    if done >= number // 4 and not early:
                        early = tracemalloc.get_traced_memory()[1]
                late = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            assert done == number, way
            assert late < early * 1.1, way


def test_the_process_that_prepares_exports_takes_no_more_memory_however_long_they_are(
    app: Flask, fresh: Database, tmp_path: Path, rounds: Rounds, pytestconfig: pytest.Config
) -> None:
    hash_cheaply()
    place, someone = add_organisation(app, "northgate", "Northgate"), add_person(app, "Ada Okafor")
    join(app, place, someone, "owner")
    peaks = []
    recorded = 0
    for number in (rounds(500, 10_000), rounds(2_500, 1_000_000)):
        with app.app_context():
            record_some(number - recorded)
        recorded = number
        if fresh.engine_name == "postgresql":
            with operator_engine(fresh.owner_url) as engine, engine.begin() as connection:
                connection.execute(text("ANALYZE event"))  # as it does by itself within a minute
        job_id = ask_for_log(app, place, someone, format_=Format.CSV, words=f"{number}")
        peaks.append(_peak_of_preparing(fresh, tmp_path, job_id))
        done = job(app, job_id)
        assert (done.state, done.done >= number) == ("done", True), done.reason
    small, large = (peak >> 20 for peak in peaks)
    told = f"{fresh.engine_name}: {small} MB at most for few entries, {large} MB for {recorded:,}"
    pytestconfig.get_terminal_writer().line(told)
    assert large - small < MORE, told


def _peak_of_preparing(fresh: Database, folder: Path, job_id: str) -> int:
    """Prepare an export as the server does, in a process of its own, and return how much memory the writing takes."""
    environ = clean_environ() | {"AUDITWEB_DATABASE_URL": fresh.url, "AUDITWEB_DATA_DIR": str(folder)}
    peak, begun = 0, False
    with subprocess.Popen([sys.executable, "-m", "auditweb.cli", NAME], env=environ, stdin=subprocess.PIPE) as process:
        told = Path(f"/proc/{process.pid}")
        while process.poll() is None:
            with suppress(ProcessLookupError):
                if not begun and any(job_id in name for name in files(folder)):
                    (told / "clear_refs").write_text("5")  # the peak is that from here on: starting took more
                    begun = True
                found = re.search(r"^VmHWM:\s+([0-9]+) kB$", (told / "status").read_text(), re.MULTILINE)
                if begun and found:  # there is none once it has ended
                    peak = int(found[1]) * 1024
            time.sleep(0.005)
    assert process.returncode == 0
    assert peak
    return peak


def test_a_spreadsheet_reads_what_was_written(app: Flask, tmp_path: Path, rounds: Rounds) -> None:
    if not rounds(0, 1):
        pytest.skip("LibreOffice takes half a minute: `make soak` opens the file in it")
    office = shutil.which("soffice") or shutil.which("libreoffice")
    assert office, "LibreOffice is missing: install it (on Debian the package libreoffice-calc)."
    with app.app_context():
        record_some(len(NAMES))
        (tmp_path / "log.csv").write_bytes(b"".join(some for some, _ in pieces(export_of(LOG))))
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    for made, more in (("log.xlsx", (OPENING, "--convert-to", "xlsx")), ("log.csv", SAVING)):
        source = tmp_path / ("log.csv" if made == "log.xlsx" else "log.xlsx")
        command = [office, profile, "--headless", *more, "--outdir", str(tmp_path / "out"), str(source)]
        subprocess.run(command, check=True, timeout=120, capture_output=True)
        if made == "log.xlsx":
            shutil.move(tmp_path / "out" / made, tmp_path / made)

    with (tmp_path / "out" / "log.csv").open(encoding="utf-8-sig", newline="") as file:
        read = list(csv.DictReader(file))
    assert sorted(line["Actor"] for line in read) == sorted(safe_cell(name) for name in NAMES)
    assert len({line["Target id"] for line in read}) == len(NAMES)
