"""
What the log asks of its host: who is looking, and who people are.

The standalone accounts are one implementation (`accounts/viewers.py`); a host application's users are another.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from auditweb.parties import ActorRef


class Standing(StrEnum):
    """What has become of an actor since."""

    CURRENT = "current"
    FORMER = "former"


@dataclass(frozen=True, slots=True)
class ActorProfile:
    """
    An actor as they are known today.

    *note* explains them in a few words: an e-mail address, "made by Maya Okafor".
    """

    ref: ActorRef
    name: str
    standing: Standing = Standing.CURRENT
    note: str = ""


class NamedView(NamedTuple):
    """A view of the log that somebody keeps by name: *query* is the query string of its address."""

    id: str
    name: str
    query: str
    shared: bool = False


class Viewer(Protocol):
    """
    Someone looking at one organisation's log. Times are shown in *zone*, an IANA name such as Asia/Tokyo.

    The organisation keeps entries for *retention_months*, None being for good.
    """

    @property
    def org_id(self) -> int: ...
    @property
    def org_slug(self) -> str: ...
    @property
    def org_name(self) -> str: ...
    @property
    def org_zone(self) -> str: ...
    @property
    def retention_months(self) -> int | None: ...
    @property
    def name(self) -> str: ...
    @property
    def ref(self) -> ActorRef: ...
    @property
    def zone(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def may_read_log(self) -> bool: ...
    @property
    def may_share_log(self) -> bool: ...
    @property
    def absolute_times(self) -> bool: ...
    @property
    def shortcuts(self) -> bool: ...

    def actors(self, refs: Collection[ActorRef]) -> Mapping[ActorRef, ActorProfile]:
        """Return what is known today of each of *refs*, in one query at most; the unknown ones are left out."""
        ...

    def find_actors(self, text: str, *, limit: int) -> Sequence[ActorProfile]:
        """Return members, former members and API keys whose name or address contains *text*, current ones first."""
        ...

    def views(self) -> Sequence[NamedView]:
        """Return the views of this log that they or their organisation keep, in one query at most, by name."""
        ...
