"""
How often something may be tried, counted in the database so that all workers agree.

A window opens at the first try and closes by itself after a quarter of an hour. Within it some tries are free; after
them each has to wait longer than the one before. Nobody is locked out for good, and nothing but the key and a count is
kept. What costs somebody else something has an allowance instead: so much of it in a longer window, and no more.
"""

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, delete, select, update
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
    """Whether this try may go ahead; if not, after how many seconds one may. *tries*: how many it is."""

    seconds: int
    tries: int

    @property
    def refused(self) -> bool:
        return self.seconds > 0


@dataclass(frozen=True, slots=True)
class Allowance:
    """So *much* of *key* in a window of so many *seconds*, a quarter of an hour at least."""

    key: str
    much: int
    seconds: int


def count(limit: Limit) -> Verdict:
    """Count one more try, in one statement, and judge it."""
    now = int(clock.now().timestamp())
    window, hits = db.session.execute(_counted(limit.key, now)).one()
    if hits == 1:
        over = select(Rate.key).where(Rate.window <= now - WINDOW)
        # Rows that others count in at this moment stay: waiting for each other, two who clear away would both fail.
        db.session.execute(delete(Rate).where(Rate.key.in_(over.with_for_update(skip_locked=True))))
    return Verdict(_seconds_to_wait(limit, window, hits, now), hits)


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


def forget(key: str) -> None:
    """Open *key* again: its owner has shown who they are."""
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


def _seconds_to_wait(limit: Limit, window: int, hits: int, now: int) -> int:
    now = max(now, window)  # somebody else may have begun it just after this look at the clock
    if now >= window + delay_before(hits, limit.free):
        return 0
    return max(1, window + delay_before(hits + 1, limit.free) - now)


def _counted(key: str, now: int, *, begins: int | None = None, hits: int = 1) -> ReturningInsert[int, int]:
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
        )
        .returning(Rate.window, Rate.hits)
    )
