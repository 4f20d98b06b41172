"""
What is masked in a shared part of the log: names, e-mail addresses, and where people came from.

A masked value becomes "Person 2", the same throughout one share, so that its readers can still tell people apart. An
entry is masked before anything is made of it: what a page, its links and its search are made from holds nothing else.
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from werkzeug.utils import cached_property

from auditweb import catalogue
from auditweb.parties import LINK_HOLDER, UNKNOWN_PERSON, ActorRef, ActorType
from auditweb.reading.pages import WholeRow
from auditweb.reading.words import folded
from auditweb.sharing.kinds import Kind, kind_of_fact, kind_of_type
from auditweb.sharing.spellings import addresses_in, emails_in, words_in


class Mask(StrEnum):
    """What can be masked."""

    ADDRESSES = "addresses"
    NAMES = "names"
    EMAILS = "emails"

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {
    Mask.ADDRESSES: "Address and device",
    Mask.NAMES: "Names of people",
    Mask.EMAILS: "E-mail addresses",
}


_CALLED = {
    Kind.PERSON: "Person",
    Kind.CUSTOMER: "Customer",
    Kind.NAME: "Name",
    Kind.EMAIL: "E-mail",
    Kind.ADDRESS: "Address",
    Kind.PLACE: "Place",
    Kind.DEVICE: "Device",
    Kind.OTHER: "Id",
}

_NOBODY = frozenset({str(UNKNOWN_PERSON.ref), str(LINK_HOLDER.ref)})  # whose names tell nothing
_ORIGIN_FACTS = {
    **dict.fromkeys(("ip", "address", "addresses"), Kind.ADDRESS),
    **dict.fromkeys(("device", "browser", "user_agent"), Kind.DEVICE),
}
_PSEUDONYM = re.compile(r"(person|customer|name|id)-([1-9][0-9]{0,8})")
_FEW_LETTERS = 3  # a shorter name is only found as it is written: "ed" stands in no text for Ed


class Subject(NamedTuple):
    """
    What a masked value stands for: its kind and what tells it from others.

    *ref* is its type and id, if it has them, and *name* what it is called there: by that name alone it is meant, too,
    unless another of its kind is called so.
    """

    kind: Kind
    value: str
    ref: str | None = None
    name: str = ""


class Aliases(Protocol):
    """The numbers that masked values have in one share."""

    def number(self, subject: Subject) -> int: ...


class Names:
    """
    Names that are looked for in texts, each with whom it stands for.

    They are found whatever their case and accents, and where "Hana Sato" is written "Sato, Hana", "HanaSato",
    "SatoHana", "Hana%20Sato" or "Hana&nbsp;Sato".
    """

    def __init__(self, named: Iterable[tuple[str, Subject]] = ()) -> None:
        self._rows: dict[str, list[_Row]] = {}
        self._signs: list[tuple[str, Subject]] = []  # names without a letter or a digit
        self._whole: dict[str, Subject] = {}
        for name, subject in named:
            self._add(name, subject)
        for rows in self._rows.values():
            rows.sort(key=lambda row: -len(row.words))

    def subject(self, name: str) -> Subject | None:
        """Return whom exactly this name stands for."""
        return self._whole.get(_key(name))

    def spans(self, text: str) -> list[tuple[int, int, Subject]]:
        """Return where in *text* a name stands, and whose."""
        spans: list[tuple[int, int, Subject]] = []
        for sign, subject in self._signs:
            at = text.find(sign)
            while at >= 0:
                spans.append((at, at + len(sign), subject))
                at = text.find(sign, at + len(sign))
        if not self._rows:
            return spans
        found = words_in(text)
        place = 0
        while place < len(found):
            match = self._at(text, found, place)
            if match is None:
                place += 1
                continue
            row, subject = match
            start, end = found[place][0], found[place + len(row.words) - 1][1]
            start -= len(row.before) if text.endswith(row.before, 0, start) else 0
            end += len(row.after) if text.startswith(row.after, end) else 0
            spans.append((start, end, subject))
            place += len(row.words)
        return spans

    def _add(self, name: str, subject: Subject) -> None:
        found = words_in(name)
        words = tuple(word for _, _, word in found)
        known = self._whole.get(_key(name))
        if known is not None and known != subject:
            subject = by_name(subject.kind, name)  # two people are called so
        self._whole[_key(name)] = subject
        if not words:
            if name.strip():
                self._signs.append((name.strip(), subject))
            return
        first, last = found[0][0], found[-1][1]
        within = name[:first].lstrip(), name[first:last], name[last:].rstrip()
        for spelled in _spellings(words):
            rows = self._rows.setdefault(spelled[0], [])
            rows[:] = [row for row in rows if (row.words, row.name) != (spelled, name)]
            rows.append(_Row(spelled, name, subject, *within))

    def _at(self, text: str, found: list[tuple[int, int, str]], place: int) -> "tuple[_Row, Subject] | None":
        for row in self._rows.get(found[place][2], ()):
            end = place + len(row.words)
            if end > len(found) or tuple(word for _, _, word in found[place:end]) != row.words:
                continue
            short = sum(map(len, row.words)) < _FEW_LETTERS
            if not short or text[found[place][0] : found[end - 1][1]] == row.core:
                return row, self._whole.get(_key(row.name), row.subject)
        return None


class _Row(NamedTuple):
    """A name as it may be spelled. Its signs *before* and *after* its words are part of it where they stand."""

    words: tuple[str, ...]
    name: str
    subject: Subject
    before: str
    core: str
    after: str


class Masker:
    """Masks the entries of one share. *known* are the names of everybody in the organisation."""

    def __init__(self, masks: frozenset[Mask], known: Names, aliases: Aliases) -> None:
        self._masks = masks
        self._known = known
        self._aliases = aliases

    @cached_property
    def hides(self) -> bool:
        """Whether anything is masked."""
        return bool(self._masks)

    def row(self, row: WholeRow) -> WholeRow:
        """Return an entry as readers of the share see it."""
        row = row._replace(target_url=None, idempotency_key=None)  # which lead, or belong, elsewhere
        if not self._masks:
            return row
        own = self._names_of(row)
        actor_id = self.id(row.actor_type, row.actor_id)  # first, so that numbers begin with who acted
        facts = {self.text(name, own): self._fact(name, row, own) for name in row.facts}
        target_name = self._name(row.target_type, row.target_id, row.target_name, own)
        return row._replace(
            summary=self._summary(row, facts, target_name, own),
            facts=facts,
            actor_name=self._name(row.actor_type, row.actor_id, row.actor_name, own) or "",
            actor_id=actor_id,
            via_name=self._name(row.via_type, row.via_id, row.via_name, own),
            via_id=self.id(row.via_type, row.via_id) if row.via_type and row.via_id else row.via_id,
            target_name=target_name,
            target_type=self.text(row.target_type) if row.target_type else row.target_type,
            target_id=self.id(row.target_type, row.target_id) if row.target_type and row.target_id else row.target_id,
            **self._origin(row),
        )

    def ref(self, ref: ActorRef) -> ActorRef:
        """Return what stands for an actor in addresses."""
        return ActorRef(ref.type, self.id(ref.type, ref.id))

    def id(self, type_: str, id_: str) -> str:
        """Return what stands for an id in addresses: itself, unless it is somebody's or tells something masked."""
        ref = f"{type_}:{id_}"
        kind = kind_of_type(type_)
        if Mask.NAMES in self._masks and kind and ref not in _NOBODY:
            return self._pseudonym(Subject(kind, ref, ref))
        if self.text(id_) != id_:
            return self._pseudonym(Subject(Kind.OTHER, ref, ref))
        return id_

    def may_be_named(self, type_: str, id_: str) -> bool:
        """Tell whether an address may name this id as it is."""
        return self.id(type_, id_) == id_

    def text(self, text: str, own: "Names | None" = None) -> str:
        """Return *text* with all in it masked that can be told from other words; *own* are names of its entry."""
        found: list[tuple[int, int, Subject]] = []
        if Mask.EMAILS in self._masks:
            found += [(start, end, Subject(Kind.EMAIL, value)) for start, end, value in emails_in(text)]
        if Mask.ADDRESSES in self._masks:
            found += [(start, end, Subject(Kind.ADDRESS, value)) for start, end, value in addresses_in(text)]
        if Mask.NAMES in self._masks:
            found += own.spans(text) if own else []
            found += self._known.spans(text)
        pieces, at = [], 0
        for start, end, subject in sorted(found, key=lambda span: (span[0], -span[1])):
            if end > at:  # of two that overlap, each is masked
                pieces += [text[at:start], self._called(subject)]
                at = end
        return "".join([*pieces, text[at:]]) if pieces else text

    def _summary(self, row: WholeRow, facts: Mapping[str, str], target_name: str | None, own: Names) -> str:
        """Tell the sentence of the masked facts, if that of the facts is the one that was stored."""
        action = catalogue.find(row.action)
        try:
            if action and "".join([text for _, text in action.parts(row.facts, row.target_name or "")]) == row.summary:
                return "".join([text for _, text in action.parts(facts, target_name or "")])
        except (ValueError, TypeError):
            pass
        return self.text(row.summary, own)

    def _fact(self, name: str, row: WholeRow, own: Names) -> str:
        text = str(row.facts[name])  # what came into the table by another way may not be one
        if row.category == catalogue.Category.DATA_EXPORT:
            # It may say what was searched for, which is any part of a name or an address.
            if name == "filter":
                return "Masked"
            if name == "scope" and ":" in text:
                return text.partition(":")[0]
        if Mask.ADDRESSES in self._masks:
            if name in _ORIGIN_FACTS:
                return self._called(Subject(_ORIGIN_FACTS[name], text))
            if name == "place" and row.category == catalogue.Category.AUTHENTICATION:
                return self._called(Subject(Kind.PLACE, text))
        kind = kind_of_fact(name)
        if Mask.NAMES in self._masks and kind and "@" not in text:
            return self._called(self._by_name(kind, text))
        return self.text(text, own)

    def _origin(self, row: WholeRow) -> dict[str, Any]:
        if Mask.ADDRESSES not in self._masks:
            return {"user_agent": self.text(row.user_agent) if row.user_agent else row.user_agent}
        return {
            "ip": self._called(Subject(Kind.ADDRESS, row.ip)) if row.ip else None,
            "user_agent": self._called(Subject(Kind.DEVICE, row.user_agent)) if row.user_agent else None,
            "request_id": None,
        }

    def _name(self, type_: str | None, id_: str | None, name: str | None, own: Names) -> str | None:
        if name is None:
            return None
        if type_ and id_ and Mask.NAMES in self._masks:
            subject = self._somebody(type_, id_, name)
            if subject is not None:
                return self._called(subject)
        return self.text(name, own)

    def _somebody(self, type_: str, id_: str, name: str) -> Subject | None:
        ref = f"{type_}:{id_}"
        kind = kind_of_type(type_)
        if kind is None or ref in _NOBODY:
            return None
        if kind is Kind.NAME and (known := self._known.subject(name)):
            return known
        return Subject(kind, ref, ref, by_name(kind, name).value)

    def _names_of(self, row: WholeRow) -> Names:
        """Return the names that an entry itself has of people, to be found in its sentence and its facts, too."""
        if Mask.NAMES not in self._masks:
            return Names()
        named: list[tuple[str, Subject]] = []
        for type_, id_, name in (
            (row.actor_type, row.actor_id, row.actor_name),
            (row.via_type, row.via_id, row.via_name),
            (row.target_type, row.target_id, row.target_name),
        ):
            subject = self._somebody(type_, id_, name) if type_ and id_ and name else None
            if subject and name:
                named.append((name, subject))
        for fact in row.facts:
            kind, value = kind_of_fact(fact), str(row.facts[fact])
            if kind and "@" not in value:
                named.append((value, self._by_name(kind, value)))
        return Names(dict(reversed(named)).items())  # the actor's own first, where one is called as another

    def _by_name(self, kind: Kind, name: str) -> Subject:
        return self._known.subject(name) or by_name(kind, name)

    def _pseudonym(self, subject: Subject) -> str:
        return f"{subject.kind}-{self._aliases.number(subject)}"

    def _called(self, subject: Subject) -> str:
        return f"{_CALLED[subject.kind]} {self._aliases.number(subject)}"


def by_name(kind: Kind, name: str) -> Subject:
    """Return whom a name stands for that nobody in the organisation has, or several have."""
    return Subject(kind, f"name:{_key(name)}")


def read_pseudonym(id_: str) -> tuple[Kind, int] | None:
    """Read what stands for an id in addresses, such as person-2; None if it is something else."""
    match = _PSEUDONYM.fullmatch(id_)
    return (Kind(match[1]), int(match[2])) if match else None


def names_of_members(people: Iterable[tuple[int, str]]) -> Names:
    """Return the names of members by their ids."""
    named = []
    for person_id, name in people:
        ref = str(ActorRef(ActorType.MEMBER, str(person_id)))
        named.append((name, Subject(Kind.PERSON, ref, ref)))
    return Names(named)


def _spellings(words: tuple[str, ...]) -> set[tuple[str, ...]]:
    """Return a name of these words as it is written, with its last word first, and without gaps."""
    turned = words[-1:] + words[:-1]
    return {words, turned, ("".join(words),), ("".join(turned),)}


def _key(name: str) -> str:
    return " ".join(folded(word) for word in name.split())
