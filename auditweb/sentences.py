"""What an action is and how its sentence is made: the machinery under the catalogue."""

import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Literal, NamedTuple

TARGET = "target"  # the placeholder that stands for the target's name

_SLUG = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*(?:\.[a-z][a-z0-9]*(?:_[a-z0-9]+)*)+", re.ASCII)
_FACT = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


class Category(StrEnum):
    """The nine categories, in the order of the tabs."""

    ORGANISATION = "organisation"
    TEAM = "team"
    AUTHENTICATION = "authentication"
    VEHICLES = "vehicles"
    CUSTOMERS = "customers"
    DOCUMENTS = "documents"
    SHIPMENTS = "shipments"
    SUPPLIERS = "suppliers"
    DATA_EXPORT = "data_export"

    @property
    def label(self) -> str:
        return self.value.replace("_", " ").capitalize()


class Part(NamedTuple):
    """A piece of a sentence: its own words, or the value of a fact or the target's name to be marked up."""

    kind: Literal["text", "fact", "target"]
    text: str


@dataclass(frozen=True, slots=True)
class Action:
    """
    One kind of thing that can happen.

    The *slug* is stored in every row, so it is never renamed and never reused. *summary* is the sentence, with the
    facts it needs in braces; `{target}` stands for the target's name. *details* are facts that an event may carry
    besides, shown in its details panel; one of them, *beside*, stands behind the sentence as well. *sensitive* marks
    what a security review looks at first.
    """

    slug: str
    category: Category
    summary: str
    details: tuple[str, ...] = ()
    sensitive: bool = False
    beside: str = ""
    needed: frozenset[str] = field(init=False, repr=False, compare=False)
    takes_target: bool = field(init=False, repr=False, compare=False)
    _pieces: tuple[tuple[str, str], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _SLUG.fullmatch(self.slug):
            raise ValueError(f"{self.slug!r} is no slug: thing-dot-past-tense in lower case, such as member.invited")
        pieces = tuple(_pieces(self.slug, self.summary))
        names = {name for _, name in pieces if name}
        for name in self.details:
            if not _FACT.fullmatch(name) or name == TARGET or name in names or self.details.count(name) > 1:
                raise ValueError(f"{self.slug}: {name!r} cannot be a detail (a fact of its own, in lower case)")
        if self.beside and self.beside not in self.details:
            raise ValueError(f"{self.slug}: {self.beside!r} is none of its details")
        object.__setattr__(self, "category", Category(self.category))
        object.__setattr__(self, "details", tuple(self.details))
        object.__setattr__(self, "needed", frozenset(names - {TARGET}))
        object.__setattr__(self, "takes_target", TARGET in names)
        object.__setattr__(self, "_pieces", pieces)

    @property
    def words(self) -> str:
        """The sentence with an ellipsis for each name in it, to tell the action itself: "Renamed … to …"."""
        return "".join(text + ("…" if name else "") for text, name in self._pieces)

    def sentence(self, facts: Mapping[str, str], target_name: str = "") -> str:
        """Tell what happened in plain English, or raise ValueError naming what is missing or not of this action."""
        names = facts.keys()
        if not self.needed <= names:
            raise ValueError(f"{self.slug} lacks {_listed(self.needed - names)}")
        if len(names) > len(self.needed) and (extra := names - self.needed - set(self.details)):
            raise ValueError(f"{self.slug} does not take {_listed(extra)}")
        if self.takes_target and not target_name:
            raise ValueError(f"{self.slug} lacks a target")
        return "".join(
            text + (target_name if name == TARGET else facts[name] if name else "") for text, name in self._pieces
        )

    def parts(self, facts: Mapping[str, str], target_name: str = "") -> list[Part]:
        """Return the sentence in pieces, to be marked up; ValueError if *facts* lack one that it needs."""
        parts: list[Part] = []
        for text, name in self._pieces:
            if text:
                parts.append(Part("text", text))
            if name == TARGET:
                parts.append(Part("target", target_name))
            elif name:
                if name not in facts:
                    raise ValueError(f"{self.slug} lacks {name}")
                parts.append(Part("fact", facts[name]))
        return parts


@dataclass(frozen=True, slots=True)
class ForeignAction:
    """
    One thing that happened in another system, which the catalogue does not know: it brings its sentence along.

    Any facts may go with it, since the *summary* is made of none.
    """

    slug: str
    category: Category
    summary: str

    needed: ClassVar[frozenset[str]] = frozenset()
    takes_target: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not _SLUG.fullmatch(self.slug):
            raise ValueError(f"{self.slug!r} is no slug: thing-dot-past-tense in lower case, such as order.shipped")

    def sentence(self, facts: Mapping[str, str], target_name: str = "") -> str:
        """Tell what happened, in the words that came along."""
        return self.summary


def _pieces(slug: str, summary: str) -> Iterable[tuple[str, str]]:
    """Yield each stretch of text with the name that follows it ('' after the last)."""
    if not summary[:1].isupper() or summary.endswith(".") or summary != summary.strip():
        raise ValueError(f"{slug}: a sentence starts with a verb in upper case and ends without a full stop")
    for text, name, spec, conversion in string.Formatter().parse(summary):
        if name is not None and (spec or conversion or not _FACT.fullmatch(name)):
            raise ValueError(f"{slug}: a placeholder is the name of a fact in braces and no more")
        yield text, name or ""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
