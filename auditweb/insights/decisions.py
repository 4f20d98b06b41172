"""What people decide about findings: confirmed, set aside, or open again, each time an entry that says so."""

from datetime import datetime
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
from auditweb.recordable import shortened
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


class OvertakenError(Exception):
    """Somebody else has decided about the finding since the form was made. Nothing was changed."""


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


def version(state: str, decided_at: datetime | None) -> str:
    """Spell the decision that a form is made for: after another one it is another text."""
    return f"{state} {decided_at:%Y%m%dT%H%M%S.%f}" if decided_at else state


def decide(
    org_id: int,
    by: SignedIn,
    finding_id: str,
    state: State,
    *,
    made_for: str,
    note: str,
    always: bool,
    address: str,
    origin: Origin,
) -> bool:
    """
    Confirm a finding, set it aside, or open it again; False, and nothing recorded, if it is just that already.

    Set aside with *always*, later ones of its kind about the same subject at the same place are set aside as they are
    found. Once one of them is opened again or confirmed, they are not any more. *address* is the finding's page, and
    *made_for* the `version` that was seen there. Raises MissingError, and OvertakenError if it is another by now.
    """
    take_charge(org_id, by, Right.REVIEW)
    always = always and state is State.SET_ASIDE
    mine = (Finding.org_id == org_id, Finding.id == storable(finding_id))
    finding = db.session.scalars(sa.select(Finding).where(*mine).with_for_update()).first()
    if finding is None:
        raise MissingError
    like_it = {
        "org_id": org_id,
        "kind": finding.kind,
        "subject_type": finding.subject_type,
        "subject_id": finding.subject_id,
        "place": finding.place,
    }
    same = [_pattern.c[name] == value for name, value in like_it.items()]
    had_pattern = db.session.scalar(sa.select(sa.literal(1)).where(*same)) is not None
    if _is_decided(finding, by, state, note) and (had_pattern or not always):
        return False
    if version(finding.state, finding.decided_at) != made_for:
        raise OvertakenError
    now, decided = clock.now(), state is not State.OPEN
    finding.state, finding.note = state.value, note if decided else ""
    finding.decided_by, finding.decided_at = (by.person_id, now) if decided else (None, None)
    finding.by_itself = False
    db.session.execute(
        sa.update(FindingEvent)
        .where(FindingEvent.org_id == org_id, FindingEvent.finding_id == finding_id)
        .values(shown=int(state is not State.SET_ASIDE))
    )
    if always or state is not State.SET_ASIDE:
        db.session.execute(sa.delete(_pattern).where(*same))
    if always:
        new = {
            **like_it,
            "subject_name": finding.subject_name,
            "note": note,
            "decided_by": by.person_id,
            "decided_at": now,
        }
        db.session.execute(sa.insert(_pattern).values(new))
    kind = Flag(finding.kind)
    facts = {"note": note} if note else {}
    if always:
        facts["pattern"] = "set aside from now on"
    elif had_pattern and state is not State.SET_ASIDE:
        facts["pattern"] = "no longer set aside by itself"
    record(
        _ACTIONS[kind.category, state],
        org_id=org_id,
        actor=by.actor,
        target=Target("finding", finding_id, shortened(f"{kind.label}: {finding.subject_name}"), address),
        facts=facts,
        origin=origin,
    )
    return True


def _is_decided(finding: Finding, by: SignedIn, state: State, note: str) -> bool:
    """Tell whether this very decision is there: open, or by the same person with the same note (pressed twice)."""
    if finding.state != state or state is State.OPEN:
        return finding.state == state
    return finding.decided_by == by.person_id and finding.note == note
