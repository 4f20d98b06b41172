"""`/reviews/<id>`: going through the first or the last week of somebody, ticking what was seen, and finishing that."""

from typing import NamedTuple, cast

from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from markupsafe import Markup
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import NotFound
from wtforms import BooleanField, TextAreaField, ValidationError

from auditweb import ids
from auditweb.accounts.permissions import Right
from auditweb.accounts.team import MissingError, RefusedError
from auditweb.accounts.viewers import MemberViewer
from auditweb.extensions import db
from auditweb.insights import reviews as rules
from auditweb.insights.reviews import LONGEST_NOTE, Kind, Review
from auditweb.parties import ActorRef, ActorType
from auditweb.reading import days
from auditweb.reading.lives import AT_ONCE
from auditweb.reading.parameters import BadFilter
from auditweb.web import audit_log, errors, subjects
from auditweb.web.foreign_text import visible, visible_lines, visible_text
from auditweb.web.gate import member_of, origin
from auditweb.web.htmx import private
from auditweb.web.moments import Moments, Told
from auditweb.web.settings.fields import lines, visible_lines_only
from auditweb.web.viewing import current_viewer

PARTS = {Kind.JOINING: subjects.FIRST, Kind.LEAVING: subjects.LAST}
WEEKS = {Kind.JOINING: "first week", Kind.LEAVING: "last week"}
_NOTED = (
    "Somebody else has changed the note meanwhile. It says now: {note} Nothing was saved. Save again to keep yours."
)
DOINGS = ("save", "all", "first", "later", "finish")

bp = Blueprint("reviews", __name__)
bp.register_error_handler(BadFilter, audit_log.show_bad_filter)


class Listed(NamedTuple):
    """A review ready to be shown among others."""

    href: str
    kind: Kind
    week: str
    starter: Markup
    started: Told
    finisher: Markup
    finished: Told | None
    entries: int
    seen: int
    note: Markup


class ReviewForm(FlaskForm):  # type: ignore[misc]
    note = TextAreaField("Note", filters=[lines], validators=[visible_lines_only])
    anyway = BooleanField("Finish all the same")

    def validate_note(self, field: TextAreaField) -> None:
        if len(self.note.data) > LONGEST_NOTE:
            raise ValidationError(f"This is too long: a note has {LONGEST_NOTE:,} characters at most.")


@bp.post("/reviews")
def start(org: str) -> ResponseReturnValue:
    """Begin to review somebody's first or last week, or go on with what was begun."""
    viewer = member_of(org, Right.REVIEW_MEMBERS)
    kind = next((each for each in Kind if each.value == request.form.get("kind")), None)
    if kind is None:
        abort(400, "The form does not say which week is to be reviewed.")
    ref = ActorRef(ActorType.MEMBER, request.form.get("person", ""))
    subject = subjects.find_subject(viewer, str(ref))
    if subject.known is None or subject.known.person_id is None:
        abort(404)
    week = subjects.week_of(viewer, subject, PARTS[kind])
    assert week is not None
    try:
        review_id = rules.start(viewer.org_id, viewer.person, subject.known.person_id, kind, viewer.zone, *week)
    except RefusedError as error:
        db.session.rollback()
        flash(visible_text(str(error)), "bad")
        return redirect(f"{subject.href}?part={PARTS[kind]}", 303)
    db.session.commit()
    return redirect(url_for(".show", org=org, review_id=review_id), 303)


@bp.get("/reviews/<review_id>")
def show(org: str, review_id: str) -> ResponseReturnValue:
    """Show a review: to tick the entries of, or as it was finished."""
    viewer = cast(MemberViewer, current_viewer())
    review = rules.find_review(viewer.org_id, review_id)
    form = ReviewForm(formdata=None, data={"note": review.note})
    return _show(viewer, review, form)


@bp.post("/reviews/<review_id>")
def save(org: str, review_id: str) -> ResponseReturnValue:
    """Keep what was ticked and noted, and perhaps go on to later entries, or finish."""
    viewer = member_of(org, Right.REVIEW_MEMBERS)
    doing = request.form.get("do", "save")
    if doing not in DOINGS:
        abort(400, "The form does not say what is to be done.")
    shown, was, seen, place = _ids("shown"), _ids("was"), _ids("seen"), _place()
    form = ReviewForm()
    if not form.validate():
        return _show(viewer, rules.find_review(viewer.org_id, review_id), form, 422, ticked=seen)
    here = url_for(".show", org=org, review_id=review_id)
    try:
        review = rules.save(
            viewer.org_id,
            viewer.person,
            review_id,
            was=was & shown,
            seen=shown if doing == "all" else seen & shown,
            note=form.note.data,
            noted=request.form.get("noted", ""),
        )
        if doing == "finish":
            anyway = bool(form.anyway.data)
            review = rules.finish(viewer.org_id, viewer.person, review_id, anyway=anyway, address=here, origin=origin())
    except rules.NotedError:
        db.session.rollback()
        review = rules.find_review(viewer.org_id, review_id)
        form.note.errors = [_NOTED.format(note=f"“{visible_text(review.note)}”." if review.note else "nothing.")]
        return _show(viewer, review, form, 409, ticked=seen)
    except rules.UnseenError:
        db.session.commit()  # what was ticked and noted stays
        review = rules.find_review(viewer.org_id, review_id)
        form.anyway.errors = [_unseen(review)]
        return _show(viewer, review, form, 422)
    except RefusedError as error:
        db.session.rollback()
        flash(str(error), "bad")
        return redirect(here, 303)
    db.session.commit()
    if doing == "later" and shown:
        return redirect(f"{here}?after={ids.to_text(max(shown))}", 303)
    flash(_told(review))
    return redirect(here if doing in ("finish", "first") else here + place, 303)


@bp.errorhandler(MissingError)
def show_missing(_error: MissingError) -> ResponseReturnValue:
    """Answer as for any page that is not there: another organisation's review is no different."""
    db.session.rollback()
    return errors.show(NotFound())


def listed(viewer: MemberViewer, person_id: int) -> list[Listed]:
    """Return the reviews of somebody as a list, the last one first."""
    moments = Moments.of(viewer)
    return [_listed(viewer, review, moments) for review in rules.find_reviews(viewer.org_id, person_id)]


def _listed(viewer: MemberViewer, review: Review, moments: Moments) -> Listed:
    return Listed(
        url_for("reviews.show", org=viewer.org_slug, review_id=review.id),
        review.kind,
        WEEKS[review.kind],
        visible(review.starter),
        moments.since(review.started_at),
        visible(review.finisher or ""),
        moments.since(review.finished_at) if review.finished_at else None,
        review.entries,
        review.seen,
        visible_lines(review.note),
    )


def _show(
    viewer: MemberViewer, review: Review, form: ReviewForm, status: int = 200, *, ticked: set[int] | None = None
) -> Response:
    subject = subjects.find_subject(viewer, str(review.ref))
    since = _since()
    stretch, seen = rules.find_page(viewer.org_id, review, since)
    rows = stretch.rows
    first = days.day_of(ids.moment_of(review.since), review.zone)
    final = days.day_of(ids.moment_of(review.until - 1), review.zone)
    span = days.span(first, final if review.until < ids.LAST_ID else None)
    page = render_template(
        "reviews/show.html",
        viewer=viewer,
        subject=subject,
        review=_listed(viewer, review, Moments.of(viewer)),
        finished_at=review.finished_at,
        exact=review.exact,
        is_open=review.finished_at is None and viewer.place.may(Right.REVIEW_MEMBERS),
        week=f"{subject.href}?part={PARTS[review.kind]}",
        span=span[:1].upper() + span[1:],
        span_place=days.place(review.zone),
        days=subjects.days_of(viewer, review.ref, rows, seen=seen if ticked is None else ticked),
        was=[ids.to_text(each) for each in sorted(seen if ticked is None else _ids("was"))],
        noted=request.form.get("noted", "") if status == 422 and ticked is not None else rules.version_of(review.note),
        number=len(rows),
        more=f"?after={ids.to_text(rows[-1].id)}" if stretch.has_more else "",
        continued=since > 0,
        address=url_for("reviews.show", org=viewer.org_slug, review_id=review.id),
        place=_place(),
        form=form,
        problems=bool(form.errors),
        aftermath=subjects.aftermath_of(viewer, subject) if review.kind is Kind.LEAVING else None,
        base=url_for("audit_log.index", org=viewer.org_slug),
        zone_place=days.place(viewer.zone),
        at_once=AT_ONCE,
    )
    return private(make_response(page, status))


def _unseen(review: Review) -> str:
    none = f"None of the {review.entries:,}{'' if review.exact else ' or more'} entries is ticked."
    some = f"Only {review.seen:,} of {review.entries:,}{'' if review.exact else ' or more'} entries are ticked."
    return f"{some if review.seen else none} Tick what you have seen, or say that you finish all the same."


def _told(review: Review) -> str:
    if review.finished_at is not None:
        return "The review is finished, and on record."
    return (
        "Saved. Every entry is ticked."
        if not review.unseen
        else f"Saved. {review.seen:,} of {review.entries:,} are ticked."
    )


def _ids(name: str) -> set[int]:
    given = request.form.getlist(name)
    if len(given) > AT_ONCE + 1:  # and the invitation
        abort(400, "The form has more entries than a page of a review.")
    try:
        return {ids.from_text(each) for each in given}
    except ValueError:
        abort(400, "The form names an entry that cannot be read.")


def _place() -> str:
    """Return the query of this page of the review."""
    since = _since()
    return f"?after={ids.to_text(since - 1)}" if since else ""


def _since() -> int:
    others = [name for name in request.args if name != "after"]
    if others:
        raise BadFilter(others[0], f"A review has no filter called “{visible_text(others[0][:40])}”.")
    return subjects.after_of(MultiDict(request.args))
