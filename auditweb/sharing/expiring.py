"""
What becomes of shares whose time is over: each is closed, with one entry, by the server or by the daily purge.

Nothing opens with them any more in any case.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Engine
from sqlalchemy.orm import Session

from auditweb import clock
from auditweb.accounts.entries import OPERATOR
from auditweb.catalogue import LOG_SHARE_EXPIRED
from auditweb.models import Organisation, Share, ShareAlias
from auditweb.parties import Actor, ActorType
from auditweb.recorder import record
from auditweb.sharing.shares import EXPIRED, as_target

SHARING = Actor(ActorType.SYSTEM, "sharing", "Sharing")
"""The server, where it ends what nobody ended."""


@dataclass(frozen=True, slots=True)
class Over:
    """An organisation with so many *shares* whose time is over, and that no entry tells of yet."""

    org_id: int
    name: str
    shares: int


def find_over(engine: Engine) -> Sequence[Over]:
    """Return where there is something to close, without doing it."""
    found = (
        sa.select(Organisation.id, Organisation.name, sa.func.count())
        .join(Share, Share.org_id == Organisation.id)
        .where(_is_over())
        .group_by(Organisation.id, Organisation.name)
        .order_by(Organisation.id)
    )
    with Session(engine) as session:
        return [Over(*row) for row in session.execute(found)]


def close(engine: Engine, org_id: int) -> int:
    """Close those of an organisation for the operator, with an entry for each; return how many they were."""
    with Session(engine) as session, session.begin():
        return _close(session, Share.org_id == org_id, OPERATOR)


def close_all(engine: Engine) -> int:
    """Close those of all organisations, with an entry for each; return how many they were."""
    closed = 0
    for over in find_over(engine):
        with Session(engine) as session, session.begin():
            closed += _close(session, Share.org_id == over.org_id, SHARING)
    return closed


def _close(session: Session, which: ColumnElement[bool], actor: Actor) -> int:
    ended = sa.update(Share).where(which, _is_over()).values(ended_at=Share.expires_at, ended_how=EXPIRED)
    over = session.execute(ended.returning(Share.org_id, Share.id, Share.recipient, Share.expires_at)).all()
    session.execute(sa.delete(ShareAlias).where(ShareAlias.share_id.in_([row.id for row in over])))
    for org_id, share_id, recipient, expires_at in sorted(over, key=lambda row: row.expires_at):
        record(
            LOG_SHARE_EXPIRED,
            org_id=org_id,
            actor=actor,
            target=as_target(share_id, recipient),
            facts={"recipient": recipient},
            occurred_at=expires_at,
            session=session,
        )
    return len(over)


def _is_over() -> ColumnElement[bool]:
    return sa.and_(Share.ended_at.is_(None), Share.expires_at <= clock.now())
