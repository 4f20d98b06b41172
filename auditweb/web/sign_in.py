"""Signing in and out."""

from collections.abc import Iterable
from typing import NamedTuple

import structlog
from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField
from wtforms.validators import DataRequired, InputRequired, Length

from auditweb.accounts import sign_in as rules
from auditweb.accounts.sign_in import Accepted, MustWait
from auditweb.web import gate

LONGEST_EMAIL = 254
LONGEST_PASSWORD = 1024
WRONG = "That e-mail address and password do not go together."

_OFFERS, _PASSWORD = "auditweb.demo_sign_ins", "auditweb.demo_password"

bp = Blueprint("sign_in", __name__)
log = structlog.stdlib.get_logger(__name__)


class Offer(NamedTuple):
    """Someone whom the demo lets anyone be."""

    email: str
    what: str


def offer(app: Flask, sign_ins: Iterable[tuple[str, str]], password: str) -> None:
    """Have the sign-in page of a demo offer *sign_ins* (address, what they are), who all have the same *password*."""
    app.extensions[_OFFERS] = [Offer(*sign_in) for sign_in in sign_ins]
    app.extensions[_PASSWORD] = password


class SignInForm(FlaskForm):  # type: ignore[misc]
    email = EmailField(
        "E-mail address",
        validators=[
            DataRequired("Enter your e-mail address."),
            Length(max=LONGEST_EMAIL, message="This is too long."),
        ],
    )
    password = PasswordField(
        "Password",
        validators=[InputRequired("Enter your password."), Length(max=LONGEST_PASSWORD, message="This is too long.")],
    )


@bp.get("/sign-in")
def index() -> ResponseReturnValue:
    """Ask for e-mail address and password; whoever is signed in already goes on."""
    return _onwards() if gate.signed_in() else _page(SignInForm(formdata=None))


@bp.post("/sign-in")
def sign_in() -> ResponseReturnValue:
    """Let the person in, to exactly the page they were going to, or say why not."""
    form = SignInForm()
    if not form.validate():
        return _page(form, status=422)
    origin = gate.origin()
    outcome = rules.sign_in(
        form.email.data, form.password.data, origin=origin, secret=str(current_app.config["SECRET_KEY"])
    )
    if isinstance(outcome, Accepted):
        if already := gate.signed_in():
            rules.sign_out(already, origin=origin)
        gate.let_in(outcome.session_id)
        return _onwards()
    log.info("sign_in_refused", known_address=outcome.known, ip=origin.ip)
    if isinstance(outcome, MustWait):
        wait = f"Too many tries. Wait {duration(outcome.seconds)}, then try again."
        return _page(form, wait, status=429, retry_after=outcome.seconds)
    return _page(form, WRONG, status=401)


@bp.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End the session here and in the database, and return to the sign-in page."""
    if person := gate.signed_in():
        rules.sign_out(person, origin=gate.origin())
    session.clear()
    return redirect(url_for("sign_in.index"), 303)


def _page(form: SignInForm, problem: str = "", *, status: int = 200, retry_after: int = 0) -> Response:
    page = render_template(
        "sign_in/index.html",
        form=form,
        problem=problem,
        retry_after=retry_after,
        next=_next() or "",
        demo_sign_ins=current_app.extensions.get(_OFFERS, ()),
        demo_password=current_app.extensions.get(_PASSWORD, ""),
    )
    response = make_response(page, status)
    if retry_after:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _onwards() -> ResponseReturnValue:
    return redirect(_next() or url_for("home.index"), 303)


def _next() -> str | None:
    """Return the page to go to afterwards. It stays in the address, which the form keeps."""
    return gate.safe_path(request.args.get("next"))


def duration(seconds: int) -> str:
    """Tell a time to wait, rounded up to whole minutes from one minute on."""
    if seconds < 60:
        return f"{seconds} seconds" if seconds > 1 else "a second"
    minutes = -(-seconds // 60)
    return f"{minutes} minutes" if minutes > 1 else "a minute"
