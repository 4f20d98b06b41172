"""
Text that others wrote, shown so that it cannot pretend to be something else.

What is stored stays as it was received. On the page, a character that is invisible or turns the text around appears
as a chip with its number, and a name that mixes scripts says so.
"""

import unicodedata
from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

from auditweb.hidden_characters import escape as _number
from auditweb.hidden_characters import is_hidden as _is_hidden
from auditweb.hidden_characters import is_plain as _is_plain
from auditweb.hidden_characters import visible_text as visible_text

_SCRIPTS = ("Latin", "Cyrillic", "Greek")


def visible(text: str) -> Markup:
    """Return *text* escaped for HTML, with chips in the place of characters that hide or turn the text."""
    return escape(text) if _is_plain(text) else _with_chips(text, 0, len(text))


def marked(text: str, spans: Sequence[tuple[int, int]]) -> Markup:
    """Return *text* as `visible` does with its *spans*, in order and not overlapping, highlighted."""
    if not spans:
        return visible(text)
    plain = _is_plain(text)

    def show(start: int, end: int) -> Markup:
        return escape(text[start:end]) if plain else _with_chips(text, start, end)

    pieces, at = [], 0
    for start, end in spans:
        pieces += [show(at, start), "<mark>", show(start, end), "</mark>"]
        at = end
    return Markup("".join([*pieces, show(at, len(text))]))


def fits_a_form(values: Iterable[str]) -> bool:
    """Tell whether *values* can stand in hidden fields: none hides a character there, raw, as forms need it."""
    return all(visible_text(value) == value for value in values)


def mixed_scripts(name: str) -> str:
    """Name the scripts that *name* mixes ("Latin and Cyrillic"), or return nothing for an honest name."""
    if name.isascii():
        return ""
    letters = " ".join(unicodedata.name(letter, "") for letter in name if letter.isalpha())
    found = [script for script in _SCRIPTS if script.upper() in letters]
    return " and ".join(found) if len(found) > 1 else ""


def _with_chips(text: str, start: int, end: int) -> Markup:
    """Escape a stretch of *text*; whether a character hides in it is judged in the whole."""
    return Markup("").join(
        Markup('<span class="chip-u" title="{}">{}</span>').format(_title(text[at]), _number(text[at]))
        if _is_hidden(text, at)
        else text[at]
        for at in range(start, end)
    )


def visible_lines(text: str) -> Markup:
    """Return *text* of several lines as it is shown: its ends of lines are meant."""
    return Markup("\n").join(visible(line) for line in text.split("\n"))


def _title(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, 'unnamed character')}"
