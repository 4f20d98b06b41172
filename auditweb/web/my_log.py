"""
One's own part of the log, for every member: what they did, and sign-ins to their account.

Whose it is comes from the session and from nothing that can be asked for, so that no address widens it.
"""

from collections.abc import Iterator

from flask import Blueprint, abort, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.utils import cached_property

from auditweb import clock, ids
from auditweb.accounts.viewers import MemberViewer
from auditweb.catalogue import Category
from auditweb.models import Event
from auditweb.parties import ActorRef
from auditweb.reading import days
from auditweb.reading.filters import LogFilter, query_of
from auditweb.reading.own_log import find_own_event, find_own_page
from auditweb.reading.pages import Page, Row
from auditweb.reading.parameters import BadFilter
from auditweb.web.assets import asset_url
from auditweb.web.details import Details
from auditweb.web.foreign_text import visible_text
from auditweb.web.gate import member_of
from auditweb.web.htmx import IN_PAGE, private, render, wants_fragment
from auditweb.web.pager import Link, Pager
from auditweb.web.rows import TILES, Presenter
from auditweb.web.times import Clock
from auditweb.web.viewing import absolute, asked

FILTERS = ("category", "before", "after", "oldest")

bp = Blueprint("my_log", __name__, url_prefix="/o/<org>/my-log")


@bp.get("")
def index(org: str) -> ResponseReturnValue:
    """List the person's own entries, newest first."""
    viewer = member_of(org)
    wanted = _asked(viewer)
    base = url_for("my_log.index", org=org)
    if list(request.args.items(multi=True)) != list(wanted.to_args().items()):
        return private(make_response(redirect(base + wanted.query())))
    page = find_own_page(wanted, viewer.ref)
    told, sprite = Clock(clock.now(), viewer.zone, absolute=viewer.absolute_times), asset_url("vendor/icons.svg")
    profiles = viewer.actors({ActorRef(*ref) for row in page.rows for ref in _refs(row)})
    return render(
        "my_log/index.html",
        "my_log/_fragment.html",
        viewer=viewer,
        base=base,
        in_page=IN_PAGE,
        sprite=sprite,
        wanted=wanted,
        days=Presenter(told, profiles, base=base, sprite=sprite, narrows=False).days(page.rows),
        zone_place=days.place(viewer.zone),
        controls=OwnControls(viewer, wanted, page, told),
    )


@bp.get("/entries/<spelled>")
def entry(org: str, spelled: str) -> ResponseReturnValue:
    """Show one of the person's own entries; another's and a missing one get the same 404."""
    viewer = member_of(org)
    event = _found(viewer, spelled)
    base, sprite = url_for("my_log.index", org=org), asset_url("vendor/icons.svg")
    told = Clock(clock.now(), viewer.zone, absolute=viewer.absolute_times)
    profiles = viewer.actors({ActorRef(*ref) for ref in _refs(event)})
    presenter = Presenter(told, profiles, base=base, sprite=sprite, narrows=False)
    return render(
        "my_log/entry.html",
        "my_log/_detail_row.html",
        viewer=viewer,
        base=base,
        sprite=sprite,
        spelled=spelled,
        summary=visible_text(event.summary),
        details=Details(event, told, profiles, presenter, base=base),
        permalink=absolute(f"{base}/entries/{spelled}"),
    )


@bp.errorhandler(BadFilter)
def show_bad_filter(problem: BadFilter) -> ResponseReturnValue:
    """Say what is wrong with a link, and lead back."""
    reason = visible_text(problem.reason)
    if wants_fragment():
        response = make_response(reason, 400)
        response.mimetype = "text/plain"
        return private(response)
    base = url_for("my_log.index", org=(request.view_args or {})["org"])
    page = render_template(
        "audit_log/bad_filter.html", reason=reason, base=base, whole="my log", rest="", rest_description=""
    )
    return private(make_response(page, 400))


class OwnControls:
    """The controls around one page of somebody's own log."""

    def __init__(self, viewer: MemberViewer, wanted: LogFilter, page: Page, clock: Clock) -> None:
        self._viewer = viewer
        self._wanted = wanted
        self._page = page
        self._clock = clock

    @property
    def title(self) -> str:
        """Name the page, its place included: "Vehicles, before 22 Nov 20:18 · My log"."""
        category = self._wanted.category
        return " · ".join(filter(None, (", ".join(filter(None, (category and category.label, self._place))), "My log")))

    @property
    def status(self) -> str:
        """Say what has just appeared, for those who cannot see it appear."""
        subject = self._wanted.category.label if self._wanted.category else "All entries"
        if not self._page.rows:
            return f"No entries. {subject}"
        return f"{self.pager.spoken}, {self._place or 'newest first'}. {subject}"

    @property
    def tabs(self) -> Iterator[Link]:
        yield Link("All", query_of({}), self._wanted.category is None, "tab-all")
        for category in Category:
            here = category is self._wanted.category
            yield Link(category.label, query_of({"category": category.value}), here, f"tab-{TILES[category][0][2:]}")

    @cached_property
    def pager(self) -> Pager:
        return Pager(self._viewer, self._wanted, self._page, self._clock, None, None, self._href)

    @property
    def _place(self) -> str:
        wanted, told = self._wanted, self._clock
        if wanted.before is not None:
            return f"before {told.place(told.local(wanted.before))}"
        if wanted.after is not None and self._page.has_newer:
            return f"after {told.place(told.local(wanted.after))}"
        return "oldest" if wanted.oldest and self._page.has_newer else ""

    def _href(self, **place: str) -> str:
        return query_of(self._wanted.at().to_args() | place)


def _asked(viewer: MemberViewer) -> LogFilter:
    """Read which category and which page is asked for; raises BadFilter for all else."""
    for name in request.args:
        if name not in FILTERS:
            raise BadFilter(name, f"Your own log has no filter called “{name[:40]}”.")
    return asked(viewer, request.args)


def _found(viewer: MemberViewer, spelled: str) -> Event:
    try:
        event_id = ids.from_text(spelled)
    except ValueError:
        raise BadFilter("entry", "The address of this entry seems to have been cut short or changed.") from None
    event = find_own_event(viewer.org_id, event_id, viewer.ref)
    if event is None:
        abort(404)
    return event


def _refs(row: Event | Row) -> Iterator[tuple[str, str]]:
    """Return who acted, and through what."""
    yield row.actor_type, row.actor_id
    if row.via_type and row.via_id:
        yield row.via_type, row.via_id
