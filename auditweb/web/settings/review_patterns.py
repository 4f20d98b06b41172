"""What the security review sets aside as it finds it, and the button that ends that."""

from typing import NamedTuple

from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from auditweb.accounts.permissions import Right
from auditweb.accounts.viewers import MemberViewer
from auditweb.extensions import db
from auditweb.insights import patterns
from auditweb.web.foreign_text import visible, visible_lines, visible_text
from auditweb.web.gate import member_of, origin
from auditweb.web.moments import Moments, Told
from auditweb.web.settings.review import ICONS

bp = Blueprint("review_patterns", __name__, url_prefix="/o/<org>/settings/audit-log/review/patterns")


class Row(NamedTuple):
    """What is in force, ready to be shown. *findings* is the address of what was set aside of this kind."""

    id: str
    kind: str
    icon: str
    subject: Markup
    title: str
    scope: Markup
    since: Told
    asker: Markup
    note: Markup
    findings: str


@bp.get("")
def index(org: str) -> ResponseReturnValue:
    """List what is set aside as it is found, the newest first."""
    return _list(member_of(org, Right.READ_LOG))


@bp.post("/<pattern_id>/end")
def end(org: str, pattern_id: str) -> ResponseReturnValue:
    """Have what is found from here on wait for a decision again."""
    viewer = member_of(org, Right.REVIEW)
    listed = url_for(".index", org=org)
    ended = patterns.end(viewer.org_id, viewer.person, pattern_id, address=listed, origin=origin())
    if ended is None:
        db.session.rollback()
        return _list(viewer, 404)
    db.session.commit()
    told = visible_text(f"{ended.kind.label}: {ended.name}")
    flash(f"Later findings like “{told}” wait for a decision again.")
    return redirect(listed, 303)


def _list(viewer: MemberViewer, status: int = 200) -> ResponseReturnValue:
    """Show what is in force; 404 where the one to end is not, and nothing was changed."""
    org = viewer.org_slug
    moments, review = Moments.of(viewer), url_for("review.index", org=org)
    rows = [
        Row(
            each.id,
            each.kind.label,
            ICONS[each.kind],
            visible(each.name),
            visible_text(f"{each.kind.label}: {each.name}"),
            visible(each.scope),
            moments.day(each.since),
            visible(each.asker),
            visible_lines(each.note),
            f"{review}?kind={each.kind.value}&state=set_aside",
        )
        for each in patterns.find_patterns(viewer.org_id, most=patterns.MOST)
    ]
    page = render_template(
        "settings/review/patterns.html",
        viewer=viewer,
        problems=False,
        missing=status == 404,
        rows=rows,
        most=patterns.MOST,
        base=review,
        decides=viewer.place.may(Right.REVIEW),
    )
    return make_response(page, status)
