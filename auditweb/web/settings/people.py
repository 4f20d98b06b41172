"""People as the pages of a team show them, and what these pages share."""

from typing import NamedTuple

from flask import Response, abort, make_response, render_template, request, url_for
from markupsafe import Markup

from auditweb.accounts import team
from auditweb.accounts.permissions import Role, may_manage
from auditweb.accounts.team import Member
from auditweb.accounts.viewers import MemberViewer
from auditweb.parties import ActorRef, ActorType
from auditweb.web.actor_kinds import FORMER_MEMBER, MEMBER, avatar, badges
from auditweb.web.assets import asset_url
from auditweb.web.foreign_text import visible, visible_text
from auditweb.web.moments import Moments, Told
from auditweb.web.paths import person_href

LARGEST_ID = 2**31 - 1


class Row(NamedTuple):
    """Somebody ready to be shown. *entries* is the address of what they did, *about* that of the page about them."""

    id: int
    picture: Markup
    name: Markup
    badges: Markup
    email: str
    is_active: bool
    role: Role
    has_two_factor: bool
    seen: Told | None
    joined: Told
    left: Told | None
    entries: str
    about: str
    may_manage: bool
    is_oneself: bool


def row(viewer: MemberViewer, member: Member, moments: Moments) -> Row:
    """Return what is shown of a member, current or former."""
    ref = ActorRef(ActorType.MEMBER, str(member.person_id))
    return Row(
        id=member.person_id,
        picture=avatar(ref, member.name, MEMBER, asset_url("vendor/icons.svg")),
        name=visible(member.name),
        badges=badges(ref, member.name, MEMBER if member.removed_at is None else FORMER_MEMBER),
        email=visible_text(member.email),
        is_active=member.active,
        role=member.role,
        has_two_factor=member.has_two_factor,
        seen=moments.since(member.seen_at) if member.seen_at else None,
        joined=moments.day(member.joined_at),
        left=moments.day(member.removed_at) if member.removed_at else None,
        entries=f"{url_for('audit_log.index', org=viewer.org_slug)}?actor={ref}",
        about=person_href(url_for("audit_log.index", org=viewer.org_slug), ref),
        may_manage=may_manage(viewer.place.role, member.role),
        is_oneself=member.person_id == viewer.person.person_id,
    )


def page(viewer: MemberViewer, name: str, status: int = 200, **context: object) -> Response:
    """Render a page of the team."""
    shown = {"viewer": viewer, "problems": status == 422, **context}
    return make_response(render_template(f"settings/team/{name}.html", **shown), status)


def list_page(viewer: MemberViewer, name: str, status: int = 200, **context: object) -> Response:
    """Render one of the lists, with the numbers of all of them on its tabs."""
    return page(viewer, name, status, counts=team.count(viewer.org_id), **context)


def after() -> int | None:
    """Return the id of whom a list goes on after."""
    text = request.args.get("after")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and 0 < int(text) <= LARGEST_ID):
        abort(400, "The link does not say after whom the list goes on.")
    return int(text)
