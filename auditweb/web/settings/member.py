"""One member: their role, their second factor, their removal; and leaving by oneself."""

from flask import Response, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from auditweb.accounts import api_keys, invitations, team
from auditweb.accounts.charge import RightsError
from auditweb.accounts.permissions import Right, Role, may_manage
from auditweb.accounts.team import OWNERS_ONLY, Member, MissingError, RefusedError
from auditweb.accounts.viewers import MemberViewer
from auditweb.extensions import db
from auditweb.web.foreign_text import visible, visible_text
from auditweb.web.gate import member_of, origin
from auditweb.web.moments import Moments
from auditweb.web.settings.people import page, row
from auditweb.web.settings.proof import ProofForm
from auditweb.web.settings.roles import IN_SHORT, RoleForm, with_article


def show(org: str, person_id: int) -> ResponseReturnValue:
    """Show what is known of a member, and what can be changed."""
    viewer = member_of(org, Right.MANAGE_TEAM)
    return _show(viewer, team.find_member(viewer.org_id, person_id))


def change_role(org: str, person_id: int) -> ResponseReturnValue:
    """Give a member another role."""
    viewer, found = _managed(org, person_id)
    form = RoleForm(viewer.place.role)
    if not form.validate():
        return _show(viewer, found, form, status=422)
    role = form.chosen
    is_oneself = person_id == viewer.person.person_id
    if Role.OWNER in (found.role, role) and found.role is not role and not is_oneself:
        return redirect(url_for(".confirm_role", org=org, person_id=person_id, role=role.value), 303)
    try:
        changed = team.change_role(viewer.org_id, viewer.person, person_id, role, origin=origin())
    except RefusedError as error:
        db.session.rollback()
        form.role.errors = [str(error)]
        return _show(viewer, found, form, status=422)
    db.session.commit()
    whose = visible_text(found.name)
    if not changed:
        flash(f"{whose} is {with_article(role)} as before.")
    elif is_oneself:
        flash(f"You are now {with_article(role)} of {visible_text(viewer.org_name)}.")
        return redirect(url_for("profile.index"), 303)  # this page may be closed to them from now on
    else:
        flash(f"{whose} is now {with_article(role)}.")
    return redirect(url_for(".member", org=org, person_id=person_id), 303)


def confirm_role(org: str, person_id: int, role: str) -> ResponseReturnValue:
    """Make or unmake an owner, once it is proven who wants it: owners can take everything from one another."""
    viewer = member_of(org, Right.OWN)
    found = team.find_member(viewer.org_id, person_id)
    wanted = next((each for each in Role if each.value == role), None)
    if wanted is None or Role.OWNER not in (found.role, wanted):
        abort(404)
    form = ProofForm(viewer.person)
    if request.method != "POST" or not form.proves():
        person = row(viewer, found, Moments.of(viewer))
        return page(viewer, "confirm_role", 422 if form.errors else 200, person=person, form=form, role=wanted)
    changed = team.change_role(viewer.org_id, viewer.person, person_id, wanted, origin=origin())
    db.session.commit()
    known = f"now {with_article(wanted)}" if changed else f"{with_article(wanted)} as before"
    flash(f"{visible_text(found.name)} is {known}.")
    return redirect(url_for(".member", org=org, person_id=person_id), 303)


def reset_two_factor(org: str, person_id: int) -> ResponseReturnValue:
    """Ask whether a member's second factor is to be taken away, so that they set up another, and do so."""
    viewer, found = _managed(org, person_id)
    if request.method != "POST":
        return page(viewer, "reset_two_factor", person=row(viewer, found, Moments.of(viewer)))
    try:
        team.reset_two_factor(viewer.org_id, viewer.person, person_id, origin=origin())
    except RefusedError as error:
        db.session.rollback()
        flash(visible_text(str(error)), "bad")
        return _show(viewer, found, status=409)
    db.session.commit()
    flash(f"{visible_text(found.name)} is signed out, and sets up two-factor authentication anew at the next sign-in.")
    return redirect(url_for(".member", org=org, person_id=person_id), 303)


def remove(org: str, person_id: int) -> ResponseReturnValue:
    """Ask whether a member is to be removed, and do so. Whoever presses the button twice has removed them once."""
    try:
        viewer, found = _managed(org, person_id)
        is_other_owner = found.role is Role.OWNER and person_id != viewer.person.person_id
        form = ProofForm(viewer.person) if is_other_owner else None
        if request.method != "POST" or (form is not None and not form.proves()):
            return _ask_to_remove(viewer, found, form, status=422 if form is not None and form.errors else 200)
        team.remove(viewer.org_id, viewer.person, person_id, origin=origin())
    except MissingError:
        return _gone_already(org, person_id)
    except RefusedError as error:
        db.session.rollback()
        flash(str(error), "bad")
        return _ask_to_remove(viewer, found, form, status=409)
    db.session.commit()
    flash(f"{visible_text(found.name)} no longer belongs to {visible_text(viewer.org_name)}, and is signed out.")
    return redirect(url_for(".index", org=org), 303)


def leave(org: str) -> ResponseReturnValue:
    """Ask whether someone, whatever their role, wants to leave, and let them go."""
    viewer = member_of(org)
    if request.method != "POST":
        return _ask_to_leave(viewer, is_last_owner=team.is_last_owner(viewer.org_id, viewer.person.person_id))
    try:
        team.leave(viewer.org_id, viewer.person, origin=origin())
    except RefusedError:
        db.session.rollback()
        return _ask_to_leave(viewer, is_last_owner=True, status=409)
    db.session.commit()
    flash(f"You have left {visible_text(viewer.org_name)}.")
    return redirect(url_for("profile.index"), 303)


def _show(viewer: MemberViewer, found: Member, form: RoleForm | None = None, *, status: int = 200) -> Response:
    form = form or RoleForm(viewer.place.role, formdata=None, data={"role": found.role.value})
    return page(viewer, "member", status, person=row(viewer, found, Moments.of(viewer)), form=form, in_short=IN_SHORT)


def _managed(org: str, person_id: int) -> tuple[MemberViewer, Member]:
    """Return who is asking, and the member whom they may change or remove; RightsError if they may not."""
    viewer = member_of(org, Right.MANAGE_TEAM)
    found = team.find_member(viewer.org_id, person_id)
    if not may_manage(viewer.place.role, found.role):
        raise RightsError(OWNERS_ONLY)
    return viewer, found


def _gone_already(org: str, person_id: int) -> ResponseReturnValue:
    """Say of a former member that they are one; of anybody else MissingError."""
    db.session.rollback()
    viewer = member_of(org, Right.MANAGE_TEAM)
    name = team.former_name(viewer.org_id, person_id)
    if name is None:
        raise MissingError
    flash(f"{visible_text(name)} does not belong to {visible_text(viewer.org_name)} any more.")
    return redirect(url_for(".index", org=org), 303)


def _ask_to_remove(viewer: MemberViewer, found: Member, form: ProofForm | None, *, status: int = 200) -> Response:
    open_ones = [visible_text(email) for email in invitations.sent_by(viewer.org_id, found.person_id)]
    keys = _keys_of(viewer, found.person_id)
    person = row(viewer, found, Moments.of(viewer))
    return page(viewer, "remove", status, person=person, open_ones=open_ones, keys=keys, form=form)


def _ask_to_leave(viewer: MemberViewer, *, is_last_owner: bool, status: int = 200) -> Response:
    keys = _keys_of(viewer, viewer.person.person_id)
    return page(viewer, "leave", status, keys=keys, is_last_owner=is_last_owner)


def _keys_of(viewer: MemberViewer, person_id: int) -> list[Markup]:
    return [visible(name) for name in api_keys.made_by(viewer.org_id, person_id)]
