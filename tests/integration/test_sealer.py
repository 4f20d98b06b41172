"""Sealing gives every committed event one place in the order, whatever else happens meanwhile."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from auditweb import transactions
from auditweb.ledger import sealer
from auditweb.ledger.doctor import Doctor
from auditweb.ledger.locks import only_one
from auditweb.ledger.sealer import Sealer
from auditweb.ledger.watch import sealing_thread, watch
from auditweb.models import Event, Leaf, LogHead, SealQueue
from auditweb.reading.filters import LogFilter
from auditweb.reading.pages import find_event, find_page
from tests.databases import Database
from tests.ledgers import NOON, a_bid, in_processes, operator_engine, server_engine


def leaves(session: Session, org_id: int = 1) -> list[tuple[int, int]]:
    query = sa.select(Leaf.leaf_index, Leaf.event_id).where(Leaf.org_id == org_id).order_by(Leaf.leaf_index)
    return [(place, event_id) for place, event_id in session.execute(query)]


def waiting(session: Session) -> set[int]:
    return set(session.scalars(sa.select(SealQueue.event_id)))


def test_every_committed_event_gets_the_next_place(engine: Engine, session: Session) -> None:
    first = [a_bid(session).id for _ in range(3)]
    session.commit()
    assert Sealer(engine).run() == 3
    revision = session.scalar(sa.select(LogHead.revision)) or 0
    second = [a_bid(session, occurred_at=NOON - timedelta(days=days)).id for days in range(3)]
    session.commit()
    assert Sealer(engine).run() == 3

    assert leaves(session) == list(enumerate([*first, *second]))
    assert waiting(session) == set()
    assert session.execute(sa.select(LogHead.size, LogHead.revision)).one() == (6, revision + 1)
    assert Sealer(engine).run() == 0


def test_what_came_first_is_sealed_first_within_a_batch(engine: Engine, session: Session) -> None:
    """The order is that of recording: an event of long ago that is recorded last comes last."""
    late = [a_bid(session, occurred_at=NOON - timedelta(days=days)).id for days in (0, 2, 1)]
    session.commit()

    Sealer(engine).run()

    assert [event_id for _, event_id in leaves(session)] == late


def test_what_is_rolled_back_is_not_sealed(engine: Engine, session: Session) -> None:
    kept = a_bid(session).id
    savepoint = session.begin_nested()
    a_bid(session)
    savepoint.rollback()
    session.commit()
    a_bid(session)
    session.rollback()

    assert Sealer(engine).run() == 1
    assert leaves(session) == [(0, kept)]


def test_organisations_have_an_order_each(engine: Engine, session: Session) -> None:
    ours, theirs = a_bid(session, org_id=1).id, a_bid(session, org_id=7).id
    session.commit()

    assert Sealer(engine).run() == 2

    assert leaves(session, 1) == [(0, ours)]
    assert leaves(session, 7) == [(0, theirs)]


def test_raw_sql_is_queued_too(engine: Engine, session: Session, owner_url: str) -> None:
    event_id = a_bid(session).id
    session.commit()
    Sealer(engine).run()
    columns = "occurred_at, recorded_at, category, action, summary, facts, actor_type, actor_id, actor_name, outcome"
    copied = f"INSERT INTO event (org_id, id, {columns}) SELECT org_id, id + 1, {columns} FROM event"
    with operator_engine(owner_url) as owner, owner.begin() as connection:
        connection.exec_driver_sql(copied)

    assert waiting(session) == {event_id + 1}
    session.commit()
    assert Sealer(engine).run() == 1


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_a_transaction_open_for_long_is_sealed_once_it_is_over(engine: Engine, session: Session) -> None:
    """Neither is it waited for, nor are its events lost when they appear among sealed ones."""
    with Session(engine) as slow:
        held = a_bid(slow, occurred_at=NOON - timedelta(hours=1)).id
        quick = a_bid(session).id
        session.commit()
        assert Sealer(engine).run() == 1
        slow.commit()
    assert Sealer(engine).run() == 1

    assert leaves(session) == [(0, quick), (1, held)]


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_writers_do_not_wait_for_a_sealer(engine: Engine, session: Session) -> None:
    a_bid(session)
    session.commit()
    Sealer(engine).run()
    with engine.begin() as other:
        other.execute(sa.select(LogHead).where(LogHead.org_id == 1).with_for_update())
        session.execute(sa.text("SET lock_timeout = '200ms'"))
        a_bid(session)
        session.commit()


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)  # on PostgreSQL all is done under the lock
def test_a_sealer_that_others_are_quicker_than_seals_all_the_same(
    engine: Engine, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it works out beforehand, another has always made void meanwhile."""
    a_bid(session)
    session.commit()
    Sealer(engine).run()
    a_bid(session)
    session.commit()
    real, outrun = sealer._prepare, 0

    def prepare(connection: Connection, org_id: int, size: int) -> Any:
        nonlocal outrun
        batch = real(connection, org_id, size)
        if transactions.is_reading():
            outrun += 1
            with as_writer(), engine.begin() as other:
                other.execute(sa.update(LogHead).values(revision=LogHead.revision + 1))
        return batch

    monkeypatch.setattr(sealer, "_prepare", prepare)

    assert Sealer(engine).seal_batch(1) == 1
    assert outrun == 1
    assert Doctor(engine).examine(1) == []


@contextmanager
def as_writer() -> Iterator[None]:
    """Let what begins within the block be a writer's, in the midst of reading."""
    transactions.set_reading(False)
    try:
        yield
    finally:
        transactions.set_reading(True)


def seal_until_dry(url: str) -> None:
    with server_engine(url) as engine:
        own = Sealer(engine)
        for _ in range(200):
            own.run()


def record_some(url: str, seed: int) -> None:
    chance = random.Random(seed)
    with server_engine(url) as engine:
        for _ in range(60):
            with Session(engine) as session:
                for _ in range(chance.randint(1, 4)):
                    a_bid(session, occurred_at=NOON - timedelta(hours=chance.randint(0, 2000)))
                session.rollback() if chance.random() < 0.1 else session.commit()


def test_sealers_and_writers_at_once(fresh: Database, engine: Engine) -> None:
    """Three sealers and three writers: nothing is sealed twice, lost or counted wrongly."""
    sealing = threading.Thread(target=in_processes, args=(seal_until_dry, [(fresh.url,)] * 3))
    sealing.start()
    assert in_processes(record_some, [(fresh.url, seed) for seed in range(3)]) == [0, 0, 0]
    sealing.join()
    Sealer(engine).run()

    assert Doctor(engine).count_sealed(1) > 100
    assert Doctor(engine).examine(1) == []


def test_one_of_two_watching_threads_does_the_work(fresh: Database, engine: Engine, session: Session) -> None:
    """The other takes over when it stops."""
    threads = [sealing_thread(fresh.url), sealing_thread(fresh.url)]
    for thread in threads:
        thread.start()
    try:
        a_bid(session)
        session.commit()
        assert eventually(lambda: Doctor(engine).count_sealed(1) == 1)
        threads[0].stop(within=10)
        a_bid(session)
        session.commit()
        assert eventually(lambda: Doctor(engine).count_sealed(1) == 2)
    finally:
        for thread in threads:
            thread.stop(within=10)
    assert not any(thread.is_alive() for thread in threads)


def test_what_one_at_a_time_may_do_another_can_once_it_is_over(engine: Engine) -> None:
    """Also when it ended in a failure, and the connection that it was done by is open still."""
    with pytest.raises(RuntimeError), only_one(engine, "sealer") as leads:  # noqa: PT012
        assert leads()
        with only_one(engine, "sealer") as leads_too:
            assert not leads_too()
        raise RuntimeError("no room on disk")

    with only_one(engine, "sealer") as leads:
        assert leads()


def test_a_failing_sealer_tries_again(engine: Engine, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    a_bid(session)
    session.commit()
    failures = iter([RuntimeError("no room on disk")])
    real = Sealer.seal_batch

    def fail_once(self: Sealer, org_id: int) -> int:
        for failure in failures:
            raise failure
        return real(self, org_id)

    monkeypatch.setattr(Sealer, "seal_batch", fail_once)
    monkeypatch.setattr("auditweb.ledger.leading.PAUSE_AFTER_FAILURE", 0.01)
    stopping = threading.Event()
    watching = threading.Thread(target=watch, args=(engine, stopping))
    watching.start()
    try:
        assert eventually(lambda: Doctor(engine).count_sealed(1) == 1)
    finally:
        stopping.set()
        watching.join()


LONG = "".join(sha256(str(number).encode()).hexdigest() for number in range(100))  # and not to be compressed
STRANGE = {
    "an address longer than an index takes": {"ip": LONG},
    "a number longer than Python reads": {"facts": f'{{"lot": {"1" * 5_000}}}'},
    "facts deeper than Python reads": {"facts": f'{{"lot": {"[" * 3_000}{"]" * 3_000}}}'},
}


@pytest.mark.parametrize("values", STRANGE.values(), ids=STRANGE)
def test_what_only_raw_sql_writes_is_sealed_and_found(
    fresh: Database, engine: Engine, session: Session, app: Flask, values: dict[str, str]
) -> None:
    copied = a_bid(session, facts={"lot": "7"})
    session.commit()
    columns = {column.name: column.name for column in Event.__table__.columns}
    given = {name: f"CAST(:{name} AS JSON)" if name == "facts" else f":{name}" for name in values}
    if fresh.engine_name == "sqlite":
        given = {name: f":{name}" for name in values}
    chosen = ", ".join({**columns, **given, "id": f"{copied.id + 1}"}.values())
    with operator_engine(fresh.owner_url) as owner, owner.connect() as connection:
        raw = sa.text(f"INSERT INTO event ({', '.join(columns)}) SELECT {chosen} FROM event")
        try:
            connection.execute(raw, values)
        except DBAPIError:
            assert (fresh.engine_name, list(values)) == ("sqlite", ["facts"])  # it does not read them either
            return
        connection.commit()

    assert Sealer(engine).run() == 2
    assert Doctor(engine).examine(1) == []
    with app.app_context(), transactions.reading():
        found = find_page(LogFilter(org_id=1, org_zone="Europe/London", q="stepwgn")).rows
        assert [row.id for row in found] == [copied.id + 1, copied.id]
        event = find_event(1, copied.id + 1)
        assert event is not None
        assert event.facts


def test_one_organisation_does_not_keep_the_others(
    engine: Engine, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for org_id in (1, 2, 3):
        a_bid(session, org_id=org_id)
    session.commit()
    real = Sealer.seal_batch

    def fail_for_the_second(self: Sealer, org_id: int) -> int:
        if org_id == 2:
            raise RuntimeError("no room on disk")
        return real(self, org_id)

    monkeypatch.setattr(Sealer, "seal_batch", fail_for_the_second)

    with pytest.raises(RuntimeError, match="no room"):
        Sealer(engine).run()

    assert [Doctor(engine).count_sealed(org_id) for org_id in (1, 2, 3)] == [1, 0, 1]


def eventually(holds: Callable[[], bool], seconds: float = 10) -> bool:
    """Wait until *holds* returns something true, for so many *seconds* at most."""
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds()
