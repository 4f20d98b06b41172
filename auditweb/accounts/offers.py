"""
When an offer of ownership stands: as long as both belong as they did then, and the one who made it is an owner still.

An offer of somebody who was removed or demoted since is as good as none, and the next one takes its place.
"""

from sqlalchemy import ColumnElement, Exists, FromClause, Select, select

from auditweb.accounts.permissions import Role
from auditweb.models import Membership, OwnershipOffer, Person

offer = OwnershipOffer.__table__.c
giver, taker = Person.__table__.alias("giver"), Person.__table__.alias("taker")
_giving, _taking = Membership.__table__.alias("giving"), Membership.__table__.alias("taking")


def standing() -> Select[()]:
    """Select from offers that stand, with *giver* and *taker* beside each; columns are added to it."""
    return (
        select()
        .select_from(OwnershipOffer.__table__)
        .join(_giving, (_giving.c.org_id == offer.org_id) & (_giving.c.person_id == offer.from_id))
        .join(_taking, (_taking.c.org_id == offer.org_id) & (_taking.c.person_id == offer.to_id))
        .join(giver, giver.c.id == offer.from_id)
        .join(taker, taker.c.id == offer.to_id)
        .where(_giving.c.role == Role.OWNER.value, _taking.c.role != Role.OWNER.value)
        .where(giver.c.active.is_(True), taker.c.active.is_(True))
        .where(*(_as_then(side) for side in (_giving, _taking)))
    )


def is_offered(org_id: ColumnElement[int], person_id: ColumnElement[int]) -> Exists:
    """Tell, within a statement about people and organisations, whether the ownership of one is offered to another."""
    mine = standing().add_columns(offer.org_id).where(offer.org_id == org_id, offer.to_id == person_id)
    return mine.correlate(org_id.table, person_id.table).exists()


def _as_then(side: FromClause) -> ColumnElement[bool]:
    return side.c.removed_at.is_(None) & (side.c.joined_at <= offer.offered_at)
