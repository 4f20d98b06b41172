"""
How often something may be tried, counted in the database so that all workers agree.

A window opens at the first try and closes by itself after a quarter of an hour. Within it some tries are free; after
them each has to wait longer than the one before. A try that was refused makes nobody wait longer. Nobody is locked out
for good, and nothing but the key and a count is kept. What costs somebody else something has an allowance instead: so
much of it in a longer window, and no more.
"""

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert

from auditweb import clock
from auditweb.extensions import db
from auditweb.models import Rate

WINDOW = 15 * 60
FIRST_DELAY = 30


@dataclass(frozen=True, slots=True)
class Limit:
    """At most *free* tries of *key* in a window before the waiting starts."""

    key: str
    free: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether this try may go ahead; if not, after how many *seconds* one may."""

    seconds: int = 0

    @property
    def refused(self) -> bool:
        return self.seconds > 0


@dataclass(frozen=True, slots=True)
class Allowance:
    """So *much* of *key* in a window of so many *seconds*, a quarter of an hour at least."""

    key: str
    much: int
    seconds: int


def count(*limits: Limit) -> Verdict:
    """Count one more try of each limit and judge it. One that any of them refuses counts for none."""
    for place, limit in enumerate(limits):
        if seconds := _count(limit):
            for counted in limits[:place]:
                give_back(counted.key)
            return Verdict(seconds)
    return Verdict()


def tally(key: str) -> int:
    """Return how often *key* came in its window, this time included, which nothing refuses."""
    return int(db.session.execute(_counted(key, int(clock.now().timestamp()))).one().hits)


def spend(allowance: Allowance, how_much: int = 1) -> int:
    """
    Take so much of an allowance; return 0, or the seconds until the next one where not so much is left.

    It is counted either way, so that the caller's transaction is rolled back where nothing comes of it.
    """
    now = int(clock.now().timestamp())
    # A row is kept for as long as any try would be, so a longer window is written down by its last quarter of an hour.
    last_part, hits = db.session.execute(
        _counted(allowance.key, now, begins=now + allowance.seconds - WINDOW, hits=how_much)
    ).one()
    return max(1, last_part + WINDOW - now) if hits > allowance.much else 0


def forget(*keys: str) -> None:
    """Open *keys* again, one after the other: their owner has shown who they are."""
    for key in keys:
        db.session.execute(delete(Rate).where(Rate.key == key))


def give_back(key: str) -> None:
    """Take one counted try of *key* back."""
    db.session.execute(update(Rate).where(Rate.key == key, Rate.hits > 0).values(hits=Rate.hits - 1))


def rewrite(key: str) -> None:
    """Store the count of *key* once more as it is: a write that costs what another would."""
    db.session.execute(update(Rate).where(Rate.key == key).values(hits=Rate.hits))


def keyed(text: str, secret: str) -> str:
    """Return what stands for *text* in a key: nobody without *secret* finds out what was typed."""
    return hmac.new(secret.encode(), text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def network(ip: str | None) -> str:
    """Return the address to count by: of IPv6 the half that a provider gives to one customer."""
    try:
        address = ipaddress.ip_address(ip or "")
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def delay_before(tries: int, free: int) -> int:
    """Return how many seconds after the start of its window the *tries*-th try may be made."""
    return 0 if tries <= free else min(FIRST_DELAY * 2 ** min(tries - free - 1, 20), WINDOW)


def _count(limit: Limit) -> int:
    """Count one more try, in one statement, and return 0; or the seconds to wait where it is refused."""
    now = int(clock.now().timestamp())
    counted = db.session.execute(_counted(limit.key, now, free=limit.free)).first()
    if counted is None:
        window, hits = db.session.execute(select(Rate.window, Rate.hits).where(Rate.key == limit.key)).one()
        return max(1, window + delay_before(hits + 1, limit.free) - now)
    if counted.hits == 1:
        over = select(Rate.key).where(Rate.window <= now - WINDOW)
        # Rows that others count in at this moment stay: waiting for each other, two who clear away would both fail.
        db.session.execute(delete(Rate).where(Rate.key.in_(over.with_for_update(skip_locked=True))))
    return 0


def _counted(
    key: str, now: int, *, begins: int | None = None, hits: int = 1, free: int | None = None
) -> ReturningInsert[int, int]:
    """Count, and return the window with what is in it now; nothing where it is too early for one after *free* ones."""
    insert = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    over: ColumnElement[bool] = Rate.window <= now - WINDOW
    begins = now if begins is None else begins
    return (
        insert(Rate)
        .values(key=key, window=begins, hits=hits)
        .on_conflict_do_update(
            index_elements=[Rate.key],
            set_={
                "window": case((over, begins), else_=Rate.window),
                "hits": case((over, hits), else_=Rate.hits + hits),
            },
            where=None if free is None else or_(over, Rate.hits < free, Rate.window + _delay(free) <= now),
        )
        .returning(Rate.window, Rate.hits)
    )


def _delay(free: int) -> ColumnElement[int]:
    """Return what `delay_before` says of the next try."""
    waits = {tries: delay_before(tries, free) for tries in range(free + 1, free + 9)}
    return case(*((Rate.hits == tries - 1, wait) for tries, wait in waits.items()), else_=WINDOW)
