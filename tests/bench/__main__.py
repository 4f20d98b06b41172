"""
`make bench`: what the product's pages and `record()` cost, as ratios to a floor measured in the same run.

The floor is a route written by hand: one keyset query through the bare driver, and the product's own template; no
session, no filter, no counts. Each page is asked of the product and of the floor in turn.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from unittest.mock import patch

import click
from flask import Flask
from sqlalchemy.engine import make_url

from auditweb.accounts.people import find_organisation, find_person
from auditweb.app import create_app
from auditweb.config import Settings
from auditweb.extensions import db
from auditweb.reading.numbers import Memory
from tests.bench import data, django_auditlog, exports, ingest, ledger, recording
from tests.bench.floor import PATH, Driver, PostgreSQL, SQLite, floor_app
from tests.bench.pages import Case, Visit, cases, entries_on, visit
from tests.bench.searches import query, searches
from tests.bench.timing import Comparison, Row, compare, row
from tests.databases import Database, Run, fresh_database
from tests.ledgers import server_engine
from tests.readers import Place, Someone, hash_cheaply, open_session

BACKDATED = 100_000
MULTIPLIED = 1_000_000  # entries that PostgreSQL multiplies by itself for a larger log
LOG = "/o/northgate/settings/audit-log"
READER, ACTOR = "maya@northgate.example", "callum@northgate.example"
PAGE_TARGET, DEPTH_TARGET, RECORD_TARGET, SEARCH_TARGET, BUSY_TARGET = 1.75, 1.1, 1.5, 2.0, 3.0
AUDITLOG_TARGET, POST_TARGET = 0.333, 2.0
ABOUT = {
    "a person": "/people/{actor}",
    "a first week": "/people/{actor}?part=first-week",
    "a thing": "/targets/vehicle/veh_0471",
    "the security review": "/review",
    "what is flagged": "?flag=any",
    "what is recorded": "/coverage",
}


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


@dataclass(frozen=True, slots=True)
class Log:
    """A database full of entries, and the product and the floor on it."""

    engine_name: str
    entries: int
    app: Flask
    driver: Driver
    cookie: str
    org_id: int
    token: str
    cases: dict[str, Case]

    def product(self, name: str) -> Visit:
        """Return a visit to the product's page *name*."""
        case = self.cases[name]
        return visit(self.app, LOG + case.query, cookie=self.cookie, whole=case.whole)

    def about(self, name: str) -> Visit:
        """Return a visit to one of the pages that are not the log itself, or only what the review flags in it."""
        actor = self.cases["one actor"].query.removeprefix("?actor=")
        return visit(self.app, LOG + ABOUT[name].format(actor=actor), cookie=self.cookie)

    def floor(self, name: str) -> Visit:
        app = floor_app(self.app, self.driver, self.cases[name].question, self.product(name))
        return visit(app, PATH)


def _measure(folder: Path, engines: Sequence[str], sizes: Sequence[int], seconds: float) -> Iterator[Row]:
    for engine_name in engines:
        _say(f"record() on {engine_name}")
        compared = recording.measure(engine_name, folder, seconds=2 * seconds)
        yield row("record()", engine_name, 0, compared, RECORD_TARGET, calls=recording.BATCH)
        yield from _against_auditlog(engine_name, folder, 2 * seconds)
    with ExitStack() as stack:
        needed = {size if "sqlite" in engines else min(size, MULTIPLIED) for size in sizes}
        needed |= {min(size, MULTIPLIED) for size in sizes if "postgresql" in engines}
        files = {size: _sqlite_file(stack, folder, size) for size in sorted(needed)}
        for engine_name in sorted(engines):  # PostgreSQL before SQLite, whose files it copies: they grow while measured
            filled = []
            for size in sizes:
                made, entries = _filled(stack, engine_name, folder, size, files)
                yield _all_of(made, entries, "Sealing", partial(ledger.seal, made, "sealing", ledger.SEALED_A_SECOND))
                yield _all_of(made, entries, "Reviewing", partial(ledger.review, made))
                data.settle(made)
                filled.append((made, entries))
            logs = [_open(stack, made, entries, folder) for made, entries in filled]
            for log in logs:
                _say(f"{log.entries:,} entries on {engine_name}")
                yield from _pages(log, seconds)
                yield from _searches(log, seconds)
                yield from _afresh(log, seconds)
                yield from _about(log, seconds)
            for smaller, larger in pairwise(logs):
                compared = compare(larger.product("newest"), smaller.product("newest"), seconds=seconds)
                name = f"newest, against {smaller.entries:,} entries"
                yield row(name, engine_name, larger.entries, compared, None)
                for about in ABOUT:
                    compared = compare(larger.about(about), smaller.about(about), seconds=seconds)
                    name = f"{about}, against {smaller.entries:,} entries"
                    yield row(name, engine_name, larger.entries, compared, None)
            _say(f"{logs[-1].entries:,} entries on {engine_name}: rates and bytes")
            yield ledger.weigh(made, logs[-1].entries)
            yield from _exports(logs[-1], made)
            yield _while_exporting(logs[-1], seconds)
            yield _one_by_http(logs[-1], made, 3 * seconds)
            yield from _while_ingesting(logs[-1], made, folder, seconds)
            yield from _while_others_record(logs[-1], made, folder, seconds)
            told = data.some(BACKDATED)
            yield ledger.record_newest(made, told, logs[-1].entries)
            yield ledger.record_backdated(made, told, logs[-1].entries)
            yield ledger.seal(made, "sealing back-dated", ledger.BACKDATED_A_SECOND, logs[-1].entries, lambda _: None)
            yield ledger.purge(made, folder, logs[-1].entries)


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
    ours, bare = exports.written_a_second(log.app), exports.bare_a_second(made, log.org_id)
    yield ledger.rate("export as CSV", made, log.entries, ours, exports.CSV_A_SECOND)
    yield ledger.rate("the bare driver and csv module", made, log.entries, bare, None)


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


def _sqlite_file(stack: ExitStack, folder: Path, size: int) -> tuple[Database, int]:
    """Make a SQLite database of about *size* entries; the other engine gets a copy of it."""
    made = stack.enter_context(fresh_database("sqlite", folder))
    with _progress(f"Making {size:,} entries", size) as progress:
        return made, data.fill_sqlite(_app(made, folder), _path(made), size, progress)


def _filled(
    stack: ExitStack, engine_name: str, folder: Path, size: int, files: Mapping[int, tuple[Database, int]]
) -> tuple[Database, int]:
    """Return a database of about *size* entries, and how many they are."""
    if engine_name == "sqlite":
        return files[size]
    source, entries = files[min(size, MULTIPLIED)]
    made = stack.enter_context(fresh_database("postgresql", folder))
    times = max(size // MULTIPLIED, 1)
    with _progress(f"Copying {times * entries:,} entries to PostgreSQL", times * entries) as progress:
        made_here = data.fill_postgresql(_app(made, folder), made.owner_url, _path(source), size, times, progress)
    return made, made_here


def _all_of(made: Database, entries: int, label: str, work: Callable[[int, Callable[[int], object]], Row]) -> Row:
    """Have *work* done on all entries, which tells how many it has just done, and show how far it is."""
    with _progress(f"{label} {entries:,} entries", entries) as progress:
        done = 0

        def tell(more: int) -> None:
            nonlocal done
            progress(done := done + more)

        return work(entries, tell)


def _open(stack: ExitStack, made: Database, entries: int, folder: Path) -> Log:
    driver: Driver = SQLite(_path(made)) if made.engine_name == "sqlite" else PostgreSQL(made.url)
    stack.callback(driver.close)
    app = _app(made, folder)
    with app.app_context():
        organisation, reader, actor = find_organisation("northgate"), find_person(READER), find_person(ACTOR)
        assert organisation
        assert reader
        assert actor
        middle = driver.middle(organisation.id)
        day = (data.UNTIL - timedelta(days=365)).date().replace(day=1)
        found = cases(organisation.id, organisation.zone, str(actor.id), middle, day)
        log_cases = {case.name: case for case in found}
        someone = Someone(reader.id, reader.email, reader.name)
        place = Place(organisation.id, organisation.slug, organisation.name, organisation.zone)
    browser = open_session(app, app.test_client(), someone)
    browser.get(LOG)  # the first visit changes the cookie, which then remembers the organisation
    cookie = browser.cookie() or ""
    stack.callback(_close, app)
    token = ingest.key_for(app, place, someone)
    return Log(made.engine_name, entries, app, driver, cookie, organisation.id, token, log_cases)


def _close(app: Flask) -> None:
    with app.app_context():
        db.engine.dispose()


def _app(made: Database, folder: Path) -> Flask:
    often = ingest.REQUESTS_A_MINUTE
    return create_app(
        Settings(data_dir=folder, database_url=made.url, secret_key="b" * 32, api_requests_a_minute=often)
    )


def _path(made: Database) -> str:
    return make_url(made.url).database or ""


@contextmanager
def _progress(label: str, length: int) -> Iterator[Callable[[int], object]]:
    with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
        yield lambda done: bar.update(done - bar.pos)


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
