"""Sealers that are killed at any moment, while others record, lose nothing and double nothing."""

import random
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from auditweb.ledger.doctor import Doctor
from auditweb.ledger.sealer import Sealer
from auditweb.models import Event, Leaf
from auditweb.parties import Actor, ActorType
from tests.ledgers import NOON, a_bid, process_for, server_engine
from tests.sealing import seal_without_end

Rounds = Callable[[int, int], int]

WRITERS, SEALERS = 8, 2


def record_with_rollbacks(url: str, name: str, stop: str) -> None:
    """Record until the file *stop* is there, a tenth of it in vain; PostgreSQL's transactions stay open for a while."""
    chance = random.Random(name)
    actor = Actor(ActorType.SYSTEM, name, name)
    with server_engine(url) as engine:
        hold = 0.15 if engine.dialect.name == "postgresql" else 0.0
        while not Path(stop).exists():
            with Session(engine) as session:
                for _ in range(chance.randint(1, 5)):
                    late = chance.random() < 0.2
                    at = NOON - timedelta(minutes=chance.randint(0, 100_000)) if late else None
                    a_bid(session, org_id=chance.randint(1, 2), actor=actor, occurred_at=at)
                time.sleep(hold * chance.random())
                session.rollback() if chance.random() < 0.1 else session.commit()
            time.sleep(0.02)


def _has_sealed(url: str) -> bool:
    with server_engine(url) as engine, Session(engine) as session:
        return session.scalar(sa.select(Leaf.event_id).limit(1)) is not None


def test_sealers_killed_among_writers(database_url: str, tmp_path: Path, rounds: Rounds) -> None:
    """A hundred `kill -9`, two sealers at a time, under eight writers of two organisations."""
    chance = random.Random(7)
    stop = tmp_path / "stop"
    writers = [process_for(record_with_rollbacks, database_url, f"writer {n}", str(stop)) for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    kills, sealed = 0, False
    while kills < rounds(6, 100) or not sealed:
        assert kills < rounds(60, 100), "no sealer came to seal anything before it was killed"
        sealers = [process_for(seal_without_end, database_url) for _ in range(SEALERS)]
        for sealer in sealers:
            sealer.start()
        for sealer in sealers:
            time.sleep(chance.uniform(0.1, 0.6))
            sealer.kill()
            sealer.join()
            kills += 1
        sealed = sealed or _has_sealed(database_url)
    stop.touch()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * WRITERS

    with server_engine(database_url) as engine:
        waited = Sealer(engine).run()
        doctor = Doctor(engine)
        assert doctor.examine(1) == doctor.examine(2) == []
        with Session(engine) as session:
            entries = session.scalar(sa.select(sa.func.count()).select_from(Event)) or 0
            leaves = session.scalar(sa.select(sa.func.count()).select_from(Leaf))
        assert leaves == entries
        assert waited < entries  # those who were killed had sealed some
