"""`/`: on to the person's organisation, or to what is shared with support."""

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from auditweb.accounts.people import find_switched_off
from auditweb.web.gate import last_place, signed_in, to_sign_in
from auditweb.web.shell import landing

bp = Blueprint("home", __name__)


@bp.get("/")
def index() -> ResponseReturnValue:
    """Go to the organisation last used, or the only one; with several offer them, with none say so."""
    person = signed_in()
    if person is None:
        return to_sign_in()
    if person.is_support:
        return redirect(url_for("support.index"))
    place = last_place(person)
    if place is not None:
        return redirect(landing(place))
    return render_template(
        "organisations/choose.html",
        organisations=[(place, landing(place)) for place in person.places],
        switched_off=[] if person.places else find_switched_off(person.person_id),
    )
