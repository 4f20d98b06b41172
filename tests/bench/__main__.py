"""
`make bench`: what the product's pages and `record()` cost, as ratios to a floor measured in the same run.

The floor is a route written by hand: one keyset query through the bare driver, and the product's own template; no
session, no filter, no counts. Each page is asked of the product and of the floor in turn.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from unittest.mock import patch

import click

from auditweb.reading.memory import Memory
from tests.bench import data, django_auditlog, exports, ingest, ledger, recording
from tests.bench.logs import ABOUT, LOG, MULTIPLIED, Log, filled, open_log, progress, sqlite_file
from tests.bench.pages import Case, entries_on, visit
from tests.bench.searches import query, searches
from tests.bench.timing import Comparison, Row, compare, row
from tests.databases import Database, Run
from tests.ledgers import server_engine
from tests.readers import hash_cheaply

BACKDATED = 100_000
PAGE_TARGET, DEPTH_TARGET, RECORD_TARGET, SEARCH_TARGET, BUSY_TARGET = 1.75, 1.1, 1.5, 2.0, 3.0
AUDITLOG_TARGET, POST_TARGET = 0.333, 2.0


@click.command(help=(__doc__ or "").strip())
@click.option(
    "--entries", type=int, multiple=True, default=(100_000, 1_000_000), show_default=True, help="Sizes of log."
)
@click.option("--engine", "engines", type=click.Choice(["sqlite", "postgresql"]), multiple=True, help="Only this one.")
@click.option("--seconds", type=float, default=1.5, show_default=True, help="How long each page is measured.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("build/bench.jsonl"), show_default=True)
def main(entries: Sequence[int], engines: Sequence[str], seconds: float, output: Path) -> None:
    hash_cheaply()
    rows: list[Row] = []
    _warn_if_busy()
    run = Run.begin(durable=True)
    try:
        with tempfile.TemporaryDirectory(prefix="auditweb-bench-") as folder:
            for measured in _measure(Path(folder), engines or ("sqlite", "postgresql"), sorted(entries), seconds):
                rows.append(measured)
                click.echo(_line(measured))
    finally:
        run.end()
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("".join(json.dumps(measured.as_dict()) + "\n" for measured in rows))
    missed = [measured for measured in rows if not measured.ok]
    for measured in missed:
        click.echo(
            f"Missed: {measured.name}, {measured.engine}, {measured.entries:,}: {measured.ratio} > {measured.target}"
        )
    click.echo(f"{len(rows)} measurements, {len(missed)} over target; written to {output}")
    sys.exit(1 if missed else 0)


def _measure(folder: Path, engines: Sequence[str], sizes: Sequence[int], seconds: float) -> Iterator[Row]:
    for engine_name in engines:
        _say(f"record() on {engine_name}")
        compared = recording.measure(engine_name, folder, seconds=2 * seconds)
        yield row("record()", engine_name, 0, compared, RECORD_TARGET, calls=recording.BATCH)
        yield from _against_auditlog(engine_name, folder, 2 * seconds)
    with ExitStack() as stack:
        needed = {size if "sqlite" in engines else min(size, MULTIPLIED) for size in sizes}
        needed |= {min(size, MULTIPLIED) for size in sizes if "postgresql" in engines}
        files = {size: sqlite_file(stack, folder, size) for size in sorted(needed)}
        for engine_name in sorted(engines):  # PostgreSQL before SQLite, whose files it copies: they grow while measured
            databases = []
            for size in sizes:
                made, entries = filled(stack, engine_name, folder, size, files)
                yield _all_of(made, entries, "Sealing", partial(ledger.seal, made, "sealing", ledger.SEALED_A_SECOND))
                yield _all_of(made, entries, "Reviewing", partial(ledger.review, made))
                data.settle(made)
                databases.append((made, entries))
            logs = [open_log(stack, made, entries, folder) for made, entries in databases]
            for log in logs:
                _say(f"{log.entries:,} entries on {engine_name}")
                yield from _pages(log, seconds)
                yield from _searches(log, seconds)
                yield from _afresh(log, seconds)
                yield from _about(log, seconds)
            for smaller, larger in pairwise(logs):
                yield from _against_smaller(smaller, larger, seconds)
            yield from _rates(logs[-1], made, folder, seconds)


def _against_smaller(smaller: Log, larger: Log, seconds: float) -> Iterator[Row]:
    """Hold pages of the larger log against the same ones of the smaller."""
    compared = compare(larger.product("newest"), smaller.product("newest"), seconds=seconds)
    yield row(f"newest, against {smaller.entries:,} entries", larger.engine_name, larger.entries, compared, None)
    for about in ABOUT:
        compared = compare(larger.about(about), smaller.about(about), seconds=seconds)
        yield row(f"{about}, against {smaller.entries:,} entries", larger.engine_name, larger.entries, compared, None)
    with patch.object(Memory, "get", return_value=None):
        compared = compare(larger.about("a person"), smaller.about("a person"), seconds=seconds)
    told = f"a person, counted anew, against {smaller.entries:,} entries"
    yield row(told, larger.engine_name, larger.entries, compared, None)


def _rates(log: Log, made: Database, folder: Path, seconds: float) -> Iterator[Row]:
    """Return how much of something is done in a second, what an entry takes, and what pages cost meanwhile."""
    _say(f"{log.entries:,} entries on {log.engine_name}: rates and bytes")
    yield ledger.weigh(made, log.entries)
    yield from _exports(log, made)
    yield _while_exporting(log, seconds)
    yield _one_by_http(log, made, 3 * seconds)
    yield from _while_ingesting(log, made, folder, seconds)
    yield from _while_others_record(log, made, folder, seconds)
    told = data.some(BACKDATED)
    yield ledger.record_newest(made, told, log.entries)
    yield ledger.record_backdated(made, told, log.entries)
    yield ledger.seal(made, "sealing back-dated", ledger.BACKDATED_A_SECOND, log.entries, lambda _: None)
    yield ledger.purge(made, folder, log.entries)


def _all_of(made: Database, entries: int, label: str, work: Callable[[int, Callable[[int], object]], Row]) -> Row:
    """Have *work* done on all entries, which tells how many it has just done, and show how far it is."""
    with progress(f"{label} {entries:,} entries", entries) as show:
        done = 0

        def tell(more: int) -> None:
            nonlocal done
            show(done := done + more)

        return work(entries, tell)


def _against_auditlog(engine_name: str, folder: Path, seconds: float) -> Iterator[Row]:
    """
    Hold `record()` against django-auditlog: three times its rate is a third of its time.

    The target is for all that it does for a change; what its writing alone takes is shown beside it.
    """
    if not django_auditlog.is_installed():
        click.echo("  not held against django-auditlog, which is not installed: `.ci/install bench` does that")
        return
    for way in django_auditlog.WAYS:
        compared = django_auditlog.measure(way, engine_name, folder, seconds=seconds)
        name = f"record(), against auditlog's {way}"
        target = AUDITLOG_TARGET if way == django_auditlog.WHOLE else None
        yield row(name, engine_name, 0, compared, target, calls=recording.BATCH)


def _pages(log: Log, seconds: float) -> Iterator[Row]:
    for case in log.cases.values():
        product, floor = log.product(case.name), log.floor(case.name)
        _check(case, product(), floor())
        compared = compare(product, floor, seconds=seconds)
        yield row(case.name, log.engine_name, log.entries, compared, None if case.whole else PAGE_TARGET)
        if case.name == "newest":
            yield _spread(log, compared)
    compared = compare(log.product("oldest"), log.product("newest"), seconds=seconds)
    yield row("oldest against newest", log.engine_name, log.entries, compared, DEPTH_TARGET)


def _searches(log: Log, seconds: float) -> Iterator[Row]:
    """Hold a page of what was found against the newest page of all."""
    for name, text in searches(log.app, log.org_id):
        found = visit(log.app, LOG + query(text), cookie=log.cookie, whole=False)
        compared = compare(found, log.product("newest"), seconds=seconds)
        yield row(f"search: {name}", log.engine_name, log.entries, compared, SEARCH_TARGET)


def _afresh(log: Log, seconds: float) -> Iterator[Row]:
    """Hold pages whose numbers are counted anew, as after each entry, against the floor."""
    for name in ("newest", "middle", "four weeks", "one actor and category"):
        with patch.object(Memory, "get", return_value=None):
            compared = compare(log.product(name), log.floor(name), seconds=seconds)
        yield row(f"{name}, counted anew", log.engine_name, log.entries, compared, None)


def _about(log: Log, seconds: float) -> Iterator[Row]:
    """Hold pages about somebody, about something and about the whole log against its newest whole page."""
    for name in ABOUT:
        compared = compare(log.about(name), log.product("newest, whole page"), seconds=seconds)
        yield row(name, log.engine_name, log.entries, compared, None)


def _one_by_http(log: Log, made: Database, seconds: float) -> Row:
    """Hold an event that is posted by itself against a bare route that inserts the same row, triggers and all."""
    event = next(event for event in ingest.events() if "actor" in event and "target" in event)
    post = ingest.posted(log.app.wsgi_app, ingest.ADDRESS, event, log.token)
    post()
    with server_engine(made.url) as engine:
        bare = ingest.posted(ingest.bare_app(engine, ingest.newest_row(engine, log.org_id)), ingest.ADDRESS, event)
        compared = compare(post, bare, seconds=seconds)
    return row("HTTP ingest, a single event", log.engine_name, log.entries, compared, POST_TARGET)


def _exports(log: Log, made: Database) -> Iterator[Row]:
    """Return how quickly the log is written as CSV, and hold that against the bare driver and Python's csv module."""
    # Before anything else has taken memory, which the process would keep, and which would hide what all of them take.
    (few, _), (all_, number) = exports.peak(log.app, exports.FEW), exports.peak(log.app, log.entries)
    ours, bare = exports.written_a_second(log.app), exports.bare_a_second(made, log.org_id)
    yield ledger.rate("export as CSV", made, log.entries, ours, exports.CSV_A_SECOND)
    yield ledger.rate("the bare driver and csv module", made, log.entries, bare, None)
    grown, most = round(all_ / few, 3), exports.GROWN_AT_MOST
    name = f"MB while {number:,} are exported, not {exports.FEW:,}"
    yield Row(name, log.engine_name, log.entries, round(all_, 1), round(few, 1), grown, most, grown <= most)


def _while_exporting(log: Log, seconds: float) -> Row:
    """Hold a page while a thread of the same process makes an export against the same page while that pauses."""
    page = log.product("newest")
    with exports.under_way(log.app) as going:

        def meanwhile() -> object:
            going.set()
            return page()

        def paused() -> object:
            going.clear()
            return page()

        compared = compare(meanwhile, paused, seconds=4 * seconds)
    name = "newest, while an export is made"
    return row(name, log.engine_name, log.entries, compared, exports.SLOWED_AT_MOST)


def _while_ingesting(log: Log, made: Database, folder: Path, seconds: float) -> Iterator[Row]:
    """
    Return the rate of batches through a real server, and hold a page against the idle page meanwhile.

    And the floor in the same throng against itself idle.
    """
    ingest.seal_all(made)
    page, floor = log.product("newest"), log.floor("newest")
    idle = compare(page, floor, seconds=3 * seconds)
    with ingest.served(made, folder, log.token) as acknowledged:
        rate = ingest.rate(acknowledged, 10 * seconds)
        before, began = acknowledged(), perf_counter()
        under_way = compare(page, floor, seconds=10 * seconds)
        beside = (acknowledged() - before) / (perf_counter() - began)
    ingest.seal_all(made)
    name = f"HTTP ingest, batches of {ingest.BATCH}, one worker"
    yield ledger.rate(name, made, log.entries, rate, ingest.INGESTED_A_SECOND[log.engine_name])
    yield from _in_throng(log, f"while {beside:,.0f} a second come by HTTP", under_way, idle)


def _while_others_record(log: Log, made: Database, folder: Path, seconds: float) -> Iterator[Row]:
    """
    Hold a page while eight processes record as fast as they can, and one seals, against the idle page.

    And the floor in the same throng against itself idle: what of that is the machine's, which so many share.
    """
    page, floor = log.product("newest"), log.floor("newest")
    idle = compare(page, floor, seconds=3 * seconds)
    with ledger.busy(made, folder) as written:
        before, began = written(), perf_counter()
        under_way = compare(page, floor, seconds=20 * seconds)
        rate = (written() - before) / (perf_counter() - began)
    yield from _in_throng(log, f"while {ledger.WRITERS} record {rate:,.0f} a second", under_way, idle)


def _in_throng(log: Log, throng: str, under_way: Comparison, idle: Comparison) -> Iterator[Row]:
    """Return the lines for page and floor in a *throng*, each held against itself idle."""
    for place, name, target in ((0, "newest", BUSY_TARGET), (1, "the floor", None)):
        then, usually = (round(each.medians[place] * 1000, 4) for each in (under_way, idle))
        ratio = round(then / usually, 3)
        ok = target is None or ratio <= target
        yield Row(f"{name}, {throng}", log.engine_name, log.entries, then, usually, ratio, target, ok)


def _spread(log: Log, compared: Comparison) -> Row:
    """Return the line that tells how much longer than the usual answer a slow one takes."""
    slow, usual = round(compared.p95 * 1000, 4), round(compared.medians[0] * 1000, 4)
    name = "newest, 95th percentile against median"
    return Row(name, log.engine_name, log.entries, slow, usual, round(slow / usual, 3), None, ok=True)


def _check(case: Case, ours: bytes, theirs: bytes) -> None:
    """Refuse to compare answers that are not the same entries."""
    if not entries_on(ours) or entries_on(ours) != entries_on(theirs):
        raise RuntimeError(f"{case.name}: the product and the floor show different entries")


def _warn_if_busy() -> None:
    """Say so when the machine has other work: that takes more from the long measurements than from the short ones."""
    waiting, processors = os.getloadavg()[0], os.cpu_count() or 1
    if waiting > processors / 2:
        click.echo(
            f"This machine is busy ({waiting:.1f} waiting for {processors} processors): the ratios will be too high."
        )


def _say(what: str) -> None:
    click.echo(f"\n{what}\n  {'':<40} {'ms':>8} {'floor':>8} {'ratio':>7}  target")


def _line(measured: Row) -> str:
    target = "" if measured.target is None else f"≤ {measured.target}{'' if measured.ok else '  MISSED'}"
    return f"  {measured.name:<40} {measured.value:>8.3f} {measured.floor:>8.3f} {measured.ratio:>7.2f}  {target}"


if __name__ == "__main__":
    main()
