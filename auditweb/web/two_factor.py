"""Setting up one's second factor: a QR code for the authenticator app, a first code from it, recovery codes."""

from collections.abc import Sequence

import segno
from flask import Blueprint, Response, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from auditweb.accounts import factor_changes as rules
from auditweb.accounts import two_factor
from auditweb.accounts.sessions import SignedIn
from auditweb.web import gate
from auditweb.web.sign_in import CodeForm, next_page

WRONG = (
    "This is not the code that the app shows for ImportOps. Check that you scanned this QR code, and the phone’s clock."
)

bp = Blueprint("two_factor", __name__)


@bp.get("/two-factor/set-up")
def set_up() -> ResponseReturnValue:
    """Show what the app needs, once that was asked for; before it, say what this is and why it is asked."""
    person = gate.require_person()
    return _onwards() if person.has_two_factor else _page(person, CodeForm(formdata=None))


@bp.post("/two-factor/set-up/begin")
def begin() -> ResponseReturnValue:
    """Make a secret for the app, and show it. One that was shown before and is not in use yet counts no longer."""
    rules.begin(gate.require_person())
    return redirect(url_for("two_factor.set_up", next=next_page()), 303)


@bp.post("/two-factor/set-up")
def confirm() -> ResponseReturnValue:
    """Take the second factor into use with a code of the app, and show the recovery codes, this once."""
    person = gate.require_person()
    if person.has_two_factor:
        return _onwards()
    form = CodeForm()
    if not form.validate():
        return _page(person, form, status=422)
    enrolled = rules.enrol(person, form.code.data, origin=gate.origin())
    if enrolled is None:
        form.code.errors = [WRONG]
        return _page(person, form, status=422)
    gate.keep_in(enrolled.session_id)
    return show_recovery_codes(enrolled.recovery_codes, fresh=True, onwards=next_page() or url_for("home.index"))


def show_recovery_codes(codes: Sequence[str], *, fresh: bool, onwards: str) -> Response:
    """Show *codes*, which are stored nowhere, and the way *onwards*; *fresh*: the second factor is, too."""
    return make_response(render_template("two_factor/recovery_codes.html", codes=codes, fresh=fresh, onwards=onwards))


def _page(person: SignedIn, form: CodeForm, *, status: int = 200) -> Response:
    secret = two_factor.pending_secret(person.person_id)
    page = render_template(
        "two_factor/set_up.html",
        form=form,
        qr=_qr(two_factor.address_for_apps(secret, person.email)) if secret else None,
        secret=_in_groups(secret or ""),
        was_reset=person.must_enrol,
        demanding=rules.demanded_by(person),
        next=next_page(),
    )
    return make_response(page, status)


def _qr(address: str) -> Markup:
    """Draw *address*, black on white in the dark as well: not every camera reads it the other way round."""
    drawn = segno.make(address, micro=False, error="m")
    return Markup(drawn.svg_inline(border=3, light="#fff", svgclass=None, lineclass=None, omitsize=True))


def _in_groups(secret: str) -> str:
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


def _onwards() -> ResponseReturnValue:
    return redirect(next_page() or url_for("home.index"), 303)
