"""What the parameters of a filter may be: each is read out of an address, or told why it cannot be."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from werkzeug.datastructures import MultiDict

from auditweb import ids
from auditweb.catalogue import Category
from auditweb.parties import ActorRef, Outcome
from auditweb.reading import days, words
from auditweb.reading.flags import ANY, KINDS, Flag
from auditweb.reading.words import Words

FIRST_YEAR, LAST_YEAR = 2000, 2069
LONGEST_ID = 255

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LAST = re.compile(r"([1-9][0-9]{0,3})([hd])")
_ACTION = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_UNITS = {"h": "hour", "d": "day"}

parsed = lru_cache(maxsize=256)(Words.parse)  # what was typed, for searching


class BadFilter(ValueError):  # noqa: N818  (it is the filter that is bad)
    """
    A filter that cannot be read. *reason* is a plain sentence for the reader, *field* the parameter it is about.

    *fields* are all parameters to take away to be rid of it.
    """

    def __init__(self, field: str, reason: str, *, also: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason
        self.fields = (field, *also)


def read(args: MultiDict[str, str]) -> dict[str, Any]:
    """
    Return the values of a `LogFilter` by the names of its fields; empty parameters narrow nothing.

    Raises BadFilter, because a filter that is ignored would make the log lie.
    """
    values: dict[str, Any] = {}
    for name in args:
        if name not in _READERS:
            raise BadFilter(name, f"The log has no filter called {_quoted(name)}.")
        given = [value for value in args.getlist(name) if value]
        if len(given) > 1:
            raise BadFilter(name, f"The link gives more than one value for {_quoted(name)}, and the log takes one.")
        if given:
            values[_FIELDS.get(name, name)] = _READERS[name](given[0])
    _check_together(values)
    return values


def spelled_stretch(last: str) -> str:
    """Spell 7d as "7 days" and 1h as "hour", to follow the word "last"."""
    number, unit = last[:-1], _UNITS[last[-1]]
    return unit if number == "1" else f"{number} {unit}s"


def _read_category(value: str) -> Category:
    try:
        return Category(value)
    except ValueError:
        raise BadFilter("category", f"The log has no category called {_quoted(value)}.") from None


def _read_actor(value: str) -> ActorRef:
    try:
        return ActorRef.parse(_clean("actor", value))
    except BadFilter:
        raise
    except ValueError:
        reason = f"{_quoted(value)} is not an actor. One is its type, a colon and its id, such as member:42."
        raise BadFilter("actor", reason) from None


def _read_target(value: str) -> tuple[str, str]:
    type_, _, id_ = _clean("target", value).partition(":")
    if not type_ or not id_:
        reason = f"{_quoted(value)} is not a target. One is its type, a colon and its id, such as vehicle:42."
        raise BadFilter("target", reason)
    return type_, id_


def _read_action(value: str) -> str:
    if len(value) > LONGEST_ID or not _ACTION.fullmatch(value):
        raise BadFilter("action", f"{_quoted(value)} is not an action. One is written like vehicle.updated.")
    return value


def _read_outcome(value: str) -> Outcome:
    try:
        return Outcome(value)
    except ValueError:
        reason = f"{_quoted(value)} is not an outcome. An entry tells of a success, a failure or of something denied."
        raise BadFilter("outcome", reason) from None


def _read_flag(value: str) -> str:
    if value != ANY and value not in set(Flag):
        raise BadFilter("flag", f"The review flags nothing as {_quoted(value)}. A flag is {ANY}, {KINDS}.")
    return value


def _date_reader(name: str) -> Callable[[str], date]:
    def read(value: str) -> date:
        try:
            day = date.fromisoformat(value) if _DATE.fullmatch(value) else None
        except ValueError:
            day = None
        if day is None:
            raise BadFilter(name, f"{_quoted(value)} is not a date. One is written like 2026-03-31.")
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise BadFilter(name, f"The log knows the years {FIRST_YEAR} to {LAST_YEAR}, and {value} is outside them.")
        return day

    return read


def _read_zone(value: str) -> str:
    if not days.is_zone(value):
        raise BadFilter("tz", f"{_quoted(value)} is not a time zone. One is written like Europe/London.")
    return value


def _read_last(value: str) -> str:
    if not _LAST.fullmatch(value):
        reason = f"{_quoted(value)} is not a stretch of time. One is written like 24h or 7d, with 9999 at most."
        raise BadFilter("last", reason)
    return value


def _read_search(value: str) -> str:
    text = words.canonical(value)
    if not text:
        return ""
    if len(text) > words.LONGEST:
        raise BadFilter("q", f"A search has {words.LONGEST} characters at most, and this one {len(text):,}.")
    if "\0" in text:
        raise BadFilter("q", f"{_quoted(text)} cannot be searched for. There is a character in it that no entry has.")
    try:
        parsed(text)
    except ValueError as error:
        raise BadFilter("q", f"{_quoted(text)} cannot be searched for. {error}") from None
    return text


def _place_reader(name: str) -> Callable[[str], int]:
    def read(value: str) -> int:
        try:
            return ids.from_text(value)
        except ValueError:
            reason = f"{_quoted(value)} is not a place in the log. The link seems to have been cut short or changed."
            raise BadFilter(name, reason) from None

    return read


def _read_oldest(value: str) -> bool:
    if value != "1":
        raise BadFilter("oldest", f"The link asks for the oldest page with {_quoted(value)} instead of 1.")
    return True


_READERS: dict[str, Callable[[str], Any]] = {
    "category": _read_category,
    "actor": _read_actor,
    "target": _read_target,
    "action": _read_action,
    "outcome": _read_outcome,
    "flag": _read_flag,
    "from": _date_reader("from"),
    "to": _date_reader("to"),
    "tz": _read_zone,
    "last": _read_last,
    "q": _read_search,
    "upto": _place_reader("upto"),
    "before": _place_reader("before"),
    "after": _place_reader("after"),
    "oldest": _read_oldest,
}
_FIELDS = {"from": "from_"}
ORDER = tuple(_READERS)  # in which a canonical address has them


def _check_together(values: Mapping[str, Any]) -> None:
    """Refuse values that are right one by one and contradict each other."""
    first, final = values.get("from_"), values.get("to")
    if first and final and first > final:
        reason = f"The dates are the wrong way round: {days.spelled(first)} comes after {days.spelled(final)}."
        raise BadFilter("from", reason, also=("to",))
    if "last" in values and (first or final):
        reason = f"The link asks for the last {spelled_stretch(values['last'])} and for dates at once."
        raise BadFilter("last", reason)
    places = [name for name in ("before", "after", "oldest") if name in values]
    if len(places) > 1:
        reason = f"The link asks for two places in the log at once: {' and '.join(places)}."
        raise BadFilter(places[0], reason, also=tuple(places[1:]))


def _clean(name: str, value: str) -> str:
    """Return *value* if a database can hold it."""
    if len(value) > LONGEST_ID * 2 or "\0" in value:
        raise BadFilter(name, f"{_quoted(value)} cannot be an id: it is damaged or too long.")
    return value


def _quoted(value: str) -> str:
    return f"“{value[:40]}{'…' if len(value) > 40 else ''}”"
