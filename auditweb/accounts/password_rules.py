"""
Which new passwords are refused: short ones, those that are tried first, and those made of what everyone knows.

The lists of common passwords are zxcvbn's: 94,000 of them, names and plain words included. Few have twelve characters;
most of those that people make out of them have figures put on, letters swapped or the whole repeated, and are taken for
what they are.
"""

import re
import string
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import chain, pairwise
from typing import Final

SHORTEST: Final = 12
LONGEST: Final = 1024
PRODUCT: Final = ("importops", "auditweb")

HINT = (
    f"At least {SHORTEST} characters. Several words that do not belong together are easy to remember and hard to guess."
)
SHORT = f"Use at least {SHORTEST} characters."
LONG = f"Use at most {LONGEST:,} characters."
COMMON = "This is one of the passwords that are tried first. Take several words that do not belong together."
OWN = "This is made of your name, your address or the name of this product. Take words that nobody expects of you."

_EDGES: Final = string.digits + string.punctuation + " "
_SWAPPED: Final = tuple(str.maketrans("@4301$57!", f"aaeo{one}ssti") for one in "il")
_SHORTEST_WORD: Final = 3
_LEAST: Final = 4  # characters that are left of a password once its figures and repetitions are gone
_LEAST_BESIDES: Final = 8  # characters that are left once one's own words are gone


def problem_with(password: str, *, email: str = "", name: str = "") -> str | None:
    """Tell why someone with this address and name cannot have *password*, or None if they can."""
    text = unicodedata.normalize("NFC", password)
    if len(text) < SHORTEST:
        return SHORT
    if len(text) > LONGEST:
        return LONG
    text = unicodedata.normalize("NFKC", text).casefold()
    if _is_common(text):
        return COMMON
    return OWN if _is_own(text, f"{email} {name}") else None


def _is_common(text: str) -> bool:
    if len({ord(after) - ord(before) for before, after in pairwise(text)}) == 1:
        return True  # one letter again and again, or the alphabet
    return any(len(form) < _LEAST or form in _common() for form in _forms(text))


def _forms(text: str) -> Iterator[str]:
    """Give what *text* is without figures put on, letters swapped or the whole repeated."""
    for bare in {text, text.strip(_EDGES), text.rstrip(_EDGES)}:
        for form in (bare, *(bare.translate(table) for table in _SWAPPED)):
            yield form
            yield _unit(form).strip(_EDGES)


def _unit(text: str) -> str:
    """Return what *text* repeats, or all of it."""
    return text[: (text + text).find(text, 1)]


def _is_own(text: str, known: str) -> bool:
    words = {word for word in re.split(r"[\W_]+", known.casefold()) if len(word) >= _SHORTEST_WORD}
    rest = text
    for word in sorted(words.union(PRODUCT), key=len, reverse=True):
        rest = rest.replace(word, "")
    return rest != text and len(re.sub(r"[\W\d_]", "", rest)) < _LEAST_BESIDES


@cache
def _common() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # here: reading them takes a tenth of a second

    return frozenset(chain.from_iterable(FREQUENCY_LISTS.values()))  # each word is in one of them only
