"""
Reviews of what somebody did in their first week, or in their last and after it: which entries were seen, and a note.

Starting one, ticking and noting are work in progress; once it is finished it is an entry and never changes any more.
Every function works in the open transaction; those that change something take charge of the organisation first.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Select, delete, exists, func, insert, or_, select, update
from sqlalchemy.orm import aliased

from auditweb import clock, ids
from auditweb.accounts.charge import take_charge
from auditweb.accounts.permissions import Right
from auditweb.accounts.sessions import SignedIn
from auditweb.accounts.team import MissingError, RefusedError
from auditweb.catalogue import OFFBOARDING_REVIEWED, ONBOARDING_REVIEWED
from auditweb.database import storable
from auditweb.extensions import db
from auditweb.insights import people
from auditweb.models import Event, MemberReview, MemberReviewTick, Person
from auditweb.parties import ActorRef, ActorType, Origin, Target
from auditweb.reading import lives
from auditweb.reading.filters import LogFilter
from auditweb.reading.pages import Row
from auditweb.recorder import record

LONGEST_NOTE: Final = 1_000
MOST_LISTED: Final = 20
FINISHED: Final = "This review was finished a moment ago, by somebody else. Nothing was changed now."


class UnseenError(RuntimeError):
    """Not every entry of a review has been seen, and nobody said to finish it all the same."""


class NotedError(RuntimeError):
    """Somebody else has changed the note since it was shown. Nothing was changed now."""


class Kind(StrEnum):
    """What is reviewed: how somebody came, or how they went."""

    JOINING = "joining"
    LEAVING = "leaving"


_ACTIONS: Final = {Kind.JOINING: ONBOARDING_REVIEWED, Kind.LEAVING: OFFBOARDING_REVIEWED}


@dataclass(frozen=True, slots=True)
class Review:
    """
    A review as it stands: of how many *entries* how many are *seen*; open until *finished_at*.

    *exact* is False where there are so many entries that counting them stopped. *invitation_id* is the entry by which
    a joiner was invited, once it is ticked or the review finished.
    """

    id: str
    person_id: int
    kind: Kind
    zone: str
    since: int
    until: int
    note: str
    starter: str
    started_at: datetime
    finisher: str | None
    finished_at: datetime | None
    entries: int
    seen: int
    exact: bool = True
    invitation_id: int | None = None

    @property
    def unseen(self) -> int:
        """Of how many entries it is not known that they were seen."""
        return max(self.entries - self.seen, 0 if self.exact else 1)

    @property
    def ref(self) -> ActorRef:
        return ActorRef(ActorType.MEMBER, str(self.person_id))


def find_review(org_id: int, review_id: str) -> Review:
    """Return one review; MissingError unless the organisation has it."""
    row = db.session.execute(_all(org_id).where(MemberReview.id == storable(review_id))).first()
    if row is None:
        raise MissingError
    return _review(org_id, *row)


def find_reviews(org_id: int, person_id: int) -> list[Review]:
    """Return the reviews of somebody, the last one first."""
    theirs = _all(org_id).where(MemberReview.person_id == person_id)
    rows = db.session.execute(theirs.order_by(MemberReview.started_at.desc()).limit(MOST_LISTED)).all()
    return [_review(org_id, *row) for row in rows]


def find_page(org_id: int, review: Review, since: int = 0) -> tuple[lives.Stretch, set[int]]:
    """
    Return a page of the entries of a review, with ids from *since* on, and which of them are ticked.

    The first page of a joiner begins with the invitation, which is one entry more than a page has.
    """
    stretch = lives.find_stretch(org_id, review.ref, max(review.since, since), review.until)
    if since <= review.since and (invitation := _invitation_in(org_id, review)):
        stretch = replace(stretch, rows=[invitation, *stretch.rows])
    if not stretch.rows:
        return stretch, set()
    first, last = stretch.rows[0].id, stretch.rows[-1].id
    ticked = select(MemberReviewTick.event_id).where(
        MemberReviewTick.review_id == review.id, MemberReviewTick.event_id.between(first, last)
    )
    return stretch, set(db.session.scalars(ticked))


def start(org_id: int, by: SignedIn, person_id: int, kind: Kind, zone: str, first: date, final: date) -> str:
    """
    Begin a review of those days of somebody and return its id: that of the open one, if there is one.

    Of a leaver it goes on after the last day, for as long as it is open.
    """
    take_charge(org_id, by, Right.REVIEW_MEMBERS)
    known = people.find_known(org_id, ActorRef(ActorType.MEMBER, str(person_id)))
    if known is None:
        raise MissingError
    if kind is Kind.LEAVING and known.ended is None:
        raise RefusedError(f"{known.name} has not left. There is no last week to review yet.")
    open_one = select(MemberReview.id).where(
        MemberReview.org_id == org_id,
        MemberReview.person_id == person_id,
        MemberReview.kind == kind.value,
        MemberReview.finished_at.is_(None),
    )
    if (known_id := db.session.scalar(open_one)) is not None:
        return known_id
    week = LogFilter(org_id=org_id, org_zone=zone, from_=first, to=final, tz=zone).values(clock.now())
    review_id = ids.random_name(12)
    db.session.add(
        MemberReview(
            id=review_id,
            org_id=org_id,
            person_id=person_id,
            kind=kind.value,
            zone=zone,
            since_id=week["since"],
            until_id=week.get("until", ids.LAST_ID) if kind is Kind.JOINING else ids.LAST_ID,
            note="",
            starter_id=by.person_id,
            started_at=clock.now(),
        )
    )
    db.session.flush()
    return review_id


def version_of(note: str) -> str:
    """Tell a note from others by a few characters."""
    return hashlib.sha256(note.encode()).hexdigest()[:16] if note else ""


def save(
    org_id: int,
    by: SignedIn,
    review_id: str,
    *,
    was: Collection[int],
    seen: Collection[int],
    note: str,
    noted: str,
) -> Review:
    """
    Tick the entries *seen*, take back the ticks of those that *was* shown ticked and are not, and keep the note.

    So what a colleague has ticked meanwhile stays. Raises NotedError if the note is another by now than the one of the
    version *noted*, RefusedError once the review is finished, and MissingError for an entry that is not part of it.
    """
    take_charge(org_id, by, Right.REVIEW_MEMBERS)
    review = find_review(org_id, review_id)
    if review.finished_at is not None:
        raise RefusedError(FINISHED)
    if note != review.note and noted != version_of(review.note):
        raise NotedError
    _check_part_of(org_id, review, {*was, *seen})
    db.session.execute(update(MemberReview).where(MemberReview.id == review.id).values(note=note))
    ticks = (MemberReviewTick.review_id == review.id, MemberReviewTick.event_id.in_(sorted({*was, *seen})))
    known = set(db.session.scalars(select(MemberReviewTick.event_id).where(*ticks)))
    gone, new = known - set(seen), set(seen) - known
    if gone:
        theirs = (MemberReviewTick.review_id == review.id, MemberReviewTick.event_id.in_(sorted(gone)))
        db.session.execute(delete(MemberReviewTick).where(*theirs))
    if new:
        now = clock.now()
        row = {"review_id": review.id, "org_id": org_id, "person_id": by.person_id, "ticked_at": now}
        db.session.execute(insert(MemberReviewTick), [{**row, "event_id": id_} for id_ in sorted(new)])
    return find_review(org_id, review_id)


def finish(org_id: int, by: SignedIn, review_id: str, *, anyway: bool, address: str, origin: Origin) -> Review:
    """
    Close a review, and record it with its *address*, for the way back; RefusedError if it is closed already.

    Raises UnseenError, and changes nothing, if entries were not seen, unless it is to be closed *anyway*.
    """
    take_charge(org_id, by, Right.REVIEW_MEMBERS)
    review = find_review(org_id, review_id)
    if review.finished_at is None and review.unseen and not anyway:
        raise UnseenError
    known = people.find_known(org_id, review.ref)
    if known is None:
        raise MissingError
    now = clock.now()
    until = min(review.until, ids.first_id_at(now))  # the entry that it becomes is no part of it
    invitation = _invitation_in(org_id, review)
    values = {
        "finisher_id": by.person_id,
        "finished_at": now,
        "until_id": until,
        "entries": review.entries,
        "invitation_id": invitation.id if invitation else review.invitation_id,
    }
    is_open = (MemberReview.id == review.id, MemberReview.finished_at.is_(None))
    if not db.session.connection().execute(update(MemberReview).where(*is_open).values(values)).rowcount:
        raise RefusedError(FINISHED)
    facts = {"seen": f"{review.seen:,} of {review.entries:,}{'' if review.exact else '+'} entries"}
    if review.note:
        facts["note"] = review.note
    target = Target("member", str(review.person_id), known.name, url=address)
    record(_ACTIONS[review.kind], org_id=org_id, actor=by.actor, target=target, facts=facts, origin=origin)
    return find_review(org_id, review_id)


def _check_part_of(org_id: int, review: Review, given: set[int]) -> None:
    if given and (invitation := _invitation_in(org_id, review)):
        given = given - {invitation.id}
    if not given:
        return
    low, high = max(min(given), review.since), min(max(given) + 1, review.until)
    rows: Sequence[Row] = lives.find_stretch(org_id, review.ref, low, high).rows if low < high else ()
    if given - {row.id for row in rows}:
        raise MissingError


def _invitation(org_id: int, kind: Kind, ref: ActorRef) -> Row | None:
    """Return the entry by which a joiner was invited: it is by somebody else, about nobody here, and tells of them."""
    known = people.find_known(org_id, ref) if kind is Kind.JOINING else None
    return people.find_invitation(org_id, known) if known else None


def _invitation_in(org_id: int, review: Review) -> Row | None:
    """Return the invitation if it is part of a review: of one that is finished, the entry that was so then."""
    if review.finished_at is None:
        return _invitation(org_id, review.kind, review.ref)
    return lives.find_entry(org_id, review.invitation_id) if review.invitation_id is not None else None


def _all(org_id: int) -> Select[*tuple[Any, ...]]:
    starter, finisher = aliased(Person), aliased(Person)
    ticks = MemberReviewTick.review_id == MemberReview.id
    # What was purged since is no part of a review that is open; what one was finished with stays.
    is_there = exists().where(Event.org_id == org_id, Event.id == MemberReviewTick.event_id)
    counts = or_(MemberReview.finished_at.is_not(None), is_there)
    seen = select(func.count()).where(ticks, counts).scalar_subquery()
    before = (ticks, MemberReview.finished_at.is_(None), MemberReviewTick.event_id < MemberReview.since_id)
    invitation = select(func.min(MemberReviewTick.event_id)).where(*before).scalar_subquery()
    return (
        select(
            MemberReview.id,
            MemberReview.person_id,
            MemberReview.kind,
            MemberReview.zone,
            MemberReview.since_id,
            MemberReview.until_id,
            MemberReview.note,
            starter.name,
            MemberReview.started_at,
            finisher.name,
            MemberReview.finished_at,
            MemberReview.entries,
            seen,
            func.coalesce(MemberReview.invitation_id, invitation),
        )
        .join_from(MemberReview, starter, starter.id == MemberReview.starter_id)
        .outerjoin(finisher, finisher.id == MemberReview.finisher_id)
        .where(MemberReview.org_id == org_id)
    )


def _review(org_id: int, *row: Any) -> Review:
    *told, entries, seen, invitation_id = row
    id_, person_id, kind, zone, since, until, note, starter, started, finisher, finished = told
    exact, kind = True, Kind(kind)
    if entries is None:
        ref = ActorRef(ActorType.MEMBER, str(person_id))
        number = lives.count_stretch(org_id, ref, since, until)
        # Once it is ticked it counts, even if it is not found any more: it is known by the address it went to.
        invited = invitation_id is not None or _invitation(org_id, kind, ref) is not None
        entries, exact = number.number + invited, number.exact
    who = (starter, started, finisher, finished)
    return Review(id_, person_id, kind, zone, since, until, note, *who, entries, seen, exact, invitation_id)
