"""The page to print: what a view of the log shows, newest first, on one plain page with full times."""

from typing import NamedTuple

from flask import make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from auditweb import catalogue, clock, ids
from auditweb.catalogue import Category
from auditweb.parties import ActorRef
from auditweb.reading import days
from auditweb.reading.counts import count
from auditweb.reading.filters import LogFilter
from auditweb.reading.names import names_in
from auditweb.reading.pages import LARGEST, Page, Row, check_action, find_page
from auditweb.viewer import ActorProfile
from auditweb.web import figures
from auditweb.web.actor_kinds import kind_of
from auditweb.web.foreign_text import visible, visible_text
from auditweb.web.htmx import private
from auditweb.web.rows import flags_of
from auditweb.web.times import Clock, exact, is_late
from auditweb.web.viewing import absolute, asked, current_viewer

MOST = 2_000  # entries on the page


class Line(NamedTuple):
    """An entry as it is printed; texts of others are markup in which nothing hides."""

    time: str
    category: str
    sentence: Markup
    flags: Markup
    actor: Markup
    kind: str
    via: Markup | None
    entry: str


def index(org: str) -> ResponseReturnValue:
    """Show the newest entries of a view, as many as fit a page, and say how many are not on it."""
    viewer = current_viewer()
    wanted = asked(viewer, request.args).at()
    now = clock.now()
    page = _read(wanted)
    if not page.rows:
        check_action(wanted)
    counted = count(wanted, now=now).categories[wanted.category]
    refs = {ActorRef(row.actor_type, row.actor_id) for row in page.rows}
    profiles = viewer.actors(refs | ({wanted.actor} if wanted.actor else set()))
    told = Clock(now, viewer.zone, absolute=True)
    base = url_for("audit_log.index", org=org)
    shown = render_template(
        "audit_log/print.html",
        viewer=viewer,
        words=visible_text(wanted.describe(names_in(wanted, page, profiles))),
        lines=[_line(row, told, profiles.get(ActorRef(row.actor_type, row.actor_id))) for row in page.rows],
        shown=figures.entries(len(page.rows)),
        counted=figures.headed(counted),
        has_more=page.has_older,
        searched_to=None if page.searched_to is None else exact(told.local(page.searched_to)),
        zone_place=days.place(viewer.zone),
        made=exact(now.astimezone(told.zone)),
        address=absolute(base + wanted.pinned(now).query()),
        back=base + wanted.query(),
        export=f"{base}/export{wanted.query()}",
    )
    return private(make_response(shown))


def _read(wanted: LogFilter) -> Page:
    """Return the newest entries up to MOST as one page; where a search took too long, what it found until then."""
    rows: list[Row] = []
    while True:
        page = find_page(wanted, size=min(LARGEST, MOST - len(rows)))
        rows += page.rows
        if page.searched_to is not None or not page.has_older or len(rows) >= MOST:
            return Page(rows, has_newer=False, has_older=page.has_older, searched_to=page.searched_to)
        wanted = wanted.at(before=rows[-1].id)


def _line(row: Row, told: Clock, profile: ActorProfile | None) -> Line:
    return Line(
        exact(told.local(row.id)),
        Category(row.category).label,
        visible(row.summary),
        flags_of(catalogue.find(row.action), row.facts, row.outcome, late=is_late(row.id, row.recorded_at)),
        visible(row.actor_name),
        kind_of(ActorRef(row.actor_type, row.actor_id), profile).badge,
        None if row.via_type is None else visible(row.via_name or row.via_id or ""),
        ids.to_text(row.id),
    )
