"""Names that people give themselves and their organisations, tidied and looked at before they are kept."""

from auditweb.web.foreign_text import visible_text

LONGEST_NAME = 100


def tidied(text: str | None) -> str:
    """Return *text* without blanks around it, and with single ones in it."""
    return " ".join((text or "").split())


def problem_with(name: str) -> str | None:
    """Tell in a sentence what is wrong with a tidied *name*, or return None if nothing is."""
    if not name:
        return "Enter a name."
    if len(name) > LONGEST_NAME:
        return f"This is too long: a name has {LONGEST_NAME} characters at most."
    if visible_text(name) != name:
        return "Leave out characters that cannot be seen."
    return None
