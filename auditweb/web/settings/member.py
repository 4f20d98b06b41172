"""One member: their role, their second factor, their removal; and leaving by oneself."""

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from auditweb.accounts import api_keys, invitations, team
from auditweb.accounts.permissions import Right
from auditweb.accounts.team import Member, RefusedError
from auditweb.accounts.viewers import MemberViewer
from auditweb.extensions import db
from auditweb.web.foreign_text import visible, visible_text
from auditweb.web.gate import member_of, origin
from auditweb.web.moments import Moments
from auditweb.web.settings.people import page, row
from auditweb.web.settings.roles import IN_SHORT, RoleForm, with_article


def show(org: str, person_id: int) -> ResponseReturnValue:
    """Show what is known of a member, and what can be changed."""
    viewer = member_of(org, Right.MANAGE_TEAM)
    return _show(viewer, team.find_member(viewer.org_id, person_id))


def change_role(org: str, person_id: int) -> ResponseReturnValue:
    """Give a member another role."""
    viewer = member_of(org, Right.MANAGE_TEAM)
    found = team.find_member(viewer.org_id, person_id)
    form = RoleForm(viewer.place.role)
    if not form.validate():
        return _show(viewer, found, form, status=422)
    role = form.chosen
    try:
        changed = team.change_role(viewer.org_id, viewer.person, person_id, role, origin=origin())
    except RefusedError as error:
        db.session.rollback()
        form.role.errors = [str(error)]
        return _show(viewer, found, form, status=422)
    db.session.commit()
    whose, is_oneself = visible_text(found.name), person_id == viewer.person.person_id
    if not changed:
        flash(f"{whose} is {with_article(role)} as before.")
    elif is_oneself:
        flash(f"You are now {with_article(role)} of {visible_text(viewer.org_name)}.")
        return redirect(url_for("profile.index"), 303)  # this page may be closed to them from now on
    else:
        flash(f"{whose} is now {with_article(role)}.")
    return redirect(url_for(".member", org=org, person_id=person_id), 303)


def reset_two_factor(org: str, person_id: int) -> ResponseReturnValue:
    """Take a member's second factor away, so that they set up another."""
    viewer = member_of(org, Right.MANAGE_TEAM)
    try:
        team.reset_two_factor(viewer.org_id, viewer.person, person_id, origin=origin())
    except RefusedError as error:
        db.session.rollback()
        flash(visible_text(str(error)), "bad")
        return _show(viewer, team.find_member(viewer.org_id, person_id), status=409)
    name = team.find_member(viewer.org_id, person_id).name
    db.session.commit()
    flash(f"{visible_text(name)} is signed out, and sets up two-factor authentication anew at the next sign-in.")
    return redirect(url_for(".member", org=org, person_id=person_id), 303)


def remove(org: str, person_id: int) -> ResponseReturnValue:
    """Ask whether a member is to be removed, and do so."""
    viewer = member_of(org, Right.MANAGE_TEAM)
    found = team.find_member(viewer.org_id, person_id)
    if request.method != "POST":
        return _ask_to_remove(viewer, found)
    try:
        team.remove(viewer.org_id, viewer.person, person_id, origin=origin())
    except RefusedError as error:
        db.session.rollback()
        flash(str(error), "bad")
        return _ask_to_remove(viewer, found, status=409)
    db.session.commit()
    flash(f"{visible_text(found.name)} no longer belongs to {visible_text(viewer.org_name)}, and is signed out.")
    return redirect(url_for(".index", org=org), 303)


def leave(org: str) -> ResponseReturnValue:
    """Ask whether someone, whatever their role, wants to leave, and let them go."""
    viewer = member_of(org)
    if request.method != "POST":
        return _ask_to_leave(viewer)
    try:
        team.leave(viewer.org_id, viewer.person, origin=origin())
    except RefusedError as error:
        db.session.rollback()
        flash(str(error), "bad")
        return _ask_to_leave(viewer, status=409)
    db.session.commit()
    flash(f"You have left {visible_text(viewer.org_name)}.")
    return redirect(url_for("profile.index"), 303)


def _show(viewer: MemberViewer, found: Member, form: RoleForm | None = None, *, status: int = 200) -> Response:
    form = form or RoleForm(viewer.place.role, formdata=None, data={"role": found.role.value})
    return page(viewer, "member", status, person=row(viewer, found, Moments.of(viewer)), form=form, in_short=IN_SHORT)


def _ask_to_remove(viewer: MemberViewer, found: Member, *, status: int = 200) -> Response:
    open_ones = [visible_text(email) for email in invitations.sent_by(viewer.org_id, found.person_id)]
    keys = _keys_of(viewer, found.person_id)
    return page(viewer, "remove", status, person=row(viewer, found, Moments.of(viewer)), open_ones=open_ones, keys=keys)


def _ask_to_leave(viewer: MemberViewer, *, status: int = 200) -> Response:
    return page(viewer, "leave", status, keys=_keys_of(viewer, viewer.person.person_id))


def _keys_of(viewer: MemberViewer, person_id: int) -> list[Markup]:
    return [visible(name) for name in api_keys.made_by(viewer.org_id, person_id)]
