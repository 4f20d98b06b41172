"""
The audit log of an organisation: who changed what, and when.

This is what applications need: `create_app()` for the dashboard, `record()` and its words to write to the log. Nothing
inside the package imports from here.
"""

from auditweb.app import create_app
from auditweb.catalogue import Action, Category
from auditweb.parties import Actor, ActorType, Origin, Outcome, Target
from auditweb.recorder import RecordError, record

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
