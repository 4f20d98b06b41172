"""A reader's question within a shared part of the log: it may narrow the part, and never reaches out of it."""

from dataclasses import replace
from datetime import date
from typing import TypeVar

from auditweb import ids
from auditweb.reading.filters import LogFilter
from auditweb.reading.parameters import BadFilter
from auditweb.reading.words import MOST

T = TypeVar("T")


class OutsideError(Exception):
    """The question reaches out of what is shared."""


def fixed(wanted: LogFilter, pinned_at: int, zone: str, *, follows: bool) -> LogFilter:
    """
    Return what is shared of what is *wanted*: whole days instead of a stretch of time, whatever the place in it.

    What does not follow ends with the id *pinned_at*; what does goes on after the last day of a stretch.
    """
    whole = wanted.at().frozen(ids.moment_of(pinned_at), zone)
    if follows:
        return whole.with_(to=None) if wanted.last else whole
    return whole if whole.upto is not None and whole.upto < pinned_at else replace(whole, upto=pinned_at)


def within(part: LogFilter, asked: LogFilter, *, searching: bool = True) -> LogFilter:
    """
    Return the question for what is in *part* and *asked* for; its search is left away unless *searching*.

    Raises OutsideError for a question that the part has no answer to, BadFilter if the searches together are too long.
    """
    if asked.flag:
        raise OutsideError
    both = replace(
        part,
        category=_narrower(part.category, asked.category),
        actor=_narrower(part.actor, asked.actor),
        target=_narrower(part.target, asked.target),
        action=_narrower(part.action or None, asked.action or None) or "",
        outcome=_narrower(part.outcome, asked.outcome),
        q=_both_searches(part.q, asked.q if searching else ""),
        upto=_upto(part.upto, asked.upto),
        before=asked.before,
        after=asked.after,
        oldest=asked.oldest,
    )
    return _dated(both, part, asked)


def _narrower(of_part: T | None, asked: T | None) -> T | None:
    if of_part is not None and asked is not None and of_part != asked:
        raise OutsideError
    return asked if of_part is None else of_part


def _upto(of_part: int | None, asked: int | None) -> int | None:
    if of_part is not None and asked is not None and asked > of_part:
        raise OutsideError
    return of_part if asked is None else asked


def _dated(both: LogFilter, part: LogFilter, asked: LogFilter) -> LogFilter:
    if not asked.dated:
        return both
    if not part.dated:
        return replace(both, from_=asked.from_, to=asked.to, tz=asked.tz, last=asked.last)
    if asked.last or asked.tz != part.tz:
        raise OutsideError
    for day in (asked.from_, asked.to):
        if day is not None and not (part.from_ or date.min) <= day <= (part.to or date.max):
            raise OutsideError
    return replace(both, from_=asked.from_ or part.from_, to=asked.to or part.to)


def _both_searches(of_part: str, asked: str) -> str:
    if not of_part or not asked:
        return of_part or asked
    closing = '"' if sum(of_part.count(sign) for sign in '"“”„‟＂') % 2 else ""
    both = LogFilter(org_id=0, org_zone="UTC", q=f"{of_part}{closing} {asked}")
    try:
        assert both.words
    except ValueError:
        raise BadFilter("q", f"With what is shared, this search has more than {MOST} words and phrases.") from None
    return both.q
