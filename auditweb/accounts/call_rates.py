"""
How often a key may call, counted in the database so that all workers agree.

A worker takes calls out of the minute's allowance by the dozen and hands them out from its own memory, so that reading
does not cost a write each time. What it has not handed out when the minute is over is forfeit.
"""

import threading
from dataclasses import dataclass

from sqlalchemy import case
from sqlalchemy.dialects import postgresql, sqlite

from auditweb import clock, transactions
from auditweb.extensions import db
from auditweb.models import Rate

MINUTE = 60
_LEASES = 50  # how many make up an allowance


@dataclass(frozen=True, slots=True)
class Standing:
    """How a key stands after one more call: how many are left of how many, and seconds until there are all again."""

    allowed: bool
    limit: int
    left: int
    resets_in: int


@dataclass(slots=True)
class _Lease:
    minute: int
    here: int  # calls that this worker may still hand out
    unclaimed: int  # calls that no worker had taken when this one last looked


class CallRates:
    """One worker's part in it: *limit* calls a minute for each key."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = max(1, limit // _LEASES)
        self._leases: dict[str, _Lease] = {}
        self._lock = threading.Lock()

    def count(self, key_id: str) -> Standing:
        """Count one call, in a short transaction of its own if a new lease is due."""
        now = int(clock.now().timestamp())
        minute = now - now % MINUTE
        while (standing := self._handed_out(key_id, minute, minute + MINUTE - now)) is None:
            self._take(key_id, minute)
        return standing

    def _handed_out(self, key_id: str, minute: int, resets_in: int) -> Standing | None:
        """Hand out one call of what is here; None if a lease is due."""
        with self._lock:
            lease = self._leases.get(key_id)
            if lease is None or lease.minute != minute:
                return None
            if lease.here:
                lease.here -= 1
                return Standing(True, self._limit, lease.here + lease.unclaimed, resets_in)
            # Whoever goes on calling in vain costs the database nothing.
            return None if lease.unclaimed else Standing(False, self._limit, 0, resets_in)

    def _take(self, key_id: str, minute: int) -> None:
        """Take a lease for this minute, as much as is left of the allowance."""
        insert = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
        # Another worker, whose clock is ahead, may have begun the next minute: that one goes on, with what was taken of
        # it. One that is further ahead was written before a clock was set back, and would last as long as that.
        goes_on = Rate.window.between(minute, minute + MINUTE)
        taken = (
            insert(Rate)
            .values(key=f"calls:{key_id}", window=minute, hits=self._size)
            .on_conflict_do_update(
                index_elements=[Rate.key],
                set_={
                    "window": case((goes_on, Rate.window), else_=minute),
                    "hits": case((goes_on, Rate.hits + self._size), else_=self._size),
                },
            )
            .returning(Rate.hits)
        )
        with transactions.writing(), db.engine.begin() as connection:
            hits = connection.execute(taken).scalar_one()
        granted = max(0, min(self._size, self._limit - (hits - self._size)))
        with self._lock:
            here = self._leases.get(key_id)
            kept = here.here if here is not None and here.minute == minute else 0  # another thread's, taken meanwhile
            self._leases[key_id] = _Lease(minute, kept + granted, max(0, self._limit - hits))
