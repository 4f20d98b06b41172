"""Settings → General: name, address, time zone, and how people sign in. Each panel is a form of its own."""

from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length

from auditweb import clock
from auditweb.accounts import organisations as rules
from auditweb.accounts.organisations import IDLE_MINUTES, SESSION_HOURS, Unfit
from auditweb.accounts.permissions import Right, TwoFactorRule
from auditweb.accounts.sessions import Place
from auditweb.accounts.viewers import MemberViewer
from auditweb.extensions import db
from auditweb.reading import days
from auditweb.web.foreign_text import visible
from auditweb.web.gate import member_of, origin
from auditweb.web.profile import LONGEST_NAME, ZONES
from auditweb.web.settings.fields import WholeNumber, a_day, choices, day, number, one_line, visible_only
from auditweb.web.viewing import absolute

MOST_NAMES = 8
UNCHANGED = "That is how it was already: nothing was changed."

bp = Blueprint("general", __name__)


class NameForm(FlaskForm):  # type: ignore[misc]
    name = StringField(
        "The organisation’s name",
        filters=[one_line],
        validators=[
            DataRequired("Enter the organisation’s name."),
            Length(max=LONGEST_NAME, message=f"This is too long: {LONGEST_NAME} characters are the most."),
            visible_only,
        ],
    )


class SlugForm(FlaskForm):  # type: ignore[misc]
    slug = StringField(
        "Address of its pages",
        validators=[DataRequired("Enter an address."), Length(max=200, message="This is too long.")],
    )

    @property
    def wanted(self) -> str:
        """What was typed, as addresses are written."""
        return str(self.slug.data).strip().lower()


class ZoneForm(FlaskForm):  # type: ignore[misc]
    zone = SelectField("Zone", choices=list(map(SelectChoice, ZONES)))


class TwoFactorForm(FlaskForm):  # type: ignore[misc]
    rule = RadioField(
        "Two-factor authentication is needed by",
        choices=choices(optional="Nobody", admins="Owners and admins", everyone="Everyone"),
    )
    first_day = StringField("From", validators=[a_day])


class SessionsForm(FlaskForm):  # type: ignore[misc]
    idle_minutes = StringField("Minutes without use", validators=[WholeNumber(IDLE_MINUTES, "minutes")])
    session_hours = StringField("Hours after signing in", validators=[WholeNumber(SESSION_HOURS, "hours")])


class Panel(NamedTuple):
    """One form of the page: *save* does what it asks for and tells whether that changed anything."""

    form: type[FlaskForm]
    values: Callable[[Place], dict[str, str]]
    save: Callable[[MemberViewer, Any], bool]
    done: str


def _save_name(viewer: MemberViewer, form: Any) -> bool:
    return rules.rename(viewer.org_id, form.name.data, by=viewer.person, origin=origin())


def _save_slug(viewer: MemberViewer, form: Any) -> bool:
    return rules.change_slug(viewer.org_id, form.wanted, by=viewer.person, origin=origin())


def _save_zone(viewer: MemberViewer, form: Any) -> bool:
    return rules.change_zone(viewer.org_id, form.zone.data, by=viewer.person, origin=origin())


def _save_two_factor(viewer: MemberViewer, form: Any) -> bool:
    rule = TwoFactorRule(form.rule.data)
    return rules.require_two_factor(viewer.org_id, rule, day(form.first_day), by=viewer.person, origin=origin())


def _save_sessions(viewer: MemberViewer, form: Any) -> bool:
    limits = number(form.idle_minutes), number(form.session_hours)
    return rules.limit_sessions(viewer.org_id, *limits, by=viewer.person, origin=origin())


def _two_factor_values(place: Place) -> dict[str, str]:
    first_day = days.day_of(place.two_factor_from or clock.now(), place.zone)
    return {"rule": place.two_factor_rule.value, "first_day": first_day.isoformat()}


def _session_values(place: Place) -> dict[str, str]:
    return {
        "idle_minutes": str(int(place.idle_limit.total_seconds()) // 60),
        "session_hours": str(int(place.absolute_limit.total_seconds()) // 3600),
    }


PANELS = {
    "name": Panel(NameForm, lambda place: {"name": place.name}, _save_name, "The organisation has its new name."),
    "address": Panel(
        SlugForm,
        lambda place: {"slug": place.slug},
        _save_slug,
        "The organisation’s pages have their new address. Old links lead here.",
    ),
    "time-zone": Panel(ZoneForm, lambda place: {"zone": place.zone}, _save_zone, "The time zone is changed."),
    "two-factor": Panel(
        TwoFactorForm, _two_factor_values, _save_two_factor, "The rule for two-factor authentication is changed."
    ),
    "sessions": Panel(
        SessionsForm, _session_values, _save_sessions, "How long people stay signed in is changed, from now on."
    ),
}


@bp.get("/o/<org>/settings/general")
def index(org: str) -> ResponseReturnValue:
    """Show what the organisation has decided about itself."""
    return _page(member_of(org, Right.MANAGE_SETTINGS))


@bp.post("/o/<org>/settings/general")
def change(org: str) -> ResponseReturnValue:
    """Save one panel, and show the page again, at its new address if it has moved."""
    viewer = member_of(org, Right.MANAGE_SETTINGS)
    panel = PANELS.get(request.form.get("panel", ""))
    if panel is None:
        abort(400, "This form does not say what to change.")
    form = panel.form()
    if not form.validate():
        return _page(viewer, form)
    try:
        changed = panel.save(viewer, form)
    except Unfit as problem:
        form[problem.field].errors = [str(problem)]
        return _page(viewer, form)
    db.session.commit()
    flash(panel.done if changed else UNCHANGED)
    here = form.wanted if isinstance(form, SlugForm) else viewer.org_slug
    return redirect(url_for("general.index", org=here), 303)


def _page(viewer: MemberViewer, refused: FlaskForm | None = None) -> ResponseReturnValue:
    forms = {
        name: refused if isinstance(refused, panel.form) else panel.form(formdata=None, data=panel.values(viewer.place))
        for name, panel in PANELS.items()
    }
    place, now = viewer.place, clock.now()
    first, last = rules.first_days(place.zone)
    lacking = rules.find_without_two_factor(viewer.org_id, most_names=MOST_NAMES)
    page = render_template(
        "settings/general.html",
        forms=forms,
        problems=refused is not None,
        place=place,
        person=viewer.person,
        address=absolute(f"/o/{place.slug}/"),
        first_day=first.isoformat(),
        last_day=last.isoformat(),
        begins=days.spelled(days.day_of(place.two_factor_from or now, place.zone)),
        in_force=place.two_factor_from is None or place.two_factor_from <= now,
        lacking=lacking,
        names=[(visible(name), role) for name, role in lacking.names],
        idle_minutes=IDLE_MINUTES,
        session_hours=SESSION_HOURS,
    )
    return make_response(page, 422 if refused else 200)
