"""
Whose turn it is to be sent something.

Organisations take turns, and within one its webhooks, those that have waited for longest first; of each organisation
only so many are called at once. A webhook whose receiver does not answer rests, for longer each time. So whatever one
organisation piles up, and wherever it calls, another one's delivery goes out as soon as somebody is free.
"""

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import count
from time import monotonic
from typing import Final, NamedTuple

from auditweb.webhooks.outbox import Due

AT_ONCE: Final = 2  # webhooks of an organisation
FIRST_REST: Final = 60.0  # seconds; after each failure that follows it is twice as long
LONGEST_REST: Final = 480.0

_FORGOTTEN_AFTER: Final = 3600.0


class _Rest(NamedTuple):
    """A webhook is left alone until a moment, for so many seconds."""

    until: float
    seconds: float


class Turns:
    """What is due, handed out one after the other; any thread may ask. *now* counts seconds."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._due: dict[str, Due] = {}
        self._asked_for: set[str] = set()
        self._under_way: dict[str, Due] = {}
        self._rests: dict[tuple[str, str], _Rest] = {}
        # When each organisation and each webhook had a turn last; who is not in it has had none for long.
        self._had: dict[int | str, int] = {}
        self._turns = count(1)

    def know(self, due: Iterable[Due], asked_for: Collection[str] = ()) -> None:
        """Go by what is due now. Webhooks of which somebody *asked for* a delivery have it even while they rest."""
        with self._lock:
            self._due = {each.hook_id: each for each in due}
            self._asked_for = set(asked_for)
            there = {name for each in (*self._due.values(), *self._under_way.values()) for name in each[:2]}
            self._had = {name: turn for name, turn in self._had.items() if name in there}
            old = self._now() - _FORGOTTEN_AFTER
            self._rests = {place: rest for place, rest in self._rests.items() if rest.until > old}

    def resting(self) -> Sequence[str]:
        """Return the webhooks that are left alone for now."""
        with self._lock:
            return [hook_id for (hook_id, _), rest in self._rests.items() if rest.until > self._now()]

    def take(self) -> Due | None:
        """Return what to send something next, None if there is nothing; it is to be given back."""
        with self._lock:
            busy = Counter(each.org_id for each in self._under_way.values())
            free = [each for each in self._due.values() if busy[each.org_id] < AT_ONCE and self._may_be_called(each)]
            if not free:
                return None
            chosen = min(free, key=lambda each: (self._had.get(each.org_id, 0), self._had.get(each.hook_id, 0)))
            self._under_way[chosen.hook_id] = chosen
            self._asked_for.discard(chosen.hook_id)
            self._had[chosen.org_id] = self._had[chosen.hook_id] = next(self._turns)
            return chosen

    def give_back(self, due: Due, *, answered: bool | None) -> None:
        """Say what became of a turn: whether the receiver *answered*, or None if there was nothing to send it."""
        place = (due.hook_id, due.url)
        with self._lock:
            self._under_way.pop(due.hook_id, None)
            if answered is None:
                self._due.pop(due.hook_id, None)
            elif answered:
                self._rests.pop(place, None)
            else:
                before = self._rests.get(place)
                seconds = min(2 * before.seconds, LONGEST_REST) if before else FIRST_REST
                self._rests[place] = _Rest(self._now() + seconds, seconds)

    def _may_be_called(self, due: Due) -> bool:
        if due.hook_id in self._under_way:
            return False
        # Whoever gives it another address has it called there at once.
        rest = self._rests.get((due.hook_id, due.url))
        return rest is None or rest.until <= self._now() or due.hook_id in self._asked_for
