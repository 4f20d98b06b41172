"""All tables at once: something in each of them, and everything that is in them."""

import re
from collections.abc import Collection
from datetime import timedelta
from typing import Any, cast
from unittest.mock import patch

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, Connection, Engine, Table
from sqlalchemy.orm import Session

from auditweb.ledger.sealer import Sealer
from auditweb.models import Base, Event, Purge
from auditweb.models.base import Moment
from tests.ledgers import FEED, HANA, NOON, a_bid

DRAWN_ANEW = {"people_stamp"}  # by a trigger, with every change of an organisation's people
ENTRIES = 35  # that `fill` leaves, of which three wait to be sealed

Rows = dict[str, list[tuple[Any, ...]]]


def fill(engine: Engine) -> None:
    """
    Put something into every table, whatever tables there are, as the operator may.

    In the logs: entries of two organisations, sealed and waiting, and a purge. Elsewhere: a row made of what its
    columns say.
    """
    with Session(engine) as session, session.begin():
        _purge(session)
        for hours in range(30):
            a_bid(session, occurred_at=NOON - timedelta(days=40, hours=hours, microseconds=hours))
        a_bid(session, org_id=2, actor=FEED, via=HANA, facts={"lot": "Ωμέγα \\ \t\n\"'", "sale": "¥1,200,000"})
        a_bid(session, org_id=2, idempotency_key="once")
    with patch("auditweb.ledger.marks.EVERY", 4):
        Sealer(engine).run()
    with Session(engine) as session, session.begin():
        for org_id in (1, 2):
            a_bid(session, org_id=org_id, occurred_at=NOON)
    with engine.begin() as connection:
        _spell_facts_otherwise(connection)
        fill_empty(connection)


def fill_empty(connection: Connection, *, but: Collection[str] = ()) -> None:
    """Put a row into every table that has none, *but* these, of the first organisation and person there are."""
    for table in Base.metadata.sorted_tables:
        if table.name not in but and connection.execute(sa.select(table).limit(1)).first() is None:
            row = {column.name: _made_up(connection, table, column) for column in table.columns}
            connection.execute(sa.insert(table).values(row))


def rows_of(engine: Engine) -> Rows:
    """Return all rows of all tables, in the order of their keys; JSON as its very text."""
    with engine.connect() as connection:
        return {
            table.name: sorted(tuple(row) for row in connection.execute(sa.select(*_compared(table))))
            for table in Base.metadata.sorted_tables
        }


def _purge(session: Session) -> None:
    gone = a_bid(session, org_id=3).id
    purge = Purge(org_id=3, up_to_id=gone, who="Ada", why="Past its time", started_at=NOON)
    session.add(purge)
    session.flush()
    session.execute(sa.delete(Event).where(Event.org_id == 3, Event.id == gone))
    purge.finished_at = NOON + timedelta(microseconds=1)


def _spell_facts_otherwise(connection: Connection) -> None:
    """Add an entry from elsewhere, whose JSON is not spelled as ours."""
    table = cast(Table, Event.__table__)
    row = connection.execute(sa.select(table).where(table.c.org_id == 2).order_by(table.c.id).limit(1)).one()
    facts: sa.ColumnElement[str] = sa.literal_column("""'{"lot" : "\\u00fc",  "lot":1.0}'""")
    connection.execute(sa.insert(table).values({**row._mapping, "id": row.id + 1, "facts": facts}))


def _made_up(connection: Connection, table: Table, column: Column[Any]) -> Any:
    for key in column.foreign_keys:
        return connection.scalar(sa.select(key.column).order_by(key.column).limit(1))
    if isinstance(column.type, Moment):
        return NOON + timedelta(microseconds=7)
    for kind, value in _VALUES:
        if isinstance(column.type, kind):
            return value
    return _allowed(table, column) or f"{table.name}.{column.name}: Ωé \\N \t'"


_VALUES: list[tuple[type[Any], Any]] = [
    (sa.Boolean, True),
    (sa.Integer, 7),
    (sa.LargeBinary, bytes(range(256))),
    (sa.JSON, {"ü": [1, None, " "]}),
]


def _allowed(table: Table, column: Column[Any]) -> str | None:
    """Return the first of the words that a check of the table allows in *column*."""
    for check in table.constraints:
        if isinstance(check, CheckConstraint):
            found = re.search(rf"\b{column.name} IN \('([^']+)'", str(check.sqltext))
            if found:
                return found[1]
    return None


def _compared(table: Table) -> list[sa.ColumnElement[Any]]:
    key = list(table.primary_key)
    others = [column for column in table.columns if column not in set(key) and column.name not in DRAWN_ANEW]
    return [sa.cast(column, sa.Text) if isinstance(column.type, sa.JSON) else column for column in [*key, *others]]
