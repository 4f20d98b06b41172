"""
Writing to the log of an auditweb server from Python, without losing an event while the server is away.

It needs nothing of the server: importing it loads httpx and the standard library.
"""

from auditweb.client.client import Client
from auditweb.client.errors import (
    ClientError,
    EventError,
    Fault,
    Refused,
    SpoolError,
    SpoolFullError,
    SpoolInUseError,
)
from auditweb.parties import Actor, ActorType, Outcome, Target

__all__ = [
    "Actor",
    "ActorType",
    "Client",
    "ClientError",
    "EventError",
    "Fault",
    "Outcome",
    "Refused",
    "SpoolError",
    "SpoolFullError",
    "SpoolInUseError",
    "Target",
]
