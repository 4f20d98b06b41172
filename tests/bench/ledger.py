"""What sealing, reviewing, bulk recording, keeping and purging cost: rates in entries a second, and bytes an entry."""

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from time import perf_counter, sleep

import psycopg
import sqlalchemy as sa
from sqlalchemy.orm import Session

from auditweb import database
from auditweb.bulk import record_many
from auditweb.demo.loading import Told
from auditweb.insights.runs import Review
from auditweb.ledger import purger
from auditweb.ledger.sealer import Progress, Sealer
from auditweb.ledger.watch import PAUSE
from auditweb.models import Event
from tests.bench.data import UNTIL, conninfo
from tests.bench.timing import Row, as_served
from tests.databases import Database
from tests.ledgers import operator_engine, process_for, record_until_killed, server_engine
from tests.sealing import seal_without_end

WRITERS = 8
SEALED_A_SECOND, BACKDATED_A_SECOND, RECORDED_A_SECOND, PURGED_A_SECOND = 20_000, 10_000, 40_000, 20_000
BYTES = {"sqlite": 300, "postgresql": 430}


def seal(made: Database, name: str, wanted: int, size: int, progress: Progress) -> Row:
    """Seal all that waits in a database, and return the rate."""
    with database.patient_engine(made.url) as engine, as_served():
        began = perf_counter()
        sealed = Sealer(engine).run(progress)
        return rate(name, made, size, sealed / (perf_counter() - began), wanted)


def review(made: Database, size: int, progress: Progress) -> Row:
    """Have the security review read all that is sealed, and return the rate."""
    with database.patient_engine(made.url) as engine, as_served():
        began = perf_counter()
        read = Review(engine).run(progress)
        return rate("reviewing", made, size, read / (perf_counter() - began), None)


def record_newest(made: Database, told: list[Told], size: int) -> Row:
    """Record these happenings once more, as what happened last; return the rate."""
    moments = (UNTIL + number * timedelta(milliseconds=40) for number in range(len(told)))
    return _record("recording many", made, told, moments, size, RECORDED_A_SECOND)


def record_backdated(made: Database, told: list[Told], size: int) -> Row:
    """Record them spread over two years; return the rate."""
    chance = random.Random(11)
    moments = (UNTIL - timedelta(seconds=chance.randint(0, 700 * 86_400)) for _ in told)
    return _record("recording many, back-dated", made, told, moments, size, None)


def _record(
    name: str, made: Database, told: list[Told], moments: Iterator[datetime], size: int, wanted: int | None
) -> Row:
    given = [
        {
            "action": each.happening.action,
            "actor": each.happening.actor,
            "target": each.happening.target,
            "facts": each.happening.facts,
            "via": each.happening.via,
            "outcome": each.happening.outcome,
            "origin": each.happening.origin,
            "occurred_at": moment,
        }
        for each, moment in zip(told, moments, strict=True)
    ]
    with server_engine(made.url) as engine, Session(engine) as session, as_served():
        began = perf_counter()
        rest = iter(given)
        while some := list(islice(rest, 10_000)):
            record_many(some, org_id=1, session=session)
            session.commit()
        return rate(name, made, size, len(given) / (perf_counter() - began), wanted)


def purge(made: Database, folder: Path, size: int) -> Row:
    """Purge the older half of the largest log, on SQLite of a copy of it; return the rate."""
    url = made.owner_url
    if made.engine_name == "sqlite":
        copy = folder / "to-be-purged.sqlite3"
        shutil.copyfile(sa.engine.make_url(url).database or "", copy)
        url = f"sqlite:///{copy}"
    mine = sa.select(Event.id).where(Event.org_id == 1)
    with operator_engine(url) as engine, as_served():
        with engine.connect() as connection:
            number = connection.scalar(sa.select(sa.func.count()).select_from(mine.subquery())) or 0
            middle = connection.scalar(mine.order_by(Event.id).offset(number // 2).limit(1)) or 0
        began = perf_counter()
        purged = purger.purge(engine, 1, middle, who="Benchmark", why="To see how long it takes")
        return rate("purging the older half", made, size, purged / (perf_counter() - began), PURGED_A_SECOND)


@contextmanager
def busy(made: Database, folder: Path) -> Iterator[Callable[[], int]]:
    """
    Have WRITERS processes record in transactions of three, one after the other, while one more seals.

    What is given tells how many entries were recorded so far.
    """
    acknowledged = [folder / f"writer-{number}" for number in range(WRITERS)]
    work = [process_for(record_until_killed, made.url, path.name, str(path)) for path in acknowledged]
    work.append(process_for(seal_without_end, made.url, PAUSE))
    for process in work:
        process.start()
    try:
        while not all(path.exists() and path.stat().st_size for path in acknowledged):
            sleep(0.05)
        yield lambda: 3 * sum(path.read_text().count("\n") for path in acknowledged)
    finally:
        for process in work:
            process.kill()
            process.join()


def weigh(made: Database, size: int) -> Row:
    """Return how many bytes an entry takes, with its indexes, its leaf, its counts and its words."""
    if made.engine_name == "sqlite":
        with database.patient_engine(made.url) as engine, engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
        path = Path(sa.engine.make_url(made.url).database or "")
        total = path.stat().st_size
    else:
        with closing(psycopg.connect(conninfo(made.owner_url))) as connection:
            found = connection.execute("SELECT pg_database_size(current_database())").fetchone()
            assert found
            total = found[0]
    bytes_, wanted = total / size, BYTES[made.engine_name]
    ratio = round(bytes_ / wanted, 3)
    return Row("bytes an entry", made.engine_name, size, round(bytes_, 1), wanted, ratio, 1.0, ratio <= 1)


def rate(name: str, made: Database, size: int, reached: float, wanted: int | None) -> Row:
    """Return the line for a rate that was *reached*; the target is what was *wanted*, None if it is only shown."""
    ratio = round((wanted or reached) / reached, 3)
    target = 1.0 if wanted else None
    return Row(f"{name}, a second", made.engine_name, size, round(reached), wanted or 0, ratio, target, ratio <= 1)
