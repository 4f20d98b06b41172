"""Asking for the organisation to be deleted, and calling that off."""

from flask import Blueprint, make_response, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField, ValidationError

from auditweb import clock
from auditweb.accounts import deletion as rules
from auditweb.accounts.permissions import Right
from auditweb.accounts.sessions import SignedIn
from auditweb.extensions import db
from auditweb.web.foreign_text import visible
from auditweb.web.gate import member_of, origin
from auditweb.web.settings.data import UNCHANGED, back, day_in
from auditweb.web.settings.fields import one_line
from auditweb.web.settings.notices import tell_owners
from auditweb.web.settings.proof import ProofForm
from auditweb.web.viewing import absolute

bp = Blueprint("deletion", __name__, url_prefix="/o/<org>/settings/data/delete")


class DeleteForm(ProofForm):
    typed = StringField("The organisation’s name", filters=[one_line])

    def __init__(self, person: SignedIn, name: str) -> None:
        super().__init__(person)
        self._name = name

    def validate_typed(self, field: StringField) -> None:
        if field.data != one_line(self._name):
            raise ValidationError("This is not the name. Type it as it is written above.")


@bp.route("", methods=["GET", "POST"])
def index(org: str) -> ResponseReturnValue:
    """Tell what goes, and ask for the deletion once the name is typed and it is proven who wants it."""
    viewer = member_of(org, Right.OWN)
    if viewer.place.deletion_due_at is not None:
        return back(viewer, UNCHANGED)
    form = DeleteForm(viewer.person, viewer.org_name)
    if not (form.is_submitted() and form.proves()):
        page = render_template(
            "settings/delete.html",
            form=form,
            problems=bool(form.errors),
            place=viewer.place,
            name=visible(viewer.org_name),
            day=day_in(viewer, clock.now() + rules.NOTICE),
        )
        return make_response(page, 422 if form.errors else 200)
    due_at = rules.request(viewer.org_id, by=viewer.person, origin=origin())
    if due_at is None:
        return back(viewer, UNCHANGED)
    db.session.commit()
    day = day_in(viewer, due_at)
    mailed = tell_owners(
        viewer,
        f"{viewer.org_name} will be deleted",
        f"{viewer.name} has asked for {viewer.org_name} to be deleted. On {day} everything of it goes for good, its "
        f"audit log included.\n\n"
        f"Until then you can call it off: {absolute(url_for('data.index', org=org))}",
    )
    return back(viewer, f"The organisation will be deleted on {day}. {mailed}".strip(), "warn")


@bp.post("/call-off")
def call_off(org: str) -> ResponseReturnValue:
    """Keep the organisation after all."""
    viewer = member_of(org, Right.OWN)
    if rules.call_off(viewer.org_id, by=viewer.person, origin=origin()):
        return back(viewer, "The organisation stays: its deletion is called off.")
    return back(viewer, "There was nothing to call off any more.", "warn")
