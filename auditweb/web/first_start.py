"""
The first-run page: a code that the server printed, then the first organisation and its owner.

It is there until there is an organisation, and a 404 ever after.
"""

import structlog
from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, SelectField, StringField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length

from auditweb.accounts import first_start as rules
from auditweb.accounts import password_rules, passwords, slugs
from auditweb.accounts.founding import NewOrganisation, NewPerson, RefusedError
from auditweb.mail import is_address
from auditweb.web import gate, names
from auditweb.web.profile import ZONES
from auditweb.web.sign_in import duration
from auditweb.web.viewing import absolute

LONGEST_CODE = 100
WRONG_CODE = "This is not the code. It has three groups of four letters and digits."

IS_OVER = "auditweb.first_start_is_over"
_PROVEN = "first_start"
_LEAD_HERE = {"home.index", "sign_in.index"}

bp = Blueprint("first_start", __name__, url_prefix="/setup")
log = structlog.stdlib.get_logger(__name__)


def init_app(app: Flask) -> None:
    app.before_request(_lead_here)


def _lead_here() -> ResponseReturnValue | None:
    """Show newcomers this page while there is nothing to sign in to."""
    return redirect(url_for("first_start.index")) if request.endpoint in _LEAD_HERE and is_due() else None


def is_due() -> bool:
    """Tell whether nobody has set this server up yet. Once that is over it stays so, and is not asked again."""
    if not current_app.extensions.get(IS_OVER):
        current_app.extensions[IS_OVER] = not rules.is_due()
    return not current_app.extensions[IS_OVER]


class CodeForm(FlaskForm):  # type: ignore[misc]
    code = StringField(
        "One-time code",
        validators=[InputRequired("Enter the code."), Length(max=LONGEST_CODE, message="This is too long.")],
    )


class OrganisationForm(FlaskForm):  # type: ignore[misc]
    organisation = StringField("Name", filters=[names.tidied])
    slug = StringField("Address", filters=[lambda text: (text or "").strip()])
    zone = SelectField("Time zone", choices=[SelectChoice("", "Choose a time zone"), *map(SelectChoice, ZONES)])
    name = StringField("Your name", filters=[names.tidied])
    email = EmailField(
        "E-mail address",
        filters=[lambda text: (text or "").strip()],
        validators=[DataRequired("Enter your e-mail address.")],
    )
    password = PasswordField("Password", validators=[InputRequired("Choose a password.")])

    def validate_organisation(self, field: StringField) -> None:
        _refuse(names.problem_with(field.data))

    def validate_slug(self, field: StringField) -> None:
        field.data = field.data or slugs.propose(self.organisation.data)
        if not field.data and not names.problem_with(self.organisation.data):
            raise ValidationError("No address can be made of this name: choose one.")
        if field.data:
            _refuse(slugs.problem_with(field.data))

    def validate_zone(self, field: SelectField) -> None:
        _refuse(None if field.data else "Choose a time zone.")

    def validate_name(self, field: StringField) -> None:
        _refuse(names.problem_with(field.data))

    def validate_email(self, field: EmailField) -> None:
        _refuse(None if is_address(field.data) else "This is not an e-mail address: one is like name@example.org.")

    def validate_password(self, field: PasswordField) -> None:
        _refuse(password_rules.problem_with(field.data, email=self.email.data, name=self._words))

    @property
    def _words(self) -> str:
        """Return the names that anyone would try in a password here."""
        return f"{self.name.data} {self.organisation.data}"


def _refuse(problem: str | None) -> None:
    if problem:
        raise ValidationError(problem)


@bp.before_request
def only_once() -> None:
    """Answer as if there were no such page once there has been an organisation."""
    if not is_due():
        abort(404)


@bp.get("")
def index() -> ResponseReturnValue:
    """Ask for the code."""
    return redirect(url_for(".organisation")) if _PROVEN in session else _ask_code(CodeForm(formdata=None))


@bp.post("")
def check_code() -> ResponseReturnValue:
    """Take the code and go on to the organisation, or say what is wrong with it."""
    form = CodeForm()
    if not form.validate():
        return _ask_code(form, status=422)
    origin = gate.origin()
    found = rules.try_code(form.code.data, origin=origin, secret=str(current_app.config["SECRET_KEY"]))
    if found.right:
        session.clear()
        session[_PROVEN] = True
        return redirect(url_for(".organisation"), 303)
    log.info("first_start_code_refused", ip=origin.ip)
    form.code.errors = [
        f"Too many tries. Wait {duration(found.seconds)}, then try again." if found.seconds else WRONG_CODE
    ]
    response = _ask_code(form, status=429 if found.seconds else 422)
    if found.seconds:
        response.headers["Retry-After"] = str(found.seconds)
    return response


@bp.get("/organisation")
def organisation() -> ResponseReturnValue:
    """Ask for the organisation and its owner."""
    return _ask_organisation(OrganisationForm(formdata=None)) if _PROVEN in session else redirect(url_for(".index"))


@bp.post("/organisation")
def found() -> ResponseReturnValue:
    """Make them, sign the owner in and show them their log."""
    if _PROVEN not in session:
        return redirect(url_for(".index"), 303)
    form = OrganisationForm()
    if not form.validate():
        return _ask_organisation(form, status=422)
    new = NewOrganisation(form.organisation.data, form.slug.data, form.zone.data)
    owner = NewPerson(form.email.data, form.name.data, passwords.hash_password(form.password.data))
    try:
        session_id = rules.by_owner(new, owner, origin=gate.origin())
    except RefusedError:
        abort(409, "There is an organisation already, made while you were filling this in. Sign in to it instead.")
    gate.let_in(session_id)
    flash(f"Welcome, {owner.name}. From now on, what happens in {new.name} is recorded here.")
    return redirect(url_for("home.index"), 303)


def _ask_code(form: CodeForm, *, status: int = 200) -> Response:
    return make_response(render_template("first_start/code.html", form=form), status)


def _ask_organisation(form: OrganisationForm, *, status: int = 200) -> Response:
    page = render_template("first_start/organisation.html", form=form, pages=absolute("/o/"))
    return make_response(page, status)
