"""What `record()` costs, held against adding a mapped object to a table that has no triggers."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from auditweb import ids
from auditweb.demo.cast import NORTHGATE
from auditweb.demo.happenings import Happening
from auditweb.demo.loading import tell_all
from auditweb.demo.world import World
from auditweb.models import Event
from auditweb.recorder import record
from tests.bench.data import UNTIL
from tests.bench.timing import Comparison, compare
from tests.databases import Database, fresh_database
from tests.ledgers import operator_engine, server_engine

Item = TypeVar("Item")

BATCH = 50  # events for each look at the clock

_DIFFERENT = 1_000
_TRIGGERS = {
    "sqlite": "SELECT 'DROP TRIGGER ' || name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'event'",
    "postgresql": "SELECT 'DROP TRIGGER ' || tgname || ' ON event' FROM pg_trigger "
    "WHERE tgrelid = 'event'::regclass AND NOT tgisinternal",
}


def measure(engine_name: str, folder: Path, *, seconds: float) -> Comparison:
    """Return the time of a batch of `record()` in an open transaction, and that of the floor."""
    told = happenings()
    with fresh_database(engine_name, folder) as ours, fresh_database(engine_name, folder) as theirs:
        _drop_triggers(theirs)
        with (
            server_engine(ours.url) as product,
            server_engine(theirs.url) as floor,
            Session(product) as one,
            Session(floor) as other,
        ):
            rows = [_values(tell(one, happening)) for happening in told]
            one.rollback()
            recording = batches(told, lambda happening: tell(one, happening))
            adding = batches(rows, lambda values: _add(other, values))
            return compare(recording, adding, seconds=seconds)


def happenings() -> list[Happening]:
    """Return what happens first in the demo, to be recorded over and over."""
    world = World(NORTHGATE, UNTIL, defaultdict(lambda: "1"))
    return [told.happening for told in itertools.islice(tell_all({1: world}, 5_000), _DIFFERENT)]


def tell(session: Session, happening: Happening) -> Event:
    """Record a happening in the transaction of *session*."""
    return record(
        happening.action,
        org_id=1,
        actor=happening.actor,
        target=happening.target,
        facts=happening.facts,
        via=happening.via,
        outcome=happening.outcome,
        occurred_at=happening.at,
        origin=happening.origin,
        session=session,
    )


def batches(items: Sequence[Item], one: Callable[[Item], object]) -> Callable[[], None]:
    """Return a call that does *one* to the next BATCH of *items*, which begin anew after the last."""
    endless = itertools.cycle(items)

    def batch() -> None:
        for item in itertools.islice(endless, BATCH):
            one(item)

    return batch


def _values(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name, _ in Event.__mapper__.columns.items() if name != "id"}


def _add(session: Session, values: dict[str, Any]) -> None:
    session.add(Event(id=ids.new_id(values["occurred_at"]), **values))
    session.flush()


def _drop_triggers(made: Database) -> None:
    with operator_engine(made.owner_url) as engine, engine.begin() as connection:
        for statement in connection.exec_driver_sql(_TRIGGERS[made.engine_name]).scalars().all():
            connection.exec_driver_sql(statement)
