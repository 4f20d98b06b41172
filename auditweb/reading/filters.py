"""The question a reader asks of the log, as a small value: out of a URL, back into one, and in words."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Self, cast
from urllib.parse import parse_qsl, quote
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Table, and_, bindparam, literal_column, select, text
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from werkzeug.datastructures import MultiDict

from auditweb import ids
from auditweb.catalogue import Category
from auditweb.models import FindingEvent
from auditweb.parties import ActorRef, Outcome
from auditweb.reading import days, words
from auditweb.reading.flags import ANY, KINDS, Flag
from auditweb.reading.words import Words

FIRST_YEAR, LAST_YEAR = 2000, 2069
LONGEST_ID = 255

_evidence = cast(Table, FindingEvent.__table__).c


_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LAST = re.compile(r"([1-9][0-9]{0,3})([hd])")
_ACTION = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """
    What the reader asked to see. An empty field narrows nothing.

    *from_* and *to* are inclusive days in the zone *tz*, which travels with them, so that a link selects the same
    entries for everyone. *last* is relative to now on purpose: 24h, 7d. *flag* is a kind of finding of the security
    review that entries show, or any. *q* is what was typed to search for. *upto* is the largest id that counts,
    whatever comes later, and *last* is then counted back from its moment. The place is one of *before*, *after* (ids of
    events) and *oldest*; without it, the newest page is meant.
    """

    org_id: int
    org_zone: str
    category: Category | None = None
    actor: ActorRef | None = None
    target: tuple[str, str] | None = None
    action: str = ""
    outcome: Outcome | None = None
    flag: str = ""
    from_: date | None = None
    to: date | None = None
    tz: str = ""
    last: str = ""
    q: str = ""
    upto: int | None = None
    before: int | None = None
    after: int | None = None
    oldest: bool = False

    def __post_init__(self) -> None:
        dated = self.from_ is not None or self.to is not None
        object.__setattr__(self, "tz", (self.tz or self.org_zone) if dated else "")

    @classmethod
    def from_args(cls, args: MultiDict[str, str], *, org_id: int, org_zone: str) -> Self:
        """Read a query string; raises BadFilter, because a filter that is ignored would make the log lie."""
        values: dict[str, Any] = {}
        for name in args:
            if name not in _READERS:
                raise BadFilter(name, f"The log has no filter called {_quoted(name)}.")
            given = [value for value in args.getlist(name) if value]
            if len(given) > 1:
                raise BadFilter(name, f"The link gives more than one value for {_quoted(name)}, and the log takes one.")
            if given:
                values[_ATTRIBUTES.get(name, name)] = _READERS[name](given[0])
        _check_together(values)
        return cls(org_id=org_id, org_zone=org_zone, **values)

    def to_args(self) -> dict[str, str]:
        """Return the parameters of this filter's one canonical URL: empties dropped, always in the same order."""
        parameters = {
            "category": self.category or "",
            "actor": str(self.actor) if self.actor else "",
            "target": ":".join(self.target) if self.target else "",
            "action": self.action,
            "outcome": self.outcome or "",
            "flag": self.flag,
            "from": self.from_.isoformat() if self.from_ else "",
            "to": self.to.isoformat() if self.to else "",
            "tz": self.tz,
            "last": self.last,
            "q": self.q,
            "upto": "" if self.upto is None else ids.to_text(self.upto),
            "before": "" if self.before is None else ids.to_text(self.before),
            "after": "" if self.after is None else ids.to_text(self.after),
            "oldest": "1" if self.oldest else "",
        }
        return {name: str(value) for name, value in parameters.items() if value}

    def query(self) -> str:
        """Return the canonical query string with its question mark, or nothing for the whole log's newest page."""
        return query_of(self.to_args())

    @property
    def narrows(self) -> bool:
        """Whether this asks for less than the whole log, wherever in it."""
        return self.at() != LogFilter(org_id=self.org_id, org_zone=self.org_zone)

    @property
    def words(self) -> Words | None:
        """Return what is searched for, or None."""
        return _parsed(self.q) if self.q else None

    @property
    def dated(self) -> bool:
        """Whether this asks for certain days only."""
        return bool(self.tz or self.last)

    def without(self, name: str) -> Self:
        """Return the filter behind a "remove" chip: *name* is a parameter, or "dates" for all that concern time."""
        if name in {"dates", "from", "to", "tz", "last"}:
            return self.with_(from_=None, to=None, last="")
        return self.with_(**{name: type(self).__dataclass_fields__[name].default})

    def with_(self, **changes: Any) -> Self:
        """Return this filter with *changes*, at its newest page. Days take the place of *last*, and the other way."""
        if changes.get("last"):
            changes |= {"from_": None, "to": None}
        elif changes.get("from_") or changes.get("to"):
            changes |= {"last": ""}
        return replace(self.at(), **changes)

    def at(self, *, before: int | None = None, after: int | None = None, oldest: bool = False) -> Self:
        """Return this filter at another place."""
        return replace(self, before=before, after=after, oldest=oldest)

    def frozen(self, now: datetime, zone: str) -> Self:
        """Return this filter with *last* turned into days of *zone*, so that it means the same tomorrow."""
        if not self.last:
            return self
        now = self.as_of(now)
        today = now.astimezone(ZoneInfo(zone))
        first = (now - _duration(self.last)).astimezone(ZoneInfo(zone))
        return replace(self, last="", from_=max(first.date(), date(FIRST_YEAR, 1, 1)), to=today.date(), tz=zone)

    def pinned(self, now: datetime) -> Self:
        """Return this filter for what has happened up to *now*, so that it finds the same when more has."""
        return self if self.upto is not None else replace(self, upto=ids.last_id_at(now))

    def as_of(self, now: datetime) -> datetime:
        """Return the moment that *last* is counted back from: *now*, or the one that this filter is pinned to."""
        return now if self.upto is None else min(now, ids.moment_of(self.upto))

    def describe(self, names: Mapping[str, str] = {}, *, within: bool = False) -> str:
        """
        Tell in words what this asks for: "Vehicles entries by Hana Sato, 1 to 31 March 2026 (Tokyo)".

        *names* says how the "actor", the "target" and the "action" are called; an unnamed one is told by its id.
        *within* a sentence it does not begin like one.
        """
        flagged = "flagged" if self.flag else ""
        adjectives = (flagged, self.outcome and _OUTCOME_WORDS[self.outcome], self.category and self.category.label)
        kind = " ".join(filter(None, adjectives))
        told = f"{kind} entries" if kind else "entries" if self.narrows else "all entries"
        if self.actor:
            told += f" by {names.get('actor') or self.actor}"
        if self.target:
            told += f" about {names.get('target') or ' '.join(self.target)}"
        if self.action:
            told += f" of the kind “{names['action']}”" if names.get("action") else f" of the kind {self.action}"
        if self.flag and self.flag != ANY:
            told += f" that show “{Flag(self.flag).label}”"
        if self.q:
            told += f" with {self.q}"
        told = told if within else told[0].upper() + told[1:]
        return ", ".join(filter(None, (told, self.dates(), self.limit())))

    def limit(self) -> str:
        """Tell in words up to when entries count, with the place whose time it is; nothing where all do."""
        if self.upto is None:
            return ""
        zone = self.tz or self.org_zone
        moment = ids.moment_of(self.upto).astimezone(ZoneInfo(zone))
        return f"up to {days.spelled(moment.date())}, {moment:%H:%M:%S} ({days.place(zone)})"

    def dates(self) -> str:
        """Tell the days asked for in words, with the place whose days they are; nothing when all are."""
        if self.last:
            return f"last {_spelled(self.last)}"
        if self.tz:
            return f"{days.span(self.from_, self.to)} ({days.place(self.tz)})"
        return ""

    def values(self, now: datetime) -> dict[str, int | str]:
        """Return what an event must meet, the place apart, as values for `clauses` of the same names."""
        values: dict[str, int | str] = {"org_id": self.org_id}
        if self.category:
            values["category"] = self.category.value
        if self.actor:
            values["actor_type"], values["actor_id"] = self.actor
        if self.target:
            values["target_type"], values["target_id"] = self.target
        if self.action:
            values["action"] = self.action
        if self.outcome:
            values["outcome" if self.outcome is Outcome.SUCCESS else "mishap"] = self.outcome.value
        if self.flag:
            values["flagged" if self.flag == ANY else "flag"] = self.flag
        # Ids are made from the time of occurrence, so the key itself answers questions about time.
        if self.last:
            values["since"] = ids.first_id_at(self.as_of(now) - _duration(self.last))
        if self.from_:
            values["since"] = ids.first_id_at(days.start_of(self.from_, self.tz))
        if self.to and (end := days.end_of(self.to, self.tz)) <= ids.LAST_MOMENT:
            values["until"] = ids.first_id_at(end)
        if self.upto is not None and self.upto < ids.LAST_ID:
            values["until"] = min(int(values.get("until", ids.LAST_ID)), self.upto + 1)
        return values


def query_of(args: Mapping[str, str]) -> str:
    """Spell *args*, which are a filter's, as its canonical query string."""
    given = "&".join([f"{name}={_escaped(args[name])}" for name in _READERS if name in args])
    return f"?{given}" if given else ""


def read_query(query: str, *, org_id: int, org_zone: str) -> LogFilter:
    """Read what `LogFilter.query` wrote."""
    pairs = parse_qsl(query.removeprefix("?"), keep_blank_values=True)
    return LogFilter.from_args(MultiDict(pairs), org_id=org_id, org_zone=org_zone)


def clauses(event: ReadOnlyColumnCollection[str, Any], names: Iterable[str]) -> list[ColumnElement[bool]]:
    """
    Return the conditions of these *names* on the columns of *event*, each waiting for its value.

    So a statement is built once for each set of names and not for each request.
    """
    return [_clause(event, name) for name in names]


def _clause(event: ReadOnlyColumnCollection[str, Any], name: str) -> ColumnElement[bool]:
    value: ColumnElement[Any] = bindparam(name, type_=event.id.type if name in {"since", "until"} else None)
    if name == "since":
        return cast(ColumnElement[bool], event.id >= value)
    if name == "until":
        return cast(ColumnElement[bool], event.id < value)
    if name in {"flag", "flagged"}:
        shown = select(_evidence.event_id).where(
            _evidence.org_id == event.org_id, _evidence.event_id == event.id, text("shown = 1")
        )
        return (shown if name == "flagged" else shown.where(_evidence.kind == value)).exists()
    if name == "mishap":
        # The condition of the index, word for word: SQLite does not conclude it from the value.
        return and_(event.outcome == value, event.outcome != literal_column("'success'"))
    return cast(ColumnElement[bool], event[name] == value)


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
        _parsed(text)
    except ValueError as error:
        raise BadFilter("q", f"{_quoted(text)} cannot be searched for. {error}") from None
    return text


_parsed = lru_cache(maxsize=256)(Words.parse)


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
_ATTRIBUTES = {"from": "from_"}
_OUTCOME_WORDS = {Outcome.SUCCESS: "successful", Outcome.FAILURE: "failed", Outcome.DENIED: "denied"}
_HOURS = {"h": 1, "d": 24}
_UNITS = {"h": "hour", "d": "day"}


def _check_together(values: Mapping[str, Any]) -> None:
    """Refuse values that are right one by one and contradict each other."""
    first, final = values.get("from_"), values.get("to")
    if first and final and first > final:
        reason = f"The dates are the wrong way round: {days.spelled(first)} comes after {days.spelled(final)}."
        raise BadFilter("from", reason, also=("to",))
    if "last" in values and (first or final):
        reason = f"The link asks for the last {_spelled(values['last'])} and for dates at once."
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


@lru_cache(maxsize=1024)
def _escaped(value: str) -> str:
    # Colons and slashes are allowed in a query; escaped, they would make member:42 and Asia/Tokyo unreadable.
    return quote(value, safe=":/")


def _duration(last: str) -> timedelta:
    return timedelta(hours=int(last[:-1]) * _HOURS[last[-1]])


def _spelled(last: str) -> str:
    """Spell 7d as "7 days" and 1h as "hour", to follow the word "last"."""
    number, unit = last[:-1], _UNITS[last[-1]]
    return unit if number == "1" else f"{number} {unit}s"
