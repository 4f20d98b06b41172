"""
What detectors remember: of each subject (an actor, a key, a category, the organisation itself) a dictionary of JSON.

It is all they know. So what they find follows from the entries alone, whatever was read together and however often the
server was stopped in between.
"""

import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

ORGANISATION = ""

Loaded = Callable[[str], bytes | None]  # what is kept of a subject


class Memory:
    """Reads what is kept with *load*, once, and knows what was touched since it was last kept."""

    def __init__(self, load: Loaded = lambda _: None) -> None:
        self._load = load
        self._known: dict[str, dict[str, Any]] = {}
        self._touched: set[str] = set()

    def __len__(self) -> int:
        return len(self._known)

    def load_with(self, load: Loaded) -> None:
        """Read with *load* from here on what is not known yet."""
        self._load = load

    def of(self, subject: str) -> dict[str, Any]:
        """Return what is remembered of *subject*, to be read and changed."""
        self._touched.add(subject)
        found = self._known.get(subject)
        if found is None:
            kept = self._load(subject)
            found = self._known[subject] = json.loads(zlib.decompress(kept)) if kept else {}
        return found

    def part(self, subject: str, name: str) -> Any:
        """Return the part of *subject*'s that is called *name*."""
        parts = self.of(subject)
        found = parts.get(name)
        if found is None:
            found = parts[name] = {}
        return found

    def take_touched(self) -> Iterator[tuple[str, bytes]]:
        """Yield what may have changed since this was last asked, spelled to be kept."""
        for subject in sorted(self._touched):
            told = json.dumps(self._known[subject], separators=(",", ":"), ensure_ascii=False)
            yield subject, zlib.compress(told.encode(), 1)
        self._touched.clear()
