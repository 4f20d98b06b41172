"""Who appears in the log, by the log's own account: the actors that no table of people or keys knows."""

from collections.abc import Sequence
from typing import cast

from sqlalchemy import Table, func, literal, select

from auditweb.extensions import db
from auditweb.models import Event
from auditweb.parties import ActorRef, ActorType
from auditweb.viewer import ActorProfile

_event = cast(Table, Event.__table__)


def find_actors_in_log(org_id: int, types: Sequence[ActorType]) -> list[ActorProfile]:
    """
    Return the actors of these *types* that have entries, by name, each called as its newest entry does.

    It hops from one actor to the next in the index, so it costs as much as there are actors and not entries.
    """
    first = _event.alias()
    starts = [
        select(
            literal(type_.value).label("type"),
            select(func.min(first.c.actor_id))
            .where(first.c.org_id == org_id, first.c.actor_type == type_.value)
            .scalar_subquery()
            .label("id"),
        )
        for type_ in types
    ]
    hop = starts[0].cte("hop", recursive=True)
    following = _event.alias()
    next_id = (
        select(func.min(following.c.actor_id))
        .where(following.c.org_id == org_id, following.c.actor_type == hop.c.type, following.c.actor_id > hop.c.id)
        .scalar_subquery()
    )
    hop = hop.union_all(*starts[1:], select(hop.c.type, next_id).where(hop.c.id.is_not(None)))
    newest = _event.alias()
    # No join: of a log that is not big yet, PostgreSQL would rather read all of it than look up each actor.
    name = (
        select(newest.c.actor_name)
        .where(newest.c.org_id == org_id, newest.c.actor_type == hop.c.type, newest.c.actor_id == hop.c.id)
        .order_by(newest.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    found = select(hop.c.type, hop.c.id, name).where(hop.c.id.is_not(None))
    profiles = [ActorProfile(ActorRef(type_, id_), name) for type_, id_, name in db.session.connection().execute(found)]
    return sorted(profiles, key=lambda profile: (profile.name.casefold(), profile.ref))


def find_name(org_id: int, ref: ActorRef) -> str:
    """Return what the newest entry of *ref* calls it, or nothing when it has none."""
    query = (
        select(_event.c.actor_name)
        .where(_event.c.org_id == org_id, _event.c.actor_id == ref.id, _event.c.actor_type == ref.type)
        .order_by(_event.c.id.desc())
        .limit(1)
    )
    return db.session.connection().scalar(query) or ""
