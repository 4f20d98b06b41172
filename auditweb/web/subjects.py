"""Whom a page is about, and what the pages about somebody have in common."""

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from flask import abort, url_for
from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from auditweb import clock, ids
from auditweb.accounts.permissions import Right
from auditweb.accounts.viewers import MemberViewer
from auditweb.insights import people as rules
from auditweb.insights.people import Aftermath, Known
from auditweb.parties import ActorRef
from auditweb.reading import days
from auditweb.reading.actors import find_name
from auditweb.reading.filters import LogFilter
from auditweb.reading.flagged import find_flags
from auditweb.reading.pages import Row, find_page
from auditweb.reading.parameters import BadFilter
from auditweb.web import figures, timeline
from auditweb.web.actor_kinds import Kind, avatar, badges, kind_of
from auditweb.web.assets import asset_url
from auditweb.web.foreign_text import visible, visible_text
from auditweb.web.moments import Moments
from auditweb.web.paths import person_href
from auditweb.web.timeline import Day
from auditweb.web.times import Clock

FIRST, LAST = "first-week", "last-week"
WEEK = timedelta(days=6)  # from its first day to its last


class Subject(NamedTuple):
    """Whom a page is about, ready to be shown. *name* is markup, *called* the same as plain text."""

    ref: ActorRef
    known: Known | None
    kind: Kind
    called: str
    name: Markup
    shown_ref: Markup
    note: Markup
    picture: Markup
    badges: Markup
    href: Markup
    entries: str
    settings: str
    maker: Markup

    @property
    def has_left(self) -> bool:
        return self.known is not None and self.known.ended is not None and self.known.person_id is not None


class Aftermaths(NamedTuple):
    """What happened after somebody's last day, ready to be shown."""

    found: Aftermath
    days: list[Day]
    keys: list["KeySince"]
    ended: Markup
    log: str


class KeySince(NamedTuple):
    """
    A key that somebody who left had made: how many *entries* it has since, when it was *used* last, whether it *works*.

    What there is nothing to say of is empty.
    """

    name: Markup
    href: Markup
    entries: str
    log: str
    used: str
    works: bool


def find_subject(viewer: MemberViewer, spelled: str) -> Subject:
    """Return whom an address means."""
    try:
        ref = ActorRef.parse(spelled)
    except ValueError:
        abort(404)
    if "\0" in spelled or len(ref.id) > 255:
        abort(404)
    known = rules.find_known(viewer.org_id, ref)
    if known is None and not rules.has_entries(viewer.org_id, ref):
        abort(404)
    name = known.name if known else find_name(viewer.org_id, ref) or ref.id
    kind = kind_of(ref, viewer.actors([ref]).get(ref))
    base = url_for("audit_log.index", org=viewer.org_slug)
    return Subject(
        ref,
        known,
        kind,
        visible_text(name),
        visible(name),
        visible(str(ref)),
        visible(known.note) if known else Markup(""),
        avatar(ref, name, kind, asset_url("vendor/icons.svg")),
        badges(ref, name, kind),
        person_href(base, ref),
        base + log_of(viewer, actor=ref).query(),
        _settings_of(viewer, known),
        visible(known.maker[1]) if known and known.maker else Markup(""),
    )


def aftermath_of(viewer: MemberViewer, subject: Subject) -> Aftermaths | None:
    """Return what happened after somebody's last day; None of those who are still there."""
    known = subject.known
    if known is None or known.ended is None or known.person_id is None:
        return None
    found = rules.find_aftermath(viewer.org_id, viewer.org_zone, known)
    moments, base = Moments.of(viewer), url_for("audit_log.index", org=viewer.org_slug)
    last_day = days.day_of(known.ended, viewer.zone)
    since = {"from_": last_day, "tz": viewer.zone}
    keys = [
        KeySince(
            name=visible(key.name),
            href=person_href(base, key.ref),
            entries=figures.headed(key.since) if key.since.number else "",
            log=base + log_of(viewer, actor=key.ref, **since).query(),
            used=moments.since(key.used).brief if key.used and key.was_used else "",
            works=key.works,
        )
        for key in found.keys
    ]
    return Aftermaths(
        found,
        days_of(viewer, subject.ref, found.own.rows),
        keys,
        Markup('<time datetime="{0.machine}" title="{0.full}">{0.brief}</time>').format(moments.day(known.ended)),
        base + log_of(viewer, actor=subject.ref, **since).query(),
    )


def days_of(viewer: MemberViewer, own: ActorRef, rows: Sequence[Row], *, seen: Collection[int] = ()) -> list[Day]:
    """Return rows as days of the reader's zone, in reading order."""
    told = Clock(clock.now(), viewer.zone, absolute=viewer.absolute_times)
    base = url_for("audit_log.index", org=viewer.org_slug)
    profiles = viewer.actors(timeline.refs_of(rows))
    flagged = find_flags(viewer.org_id, [row.id for row in rows])
    writer = timeline.presenter(told, profiles, flagged, base=base, sprite=asset_url("vendor/icons.svg"))
    return timeline.days(rows, own, told, writer, base=base, seen=seen)


def week_of(viewer: MemberViewer, subject: Subject, part: str) -> tuple[date, date] | None:
    """Return the first and the last day of somebody's first or last week; None for whom nothing tells when."""
    known, first = subject.known, part == FIRST
    moment = (known.began if first else known.ended) if known else None
    if moment is None:
        rows = find_page(log_of(viewer, actor=subject.ref).at(oldest=first), size=1).rows
        moment = ids.moment_of(rows[0].id) if rows else None
    if moment is None and known:
        # Who has no entry may have been here: reading leaves none.
        moment = known.began if first or known.seen is None else known.seen
    if moment is None:
        return None
    day = days.day_of(moment, viewer.zone)
    return (day, day + WEEK) if first else (day - WEEK, day)


def after_of(args: MultiDict[str, str]) -> int:
    """Return the first id that a page goes on with, after the entry that its address names; 0 at the beginning."""
    after = args.get("after")
    if after is None:
        return 0
    try:
        return min(ids.from_text(after) + 1, ids.LAST_ID)
    except ValueError:
        raise BadFilter("after", "The link does not say after which entry the page goes on.") from None


def log_of(viewer: MemberViewer, **filters: object) -> LogFilter:
    """Return a question about the log of *viewer*, narrowed by these filters."""
    return LogFilter(org_id=viewer.org_id, org_zone=viewer.org_zone, **filters)  # type: ignore[arg-type]


def _settings_of(viewer: MemberViewer, known: Known | None) -> str:
    """Return where a member or a key is looked after, for those who may."""
    if known is None or (known.person_id is not None and known.ended is not None):
        return ""
    if known.person_id is not None:
        may = viewer.place.may(Right.MANAGE_TEAM)
        return url_for("team.member", org=viewer.org_slug, person_id=known.person_id) if may else ""
    may = viewer.place.may(Right.MANAGE_KEYS)
    return url_for("api_keys.show", org=viewer.org_slug, key_id=known.ref.id) if may else ""
