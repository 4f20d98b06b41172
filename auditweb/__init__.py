"""
The audit log of an organisation: who changed what, and when.

This is what applications need: `create_app()` for the dashboard, `record()` and its words to write to the log. Nothing
inside the package imports from here.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditweb.app import create_app
    from auditweb.catalogue import Action, Category
    from auditweb.parties import Actor, ActorType, Origin, Outcome, Target
    from auditweb.recordable import RecordError
    from auditweb.recorder import record

__all__ = [
    "Action",
    "Actor",
    "ActorType",
    "Category",
    "Origin",
    "Outcome",
    "RecordError",
    "Target",
    "create_app",
    "record",
]

_HOMES = {
    "Action": "auditweb.catalogue",
    "Actor": "auditweb.parties",
    "ActorType": "auditweb.parties",
    "Category": "auditweb.catalogue",
    "Origin": "auditweb.parties",
    "Outcome": "auditweb.parties",
    "RecordError": "auditweb.recordable",
    "Target": "auditweb.parties",
    "create_app": "auditweb.app",
    "record": "auditweb.recorder",
}


def __getattr__(name: str) -> object:
    """Import what is asked for when it is: those who only use `auditweb.client` load nothing of the server."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
