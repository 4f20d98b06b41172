"""
How long an organisation keeps the entries of its log: for good, or for a number of months.

A longer time counts at once. A shorter one is announced to all owners and counts thirty days later, when `auditweb
purge` comes by; until then any of them can call it off.
"""

import calendar
from datetime import date, datetime, timedelta
from typing import Final

from auditweb import catalogue, clock
from auditweb.accounts.charge import take_charge
from auditweb.accounts.permissions import Right
from auditweb.accounts.sessions import SignedIn
from auditweb.models import Organisation
from auditweb.parties import Origin
from auditweb.reading import days
from auditweb.recorder import record

PERIODS: Final = (12, 24, 36, 60, 84, 120)
"""Months that are offered, besides keeping everything."""

NOTICE: Final = timedelta(days=30)


class NoticeNeededError(Exception):
    """The period wanted is shorter than the present one: it has to be announced."""


def keep(org_id: int, months: int | None, *, by: SignedIn, origin: Origin) -> bool:
    """
    Keep entries for *months*, None being for good, from now on, and tell whether that changed anything.

    What was announced is called off by it. Raises NoticeNeededError for less than is kept now.
    """
    organisation = take_charge(org_id, by, Right.OWN).organisation
    if is_shorter(months, organisation.retention_months):
        raise NoticeNeededError
    if months == organisation.retention_months:
        return _call_off(organisation, by, origin)
    organisation.retention_months = months
    organisation.shorter_months = organisation.shorter_from = None
    record(
        catalogue.LOG_RETENTION_CHANGED, org_id=org_id, actor=by.actor, facts={"period": period(months)}, origin=origin
    )
    return True


def shorten(org_id: int, months: int, *, by: SignedIn, origin: Origin) -> datetime | None:
    """
    Announce that entries will be kept for *months* only, and return from when on.

    None, and nothing changed, if that is announced already or is no less than is kept now.
    """
    organisation = take_charge(org_id, by, Right.OWN).organisation
    if months == organisation.shorter_months or not is_shorter(months, organisation.retention_months):
        return None
    begins = clock.now() + NOTICE
    organisation.shorter_months, organisation.shorter_from = months, begins
    facts = {"period": period(months), "begins": days.spelled(days.day_of(begins, organisation.zone))}
    record(catalogue.LOG_RETENTION_SHORTENED, org_id=org_id, actor=by.actor, facts=facts, origin=origin)
    return begins


def call_off(org_id: int, *, by: SignedIn, origin: Origin) -> bool:
    """Go on keeping entries as long as now, and tell whether anything else had been announced."""
    return _call_off(take_charge(org_id, by, Right.OWN).organisation, by, origin)


def is_shorter(months: int | None, than: int | None) -> bool:
    """Tell whether one period, None being for good, is shorter than another."""
    return months is not None and (than is None or months < than)


def period(months: int | None) -> str:
    """Tell a period in words: "for good", "2 years"."""
    return "for good" if months is None else days.period(months)


def told(months: int | None) -> str:
    """Tell how long entries are kept: "for good", "for 2 years"."""
    return period(months) if months is None else f"for {period(months)}"


def oldest_kept(now: datetime, months: int, zone: str) -> date:
    """Return the first day whose entries are kept, as days are counted in *zone*: so many months before today."""
    today = days.day_of(now, zone)
    year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    return date(year, month + 1, min(today.day, calendar.monthrange(year, month + 1)[1]))


def _call_off(organisation: Organisation, by: SignedIn, origin: Origin) -> bool:
    if organisation.shorter_months is None:
        return False
    organisation.shorter_months = organisation.shorter_from = None
    record(catalogue.LOG_RETENTION_SHORTENING_CANCELLED, org_id=organisation.id, actor=by.actor, origin=origin)
    return True
