"""Texts with the names of a record's fields in braces, which are replaced by what the record says."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Record = Mapping[str, Any]

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|[^{}]+|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Number:
    """A number in JSON as it is written: `4471.10` is a price, and `1e999` is not infinite."""

    text: str


class UnfitError(ValueError):
    """What a record says cannot be taken for what is wanted; the text says why, and repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class Template:
    """
    A text with names in braces: `{repo}`, `{actor_location.country_code}`. A brace of its own is written twice.

    Each piece is a stretch of text and the name that follows it ('' after the last).
    """

    pieces: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, text: str) -> "Template":
        """Read a template; ValueError says what is wrong with it."""
        pieces, stretch = [], ""
        for piece in _PIECE.finditer(text):
            if piece[1]:
                pieces.append((stretch, piece[1]))
                stretch = ""
            elif piece[0] in "{}":
                raise ValueError("a brace stands alone: write {name} for a field, and {{ or }} for a brace of its own")
            else:
                stretch += piece[0].replace("{{", "{").replace("}}", "}")
        if stretch or not pieces:
            pieces.append((stretch, ""))
        return cls(tuple(pieces))

    @property
    def names(self) -> Iterator[str]:
        return (name for _, name in self.pieces if name)

    @property
    def constant(self) -> str | None:
        """The text, if no record has a part in it."""
        return None if self.pieces[0][1] else self.pieces[0][0]

    def fill(self, record: Record) -> str | None:
        """Return the text with what *record* says; None if it says nothing of a name in it."""
        text = ""
        for stretch, name in self.pieces:
            text += stretch
            if name:
                value = text_of(record, name)
                if value is None:
                    return None
                text += value
        return text


def text_of(record: Record, name: str) -> str | None:
    """
    Return what a field of *record* says as text; None if it is missing, null or blank.

    A name that is not a field as it stands is a path: `data.team` is the field team of data.
    """
    value = record.get(name)
    if value is None and "." in name:
        value = _at(record, name.split("."))
    if isinstance(value, str):
        return value if value and not value.isspace() else None
    return None if value is None else _spelled(value, name)


def _at(value: Any, steps: list[str]) -> Any:
    for step in steps:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def _spelled(value: Any, name: str) -> str | None:
    if isinstance(value, list):
        return ", ".join(filter(None, (each if isinstance(each, str) else _spelled(each, name) for each in value)))
    if isinstance(value, dict):
        raise UnfitError(f"{name} is an object: name one of its fields, as {name}.…")
    if isinstance(value, Number):
        return value.text
    return None if value is None else json.dumps(value)
