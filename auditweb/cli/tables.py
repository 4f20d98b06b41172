"""Tables for a terminal: columns below their headings, two blanks apart."""

import unicodedata
from collections.abc import Sequence

import click

from auditweb.web.foreign_text import visible_text


def show(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print *rows*. What people wrote is shown so that it cannot move the cursor or turn the line around."""
    cells = [list(headings), *([visible_text(cell) for cell in row] for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = [cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(padded).rstrip())


def _width(text: str) -> int:
    """Return how many columns of a terminal *text* takes: Japanese letters take two each, accents of others none."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )
