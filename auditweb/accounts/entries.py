"""The entries that tell of what happens to accounts: in one organisation, or in each that someone belongs to."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sqlalchemy import select

from auditweb import clock
from auditweb.catalogue import Action
from auditweb.extensions import db
from auditweb.models import Membership
from auditweb.parties import Actor, ActorType, Origin, Outcome, Target
from auditweb.recorder import record

OPERATOR = Actor(ActorType.SYSTEM, "operator", "Operator (command line)")
"""Whoever has the command line: what they do is recorded as the system's doing."""

ELSEWHERE = Actor(ActorType.SYSTEM, "elsewhere", "Another organisation")
"""Somebody of another organisation with whom a person's account is shared: who it is, is not told here."""

_NO_FACTS: Mapping[str, str] = MappingProxyType({})


def as_actor(person_id: int, name: str) -> Actor:
    """Return a person as the actor of an entry."""
    return Actor(ActorType.MEMBER, str(person_id), name)


def as_target(person_id: int, name: str) -> Target:
    """Return a person as what an entry is about."""
    return Target("member", str(person_id), name)


def record_in_each_organisation(
    action: Action,
    person_id: int,
    *,
    actor: Actor,
    origin: Origin | None = None,
    target: Target | None = None,
    facts: Mapping[str, str] = _NO_FACTS,
    outcome: Outcome = Outcome.SUCCESS,
) -> int:
    """
    Record one entry in every organisation where a person is an active member, all at the same moment.

    Returns in how many.
    """
    now = clock.now()
    concerned = organisations_of(person_id)
    for org_id in concerned:
        record(
            action,
            org_id=org_id,
            actor=actor,
            target=target,
            facts=facts,
            outcome=outcome,
            occurred_at=now,
            origin=origin,
        )
    return len(concerned)


def organisations_of(person_id: int) -> Sequence[int]:
    """Return where a person is an active member."""
    belongs = (Membership.person_id == person_id, Membership.removed_at.is_(None))
    return db.session.scalars(select(Membership.org_id).where(*belongs).order_by(Membership.org_id)).all()
