"""Settings → Sign-in: one's own password, second factor and devices, whatever one's role."""

import re
from typing import NamedTuple
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from wtforms import PasswordField, ValidationError
from wtforms.validators import InputRequired

from auditweb import clock
from auditweb.accounts import devices, factor_changes, password_changes, two_factor
from auditweb.accounts.devices import Device
from auditweb.accounts.password_rules import HINT, problem_with
from auditweb.accounts.sessions import Place
from auditweb.accounts.viewers import MemberViewer
from auditweb.reading.days import MONTHS
from auditweb.web import gate, placing
from auditweb.web.details import device_of
from auditweb.web.foreign_text import visible, visible_text
from auditweb.web.settings.proof import ProofForm
from auditweb.web.times import Clock, exact, utc
from auditweb.web.two_factor import show_recovery_codes

FEW_CODES = 3
ALONE = "You are signed in on this device only."
GONE = "That is none of your other devices, or it was signed out already."
OFF_ALREADY = "Two-factor authentication is off already."

_LONGEST_DEVICE = 60
_ON_THE_MOVE = re.compile("Mobi|Android|iPhone|iPad")

bp = Blueprint("sign_in_settings", __name__, url_prefix="/o/<org>/settings/sign-in")


class PasswordForm(ProofForm):
    new = PasswordField("New password", description=HINT, validators=[InputRequired("Enter a new password.")])

    def validate_new(self, field: PasswordField) -> None:
        if field.data == self.password.data:
            raise ValidationError("This is your password already.")
        if problem := problem_with(field.data, email=self._person.email, name=self._person.name):
            raise ValidationError(problem)


class Row(NamedTuple):
    """A device as the list shows it."""

    id: str
    icon: str
    name: Markup
    ip: str | None
    place: str | None
    since: str
    seen: str
    seen_exactly: str
    seen_at: str
    current: bool


@bp.get("")
def index(org: str) -> ResponseReturnValue:
    """Show how the person signs in, and where they are signed in now."""
    return _overview(gate.member_of(org))


@bp.route("/password", methods=["GET", "POST"])
def password(org: str) -> ResponseReturnValue:
    """Change the password, with fresh proof; all other sessions end, and this one gets a new id."""
    viewer = gate.member_of(org)
    form = PasswordForm(viewer.person)
    if not form.is_submitted():
        return _form_page("password", form)
    if not form.proves():
        return _form_page("password", form, status=422)
    gate.keep_in(password_changes.change(viewer.person, form.new.data, origin=gate.origin()))
    flash("Your password is changed, and you are signed out everywhere else.")
    return _back(viewer)


@bp.route("/two-factor/turn-off", methods=["GET", "POST"])
def turn_off(org: str) -> ResponseReturnValue:
    """Turn two-factor authentication off, with fresh proof, unless an organisation demands it."""
    viewer = gate.member_of(org)
    if not viewer.person.has_two_factor:
        return _back(viewer, OFF_ALREADY)
    demanding = factor_changes.demanded_by(viewer.person)
    form = ProofForm(viewer.person)
    if not form.is_submitted():
        return _form_page("turn_off", form, demanding=demanding)
    if demanding is not None:
        return _form_page("turn_off", form, status=409, demanding=demanding)
    if not form.proves():
        return _form_page("turn_off", form, status=422, demanding=None)
    gate.keep_in(factor_changes.turn_off(viewer.person, origin=gate.origin()))
    flash("Two-factor authentication is off, and you are signed out everywhere else.", "warn")
    return _back(viewer)


@bp.route("/two-factor/recovery-codes", methods=["GET", "POST"])
def recovery_codes(org: str) -> ResponseReturnValue:
    """Make new recovery codes, with fresh proof, and show them, this once."""
    viewer = gate.member_of(org)
    if not viewer.person.has_two_factor:
        return _back(viewer, OFF_ALREADY)
    form = ProofForm(viewer.person)
    if not form.is_submitted():
        return _form_page("recovery_codes", form)
    if not form.proves():
        return _form_page("recovery_codes", form, status=422)
    codes = factor_changes.make_recovery_codes(viewer.person, origin=gate.origin())
    return show_recovery_codes(codes, fresh=False, onwards=url_for("sign_in_settings.index", org=viewer.org_slug))


@bp.post("/devices/sign-out")
def sign_out(org: str) -> ResponseReturnValue:
    """End one of the person's other sessions."""
    viewer = gate.member_of(org)
    chosen = request.form.get("device", "")
    device = next((device for device in devices.all_of(viewer.person) if device.id_hash == chosen), None)
    name = _name_of(device.user_agent) if device else ""
    if device is None or not devices.sign_out(viewer.person, device, name, origin=gate.origin()):
        return _overview(viewer, GONE, status=404)
    flash(f"You are signed out on {visible_text(name)}.")
    return _back(viewer)


@bp.post("/devices/sign-out-others")
def sign_out_others(org: str) -> ResponseReturnValue:
    """End all sessions of the person but this one."""
    viewer = gate.member_of(org)
    number = devices.sign_out_others(viewer.person, origin=gate.origin())
    if not number:
        return _back(viewer, ALONE)
    flash(f"You are signed out on {number} other {'device' if number == 1 else 'devices'}.")
    return _back(viewer)


def _overview(viewer: MemberViewer, problem: str = "", *, status: int = 200) -> Response:
    person = viewer.person
    tell = Clock(clock.now(), viewer.zone, absolute=viewer.absolute_times)
    page = render_template(
        "settings/sign_in/index.html",
        org=viewer.org_slug,
        email=person.email,
        enrolled=person.has_two_factor,
        devices=[_row(device, tell) for device in devices.all_of(person)],
        codes_left=two_factor.count_recovery_codes(person.person_id) if person.has_two_factor else 0,
        codes_made=two_factor.RECOVERY_CODES,
        few_codes=FEW_CODES,
        demanding=factor_changes.demanded_by(person),
        wanting=None if person.has_two_factor else factor_changes.wanted_by(person),
        day_of=_day_of,
        problem=problem,
        problems=False,
    )
    return make_response(page, status)


def _form_page(name: str, form: ProofForm, *, status: int = 200, **more: object) -> Response:
    page = render_template(f"settings/sign_in/{name}.html", form=form, org=g.place.slug, problems=status == 422, **more)
    return make_response(page, status)


def _back(viewer: MemberViewer, warning: str = "") -> ResponseReturnValue:
    if warning:
        flash(warning, "warn")
    return redirect(url_for("sign_in_settings.index", org=viewer.org_slug), 303)


def _row(device: Device, tell: Clock) -> Row:
    return Row(
        id=device.id_hash,
        icon="smartphone" if _ON_THE_MOVE.search(device.user_agent or "") else "monitor",
        name=visible(_name_of(device.user_agent)),
        ip=device.ip,
        place=placing.place_of(device.ip),
        since=tell.alone(device.started_at),
        seen=tell.alone(device.seen_at),
        seen_exactly=exact(device.seen_at.astimezone(tell.zone)),
        seen_at=utc(device.seen_at),
        current=device.current,
    )


def _name_of(user_agent: str | None) -> str:
    return device_of(user_agent)[:_LONGEST_DEVICE] if user_agent else "an unknown device"


def _day_of(place: Place) -> str:
    """Return the day from which an organisation asks for a second factor, as its people count days."""
    day = (place.two_factor_from or clock.now()).astimezone(ZoneInfo(place.zone))
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"
