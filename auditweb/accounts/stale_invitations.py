"""
What the daily purge does to invitations that nobody accepted: they are closed once their link is long dead.

Until then whoever manages the team sees that they have expired, and can send them again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Engine
from sqlalchemy.orm import Session

from auditweb import clock
from auditweb.accounts.entries import OPERATOR
from auditweb.catalogue import INVITATION_EXPIRED
from auditweb.models import Invitation, Organisation
from auditweb.recorder import record

LISTED: Final = timedelta(days=30)  # after their link died


@dataclass(frozen=True, slots=True)
class Stale:
    """An organisation with so many *invitations* that are to be closed."""

    org_id: int
    name: str
    invitations: int


def find_stale(engine: Engine) -> Sequence[Stale]:
    """Return where there is something to close, without doing it."""
    found = (
        sa.select(Organisation.id, Organisation.name, sa.func.count())
        .join(Invitation, Invitation.org_id == Organisation.id)
        .where(_is_stale())
        .group_by(Organisation.id, Organisation.name)
        .order_by(Organisation.id)
    )
    with Session(engine) as session:
        return [Stale(*row) for row in session.execute(found)]


def close(engine: Engine, org_id: int) -> int:
    """Close them, with an entry for each; return how many they were."""
    gone = sa.delete(Invitation).where(Invitation.org_id == org_id, _is_stale()).returning(Invitation.email)
    with Session(engine) as session, session.begin():
        addresses = sorted(session.scalars(gone))
        for email in addresses:
            record(INVITATION_EXPIRED, org_id=org_id, actor=OPERATOR, facts={"email": email}, session=session)
    return len(addresses)


def _is_stale() -> ColumnElement[bool]:
    return Invitation.expires_at <= clock.now() - LISTED
