"""Settings → Shares, and Share with support: parts of the log for people outside the organisation."""

from typing import NamedTuple

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from werkzeug.exceptions import NotFound

from auditweb import clock, ids
from auditweb.accounts import operators
from auditweb.accounts.permissions import Right
from auditweb.accounts.team import MissingError, RefusedError
from auditweb.accounts.viewers import MemberViewer
from auditweb.database import TooSlow
from auditweb.extensions import db
from auditweb.parties import ActorRef
from auditweb.reading.counts import count
from auditweb.reading.filters import LogFilter
from auditweb.reading.names import names_in
from auditweb.reading.pages import check_action, find_whole_page
from auditweb.reading.parameters import BadFilter
from auditweb.sharing import shares as rules
from auditweb.sharing.bounds import fixed
from auditweb.sharing.masking import Mask
from auditweb.sharing.reading import find_ends
from auditweb.sharing.shares import Draft, Listed, Shares
from auditweb.web import audit_log, errors, figures, placing
from auditweb.web.details import device_of
from auditweb.web.foreign_text import visible, visible_lines, visible_text
from auditweb.web.gate import member_of, origin
from auditweb.web.moments import Moments, Told
from auditweb.web.settings.share_forms import ShareForm
from auditweb.web.times import exact
from auditweb.web.viewing import absolute, asked

bp = Blueprint("shares", __name__, url_prefix="/o/<org>/settings")
bp.register_error_handler(BadFilter, audit_log.show_bad_filter)
bp.register_error_handler(TooSlow, audit_log.show_too_slow)


class Row(NamedTuple):
    """A share ready to be shown. *log* is the address of what is shared in the organisation's own log."""

    id: str
    recipient: Markup
    title: str
    described: Markup
    log: str
    note: Markup
    masks: list[str]
    follows: bool
    support_only: bool
    maker: Markup
    maker_may: bool
    made: Told
    until: Told
    over: Told | None
    ended_how: str
    openings: int
    opened: Told | None
    opened_from: str
    history: str


class Opened(NamedTuple):
    """Who opened a share, when, from where and with what."""

    who: Markup
    at: Told
    ip: str
    near: str | None
    device: Markup


class End(NamedTuple):
    """The newest or the oldest entry that would be shared."""

    label: str
    summary: Markup
    when: str
    href: str


class Shown(NamedTuple):
    """What would be shared: in words, how many entries, the newest and the oldest."""

    described: str
    number: str
    nothing: bool
    ends: list[End]


@bp.route("/audit-log/share", methods=["GET", "POST"])
def new(org: str) -> ResponseReturnValue:
    """Tell exactly what of the log would be shared, ask how, and show the link, this once."""
    viewer = member_of(org, Right.SHARE_LOG)
    wanted = asked(viewer, request.args).at()
    if wanted.flag:
        raise BadFilter("flag", "What the security review flags is for the organisation alone: it cannot be shared.")
    pinned_at = wanted.upto if wanted.upto is not None else _newest(viewer, wanted)
    form = ShareForm(seen=pinned_at, may_follow=wanted.upto is None, has_support=operators.has_support())
    seen = form.up_to or pinned_at
    frozen = fixed(wanted, seen, viewer.zone, follows=False)
    shown = _shown(viewer, wanted, frozen)
    if shown.nothing:
        check_action(wanted)
    if not form.is_submitted():
        return _ask(viewer, form, wanted, shown)
    if not form.validate():
        return _ask(viewer, form, wanted, shown, 422)
    if shown.nothing and not form.follows:
        flash("There is no entry to share. Choose other filters, or share new entries, too.", "bad")
        return _ask(viewer, form, wanted, shown, 409)
    part = fixed(wanted, seen, viewer.zone, follows=form.follows)
    draft = Draft(
        part=part,
        described=visible_text(part.describe(_names(viewer, part))),
        recipient=form.recipient.data,
        period=form.period.data,
        masks=form.masked,
        note=form.note.data,
        follows=form.follows,
        support_only=form.support_only,
        entries=shown.number.partition(" ")[0],
    )
    try:
        made = rules.make(viewer.org_id, viewer.person, draft, origin=origin())
    except RefusedError as error:
        db.session.rollback()
        flash(str(error), "bad")
        return _ask(viewer, form, wanted, shown, 409)
    db.session.commit()
    link = absolute(url_for("shared.show", token=made.token))
    share = _row(viewer, rules.find_share(viewer.org_id, made.id))
    page = render_template("settings/shares/made.html", viewer=viewer, share=share, link=link, problems=False)
    return make_response(page)


@bp.get("/shares")
def index(org: str) -> ResponseReturnValue:
    """List what is shared now, the newest first."""
    viewer = member_of(org, Right.SHARE_LOG)
    return _list(viewer, "index", rules.find_open(viewer.org_id))


@bp.get("/shares/over")
def over(org: str) -> ResponseReturnValue:
    """List what was shared, the last to end first."""
    viewer = member_of(org, Right.SHARE_LOG)
    return _list(viewer, "over", rules.find_over(viewer.org_id, after=request.args.get("after")))


@bp.get("/shares/<share_id>")
def show(org: str, share_id: str) -> ResponseReturnValue:
    """Show one share, and who opened it."""
    viewer = member_of(org, Right.SHARE_LOG)
    share = rules.find_share(viewer.org_id, share_id)
    moments = Moments.of(viewer)
    openings = [
        Opened(
            visible(each.who),
            moments.since(each.at),
            each.ip or "",
            placing.place_of(each.ip),
            visible(device_of(each.user_agent)) if each.user_agent else Markup(""),
        )
        for each in rules.find_openings(viewer.org_id, share_id)
    ]
    return render_template(
        "settings/shares/show.html", viewer=viewer, share=_row(viewer, share), openings=openings, problems=False
    )


@bp.route("/shares/<share_id>/revoke", methods=["GET", "POST"])
def revoke(org: str, share_id: str) -> ResponseReturnValue:
    """Ask whether a share is to end, and end it."""
    viewer = member_of(org, Right.SHARE_LOG)
    share = rules.find_share(viewer.org_id, share_id)
    if request.method != "POST":
        row = _row(viewer, share)
        return render_template("settings/shares/revoke.html", viewer=viewer, share=row, problems=False)
    done = rules.revoke(viewer.org_id, viewer.person, share_id, origin=origin())
    db.session.commit()
    name = visible_text(share.recipient)
    flash(f"The share with {name} is over: its link opens nothing any more." if done else "It was over already.")
    return redirect(url_for(".index", org=org), 303)


@bp.errorhandler(MissingError)
def show_missing(_error: MissingError) -> ResponseReturnValue:
    """Answer as for any page that is not there: another organisation's share is no different."""
    db.session.rollback()
    return errors.show(NotFound())


def _newest(viewer: MemberViewer, wanted: LogFilter) -> int:
    """Return the id up to which everything is shared that is there now; a clock that is ahead may have dated some."""
    now = clock.now()
    rows = find_whole_page(wanted, size=1, now=now).rows
    return max(ids.last_id_at(now), *(row.id for row in rows)) if rows else ids.last_id_at(now)


def _shown(viewer: MemberViewer, wanted: LogFilter, part: LogFilter) -> Shown:
    now = clock.now()
    number = count(part, now=now).categories[part.category]
    ends = find_ends(part, now)
    log = url_for("audit_log.index", org=viewer.org_slug)
    moments = Moments.of(viewer)
    labels = ("Last entry", "First entry")
    return Shown(
        visible_text(part.describe(_names(viewer, part))),
        figures.headed(number),
        not ends,
        [
            End(
                label,
                visible(row.summary),
                exact(moments.local(row.occurred_at)),
                f"{log}/entries/{ids.to_text(row.id)}",
            )
            for label, row in zip(labels, ends, strict=False)
        ][::-1],
    )


def _names(viewer: MemberViewer, wanted: LogFilter) -> dict[str, str]:
    refs: set[ActorRef] = {wanted.actor} if wanted.actor else set()
    page = find_whole_page(wanted, size=1, now=clock.now())
    return names_in(wanted, page, viewer.actors(refs) if refs else {})


def _ask(viewer: MemberViewer, form: ShareForm, wanted: LogFilter, shown: Shown, status: int = 200) -> Response:
    page = render_template(
        "settings/shares/new.html",
        viewer=viewer,
        form=form,
        shown=shown,
        pinned=wanted.upto is not None,
        back=url_for("audit_log.index", org=viewer.org_slug) + wanted.query(),
        action=url_for("shares.new", org=viewer.org_slug) + wanted.query(),
        problems=bool(form.errors),
    )
    return make_response(page, status)


def _list(viewer: MemberViewer, name: str, found: Shares) -> Response:
    rows = [_row(viewer, share) for share in found.rows]
    more = url_for(".over", org=viewer.org_slug, after=rows[-1].id) if found.has_more else ""
    first = url_for(".over", org=viewer.org_slug) if "after" in request.args else ""
    page = render_template(
        f"settings/shares/{name}.html",
        viewer=viewer,
        problems=False,
        counts=rules.count(viewer.org_id),
        rows=rows,
        first=first,
        more=more,
    )
    return make_response(page)


def _row(viewer: MemberViewer, share: Listed) -> Row:
    moments = Moments.of(viewer)
    log = url_for("audit_log.index", org=viewer.org_slug)
    return Row(
        id=share.id,
        recipient=visible(share.recipient),
        title=visible_text(share.recipient),
        described=visible(share.described),
        log=log + share.filter,
        note=visible_lines(share.note),
        masks=[mask.label for mask in Mask if mask in share.masks],
        follows=share.follows,
        support_only=share.support_only,
        maker=visible(share.maker),
        maker_may=share.maker_may,
        made=moments.since(share.created_at),
        until=moments.until(share.expires_at),
        over=moments.since(share.ended_at) if share.ended_at else None,
        ended_how=share.ended_how,
        openings=share.openings,
        opened=moments.since(share.opened_at) if share.opened_at else None,
        opened_from=share.opened_from or "",
        history=f"{log}?target=share:{share.id}",
    )
