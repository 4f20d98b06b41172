"""An entry as detectors look at it."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any, NamedTuple

from auditweb import ids
from auditweb.parties import ActorRef, ActorType

HOUR = 3_600_000  # milliseconds
DAY = 24 * HOUR


class Entry(NamedTuple):
    """What is read of each event, in this order."""

    id: int
    category: str
    action: str
    facts: Mapping[str, Any]
    actor_type: str
    actor_id: str
    actor_name: str
    via_type: str | None
    via_id: str | None
    via_name: str | None
    target_type: str | None
    target_id: str | None
    target_name: str | None
    ip: str | None
    outcome: str

    @property
    def ms(self) -> int:
        """When it occurred: milliseconds since the year 2000."""
        return self.id >> ids.SEQUENCE_BITS

    @property
    def at(self) -> datetime:
        return ids.moment_of(self.id)

    @property
    def actor(self) -> ActorRef:
        return ActorRef(self.actor_type, self.actor_id)

    @property
    def is_members(self) -> bool:
        """
        Whether a member did this: here, or elsewhere, as a key of the API tells in their name.

        Of the latter, the address is theirs too: a key's own is never stored with what it tells of others.
        """
        return self.actor_type == ActorType.MEMBER

    @property
    def target_member(self) -> str:
        """The id of the member this was done to; empty for other targets."""
        return self.target_id or "" if self.target_type == "member" else ""

    def fact(self, name: str) -> str:
        facts: object = self.facts  # by raw SQL, anything may have come there
        value = facts.get(name, "") if isinstance(facts, Mapping) else ""
        return value if isinstance(value, str) else str(value)


@lru_cache(maxsize=4096)
def network_of(ip: str | None) -> str:
    """
    Return the network of an address as people have them: a /24, or of version 6 a /48.

    Empty for what is none, and for this very machine.
    """
    try:
        address = ip_address(ip or "")
    except ValueError:
        return ""
    if address.is_loopback:
        return ""
    return str(ip_network((address, 24 if isinstance(address, IPv4Address) else 48), strict=False))
