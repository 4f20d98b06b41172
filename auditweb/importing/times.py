"""How other logs write a moment, and what it is in ours."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final
from zoneinfo import ZoneInfo

from auditweb.importing.templates import UnfitError

ISO: Final = "iso"
SECONDS: Final = "epoch_seconds"
MILLISECONDS: Final = "epoch_milliseconds"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SAMPLE = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
_NUMBER = re.compile(r"-?\d{1,20}(?:\.\d{1,20})?(?:[eE][+-]?\d{1,2})?", re.ASCII)
_HAS_ZONE = re.compile(r"%(?:z|:z|s)")


def reader_of(kind: str, zone: ZoneInfo | None) -> Callable[[str], datetime]:
    """
    Return what reads moments of this *kind*: iso, epoch_seconds, epoch_milliseconds or a pattern of strptime.

    Those that name no zone are of *zone*. ValueError says what is wrong with the kind.
    """
    if kind in (SECONDS, MILLISECONDS):
        if zone is not None:
            raise ValueError(f"{kind} has no zone: it counts from a moment that is the same everywhere")
        return _counted(1_000_000 if kind == SECONDS else 1_000)
    if kind == ISO:
        return lambda text: _in_zone(_iso(text), zone)
    if "%" not in kind:
        raise ValueError(f"{ISO}, {SECONDS}, {MILLISECONDS} or a pattern such as %d/%m/%Y %H:%M is needed")
    if zone is None and not _HAS_ZONE.search(kind):
        raise ValueError("this pattern has no %z: say with zone of which time zone its moments are")
    _try(kind)
    return lambda text: _in_zone(_by_pattern(text, kind), zone)


def _counted(microseconds: int) -> Callable[[str], datetime]:
    def read(text: str) -> datetime:
        if not _NUMBER.fullmatch(text):
            raise UnfitError("a number is needed, counted from 1970")
        try:
            return _EPOCH + timedelta(microseconds=int(Decimal(text) * microseconds))
        except (OverflowError, InvalidOperation):
            raise UnfitError("this is in no year that there is") from None

    return read


def _iso(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise UnfitError("a date and time is needed, such as 2026-03-02T09:30:00Z") from None


def _by_pattern(text: str, pattern: str) -> datetime:
    try:
        return datetime.strptime(text.strip(), pattern)  # noqa: DTZ007  (its zone is added where it has none)
    except ValueError:
        raise UnfitError(f"this is not written as {pattern}") from None


def _try(pattern: str) -> None:
    """Raise ValueError for what is no pattern: strptime itself finds that out only where it reads something."""
    try:
        datetime.strptime(_SAMPLE.strftime(pattern), pattern)  # noqa: DTZ007  (it is not kept)
    except re.error:
        raise ValueError("this pattern has the same part twice") from None
    except ValueError as error:
        raise ValueError(f"this pattern cannot be read: {error}") from None


def _in_zone(moment: datetime, zone: ZoneInfo | None) -> datetime:
    """Return *moment*, of *zone* if it names none. Of an hour that clocks show twice it is in the first."""
    if moment.tzinfo is not None:
        return moment
    if zone is None:
        raise UnfitError("this names no time zone: say with zone of which it is")
    placed = moment.replace(tzinfo=zone)
    try:
        if placed.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment:
            raise UnfitError("clocks were put forward over this time: it never was")
    except OverflowError:
        raise UnfitError("this is in no year that there is") from None
    return placed
