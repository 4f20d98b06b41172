"""`/invitations/<token>`: what an invited person sees, and how they join."""

from flask import Blueprint, Response, make_response, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import PasswordField, ValidationError
from wtforms.validators import InputRequired

from auditweb.accounts import invitations as rules
from auditweb.accounts import sign_in
from auditweb.accounts.invitations import AccountExistsError, Offer, UnusableError
from auditweb.accounts.password_rules import SHORTEST, problem_with
from auditweb.accounts.sessions import SignedIn
from auditweb.accounts.team import RefusedError
from auditweb.extensions import db
from auditweb.web import gate
from auditweb.web.foreign_text import visible_text
from auditweb.web.profile import name_field
from auditweb.web.settings.roles import with_article

bp = Blueprint("invitations", __name__, url_prefix="/invitations/<token>")


class NewAccountForm(FlaskForm):  # type: ignore[misc]
    """What somebody who has no account yet says about themselves."""

    name = name_field("Your name")
    password = PasswordField("Password", validators=[InputRequired("Choose a password.")])

    def __init__(self, offer: Offer, **values: object) -> None:
        super().__init__(**values)
        self._email = offer.email

    def validate_password(self, field: PasswordField) -> None:
        problem = problem_with(field.data, email=self._email, name=self.name.data or "")
        if problem:
            raise ValidationError(problem)


@bp.errorhandler(UnusableError)
def show_unusable(_error: UnusableError) -> ResponseReturnValue:
    """Say the same of every link that opens nothing, whatever the reason."""
    db.session.rollback()
    return make_response(render_template("invitations/unusable.html"), 404)


@bp.get("")
def show(token: str) -> ResponseReturnValue:
    """Tell who invites to what, and how to accept it."""
    offer = rules.find_offer(token)
    return _page(token, offer)


@bp.post("")
def accept(token: str) -> ResponseReturnValue:
    """Let the invited person join: with the account they are signed in to, or a new one."""
    offer = rules.find_offer(token)
    person = gate.signed_in()
    if person is not None:
        return _join(token, offer, gate.require_person())
    form = NewAccountForm(offer)
    if offer.has_account:
        return _page(token, offer, form, status=409)
    if not form.validate():
        return _page(token, offer, form, status=422)
    try:
        session_id = rules.join_as_new(token, form.name.data, form.password.data, origin=gate.origin())
    except AccountExistsError:
        return _page(token, rules.find_offer(token), form, status=409)
    gate.let_in(session_id)
    return _onwards(offer)


@bp.post("/sign-out")
def sign_out(token: str) -> ResponseReturnValue:
    """End the session of somebody else, so that the invited person can go on."""
    if person := gate.signed_in():
        sign_in.sign_out(person, origin=gate.origin())
    gate.forget()
    return redirect(url_for(".show", token=token), 303)


def _join(token: str, offer: Offer, person: SignedIn) -> ResponseReturnValue:
    if person.email != offer.email:
        return _page(token, offer, status=409)
    try:
        rules.join(token, person, origin=gate.origin())
    except RefusedError as error:
        db.session.rollback()
        return _page(token, offer, status=409, problem=visible_text(str(error)))
    return _onwards(offer)


def _onwards(offer: Offer) -> Response:
    session["organisation"] = offer.org_id
    return make_response(redirect(url_for("home.index"), 303))


def _page(
    token: str, offer: Offer, form: NewAccountForm | None = None, *, status: int = 200, problem: str = ""
) -> Response:
    person = gate.signed_in()
    page = render_template(
        "invitations/show.html",
        token=token,
        offer=offer,
        what=with_article(offer.role),
        form=form or NewAccountForm(offer, formdata=None),
        problem=problem,
        person=person,
        is_invited=person is not None and person.email == offer.email,
        shortest=SHORTEST,
    )
    return make_response(page, status)
