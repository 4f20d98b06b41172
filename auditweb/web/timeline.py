"""Entries in reading order: what somebody did in one column, and what others did to them beside it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from markupsafe import Markup

from auditweb import catalogue, ids
from auditweb.parties import ActorRef
from auditweb.reading.flagged import Shown
from auditweb.reading.pages import Row
from auditweb.viewer import ActorProfile
from auditweb.web.rows import Presenter, flags_of
from auditweb.web.times import Clock, is_late

_PLAIN = Markup("")


class Moment(NamedTuple):
    """An entry ready to be shown; *own* is what the person did, and *seen* whether a reviewer has ticked it."""

    spelled: str
    href: str
    machine: str
    full: str
    brief: str
    tile: Markup
    sentence: Markup
    actor: Markup
    own: bool
    seen: bool
    recorded: datetime


class Day(NamedTuple):
    """A day of the reader's zone, and what happened on it, oldest first."""

    name: Markup
    moments: list[Moment]


def presenter(
    clock: Clock,
    profiles: Mapping[ActorRef, ActorProfile],
    flagged: Mapping[int, Sequence[Shown]],
    *,
    base: str,
    sprite: str,
) -> Presenter:
    """Return what writes entries on a page that is not the log: every link leads to another page."""
    return Presenter(clock, profiles, base=base, sprite=sprite, pages=True, in_page=_PLAIN, flagged=flagged)


def refs_of(rows: Sequence[Row]) -> set[ActorRef]:
    """Return everyone whom *rows* name as acting."""
    refs = {ActorRef(row.actor_type, row.actor_id) for row in rows}
    return refs | {ActorRef(row.via_type, row.via_id) for row in rows if row.via_type and row.via_id}


def days(
    rows: Sequence[Row],
    own: ActorRef,
    clock: Clock,
    writer: Presenter,
    *,
    base: str,
    seen: Collection[int] = (),
) -> list[Day]:
    """Return the days of *rows*, which are in reading order."""
    told = [(clock.local(row.id).date(), row) for row in rows]
    return [
        Day(_heading(clock, day), [moment(row, own, clock, writer, base=base, seen=row.id in seen) for _, row in some])
        for day, some in groupby(told, key=itemgetter(0))
    ]


def moment(row: Row, own: ActorRef, clock: Clock, writer: Presenter, *, base: str, seen: bool = False) -> Moment:
    """Return one entry; its time is told by the clock, for its day stands above it."""
    action = catalogue.find(row.action)
    target = (row.target_type, row.target_id, row.target_name, row.target_url)
    sentence = writer.sentence(action, row.summary, row.facts, target)
    _, machine, full, _ = clock.tell(row.id)
    spelled = ids.to_text(row.id)
    return Moment(
        spelled,
        f"{base}/entries/{spelled}",
        machine,
        full,
        f"{clock.local(row.id):%H:%M}",
        writer.tile(row.category),
        sentence
        + flags_of(action, row.facts, row.outcome, late=is_late(row.id, row.recorded_at))
        + writer.findings(row.id),
        writer.actor(row),
        (row.actor_type, row.actor_id) == own,
        seen,
        row.recorded_at,
    )


def _heading(clock: Clock, day: date) -> Markup:
    name, told = clock.heading(day)
    return Markup("<b>{}</b> {}").format(name, told) if name else Markup(told)
