"""`/`: on to the log of the person's organisation."""

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from auditweb.web.gate import last_place, signed_in, to_sign_in

bp = Blueprint("home", __name__)


@bp.get("/")
def index() -> ResponseReturnValue:
    """Go to the organisation last used, or the only one; with several offer them, with none say so."""
    person = signed_in()
    if person is None:
        return to_sign_in()
    place = last_place(person)
    if place is not None:
        return redirect(url_for("audit_log.index", org=place.slug))
    return render_template("organisations/choose.html", organisations=person.places)
