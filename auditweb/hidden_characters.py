r"""
Characters of foreign text that hide, or turn it around, and how they are shown instead: \u{202e}.

What is stored stays as it was received. Pages show such a character as a chip, text exports as this escape, so that no
text can pretend to be something else and one entry is one line.
"""

import unicodedata

_JOINERS = "\u200c\u200d"
_HIDDEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Co", "Cn", "Cs"})
BLANK = frozenset("\u115f\u1160\u3164\uffa0")  # letters by their category, and nothing to see


def visible_text(text: str) -> str:
    r"""Return *text* with escapes in the place of characters that hide: \u{202e}."""
    if is_plain(text):
        return text
    return "".join(escape(text[at]) if is_hidden(text, at) else text[at] for at in range(len(text)))


def is_plain(text: str) -> bool:
    """Tell, quickly, that nothing hides in *text*; what is not plain may still be harmless."""
    return (text.isascii() and text.isprintable()) or (text.isprintable() and BLANK.isdisjoint(text))


def is_hidden(text: str, at: int) -> bool:
    """Tell whether the character *at* a place of *text* hides there."""
    if text[at] in BLANK:
        return True
    if unicodedata.category(text[at]) not in _HIDDEN:
        return False
    # Joiners belong to the spelling of some languages and hold emoji together; elsewhere they only hide.
    return not (text[at] in _JOINERS and 0 < at < len(text) - 1 and _joins(text[at - 1]) and _joins(text[at + 1]))


def escape(character: str) -> str:
    return f"\\u{{{ord(character):x}}}"


def _joins(neighbour: str) -> bool:
    return unicodedata.category(neighbour)[0] in "LM" or unicodedata.category(neighbour) in {"So", "Sk"}
