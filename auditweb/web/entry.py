"""One entry: its permalink page, its details under its row, and everything it holds as JSON."""

from flask import Response, abort, make_response, url_for
from flask.typing import ResponseReturnValue

from auditweb import clock, ids
from auditweb.addresses import absolute, log_of
from auditweb.models import Event
from auditweb.parties import ActorRef
from auditweb.reading.as_json import entry_object, spell
from auditweb.reading.flagged import find_flags
from auditweb.reading.pages import find_event
from auditweb.reading.parameters import BadFilter
from auditweb.viewer import Viewer
from auditweb.web.assets import asset_url
from auditweb.web.details import Details
from auditweb.web.foreign_text import visible_text
from auditweb.web.htmx import in_page, private, render
from auditweb.web.rows import Presenter
from auditweb.web.times import Clock
from auditweb.web.viewing import current_viewer, has_pages


def show(org: str, spelled: str) -> ResponseReturnValue:
    """Show one entry with all its details: as a page of its own, or as the row that opens under it."""
    viewer = current_viewer()
    event = _found(viewer, spelled)
    base, sprite = url_for("audit_log.index", org=org), asset_url("vendor/icons.svg")
    told = Clock(clock.now(), viewer.zone, absolute=viewer.absolute_times)
    refs = {ActorRef(event.actor_type, event.actor_id)}
    if event.via_type and event.via_id:
        refs.add(ActorRef(event.via_type, event.via_id))
    profiles = viewer.actors(refs)
    swaps = in_page(base)
    presenter = Presenter(told, profiles, base=base, sprite=sprite, pages=has_pages(), in_page=swaps)
    return render(
        "audit_log/entry.html",
        "audit_log/_detail_row.html",
        viewer=viewer,
        base=base,
        in_page=swaps,
        sprite=sprite,
        spelled=spelled,
        summary=visible_text(event.summary),
        details=Details(
            event, told, profiles, presenter, base=base, shown=find_flags(viewer.org_id, [event.id]).get(event.id, ())
        ),
        permalink=absolute(f"{base}/entries/{spelled}"),
    )


def as_json(org: str, spelled: str) -> Response:
    """Return every field of one entry, for those who may read the log."""
    event = _found(current_viewer(), spelled)
    response = make_response(spell(entry_object(event, organisation=org, log=log_of(org))) + "\n")
    response.mimetype = "application/json"
    return private(response)


def _found(viewer: Viewer, spelled: str) -> Event:
    """Return the entry of this organisation; another's and a missing one get the same 404."""
    try:
        event_id = ids.from_text(spelled)
    except ValueError:
        raise BadFilter("entry", "The address of this entry seems to have been cut short or changed.") from None
    event = find_event(viewer.org_id, event_id)
    if event is None:
        abort(404)
    return event
