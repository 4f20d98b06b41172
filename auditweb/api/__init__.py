"""
The HTTP API: what the pages tell, as JSON, and the way in for the entries of other systems.

A caller is a key in the Authorization header and nothing else. Cookies are never looked at, so that no browser can be
made to call.
"""

from flask import Blueprint, Flask, Response, g

from auditweb import holding
from auditweb.accounts.callers import note_use
from auditweb.api import asking, callers, limits, operations, problems, reading, reference, writing
from auditweb.config import Settings
from auditweb.extensions import csrf
from auditweb.reading.parameters import BadFilter

PREFIX = "/api/"

bp = Blueprint("api", __name__, url_prefix=f"{PREFIX}v1")
bp.before_request(callers.authenticate)
bp.before_request(limits.count)
bp.after_request(limits.tell)
problems.answer_errors_of(bp)
bp.register_error_handler(BadFilter, asking.show_bad_filter)
bp.add_url_rule("/events", "write_events", operations.WRITE_EVENTS(writing.write_events), methods=["POST"])
bp.add_url_rule("/events", "events", operations.LIST_EVENTS(reading.events))
bp.add_url_rule("/events/<entry_id>", "event", operations.READ_EVENT(reading.event))
bp.add_url_rule("/counts", "counts", operations.COUNT_EVENTS(reading.counts))
bp.add_url_rule("/actions", "actions", operations.LIST_ACTIONS(reading.actions))


def init_app(app: Flask, settings: Settings) -> None:
    """Add the API to *app*, as *settings* have it."""
    holding.init_app(app, settings)
    csrf.exempt(bp)
    limits.init_app(app, settings)
    app.register_blueprint(bp)
    app.register_blueprint(reference.bp)


@bp.after_request
def _note_use(response: Response) -> Response:
    if "caller" in g:
        note_use(g.caller, g.called_from)
    return response
