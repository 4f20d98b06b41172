"""
Time-ordered 64-bit event ids and their 13-character spelling.

An id is the sort key, the page cursor and the address of an event in one integer: bit 63 is zero, then 41 bits of
milliseconds since 2000-01-01 UTC, then 22 bits that keep the events of one millisecond apart and in order.
Precedent: Twitter's snowflake, Mastodon's ids, TSID. The spelling is Crockford's base32.
"""

import os
import secrets
import threading
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from random import Random

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
SEQUENCE_BITS = 22
LAST_ID = 2**63 - 1
LAST_MOMENT = EPOCH + timedelta(milliseconds=2**41 - 1)

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SMALL = _ALPHABET.lower()
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]  # two digits at a time: a page spells many
_DIGIT = {letter: value for value, letter in enumerate(_ALPHABET)}
_LENGTH = 13
_MILLISECOND = timedelta(milliseconds=1)
_MILLISECONDS_REMEMBERED = 4096
_LEAP = 2**15


def new_id(occurred_at: datetime) -> int:
    """
    Return a fresh id for an event that occurred at *occurred_at* (an aware datetime).

    Ids made by one process for the same millisecond grow in the order they are asked for. Another process may hit on
    the same id, once in millions: whoever stores it asks for `another_id` then.

    Raises ValueError before 2000-01-01 or after 2069.
    """
    return _sequence.next(milliseconds(occurred_at))


def another_id(taken: int) -> int:
    """
    Return a fresh id for the millisecond of *taken*, an id that another process was quicker to store.

    It leaps ahead, out of the run of neighbours that the other process is likely to have taken as well.
    """
    return _sequence.next(taken >> SEQUENCE_BITS, beyond=taken + int(_sequence.chance.random() * _LEAP))


def milliseconds(moment: datetime) -> int:
    """Return whole milliseconds between 2000-01-01 UTC and *moment*; ValueError if they do not fit 41 bits."""
    if not EPOCH <= moment <= LAST_MOMENT:
        raise ValueError(f"{moment.isoformat()} is outside 2000 to 2069, the years that event ids can tell")
    return (moment - EPOCH) // _MILLISECOND


def moment_of(event_id: int) -> datetime:
    """Return the millisecond that an id was made for, in UTC."""
    return EPOCH + (event_id >> SEQUENCE_BITS) * _MILLISECOND


def first_id_at(moment: datetime) -> int:
    """Return the smallest id an event at or after *moment* can have, clamped to the years that ids can tell."""
    return milliseconds(min(max(moment, EPOCH), LAST_MOMENT)) << SEQUENCE_BITS


def last_id_at(moment: datetime) -> int:
    """Return the largest id an event at *moment*, or before, can have, clamped to the years that ids can tell."""
    return first_id_at(moment) | (1 << SEQUENCE_BITS) - 1


def random_name(letters: int) -> str:
    """Return a fresh name of so many letters and digits, of five random bits each: for what has no time of its own."""
    return "".join(secrets.choice(_SMALL) for _ in range(letters))


def to_text(event_id: int) -> str:
    """Spell an id as 13 characters of Crockford base32, sortable as text."""
    # Written out: a page spells many, and an export millions.
    return (
        f"{_ALPHABET[event_id >> 60]}{_PAIRS[event_id >> 50 & 1023]}{_PAIRS[event_id >> 40 & 1023]}"
        f"{_PAIRS[event_id >> 30 & 1023]}{_PAIRS[event_id >> 20 & 1023]}{_PAIRS[event_id >> 10 & 1023]}"
        f"{_PAIRS[event_id & 1023]}"
    )


def from_text(text: str) -> int:
    """
    Read the 13-character spelling back.

    Strict: upper case only and exactly as `to_text` writes it, so that one entry has one address. Raises ValueError.
    """
    if len(text) != _LENGTH or not all(letter in _DIGIT for letter in text):
        raise ValueError("an entry id is 13 characters long, digits and capital letters without I, L, O and U")
    value = 0
    for letter in text:
        value = value << 5 | _DIGIT[letter]
    if value > LAST_ID:
        raise ValueError("this entry id is larger than any entry's")
    return value


class _Sequence:
    """The low bits: random at first, counting up within a process for the same millisecond."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self._lock = threading.Lock()
        self._latest: OrderedDict[int, int] = OrderedDict()
        self.chance = Random()  # an id is no secret; asking the system each time took as long as all the rest

    def next(self, millisecond: int, beyond: int = 0) -> int:
        with self._lock:
            latest = self._latest.get(millisecond)
            if latest is None:
                # Starting in the lower half leaves room for two million more in the same millisecond.
                event_id = millisecond << SEQUENCE_BITS | self.chance.getrandbits(SEQUENCE_BITS - 1)
            else:
                event_id = latest + 1
            event_id = max(event_id, beyond + 1)
            if event_id >> SEQUENCE_BITS != millisecond:
                raise ValueError("more events in one millisecond than ids can tell apart")
            self._latest[millisecond] = event_id
            self._latest.move_to_end(millisecond)
            if len(self._latest) > _MILLISECONDS_REMEMBERED:
                self._latest.popitem(last=False)
            return event_id


_sequence = _Sequence()
os.register_at_fork(after_in_child=_sequence.forget)  # a forked worker must not count on from its parent's numbers
