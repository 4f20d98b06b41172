"""
Being in charge: whoever changes an organisation has the right to at the very moment of the change.

The page looked at their role when the request began; since then somebody may have taken it away.
"""

from typing import NamedTuple

from sqlalchemy import select

from auditweb.accounts.people import lock_organisation
from auditweb.accounts.permissions import Right, Role, may
from auditweb.accounts.sessions import SignedIn
from auditweb.extensions import db
from auditweb.models import Membership, Organisation

RIGHTS_LOST = "Your role here was changed a moment ago, and you may not do this any more. Nothing was changed."


class RightsError(Exception):
    """Whoever asked may not do that; the text is a sentence for them."""


class Charge(NamedTuple):
    """An organisation that nobody else changes meanwhile, and the role in it of whoever does."""

    organisation: Organisation
    role: Role


def take_charge(org_id: int, by: SignedIn, right: Right) -> Charge:
    """
    Keep everybody else from changing an organisation or its people until this transaction is over.

    Raises RightsError if somebody does not have *right* in it any more.
    """
    organisation = lock_organisation(org_id)
    role = role_of(org_id, by.person_id)
    if role is None or not may(role, right):
        raise RightsError(RIGHTS_LOST)
    return Charge(organisation, role)


def role_of(org_id: int, person_id: int) -> Role | None:
    """Return the role that someone has in an organisation now, or None if they do not belong to it."""
    belongs = Membership.org_id == org_id, Membership.person_id == person_id, Membership.removed_at.is_(None)
    role = db.session.scalar(select(Membership.role).where(*belongs))
    return None if role is None else Role(role)
