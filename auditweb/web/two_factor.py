"""Setting up one's second factor: a QR code for the authenticator app, a first code from it, recovery codes."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta

import segno
from flask import Blueprint, Response, make_response, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from auditweb import clock
from auditweb.accounts import factor_changes as rules
from auditweb.accounts import two_factor
from auditweb.accounts.sessions import SignedIn
from auditweb.web import gate
from auditweb.web.settings.proof import ProofForm
from auditweb.web.sign_in import CodeForm, next_page

WRONG = (
    "This is not the code that the app shows for ImportOps. Check that you scanned this QR code, and the phone’s clock."
)

PROVEN_FOR = timedelta(minutes=10)  # after signing in

_BEGUN = "factor"

bp = Blueprint("two_factor", __name__)


@bp.get("/two-factor/set-up")
def set_up() -> ResponseReturnValue:
    """Show what the app needs, once that was asked for; before it, say what this is and why it is asked."""
    person = gate.require_person(enrolled=False)
    return _onwards() if person.has_two_factor else _page(person, CodeForm(formdata=None))


@bp.post("/two-factor/set-up/begin")
def begin() -> ResponseReturnValue:
    """
    Make a secret for the app, and show it. One that was shown before and is not in use yet counts no longer.

    Who did not sign in just now gives their password: a session left open must not lock its owner out.
    """
    person = gate.require_person(enrolled=False)
    proof = _proof(person)
    if proof is not None and not proof.proves():
        return _page(person, CodeForm(formdata=None), proof, status=422)
    session[_BEGUN] = _mark(rules.begin(person))
    return redirect(url_for("two_factor.set_up", next=next_page()), 303)


@bp.post("/two-factor/set-up")
def confirm() -> ResponseReturnValue:
    """Take the second factor into use with a code of the app, and show the recovery codes, this once."""
    person = gate.require_person(enrolled=False)
    if person.has_two_factor:
        return _onwards()
    form = CodeForm()
    if _pending_secret(person) is None:
        return redirect(url_for("two_factor.set_up", next=next_page()), 303)
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


def _page(person: SignedIn, form: CodeForm, proof: ProofForm | None = None, *, status: int = 200) -> Response:
    secret = _pending_secret(person)
    page = render_template(
        "two_factor/set_up.html",
        form=form,
        proof=proof or _proof(person, formdata=None),
        qr=_qr(two_factor.address_for_apps(secret, person.email)) if secret else None,
        secret=_in_groups(secret or ""),
        was_reset=person.must_enrol,
        demanding=rules.demanded_by(person),
        next=next_page(),
    )
    return make_response(page, status)


def _proof(person: SignedIn, **values: object) -> ProofForm | None:
    """Return the form that asks who is there, of someone who signed in a while ago."""
    return ProofForm(person, **values) if clock.now() - person.started_at > PROVEN_FOR else None


def _pending_secret(person: SignedIn) -> str | None:
    """
    Return the secret that an app is being set up with, if it was made in this very browser.

    One that somebody else had made, in a session that they should not have had, is never shown.
    """
    secret = two_factor.pending_secret(person.person_id)
    return secret if secret and session.get(_BEGUN) == _mark(secret) else None


def _mark(secret: str) -> str:
    """Return what the cookie remembers a secret by. It is signed and can be read, so it is not the secret."""
    return hashlib.sha256(secret.encode()).hexdigest()[:32]


def _qr(address: str) -> Markup:
    """Draw *address*, black on white in the dark as well: not every camera reads it the other way round."""
    drawn = segno.make(address, micro=False, error="m")
    return Markup(drawn.svg_inline(border=3, light="#fff", svgclass=None, lineclass=None, omitsize=True))


def _in_groups(secret: str) -> str:
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


def _onwards() -> ResponseReturnValue:
    return redirect(next_page() or url_for("home.index"), 303)
