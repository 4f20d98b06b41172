"""Taking entries out of the log: the page that says what an export will be, and the download itself."""

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import IO, NamedTuple, cast

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, RadioField, SelectField, ValidationError
from wtforms.fields.choices import SelectChoice

from auditweb import clock, courtesy, holding, transactions
from auditweb.accounts.permissions import Right
from auditweb.accounts.team import RefusedError
from auditweb.accounts.viewers import MemberViewer
from auditweb.addresses import log_of
from auditweb.database import TooSlow
from auditweb.exports import archive, jobs
from auditweb.exports.entries import Export, pieces
from auditweb.exports.formats import Format
from auditweb.exports.recording import record_export
from auditweb.exports.sizes import Guess, guess_bytes, how_many, is_large, is_packed
from auditweb.extensions import db
from auditweb.holding import HeldError
from auditweb.reading import days
from auditweb.reading.counts import Count
from auditweb.reading.filters import LogFilter
from auditweb.reading.names import names_in
from auditweb.reading.pages import Page, check_action, find_page
from auditweb.reading.parameters import BadFilter
from auditweb.web import audit_log, figures
from auditweb.web.foreign_text import visible_text
from auditweb.web.gate import origin, still
from auditweb.web.sending import attached
from auditweb.web.settings.fields import check_one
from auditweb.web.viewing import asked, current_viewer

FORMAT = "format"

_HINTS = {
    Format.CSV: "Opens in a spreadsheet. What could pass for a formula or hide in a cell is made visible.",
    Format.JSONL: "One object a line, exactly as recorded: for programs, and as evidence.",
    Format.OCSF: "One event a line, in the Open Cybersecurity Schema Framework: for a SIEM.",
}
_IN_MEMORY = 1_000_000  # bytes of a file that is made whole before it is sent; the rest of it waits on disk
_AT_ONCE = 64 * 1024

bp = Blueprint("exporting", __name__)
bp.register_error_handler(BadFilter, audit_log.show_bad_filter)
bp.register_error_handler(TooSlow, audit_log.show_too_slow)


class ExportForm(FlaskForm):  # type: ignore[misc]
    format = RadioField("Format", validate_choice=False)
    zone = SelectField("Time zone", validate_choice=False)
    manifest = BooleanField("With manifest")

    def __init__(self, viewer: MemberViewer, **values: object) -> None:
        super().__init__(**values)
        self.format.choices = [SelectChoice(each.value, each.label) for each in Format]
        self.zone.choices = list(_zones(viewer))

    def validate_format(self, field: RadioField) -> None:
        check_one(field, set(Format))

    def validate_zone(self, field: SelectField) -> None:
        check_one(field, [choice.value for choice in field.choices])

    def validate_manifest(self, field: BooleanField) -> None:
        if field.raw_data not in ([], ["y"]):
            raise ValidationError("Tick it, or leave it.")


@bp.get("/export")
def index(org: str) -> ResponseReturnValue:
    """Say what an export of this view would be, and ask in which form it is wanted."""
    viewer = _viewer()
    wanted = _asked(viewer, without=FORMAT)
    chosen, *others = request.args.getlist(FORMAT) or [Format.CSV.value]
    if others or chosen not in set(Format):
        raise BadFilter(FORMAT, f"“{visible_text(chosen[:40])}” is not a format. There are csv, jsonl and ocsf.")
    return _dialog(viewer, wanted, ExportForm(viewer, formdata=None, data={FORMAT: chosen, "zone": viewer.zone}))


@bp.post("/export")
def begin(org: str) -> ResponseReturnValue:
    """Record that entries leave the log, and send them."""
    viewer = _viewer()
    wanted = _asked(viewer)
    form = ExportForm(viewer)
    if not form.validate():
        return _dialog(viewer, wanted, form)
    db.session.rollback()  # on SQLite, counting in a transaction that may write would keep the others from theirs
    with transactions.reading():
        export = _export(viewer, wanted, Format(form.format.data), form.zone.data, clock.now())
        counted = how_many(export.wanted, export.made_at)
        db.session.rollback()
    if is_large(counted):
        return _prepare(viewer, wanted, export, counted, form)
    end = holding.begin_stream(viewer.org_id)
    try:
        made = None if form.manifest.data or is_packed(counted) else _make(export)
        digest = made.sha256 if made else None
        record_export(viewer.org_id, export, counted, by=viewer.person.actor, origin=origin(), sha256=digest)
        db.session.commit()
        response = _bare(export, made) if made else _packed(export)
    except BaseException:
        end()
        raise
    response.call_on_close(end)
    return response


def _prepare(
    viewer: MemberViewer, wanted: LogFilter, export: Export, counted: Count, form: ExportForm
) -> ResponseReturnValue:
    """Have what nobody would wait for prepared in the background, and lead to the page that shows how far it is."""
    words = export.words
    if wanted.upto is None:  # each time that it is asked for ends with another entry, and is the same question
        words = words.removesuffix(f", {export.wanted.limit()}") if wanted.narrows else ""
    try:
        job_id = jobs.request_log(
            export.wanted,
            export.format,
            words=words,
            zone=export.zone,
            log=export.log,
            total=counted.number if counted.exact else None,
            by=viewer.person,
            origin=origin(),
        )
    except RefusedError as error:
        db.session.rollback()
        flash(str(error), "bad")
        return _dialog(viewer, wanted, form, 409)
    db.session.commit()
    return redirect(url_for("exports.show", org=viewer.org_slug, job_id=job_id), 303)


@bp.errorhandler(HeldError)
def show_held(error: HeldError) -> ResponseReturnValue:
    """Say that others are exporting, and to come again: nothing was recorded, since nothing began."""
    db.session.rollback()
    page = render_template("audit_log/held.html", busy=error.busy, most=holding.STREAMS, again=request.full_path)
    response = make_response(page, 503 if error.busy else 429)
    response.headers["Retry-After"] = str(holding.RETRY_AFTER)
    return response


def _viewer() -> MemberViewer:
    return cast(MemberViewer, current_viewer())


def _asked(viewer: MemberViewer, *, without: str = "") -> LogFilter:
    """Read the filter of the view that is to leave the log, wherever in it that was."""
    rest = [(name, value) for name, value in request.args.items(multi=True) if name != without]
    return asked(viewer, MultiDict(rest)).at()


def _export(viewer: MemberViewer, wanted: LogFilter, format_: Format, zone: str, now: datetime) -> Export:
    """Return the export of what the screen shows, held to what has happened by *now*."""
    newest = find_page(wanted, size=1, now=now)
    if not newest.rows:
        check_action(wanted)
    pinned = wanted.pinned(now)
    if wanted.upto is None and newest.rows:
        # A clock that is ahead may have dated an entry some minutes from now, and it is on the screen.
        pinned = replace(pinned, upto=max(pinned.upto or 0, newest.rows[0].id))
    return Export.of(
        pinned,
        format_,
        zone=zone,
        organisation=viewer.org_slug,
        name=viewer.org_name,
        log=log_of(viewer.org_slug),
        made_by=viewer.name,
        made_at=now,
        words=pinned.describe(_names(viewer, pinned, newest)),
    )


def _names(viewer: MemberViewer, wanted: LogFilter, page: Page) -> dict[str, str]:
    return names_in(wanted, page, viewer.actors([wanted.actor]) if wanted.actor else {})


def _dialog(viewer: MemberViewer, wanted: LogFilter, form: ExportForm, status: int = 200) -> Response:
    export = _export(viewer, wanted, Format.CSV, viewer.zone, clock.now())
    counted = how_many(export.wanted, export.made_at)
    guesses, packed = guess_bytes(export, counted), is_packed(counted)
    base = url_for("audit_log.index", org=viewer.org_slug)
    page = render_template(
        "audit_log/export.html",
        viewer=viewer,
        form=form,
        problems=bool(form.errors),
        words=visible_text(export.words),
        counted=figures.headed(counted),
        nothing=counted == Count(0),
        sizes={each.value: _told(guesses[each], packed=packed, exact=counted.exact) for each in Format},
        hints={each.value: _HINTS[each] for each in Format},
        packed=packed,
        large=is_large(counted),
        base=base,
        back=base + wanted.query(),
        shown=base + export.wanted.query(),
        action=f"{base}/export{export.wanted.query()}",
    )
    return make_response(page, 422 if form.errors else status)


def _zones(viewer: MemberViewer) -> Iterator[SelectChoice]:
    """Return the zones that times can be told in: the reader's, the organisation's, and none."""
    yield SelectChoice(viewer.zone, f"{days.place(viewer.zone)} (your time zone)")
    if viewer.org_zone != viewer.zone:
        yield SelectChoice(viewer.org_zone, f"{days.place(viewer.org_zone)} (the organisation’s time zone)")
    if "UTC" not in {viewer.zone, viewer.org_zone}:
        yield SelectChoice("UTC", "UTC")


def _packed(export: Export) -> Response:
    """Send the archive as it is made: one that breaks off has no directory, and nothing takes it for whole."""
    written = (some for some, _ in archive.zipped(export))
    return attached(written, archive.MEDIA_TYPE, archive.file_name(export), still(Right.READ_LOG))


class _Made(NamedTuple):
    file: IO[bytes]
    length: int
    sha256: str


def _make(export: Export) -> _Made:
    """
    Make the whole file of *export*, before anything of it is sent.

    So what goes wrong meanwhile gets an answer that says so, and the entry of the log tells the file's SHA-256.
    """
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  (it is read when this is over)
    digest = hashlib.sha256()
    try:
        with courtesy.standing_back():
            for some, _ in pieces(export):
                file.write(some)
                digest.update(some)
        length = file.tell()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return _Made(file, length, digest.hexdigest())


def _bare(export: Export, made: _Made) -> Response:
    """Send a file with its length: what breaks off is seen to be short, also behind a proxy that asks by HTTP/1.0."""
    response = attached(_blocks(made.file), export.format.media_type, export.file_name, still(Right.READ_LOG))
    response.content_length = made.length
    response.call_on_close(made.file.close)
    return response


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while some := file.read(_AT_ONCE):
        yield some


def _told(guess: Guess, *, packed: bool, exact: bool) -> str:
    """Tell about how large the file will be, and if it is an archive, what comes out of it."""
    about = "about" if exact else "at least"
    return f"{about} {_size(guess.packed)}, {_size(guess.bare)} unpacked" if packed else f"{about} {_size(guess.bare)}"


def _size(number: int) -> str:
    """Spell so many bytes: "7.4 MB"."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:.{0 if number >= 10 * size else 1}f} {unit}"
    return f"{number} bytes"
