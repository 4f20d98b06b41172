"""
How many events match: in all, in each category, between moments, by each actor; and which one is the nth.

What is asked of categories, actors and times only has exact answers at any size (`ranks`). All else is counted in the
search index, newest first, as far as a cap and a time limit allow (`matches`).
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple, cast

from sqlalchemy import Table, func, select

from auditweb import clock
from auditweb.catalogue import Category
from auditweb.extensions import db
from auditweb.models import Event
from auditweb.parties import ActorRef
from auditweb.reading.filters import LogFilter
from auditweb.reading.many_ranks import find_many_ranks, oldest_ids
from auditweb.reading.matches import CAP, Matches, find_matches
from auditweb.reading.questions import execute, for_each_engine
from auditweb.reading.ranks import END, Ask, find_nth, find_ranks

_READ_AT_ONCE = 400  # events whose actors are read by one statement; of many more PostgreSQL rather reads the table
_event = cast(Table, Event.__table__).c
_ACTORS = for_each_engine("SELECT actor_type, actor_id FROM event WHERE org_id = :org_id AND id {events}")


class Count(NamedTuple):
    """A number of events; where not *exact*, there are at least so many: counting stopped there."""

    number: int
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Counted:
    """
    How many events match, by category when that part of the question is left away, None being all of them.

    *between* is how many are between the bounds that were asked for, and *position* the ordinal of the event that was
    asked for, the newest being 1; None if it is not known. What is not *settled* might go further with more time.
    """

    categories: dict[Category | None, Count]
    between: list[Count]
    position: int | None
    settled: bool = True


def count(
    wanted: LogFilter, *, bounds: Sequence[int] = (), event_id: int | None = None, now: datetime | None = None
) -> Counted:
    """
    Count the events *wanted*, whatever its place in the log.

    *bounds* are rising ids: the events between each and the next are counted.
    """
    now = now or clock.now()
    return (is_ranked(wanted) and _by_rank(wanted, bounds, event_id, now)) or _by_match(wanted, bounds, event_id, now)


def count_total(wanted: LogFilter, now: datetime | None = None) -> Count:
    """Return how many events *wanted* there are, wherever in the log: of one thing's, its index tells up to the cap."""
    now = now or clock.now()
    if is_ranked(wanted) and (number := _count_ranked(wanted, *_ends(wanted, now))) is not None:
        return Count(number)
    if not _is_of_one_thing(wanted):
        return count(wanted, now=now).categories[wanted.category]
    values = wanted.values(now)
    few = oldest_ids(tuple(values), CAP + 1).subquery()
    number = db.session.connection().scalar(select(func.count()).select_from(few), values) or 0
    return Count(min(number, CAP), exact=number <= CAP)


def count_between(wanted: LogFilter, bounds: Sequence[int], now: datetime | None = None) -> list[Count]:
    """
    Return how many events *wanted*, whatever its place, are between each of many rising *bounds* and the next.

    Those that are ranked are counted exactly, and each month anew only when something was added to it. Few that have an
    index are read from it, and all else is counted as far as `count` does.
    """
    now = now or clock.now()
    low, high = _ends(wanted, now)
    limits = [min(max(limit, low), high) for limit in bounds]
    if is_ranked(wanted):
        ranks = find_many_ranks(wanted.org_id, [Ask.of(wanted.category, wanted.actor, limit) for limit in limits])
        if ranks is not None:
            return [Count(until - since) for since, until in pairwise(ranks)]
    few = _few_between(wanted, limits, now) if is_ranked(wanted) or _is_of_one_thing(wanted) else None
    if few is not None:
        return few
    if is_ranked(wanted):
        return [Count(0, exact=False)] * (len(limits) - 1)
    return count(wanted, bounds=bounds, now=now).between


def _few_between(wanted: LogFilter, limits: Sequence[int], now: datetime) -> list[Count] | None:
    """Count what the index of *wanted* tells between each of *limits* and the next; None if it is more than the cap."""
    values = wanted.values(now) | {"since": limits[0], "until": limits[-1]}
    found = db.session.connection().scalars(oldest_ids(tuple(values), CAP + 1), values).all()
    if len(found) > CAP:
        return None
    places = [bisect_left(found, limit) for limit in limits]
    return [Count(until - since) for since, until in pairwise(places)]


def _count_ranked(wanted: LogFilter, since: int, until: int) -> int | None:
    """Return how many events *wanted*, which are ranked, are between two ids; None if that is not known."""
    first, last = (Ask.of(wanted.category, wanted.actor, limit) for limit in (since, until))
    ranks = find_ranks(wanted.org_id, [ask for ask in (first, last) if ask.limit])
    return None if ranks is None else ranks.get(last, 0) - ranks.get(first, 0)


def find_position(wanted: LogFilter, event_id: int, total: int, now: datetime | None = None) -> int | None:
    """Return the ordinal of an event among those *wanted*, *total* in number, the newest being 1; None if not known."""
    low, _ = _ends(wanted, now or clock.now())
    here, first = (Ask.of(wanted.category, wanted.actor, limit) for limit in (event_id, low))
    ranks = find_ranks(wanted.org_id, [here, first] if low else [here])
    return None if ranks is None else total - ranks[here] + ranks.get(first, 0)


def count_actors(
    wanted: LogFilter, actors: Sequence[ActorRef], now: datetime | None = None, *, since: int = 0
) -> dict[ActorRef, Count]:
    """Return how many events each of these *actors* has that meet all else of *wanted*, with ids from *since* on."""
    now = now or clock.now()
    if is_ranked(wanted):
        low, high = _ends(wanted, now)
        low = max(low, since)
        asks = {actor: [Ask.of(wanted.category, actor, limit) for limit in (low, high)] for actor in actors}
        ranks = find_ranks(wanted.org_id, [ask for both in asks.values() for ask in both if ask.limit])
        if ranks is not None:
            return {actor: Count(ranks[until] - ranks.get(since, 0)) for actor, (since, until) in asks.items()}
    matches = find_matches(wanted.with_(actor=None), now=now)
    found: Counter[tuple[str, str]] = Counter()
    connection = db.session.connection()
    known = [id_ for id_ in matches.ids if id_ >= since]
    for start in range(0, len(known), _READ_AT_ONCE):
        given = {"org_id": wanted.org_id, "events": known[start : start + _READ_AT_ONCE]}
        found.update(map(tuple, execute(connection, _ACTORS, given)))
    complete = matches.complete or matches.since <= since
    return {actor: Count(found[actor], complete) for actor in actors}


def find_at(wanted: LogFilter, position: int, now: datetime | None = None) -> int | None:
    """
    Return the id of the event *wanted* at this *position*, the newest being at 1, wherever *wanted* itself is.

    None beyond the last one and, where matches have to be counted one by one, beyond the cap.
    """
    now = now or clock.now()
    if is_ranked(wanted):
        low, high = _ends(wanted, now)
        first, last = Ask.of(wanted.category, wanted.actor, low), Ask.of(wanted.category, wanted.actor, high)
        ranks = find_ranks(wanted.org_id, [first, last] if low else [last])
        if ranks is not None:
            before = ranks[last] - position
            return find_nth(wanted.org_id, last, before) if before >= ranks.get(first, 0) else None
    found = find_matches(wanted, now=now).ids
    return found[position - 1] if position <= len(found) else None


def is_ranked(wanted: LogFilter) -> bool:
    """Tell whether *wanted* is counted by ranks: quickly, and exactly at any size."""
    return not (wanted.q or wanted.target or wanted.action or wanted.outcome or wanted.flag)


def _is_of_one_thing(wanted: LogFilter) -> bool:
    """Tell whether *wanted* asks for one target, whenever, and for nothing else: those events have an index."""
    others = (wanted.q, wanted.category, wanted.actor, wanted.action, wanted.outcome, wanted.flag)
    return wanted.target is not None and not any(others)


def _ends(wanted: LogFilter, now: datetime) -> tuple[int, int]:
    values = wanted.values(now)
    return int(values.get("since", 0)), int(values.get("until", END))


def _by_rank(wanted: LogFilter, bounds: Sequence[int], event_id: int | None, now: datetime) -> Counted | None:
    low, high = _ends(wanted, now)
    of_actor = {
        category: (Ask.of(category, wanted.actor, low), Ask.of(category, wanted.actor, high)) for category in Category
    }
    limits = [min(max(limit, low), high) for limit in (*bounds, event_id or 0, high)]
    own = [Ask.of(wanted.category, wanted.actor, limit) for limit in limits]
    asks = [*(ask for both in of_actor.values() for ask in both), *own]
    ranks = find_ranks(wanted.org_id, [ask for ask in asks if ask.limit])
    if ranks is None:
        return None
    categories = {category: Count(ranks[until] - ranks.get(since, 0)) for category, (since, until) in of_actor.items()}
    *ends, here, last = [ranks.get(ask, 0) for ask in own]
    return Counted(
        _with_all(categories, Count(sum(each.number for each in categories.values()))),
        [Count(until - since) for since, until in pairwise(ends)],
        None if event_id is None else last - here,
    )


def _by_match(wanted: LogFilter, bounds: Sequence[int], event_id: int | None, now: datetime) -> Counted:
    own = every = find_matches(wanted.with_(category=None), now=now)
    categories = {category: _capped(every, every.count(category.value)) for category in Category}
    if wanted.category and not every.complete:
        own = find_matches(wanted, now=now)  # among the newest matches there may be few of this category
        categories[wanted.category] = _capped(own, own.count())
    chosen = wanted.category.value if wanted.category and own is every else ""
    return Counted(
        _with_all(categories, _capped(every, every.count())),
        [Count(own.count(chosen, low, high), own.complete or low >= own.since) for low, high in pairwise(bounds)],
        None if event_id is None or event_id < own.since else own.count(chosen, event_id),
        settled=all(found.complete or found.count() > CAP for found in (every, own)),
    )


def _capped(found: Matches, number: int) -> Count:
    return Count(min(number, CAP), found.complete and number <= CAP)


def _with_all(categories: dict[Category, Count], everything: Count) -> dict[Category | None, Count]:
    return dict([(None, everything), *categories.items()])
