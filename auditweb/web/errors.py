"""What went wrong, in plain words and without details: one page for every refusal and failure."""

from typing import NamedTuple

from flask import Flask, Response, g, make_response, render_template
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import (
    BadRequest,
    Conflict,
    Forbidden,
    HTTPException,
    NotFound,
    ServiceUnavailable,
    UnprocessableEntity,
)

from auditweb.accounts.charge import RightsError
from auditweb.database import TooSlow
from auditweb.extensions import db
from auditweb.logs import request_id
from auditweb.web.gate import NotAllowed
from auditweb.web.htmx import wants_fragment


class Words(NamedTuple):
    heading: str
    explanation: str


WORDS = {
    400: Words("This address or form cannot be read", "Something in it is damaged or not understood."),
    401: Words("You are not signed in", "Sign in to see this page."),
    403: Words("You may not see this", "Your role in this organisation does not include it."),
    404: Words(
        "There is no such page here",
        "The address may be mistyped, or it belongs to an organisation that you are not a member of.",
    ),
    405: Words("This page cannot be used that way", "Open it from a link on another page."),
    409: Words("Somebody else was quicker", "What you saw has changed meanwhile. Look at it again."),
    413: Words("That was too much at once", "What you sent is larger than this page accepts."),
    422: Words("This cannot be accepted", "Something in it does not fit."),
    429: Words("Too many tries", "Wait a little before you try again."),
    500: Words("Something went wrong on our side", "Nothing you did caused it, and nothing was changed. Try again."),
    503: Words("The log cannot be reached at the moment", "Nothing is lost. Try again in a minute."),
}
OUT_OF_DATE = Words("This form is out of date", "You signed in or out since it was opened. Go back and reload it.")

_OWN_WORDS = {BadRequest, Conflict, Forbidden, NotFound, UnprocessableEntity}


def init_app(app: Flask) -> None:
    app.register_error_handler(NotAllowed, show_who_can_help)
    app.register_error_handler(RightsError, show_rights)
    app.register_error_handler(TooSlow, lambda _: show(ServiceUnavailable()))


def show(error: HTTPException) -> Response | HTTPException:
    """
    Answer with the error page, or with its explanation alone where htmx asked for a part of a page.

    A reason given to `abort(400, reason)` is shown; what libraries say about an error is not.
    """
    status = error.code or 500
    if status < 400:
        return error
    heading, explanation = _words(error, status)
    if status >= 500:
        g.bare = True  # who is signed in may be what cannot be found out
        db.session.rollback()
    if wants_fragment():
        response = _explanation_alone(explanation, status)
    else:
        response = make_response(_page(status, heading, explanation), status)
    for name, value in error.get_headers():
        if name not in {"Content-Type", "Content-Length"}:
            response.headers[name] = value
    return response


def show_who_can_help(error: NotAllowed) -> Response:
    """Tell a member without the right who can help."""
    if wants_fragment():
        return _explanation_alone(error.reason, 403)
    return make_response(render_template("errors/403.html", reason=error.reason, helpers=error.helpers), 403)


def show_rights(error: RightsError) -> Response:
    """Say what is not for someone with this role, though they may see the page."""
    db.session.rollback()
    if wants_fragment():
        return _explanation_alone(str(error), 403)
    return make_response(render_template("errors/page.html", heading="You may not do this", reason=str(error)), 403)


def _page(status: int, heading: str, explanation: str) -> str:
    if status >= 500:
        return render_template("errors/500.html", request_id=request_id())
    if status == 404:
        return render_template("errors/404.html")
    if status == 403:
        return render_template("errors/403.html", reason=explanation, helpers=())
    return render_template("errors/page.html", heading=heading, reason=explanation)


def _explanation_alone(explanation: str, status: int) -> Response:
    response = make_response(explanation, status)
    response.mimetype = "text/plain"
    return response


def _words(error: HTTPException, status: int) -> Words:
    if isinstance(error, CSRFError):
        return OUT_OF_DATE
    words = WORDS.get(status) or WORDS[400 if status < 500 else 500]
    if type(error) in _OWN_WORDS and error.description not in {None, type(error).description}:
        return words._replace(explanation=str(error.description))
    return words
