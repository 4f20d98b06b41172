"""
Writing to the log of an auditweb server from Python, without losing an event while the server is away.

It needs nothing of the server.
"""

from auditweb.client.errors import (
    ClientError,
    EventError,
    Fault,
    Refused,
    SpoolError,
    SpoolFullError,
    SpoolInUseError,
)

__all__ = [
    "ClientError",
    "EventError",
    "Fault",
    "Refused",
    "SpoolError",
    "SpoolFullError",
    "SpoolInUseError",
]
