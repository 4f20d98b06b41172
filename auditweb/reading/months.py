"""Months of UTC as the counts know them: each by the first id that an event in it can have."""

from bisect import bisect_right
from datetime import UTC, datetime

from auditweb import ids
from auditweb.ids import EPOCH, LAST_MOMENT

_STARTS = [
    ids.first_id_at(datetime(year, month, 1, tzinfo=UTC))
    for year in range(EPOCH.year, LAST_MOMENT.year + 1)
    for month in range(1, 13)
    if datetime(year, month, 1, tzinfo=UTC) <= LAST_MOMENT
]


def month_of(event_id: int) -> int:
    """Return the first id of the month that *event_id* is in."""
    return _STARTS[bisect_right(_STARTS, event_id) - 1]


def last_id_in(month: int) -> int:
    """Return the last id that an event can have in *month*, which is a first id."""
    after = bisect_right(_STARTS, month)
    return _STARTS[after] - 1 if after < len(_STARTS) else ids.LAST_ID


def months_between(first_id: int, last_id: int) -> list[tuple[int, int]]:
    """Return the months from that of *first_id* to that of *last_id*, each by its first id and the last it can have."""
    found = [month_of(first_id)]
    while (after := last_id_in(found[-1]) + 1) <= last_id:
        found.append(after)
    return [(start, last_id_in(start)) for start in found]
