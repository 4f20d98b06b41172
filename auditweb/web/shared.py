"""
`/shared/<token>`: the door to a shared part of the log, and `/support`, where support staff find what is for them.

What a chat or a scanner fetches to show a preview is a page that tells nothing and records nothing. Opening it is a
form. Every link that opens nothing gets the same answer.
"""

from itertools import groupby

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError, validate_csrf
from wtforms import ValidationError

from auditweb import clock
from auditweb.accounts.sessions import SignedIn
from auditweb.extensions import csrf, db
from auditweb.sharing.opening import ClosedError, Slice, find_by_token, find_for_support, find_slice, open_slice
from auditweb.web import gate
from auditweb.web.foreign_text import visible, visible_lines
from auditweb.web.htmx import private, wants_fragment
from auditweb.web.moments import Moments
from auditweb.web.slice_cookies import let_in, note_place, take_place

CLOSED = (
    "Nothing is open here. If somebody gave you a link to part of an audit log, open that link again: it may be over."
)

bp = Blueprint("shared", __name__, url_prefix="/shared/<token>")
support = Blueprint("support", __name__, url_prefix="/support")


@bp.get("")
def show(token: str) -> ResponseReturnValue:
    """Say that there is something to open, and not what."""
    slice_ = find_by_token(token)
    person = gate.signed_in()
    _check_reader(slice_, person, or_nobody=True)
    must_sign_in = slice_.support_only and person is None
    return render_template("shared/door.html", token=token, must_sign_in=must_sign_in)


@bp.post("")
@csrf.exempt  # type: ignore[untyped-decorator]  # which would ask for the referrer that this page keeps to itself
def open_(token: str) -> ResponseReturnValue:
    """Put on record that somebody opens the share, and let their browser read it."""
    try:
        validate_csrf(request.form.get("csrf_token"))
    except ValidationError as error:
        raise CSRFError(error.args[0]) from None
    slice_ = find_by_token(token)
    person = gate.signed_in()
    if slice_.support_only and person is None:
        return redirect(url_for("sign_in.index", next=url_for("shared.show", token=token)), 303)
    _check_reader(slice_, person)
    return _enter(slice_, person)


@support.get("")
def index() -> ResponseReturnValue:
    """List what organisations share with support staff."""
    person = _support_person()
    zone = person.zone or "UTC"
    moments = Moments(clock.now(), zone, absolute=person.absolute_times)
    groups = [
        (
            visible(name),
            [
                (each.id, visible(each.recipient), visible_lines(each.note), moments.until(each.expires_at))
                for each in slices
            ],
        )
        for (_, name), slices in groupby(find_for_support(), key=lambda each: (each.org_id, each.org_name))
    ]
    return render_template("shared/support.html", groups=groups)


@support.post("/<share_id>")
def enter(share_id: str) -> ResponseReturnValue:
    """Open one of them."""
    person = _support_person()
    slice_ = find_slice(share_id)
    if not slice_.support_only:
        raise ClosedError
    return _enter(slice_, person)


@bp.app_errorhandler(ClosedError)
def show_closed(_error: Exception) -> ResponseReturnValue:
    """Say the same of whatever is not open, whatever the reason."""
    db.session.rollback()
    if wants_fragment():
        response = make_response(CLOSED, 404)
        response.mimetype = "text/plain"
        return private(response)
    response = private(make_response(render_template("shared/closed.html", reason=CLOSED), 404))
    if wanted := (request.view_args or {}).get("slice_id"):
        note_place(response, wanted)
    return response


def _support_person() -> SignedIn:
    person = gate.require_person()
    if not person.is_support:
        abort(404)
    return person


def _check_reader(slice_: Slice, person: SignedIn | None, *, or_nobody: bool = False) -> None:
    if slice_.support_only and not (person.is_support if person else or_nobody):
        raise ClosedError


def _enter(slice_: Slice, person: SignedIn | None) -> Response:
    open_slice(slice_, person, origin=gate.origin())
    db.session.commit()
    base = url_for("slices.index", slice_id=slice_.id)
    response = make_response(redirect(base, 303))
    response.location = take_place(response, base) or base
    let_in(response, slice_)
    return response
