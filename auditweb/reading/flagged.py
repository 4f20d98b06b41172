"""Which entries show findings of the security review."""

from array import array
from collections.abc import Hashable, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, ScalarSelect, Table, func, literal_column, select, text

from auditweb import ids
from auditweb.extensions import db
from auditweb.models import Event, FindingEvent
from auditweb.reading.flags import ANY, Flag
from auditweb.reading.purges import find_last_purge
from auditweb.reading.questions import execute, for_each_engine

_READ_AT_ONCE = 400  # of many more, asked for by their ids, PostgreSQL rather reads the table
_event, _evidence = cast(Table, Event.__table__).c, cast(Table, FindingEvent.__table__).c


class Shown(NamedTuple):
    """A finding that an entry shows, and its kind."""

    flag: Flag
    finding_id: str


def find_flags(org_id: int, event_ids: Sequence[int]) -> Mapping[int, Sequence[Shown]]:
    """Return what those of these events show that show a finding, by their ids; what was set aside is none."""
    if not event_ids:
        return {}
    found: dict[int, list[Shown]] = {}
    for start in range(0, len(event_ids), _READ_AT_ONCE):
        given = {"org_id": org_id, "events": list(event_ids[start : start + _READ_AT_ONCE])}
        for event_id, kind, finding_id in execute(db.session.connection(), _FLAGS, given):
            found.setdefault(event_id, []).append(Shown(Flag(kind), finding_id))
    return {event_id: sorted(shown) for event_id, shown in found.items()}


def find_flagged(
    connection: Connection, org_id: int, flag: str, low: int = 0, last: int = ids.LAST_ID
) -> Sequence[int]:
    """Return the ids from *low* to *last* of events that show findings of the kind *flag* or any, for each its own."""
    given = {"org_id": org_id, "flag": flag, "low": low, "last": last}
    return connection.scalars(_FLAGGED[flag == ANY], given).all()


def stamp_flags(org_id: int, flag: str) -> Hashable:
    """
    Return what is another whenever other events of this organisation show a finding, one of the kind *flag* or any.

    Whatever is asked of those that are flagged has the same answer as long as this is the same (`purges`).
    """
    flagged = sorted(find_flagged(db.session.connection(), org_id, flag))
    return find_last_purge(org_id), len(flagged), sha256(array("q", flagged)).digest()


def flags_column() -> ScalarSelect[Any]:
    """Return the same for the event of a row, as a column for `read_flags`: so a page needs no statement more."""
    each = _evidence.kind + literal_column("':'") + _evidence.finding_id
    comma: Any = literal_column("','")  # a parameter would be written into the statement at each page anew
    query = select(func.aggregate_strings(each, comma)).where(
        _evidence.org_id == _event.org_id, _evidence.event_id == _event.id, text("shown = 1")
    )
    return query.correlate(Event).scalar_subquery()


def read_flags(told: str) -> Sequence[Shown]:
    return sorted(Shown(Flag(kind), id_) for kind, _, id_ in (each.partition(":") for each in told.split(",")))


_FLAGS = for_each_engine(
    "SELECT event_id, kind, finding_id FROM finding_event WHERE org_id = :org_id AND event_id {events} AND shown = 1"
)
_SHOWN = "SELECT event_id FROM finding_event WHERE org_id = :org_id AND shown = 1"
_FLAGGED = {
    True: text(f"{_SHOWN} AND event_id >= :low AND event_id <= :last"),
    False: text(f"{_SHOWN} AND kind = :flag AND event_id >= :low AND event_id <= :last"),
}
