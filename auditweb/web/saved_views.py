"""
Views of the log by name: the list, keeping one, changing it.

A view is only a name for an address, so that none of this changes what anybody may see.
"""

from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from markupsafe import Markup
from werkzeug.exceptions import BadRequest, NotFound
from wtforms import RadioField, StringField, ValidationError
from wtforms.validators import DataRequired, Length

from auditweb.accounts import saved_views as rules
from auditweb.accounts.permissions import Right
from auditweb.accounts.saved_views import LONGEST_NAME, Kept
from auditweb.accounts.team import MissingError, RefusedError
from auditweb.accounts.viewers import MemberViewer
from auditweb.extensions import db
from auditweb.reading.filters import LogFilter, read_query
from auditweb.reading.names import names_in
from auditweb.reading.pages import Page
from auditweb.reading.parameters import BadFilter
from auditweb.viewer import NamedView
from auditweb.web import audit_log, errors
from auditweb.web.foreign_text import visible, visible_text
from auditweb.web.gate import member_of
from auditweb.web.ready_views import READY
from auditweb.web.settings.fields import choices, one_line, visible_only
from auditweb.web.viewing import asked
from auditweb.webhooks.hooks import why_unwatched

PRIVATE, SHARED = "private", "shared"
IN_SHORT = {
    PRIVATE: "Nobody else sees that there is such a view.",
    SHARED: "Owners, admins and auditors find it in their list, too. Owners and admins can change it.",
}

_NO_PAGE = Page((), has_newer=False, has_older=False)

bp = Blueprint("saved_views", __name__, url_prefix="/o/<org>/settings/audit-log/views")
bp.register_error_handler(BadFilter, audit_log.show_bad_filter)


class Line(NamedTuple):
    """
    A view ready to be shown: what it shows in words, and who made it.

    *change* is where it is changed, *watch* where another system is told of it; or nothing, for those who may not,
    and for a view that cannot be watched.
    """

    name: Markup
    described: str
    href: str
    maker: Markup
    change: str
    watch: str = ""


class ViewForm(FlaskForm):  # type: ignore[misc]
    name = StringField(
        "Name",
        filters=[one_line],
        validators=[
            DataRequired("Say what the view is to be called."),
            Length(max=LONGEST_NAME, message=f"Use {LONGEST_NAME} characters at most."),
            visible_only,
        ],
    )
    audience = RadioField(
        "Who sees it", choices=choices(private="Only you", shared="Everybody who reads the log"), validate_choice=False
    )

    def __init__(self, viewer: MemberViewer, view: NamedView | None = None) -> None:
        super().__init__(
            data={"name": view.name if view else "", "audience": SHARED if view and view.shared else PRIVATE}
        )
        if not viewer.may_share_log:
            if (self.audience.data or PRIVATE) != PRIVATE:
                abort(403)  # kept for themselves alone, it would not be what they asked for
            del self.audience

    def validate_audience(self, field: RadioField) -> None:
        if field.data not in {PRIVATE, SHARED}:
            raise ValidationError("Choose one of these.")

    @property
    def shared(self) -> bool:
        return self.audience is not None and self.audience.data == SHARED


@bp.get("")
def index(org: str) -> ResponseReturnValue:
    """List the views there are: those of one's own, the shared ones, and those that every organisation has."""
    viewer = member_of(org, Right.READ_LOG)
    if request.args:
        raise BadRequest("The list of views takes no filter. What is to be shown stands in each view.")
    kept = rules.find_kept(viewer.org_id, viewer.person.person_id, viewer.place.role)
    numbers = count(1)
    ready = [
        (use, [Kept(view._replace(id=f"ready-{next(numbers)}"), "", may_change=False) for view in views])
        for use, views in READY
    ]
    told = _Told(viewer, [each.view for each in kept])
    return render_template(
        "audit_log/views.html",
        viewer=viewer,
        problems=False,
        own=[told.line(each) for each in kept if not each.view.shared],
        shared=[told.line(each) for each in kept if each.view.shared],
        ready=[(use, [told.line(each) for each in views]) for use, views in ready],
        base=url_for("audit_log.index", org=org),
    )


@bp.route("/new", methods=["GET", "POST"])
def new(org: str) -> ResponseReturnValue:
    """Ask for a name for what the log shows, and keep it."""
    viewer = member_of(org, Right.READ_LOG)
    wanted = asked(viewer, request.args).at()
    view = NamedView("", "", wanted.query())
    form = ViewForm(viewer)
    if not form.validate_on_submit():
        return _ask(viewer, view, form)
    try:
        rules.save(viewer.org_id, viewer.person, form.name.data, view.query, shared=form.shared)
    except RefusedError as error:
        return _refuse(viewer, view, form, error)
    db.session.commit()
    flash(f"The view is kept. You find it under Views as “{visible_text(form.name.data)}”.", "good")
    return redirect(url_for("audit_log.index", org=org) + view.query, 303)


@bp.route("/<view_id>", methods=["GET", "POST"])
def change(org: str, view_id: str) -> ResponseReturnValue:
    """Give a view another name or other readers."""
    viewer = member_of(org, Right.READ_LOG)
    view = _find(viewer, view_id)
    form = ViewForm(viewer, view)
    if not form.validate_on_submit():
        return _ask(viewer, view, form)
    try:
        rules.change(viewer.org_id, viewer.person, view, name=form.name.data, shared=form.shared)
    except RefusedError as error:
        return _refuse(viewer, view, form, error)
    db.session.commit()
    flash("The view is changed.", "good")
    return redirect(url_for(".index", org=org), 303)


@bp.post("/<view_id>/delete")
def delete(org: str, view_id: str) -> ResponseReturnValue:
    """Delete a view. Nothing else goes with it, so nobody is asked twice."""
    viewer = member_of(org, Right.READ_LOG)
    view = _find(viewer, view_id)
    rules.remove(viewer.org_id, viewer.person, view)
    db.session.commit()
    flash(f"The view “{visible_text(view.name)}” is deleted.", "good")
    return redirect(url_for(".index", org=org), 303)


@bp.errorhandler(MissingError)
def show_missing(_error: MissingError) -> ResponseReturnValue:
    """Answer as for any page that is not there: somebody else's view is no different."""
    db.session.rollback()
    return errors.show(NotFound())


def describe(viewer: MemberViewer, view: NamedView) -> str:
    """Tell in words what a view shows."""
    return _Told(viewer, [view]).describe(view)


class _Told:
    """Tells what views show, the names of all actors in them asked for at once."""

    def __init__(self, viewer: MemberViewer, views: Sequence[NamedView]) -> None:
        self._viewer = viewer
        self._base = url_for("audit_log.index", org=viewer.org_slug)
        filters = filter(None, (self._filter(view) for view in views))
        self._profiles = dict(viewer.actors({wanted.actor for wanted in filters if wanted.actor}))

    def line(self, kept: Kept) -> Line:
        org = self._viewer.org_slug
        change = url_for(".change", org=org, view_id=kept.view.id) if kept.may_change else ""
        may_watch = self._viewer.place.may(Right.MANAGE_WEBHOOKS) and not why_unwatched(
            kept.view.query, org_id=self._viewer.org_id, org_zone=self._viewer.org_zone
        )
        watch = url_for("webhooks.new", org=org, view=kept.view.id) if may_watch else ""
        return Line(
            visible(kept.view.name),
            self.describe(kept.view),
            self._base + kept.view.query,
            visible(kept.maker),
            change,
            watch,
        )

    def describe(self, view: NamedView) -> str:
        """Tell what a view shows; one whose address cannot be read any more is told by that."""
        wanted = self._filter(view)
        if wanted is None:
            return visible_text(view.query)
        return visible_text(wanted.describe(names_in(wanted, _NO_PAGE, self._profiles)))

    def _filter(self, view: NamedView) -> LogFilter | None:
        try:
            return read_query(view.query, org_id=self._viewer.org_id, org_zone=self._viewer.org_zone)
        except BadFilter:
            return None


def _find(viewer: MemberViewer, view_id: str) -> NamedView:
    return rules.find_view(viewer.org_id, viewer.person.person_id, viewer.place.role, view_id)


def _refuse(viewer: MemberViewer, view: NamedView, form: ViewForm, error: RefusedError) -> Response:
    db.session.rollback()
    form.name.errors = [str(error)]
    return _ask(viewer, view, form, 409)


def _ask(viewer: MemberViewer, view: NamedView, form: ViewForm, status: int = 200) -> Response:
    page = render_template(
        "audit_log/view.html",
        viewer=viewer,
        view=view,
        form=form,
        in_short=IN_SHORT,
        described=describe(viewer, view),
        base=url_for("audit_log.index", org=viewer.org_slug),
        problems=bool(form.errors),
    )
    return make_response(page, 422 if form.errors and status == 200 else status)
