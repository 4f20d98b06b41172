"""What the tests of the ledger share: connections as the server has them, somebody who acts, recording processes."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from auditweb import catalogue, database
from auditweb.models import Event
from auditweb.parties import Actor, ActorType, Target
from auditweb.recorder import record

HANA = Actor(ActorType.MEMBER, "42", "Hana Sato")
FEED = Actor(ActorType.API_KEY, "key_7", "Dealer feed")
STEPWGN = Target("vehicle", "veh_4471", "2020 Honda Stepwgn Spada", "/vehicles/4471")
NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)

_PROCESSES = multiprocessing.get_context("forkserver")  # quicker than new interpreters, and as clean
_PROCESSES.set_forkserver_preload(["tests.ledgers"])


@contextmanager
def server_engine(url: str) -> Iterator[Engine]:
    """An engine that connects as the server does, guard included."""
    engine = sa.create_engine(database.normalise_url(url), **database.engine_options(url))
    database.install(engine)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def operator_engine(url: str) -> Iterator[Engine]:
    """An engine without guard, as the operator's commands have it."""
    engine = database.operator_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def a_bid(session: Session, org_id: int = 1, **more: Any) -> Event:
    """Record that Hana raised a bid; *more* goes to `record` as it is."""
    given: dict[str, Any] = {"action": catalogue.BID_RAISED, "actor": HANA, "target": STEPWGN} | more
    return record(org_id=org_id, session=session, **given)


def process_for(work: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Return a real process, not yet started, that will do *work*; it shares nothing with this one."""
    return _PROCESSES.Process(target=work, args=arguments)


def in_processes(work: Callable[..., None], arguments: list[tuple[Any, ...]]) -> list[int | None]:
    """Run *work* once with each of *arguments*, each in a real process of its own; return how they ended."""
    processes = [process_for(work, *each) for each in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join(240)
        process.kill()
    return [process.exitcode for process in processes]


def wait_for(happened: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something has *happened*, which it does soon."""
    give_up_at = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def record_same_moment(url: str, name: str, entries: int, at_once: int, start: int | None = None) -> None:
    """Record *entries* events of one millisecond, numbered, *at_once* in a transaction, with ids from *start* on."""
    actor = Actor(ActorType.SYSTEM, name, name)
    with server_engine(url) as engine, ExitStack() as stack:
        if start is not None:
            stack.enter_context(patch("auditweb.ids.Random.getrandbits", return_value=start))
        for first in range(0, entries, at_once):
            with Session(engine) as session, session.begin():
                for number in range(first, first + at_once):
                    a_bid(session, actor=actor, occurred_at=NOON, facts={"lot": str(number)})


def record_until_killed(url: str, name: str, acknowledged: str) -> None:
    """Record in transactions of three without end; after each commit, add its number to the file *acknowledged*."""
    actor = Actor(ActorType.SYSTEM, name, name)
    with server_engine(url) as engine, open(acknowledged, "a", buffering=1) as done:  # noqa: PTH123  (line by line)
        number = 0
        while True:
            number += 1
            with Session(engine) as session, session.begin():
                for part in range(3):
                    a_bid(session, actor=actor, facts={"sale": str(number), "lot": str(part)})
            done.write(f"{number}\n")


def record_with_keys(url: str, name: str, keys: list[str]) -> None:
    """Record one event for each of *keys*, each in a transaction of its own and all saying the same."""
    with server_engine(url) as engine:
        for key in keys:
            with Session(engine) as session, session.begin():
                a_bid(session, idempotency_key=key, facts={"lot": key})


def only_row(session: Session) -> dict[str, Any]:
    """Return the one event there is, past the ORM."""
    return dict(session.connection().execute(sa.select(Event.__table__)).one()._mapping)
