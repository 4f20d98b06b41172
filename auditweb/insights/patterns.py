"""What is set aside as it is found, because somebody wanted it so: what, since when, and the end of that."""

from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy import Table

from auditweb import catalogue
from auditweb.accounts.charge import take_charge
from auditweb.accounts.permissions import Right
from auditweb.accounts.sessions import SignedIn
from auditweb.extensions import db
from auditweb.insights.detectors import exports
from auditweb.models import FindingPattern, Person
from auditweb.parties import ActorRef, Origin, Target
from auditweb.reading.flags import Flag
from auditweb.recordable import shortened
from auditweb.recorder import record
from auditweb.sentences import Category

MOST: Final = 200  # that are listed, the newest ones

_pattern, _person = cast(Table, FindingPattern.__table__).c, cast(Table, Person.__table__).c
_ENDED: Final = {
    Category.TEAM: catalogue.TEAM_PATTERN_ENDED,
    Category.AUTHENTICATION: catalogue.SIGN_IN_PATTERN_ENDED,
}
_SCOPES: Final = {
    Flag.UNFAMILIAR_PLACE: "from {}",
    Flag.IMPOSSIBLE_TRAVEL: "from {}",
    Flag.KEY_NEW_NETWORK: "from {}",
    Flag.KEY_WITHOUT_MAKER: "made by {}",
    Flag.ROLE_RAISED: "to {}",
    Flag.TWO_FACTOR_RESET: "for {}",
    Flag.LARGE_EXPORT: "with {}",
}


class InForce(NamedTuple):
    """That findings of this kind about this subject at this place are set aside as they are found, and who wants it."""

    kind: Flag
    subject: ActorRef
    name: str
    place: str
    since: datetime
    asker: str
    note: str

    @property
    def scope(self) -> str:
        return scope_of(self.kind, self.place)

    @property
    def id(self) -> str:
        """What its address calls it, and not one that was wanted anew since: a subject's own id may be anything."""
        parts = (self.kind, *self.subject, self.place, self.since.isoformat())
        return sha256("\0".join(parts).encode()).hexdigest()[:20]


def scope_of(kind: Flag, place: str) -> str:
    """Return in words what a *place*, another thing for each *kind*, narrows a pattern to; nothing for none."""
    if not place:
        return ""
    told = exports.called(place) if kind is Flag.LARGE_EXPORT else place
    return _SCOPES.get(kind, "{}").format(told)


def count_patterns(org_id: int) -> int:
    """Return how many patterns are in force in an organisation."""
    return db.session.scalar(sa.select(sa.func.count()).where(_pattern.org_id == org_id)) or 0


def find_patterns(org_id: int, *, most: int | None = None) -> list[InForce]:
    """Return what is in force in an organisation, the newest first, so many at *most*."""
    query = (
        sa.select(FindingPattern.__table__, _person.name.label("asker"))
        .join(Person, _person.id == _pattern.decided_by)
        .where(_pattern.org_id == org_id)
        .order_by(_pattern.decided_at.desc(), _pattern.kind, _pattern.subject_id, _pattern.place)
        .limit(most)
    )
    return [
        InForce(
            Flag(row.kind),
            ActorRef(row.subject_type, row.subject_id),
            row.subject_name or row.subject_id,
            row.place,
            row.decided_at,
            row.asker,
            row.note,
        )
        for row in db.session.execute(query)
    ]


def end(org_id: int, by: SignedIn, pattern_id: str, *, address: str, origin: Origin) -> InForce | None:
    """
    End a pattern, and return what it was: what is found from here on waits for a decision again.

    None, and nothing recorded, if this one is not in force (any more). *address* is the page that lists what is. What
    was set aside so far stays set aside.
    """
    take_charge(org_id, by, Right.REVIEW)
    found = next((each for each in find_patterns(org_id) if each.id == pattern_id), None)
    if found is None:
        return None
    db.session.execute(
        sa.delete(FindingPattern).where(
            _pattern.org_id == org_id,
            _pattern.kind == found.kind.value,
            _pattern.subject_type == found.subject.type,
            _pattern.subject_id == found.subject.id,
            _pattern.place == found.place,
        )
    )
    record(
        _ENDED[found.kind.category],
        org_id=org_id,
        actor=by.actor,
        target=Target("finding_pattern", pattern_id, shortened(f"{found.kind.label}: {found.name}"), address),
        facts={"scope": found.scope} if found.scope else {},
        origin=origin,
    )
    return found
