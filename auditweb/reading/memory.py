"""What this process counted, for as long as that is true: those who remember know when it is."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

Kept = TypeVar("Kept")


class Memory(Generic[Kept]):
    """What was counted, by what it was counted for: so *many*, of which those that nobody asks for are forgotten."""

    def __init__(self, many: int) -> None:
        self._many = many
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()

    def get(self, key: Hashable) -> Kept | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: Hashable, counted: Kept) -> None:
        with self._lock:
            self._kept[key] = counted
            if len(self._kept) > self._many:
                self._kept.popitem(last=False)
