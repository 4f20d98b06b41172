"""
`/people/<ref>`: one actor at a glance, their first week and their last.

It is attached to the log from outside: who people are, only the accounts know.
"""

from dataclasses import replace
from datetime import date, timedelta
from typing import NamedTuple, cast

from flask import Blueprint, Response, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from auditweb import clock, ids
from auditweb.accounts.permissions import Right
from auditweb.accounts.viewers import MemberViewer
from auditweb.database import TooSlow
from auditweb.insights import people as rules
from auditweb.insights.reviews import Kind
from auditweb.parties import ActorRef
from auditweb.reading import days, lives
from auditweb.reading.counts import Count, count_total
from auditweb.reading.filters import LogFilter
from auditweb.reading.parameters import BadFilter
from auditweb.web import audit_log, figures, reviews
from auditweb.web.assets import asset_url
from auditweb.web.foreign_text import visible_text
from auditweb.web.glance import Glance
from auditweb.web.htmx import private
from auditweb.web.paths import read
from auditweb.web.subjects import FIRST, LAST, Subject, after_of, aftermath_of, days_of, find_subject, log_of, week_of
from auditweb.web.timeline import Day
from auditweb.web.viewing import asked, current_viewer

PARTS = {"": "At a glance", FIRST: "First week", LAST: "Last week"}

bp = Blueprint("people", __name__)
bp.register_error_handler(BadFilter, audit_log.show_bad_filter)
bp.register_error_handler(TooSlow, audit_log.show_too_slow)


class Week(NamedTuple):
    """Seven days of a life: in words, how many entries they have, and these."""

    span: str
    did: str
    did_href: str
    about: str
    about_href: str
    days: list[Day]
    more: str
    continued: bool
    earlier: str
    earlier_href: str


@bp.get("/people/<path:spelled>")
def show(org: str, spelled: str) -> ResponseReturnValue:
    """Show one actor; the same 404 for whoever no entry and no membership here knows."""
    viewer = cast(MemberViewer, current_viewer())
    subject = find_subject(viewer, read(spelled))
    part = _part()
    if part:
        return _show_week(viewer, subject, part)
    wanted = _asked(viewer, subject.ref)
    glance = Glance(viewer, subject.ref, subject.known, wanted, clock.now())
    return _render("glance", viewer, subject, part, glance=glance, aftermath=aftermath_of(viewer, subject))


def _reviews_of(viewer: MemberViewer, subject: Subject, part: str) -> dict[str, object]:
    """Return the reviews there are of somebody, and the kind of the one that can be started on this part."""
    known = subject.known
    if known is None or known.person_id is None:
        return {"reviews": [], "startable": "", "still_here": False}
    found = reviews.listed(viewer, known.person_id)
    kind = next((kind for kind, of_part in reviews.PARTS.items() if of_part == part), None)
    if kind is not None:
        found = [review for review in found if review.kind is kind]
    may = kind is not None and viewer.place.may(Right.REVIEW_MEMBERS)
    still_here = may and known.ended is None and kind is Kind.LEAVING
    is_open = any(review.finished is None for review in found)
    return {
        "reviews": found,
        "startable": kind if may and not still_here and not is_open else "",
        "still_here": still_here,
    }


def _show_week(viewer: MemberViewer, subject: Subject, part: str) -> Response:
    span = week_of(viewer, subject, part)
    week = _week(viewer, subject, part, *span) if span else None
    invitation = None
    if part == FIRST and subject.known and week and not week.continued:
        row = rules.find_invitation(viewer.org_id, subject.known)
        invitation = days_of(viewer, subject.ref, [row]) if row else None
    aftermath = aftermath_of(viewer, subject) if part == LAST else None
    return _render("week", viewer, subject, part, week=week, invitation=invitation, aftermath=aftermath)


def _week(viewer: MemberViewer, subject: Subject, part: str, first: date, final: date) -> Week:
    base, ref, now = url_for("audit_log.index", org=viewer.org_slug), subject.ref, clock.now()
    dates = {"from_": first, "to": final, "tz": viewer.zone}
    did, about = log_of(viewer, actor=ref, **dates), log_of(viewer, target=tuple(ref), **dates)
    values = did.values(now)
    after = after_of(request.args)
    since = max(int(values["since"]), after)
    stretch = lives.find_stretch(viewer.org_id, ref, since, int(values.get("until", ids.LAST_ID)))
    earlier = log_of(viewer, actor=ref, to=first - timedelta(days=1), tz=viewer.zone) if part == FIRST else None
    before = count_total(earlier, now) if earlier else Count(0)
    rows = stretch.rows
    return Week(
        span=days.span(first, final),
        did=figures.headed(count_total(did, now)),
        did_href=base + did.query(),
        about=figures.headed(count_total(about, now)),
        about_href=base + about.query(),
        days=days_of(viewer, ref, rows),
        more=f"{subject.href}?part={part}&after={ids.to_text(rows[-1].id)}" if stretch.has_more else "",
        continued=after > 0,
        earlier=figures.headed(before) if before.number else "",
        earlier_href=base + earlier.query() if earlier else "",
    )


def _render(name: str, viewer: MemberViewer, subject: Subject, part: str, **context: object) -> Response:
    page = render_template(
        f"people/{name}.html",
        viewer=viewer,
        subject=subject,
        part=part,
        part_label=PARTS[part],
        parts=[
            (value, label, f"{subject.href}?part={value}" if value else subject.href) for value, label in PARTS.items()
        ],
        base=url_for("audit_log.index", org=viewer.org_slug),
        zone_place=days.place(viewer.zone),
        sprite=asset_url("vendor/icons.svg"),
        sample=f"{lives.SAMPLE:,}",
        at_once=lives.AT_ONCE,
        **_reviews_of(viewer, subject, part),
        **context,
    )
    return private(make_response(page))


def _part() -> str:
    given = request.args.getlist("part")
    part = given[0] if given else ""
    if len(given) > 1:
        raise BadFilter("part", "The link names more than one part of this page, which shows one at a time.")
    if part not in PARTS:
        raise BadFilter("part", f"This page has no part called “{visible_text(part[:40])}”.")
    if part and (others := set(request.args) - {"part", "after"}):
        name = sorted(others)[0]
        raise BadFilter(name, f"A week is shown whole: it has no filter called “{visible_text(name[:40])}”.")
    return part


def _asked(viewer: MemberViewer, ref: ActorRef) -> LogFilter:
    """Read how the page is narrowed: by all that the log is narrowed by, but for whose entries they are."""
    for name in ("actor", "before", "after", "oldest"):
        if name in request.args:
            raise BadFilter(name, "This page is about one actor and all of their entries, wherever in the log.")
    rest = [(name, value) for name, value in request.args.items(multi=True) if name != "part"]
    return replace(asked(viewer, MultiDict(rest)), actor=ref)
