"""
What the daily purge does to logs that are not kept for good: entries past their time go.

It may be killed at any moment. What was removed is counted in the transaction that removes it, so that one entry tells
of it exactly, whichever run comes to write it. The engine is the operator's, without the server's guard.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from auditweb import catalogue, clock, ids
from auditweb.accounts.entries import OPERATOR
from auditweb.accounts.retention import oldest_kept, period
from auditweb.accounts.retention import told as kept
from auditweb.ledger import purger
from auditweb.models import Organisation
from auditweb.reading import days
from auditweb.recorder import record

Progress = Callable[[int], object]

_NOTHING: Final = 0  # no entry has such an id


@dataclass(frozen=True, slots=True)
class Expiry:
    """
    What is due in one log: so many *entries* are past their time, the newest of them from *last_day* or before.

    They are kept for *months*, from now on if that *begins*. A run that was killed removed as many as are *left* to be
    told of, or left the log *untidy*.
    """

    org_id: int
    name: str
    months: int | None
    begins: bool
    last_day: date | None
    entries: int
    left: int
    untidy: bool


@dataclass(frozen=True, slots=True)
class Expired:
    """What has been removed from a log, and was told of just now: *entries*, the newest of them from *last_day*."""

    entries: int
    last_day: date


class _KeptLonger(Exception):  # noqa: N818  (its name says what it is)
    """While entries were being removed, somebody decided that they are kept for longer."""


def find_expiries(engine: Engine) -> Sequence[Expiry]:
    """Return what is due, without doing anything."""
    now = clock.now()
    with Session(engine) as session:
        found = session.scalars(sa.select(Organisation).order_by(Organisation.id)).all()
    expiries = [_expiry(engine, organisation, now) for organisation in found]
    return [expiry for expiry in expiries if expiry.begins or expiry.entries or expiry.left or expiry.untidy]


def expire(engine: Engine, org_id: int, progress: Progress = lambda _: None) -> Sequence[Expired]:
    """
    Let a shorter period that was announced begin if its day has come, remove what is past its time, and tell of it.

    Returns what it told. Somebody who decides meanwhile that entries are kept for longer stops it.
    """
    told = []
    with Session(engine) as session, session.begin():
        organisation = _locked(session, org_id)
        _begin_shorter(session, organisation)
        if organisation.purged_months != organisation.retention_months:
            told += _tell(session, organisation)
        months = organisation.retention_months
        up_to_id = _up_to(months, organisation.zone, clock.now())
    purge = partial(purger.purge, engine, org_id, who=OPERATOR.name, why=f"entries are kept {kept(months)}")
    if months is not None and up_to_id is not None:
        with suppress(_KeptLonger):
            purge(up_to_id, progress=progress, note=partial(_count, org_id, months))
    purge(_NOTHING)  # which puts in order what one that was stopped or killed has left
    with Session(engine) as session, session.begin():
        return told + _tell(session, _locked(session, org_id))


def _expiry(engine: Engine, organisation: Organisation, now: datetime) -> Expiry:
    begins = organisation.shorter_from is not None and organisation.shorter_from <= now
    months = organisation.shorter_months if begins else organisation.retention_months
    up_to_id = _up_to(months, organisation.zone, now)
    return Expiry(
        organisation.id,
        organisation.name,
        months,
        begins,
        None if up_to_id is None else days.day_of(ids.moment_of(up_to_id), organisation.zone),
        0 if up_to_id is None else purger.count_up_to(engine, organisation.id, up_to_id),
        organisation.purged_entries,
        purger.is_untidy(engine, organisation.id),
    )


def _up_to(months: int | None, zone: str, now: datetime) -> int | None:
    """Return the last id that an entry past its time can have: whole days go, as they are counted in *zone*."""
    return None if months is None else ids.first_id_at(days.start_of(oldest_kept(now, months, zone), zone)) - 1


def _locked(session: Session, org_id: int) -> Organisation:
    return session.scalars(sa.select(Organisation).where(Organisation.id == org_id).with_for_update()).one()


def _begin_shorter(session: Session, organisation: Organisation) -> None:
    if organisation.shorter_from is None or organisation.shorter_from > clock.now():
        return
    organisation.retention_months = organisation.shorter_months
    organisation.shorter_months = organisation.shorter_from = None
    facts = {"period": period(organisation.retention_months)}
    record(catalogue.LOG_RETENTION_CHANGED, org_id=organisation.id, actor=OPERATOR, facts=facts, session=session)


def _count(org_id: int, months: int, connection: Connection, number: int, last_id: int) -> None:
    """Write down, in the transaction that removes them, that so many entries go; it fails if they are kept now."""
    newest = sa.case((Organisation.purged_up_to > last_id, Organisation.purged_up_to), else_=last_id)
    counted = (
        sa.update(Organisation)
        .where(Organisation.id == org_id, Organisation.retention_months == months)
        .values(purged_entries=Organisation.purged_entries + number, purged_up_to=newest, purged_months=months)
    )
    if connection.execute(counted).rowcount != 1:
        raise _KeptLonger


def _tell(session: Session, organisation: Organisation) -> list[Expired]:
    """Record what was removed and not told of yet, if anything was."""
    if not organisation.purged_entries or organisation.purged_up_to is None:
        return []
    gone = Expired(
        organisation.purged_entries, days.day_of(ids.moment_of(organisation.purged_up_to), organisation.zone)
    )
    facts = {
        "entries": f"{gone.entries:,}",
        "period": period(organisation.purged_months),
        "up_to": days.spelled(gone.last_day),
    }
    record(catalogue.LOG_PURGED, org_id=organisation.id, actor=OPERATOR, facts=facts, session=session)
    organisation.purged_entries, organisation.purged_up_to, organisation.purged_months = 0, None, None
    return [gone]
