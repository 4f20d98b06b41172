"""A finding, as a detector makes it."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from auditweb.parties import ActorRef
from auditweb.reading.flags import Flag


@dataclass(frozen=True, slots=True)
class Found:
    """
    Something that a person should look at.

    *occasion* tells this from other findings of its kind about the same *subject*: found again, whatever was read
    together, it has the same key. *place* narrows what is the same pattern. *sentence* says what was seen and why that
    matters, *unusual* how it compares with the past, *evidence* which entries show it.
    """

    kind: Flag
    subject: ActorRef
    name: str
    occasion: int
    at: datetime
    sentence: str
    unusual: str
    evidence: tuple[int, ...]
    place: str = ""

    @property
    def key(self) -> str:
        told = f"{self.kind}\n{self.subject}\n{self.occasion}"
        return sha256(told.encode()).hexdigest()[:20]
