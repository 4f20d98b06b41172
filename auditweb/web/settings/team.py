"""Settings → Team: who belongs to the organisation, who did, who is invited, and what each role may do."""

from flask import Blueprint, Response, abort, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from auditweb.accounts import team
from auditweb.accounts.permissions import GRANTED, Right, Role, may, may_manage
from auditweb.accounts.team import Members, MissingError
from auditweb.accounts.viewers import MemberViewer
from auditweb.extensions import db
from auditweb.web import errors
from auditweb.web.gate import member_of
from auditweb.web.moments import Moments
from auditweb.web.settings import inviting, member
from auditweb.web.settings.people import LARGEST_ID, after, list_page, page, row
from auditweb.web.settings.roles import IN_SHORT

LONGEST_SEARCH = 100

_MEMBER = f"/members/<int(max={LARGEST_ID}):person_id>"
_INVITATION = f"/invitations/<int(max={LARGEST_ID}):invitation_id>"

bp = Blueprint("team", __name__)
bp.add_url_rule("/invitations", "invitations", inviting.index)
bp.add_url_rule("/invite", "invite", inviting.invite, methods=["GET", "POST"])
bp.add_url_rule(f"{_INVITATION}/resend", "resend", inviting.resend, methods=["POST"])
bp.add_url_rule(f"{_INVITATION}/withdraw", "withdraw", inviting.withdraw, methods=["POST"])
bp.add_url_rule(_MEMBER, "member", member.show)
bp.add_url_rule(f"{_MEMBER}/role", "change_role", member.change_role, methods=["POST"])
bp.add_url_rule(f"{_MEMBER}/two-factor", "reset_two_factor", member.reset_two_factor, methods=["GET", "POST"])
bp.add_url_rule(f"{_MEMBER}/role/<role>", "confirm_role", member.confirm_role, methods=["GET", "POST"])
bp.add_url_rule(f"{_MEMBER}/remove", "remove", member.remove, methods=["GET", "POST"])
bp.add_url_rule("/leave", "leave", member.leave, methods=["GET", "POST"])


@bp.get("")
def index(org: str) -> ResponseReturnValue:
    """List the members by name, those found if something is searched for."""
    viewer = member_of(org, Right.MANAGE_TEAM)
    text = _search()
    return _list(viewer, "members", text, team.find_members(viewer.org_id, text, after=after()))


@bp.get("/former")
def former(org: str) -> ResponseReturnValue:
    """List those who no longer belong to the organisation, with their last day, the last first."""
    viewer = member_of(org, Right.MANAGE_TEAM)
    text = _search()
    return _list(viewer, "former", text, team.find_former(viewer.org_id, text, after=after()))


@bp.get("/roles")
def roles(org: str) -> ResponseReturnValue:
    """Show the table of rights as it is applied."""
    viewer = member_of(org, Right.MANAGE_TEAM)
    rows = [(right.value, [_cell(role, right) for role in Role]) for right in GRANTED]
    return page(viewer, "roles", roles=list(Role), rows=rows, in_short=IN_SHORT)


@bp.errorhandler(MissingError)
def show_missing(_error: MissingError) -> ResponseReturnValue:
    """Answer as for any page that is not there: another organisation's people and invitations are no different."""
    db.session.rollback()
    return errors.show(NotFound())


def _list(viewer: MemberViewer, name: str, text: str, found: Members) -> Response:
    moments = Moments.of(viewer)
    rows = [row(viewer, one, moments) for one in found.rows]
    endpoint, org, q = str(request.endpoint), viewer.org_slug, text or None
    more = url_for(endpoint, org=org, q=q, after=rows[-1].id) if found.has_more else ""
    first = url_for(endpoint, org=org, q=q) if "after" in request.args else ""
    return list_page(viewer, name, rows=rows, text=text, first=first, more=more)


def _search() -> str:
    text = " ".join(request.args.get("q", "").split())
    if len(text) > LONGEST_SEARCH:
        abort(400, f"A name or address to search for has at most {LONGEST_SEARCH} characters.")
    return text


def _cell(role: Role, right: Right) -> str:
    """Tell in a word whether a role has a right; of managing the team, owners may be left out."""
    if not may(role, right):
        return ""
    return "Except owners" if right is Right.MANAGE_TEAM and not may_manage(role, Role.OWNER) else "Yes"
