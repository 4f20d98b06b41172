"""Who is looking at the log of the organisation in the path, as the host application has it, and what they ask."""

from typing import cast

from flask import abort, current_app, g, request
from werkzeug.datastructures import MultiDict

from auditweb.addresses import absolute as absolute
from auditweb.reading.filters import LogFilter
from auditweb.viewer import Viewer


def current_viewer() -> Viewer:
    """Return who is looking, asked once a request; anyone who may not read this log gets no further."""
    if "viewer" not in g:
        slug = (request.view_args or {})["org"]
        viewer = cast(Viewer, current_app.extensions["auditweb.viewer"](slug))
        if not viewer.may_read_log:
            abort(403)
        g.viewer = viewer
    return cast(Viewer, g.viewer)


def has_pages() -> bool:
    """Tell whether people and things have pages of their own here: a host may have the log alone."""
    return "people.show" in current_app.view_functions


def asked(viewer: Viewer, args: MultiDict[str, str]) -> LogFilter:
    """Read what *viewer* asks of their organisation's log; raises BadFilter."""
    return LogFilter.from_args(args, org_id=viewer.org_id, org_zone=viewer.org_zone)
