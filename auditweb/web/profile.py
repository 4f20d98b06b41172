"""A person's own page: their name, and how they like to read."""

from zoneinfo import available_timezones

from flask import (
    Blueprint,
    abort,
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
from werkzeug import Response
from wtforms import BooleanField, RadioField, SelectField, StringField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length

from auditweb.accounts.people import save_profile, save_theme
from auditweb.accounts.sessions import SignedIn
from auditweb.extensions import db
from auditweb.reading import days
from auditweb.web.foreign_text import visible_text
from auditweb.web.gate import came_from, require_person, safe_path, signed_in
from auditweb.web.mailing import mailer
from auditweb.web.shell import THEMES, Shell, theme_cookie
from auditweb.webhooks import weekly

LONGEST_NAME = 100
ONE_YEAR = 365 * 24 * 3600

bp = Blueprint("profile", __name__)


ZONES = sorted(available_timezones() - {"Factory", "localtime", "posixrules"})


def _choices(**labels: str) -> list[SelectChoice]:
    return [SelectChoice(value, label) for value, label in labels.items()]


def _hides_nothing(_form: FlaskForm, field: StringField) -> None:
    if visible_text(field.data) != field.data:
        raise ValidationError("Leave out characters that cannot be seen.")


def name_field(label: str) -> StringField:
    """Return a field for what somebody is called."""
    return StringField(
        label,
        filters=[lambda text: " ".join(text.split()) if text else text],
        validators=[
            DataRequired("Enter your name."),
            Length(max=LONGEST_NAME, message="This is too long."),
            _hides_nothing,
        ],
    )


class ProfileForm(FlaskForm):  # type: ignore[misc]
    name = name_field("Name")
    zone = SelectField("Time zone", choices=[SelectChoice("", "The organisation’s"), *map(SelectChoice, ZONES)])
    times = RadioField("Times", choices=_choices(relative="Relative (4 min ago)", absolute="Absolute (14:05)"))
    shortcuts = BooleanField("Keyboard shortcuts", id="use-shortcuts")
    theme = RadioField("Theme", choices=_choices(system="Follow the system", light="Light", dark="Dark"))


@bp.route("/profile", methods=["GET", "POST"])
def index() -> ResponseReturnValue:
    """Show the person's settings, or save them and show them again."""
    person = require_person()
    form = ProfileForm(
        data={
            "name": person.name,
            "zone": person.zone,
            "times": "absolute" if person.absolute_times else "relative",
            "shortcuts": person.shortcuts,
            "theme": Shell().theme,
        }
    )
    if not form.is_submitted():
        return _page(form, person)
    if not form.validate():
        return _page(form, person, 422)
    save_profile(
        person.person_id,
        name=form.name.data,
        zone=form.zone.data,
        absolute_times=form.times.data == "absolute",
        shortcuts=form.shortcuts.data,
        theme=form.theme.data,
    )
    db.session.commit()
    flash("Your profile is saved.")
    return _with_theme(redirect(url_for("profile.index"), 303), form.theme.data)


@bp.post("/profile/weekly-mail/<org>")
def weekly_mail(org: str) -> ResponseReturnValue:
    """Send the person a mail about an organisation each week from now on, or no more."""
    place = require_person().place(org)
    if place is None or not place.may_read_log:
        abort(404)
    choice = request.form.get("weekly_mail")
    if choice not in ("on", "off"):
        abort(400, "Say whether you want the mail: on or off.")
    weekly.choose(place.org_id, place.zone, require_person().person_id, wanted=choice == "on")
    db.session.commit()
    flash(
        f"You get a mail about {visible_text(place.name)} each Monday at 08:00 ({days.place(place.zone)} time)."
        if choice == "on"
        else f"You get no more mails about the week of {visible_text(place.name)}."
    )
    return redirect(url_for(".index") + "#weekly-mail", 303)


@bp.post("/theme")
def theme() -> ResponseReturnValue:
    """Show pages light, dark or as the system has it from now on, signed in or not, and return to the page."""
    chosen = request.form.get("theme", "")
    if chosen not in THEMES:
        abort(400, "There is no such theme.")
    if person := signed_in():
        save_theme(person.person_id, chosen)
        db.session.commit()
    return _with_theme(
        redirect(safe_path(request.form.get("next")) or came_from() or url_for("home.index"), 303), chosen
    )


def _page(form: ProfileForm, person: SignedIn, status: int = 200) -> ResponseReturnValue:
    mailed = weekly.wanted_by(person.person_id) if mailer() else None
    page = render_template("profile/index.html", form=form, organisations=person.places, mailed=mailed)
    return make_response(page, status)


def _with_theme(response: Response, theme: str) -> Response:
    secure = bool(current_app.config["SESSION_COOKIE_SECURE"])
    response.set_cookie(
        theme_cookie(),
        theme,
        max_age=ONE_YEAR,
        secure=secure,
        httponly=True,
        samesite="Lax",
    )
    return response
