"""
What a reader looks for: words, beginnings of words, phrases, and what must not occur.

A text is a row of words; case, accents and the forms that Unicode has for the same letter make no difference. Chinese
and Japanese, which put no spaces between words, count each character as one.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Self

from auditweb import ids

LONGEST = 200  # characters
MOST = 12  # terms

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
_TERM = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')
_ENTRY = re.compile(r"(?:.*/entries/)?([0-9A-Z]{13})(?:\.json)?/?")


class Term(NamedTuple):
    """
    One thing that must occur, or must not when *excluded*: these words in a row, the last perhaps only begun.

    Or, where they are set, the address *ip* that an entry came from, or the entry *id* itself.
    """

    words: tuple[str, ...]
    excluded: bool = False
    begun: bool = False
    ip: str = ""
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """A parsed search. All its terms must hold."""

    terms: tuple[Term, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what was typed; raises ValueError with a sentence for the reader. An unclosed quote closes itself."""
        terms = []
        for minus, phrase, plain in _TERM.findall(text):
            term = _phrase(phrase) if not plain else _plain(plain)
            if term.words or term.ip or term.id is not None:
                terms.append(term._replace(excluded=bool(minus)))
        if not terms:
            raise ValueError("There is no word to look for in it: a search needs letters or digits.")
        if len(terms) > MOST:
            raise ValueError(f"It has {len(terms)} words and phrases, and a search takes {MOST} at most.")
        return cls(tuple(dict.fromkeys(terms)))

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return where in *text* something stands that was looked for: starts and ends, in order, not overlapping."""
        found = found_words(text)
        words = [word for _, _, word in found]
        spans: list[tuple[int, int]] = []
        sought = [term for term in self.terms if term.words and not term.excluded]
        place = 0
        while place < len(words):
            length = max((len(term.words) for term in sought if stands_at(term, words, place)), default=0)
            if length:
                spans.append((found[place][0], found[place + length - 1][1]))
            place += length or 1
        return spans


def canonical(text: str) -> str:
    """Return a search as it stands in the address: one space between terms."""
    return " ".join(text.split())


def found_words(text: str) -> list[tuple[int, int, str]]:
    """Return the words of *text* as they are compared, each with its start and end in it."""
    return [(match.start(), match.end(), folded(match.group())) for match in _WORD.finditer(text)]


def words_of(text: str) -> Iterator[str]:
    """Return the words of *text* as they are compared."""
    return map(folded, _WORD.findall(text))


@lru_cache(maxsize=65536)
def folded(word: str) -> str:
    """Return *word* without case and accents."""
    if word.isascii():
        return word.lower()
    parts = unicodedata.normalize("NFKD", word)
    return unicodedata.normalize("NFKC", "".join(c for c in parts if not unicodedata.combining(c)).casefold())


def occurs(term: Term, words: Sequence[str]) -> bool:
    """Tell whether the words of *term* stand in a row somewhere in *words*."""
    return any(stands_at(term, words, place) for place in range(len(words) - len(term.words) + 1))


def stands_at(term: Term, words: Sequence[str], place: int) -> bool:
    """Tell whether the words of *term* stand in *words* from *place* on."""
    wanted = term.words
    if not wanted or place + len(wanted) > len(words):
        return False
    last = place + len(wanted) - 1
    if tuple(words[place:last]) != wanted[:-1]:
        return False
    return words[last].startswith(wanted[-1]) if term.begun else words[last] == wanted[-1]


def _phrase(text: str) -> Term:
    return Term(tuple(words_of(text)))


def _plain(text: str) -> Term:
    """Read one term without quotes: an entry's id or link, an address, a word, or words with signs between them."""
    if match := _ENTRY.fullmatch(text):
        try:
            return Term((), id=ids.from_text(match.group(1)))
        except ValueError:
            pass
    try:
        return Term((), ip=str(ipaddress.ip_address(text)))
    except ValueError:
        return Term(tuple(words_of(text)), begun=text.endswith("*"))
