"""What happens in the demo, before it is recorded: one thing at a time, and many stories told at once."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter

from auditweb.catalogue import Action
from auditweb.parties import Actor, Origin, Outcome, Target

AT_ONCE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Happening:
    """
    Something that *actor* does at *at*, and that the log hears of *lag* later.

    *email* is the colleague's whose working day this belongs to, if any: they must be signed in by then.
    """

    at: datetime
    action: Action
    actor: Actor
    target: Target | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    via: Actor | None = None
    outcome: Outcome = Outcome.SUCCESS
    origin: Origin | None = None
    lag: timedelta = AT_ONCE
    email: str = ""

    @property
    def heard_at(self) -> datetime:
        return self.at + self.lag


Story = Iterator[Happening]
"""Things that happen one after another, in the order the log hears of them."""


Beginning = tuple[datetime, Callable[[], Story]]
"""A story to be opened at a moment, which is not after its first happening."""


def in_order(happenings: Iterable[Happening]) -> Story:
    """Return *happenings* as a story."""
    return iter(sorted(happenings, key=attrgetter("heard_at")))


def tell(stories: Iterable[Beginning], until: datetime) -> Story:
    """
    Tell all *stories* at once, in order of time, up to *until*.

    Each is only opened when it begins, so that of two years memory holds what goes on at one moment.
    """
    waiting = iter(sorted(stories, key=lambda story: story[0]))
    upcoming = next(waiting, None)
    number = 0
    heap: list[tuple[datetime, int, Happening, Story]] = []
    while heap or upcoming:
        while upcoming and (not heap or upcoming[0] <= heap[0][0]):
            number += 1
            _push(heap, number, upcoming[1](), until)
            upcoming = next(waiting, None)
        if heap:
            _, place, happening, story = heapq.heappop(heap)
            yield happening
            _push(heap, place, story, until)


def _push(heap: list[tuple[datetime, int, Happening, Story]], place: int, story: Story, until: datetime) -> None:
    happening = next(story, None)
    if happening is not None and happening.heard_at < until:
        heapq.heappush(heap, (happening.heard_at, place, happening, story))
