"""What the controls around the table are made of, ready to be shown."""

from typing import NamedTuple


class Tab(NamedTuple):
    """A link to a category, with how many entries it has: in brief, to the last digit, and to be read out."""

    label: str
    href: str
    current: bool
    id: str
    brief: str
    exact: str
    spoken: str


class Chip(NamedTuple):
    """One thing the reader narrowed the log by, with the address of the log without it."""

    label: str
    value: str
    href: str


class Search(NamedTuple):
    """The search form: what was typed, and the filters it keeps."""

    kept: list[tuple[str, str]]
    text: str


class Unsearched(NamedTuple):
    """Entries that a search had no time for: older or newer ones than the place it came to, and how to go on."""

    side: str
    place: str
    href: str


class Pin(NamedTuple):
    """Up to when a link shows entries, how many have come since ("37 entries have", or nothing), and the way there."""

    place: str
    later: str
    href: str


class Way(NamedTuple):
    """A way to take entries out of the log: an item of a menu, with its address below the log's."""

    icon: str
    label: str
    hint: str
    href: str


class Range(NamedTuple):
    """The form for a range of one's own: its two days, their zone, and the filters it keeps."""

    kept: list[tuple[str, str]]
    first: str
    final: str
    tz: str
    place: str
