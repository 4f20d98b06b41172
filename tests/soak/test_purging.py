"""Purges that are killed at any moment, while others record and seal, leave a sound log behind each time."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from auditweb import catalogue, clock, ids
from auditweb.bulk import record_many
from auditweb.ledger import purger
from auditweb.ledger.doctor import Doctor
from auditweb.ledger.sealer import Sealer
from auditweb.models import Event, Leaf
from tests.databases import Database
from tests.ledgers import HANA, STEPWGN, a_bid, operator_engine, process_for, server_engine
from tests.sealing import seal_without_end

Rounds = Callable[[int, int], int]

purge = partial(purger.purge, who="Operator (command line)", why="retention")
DAYS = 40  # of entries, of which the older half is purged again and again


def record_until(stop: str, url: str, seed: int) -> None:
    """Record entries of all days until the file *stop* is there, some in one transaction each, some many at once."""
    chance = random.Random(seed)
    with server_engine(url) as engine:
        while not Path(stop).exists():
            with Session(engine) as session, session.begin():
                for _ in range(chance.choice((1, 1, 1, 100))):
                    at = clock.now() - timedelta(minutes=chance.randint(0, DAYS * 1440))
                    a_bid(session, org_id=chance.randint(1, 2), occurred_at=at)
            time.sleep(0.02)


def purge_without_end(url: str, at_work: str) -> None:
    """Purge, again and again, until killed; the file *at_work* appears with the first batch."""
    with operator_engine(url) as engine:
        while True:
            purge(engine, 1, half_way(), progress=lambda _: Path(at_work).touch())


def record_old(engine: Engine, chance: random.Random) -> None:
    """Record a thousand entries that are to be purged, in any order."""
    happened = {"action": catalogue.BID_RAISED, "actor": HANA, "target": STEPWGN}
    moments = [clock.now() - timedelta(minutes=chance.randint(DAYS * 720, DAYS * 1440)) for _ in range(1000)]
    with Session(engine) as session, session.begin():
        record_many([happened | {"occurred_at": at} for at in moments], org_id=1, session=session)


def half_way() -> int:
    return ids.first_id_at(clock.now() - timedelta(days=DAYS // 2))


def test_purges_killed_among_writers_and_a_sealer(fresh: Database, tmp_path: Path, rounds: Rounds) -> None:
    """A hundred `kill -9`; the doctor looks at the log after each."""
    chance = random.Random(7)
    stop = tmp_path / "stop"
    writers = [process_for(record_until, str(stop), fresh.url, seed) for seed in range(2)]
    sealer = process_for(seal_without_end, fresh.url, 0.1)
    with operator_engine(fresh.owner_url) as engine, killed_in_the_end(*writers, sealer):
        for round_ in range(rounds(2, 100)):
            at_work = tmp_path / f"at work {round_}"
            purging = process_for(purge_without_end, fresh.owner_url, str(at_work))
            record_old(engine, chance)
            with killed_in_the_end(purging):
                while not at_work.exists():
                    time.sleep(0.01)
                time.sleep(chance.uniform(0, 0.4))
            assert Doctor(engine).examine(1) == []
        stop.touch()
        for writer in writers:
            writer.join(60)
        assert [writer.exitcode for writer in writers] == [0] * len(writers)

    with operator_engine(fresh.owner_url) as engine:
        end = half_way()
        rest = purger.count_up_to(engine, 1, end)
        assert purge(engine, 1, end) == rest
        Sealer(engine).run()
        assert Doctor(engine).examine(1) == Doctor(engine).examine(2) == []
        with Session(engine) as session:
            left, oldest = session.execute(
                sa.select(sa.func.count(), sa.func.min(Event.id)).where(Event.org_id == 1)
            ).one()
            recorded = session.scalar(sa.select(sa.func.count()).where(Leaf.org_id == 1)) or 0
        assert oldest > end
        assert recorded - left > rest + 100  # those who were killed had purged some


@contextmanager
def killed_in_the_end(*processes: BaseProcess) -> Iterator[None]:
    """Have *processes* at work within the block."""
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()
