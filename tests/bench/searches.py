"""Words to look for in a log, chosen by how often they occur in it."""

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import cast
from urllib.parse import quote

import sqlalchemy as sa
from flask import Flask

from auditweb.extensions import db
from auditweb.models import Event, Posting
from auditweb.reading import postings
from auditweb.reading.filters import LogFilter
from auditweb.reading.matches import find_matches

_SAMPLE = 4_000
_COMMON = 0.03  # of all entries


def searches(app: Flask, org_id: int) -> Iterator[tuple[str, str]]:
    """Return what to search for, by what is hard about it, each as a query string."""
    with app.app_context():
        entries = [postings.words_in(cast(postings.Entry, tuple(row))) for row in _sample(org_id)]
        seen = Counter(
            word for entry in entries for word in entry if word.isalpha() and word.isascii() and len(word) > 2
        )
        common = min(seen, key=lambda word: abs(seen[word] / len(entries) - 0.3))
        frequent = [word for word, number in seen.items() if number > _COMMON * len(entries)]
        yield f"a word in {seen[common] * 100 // len(entries)} % of entries", common
        yield "a word in eleven entries or a few more", _rare(org_id, 11)
        yield "two common words", " ".join(sorted(frequent, key=lambda word: -seen[word])[:2])
        yield "two common words that never meet", _strangers(org_id, frequent, entries)
        yield "an excluded word", f"-{common}"
        yield "a beginning", f"{common[:3]}*"
        yield "a word in no entry", "xylophone"


def query(text: str) -> str:
    return f"?q={quote(text)}"


def _sample(org_id: int) -> list[sa.Row[tuple[object, ...]]]:
    columns = [Event.__table__.c[name] for name in postings.ENTRY_COLUMNS]
    newest = sa.select(*columns).where(Event.org_id == org_id).order_by(Event.id.desc()).limit(_SAMPLE)
    return list(db.session.execute(newest))


def _rare(org_id: int, number: int) -> str:
    """Return a word that so many entries have or, where there is none, the fewest that are more."""
    spelled = sa.func.sum(sa.func.length(Posting.places))
    words = sa.select(Posting.word).where(Posting.org_id == org_id, Posting.word > "a", Posting.word < "z")
    words = words.group_by(Posting.word).having(spelled >= 2 * number).order_by(spelled, Posting.word)
    found = db.session.scalar(words.limit(1))
    assert found
    return found


def _strangers(org_id: int, frequent: list[str], entries: list[set[str]]) -> str:
    """Return two common words that no entry has both of."""
    for one, other in combinations(frequent, 2):
        if not any(one in entry and other in entry for entry in entries):
            wanted = LogFilter(org_id=org_id, org_zone="UTC", q=f"{one} {other}")
            found = find_matches(wanted, budget=5)
            if found.complete and not found.count():
                return wanted.q
    raise RuntimeError("no two common words keep apart here")
