"""Settings → Data management: how long the log is kept; its other parts are `ownership` and `deletion`."""

from datetime import datetime, timedelta

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice

from auditweb import clock
from auditweb.accounts import retention
from auditweb.accounts.deletion import find_request
from auditweb.accounts.ownership import find_offer
from auditweb.accounts.people import who_can_help
from auditweb.accounts.permissions import Right, Role
from auditweb.accounts.retention import PERIODS, NoticeNeededError, is_shorter, told
from auditweb.accounts.viewers import MemberViewer
from auditweb.extensions import db
from auditweb.reading import days
from auditweb.reading.counts import count
from auditweb.reading.filters import LogFilter
from auditweb.web.foreign_text import visible
from auditweb.web.gate import member_of, origin
from auditweb.web.settings.notices import tell_owners
from auditweb.web.settings.proof import ProofForm
from auditweb.web.viewing import absolute

FOR_GOOD = "good"
UNCHANGED = "That is how it was already: nothing was changed."

bp = Blueprint("data", __name__, url_prefix="/o/<org>/settings/data")


class KeepForm(FlaskForm):  # type: ignore[misc]
    months = SelectField("Keep entries")

    def __init__(self, months: int | None, **values: object) -> None:
        super().__init__(**values, data={"months": str(months or FOR_GOOD)})
        periods: list[int | None] = [*sorted({*PERIODS, months or PERIODS[0]}), None]
        self.months.choices = [SelectChoice(str(period or FOR_GOOD), told(period)) for period in periods]


@bp.get("")
def index(org: str) -> ResponseReturnValue:
    """Show how long the log is kept, who owns the organisation, and whether it is to be deleted."""
    viewer = member_of(org, Right.MANAGE_SETTINGS)
    return _page(viewer, KeepForm(viewer.retention_months, formdata=None))


@bp.post("")
def keep(org: str) -> ResponseReturnValue:
    """Keep entries for longer at once, or lead to what a shorter time needs."""
    viewer = member_of(org, Right.OWN)
    form = KeepForm(viewer.retention_months)
    if not form.validate():
        return _page(viewer, form)
    months = None if form.months.data == FOR_GOOD else int(form.months.data)
    try:
        changed = retention.keep(viewer.org_id, months, by=viewer.person, origin=origin())
    except NoticeNeededError:
        return redirect(url_for("data.shorten", org=org, months=months), 303)
    return back(viewer, f"Entries are kept {told(months)}." if changed else UNCHANGED)


@bp.route("/shorter", methods=["GET", "POST"])
def shorten(org: str) -> ResponseReturnValue:
    """Tell what keeping entries for a shorter time takes away, and announce it once it is proven who wants it."""
    viewer = member_of(org, Right.OWN)
    months = next((period for period in PERIODS if request.args.get("months") == str(period)), None)
    if months is None:
        abort(400, "There is no such time to keep entries for.")
    if not is_shorter(months, viewer.retention_months) or months == viewer.place.shorter_months:
        return back(viewer, UNCHANGED)
    form = ProofForm(viewer.person)
    if form.is_submitted() and form.proves():
        return _announce(viewer, months)
    begins = clock.now() + retention.NOTICE
    last_day = retention.oldest_kept(begins, months, viewer.org_zone) - timedelta(days=1)
    old = LogFilter(org_id=viewer.org_id, org_zone=viewer.org_zone, to=last_day)
    page = render_template(
        "settings/shorten.html",
        form=form,
        problems=bool(form.errors),
        place=viewer.place,
        kept=told(viewer.retention_months),
        shorter=told(months),
        begins=day_in(viewer, begins),
        last_day=days.spelled(last_day),
        old=count(old).categories[None],
        see_old=url_for("audit_log.index", org=org) + old.query(),
    )
    return make_response(page, 422 if form.errors else 200)


@bp.post("/shorter/call-off")
def call_off(org: str) -> ResponseReturnValue:
    """Go on keeping entries as long as now."""
    viewer = member_of(org, Right.OWN)
    called_off = retention.call_off(viewer.org_id, by=viewer.person, origin=origin())
    kept = f"Entries go on being kept {told(viewer.retention_months)}."
    return back(viewer, kept if called_off else f"There was nothing to call off any more. {kept}")


def back(viewer: MemberViewer, message: str, kind: str = "good") -> ResponseReturnValue:
    """Keep what was done, and show the page again with a message."""
    db.session.commit()
    flash(message, kind)
    return redirect(url_for("data.index", org=viewer.org_slug), 303)


def day_in(viewer: MemberViewer, moment: datetime) -> str:
    """Tell the day of *moment* in words, as the organisation counts days."""
    return days.spelled(days.day_of(moment, viewer.org_zone))


def _announce(viewer: MemberViewer, months: int) -> ResponseReturnValue:
    begins = retention.shorten(viewer.org_id, months, by=viewer.person, origin=origin())
    if begins is None:
        return back(viewer, UNCHANGED)
    db.session.commit()
    news = f"Audit log entries of {viewer.org_name} will be kept {told(months)} only, from {day_in(viewer, begins)} on"
    mailed = tell_owners(
        viewer,
        f"The audit log of {viewer.org_name} will be kept for a shorter time",
        f"{news}: {viewer.name} has decided so. Older entries are removed for good then.\n\n"
        f"Until then you can call it off: {absolute(url_for('data.index', org=viewer.org_slug))}",
    )
    return back(viewer, f"{news}. {mailed}".strip(), "warn")


def _page(viewer: MemberViewer, form: KeepForm) -> ResponseReturnValue:
    place = viewer.place
    offer = find_offer(place.org_id)
    asked = find_request(place.org_id) if place.deletion_due_at else None
    page = render_template(
        "settings/data.html",
        form=form,
        problems=bool(form.errors),
        place=place,
        owns=place.may(Right.OWN),
        kept=told(place.retention_months),
        shorter=place.shorter_from and (told(place.shorter_months), day_in(viewer, place.shorter_from)),
        owners=[(visible(owner.name), owner.email) for owner in who_can_help(place.org_id, [Role.OWNER])],
        offer=offer and (visible(offer.from_name), visible(offer.to_name), day_in(viewer, offer.offered_at)),
        deletion=asked and (visible(asked.by_name), day_in(viewer, asked.at), day_in(viewer, asked.due_at)),
    )
    return make_response(page, 422 if form.errors else 200)
