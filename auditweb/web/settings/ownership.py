"""Handing over the ownership: an owner's pages to offer it, and the page of whom it is offered to."""

from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectField, ValidationError
from wtforms.fields.choices import SelectChoice

from auditweb.accounts import ownership as rules
from auditweb.accounts import sessions
from auditweb.accounts.ownership import Member, OwnershipError
from auditweb.accounts.people import who_can_help
from auditweb.accounts.permissions import GRANTED, Right, Role
from auditweb.accounts.sessions import SignedIn
from auditweb.extensions import db
from auditweb.web.foreign_text import visible, visible_text
from auditweb.web.gate import keep_in, member_of, origin
from auditweb.web.settings.data import back, day_in
from auditweb.web.settings.proof import ProofForm

bp = Blueprint("ownership", __name__, url_prefix="/o/<org>/settings")


class TransferForm(ProofForm):
    to = SelectField("New owner")

    def __init__(self, person: SignedIn, members: list[SelectChoice]) -> None:
        super().__init__(person)
        self.to.choices = [SelectChoice("", "Choose a member"), *members]

    def validate_to(self, field: SelectField) -> None:
        if not field.data:
            raise ValidationError("Choose who is to be the owner.")


@bp.route("/data/transfer", methods=["GET", "POST"])
def transfer(org: str) -> ResponseReturnValue:
    """Offer the ownership to another member, once it is proven who does."""
    viewer = member_of(org, Right.OWN)
    if standing := rules.find_offer(viewer.org_id):
        return back(viewer, f"The ownership is offered to {visible_text(standing.to_name)} already.", "warn")
    members = rules.find_members(viewer.org_id)
    form = TransferForm(viewer.person, [_choice(member) for member in members])
    if form.is_submitted() and form.proves():
        try:
            name = rules.offer(viewer.org_id, int(form.to.data), by=viewer.person, origin=origin())
        except OwnershipError as problem:
            return back(viewer, visible_text(str(problem)), "warn")
        return back(viewer, f"The ownership is offered to {visible_text(name)}, who has to accept it.")
    page = render_template(
        "settings/transfer.html", form=form, problems=bool(form.errors), place=viewer.place, members=members
    )
    return make_response(page, 422 if form.errors else 200)


@bp.post("/data/transfer/withdraw")
def withdraw(org: str) -> ResponseReturnValue:
    """Take the open offer back."""
    viewer = member_of(org, Right.OWN)
    try:
        name = rules.withdraw(viewer.org_id, by=viewer.person, origin=origin())
    except OwnershipError as problem:
        return back(viewer, str(problem), "warn")
    return back(viewer, f"The ownership is not offered to {visible_text(name)} any more.")


@bp.get("/ownership")
def index(org: str) -> ResponseReturnValue:
    """Show someone the offer that was made to them, or that there is none."""
    viewer = member_of(org)
    offer = rules.find_offer(viewer.org_id) if viewer.place.is_offered else None
    return render_template(
        "settings/ownership.html",
        problems=False,
        place=viewer.place,
        name=visible(viewer.org_name),
        offer=offer and (visible(offer.from_name), day_in(viewer, offer.offered_at)),
        owners=[visible(owner.name) for owner in who_can_help(viewer.org_id, [Role.OWNER])],
        rights=[right.value for right in Right if Role.OWNER in GRANTED[right] and not viewer.place.may(right)],
    )


@bp.post("/ownership/accept")
def accept(org: str) -> ResponseReturnValue:
    """Become the owner, in a session with a new id: it may do more than the old one."""
    viewer = member_of(org)
    try:
        name = rules.accept(viewer.org_id, by=viewer.person, origin=origin())
    except OwnershipError as problem:
        return _stay(viewer.org_slug, str(problem), "warn")
    session_id = sessions.renew(viewer.person.id_hash)
    db.session.commit()
    keep_in(session_id)
    return back(viewer, f"You own the organisation now. {visible_text(name)} is an admin from now on.")


@bp.post("/ownership/decline")
def decline(org: str) -> ResponseReturnValue:
    """Leave the ownership where it is."""
    viewer = member_of(org)
    try:
        name = rules.decline(viewer.org_id, by=viewer.person, origin=origin())
    except OwnershipError as problem:
        return _stay(viewer.org_slug, str(problem), "warn")
    return _stay(viewer.org_slug, f"You declined. {visible_text(name)} stays the owner.", "good")


def _stay(org: str, message: str, kind: str) -> ResponseReturnValue:
    db.session.commit()
    flash(message, kind)
    return redirect(url_for("ownership.index", org=org), 303)


def _choice(member: Member) -> SelectChoice:
    name, email = visible_text(member.name), visible_text(member.email)
    return SelectChoice(str(member.person_id), f"{name}, {member.role} ({email})")
