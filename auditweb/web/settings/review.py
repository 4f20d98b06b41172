"""Security review: what the log shows that a person should look at, and what they make of it."""

from typing import Any, NamedTuple
from urllib.parse import urlencode

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import NotFound

from auditweb import ids
from auditweb.accounts.permissions import Right
from auditweb.accounts.viewers import MemberViewer
from auditweb.clock import now as current_time
from auditweb.extensions import db
from auditweb.insights import findings
from auditweb.insights.decisions import MissingError, OvertakenError, State, decide
from auditweb.insights.findings import Listed, Wanted
from auditweb.parties import ActorType
from auditweb.reading.filters import BadFilter, LogFilter
from auditweb.reading.flags import Flag
from auditweb.reading.pages import find_page
from auditweb.web import audit_log, errors
from auditweb.web.foreign_text import visible, visible_text
from auditweb.web.gate import member_of, origin
from auditweb.web.moments import Moments, Told
from auditweb.web.pager import Link
from auditweb.web.settings.review_forms import DecisionForm
from auditweb.web.viewing import asked

bp = Blueprint("review", __name__, url_prefix="/o/<org>/settings/audit-log/review")
bp.register_error_handler(BadFilter, audit_log.show_bad_filter)

_STATES = {"": State.OPEN, "confirmed": State.CONFIRMED, "set_aside": State.SET_ASIDE, "all": None}
_DATES = ("from", "to", "tz", "last")
_SHOWN_DECISIONS = 10  # of a finding, on its page
_ICONS = {
    Flag.UNFAMILIAR_PLACE: "pin",
    Flag.IMPOSSIBLE_TRAVEL: "pin",
    Flag.TWO_FACTOR_RESET: "smartphone",
    Flag.TWO_FACTOR_OFF: "smartphone",
    Flag.RECOVERY_CODE: "key-round",
    Flag.GUESSED_PASSWORD: "lock",
    Flag.KEY_NEW_NETWORK: "plug",
    Flag.KEY_WITHOUT_MAKER: "plug",
    Flag.ROLE_RAISED: "users",
    Flag.LARGE_EXPORT: "download",
    Flag.BURST: "layers",
    Flag.ODD_HOURS: "clock",
    Flag.GONE_QUIET: "triangle-alert",
}


class EvidenceRow(NamedTuple):
    """An entry that shows a finding, ready to be shown."""

    summary: Markup
    actor: Markup
    at: Told
    href: str


class Decision(NamedTuple):
    """An entry that tells of a decision about a finding, ready to be shown."""

    summary: Markup
    actor: Markup
    at: Told
    href: str
    note: Markup


class Pattern(NamedTuple):
    """That findings like one are set aside as they are found, ready to be shown."""

    since: Told
    asker: Markup
    note: Markup


class Row(NamedTuple):
    """
    A finding ready to be shown. *log* is the address of what else its subject did.

    One that was set aside *by_itself* was so as the *decider* had asked, on the day *asked* if that is known.
    """

    id: str
    kind: str
    icon: str
    sentence: Markup
    title: str
    unusual: Markup
    subject: Markup
    log: str
    at: Told
    state: State
    note: Markup
    decider: Markup
    decided: Told | None
    evidence: list[EvidenceRow]
    entries: int
    href: str
    by_itself: bool
    asked: Told | None
    pattern: Pattern | None
    placed: bool


@bp.get("")
def index(org: str) -> ResponseReturnValue:
    """List what was found, newest first: what nobody has decided about, unless other findings are asked for."""
    viewer = member_of(org, Right.READ_LOG)
    wanted, args = _wanted(viewer)
    before = request.args.get("before")
    page = findings.find_findings(wanted, before=before)
    base = url_for(".index", org=org)
    progress = findings.find_progress(viewer.org_id)
    moments = Moments.of(viewer)
    answer = render_template(
        "settings/review/index.html",
        viewer=viewer,
        problems=False,
        rows=[_row(viewer, moments, each) for each in page.rows],
        states=_states(base, args),
        kinds=[("", "Everything"), *((kind.value, kind.label) for kind in Flag)],
        args=args,
        kept={name: value for name, value in args.items() if name in ("state",)},
        narrowed=bool(args.keys() - {"state"}),
        base=base,
        first=base + _query(args) if before is not None else "",
        more=base + _query({**args, "before": page.rows[-1].id}) if page.has_older else "",
        behind=progress.size - progress.read,
        decides=viewer.place.may(Right.REVIEW),
        zone=viewer.zone,
    )
    return make_response(answer)


@bp.route("/<finding_id>", methods=["GET", "POST"])
def show(org: str, finding_id: str) -> ResponseReturnValue:
    """Show a finding with all entries that show it; confirm it, set it aside, or open it again."""
    viewer = member_of(org, Right.REVIEW if request.method == "POST" else Right.READ_LOG)
    found = findings.find_finding(viewer.org_id, finding_id)
    form = DecisionForm()
    if not form.is_submitted():
        return _show(viewer, found, form)
    if not form.validate():
        return _show(viewer, found, form, 422)
    try:
        changed = decide(
            viewer.org_id,
            viewer.person,
            finding_id,
            form.chosen,
            made_for=form.made_for.data,
            note=form.said,
            always=bool(form.always.data),
            address=url_for(".show", org=org, finding_id=finding_id),
            origin=origin(),
        )
    except OvertakenError:
        db.session.rollback()
        return _show(viewer, findings.find_finding(viewer.org_id, finding_id), form, 409)
    db.session.commit()
    told = {State.CONFIRMED: "confirmed", State.SET_ASIDE: "set aside", State.OPEN: "open again"}[form.chosen]
    flash(f"The finding is {told}." if changed else f"The finding was {told.removesuffix(' again')} already.")
    return redirect(url_for(".show", org=org, finding_id=finding_id), 303)


@bp.errorhandler(MissingError)
def show_missing(_error: MissingError) -> ResponseReturnValue:
    """Answer as for any page that is not there: another organisation's finding is no different."""
    db.session.rollback()
    return errors.show(NotFound())


def _show(viewer: MemberViewer, found: Listed, form: DecisionForm, status: int = 200) -> ResponseReturnValue:
    """Show a finding, with what was typed where that was refused: 409 because somebody else has decided meanwhile."""
    decisions = _decisions(viewer, found)
    if status == 409 or not form.made_for.data:
        form.made_for.process_data(found.version)
    page = render_template(
        "settings/review/show.html",
        viewer=viewer,
        form=form,
        problems=bool(form.errors),
        overtaken=status == 409,
        finding=_row(viewer, Moments.of(viewer), found),
        decisions=decisions,
        asks=found.state is State.OPEN or (status != 200 and form.decision.data != State.OPEN),
        base=url_for(".index", org=viewer.org_slug),
        decides=viewer.place.may(Right.REVIEW),
    )
    return make_response(page, status)


def _decisions(viewer: MemberViewer, found: Listed) -> list[Decision]:
    """Return what the log tells of decisions about a finding, the last one first."""
    wanted = LogFilter(org_id=viewer.org_id, org_zone=viewer.org_zone, target=("finding", found.id))
    log = url_for("audit_log.index", org=viewer.org_slug)
    in_full = Moments(current_time(), viewer.zone, absolute=True)
    return [
        Decision(
            visible(row.summary),
            visible(row.actor_name),
            in_full.since(ids.moment_of(row.id)),
            f"{log}/entries/{ids.to_text(row.id)}",
            visible(row.facts.get("note", "")),
        )
        for row in find_page(wanted, size=_SHOWN_DECISIONS).rows
    ]


def _wanted(viewer: MemberViewer) -> tuple[Wanted, dict[str, str]]:
    """Read which findings are asked for, and return that as parameters, too; raises BadFilter."""
    for name in request.args:
        if name not in {"kind", "state", "before", *_DATES}:
            raise BadFilter(name, f"The review has no filter called “{name[:40]}”.")
    given = {name: value for name, value in request.args.items() if value and name != "before"}
    state, kind = given.get("state", ""), given.get("kind")
    if state not in _STATES:
        raise BadFilter("state", f"“{state[:40]}” is not a state. One is confirmed, set_aside or all.")
    if kind is not None and kind not in set(Flag):
        raise BadFilter("kind", f"The review finds nothing called “{kind[:40]}”.")
    dates = asked(viewer, MultiDict([(name, given[name]) for name in _DATES if name in given]))
    since, until = _bounds(dates)
    wanted = Wanted(
        org_id=viewer.org_id, kind=Flag(kind) if kind else None, state=_STATES[state], since=since, until=until
    )
    return wanted, given


def _bounds(dates: LogFilter) -> tuple[Any, Any]:
    values = dates.values(current_time())
    return tuple(  # type: ignore[return-value]
        ids.moment_of(int(values[name])) if name in values else None for name in ("since", "until")
    )


def _states(base: str, args: dict[str, str]) -> list[Link]:
    labels = {"": "Open", "confirmed": "Confirmed", "set_aside": "Set aside", "all": "All"}
    chosen = args.get("state", "")
    return [Link(label, base + _query({**args, "state": state}), state == chosen) for state, label in labels.items()]


def _query(args: dict[str, str]) -> str:
    given = urlencode({name: value for name, value in args.items() if value}, safe=":/")
    return f"?{given}" if given else ""


def _row(viewer: MemberViewer, moments: Moments, found: Listed) -> Row:
    log = url_for("audit_log.index", org=viewer.org_slug)
    if found.subject.type in set(ActorType):
        own = f"{log}?actor={found.subject}"
    elif found.subject.type == "category":
        own = f"{log}?category={found.subject.id}"
    else:
        own = log
    in_full = Moments(current_time(), viewer.zone, absolute=True)
    pattern = found.pattern
    return Row(
        id=found.id,
        kind=found.kind.label,
        icon=_ICONS[found.kind],
        sentence=visible(found.sentence),
        title=visible_text(f"{found.kind.label}: {found.name}"),
        unusual=visible(found.unusual),
        subject=visible(found.name),
        log=own,
        at=moments.since(found.at),
        state=found.state,
        note=visible(found.note),
        decider=visible(found.decider),
        decided=moments.since(found.decided_at) if found.decided_at else None,
        evidence=[
            EvidenceRow(
                visible(each.summary),
                visible(each.actor_name),
                in_full.since(ids.moment_of(each.id)),
                f"{log}/entries/{ids.to_text(each.id)}",
            )
            for each in found.evidence
        ],
        entries=found.entries,
        href=url_for(".show", org=viewer.org_slug, finding_id=found.id),
        by_itself=found.by_itself,
        # A pattern that is younger than the finding is not the one that set it aside.
        asked=moments.day(pattern.since)
        if pattern and found.by_itself and found.decided_at and pattern.since <= found.decided_at
        else None,
        pattern=Pattern(moments.day(pattern.since), visible(pattern.asker), visible(pattern.note)) if pattern else None,
        placed=bool(found.place),
    )
