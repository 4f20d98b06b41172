"""Days as a reader counts them: where a day of some zone begins and ends, and how that zone is called."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


def is_zone(name: str) -> bool:
    """Tell whether *name* is an IANA zone that everyone's machine understands alike, spelled exactly."""
    return name in _zones()


def place(zone: str) -> str:
    """Return the place that *zone* is named after: "Tokyo" for Asia/Tokyo."""
    return zone.rpartition("/")[2].replace("_", " ")


def day_of(moment: datetime, zone: str) -> date:
    """Return the day that clocks in *zone* show at *moment*."""
    return moment.astimezone(ZoneInfo(zone)).date()


def start_of(day: date, zone: str) -> datetime:
    """Return the first moment in *zone* that a clock there shows *day* or, where the day was left out, a later one."""
    first, second = _midnights(day, zone)
    return first if first <= second else _end_of_gap(day, ZoneInfo(zone), second, first)


def end_of(day: date, zone: str) -> datetime:
    """
    Return the moment after the last one in *zone* at which a clock there shows *day*.

    Mostly the next day's start. Where clocks went back across midnight, that had begun before this one was over.
    """
    next_day = day + _DAY
    first, second = _midnights(next_day, zone)
    if first < second and (second - _SECOND).astimezone(ZoneInfo(zone)).date() < next_day:
        return second
    return start_of(next_day, zone)


def span(first: date | None, final: date | None) -> str:
    """Tell days in words: "1 to 31 March 2026", "from 1 March 2026", "up to 31 March 2026"; nothing for all days."""
    if first is None or final is None:
        return f"from {spelled(first)}" if first else f"up to {spelled(final)}" if final else ""
    if first == final:
        return spelled(first)
    if first.year != final.year:
        return f"{spelled(first)} to {spelled(final)}"
    start = str(first.day) if first.month == final.month else f"{first.day} {MONTHS[first.month - 1]}"
    return f"{start} to {spelled(final)}"


def spelled(day: date) -> str:
    """Tell a day in words: "31 March 2026"."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def period(months: int) -> str:
    """Tell a number of months in words: "1 year", "18 months", "10 years"."""
    number, unit = (months, "month") if months % 12 else (months // 12, "year")
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def _midnights(day: date, zone: str) -> tuple[datetime, datetime]:
    """
    Return both readings of midnight, in UTC.

    They are equal unless the clocks change about then: the first is earlier when midnight comes twice, and later when
    there is none (PEP 495).
    """
    midnight = datetime.combine(day, time(), ZoneInfo(zone))
    return midnight.astimezone(UTC), midnight.replace(fold=1).astimezone(UTC)


def _end_of_gap(day: date, zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Find the change of clocks between *before* and *after* that jumped over midnight, at some whole second."""
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        if middle.astimezone(zone).date() < day:
            before = middle
        else:
            after = middle
    return after if before.astimezone(zone).date() < day else before


@cache
def _zones() -> frozenset[str]:
    # These two are files of the machine at hand, not places: a link that names them means nothing elsewhere.
    return frozenset(available_timezones() - {"localtime", "Factory"})
