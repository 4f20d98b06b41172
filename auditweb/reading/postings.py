"""
How the search index spells what it holds: words, the ids of a segment, and the places in it where a word occurs.

The sealer writes it and readers read it, so both stand here. A set of places is a whole number whose bits are the
places: numbers that long are and-ed and or-ed in a microsecond.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import compress

from auditweb.reading import words

SEGMENT_SIZE = 4096  # events in a segment
LONGEST_WORD = 64  # characters; longer ones are cut, and what is found by words that long is compared with the texts
NOBODY = -1  # stands among the ids of a segment where an event was purged; nothing is at its place, whatever words say

_LONGEST_KEY = 300  # characters of a word that stands for an id
_FEW = 255  # so many places are spelled one by one, in two bytes each
_BITMAP = 512  # bytes, one more place than that in twos, which tells the two spellings apart
_SOME = 128  # so many places are listed one by one sooner than by going through all
_ID = struct.Struct("<q")
_NOBODY = _ID.pack(NOBODY)
_BIT = [1 << bit for bit in range(8)]
_DIGITS = bytes(digit == ord("1") for digit in range(256))

Entry = tuple[
    int, str, str, str, Mapping[str, object], str, str, str, str | None, str | None, str | None, str | None, str | None,
    str,
]  # fmt: skip
"""What is indexed of an event: the values of ENTRY_COLUMNS."""

ENTRY_COLUMNS = (
    "id", "category", "action", "summary", "facts", "actor_type", "actor_id", "actor_name", "via_name",
    "target_type", "target_id", "target_name", "ip", "outcome",
)  # fmt: skip

LABEL_COLUMNS = ("id", "category", "action", "actor_type", "actor_id", "target_type", "target_id", "outcome")
"""Those of ENTRY_COLUMNS that hold no texts."""

GONE = "\x01g"
"""Stands for words of purged events, which may still be known in a segment: in JSON, where another's places are."""


def category_word(category: str) -> str:
    """Return the word that every event of *category* has. No text holds it, nor any other that starts like it."""
    return f"\x01c:{category}"


def actor_word(type_: str, id_: str) -> str:
    return _key(f"\x01a:{type_}:{id_}")


def action_word(action: str) -> str:
    return _key(f"\x01k:{action}")


def target_word(type_: str, id_: str) -> str:
    return _key(f"\x01t:{type_}:{id_}")


def outcome_word(outcome: str) -> str:
    """Return the word of an *outcome* other than success, which has none."""
    return f"\x01o:{outcome}"


def ip_word(ip: str) -> str:
    return _key(f"\x01i:{ip}")


def _key(word: str) -> str:
    """Return *word*, or what stands for one so long that no index would take it: only raw SQL writes such ids."""
    return word if len(word) <= _LONGEST_KEY else f"\x01#{sha256(word.encode()).hexdigest()}"


def texts_of(
    summary: str, actor_name: str, via_name: str | None, target_name: str | None, facts: Mapping[str, object]
) -> list[str]:
    """Return the texts of an event in which words are looked for."""
    texts = [summary, actor_name, *[fact if isinstance(fact, str) else str(fact) for fact in facts.values()]]
    if via_name:
        texts.append(via_name)
    if target_name:
        texts.append(target_name)
    return texts


def words_in(entry: Entry) -> set[str]:
    """Return all words by which an event is found."""
    (
        _, category, action, summary, facts, actor_type, actor_id, actor_name, via_name, target_type, target_id,
        target_name, ip, outcome,
    ) = entry  # fmt: skip
    found = set(words.words_of("\n".join(texts_of(summary, actor_name, via_name, target_name, facts))))
    if len(max(found, key=len, default="")) > LONGEST_WORD:
        found = {word[:LONGEST_WORD] for word in found}
    found.add(f"\x01c:{category}")  # as the functions above say it, which took a quarter of the time
    found.add(_key(f"\x01k:{action}"))
    found.add(_key(f"\x01a:{actor_type}:{actor_id}"))
    if target_type is not None:
        found.add(_key(f"\x01t:{target_type}:{target_id}"))
    if ip is not None:
        found.add(_key(f"\x01i:{ip}"))
    if outcome != "success":
        found.add(f"\x01o:{outcome}")
    return found


def spell_places(places: Sequence[int], known: bytes = b"") -> bytes:
    """Spell the rising *places* of a word that already has those *known*, all of them lower."""
    if len(known) < _BITMAP and len(places) + len(known) // 2 <= _FEW:
        return known + struct.pack(f"<{len(places)}H", *places)
    bits = bytearray(_as_bitmap(known))
    for place in places:
        bits[place >> 3] |= _BIT[place & 7]
    return bytes(bits)


def without_places(known: bytes, gone: int) -> bytes:
    """Spell what is left of a word's places *known* without those *gone*, as if it had never been there."""
    if len(known) < _BITMAP:
        left = [place for place in struct.unpack(f"<{len(known) // 2}H", known) if not gone >> place & 1]
        return struct.pack(f"<{len(left)}H", *left)
    remaining = int.from_bytes(known, "little") & ~gone
    return spell_places(listed(remaining)) if remaining.bit_count() <= _FEW else remaining.to_bytes(_BITMAP, "little")


def read_places(spelled: bytes) -> int:
    return int.from_bytes(_as_bitmap(spelled), "little")


def spell_ids(ids: Iterable[int], known: bytes = b"") -> bytes:
    """Spell the *ids* that follow those *known*."""
    listed = list(ids)
    return known + struct.pack(f"<{len(listed)}q", *listed)


def read_ids(spelled: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(spelled) // 8}q", spelled)


def nobodys_places(spelled: bytes) -> int:
    """Return the places whose events were purged."""
    if _NOBODY not in spelled:  # the last byte of an id is never that great
        return 0
    places = bytearray(_BITMAP)
    for place, event_id in enumerate(read_ids(spelled)):
        if event_id == NOBODY:
            places[place >> 3] |= _BIT[place & 7]
    return int.from_bytes(places, "little")


def listed(places: int) -> list[int]:
    """Return *places* one by one, the lowest first."""
    if places.bit_count() > _SOME:
        return list(compress(range(places.bit_length()), _flags(places)))
    found = []
    while places:
        lowest = places & -places
        found.append(lowest.bit_length() - 1)
        places ^= lowest
    return found


def pick(spelled_ids: bytes, places: int) -> list[int]:
    """Return those ids of a segment that are at *places*."""
    if places.bit_count() > _SOME:
        return list(compress(read_ids(spelled_ids), _flags(places)))
    return [_ID.unpack_from(spelled_ids, 8 * place)[0] for place in listed(places)]


def all_places(size: int) -> int:
    return (1 << size) - 1


def _flags(places: int) -> bytes:
    return f"{places:b}".encode().translate(_DIGITS)[::-1]


def _as_bitmap(spelled: bytes) -> bytes:
    if len(spelled) >= _BITMAP:
        return spelled
    bits = bytearray(_BITMAP)
    for place in struct.unpack(f"<{len(spelled) // 2}H", spelled):
        bits[place >> 3] |= _BIT[place & 7]
    return bytes(bits)
