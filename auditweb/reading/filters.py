"""The question a reader asks of the log, as a small value: out of a URL, back into one, and in words."""

from collections.abc import Iterable, Mapping
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
from auditweb.reading import days, parameters
from auditweb.reading.flags import ANY, Flag
from auditweb.reading.words import Words

_OUTCOME_WORDS = {Outcome.SUCCESS: "successful", Outcome.FAILURE: "failed", Outcome.DENIED: "denied"}
_HOURS = {"h": 1, "d": 24}

_evidence = cast(Table, FindingEvent.__table__).c


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
        return cls(org_id=org_id, org_zone=org_zone, **parameters.read(args))

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
        return parameters.parsed(self.q) if self.q else None

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
        return replace(
            self, last="", from_=max(first.date(), date(parameters.FIRST_YEAR, 1, 1)), to=today.date(), tz=zone
        )

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
            return f"last {parameters.spelled_stretch(self.last)}"
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
    given = "&".join([f"{name}={_escaped(args[name])}" for name in parameters.ORDER if name in args])
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


@lru_cache(maxsize=1024)
def _escaped(value: str) -> str:
    # Colons and slashes are allowed in a query; escaped, they would make member:42 and Asia/Tokyo unreadable.
    return quote(value, safe=":/")


def _duration(last: str) -> timedelta:
    return timedelta(hours=int(last[:-1]) * _HOURS[last[-1]])
