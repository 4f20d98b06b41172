"""
Handing over the ownership of an organisation: an owner offers their place, and another member takes it.

Until then nothing changes, and there is one open offer at a time. All of it happens under the organisation's lock, so
that of two people at once one gets what they wanted and the other is told why not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update

from auditweb import catalogue, clock
from auditweb.accounts import offers
from auditweb.accounts.charge import take_charge
from auditweb.accounts.entries import as_target
from auditweb.accounts.people import lock_organisation
from auditweb.accounts.permissions import Right, Role
from auditweb.accounts.sessions import SignedIn
from auditweb.catalogue import Action
from auditweb.extensions import db
from auditweb.models import Membership, OwnershipOffer, Person
from auditweb.parties import Origin
from auditweb.recorder import record


class OwnershipError(Exception):
    """What was wanted cannot be any more; the text tells the one who wanted it why."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An owner's place, offered to another member, who has not answered yet."""

    from_id: int
    from_name: str
    to_id: int
    to_name: str
    offered_at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """Someone who could become the owner."""

    person_id: int
    name: str
    email: str
    role: Role


def find_offer(org_id: int) -> Offer | None:
    """Return the offer that stands in an organisation."""
    columns = (
        offers.offer.from_id,
        offers.giver.c.name,
        offers.offer.to_id,
        offers.taker.c.name,
        offers.offer.offered_at,
    )
    row = db.session.execute(offers.standing().add_columns(*columns).where(offers.offer.org_id == org_id)).first()
    return Offer(*row) if row else None


def find_members(org_id: int) -> Sequence[Member]:
    """Return those who could become the owner: all who belong and are none."""
    rows = db.session.execute(
        select(Person.id, Person.name, Person.email, Membership.role)
        .join(Membership, Membership.person_id == Person.id)
        .where(Membership.org_id == org_id, Membership.removed_at.is_(None), Membership.role != Role.OWNER.value)
        .where(Person.active.is_(True))
        .order_by(Person.name, Person.id)
    )
    return [Member(id_, name, email, Role(role)) for id_, name, email, role in rows]


def offer(org_id: int, to_id: int, *, by: SignedIn, origin: Origin) -> str:
    """Offer one's ownership to a member, and return their name."""
    take_charge(org_id, by, Right.OWN)
    if open_offer := find_offer(org_id):
        raise OwnershipError(f"The ownership is offered to {open_offer.to_name} already. Withdraw that offer first.")
    to_name = next((member.name for member in find_members(org_id) if member.person_id == to_id), None)
    if to_name is None:
        raise OwnershipError("This person does not belong to the organisation any more, or is an owner already.")
    _forget_offer(org_id)  # one that did not stand any more
    db.session.add(OwnershipOffer(org_id=org_id, from_id=by.person_id, to_id=to_id, offered_at=clock.now()))
    db.session.flush()
    _record(catalogue.OWNERSHIP_OFFERED, org_id, by, to_id, to_name, origin)
    return to_name


def withdraw(org_id: int, *, by: SignedIn, origin: Origin) -> str:
    """Take the open offer back, and return the name of whom it was made to."""
    take_charge(org_id, by, Right.OWN)
    taken_back = find_offer(org_id)
    if taken_back is None:
        raise OwnershipError("There is no open offer any more.")
    _forget_offer(org_id)
    _record(catalogue.OWNERSHIP_OFFER_WITHDRAWN, org_id, by, taken_back.to_id, taken_back.to_name, origin)
    return taken_back.to_name


def accept(org_id: int, *, by: SignedIn, origin: Origin) -> str:
    """Become the owner in the place of whoever offered it, who becomes an admin; return their name."""
    accepted = _close(org_id, by)
    _set_role(org_id, accepted.from_id, Role.ADMIN)
    _set_role(org_id, accepted.to_id, Role.OWNER)
    _record(catalogue.OWNERSHIP_ACCEPTED, org_id, by, accepted.from_id, accepted.from_name, origin)
    return accepted.from_name


def decline(org_id: int, *, by: SignedIn, origin: Origin) -> str:
    """Leave the ownership where it is, and return the name of whoever offered it."""
    declined = _close(org_id, by)
    _record(catalogue.OWNERSHIP_DECLINED, org_id, by, declined.from_id, declined.from_name, origin)
    return declined.from_name


def _close(org_id: int, by: SignedIn) -> Offer:
    """Lock the organisation, take away the offer made to someone, and return it."""
    lock_organisation(org_id)
    closed = find_offer(org_id)
    if closed is None or closed.to_id != by.person_id:
        raise OwnershipError("This offer does not stand any more.")
    _forget_offer(org_id)
    return closed


def _forget_offer(org_id: int) -> None:
    db.session.execute(delete(OwnershipOffer).where(OwnershipOffer.org_id == org_id))


def _set_role(org_id: int, person_id: int, role: Role) -> None:
    theirs = (Membership.org_id == org_id, Membership.person_id == person_id)
    db.session.execute(update(Membership).where(*theirs).values(role=role.value))


def _record(action: Action, org_id: int, by: SignedIn, other_id: int, other_name: str, origin: Origin) -> None:
    record(action, org_id=org_id, actor=by.actor, target=as_target(other_id, other_name), origin=origin)
