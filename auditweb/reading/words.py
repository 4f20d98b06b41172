"""
What a reader looks for: words, beginnings of words, phrases, and what must not occur.

A text is a row of words; case, accents and the forms that Unicode has for the same letter make no difference. Chinese
and Japanese, which put no spaces between words, count each character as one.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple, Self

from auditweb import ids

LONGEST = 200  # characters
MOST = 12  # terms


class Term(NamedTuple):
    """
    One thing that must occur, or must not when *excluded*: these words in a row, the last perhaps only begun.

    Where they are set, it may be the address *ip* that an entry came from or the entry *id* itself as well.
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
        for minus, phrase, star, plain in _TERM.findall(text.translate(_STRAIGHTENED)):
            term = _plain(plain) if plain else _phrase(phrase, star)
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
        sought = [term for term in self.terms if term.words and not term.excluded]
        firsts = {term.words[0] for term in sought}
        begun = tuple(term.words[0] for term in sought if term.begun and len(term.words) == 1)
        spans: list[tuple[int, int]] = []
        after = 0
        for place, word in enumerate(words):
            if place >= after and (word in firsts or word.startswith(begun)):
                length = max((len(term.words) for term in sought if _stands_at(term, words, place)), default=0)
                if length:
                    after = place + length
                    spans.append((found[place][0], found[after - 1][1]))
        return spans


def canonical(text: str) -> str:
    """Return a search as it stands in the address: one space between terms."""
    return " ".join(text.split())


def found_words(text: str) -> list[tuple[int, int, str]]:
    """Return the words of *text* as they are compared, each with its start and end in it."""
    return [(match.start(), match.end(), folded(match.group())) for match in _WORD.finditer(text)]


def words_of(text: str) -> list[str]:
    """Return the words of *text* as they are compared."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    return [folded(word) for word in _WORD.findall(text)]


@lru_cache(maxsize=65536)
def folded(word: str) -> str:
    """Return *word* without case and accents."""
    if word.isascii():
        return word.lower()
    parts = unicodedata.normalize("NFKD", word)
    # Of what combines, the signs that make another syllable of a kana (class 8) are no accents.
    bare = "".join(part for part in parts if unicodedata.combining(part) in (0, 8))
    return unicodedata.normalize("NFKC", bare.casefold().translate(_UNACCENTED))


def spread(texts: Iterable[str]) -> str:
    """Write the words of *texts* out for `occurs`, which finds nothing that runs from one text into the next."""
    return "\n" + "\n\n".join(["\n".join(words_of(text)) for text in texts]) + "\n"


def occurs(term: Term, spread_words: str) -> bool:
    """Tell whether the words of *term* stand in a row somewhere in what `spread` wrote."""
    row = "\n" + "\n".join(term.words)
    return bool(term.words) and (row if term.begun else row + "\n") in spread_words


def _stands_at(term: Term, words: Sequence[str], place: int) -> bool:
    """Tell whether the words of *term* stand in *words* from *place* on."""
    wanted = term.words
    if place + len(wanted) > len(words):
        return False
    last = place + len(wanted) - 1
    if tuple(words[place:last]) != wanted[:-1]:
        return False
    return words[last].startswith(wanted[-1]) if term.begun else words[last] == wanted[-1]


def _phrase(text: str, star: str) -> Term:
    alone = _named(text) if not star else None
    return alone or Term(tuple(words_of(text)), begun=bool(star) or text.rstrip().endswith("*"))


def _plain(text: str) -> Term:
    return _named(text) or Term(tuple(words_of(text)), begun=text.endswith("*"))


def _named(text: str) -> Term | None:
    """Read an entry's id or link, or an address. What only looks like an id (a barcode) may be a word as well."""
    if match := _ENTRY.fullmatch(text):
        try:
            number = ids.from_text(match.group(2).upper())
        except ValueError:
            return None
        return Term(() if match.group(1) else tuple(words_of(text)), id=number)
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    ip = str((address.version == 6 and address.ipv4_mapped) or address)  # as `record` spells it
    words = tuple(words_of(ip))
    return Term(words if len(words) > 2 else (), ip=ip)  # the words of ::1 stand everywhere


def _class_of_marks() -> str:
    """Return the accents and vowel signs that stand as characters of their own, for a class of a pattern."""
    marks = [code for code in range(0x300, 0x10000) if unicodedata.category(chr(code))[0] == "M"]
    runs = [[code for _, code in run] for _, run in groupby(enumerate(marks), lambda pair: pair[1] - pair[0])]
    return "".join([rf"\u{run[0]:04x}-\u{run[-1]:04x}" for run in runs if not run[0] <= 0x3099 <= run[-1]])


# Letters that are told from others by a stroke, which Unicode does not count among accents.
_UNACCENTED = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe"})
_STRAIGHTENED = str.maketrans(dict.fromkeys("“”„‟＂", '"'))

_KANA = r"\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
_HALF_KANA = r"\uff66-\uff9d"
_IDEOGRAPHS = r"\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_LETTER = rf"[^\W_{_KANA}{_HALF_KANA}{_IDEOGRAPHS}]"
_MARK = rf"[{_class_of_marks()}]"
_ASCII_WORD = re.compile(r"[a-z0-9]+")
_WORD = re.compile(
    rf"{_LETTER}+(?:{_MARK}+{_LETTER}*)*|[{_KANA}][\u3099\u309a]?|[{_HALF_KANA}][\uff9e\uff9f]?|[{_IDEOGRAPHS}]"
)
_TERM = re.compile(r'(-?)(?:"([^"]*)(?:"(\*)?)?|([^\s"]+))')
_ENTRY = re.compile(r"(.*/entries/)?([0-9A-Za-z]{13})(?:\.json)?/?(?:[?#].*)?")
