"""
Reading within a share: its pages and entries as its readers see them, and what of that a search finds.

Where something is masked, a search reads what the reader would read, entry after entry: neither what it finds nor how
many that are tells of a word behind a mask. It is slower than the index, so it has a time limit and goes on from there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from auditweb import ids
from auditweb.parties import ActorRef
from auditweb.reading import postings, words
from auditweb.reading.filters import LogFilter
from auditweb.reading.pages import LARGEST, SIZE, Page, Row, WholeRow, find_whole_page
from auditweb.reading.walks import Deadline
from auditweb.reading.words import Words
from auditweb.sharing.aliases import StoredAliases, names_in
from auditweb.sharing.bounds import OutsideError, within
from auditweb.sharing.masking import Mask, Masker, Names, read_pseudonym
from auditweb.sharing.opening import Slice

_NOTHING_ELSE: dict[str, Any] = {
    **dict.fromkeys(("category", "actor", "target", "outcome", "from_", "to", "upto")),
    **dict.fromkeys(("action", "flag", "tz", "last", "q"), ""),
}

TIME_LIMIT = 1.5  # seconds for a page of a search


@dataclass(frozen=True, slots=True)
class SlicePage:
    """
    A page of a share: masked rows, the question it answers, and who really acted in them, by who seems to have.

    *counted* is whether its numbers may be asked for: what a search among masked entries finds is counted by nobody.
    """

    page: Page
    question: LogFilter
    actors: dict[ActorRef, ActorRef]
    counted: bool


class SliceReader:
    """Reads one share for one request."""

    def __init__(self, slice_: Slice) -> None:
        self._slice = slice_
        self._aliases = StoredAliases(slice_.org_id, slice_.id)
        known = names_in(slice_.org_id, slice_.stamps) if Mask.NAMES in slice_.masks else Names()
        self._masker = Masker(slice_.masks, known, self._aliases)

    @property
    def shown_part(self) -> LogFilter:
        """Return the part that is shared as it may be told: whom it is about masked, its search left unsaid."""
        part = self._slice.part
        if not self._slice.masks:
            return part
        return replace(self._pseudonymous(part), q="")

    def find_page(self, asked: LogFilter, now: datetime) -> SlicePage:
        """
        Return a page of what is shared and *asked* for, where actors and targets are named as on its pages.

        Raises OutsideError where the share has no answer, BadFilter for a search that cannot be.
        """
        masked_search = bool(asked.q and self._slice.masks)
        real = self._real(asked)
        self._check_named(real, now)
        question = within(self._slice.part, real, searching=not masked_search)
        if masked_search:
            found = self._search(question, asked.words, now)
        else:
            whole = find_whole_page(question, now=now)
            found = _Found(whole.rows, whole.has_newer, whole.has_older, whole.searched_to, whole.revision)
            found = replace(found, rows=self._masked(found.rows), raw=whole.rows)
        page = Page([_row(row) for row in found.rows], *found.ends)
        actors = {
            ActorRef(*seen): ActorRef(*real)
            for row, raw in zip(found.rows, found.raw, strict=True)
            for seen, real in _refs(row, raw)
        }
        return SlicePage(page, question, actors, counted=not masked_search)

    def find_entry(self, event_id: int, now: datetime) -> tuple[WholeRow, dict[ActorRef, ActorRef]] | None:
        """Return one entry as its readers see it, and who acted; None if it is not in what is shared."""
        here = self._slice.part.at(before=min(event_id + 1, ids.LAST_ID))
        rows = find_whole_page(here, size=1, now=now).rows
        if not rows or rows[0].id != event_id:
            return None
        (row,) = self._masked(rows)
        return row, {ActorRef(*seen): ActorRef(*real) for seen, real in _refs(row, rows[0])}

    def find_ends(self, now: datetime) -> list[WholeRow]:
        """Return the newest and the oldest entry of what is shared, masked; nothing if there is none."""
        return self._masked(find_ends(self._slice.part, now))

    def _masked(self, rows: Sequence[WholeRow]) -> list[WholeRow]:
        masked = [self._masker.row(row) for row in rows]
        return [self._masker.row(row) for row in rows] if self._aliases.settle() else masked

    def _pseudonymous(self, wanted: LogFilter) -> LogFilter:
        def changed() -> LogFilter:
            return replace(
                wanted,
                actor=self._masker.ref(wanted.actor) if wanted.actor else None,
                target=(wanted.target[0], self._masker.id(*wanted.target)) if wanted.target else None,
            )

        first = changed()
        return changed() if self._aliases.settle() else first

    def _real(self, asked: LogFilter) -> LogFilter:
        """Return the question with the actor and the target that are meant by those of the share's pages."""
        if not self._slice.masks:
            return asked
        actor = ActorRef(*self._meant(*asked.actor)) if asked.actor else None
        target = self._meant(*asked.target) if asked.target else None
        return replace(asked, actor=actor, target=target)

    def _check_named(self, asked: LogFilter, now: datetime) -> None:
        """
        Refuse actors and targets that are nobody's here, as those are that a mask hides.

        Were they answered with nothing found, the refusal would tell which names there are.
        """
        if not self._slice.masks:
            return
        for named in ({"actor": asked.actor}, {"target": asked.target}):
            if None not in named.values():
                here = within(self._slice.part, replace(asked.at(), **(_NOTHING_ELSE | named)))
                if not find_whole_page(here, size=1, now=now).rows:
                    raise OutsideError

    def _meant(self, type_: str, id_: str) -> tuple[str, str]:
        if pseudonym := read_pseudonym(id_):
            real_type, _, real_id = (self._aliases.ref(*pseudonym) or "").partition(":")
            if real_id and self._masker.text(real_type) == type_:
                return real_type, real_id
        if not self._masker.may_be_named(type_, id_):
            raise OutsideError  # else somebody could find out who is behind a mask
        return type_, id_

    def _search(self, question: LogFilter, sought: Words | None, now: datetime) -> "_Found":
        deadline = Deadline(TIME_LIMIT)
        if question.oldest:
            found = self._collect(_upwards(question.at(), None, now), sought, deadline)
            rows, raw = found.rows[:SIZE][::-1], found.raw[:SIZE][::-1]
            return _Found(rows, len(found.rows) > SIZE, False, found.searched_to, raw=raw)
        if question.after is not None:
            found = self._collect(_upwards(question.at(), question.after, now), sought, deadline)
            if len(found.rows) >= SIZE or found.searched_to is not None:
                rows, raw = found.rows[:SIZE][::-1], found.raw[:SIZE][::-1]
                return _Found(rows, len(found.rows) > SIZE, True, found.searched_to, raw=raw)
        before = question.before
        found = self._collect(_downwards(question.at(), before, now), sought, deadline)
        more = len(found.rows) > SIZE
        return _Found(found.rows[:SIZE], before is not None, more, found.searched_to, raw=found.raw[:SIZE])

    def _collect(self, pages: "Iterator[_Stretch]", sought: Words | None, deadline: Deadline) -> "_Found":
        """Return entries in which all words stand as their readers see them, one more than a page has, if it can."""
        rows: list[WholeRow] = []
        raw: list[WholeRow] = []
        terms = sought.terms if sought else ()
        for page, reached in pages:
            for row, masked in zip(page, self._masked(page), strict=True):
                if all(_holds(masked, term) for term in terms):
                    rows.append(masked)
                    raw.append(row)
            if len(rows) > SIZE:
                break
            if reached is not None and deadline.passed():
                return _Found(rows, False, False, reached, raw=raw)
        return _Found(rows, False, False, raw=raw)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a page is made of: masked rows, and the same as they are."""

    rows: Sequence[WholeRow]
    has_newer: bool
    has_older: bool
    searched_to: int | None = None
    revision: int | None = None
    raw: Sequence[WholeRow] = ()

    @property
    def ends(self) -> tuple[bool, bool, int | None, int | None]:
        return self.has_newer, self.has_older, self.searched_to, self.revision


def find_ends(part: LogFilter, now: datetime) -> list[WholeRow]:
    """Return the newest and the oldest entry of a part of the log, as they are; nothing if there is none."""
    newest = find_whole_page(part.at(), size=1, now=now).rows
    oldest = find_whole_page(part.at(oldest=True), size=1, now=now).rows
    return [*newest, *oldest] if newest and oldest else []


_Stretch = tuple[Sequence[WholeRow], int | None]
"""Entries in the order of a walk, and the id as far as which there are no others; None at the end of the walk."""


def _downwards(question: LogFilter, before: int | None, now: datetime) -> Iterator[_Stretch]:
    """Yield all entries from the newest on, or from the first one before an id, newest first."""
    while True:
        page = find_whole_page(question.at(before=before), size=LARGEST, now=now)
        before = page.rows[-1].id if page.has_older else page.searched_to
        yield page.rows, before
        if before is None:
            return


def _upwards(question: LogFilter, after: int | None, now: datetime) -> Iterator[_Stretch]:
    """Yield all entries from the oldest on, or from the first one after an id, oldest first."""
    while True:
        place = question.at(oldest=True) if after is None else question.at(after=after)
        page = find_whole_page(place, size=LARGEST, now=now)
        newer = [row for row in page.rows if after is None or row.id > after][::-1]
        after = newer[-1].id if page.has_newer and newer else page.searched_to
        yield newer, after
        if after is None:
            return


def _holds(row: WholeRow, term: words.Term) -> bool:
    texts = postings.texts_of(row.summary, row.actor_name, row.via_name, row.target_name, row.facts)
    found = words.occurs(term, words.spread(texts)) or (term.ip != "" and row.ip == term.ip) or row.id == term.id
    return found != term.excluded


def _row(row: WholeRow) -> Row:
    return Row(*[getattr(row, name) for name in Row._fields])


def _refs(row: WholeRow, raw: WholeRow) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Yield who acted as readers see them and as they are, and through what."""
    yield (row.actor_type, row.actor_id), (raw.actor_type, raw.actor_id)
    if row.via_type and row.via_id and raw.via_type and raw.via_id:
        yield (row.via_type, row.via_id), (raw.via_type, raw.via_id)
