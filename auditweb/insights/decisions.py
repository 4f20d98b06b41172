"""What people decide about findings: confirmed, set aside, or open again, each time an entry that says so."""

from enum import StrEnum
from typing import Final, cast

import sqlalchemy as sa
from sqlalchemy import Table

from auditweb import catalogue, clock
from auditweb.accounts.charge import take_charge
from auditweb.accounts.permissions import Right
from auditweb.accounts.sessions import SignedIn
from auditweb.catalogue import Action
from auditweb.database import storable
from auditweb.extensions import db
from auditweb.models import Finding, FindingEvent, FindingPattern
from auditweb.parties import Origin, Target
from auditweb.reading.flags import Flag
from auditweb.recorder import record
from auditweb.sentences import Category

LONGEST_NOTE: Final = 500


class State(StrEnum):
    OPEN = "open"
    CONFIRMED = "confirmed"
    SET_ASIDE = "set_aside"

    @property
    def label(self) -> str:
        return _LABELS[self]


class MissingError(LookupError):
    """There is no such finding."""


_LABELS: Final = {State.OPEN: "Open", State.CONFIRMED: "Confirmed", State.SET_ASIDE: "Set aside"}
_ACTIONS: Final[dict[tuple[Category, State], Action]] = {
    (Category.TEAM, State.OPEN): catalogue.TEAM_FINDING_REOPENED,
    (Category.TEAM, State.CONFIRMED): catalogue.TEAM_FINDING_CONFIRMED,
    (Category.TEAM, State.SET_ASIDE): catalogue.TEAM_FINDING_SET_ASIDE,
    (Category.AUTHENTICATION, State.OPEN): catalogue.SIGN_IN_FINDING_REOPENED,
    (Category.AUTHENTICATION, State.CONFIRMED): catalogue.SIGN_IN_FINDING_CONFIRMED,
    (Category.AUTHENTICATION, State.SET_ASIDE): catalogue.SIGN_IN_FINDING_SET_ASIDE,
}
_pattern = cast(Table, FindingPattern.__table__)


def decide(
    org_id: int,
    by: SignedIn,
    finding_id: str,
    state: State,
    *,
    note: str,
    always: bool,
    address: str,
    origin: Origin,
) -> bool:
    """
    Confirm a finding, set it aside, or open it again; False, and nothing recorded, if that is what it was.

    Set aside with *always*, later ones of its kind about the same subject at the same place are set aside as they are
    found. Opened again or confirmed, they are not any more. *address* is the finding's page. Raises MissingError.
    """
    take_charge(org_id, by, Right.REVIEW)
    mine = (Finding.org_id == org_id, Finding.id == storable(finding_id))
    finding = db.session.scalars(sa.select(Finding).where(*mine).with_for_update()).first()
    if finding is None:
        raise MissingError
    if finding.state == state:
        return False
    now, decided = clock.now(), state is not State.OPEN
    finding.state, finding.note = state.value, note if decided else ""
    finding.decided_by, finding.decided_at = (by.person_id, now) if decided else (None, None)
    db.session.execute(
        sa.update(FindingEvent)
        .where(FindingEvent.org_id == org_id, FindingEvent.finding_id == finding_id)
        .values(shown=int(state is not State.SET_ASIDE))
    )
    like_it = {
        "org_id": org_id,
        "kind": finding.kind,
        "subject_type": finding.subject_type,
        "subject_id": finding.subject_id,
        "place": finding.place,
    }
    same = [_pattern.c[name] == value for name, value in like_it.items()]
    had_pattern = db.session.execute(sa.delete(_pattern).where(*same)).rowcount > 0  # type: ignore[attr-defined]
    always = always and state is State.SET_ASIDE
    if always:
        new = {**like_it, "note": note, "decided_by": by.person_id, "decided_at": now}
        db.session.execute(sa.insert(_pattern).values(new))
    kind = Flag(finding.kind)
    facts = {"note": note} if note else {}
    if always or had_pattern:
        facts["pattern"] = "set aside from now on" if always else "no longer set aside by itself"
    record(
        _ACTIONS[kind.category, state],
        org_id=org_id,
        actor=by.actor,
        target=Target("finding", finding_id, f"{kind.label}: {finding.subject_name}", address),
        facts=facts,
        origin=origin,
    )
    return True
