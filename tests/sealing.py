"""Sealing for the tests of the search: the index, the order and the queue, and nothing else."""

import time
from collections.abc import Sequence
from typing import cast

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from auditweb.ledger import index
from auditweb.ledger.sealer import Sealer
from auditweb.models import Event, Leaf, SealQueue
from auditweb.reading.postings import Entry
from tests.ledgers import server_engine


def seal(connection: Connection, org_id: int, event_ids: Sequence[int]) -> None:
    """Seal these queued events in this order."""
    rows = {
        row.id: row
        for row in connection.execute(sa.select(*index.COLUMNS).where(Event.org_id == org_id, Event.id.in_(event_ids)))
    }
    index.write(connection, index.prepare(connection, org_id, [tuple(rows[event_id]) for event_id in event_ids]))
    size = connection.scalar(sa.select(sa.func.count()).where(Leaf.org_id == org_id)) or 0
    if event_ids:
        connection.execute(
            sa.insert(Leaf),
            [
                {"org_id": org_id, "leaf_index": leaf_index, "event_id": event_id}
                for leaf_index, event_id in enumerate(event_ids, size)
            ],
        )
    connection.execute(sa.delete(SealQueue).where(SealQueue.org_id == org_id, SealQueue.event_id.in_(event_ids)))


def index_anew(connection: Connection, org_id: int) -> None:
    """Take the organisation's index away and index all that is sealed at once, in its order."""
    for table in ("posting", "segment"):
        connection.exec_driver_sql(f"DELETE FROM {table} WHERE org_id = {org_id}")
    sealed = sa.select(*index.COLUMNS).join(Leaf, (Leaf.org_id == Event.org_id) & (Leaf.event_id == Event.id))
    rows = connection.execute(sealed.where(Event.org_id == org_id).order_by(Leaf.leaf_index)).all()
    index.write(connection, index.prepare(connection, org_id, [cast(Entry, tuple(row)) for row in rows]))


def seal_all(engine: Engine) -> None:
    """Seal all that is queued, the oldest first."""
    with engine.begin() as connection:
        queued: dict[int, list[int]] = {}
        for org_id, event_id in connection.execute(
            sa.select(SealQueue.org_id, SealQueue.event_id).order_by(SealQueue.org_id, SealQueue.event_id)
        ):
            queued.setdefault(org_id, []).append(event_id)
        for org_id, event_ids in queued.items():
            seal(connection, org_id, event_ids)


def seal_without_end(url: str, pause: float = 0) -> None:
    """Seal what waits, again and again, until killed."""
    with server_engine(url) as engine:
        while True:
            Sealer(engine).run()
            time.sleep(pause)
