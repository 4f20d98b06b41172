"""
Views of the log that people keep by name: each is only a name for an address.

Those of one's own nobody else sees. Shared ones are for everybody who may read the log; owners and admins make, change
and delete them, whoever made them. Every function works in the open transaction.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, delete, or_, select, update

from auditweb import clock, ids
from auditweb.accounts.charge import RIGHTS_LOST, RightsError, take_charge
from auditweb.accounts.permissions import Right, Role, may
from auditweb.accounts.sessions import SignedIn
from auditweb.accounts.team import MissingError, RefusedError
from auditweb.extensions import db
from auditweb.models import Membership, Person, SavedView
from auditweb.viewer import NamedView

LONGEST_NAME: Final = 60
MOST: Final = 50  # of one person in an organisation, and as many shared ones


class Kept(NamedTuple):
    """A view that somebody kept, with who made it; *may_change* is whether the reader may."""

    view: NamedView
    maker: str
    may_change: bool


def find_views(org_id: int, person_id: int) -> Sequence[NamedView]:
    """Return the views that someone can choose, by name."""
    columns = select(SavedView.id, SavedView.name, SavedView.query, SavedView.shared)
    rows = db.session.execute(columns.where(*_seen_by(org_id, person_id)).limit(2 * MOST))
    return sorted((NamedView(*row) for row in rows), key=lambda view: (view.name.casefold(), view.id))


def find_kept(org_id: int, person_id: int, role: Role) -> Sequence[Kept]:
    """Return the same with who made each of them, and whether someone with *role* may change it."""
    columns = select(SavedView.id, SavedView.name, SavedView.query, SavedView.shared, Person.name)
    found = columns.join(Person, Person.id == SavedView.maker_id).where(*_seen_by(org_id, person_id)).limit(2 * MOST)
    kept = [
        Kept(NamedView(id_, name, query, shared), maker, may_change=not shared or may(role, Right.SHARE_LOG))
        for id_, name, query, shared, maker in db.session.execute(found)
    ]
    return sorted(kept, key=lambda each: (each.view.name.casefold(), each.view.id))


def find_view(org_id: int, person_id: int, role: Role, view_id: str) -> NamedView:
    """Return a view that someone may change; MissingError if there is none for them."""
    for kept in find_kept(org_id, person_id, role):
        if kept.view.id == view_id and kept.may_change:
            return kept.view
    raise MissingError


def save(org_id: int, by: SignedIn, name: str, query: str, *, shared: bool) -> NamedView:
    """Keep an address by a name; RefusedError if the name is taken, or if there are too many already."""
    _begin(org_id, by, for_others=shared)
    known = find_views(org_id, by.person_id)
    _check_name(known, name)
    if sum(view.shared == shared for view in known) >= MOST:
        raise RefusedError(f"There are {MOST} views already. Delete one that nobody needs first.")
    view = NamedView(ids.random_name(12), name, query, shared)
    db.session.add(SavedView(**view._asdict(), org_id=org_id, maker_id=by.person_id, created_at=clock.now()))
    db.session.flush()
    return view


def change(org_id: int, by: SignedIn, view: NamedView, *, name: str, shared: bool) -> None:
    """
    Give a view another name, or other readers; one that was shared becomes one's own. RefusedError as for `save`.

    MissingError if somebody changed meanwhile for whom it is.
    """
    _begin(org_id, by, for_others=shared or view.shared)
    known = [other for other in find_views(org_id, by.person_id) if other.id != view.id]
    _check_name(known, name)
    if shared != view.shared and sum(other.shared == shared for other in known) >= MOST:
        raise RefusedError(f"There are {MOST} views already. Delete one that nobody needs first.")
    maker = {} if shared or not view.shared else {"maker_id": by.person_id}
    changed = update(SavedView).where(*_is(org_id, by, view)).values(name=name, shared=shared, **maker)
    if not db.session.connection().execute(changed).rowcount:
        raise MissingError


def remove(org_id: int, by: SignedIn, view: NamedView) -> None:
    """Delete a view; its address goes on meaning the same. MissingError if it is not the same any more."""
    _begin(org_id, by, for_others=view.shared)
    if not db.session.connection().execute(delete(SavedView).where(*_is(org_id, by, view))).rowcount:
        raise MissingError


def _begin(org_id: int, by: SignedIn, *, for_others: bool) -> None:
    """Keep everybody else from what is going to be changed, until this transaction is over."""
    if for_others:
        take_charge(org_id, by, Right.SHARE_LOG)
    own = Membership.org_id == org_id, Membership.person_id == by.person_id, Membership.removed_at.is_(None)
    if db.session.scalar(select(Membership.role).where(*own).with_for_update(key_share=True)) is None:
        raise RightsError(RIGHTS_LOST)


def _check_name(known: Sequence[NamedView], name: str) -> None:
    if any(view.name.casefold() == name.casefold() for view in known):
        raise RefusedError(f"There is a view called “{name}” already.")


def _is(org_id: int, by: SignedIn, view: NamedView) -> tuple[ColumnElement[bool], ...]:
    """Say which view is meant, if it is still for those for whom it was when it was looked up."""
    return *_seen_by(org_id, by.person_id), SavedView.id == view.id, SavedView.shared.is_(view.shared)


def _seen_by(org_id: int, person_id: int) -> tuple[ColumnElement[bool], ...]:
    return SavedView.org_id == org_id, or_(SavedView.shared.is_(True), SavedView.maker_id == person_id)
