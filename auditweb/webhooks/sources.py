"""
What webhooks tell of: something with a cursor that yields what is new, and tells it as JSON.

Another source is a class like `Entries`, and a line in SOURCES; watching, sending and the pages take it from there.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, Protocol

from sqlalchemy import Connection, Row, select

from auditweb.models import Finding, ReviewCursor
from auditweb.reading.as_json import entry_object
from auditweb.reading.filters import LogFilter, read_query
from auditweb.reading.flags import Flag
from auditweb.reading.leaves import find_last, find_placed, find_stretch
from auditweb.reading.pages import WholeRow

Kind = Literal["entries", "findings"]

MOST: Final = 50  # in one delivery
MOST_BYTES: Final = 256 * 1024  # of one delivery, about; a single item may be larger


@dataclass(frozen=True, slots=True)
class Watched:
    """
    What one webhook of an organisation is told of: see `Webhook`.

    *log* is the whole address of the organisation's log; while only new items are looked for, it is left empty.
    """

    org_id: int
    org_slug: str
    org_zone: str
    query: str
    log: str = ""

    def filter(self) -> LogFilter:
        """Return the view that is watched; BadFilter if its address cannot be read any more."""
        return read_query(self.query, org_id=self.org_id, org_zone=self.org_zone)


class New(NamedTuple):
    """What was found after a cursor: *items* by their numbers, and the cursor after them."""

    items: Sequence[int]
    cursor: int


class Source(Protocol):
    """What yields items. Nothing that is committed later may come before a cursor that was given out."""

    label: str
    """What a body calls its list of items."""

    def end(self, connection: Connection, org_id: int) -> int:
        """Return the cursor after all there is in an organisation, -1 where there is nothing."""
        ...

    def after(self, connection: Connection, watched: Watched, cursor: int) -> New:
        """Return what comes after a cursor: MOST items at most, and never looking without end."""
        ...

    def tell(self, connection: Connection, watched: Watched, items: Sequence[int]) -> list[dict[str, Any]]:
        """Return these items as JSON has them, without those that are not there any more."""
        ...


class Entries:
    """Entries of the log, in the order in which collectors read them: a cursor is the place of the last one."""

    label = "events"

    def end(self, connection: Connection, org_id: int) -> int:
        return find_last(org_id, connection)

    def after(self, connection: Connection, watched: Watched, cursor: int) -> New:
        found = find_stretch(watched.filter(), cursor, MOST, connection=connection)
        size = 0
        for number, (place, row) in enumerate(found.rows):
            size += _size(row)
            if number and size > MOST_BYTES:
                return New([place for place, _ in found.rows[:number]], found.rows[number - 1][0])
        return New([place for place, _ in found.rows], found.read_to)

    def tell(self, connection: Connection, watched: Watched, items: Sequence[int]) -> list[dict[str, Any]]:
        rows = find_placed(connection, watched.org_id, items)
        told = {"organisation": watched.org_slug, "log": watched.log}
        return [{**entry_object(row, **told), "leaf_index": place} for place, row in rows]


class Findings:
    """What the security review found and nobody has decided about yet: a cursor is the number of the last one."""

    label = "findings"

    def end(self, connection: Connection, org_id: int) -> int:
        return connection.scalar(select(ReviewCursor.found).where(ReviewCursor.org_id == org_id)) or 0

    def after(self, connection: Connection, watched: Watched, cursor: int) -> New:
        found = select(Finding.number, Finding.state).where(Finding.org_id == watched.org_id, Finding.number > cursor)
        rows = connection.execute(found.order_by(Finding.number).limit(MOST)).all()
        return New([number for number, state in rows if state == "open"], rows[-1][0] if rows else cursor)

    def tell(self, connection: Connection, watched: Watched, items: Sequence[int]) -> list[dict[str, Any]]:
        columns = [getattr(Finding, name) for name in _TOLD]
        found = select(*columns).where(Finding.org_id == watched.org_id, Finding.number.in_(items))
        return [_finding(row, watched.log) for row in connection.execute(found.order_by(Finding.number))]


def _finding(row: Row[Any], log: str) -> dict[str, Any]:
    return {
        "id": row.id,
        "url": f"{log}/review/{row.id}",
        "kind": row.kind,
        "title": Flag(row.kind).label,
        "at": f"{row.at:%Y-%m-%dT%H:%M:%S.%f}Z",
        "about": {"type": row.subject_type, "id": row.subject_id, "name": row.subject_name},
        "sentence": row.sentence,
        "unusual": row.unusual,
    }


_TOLD = ("id", "kind", "at", "subject_type", "subject_id", "subject_name", "sentence", "unusual")


def _size(row: WholeRow) -> int:
    return len(json.dumps([row.summary, row.facts, row.target_name, row.target_url, row.user_agent])) + 600


SOURCES: Final[Mapping[Kind, Source]] = {"entries": Entries(), "findings": Findings()}
"""What a webhook can tell of, by its kind."""
