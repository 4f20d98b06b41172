"""The tables, and nothing else."""

from auditweb.models.accounts import ApiKey, Directory, Membership, Organisation, Person, Rate, SignInSession
from auditweb.models.base import Base
from auditweb.models.demo import DemoMark
from auditweb.models.event import Event, Purge

__all__ = [
    "ApiKey",
    "Base",
    "DemoMark",
    "Directory",
    "Event",
    "Membership",
    "Organisation",
    "Person",
    "Purge",
    "Rate",
    "SignInSession",
]
