"""
How many events match: in all, in each category, between moments, by each actor; and which one is the nth.

What is asked of categories, actors and times only has exact answers at any size (`ranks`). What is asked of anything
else is listed, newest first, up to a cap (`listing`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from auditweb import clock
from auditweb.catalogue import Category
from auditweb.parties import ActorRef
from auditweb.reading.filters import LogFilter
from auditweb.reading.listing import CAP, Count, list_newest
from auditweb.reading.ranks import END, Ask, find_nth, find_ranks

__all__ = ["CAP", "Count", "Numbers", "count", "count_actors", "find_at"]


@dataclass(frozen=True, slots=True)
class Numbers:
    """
    The numbers around a page of the log.

    *total* is how many match, *categories* how many do in each category when that part of the question is left away,
    None being all of them; *between* how many of the total are between the bounds that were asked for, and *position*
    the ordinal of the event that was asked for, the newest being 1 (None if it is not known).
    """

    total: Count
    categories: dict[Category | None, Count]
    between: list[Count]
    position: Count | None


def count(
    wanted: LogFilter, *, bounds: Sequence[int] = (), event_id: int | None = None, now: datetime | None = None
) -> Numbers:
    """
    Count the events *wanted*, whatever its place in the log.

    *bounds* are rising ids: the events between each and the next are counted.
    """
    now = now or clock.now()
    return (_is_ranked(wanted) and _from_ranks(wanted, bounds, event_id, now)) or _from_lists(
        wanted, bounds, event_id, now
    )


def count_actors(wanted: LogFilter, actors: Sequence[ActorRef], now: datetime | None = None) -> dict[ActorRef, Count]:
    """Return how many events each of these *actors* has that meet all else of *wanted*."""
    now = now or clock.now()
    if not _is_ranked(wanted):
        return {actor: list_newest(wanted.with_(actor=actor), now).total for actor in actors}
    low, high = _ends(wanted, now)
    asks = {actor: (Ask.of(wanted.category, actor, low), Ask.of(wanted.category, actor, high)) for actor in actors}
    ranks = find_ranks(wanted.org_id, [ask for both in asks.values() for ask in both if ask.limit])
    if ranks is None:
        return {}
    return {actor: Count(ranks[until] - ranks.get(since, 0)) for actor, (since, until) in asks.items()}


def find_at(wanted: LogFilter, position: int, now: datetime | None = None) -> int | None:
    """
    Return the id of the event *wanted* at this *position*, the newest being at 1, wherever *wanted* itself is.

    None beyond the last one and, where matches have to be listed, beyond the cap.
    """
    now = now or clock.now()
    if _is_ranked(wanted):
        low, high = _ends(wanted, now)
        chain = Ask.of(wanted.category, wanted.actor, high)
        asks = [chain, chain._replace(limit=low)] if low else [chain]
        if (ranks := find_ranks(wanted.org_id, asks)) is not None:
            before = ranks[chain] - position
            return None if before < ranks.get(asks[-1], 0) * (len(asks) - 1) else find_nth(wanted.org_id, chain, before)
    listed = list_newest(wanted, now).ids
    return listed[position - 1] if position <= len(listed) else None


def _is_ranked(wanted: LogFilter) -> bool:
    return not (wanted.q or wanted.target or wanted.action or wanted.outcome)


def _ends(wanted: LogFilter, now: datetime) -> tuple[int, int]:
    values = wanted.values(now)
    return int(values.get("since", 0)), int(values.get("until", END))


def _from_ranks(wanted: LogFilter, bounds: Sequence[int], event_id: int | None, now: datetime) -> Numbers | None:
    low, high = _ends(wanted, now)
    tabs = {
        category: (Ask.of(category, wanted.actor, low), Ask.of(category, wanted.actor, high)) for category in Category
    }
    own = [
        Ask.of(wanted.category, wanted.actor, min(max(limit, low), high)) for limit in (*bounds, event_id or 0, high)
    ]
    asks = [*(ask for both in tabs.values() for ask in both), *own]
    ranks = find_ranks(wanted.org_id, [ask for ask in asks if ask.limit])
    if ranks is None:
        return None
    categories = {category: Count(ranks[until] - ranks.get(since, 0)) for category, (since, until) in tabs.items()}
    everything = Count(sum(each.number for each in categories.values()))
    *ends, here, last = [ranks.get(ask, 0) for ask in own]
    return Numbers(
        total=categories[wanted.category] if wanted.category else everything,
        categories=_with_all(categories, everything),
        between=[Count(until - since) for since, until in pairwise(ends)],
        position=None if event_id is None else Count(last - here),
    )


def _from_lists(wanted: LogFilter, bounds: Sequence[int], event_id: int | None, now: datetime) -> Numbers:
    every = list_newest(wanted.with_(category=None), now)
    own = every.of(wanted.category) if every.complete or not wanted.category else list_newest(wanted, now)
    return Numbers(
        total=own.total,
        categories=_with_all(every.by_category(), every.total),
        between=[own.between(low, high) for low, high in pairwise(bounds)],
        position=None if event_id is None else own.position(event_id),
    )


def _with_all(categories: dict[Category, Count], everything: Count) -> dict[Category | None, Count]:
    return dict([(None, everything), *categories.items()])
