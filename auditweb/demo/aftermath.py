"""What is true at the end of the demo because of what was told: who is still invited, who and what was seen when."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from secrets import token_urlsafe

import pyotp

from auditweb import catalogue as c
from auditweb.accounts.invitations import LIFETIME
from auditweb.demo.happenings import Happening
from auditweb.extensions import db
from auditweb.models import ApiKeyUse, Invitation, Presence, TwoFactor
from auditweb.parties import ActorType

_CLOSED = {c.INVITATION_WITHDRAWN, c.INVITATION_EXPIRED}
_TAKEN_AWAY = {c.TWO_FACTOR_RESET, c.TWO_FACTOR_REMOVED}


@dataclass(frozen=True, slots=True)
class _Invited:
    role: str
    inviter_id: int
    created_at: datetime
    sent_at: datetime


class Aftermath:
    """Listens to everything that is told, and writes down what came of it."""

    def __init__(self) -> None:
        self._invited: dict[tuple[int, str], _Invited] = {}
        self._seen: dict[tuple[int, int], datetime] = {}
        self._enrolled: dict[int, datetime] = {}
        self._used: dict[str, ApiKeyUse] = {}

    def hear(self, org_id: int, happening: Happening) -> None:
        """Take in one thing that happened in an organisation."""
        if happening.email and happening.actor.type is ActorType.MEMBER:
            self._seen[org_id, int(happening.actor.id)] = happening.at
        if happening.actor.type is ActorType.API_KEY:
            ip = happening.origin.ip if happening.origin else None
            self._used[happening.actor.id] = ApiKeyUse(
                key_id=happening.actor.id, org_id=org_id, used_at=happening.at, ip=ip
            )
        self._hear_of_invitations(org_id, happening)
        self._hear_of_second_factors(happening)

    def settle(self, without_factor: Collection[int] = ()) -> None:
        """Add the rows to the open transaction; the people of *without_factor* can sign in by password alone."""
        for (org_id, person_id), at in self._seen.items():
            db.session.add(Presence(org_id=org_id, person_id=person_id, seen_at=at))
        db.session.add_all(self._used.values())
        for (org_id, email), invited in self._invited.items():
            db.session.add(
                Invitation(
                    org_id=org_id,
                    email=email,
                    role=invited.role,
                    token_hash=sha256(token_urlsafe(32).encode()).hexdigest(),  # a link that nobody has
                    inviter_id=invited.inviter_id,
                    created_at=invited.created_at,
                    sent_at=invited.sent_at,
                    expires_at=invited.sent_at + LIFETIME,
                    mail="sent",
                )
            )
        for person_id, at in self._enrolled.items():
            if person_id not in without_factor:
                secret = pyotp.random_base32()
                db.session.add(TwoFactor(person_id=person_id, secret=secret, last_step=0, enrolled_at=at))

    def _hear_of_invitations(self, org_id: int, happening: Happening) -> None:
        if happening.action is c.MEMBER_JOINED:
            self._invited.pop((org_id, happening.email), None)
        email = happening.facts.get("email", "")
        if happening.action is c.MEMBER_INVITED:
            inviter, at = int(happening.actor.id), happening.at
            self._invited[org_id, email] = _Invited(happening.facts["role"], inviter, at, at)
        elif happening.action is c.INVITATION_RESENT:
            self._invited[org_id, email] = replace(self._invited[org_id, email], sent_at=happening.at)
        elif happening.action in _CLOSED:
            self._invited.pop((org_id, email), None)

    def _hear_of_second_factors(self, happening: Happening) -> None:
        if happening.action is c.TWO_FACTOR_ENROLLED:
            self._enrolled[int(happening.actor.id)] = happening.at
        elif happening.action in _TAKEN_AWAY:
            whose = happening.target.id if happening.target else happening.actor.id
            self._enrolled.pop(int(whose), None)
