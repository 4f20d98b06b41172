"""The log itself: one address whose query string is the whole state, answered as a page or as its changing part."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from flask import Blueprint, current_app, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import ServiceUnavailable

from auditweb import clock
from auditweb.database import TooSlow
from auditweb.extensions import db
from auditweb.parties import ActorRef
from auditweb.reading import days
from auditweb.reading.filters import LogFilter
from auditweb.reading.names import names_in
from auditweb.reading.numbers import Numbers, find_numbers
from auditweb.reading.pages import Page, check_action, find_page
from auditweb.reading.parameters import BadFilter
from auditweb.viewer import ActorProfile, Viewer
from auditweb.web import actors, coverage, entry, jumps, new_entries, printing
from auditweb.web.assets import asset_url
from auditweb.web.controls import Controls
from auditweb.web.foreign_text import visible_text
from auditweb.web.htmx import IN_PAGE, private, render, wants_fragment
from auditweb.web.pager import Link
from auditweb.web.ready_views import READY
from auditweb.web.rows import Presenter
from auditweb.web.times import Clock
from auditweb.web.viewing import absolute, asked, current_viewer, has_pages

bp = Blueprint("audit_log", __name__)
bp.add_url_rule("/entries/<spelled>", "entry", entry.show)
bp.add_url_rule("/entries/<spelled>.json", "entry_json", entry.as_json)
bp.add_url_rule("/actors", "actors", actors.index)
bp.add_url_rule("/go", "go", jumps.index)
bp.add_url_rule("/new", "new", new_entries.index)
bp.add_url_rule("/print", "printable", printing.index)
bp.add_url_rule("/coverage", "coverage", coverage.index)


@bp.get("")
def index(org: str) -> ResponseReturnValue:
    """List the organisation's entries, newest first, narrowed by the filter in the URL."""
    viewer = current_viewer()
    wanted = asked(viewer, request.args)
    base = url_for("audit_log.index", org=org)
    if list(request.args.items(multi=True)) != list(wanted.to_args().items()):
        return private(make_response(redirect(base + wanted.query())))  # equal filters have equal addresses
    now = clock.now()
    page = find_page(wanted, now=now)
    if not page.rows:
        check_action(wanted)
    numbers = find_numbers(wanted, page, now, viewer.zone)
    profiles = viewer.actors(_refs(wanted, page))
    shown = context(viewer, wanted, page, numbers, profiles, base=base, now=now)
    if not wants_fragment():
        shown |= {"views": viewer.views(), "ready": READY}
    return render("audit_log/index.html", "audit_log/_fragment.html", **shown)


@bp.errorhandler(BadFilter)
def show_bad_filter(problem: BadFilter) -> ResponseReturnValue:
    """Say what is wrong with a link, and lead back: to the same without the wrong part, and to the whole log."""
    viewer = current_viewer()
    reason = visible_text(problem.reason)
    if wants_fragment():
        response = make_response(reason, 400)
        response.mimetype = "text/plain"
        return private(response)
    base = url_for("audit_log.index", org=viewer.org_slug)
    rest = _readable_rest(viewer, problem)
    profiles = viewer.actors([rest.actor]) if rest and rest.actor else {}
    nothing = Page((), has_newer=False, has_older=False)
    page = render_template(
        "audit_log/bad_filter.html",
        reason=reason,
        base=base,
        whole="the whole log",
        rest=base + rest.query() if rest and rest.to_args() else "",
        rest_description=visible_text(rest.describe(names_in(rest, nothing, profiles))) if rest else "",
    )
    return private(make_response(page, 400))


@bp.errorhandler(TooSlow)
def show_too_slow(_problem: TooSlow) -> ResponseReturnValue:
    """Say that a question takes too long, and offer narrower ones: an answer that leaves out would lie."""
    db.session.rollback()
    if "viewer" not in g:  # not the question took so long: the database could not even tell who asks it
        return current_app.handle_user_exception(ServiceUnavailable())
    viewer = current_viewer()
    reason = "The answer was not found within a few seconds. Narrow the question by dates, an actor or a category."
    if wants_fragment():
        response = make_response(reason, 503)
        response.mimetype = "text/plain"
        return private(response)
    try:
        wanted = asked(viewer, request.args).at()
    except BadFilter:  # the list of actors and the way to a page have parameters of their own
        wanted = asked(viewer, MultiDict())
    page = render_template(
        "audit_log/too_slow.html",
        reason=reason,
        base=url_for("audit_log.index", org=viewer.org_slug),
        again=request.full_path.removesuffix("?"),
        ways=list(_narrower(wanted)),
    )
    return private(make_response(page, 503))


def context(
    viewer: Viewer,
    wanted: LogFilter,
    page: Page,
    numbers: Numbers,
    profiles: Mapping[ActorRef, ActorProfile],
    *,
    base: str,
    now: datetime,
) -> dict[str, object]:
    """Return all that the templates of the page and of its fragment need, asking nothing more of the database."""
    told = Clock(now, viewer.zone, absolute=viewer.absolute_times)
    sprite = asset_url("vendor/icons.svg")
    pages = has_pages()
    controls = Controls(viewer, wanted, page, numbers, told, names_in(wanted, page, profiles), base=base, pages=pages)
    presenter = Presenter(told, profiles, base=base, sprite=sprite, words=wanted.words, pages=pages, flagged=page.flags)
    return {
        "viewer": viewer,
        "base": base,
        "in_page": IN_PAGE,
        "sprite": sprite,
        "wanted": wanted,
        "numbers": numbers,
        "days": presenter.days(page.rows),
        "zone_place": days.place(viewer.zone),
        "kept": f"for {days.period(viewer.retention_months)}" if viewer.retention_months else "for good",
        "controls": controls,
        "lasting": absolute(base + controls.lasting),
        "exact": absolute(base + controls.exact),
        "share": f"{base}/share{wanted.at().query()}" if viewer.may_share_log and not wanted.flag else "",
    }


def _narrower(wanted: LogFilter) -> Iterator[Link]:
    """Return questions like this one that are quicker to answer."""
    if not wanted.dated:
        yield Link("Only the last 7 days", wanted.with_(last="7d").query())
    if wanted.q:
        yield Link("Without the search", wanted.without("q").query())


def _refs(wanted: LogFilter, page: Page) -> set[ActorRef]:
    """Return everyone whom a page names, the actor asked for included, so that one query tells of all."""
    refs = {(row.actor_type, row.actor_id) for row in page.rows}
    refs.update((row.via_type, row.via_id) for row in page.rows if row.via_type and row.via_id)
    if wanted.actor:
        refs.add(wanted.actor)
    return {ActorRef(*ref) for ref in refs}


def _readable_rest(viewer: Viewer, problem: BadFilter) -> LogFilter | None:
    """Return what can be read of the address when the wrong parts are left away, or None if nothing can."""
    wrong = set(problem.fields)
    for _ in range(len(request.args)):
        rest = [(name, value) for name, value in request.args.items(multi=True) if name not in wrong]
        try:
            return asked(viewer, MultiDict(rest))
        except BadFilter as another:
            wrong.update(another.fields)
    return None
