"""
What the daily purge does to organisations whose day has come: everything of them goes.

It is begun by a row that says whose wish it was. From then on nobody gets in, nothing can be called off, and whatever
is left is removed step by step, by the next run if this one is killed. The row is what remains. One that an operator
switched off stays, for its owners could not call it off. The engine is the operator's, without the server's guard.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy import Engine, Table
from sqlalchemy.orm import Session

from auditweb import clock
from auditweb.accounts.entries import OPERATOR
from auditweb.ledger import purger
from auditweb.models import Base, DeletedOrganisation, Membership, Organisation, Person, SignInSession

Progress = Callable[[int], object]

_AT_ONCE: Final = 500  # people in one statement
_WHY: Final = "the organisation is deleted"


@dataclass(frozen=True, slots=True)
class Removal:
    """An organisation that is to be removed, or was in part, as *asked_by* somebody; *steps* measure the progress."""

    org_id: int
    name: str
    asked_by: str
    asked_at: datetime
    steps: int


def find_removals(engine: Engine) -> Sequence[Removal]:
    """Return the organisations whose day has come, those first whose removal was begun."""
    with Session(engine) as session:
        begun = sa.select(*_RECORD).where(DeletedOrganisation.deleted_at.is_(None)).order_by(DeletedOrganisation.org_id)
        due = _asked(*_is_due(clock.now())).order_by(Organisation.id)
        found: list[Any] = [*session.execute(begun), *session.execute(due)]
    return [
        Removal(org_id, name, asked_by, asked_at, purger.count_to_erase(engine, org_id))
        for org_id, name, asked_by, asked_at in found
    ]


def remove(engine: Engine, org_id: int, progress: Progress = lambda _: None) -> bool:
    """Remove all there is of an organisation, and tell whether it was still to be removed."""
    if not _begin(engine, org_id):
        return False
    purger.erase(engine, org_id, who=OPERATOR.name, why=_WHY, progress=progress)
    with Session(engine) as session, session.begin():
        _clear(session, org_id)
    # What was being recorded when the first time was over.
    purger.erase(engine, org_id, who=OPERATOR.name, why=_WHY)
    with Session(engine) as session, session.begin():
        unfinished = (DeletedOrganisation.org_id == org_id, DeletedOrganisation.deleted_at.is_(None))
        session.execute(sa.update(DeletedOrganisation).where(*unfinished).values(deleted_at=clock.now()))
    return True


_RECORD = (
    DeletedOrganisation.org_id,
    DeletedOrganisation.name,
    DeletedOrganisation.asked_by,
    DeletedOrganisation.asked_at,
)


def _asked(*which: sa.ColumnElement[bool]) -> sa.Select[int, str, str, datetime | None]:
    """Select what the record of a removal says, of organisations whose deletion was asked for."""
    asked_by = Person.name + " (" + Person.email + ")"
    columns = sa.select(Organisation.id, Organisation.name, asked_by, Organisation.deletion_asked_at)
    return columns.join(Person, Person.id == Organisation.deletion_asked_by).where(*which)


def _is_due(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return Organisation.deletion_due_at <= now, Organisation.disabled_at.is_(None)


def _begin(engine: Engine, org_id: int) -> bool:
    """Write down that an organisation is being removed, and let nobody in; False if that was called off meanwhile."""
    now = clock.now()
    with Session(engine) as session, session.begin():
        if session.get(DeletedOrganisation, org_id) is not None:
            return True
        due = _asked(Organisation.id == org_id, *_is_due(now))
        asked = session.execute(due.with_for_update(of=Organisation)).first()
        if asked is None:
            return False
        session.execute(sa.insert(DeletedOrganisation).values(dict(zip((c.key for c in _RECORD), asked, strict=True))))
        closed = {"disabled_at": now, "deletion_due_at": None}
        session.execute(sa.update(Organisation).where(Organisation.id == org_id).values(closed))
        # Nobody belongs to it any more, so nothing of theirs is recorded in it.
        belong = (Membership.org_id == org_id, Membership.removed_at.is_(None))
        session.execute(sa.update(Membership).where(*belong).values(removed_at=now))
    return True


def _clear(session: Session, org_id: int) -> None:
    """
    Delete all that belongs to an organisation, the accounts of people who never belonged to another, and itself.

    The sessions of those who belong to nothing now end. Which tables those are the foreign keys tell, so that one that
    is added is not forgotten.
    """
    here = sa.select(Membership.person_id).where(Membership.org_id == org_id)
    elsewhere = sa.select(Membership.person_id).where(Membership.org_id != org_id, Membership.person_id.in_(here))
    known, busy = (
        set(session.scalars(people)) for people in (elsewhere, elsewhere.where(Membership.removed_at.is_(None)))
    )
    people = set(session.scalars(here))
    for column in _referring_to(Organisation):
        session.execute(sa.delete(column.table).where(column == org_id))
    for some in _in_parts(people - busy):
        session.execute(sa.delete(SignInSession).where(SignInSession.person_id.in_(some)))
    for some in _in_parts(people - known):
        for column in _referring_to(Person):
            if "org_id" not in column.table.c:  # nothing goes that is another organisation's
                session.execute(sa.delete(column.table).where(column.in_(some)))
        session.execute(sa.delete(Person).where(Person.id.in_(some)))
    session.execute(sa.delete(Organisation).where(Organisation.id == org_id))


def _referring_to(model: type[Base]) -> Iterator[sa.Column[int]]:
    """Yield the columns that refer to rows of *model*, first those of tables that no other refers to."""
    for table in reversed(Base.metadata.sorted_tables):
        yield from (column for column in table.c if column.references(cast(Table, model.__table__).c.id))


def _in_parts(people: Collection[int]) -> Iterator[Sequence[int]]:
    ordered = sorted(people)
    yield from (ordered[first : first + _AT_ONCE] for first in range(0, len(ordered), _AT_ONCE))
