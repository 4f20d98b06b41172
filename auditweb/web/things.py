"""`/targets/<type>/<id>`: every entry about one thing, and who touched it."""

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from flask import Blueprint, abort, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from werkzeug.utils import cached_property

from auditweb import clock, ids
from auditweb.catalogue import Category
from auditweb.database import TooSlow
from auditweb.parties import ActorRef, ActorType
from auditweb.reading import days, lives
from auditweb.reading.counts import Count, count_total
from auditweb.reading.filters import LogFilter, query_of
from auditweb.reading.names import names_in
from auditweb.reading.pages import Page, Row, find_page
from auditweb.reading.parameters import LONGEST_ID, BadFilter
from auditweb.viewer import Viewer
from auditweb.web import audit_log, figures
from auditweb.web.actor_kinds import avatar, kind_of
from auditweb.web.assets import asset_url
from auditweb.web.by_day import ByDay
from auditweb.web.foreign_text import visible, visible_text
from auditweb.web.htmx import private
from auditweb.web.pager import Pager
from auditweb.web.paths import person_href, read, thing_href
from auditweb.web.rows import TILES, Presenter, is_address
from auditweb.web.times import Clock
from auditweb.web.viewing import asked, current_viewer, has_pages

MOST_SHOWN = 24  # of those who touched it
_ANYTHING = ("", "layers")
_KINDS = {
    "organisation": Category.ORGANISATION,
    "member": Category.TEAM,
    "group": Category.TEAM,
    "api_key": Category.ORGANISATION,
    "vehicle": Category.VEHICLES,
    "customer": Category.CUSTOMERS,
    "document": Category.DOCUMENTS,
    "shipment": Category.SHIPMENTS,
    "supplier": Category.SUPPLIERS,
}

bp = Blueprint("things", __name__)
bp.register_error_handler(BadFilter, audit_log.show_bad_filter)
bp.register_error_handler(TooSlow, audit_log.show_too_slow)


class Touch(NamedTuple):
    """Somebody who did something to a thing: their picture, their name, how often, and the way to those entries."""

    picture: Markup
    name: Markup
    number: str
    href: str


class End(NamedTuple):
    """The first or the newest entry about a thing: when it was, by whom, and the ways to both."""

    term: str
    machine: str
    full: str
    brief: str
    href: str
    name: Markup
    who: Markup


@bp.get("/targets/<type_>/<path:spelled>")
def show(org: str, type_: str, spelled: str) -> ResponseReturnValue:
    """Show the entries about one thing, newest first; a thing that no entry here knows gets a 404."""
    viewer = current_viewer()
    target = (read(type_), read(spelled))
    wanted = _asked(viewer, target)
    now = clock.now()
    page = find_page(wanted, now=now)
    if not page.rows and not lives.is_target(viewer.org_id, *target):
        abort(404)
    thing = Thing(viewer, wanted, page, now)
    response = make_response(
        render_template(
            "targets/show.html",
            viewer=viewer,
            thing=thing,
            glance=thing,
            wanted=wanted,
            days=thing.days,
            caption=f"Entries about {thing.called}",
            base=thing.base,
            zone_place=days.place(viewer.zone),
            sample=f"{lives.SAMPLE:,}",
        )
    )
    return private(response)


class Thing:
    """What the page about a thing shows: the *page* of entries about it that is *wanted*, and what they add up to."""

    def __init__(self, viewer: Viewer, wanted: LogFilter, page: Page, now: datetime) -> None:
        assert wanted.target is not None
        self.base = url_for("audit_log.index", org=viewer.org_slug)
        self._viewer = viewer
        self._wanted = wanted
        self._page = page
        self._now = now
        self._clock = Clock(now, viewer.zone, absolute=viewer.absolute_times)
        self._sprite = asset_url("vendor/icons.svg")
        self.type, self.id = wanted.target

    @cached_property
    def called(self) -> str:
        """What it is called in its newest entry, as plain text."""
        named = self._newest or next(iter(self._page.rows), None)
        return visible_text((named.target_name if named else None) or self.id)

    @property
    def kind(self) -> str:
        return visible_text(self.type.replace("_", " ").capitalize().replace("Api ", "API "))

    @property
    def tile(self) -> tuple[str, str]:
        """Return the colour and the icon of what it is, as the log has them for its category."""
        return TILES[_KINDS[self.type]] if self.type in _KINDS else _ANYTHING

    @property
    def ref(self) -> Markup:
        return visible(f"{self.type}:{self.id}")

    @property
    def href(self) -> Markup:
        return thing_href(self.base, self.type, self.id)

    @property
    def entries(self) -> str:
        return self.base + self._wanted.at().query()

    @property
    def itself(self) -> str:
        """The address of the thing, where its host gave one with the newest entry."""
        url = self._newest.target_url if self._newest else None
        return url if url and is_address(url) else ""

    @property
    def person(self) -> Markup:
        """The address of the page about it as one who acts, if it is somebody or a key; else nothing."""
        acts = self.type in (ActorType.MEMBER, ActorType.API_KEY) and has_pages()
        return person_href(self.base, ActorRef(self.type, self.id)) if acts else Markup("")

    @property
    def narrowed(self) -> str:
        """Say what the page is narrowed to; nothing where it is not."""
        if not replace(self._wanted, target=None).narrows:
            return ""
        actors = self._viewer.actors([self._wanted.actor]) if self._wanted.actor else {}
        return visible_text(self._wanted.describe(names_in(self._wanted, self._page, actors), within=True))

    @property
    def days(self) -> list[tuple[Markup, Markup]]:
        refs = {ActorRef(row.actor_type, row.actor_id) for row in self._page.rows}
        refs |= {ActorRef(row.via_type, row.via_id) for row in self._page.rows if row.via_type and row.via_id}
        presenter = Presenter(
            self._clock,
            self._viewer.actors(refs),
            base=self.base,
            sprite=self._sprite,
            words=self._wanted.words,
            pages=has_pages(),
            in_page=Markup(""),
            flagged=self._page.flags,
        )
        return presenter.days(self._page.rows)

    @property
    def ends(self) -> list[End]:
        """Return who did something to it last, and who first."""
        return [
            self._end(term, row) for term, row in (("Last", self._newest), ("First", self._oldest)) if row is not None
        ]

    @property
    def total(self) -> str:
        return figures.headed(self._total)

    @cached_property
    def pager(self) -> Pager:
        position = 1 if not self._page.has_newer else None
        return Pager(self._viewer, self._wanted, self._page, self._clock, position, self._total, self._query)

    @property
    def unsearched(self) -> str:
        """Say which entries a search left out when its time was over; nothing if it left out none."""
        if self._page.searched_to is None:
            return ""
        return "Newer" if self._wanted.oldest or self._wanted.after is not None else "Older"

    @cached_property
    def touchers(self) -> list[Touch]:
        found, _ = self._touched
        profiles = self._viewer.actors([each.ref for each in found])
        return [
            Touch(
                avatar(each.ref, each.name, kind_of(each.ref, profiles.get(each.ref)), self._sprite),
                visible(each.name),
                f"{each.number:,}",
                self.base + self._wanted.with_(actor=each.ref).query(),
            )
            for each in found[:MOST_SHOWN]
        ]

    @property
    def touched(self) -> str:
        """Say of which entries those are told who touched it."""
        found, is_all = self._touched
        many = f"{len(found):,} actors did something to it" if len(found) > 1 else "One actor did something to it"
        more = f", the last {MOST_SHOWN} of them here" if len(found) > MOST_SHOWN else ""
        return f"{many}{more}." if is_all else f"{many}{more}, in the last {lives.SAMPLE:,} entries."

    @cached_property
    def by_day(self) -> ByDay | None:
        if self._newest is None or self._oldest is None:
            return None
        return ByDay(self.base, self._wanted.at(), self._viewer.zone, self._now, self._oldest, self._newest)

    @cached_property
    def _touched(self) -> tuple[list[lives.Toucher], bool]:
        return lives.find_touchers(self._wanted.at(), self._now)

    @cached_property
    def _total(self) -> Count:
        return count_total(self._wanted.at(), self._now)

    @cached_property
    def _newest(self) -> Row | None:
        if not self._page.has_newer and self._page.rows:
            return self._page.rows[0]
        return next(iter(find_page(self._wanted.at(), size=1, now=self._now).rows), None)

    @cached_property
    def _oldest(self) -> Row | None:
        if not self._page.has_older and self._page.rows:
            return self._page.rows[-1]
        return next(iter(find_page(self._wanted.at(oldest=True), size=1, now=self._now).rows), None)

    def _end(self, term: str, row: Row) -> End:
        _, machine, full, _ = self._clock.tell(row.id)
        ref = ActorRef(row.actor_type, row.actor_id)
        moment = ids.moment_of(row.id)
        href = f"{self.base}/entries/{ids.to_text(row.id)}"
        who = person_href(self.base, ref) if has_pages() else Markup("")
        return End(term, machine, full, self._clock.alone(moment), href, visible(row.actor_name), who)

    def _query(self, **place: str) -> str:
        args = {name: value for name, value in self._wanted.at().to_args().items() if name != "target"}
        return query_of(args | place)


def _asked(viewer: Viewer, target: tuple[str, str]) -> LogFilter:
    """Read how the page is narrowed: by all that the log is narrowed by, but for what the entries are about."""
    if "target" in request.args:
        raise BadFilter("target", "This page is about one thing, which its address names.")
    if not all(target) or any("\0" in part for part in target) or len(":".join(target)) > LONGEST_ID * 2:
        abort(404)
    return replace(asked(viewer, request.args), target=target)
