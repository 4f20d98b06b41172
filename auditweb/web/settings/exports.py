"""Prepared exports: asking for the organisation's data, following what is prepared, fetching and deleting it."""

from functools import partial
from pathlib import Path
from typing import IO, NamedTuple, cast

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from werkzeug.exceptions import NotFound

from auditweb import clock, holding
from auditweb.accounts.permissions import Right
from auditweb.accounts.team import MissingError, RefusedError
from auditweb.accounts.viewers import MemberViewer
from auditweb.addresses import log_of
from auditweb.config import Settings
from auditweb.exports import jobs as rules
from auditweb.exports import keeping
from auditweb.exports.jobs import KEPT, Job, format_in_words, size_in_words
from auditweb.extensions import db
from auditweb.holding import HeldError
from auditweb.reading.counts import count
from auditweb.reading.filters import LogFilter
from auditweb.web import errors
from auditweb.web.exporting import show_held
from auditweb.web.foreign_text import visible, visible_text
from auditweb.web.gate import member_of, origin, still
from auditweb.web.htmx import private, render, wants_fragment
from auditweb.web.moments import Moments, Told
from auditweb.web.sending import attached
from auditweb.web.settings.proof import ProofForm

_FOLDER = "auditweb.exports"
_AT_ONCE = 256 * 1024  # bytes
_STATES = {
    "queued": "Waiting",
    "running": "Being prepared",
    "done": "Ready",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "expired": "Deleted",
}

bp = Blueprint("exports", __name__, url_prefix="/o/<org>/settings")
bp.register_error_handler(HeldError, show_held)


class Row(NamedTuple):
    """
    An export ready to be shown. *percent* is how much of it is written, where that is known.

    *told* says where it is in a sentence, *ends* when its file is deleted.
    """

    id: str
    scope: Markup
    title: str
    format: str
    is_log: bool
    state: str
    label: str
    told: str
    percent: int | None
    written: str
    size: str
    sha256: str
    file_name: str
    maker: Markup
    made: Told
    finished: Told | None
    ends: Told | None
    entries: str


def init_app(app: Flask, settings: Settings) -> None:
    app.extensions[_FOLDER] = settings.data_dir


@bp.get("/audit-log/exports")
def index(org: str) -> ResponseReturnValue:
    """List the exports that were asked for, the last one first."""
    viewer = member_of(org, Right.READ_LOG)
    after = request.args.get("after")
    found = rules.find_jobs(viewer.org_id, viewer.place.role, after=after)
    rows = [_row(viewer, job) for job in found.rows]
    page = render_template(
        "settings/exports/index.html",
        viewer=viewer,
        problems=False,
        rows=rows,
        days=KEPT.days,
        first=url_for(".index", org=org) if after is not None else "",
        more=url_for(".index", org=org, after=rows[-1].id) if found.has_more else "",
    )
    return make_response(page)


@bp.get("/audit-log/exports/<job_id>")
def show(org: str, job_id: str) -> ResponseReturnValue:
    """Show how far an export is, and lead to its file."""
    viewer, job = _found(org, job_id)
    return make_response(render_template("settings/exports/show.html", **_context(viewer, job)))


@bp.get("/audit-log/exports/<job_id>/progress")
def progress(org: str, job_id: str) -> ResponseReturnValue:
    """Answer the page that asks by itself how far an export is; it stops asking once that is over."""
    viewer, job = _found(org, job_id)
    if not wants_fragment():
        return redirect(url_for(".show", org=org, job_id=job_id))
    answer = render("settings/exports/show.html", "settings/exports/_progress.html", oob=True, **_context(viewer, job))
    if not job.is_under_way:
        answer.headers["HX-Reswap"] = "outerHTML"  # the element that asks goes, and its timer with it
    return answer


@bp.post("/audit-log/exports/<job_id>/cancel")
def cancel(org: str, job_id: str) -> ResponseReturnValue:
    """Call an export off."""
    viewer, _ = _found(org, job_id)
    done = rules.cancel(viewer.org_id, job_id, by=viewer.person, origin=origin())
    db.session.commit()
    if done:
        flash("The export is cancelled, and what was written of it is deleted.")
    else:
        flash("It was over already: nothing was cancelled.", "warn")
    return redirect(url_for(".show", org=org, job_id=job_id), 303)


@bp.route("/audit-log/exports/<job_id>/file", methods=["GET", "POST"])
def fetch(org: str, job_id: str) -> ResponseReturnValue:
    """Hand out the file, as often as somebody with the right asks for it; all data only with proof of who that is."""
    viewer, job = _found(org, job_id)
    if job.kind == "organisation":
        if not job.is_ready:  # nor a moment later, for who has not proven anything
            return _refused(viewer, job, rules.NOT_THERE)
        form = ProofForm(viewer.person)
        if not (form.is_submitted() and form.proves()):
            context = {**_context(viewer, job), "form": form, "problems": bool(form.errors)}
            page = render_template("settings/exports/download.html", **context)
            return make_response(page, 422 if form.errors else 200)
    return _hand_out(viewer, job)


@bp.get("/audit-log/exports/<job_id>/delete")
def ask_to_delete(org: str, job_id: str) -> ResponseReturnValue:
    """Ask whether the file of an export is to go."""
    viewer, job = _found(org, job_id)
    return make_response(render_template("settings/exports/delete.html", **_context(viewer, job)))


@bp.post("/audit-log/exports/<job_id>/delete")
def delete(org: str, job_id: str) -> ResponseReturnValue:
    """Delete the file of an export before its time is over."""
    viewer, _ = _found(org, job_id)
    file = rules.delete(viewer.org_id, job_id, by=viewer.person, origin=origin())
    db.session.commit()
    if file is None:
        flash("There was no file any more: nothing was deleted.", "warn")
    else:
        keeping.delete(_folder(), [file])  # killed before this, it is swept as what no job tells of
        flash("The file is deleted.")
    return redirect(url_for(".show", org=org, job_id=job_id), 303)


@bp.route("/data/export", methods=["GET", "POST"])
def organisation(org: str) -> ResponseReturnValue:
    """Tell what the archive of an organisation holds, and ask for it once it is proven who wants it."""
    viewer = member_of(org, Right.MANAGE_SETTINGS)
    form = ProofForm(viewer.person)
    entries = count(LogFilter(org_id=viewer.org_id, org_zone=viewer.org_zone)).categories[None].number
    if not (form.is_submitted() and form.proves()):
        return _ask(viewer, form, entries)
    try:
        job_id = rules.request_organisation(
            viewer.org_id, zone=viewer.zone, log=log_of(org), total=entries, by=viewer.person, origin=origin()
        )
    except RefusedError as error:
        db.session.rollback()
        flash(str(error), "bad")
        return _ask(viewer, form, entries, 409)
    db.session.commit()
    return redirect(url_for(".show", org=org, job_id=job_id), 303)


@bp.errorhandler(MissingError)
def show_missing(_error: MissingError) -> ResponseReturnValue:
    """Answer as for any page that is not there: another organisation's export is no different."""
    db.session.rollback()
    return errors.show(NotFound())


def _found(org: str, job_id: str) -> tuple[MemberViewer, Job]:
    viewer = member_of(org, Right.READ_LOG)
    job = rules.find_job(viewer.org_id, job_id)
    return (viewer if job.right is Right.READ_LOG else member_of(org, job.right)), job


def _hand_out(viewer: MemberViewer, job: Job) -> ResponseReturnValue:
    end = holding.begin_stream(viewer.org_id)
    try:
        file = rules.fetch(
            viewer.org_id, job.id, _folder(), by=viewer.person, origin=origin(), quietly=request.method == "HEAD"
        )
        answer = _attached(file, job)
        db.session.commit()
    except RefusedError as error:
        end()
        db.session.rollback()
        return _refused(viewer, job, str(error))
    except BaseException:
        end()
        raise
    answer.call_on_close(end)
    return private(answer)


def _refused(viewer: MemberViewer, job: Job, why: str) -> ResponseReturnValue:
    flash(why, "bad")
    return redirect(url_for(".show", org=viewer.org_slug, job_id=job.id), 303)


def _attached(file: IO[bytes], job: Job) -> Response:
    """Answer with a whole file: in parts it would be fetched more often than the log tells."""
    blocks = iter(partial(file.read, _AT_ONCE), b"")
    answer = attached(blocks, "application/zip", job.file_name or "", still(job.right))
    answer.content_length = job.size or 0
    answer.call_on_close(file.close)
    return answer


def _folder() -> Path:
    return keeping.folder_in(cast(Path, current_app.extensions[_FOLDER]))


def _ask(viewer: MemberViewer, form: ProofForm, entries: int, status: int = 200) -> Response:
    page = render_template(
        "settings/exports/organisation.html",
        form=form,
        problems=bool(form.errors),
        place=viewer.place,
        entries=entries,
        days=KEPT.days,
    )
    return make_response(page, 422 if form.errors else status)


def _context(viewer: MemberViewer, job: Job) -> dict[str, object]:
    return {"viewer": viewer, "problems": False, "export": _row(viewer, job), "again": job.is_under_way}


def _row(viewer: MemberViewer, job: Job) -> Row:
    moments = Moments.of(viewer)
    state = "expired" if job.state == "done" and not job.is_ready else job.state
    log = url_for("audit_log.index", org=viewer.org_slug)
    scope = job.scope[0].upper() + job.scope[1:]
    return Row(
        id=job.id,
        scope=visible(scope),
        title=visible_text(scope),
        format=format_in_words(job.format),
        is_log=job.kind == "log",
        state=state,
        label=_STATES[state],
        told=_told(job, state),
        percent=_percent(job),
        written=_written(job),
        size=size_in_words(job.size) if job.size is not None else "",
        sha256=job.sha256 or "",
        file_name=visible_text(job.file_name or ""),
        maker=visible(job.maker),
        made=moments.since(job.created_at),
        finished=moments.since(job.finished_at) if job.finished_at else None,
        ends=moments.until(job.expires_at) if job.expires_at and job.expires_at > clock.now() else None,
        entries=log + (f"?{job.question}" if job.question else ""),
    )


def _told(job: Job, state: str) -> str:
    """Say in a sentence where an export is, and what to do."""
    if state == "queued":
        again = "It was interrupted, and is begun anew soon. " if job.tries else ""
        before = "It comes next." if not job.ahead else f"{job.ahead} {'is' if job.ahead == 1 else 'are'} before it."
        return f"{again}{before} You can leave this page, and come back to it."
    if state == "running":
        again = "It was interrupted, and begun anew. " if job.tries > 1 else ""
        return f"{again}You can leave this page, and come back to it."
    if state == "failed":
        return job.reason or ""
    if state == "cancelled":
        return "It was cancelled, and what was written of it is deleted."
    if state == "expired" and job.reason:
        return f"{job.reason} Start the export again if you need it."
    if state == "expired":
        return f"The file was kept for {KEPT.days} days, and is deleted. Start the export again if you need it."
    return "The file is whole. Everybody here with the right to it can download it."


def _percent(job: Job) -> int | None:
    if not job.total:
        return None
    return min(job.done * 100 // job.total, 100 if job.state == "done" else 99)


def _written(job: Job) -> str:
    if job.state == "done" or (job.state == "expired" and job.done) or not job.total:
        return f"{job.done:,} {'entry' if job.done == 1 else 'entries'}"
    return f"{job.done:,} of about {job.total:,} entries"
