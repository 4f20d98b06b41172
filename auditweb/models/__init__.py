"""The tables, and nothing else."""

from auditweb.models.accounts import ApiKey, Directory, Membership, Organisation, Person, Rate, SignInSession
from auditweb.models.base import Base
from auditweb.models.demo import DemoMark
from auditweb.models.event import Event, Purge
from auditweb.models.ledger import Leaf, LogHead, Mark, Posting, SealQueue, Segment, Tally

__all__ = [
    "ApiKey",
    "Base",
    "DemoMark",
    "Directory",
    "Event",
    "Leaf",
    "LogHead",
    "Mark",
    "Membership",
    "Organisation",
    "Person",
    "Posting",
    "Purge",
    "Rate",
    "SealQueue",
    "Segment",
    "SignInSession",
    "Tally",
]
