"""What `auditweb.client` raises and tells."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class ClientError(Exception):
    """Something that the caller of the client has to know of; the text is a sentence, without the key."""


class EventError(ClientError, ValueError):
    """What was to be recorded can be no event, whoever it is sent to. Nothing was kept."""


class SpoolError(ClientError):
    """The spool cannot be used: no disk space, no rights, no file of ours."""


class SpoolInUseError(SpoolError):
    """Another client, in this process or another, has the spool."""


class SpoolFullError(SpoolError):
    """As much waits as may wait. Nothing was kept of what was to be recorded."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that the server found wrong with an event, by the path of its field."""

    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that the server does not take, for good: as it was sent, and why (*status*: 400, 403, 409, 413, 422)."""

    event: Mapping[str, Any]
    status: int
    faults: tuple[Fault, ...]

    @property
    def idempotency_key(self) -> str:
        return str(self.event["idempotency_key"])
