"""Recording, interrupted and raced for many rounds: what was acknowledged is there, once, and nothing by halves."""

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from auditweb.models import Event
from tests.ledgers import (
    in_processes,
    process_for,
    record_same_moment,
    record_until_killed,
    record_with_keys,
    server_engine,
)

Rounds = Callable[[int, int], int]


def test_killed_recorders_lose_and_halve_nothing(database_url: str, tmp_path: Path, rounds: Rounds) -> None:
    """Two processes record in transactions of three until they are killed, at any moment."""
    chance = random.Random(3)
    for round_ in range(rounds(1, 60)):
        names = [f"{round_}-{which}" for which in "ab"]
        processes = [process_for(record_until_killed, database_url, name, str(tmp_path / name)) for name in names]
        for process in processes:
            process.start()
        while not all((tmp_path / name).exists() for name in names):
            time.sleep(0.01)
        time.sleep(chance.uniform(0.05, 0.6))
        for process in processes:
            process.kill()
            process.join()

        with server_engine(database_url) as engine, Session(engine) as session:
            for name in names:
                # The last line may be cut short: that commit was made, and its acknowledgement was not.
                acknowledged = [int(line) for line in (tmp_path / name).read_text().split("\n")[:-1]]
                found = Counter(
                    (int(facts["sale"]), int(facts["lot"]))
                    for facts in session.scalars(sa.select(Event.facts).where(Event.actor_id == name))
                )
                last = max(sale for sale, _ in found) if found else 0
                assert found == Counter(itertools.product(range(1, last + 1), range(3)))
                assert acknowledged == list(range(1, len(acknowledged) + 1))
                assert len(acknowledged) <= last <= len(acknowledged) + 1


def test_races_for_one_millisecond(database_url: str, rounds: Rounds) -> None:
    """Ten thousand events of the same millisecond by four processes, again and again in the same millisecond."""
    entries, wanted = rounds(100, 2500), rounds(1, 10)
    for round_ in range(wanted):
        names = [f"{round_}-{which}" for which in "abcd"]
        assert in_processes(record_same_moment, [(database_url, name, entries, 50) for name in names]) == [0, 0, 0, 0]

    with server_engine(database_url) as engine, Session(engine) as session:
        counts = session.execute(sa.select(Event.actor_id, sa.func.count()).group_by(Event.actor_id)).all()
        assert len(counts) == wanted * 4
        assert {count for _, count in counts} == {entries}


def test_races_for_idempotency_keys(database_url: str, rounds: Rounds) -> None:
    """Four processes send the same keys, in orders of their own."""
    chance = random.Random(5)
    keys = [f"key-{number}" for number in range(rounds(20, 2000))]
    orders = [chance.sample(keys, len(keys)) for _ in range(4)]

    assert in_processes(record_with_keys, [(database_url, "", order) for order in orders]) == [0, 0, 0, 0]

    with server_engine(database_url) as engine, Session(engine) as session:
        assert sorted(map(str, session.scalars(sa.select(Event.idempotency_key)))) == sorted(keys)
