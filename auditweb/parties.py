"""Who and what an event is about: actor, target, origin and outcome, as small values."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Self


class ActorType(StrEnum):
    MEMBER = "member"
    SYSTEM = "system"
    API_KEY = "api_key"
    SUPPORT = "support"
    ANONYMOUS = "anonymous"


class Outcome(StrEnum):
    SUCCESS = "success"
    FAILURE = "failure"
    DENIED = "denied"


class ActorRef(NamedTuple):
    """What identifies an actor for good, whatever they are called: `member:42`."""

    type: str
    id: str

    def __str__(self) -> str:
        return f"{self.type}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `member:42`; raises ValueError."""
        type_, colon, id_ = text.partition(":")
        if not colon or not id_ or type_ not in set(ActorType):
            raise ValueError("an actor is written as its type, a colon and its id, such as member:42")
        return cls(type_, id_)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted, with the name they had then. *id* is the host's stable id for that member, process or key."""

    type: ActorType
    id: str
    name: str

    @property
    def ref(self) -> ActorRef:
        return ActorRef(self.type, self.id)


UNKNOWN_PERSON = Actor(ActorType.ANONYMOUS, "unknown", "Unknown person")
LINK_HOLDER = Actor(ActorType.ANONYMOUS, "link", "Someone with the link")


@dataclass(frozen=True, slots=True)
class Target:
    """The thing acted on: `Target("vehicle", "veh_4471", "2020 Honda Stepwgn Spada", url="/vehicles/4471")`."""

    type: str
    id: str
    name: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an event came from: address, browser and request id as the caller saw them."""

    ip: str | None = None
    user_agent: str | None = None
    request_id: str | None = None
