"""
`/slices/<id>`: a shared part of the log, read by somebody outside: tabs, filters, search and pages within it.

Each view has an address that a colleague can open who has opened the same link. Whatever an address asks for that is
not in the share gets the answer of a share that is not open.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from auditweb import catalogue, clock, holding, ids
from auditweb.accounts import directory
from auditweb.holding import HeldError
from auditweb.parties import LINK_HOLDER, ActorRef
from auditweb.reading import days
from auditweb.reading.filters import LogFilter
from auditweb.reading.numbers import find_numbers
from auditweb.reading.pages import Row, WholeRow
from auditweb.reading.parameters import BadFilter
from auditweb.sharing.bounds import OutsideError
from auditweb.sharing.masking import Mask
from auditweb.sharing.opening import ClosedError, Slice, find_slice
from auditweb.sharing.reading import SliceReader
from auditweb.viewer import ActorProfile, NamedView
from auditweb.web import gate
from auditweb.web.assets import asset_url
from auditweb.web.details import Details
from auditweb.web.foreign_text import visible, visible_lines, visible_text
from auditweb.web.htmx import IN_PAGE, private, render, wants_fragment
from auditweb.web.moments import Moments
from auditweb.web.rows import Presenter
from auditweb.web.shared import show_closed
from auditweb.web.slice_controls import SliceControls, uncounted
from auditweb.web.slice_cookies import has_opened
from auditweb.web.times import Clock
from auditweb.web.viewing import absolute

bp = Blueprint("slices", __name__, url_prefix="/slices/<slice_id>")
bp.register_error_handler(OutsideError, show_closed)


@bp.errorhandler(HeldError)
def show_held(_error: HeldError) -> ResponseReturnValue:
    """Say that others are searching: with masks that goes through the entries, and only so many may at a time."""
    reason = "Others are searching here at the moment. Try again in a while."
    if wants_fragment():
        response = make_response(reason, 503)
        response.mimetype = "text/plain"
    else:
        response = make_response(render_template("shared/held.html", reason=reason, again=request.full_path), 503)
    response.headers["Retry-After"] = str(holding.RETRY_AFTER)
    return private(response)


@dataclass(frozen=True, slots=True)
class SliceViewer:
    """Whoever reads a share: they see it in the zone of its days, and nothing beside it."""

    slice_: Slice

    @property
    def org_id(self) -> int:
        return self.slice_.org_id

    @property
    def for_support(self) -> bool:
        """Whether its readers are support staff, who have a list of what is shared with them."""
        return self.slice_.support_only

    @property
    def org_slug(self) -> str:
        return ""

    @property
    def org_name(self) -> str:
        return self.slice_.org_name

    @property
    def org_zone(self) -> str:
        return self.slice_.org_zone

    @property
    def retention_months(self) -> int | None:
        return None

    @property
    def name(self) -> str:
        return ""

    @property
    def ref(self) -> ActorRef:
        return LINK_HOLDER.ref

    @property
    def zone(self) -> str:
        return self.slice_.zone

    @property
    def role(self) -> str:
        return ""

    @property
    def may_read_log(self) -> bool:
        return False

    @property
    def may_share_log(self) -> bool:
        return False

    @property
    def absolute_times(self) -> bool:
        return False

    @property
    def shortcuts(self) -> bool:
        return False

    def actors(self, refs: Collection[ActorRef]) -> Mapping[ActorRef, ActorProfile]:
        return {}

    def find_actors(self, text: str, *, limit: int) -> Sequence[ActorProfile]:
        return ()

    def views(self) -> Sequence[NamedView]:
        return ()


@bp.get("")
def index(slice_id: str) -> ResponseReturnValue:
    """List what is shared, newest first, narrowed by the filter in the address."""
    slice_ = _opened(slice_id)
    asked = _asked(slice_)
    base = url_for("slices.index", slice_id=slice_id)
    if list(request.args.items(multi=True)) != list(asked.to_args().items()):
        return private(make_response(redirect(base + asked.query())))
    now = clock.now()
    reader, viewer = SliceReader(slice_), SliceViewer(slice_)
    with holding.searching(slice_.org_id) if asked.q and slice_.masks else nullcontext():
        found = reader.find_page(asked, now)
    numbers = find_numbers(found.question, found.page, now, slice_.zone) if found.counted else None
    profiles = _profiles(slice_, found.actors, found.page.rows)
    told, sprite = Clock(now, slice_.zone, absolute=False), asset_url("vendor/icons.svg")
    names = _names(asked, found.page.rows)
    controls = SliceControls(
        viewer,
        asked,
        found.page,
        numbers or uncounted(found.question, now, slice_.zone),
        told,
        names,
        base=base,
        part=slice_.part,
        counted=found.counted,
    )
    return render(
        "shared/index.html",
        "shared/_fragment.html",
        viewer=viewer,
        base=base,
        lasting=absolute(base) + controls.lasting,
        in_page=IN_PAGE,
        sprite=sprite,
        wanted=asked,
        days=Presenter(told, profiles, base=base, sprite=sprite, words=asked.words).days(found.page.rows),
        zone_place=days.place(slice_.zone),
        controls=controls,
        **_head(slice_, reader, found.page.rows),
    )


@bp.get("/entries/<spelled>")
def entry(slice_id: str, spelled: str) -> ResponseReturnValue:
    """Show one entry of what is shared."""
    slice_ = _opened(slice_id)
    try:
        event_id = ids.from_text(spelled)
    except ValueError:
        raise ClosedError from None
    now = clock.now()
    reader = SliceReader(slice_)
    found = reader.find_entry(event_id, now)
    if found is None:
        raise ClosedError
    row, actors = found
    base, sprite = url_for("slices.index", slice_id=slice_id), asset_url("vendor/icons.svg")
    told = Clock(now, slice_.zone, absolute=False)
    profiles = _profiles(slice_, actors, [row])
    return render(
        "shared/entry.html",
        "shared/_detail_row.html",
        viewer=SliceViewer(slice_),
        base=base,
        in_page=IN_PAGE,
        sprite=sprite,
        spelled=spelled,
        summary=visible_text(row.summary),
        details=Details(row, told, profiles, Presenter(told, profiles, base=base, sprite=sprite), base=base),
        permalink=absolute(f"{base}/entries/{spelled}"),
    )


@bp.errorhandler(BadFilter)
def show_bad_filter(problem: BadFilter) -> ResponseReturnValue:
    """Say what is wrong with an address, and lead back to all that is shared."""
    reason = visible_text(problem.reason)
    if wants_fragment():
        response = make_response(reason, 400)
        response.mimetype = "text/plain"
        return private(response)
    base = url_for("slices.index", slice_id=(request.view_args or {})["slice_id"])
    return private(make_response(render_template("shared/bad_filter.html", reason=reason, base=base), 400))


def _opened(slice_id: str) -> Slice:
    """Return the share if it is open and this browser has opened it; whatever the reason, else there is nothing."""
    if not has_opened(slice_id):
        raise ClosedError
    slice_ = find_slice(slice_id)
    person = gate.signed_in() if slice_.support_only else None
    if slice_.support_only and not (person and person.is_support):
        raise ClosedError
    return slice_


def _asked(slice_: Slice) -> LogFilter:
    return LogFilter.from_args(request.args, org_id=slice_.org_id, org_zone=slice_.zone)


def _head(slice_: Slice, reader: SliceReader, rows: Sequence[Row]) -> dict[str, object]:
    """Return what the top of the page says of the share."""
    moments = Moments(clock.now(), slice_.zone, absolute=True)
    part = reader.shown_part
    described = part.describe(_names(part, rows))
    if slice_.part.q and not part.q:
        described += ", narrowed by a search whose words are masked"
    return {
        "organisation": visible(slice_.org_name),
        "described": visible(described),
        "note": visible_lines(slice_.note),
        "maker": "" if Mask.NAMES in slice_.masks else visible(slice_.maker),
        "until": moments.until(slice_.expires_at),
        "masks": [mask.label.lower() for mask in Mask if mask in slice_.masks],
        "follows": slice_.follows,
    }


def _names(wanted: LogFilter, rows: Sequence[Row]) -> dict[str, str]:
    """Return what actor, target and action of a question are called, as far as the entries found tell it."""
    names = {}
    if wanted.actor and rows and (rows[0].actor_type, rows[0].actor_id) == wanted.actor:
        names["actor"] = rows[0].actor_name
    if wanted.target and rows and (rows[0].target_type, rows[0].target_id) == wanted.target:
        names["target"] = rows[0].target_name or ""
    if wanted.action and (action := catalogue.find(wanted.action)):
        names["action"] = action.words
    return names


def _profiles(
    slice_: Slice, actors: Mapping[ActorRef, ActorRef], rows: Sequence[Row | WholeRow]
) -> dict[ActorRef, ActorProfile]:
    """Return of each actor whether they still belong to the organisation, and nothing else that entries do not tell."""
    known = directory.profiles_of(slice_.org_id, set(actors.values()))
    called = {ActorRef(row.actor_type, row.actor_id): row.actor_name for row in reversed(rows)}
    return {
        seen: ActorProfile(seen, called.get(seen, ""), known[real].standing)
        for seen, real in actors.items()
        if real in known
    }
