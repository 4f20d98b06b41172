"""Signing in and out: the password, and the code of someone who has a second factor."""

import re
from collections.abc import Iterable
from typing import NamedTuple

import structlog
from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, StringField
from wtforms.validators import DataRequired, InputRequired, Length

from auditweb.accounts import password_rules, second_step, sessions
from auditweb.accounts import sign_in as rules
from auditweb.accounts.second_step import Expired
from auditweb.accounts.sign_in import Accepted, CodeWanted, MustWait
from auditweb.web import gate

LONGEST_EMAIL = 254
LONGEST_PASSWORD = password_rules.LONGEST
LONGEST_CODE = 40
WRONG = "That e-mail address and password do not go together."
WRONG_CODE = "This code is not right, or was used already. Wait for the next one."
WRONG_RECOVERY_CODE = "This is none of your recovery codes, or it was used already."
EXPIRED = "The time for the code is over. Sign in again."
TOO_MANY = "Too many wrong codes. Sign in again with your password."

_TO_A_LOG = re.compile(r"/o/[^/?]+/settings/audit-log([/?].*)?")
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


class CodeForm(FlaskForm):  # type: ignore[misc]
    code = StringField(
        "Authentication code",
        validators=[InputRequired("Enter the code."), Length(max=LONGEST_CODE, message="This is too long.")],
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
    if isinstance(outcome, Accepted | CodeWanted):
        if already := gate.signed_in():
            rules.sign_out(already, origin=origin)
        if isinstance(outcome, CodeWanted):
            gate.let_wait(outcome.session_id)
            return redirect(url_for("sign_in.code", next=next_page()), 303)
        gate.let_in(outcome.session_id)
        return _onwards()
    log.info("sign_in_refused", known_address=outcome.known, ip=origin.ip)
    if isinstance(outcome, MustWait):
        return _page(form, too_many_tries(outcome), status=429, retry_after=outcome.seconds)
    return _page(form, WRONG, status=401)


@bp.get("/sign-in/code")
def code() -> ResponseReturnValue:
    """Ask someone whose password was right for a code of their app or, as they like, for a recovery code."""
    if gate.signed_in():
        return _onwards()
    waiting = gate.waiting()
    if waiting is None or sessions.awaiting_code(waiting) is None:
        return redirect(url_for("sign_in.index", next=next_page()))
    return _code_page(_code_form())


@bp.post("/sign-in/code")
def enter_code() -> ResponseReturnValue:
    """Let the person in, to exactly the page they were going to, or say why not."""
    waiting = gate.waiting()
    if waiting is None:
        return _back_to_password(EXPIRED)
    form = _code_form()
    if not form.validate():
        return _code_page(form, status=422)
    origin = gate.origin()
    outcome = second_step.enter(waiting, form.code.data, recovery=_by_recovery_code(), origin=origin)
    if isinstance(outcome, Accepted):
        gate.let_in(outcome.session_id)
        return _onwards()
    log.info("code_refused", ip=origin.ip)
    if isinstance(outcome, Expired):
        return _back_to_password(TOO_MANY if outcome.too_many else EXPIRED)
    if isinstance(outcome, MustWait):
        return _code_page(form, too_many_tries(outcome), status=429, retry_after=outcome.seconds)
    form.code.errors = [WRONG_RECOVERY_CODE if _by_recovery_code() else WRONG_CODE]
    return _code_page(form, status=401)


@bp.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End the session here and in the database, and return to the sign-in page."""
    if person := gate.signed_in():
        rules.sign_out(person, origin=gate.origin())
    gate.forget()
    return redirect(url_for("sign_in.index"), 303)


def _page(form: SignInForm, problem: str = "", *, status: int = 200, retry_after: int = 0) -> Response:
    page = render_template(
        "sign_in/index.html",
        form=form,
        problem=problem,
        retry_after=retry_after,
        next=next_page() or "",
        to_a_log=bool(_TO_A_LOG.fullmatch(next_page() or "")),
        demo_sign_ins=current_app.extensions.get(_OFFERS, ()),
        demo_password=current_app.extensions.get(_PASSWORD, ""),
    )
    return _answer(page, status, retry_after)


def _code_form() -> CodeForm:
    form = CodeForm()
    if _by_recovery_code():
        form.code.label.text = "Recovery code"
    return form


def _by_recovery_code() -> bool:
    return request.args.get("with") == "recovery-code"


def _code_page(form: CodeForm, problem: str = "", *, status: int = 200, retry_after: int = 0) -> Response:
    page = render_template(
        "sign_in/code.html", form=form, problem=problem, recovery=_by_recovery_code(), next=next_page()
    )
    return _answer(page, status, retry_after)


def _back_to_password(reason: str) -> ResponseReturnValue:
    gate.forget()
    flash(reason, "warn")
    return redirect(url_for("sign_in.index", next=next_page()), 303)


def _answer(page: str, status: int, retry_after: int) -> Response:
    response = make_response(page, status)
    if retry_after:
        response.headers["Retry-After"] = str(retry_after)
    return response


def too_many_tries(outcome: MustWait) -> str:
    """Tell someone how long to wait."""
    return f"Too many tries. Wait {duration(outcome.seconds)}, then try again."


def _onwards() -> ResponseReturnValue:
    return redirect(next_page() or url_for("home.index"), 303)


def next_page() -> str | None:
    """Return the page to go to afterwards. It stays in the address, which the form keeps."""
    return gate.safe_path(request.args.get("next"))


def duration(seconds: int) -> str:
    """Tell a time to wait, rounded up to whole minutes from one minute on."""
    if seconds < 60:
        return f"{seconds} seconds" if seconds > 1 else "a second"
    minutes = -(-seconds // 60)
    return f"{minutes} minutes" if minutes > 1 else "a minute"
