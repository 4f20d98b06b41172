"""A forgotten password: asking for a link by mail, and the page behind it that sets a new one."""

import structlog
from flask import Blueprint, Response, current_app, flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, ValidationError
from wtforms.validators import DataRequired, InputRequired, Length

from auditweb.accounts import password_changes as rules
from auditweb.accounts.password_changes import Link, Owner
from auditweb.accounts.password_rules import HINT, problem_with
from auditweb.accounts.sign_in import MustWait
from auditweb.mail import Message, is_address
from auditweb.web import gate, mailing
from auditweb.web.sign_in import LONGEST_EMAIL, too_many_tries
from auditweb.web.viewing import absolute

SUBJECT = "Set a new password for ImportOps"
TEXT = """\
Hello {name},

somebody, we hope you, asked for a new password for ImportOps with this e-mail address. To set one, open this link
within an hour. It works once:

{address}

If it was not you, do nothing: your password stays as it is. Whoever asked has not been told whether this address
belongs to anybody.
"""

bp = Blueprint("password_reset", __name__)
log = structlog.stdlib.get_logger(__name__)


class AskForm(FlaskForm):  # type: ignore[misc]
    email = EmailField(
        "E-mail address",
        validators=[
            DataRequired("Enter your e-mail address."),
            Length(max=LONGEST_EMAIL, message="This is too long."),
        ],
    )

    def validate_email(self, field: EmailField) -> None:
        if not is_address(field.data.strip()):
            raise ValidationError("This is not an e-mail address.")


class NewPasswordForm(FlaskForm):  # type: ignore[misc]
    new = PasswordField("New password", description=HINT, validators=[InputRequired("Enter a new password.")])

    def __init__(self, owner: Owner) -> None:
        super().__init__()
        self._owner = owner

    def validate_new(self, field: PasswordField) -> None:
        if problem := problem_with(field.data, email=self._owner.email, name=self._owner.name):
            raise ValidationError(problem)


@bp.get("/forgotten-password")
def ask() -> ResponseReturnValue:
    """Ask for the address to send a link to or, where no mail is sent, say who can help."""
    return _ask_page(AskForm(formdata=None)) if mailing.mailer() else render_template("password_reset/no_mail.html")


@bp.post("/forgotten-password")
def send() -> ResponseReturnValue:
    """Send a link to the address, if somebody has it. The answer is the same if nobody does, and takes as long."""
    if mailing.mailer() is None:
        return make_response(render_template("password_reset/no_mail.html"), 409)
    form = AskForm()
    if not form.validate():
        return _ask_page(form, status=422)
    secret = str(current_app.config["SECRET_KEY"])
    outcome = rules.request_link(form.email.data, origin=gate.origin(), secret=secret)
    if isinstance(outcome, MustWait):
        return _ask_page(form, too_many_tries(outcome), status=429, retry_after=outcome.seconds)
    mailing.send_later([_message(outcome)] if outcome else [])
    return redirect(url_for("password_reset.sent"), 303)


@bp.get("/forgotten-password/sent")
def sent() -> ResponseReturnValue:
    """Say where to look for the link."""
    return render_template("password_reset/sent.html")


@bp.get("/reset-password/<token>")
def choose(token: str) -> ResponseReturnValue:
    """Ask for a new password. Opening the link, as mail scanners do, changes nothing."""
    owner = rules.owner_of(token)
    return _choose_page(NewPasswordForm(owner)) if owner else _gone()


@bp.post("/reset-password/<token>")
def store(token: str) -> ResponseReturnValue:
    """Set the new password and lead to the sign-in page."""
    owner = rules.owner_of(token)
    if owner is None:
        return _gone()
    form = NewPasswordForm(owner)
    if not form.validate():
        return _choose_page(form, status=422)
    secret = str(current_app.config["SECRET_KEY"])
    if not rules.reset(token, form.new.data, origin=gate.origin(), secret=secret):
        return _gone()
    flash("Your new password is set. Sign in with it.")
    return redirect(url_for("sign_in.index"), 303)


def _message(link: Link) -> Message:
    address = absolute(url_for("password_reset.choose", token=link.token))
    return Message(link.email, SUBJECT, TEXT.format(name=link.name, address=address))


def _ask_page(form: AskForm, problem: str = "", *, status: int = 200, retry_after: int = 0) -> Response:
    response = make_response(render_template("password_reset/ask.html", form=form, problem=problem), status)
    if retry_after:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _choose_page(form: NewPasswordForm, *, status: int = 200) -> Response:
    return make_response(render_template("password_reset/choose.html", form=form), status)


def _gone() -> Response:
    """Answer for a link that was used, is too old or never was: the same page for each."""
    return make_response(render_template("password_reset/gone.html"), 404)
