"""Security review: what the log shows that a person should look at, and what they make of it."""

from typing import Any, NamedTuple
from urllib.parse import urlencode

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from auditweb import ids
from auditweb.accounts.permissions import Right
from auditweb.accounts.viewers import MemberViewer
from auditweb.clock import now as current_time
from auditweb.extensions import db
from auditweb.insights import findings
from auditweb.insights.decisions import MissingError, OvertakenError, State, decide
from auditweb.insights.findings import Listed, Wanted
from auditweb.insights.patterns import count_patterns, scope_of
from auditweb.parties import ActorType
from auditweb.reading.filters import LogFilter, query_of
from auditweb.reading.flags import KINDS, Flag
from auditweb.reading.pages import find_page
from auditweb.reading.parameters import BadFilter
from auditweb.web.foreign_text import visible, visible_lines, visible_text
from auditweb.web.gate import member_of, origin
from auditweb.web.moments import Moments, Told
from auditweb.web.paths import person_href
from auditweb.web.rows import actor_href
from auditweb.web.settings.review_forms import DecisionForm
from auditweb.web.viewing import asked

bp = Blueprint("review", __name__, url_prefix="/o/<org>/settings/audit-log/review")

_STATES = {**{state.value: state for state in State}, "": State.OPEN, "all": None}
_NO_STATE = {
    "": "Nothing to decide",
    "confirmed": "No finding is confirmed",
    "set_aside": "No finding is set aside",
    "all": "Nothing was found so far",
}
_DATES = ("from", "to", "tz", "last")
_SHOWN_DECISIONS = 10  # of a finding, on its page
ICONS = {
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


class Tab(NamedTuple):
    """The way to the findings in a state. *number* says how many they are."""

    label: str
    href: str
    current: bool
    number: str


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
    A finding ready to be shown. *log* is the address of what else its subject did, *about* that of their page.

    *scope* says in words what, besides its kind and subject, is the same in findings of its pattern. One that was set
    aside *by_itself* was so as the *decider* had asked, on the day *asked* if that is known.
    """

    id: str
    kind: str
    icon: str
    sentence: Markup
    title: str
    unusual: Markup
    subject: Markup
    log: str
    about: Markup
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
    scope: Markup


@bp.get("")
def index(org: str) -> ResponseReturnValue:
    """List what was found, newest first: what nobody has decided about, unless other findings are asked for."""
    viewer = member_of(org, Right.READ_LOG)
    wanted, args = _wanted(viewer, request.args)
    before = args.pop("before", None)
    try:
        page = findings.find_findings(wanted, before=before)
    except MissingError:
        reason = f"“{before or '':.40}” is not a place in the review. The link was cut short or changed, or is too old."
        raise BadFilter("before", reason) from None
    base = url_for(".index", org=org)
    moments = Moments.of(viewer)
    answer = render_template(
        "settings/review/index.html",
        viewer=viewer,
        problems=False,
        rows=[_row(viewer, moments, each) for each in page.rows],
        states=_states(base, args, findings.count_states(wanted)),
        nothing=_NO_STATE[args.get("state", "")],
        kinds=[("", "Everything"), *((kind.value, kind.label) for kind in Flag)],
        args=args,
        kept={name: value for name, value in args.items() if name in ("state",)},
        narrowed=bool(args.keys() - {"state"}),
        period=_dates(viewer, args).frozen(current_time(), viewer.zone),
        base=base,
        first=base + _query(args) if before is not None else "",
        more=base + _query({**args, "before": page.rows[-1].id}) if page.has_older else "",
        behind=findings.count_waiting(viewer.org_id, current_time()),
        in_force=count_patterns(viewer.org_id) if wanted.state is State.SET_ASIDE else 0,
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
            note=form.note.data,
            always=bool(form.always.data),
            address=url_for(".show", org=org, finding_id=finding_id),
            origin=origin(),
        )
    except OvertakenError:
        db.session.rollback()
        return _show(viewer, findings.find_finding(viewer.org_id, finding_id), form, 409)
    db.session.commit()
    told = {State.CONFIRMED: "confirmed", State.SET_ASIDE: "set aside", State.OPEN: "open again"}[form.chosen]
    message = f"The finding is {told}." if changed else f"The finding was {told.removesuffix(' again')} already."
    flash(message if findings.count_open(viewer.org_id) else f"{message} No other is open.")
    return redirect(url_for(".show", org=org, finding_id=finding_id), 303)


@bp.errorhandler(MissingError)
def show_missing(_error: MissingError) -> ResponseReturnValue:
    """Say that there is no such finding: another organisation's is no different."""
    db.session.rollback()
    base = url_for(".index", org=(request.view_args or {})["org"])
    return make_response(render_template("settings/review/missing.html", base=base), 404)


@bp.errorhandler(BadFilter)
def show_bad_filter(problem: BadFilter) -> ResponseReturnValue:
    """Say what is wrong with a link, and lead back: to the same without the wrong part, and to what is open."""
    slug = (request.view_args or {})["org"]
    viewer, base = member_of(slug, Right.READ_LOG), url_for(".index", org=slug)
    others = [(name, value) for name, value in request.args.items(multi=True) if name not in problem.fields]
    try:
        _, rest = _wanted(viewer, MultiDict(others))
    except BadFilter:
        rest = {}
    rest.pop("before", None)
    page = render_template(
        "audit_log/bad_filter.html",
        reason=visible_text(problem.reason),
        base=base,
        whole="the security review",
        shown="findings are",
        rest=base + _query(rest) if rest else "",
        rest_description=visible_text(_described(viewer, rest)),
    )
    return make_response(page, 400)


def _show(viewer: MemberViewer, found: Listed, form: DecisionForm, status: int = 200) -> ResponseReturnValue:
    """Show a finding, with what was typed where that was refused: 409 because somebody else has decided meanwhile."""
    decisions, all_decisions = _decisions(viewer, found)
    if status == 409 or not form.made_for.data:
        form.made_for.process_data(found.version)
    page = render_template(
        "settings/review/show.html",
        viewer=viewer,
        form=form,
        problems=bool(form.errors),
        overtaken=status == 409,
        following=_following(viewer, found),
        finding=_row(viewer, Moments.of(viewer), found),
        decisions=decisions,
        all_decisions=all_decisions,
        asks=found.state is State.OPEN or (status != 200 and form.decision.data != State.OPEN),
        base=url_for(".index", org=viewer.org_slug),
        decides=viewer.place.may(Right.REVIEW),
    )
    return make_response(page, status)


def _following(viewer: MemberViewer, found: Listed) -> str:
    """Return the address of the next finding to decide about for one who has done with this; nothing where none is."""
    following = None if found.state is State.OPEN else findings.find_next_open(viewer.org_id, found)
    return url_for(".show", org=viewer.org_slug, finding_id=following) if following else ""


def _decisions(viewer: MemberViewer, found: Listed) -> tuple[list[Decision], str]:
    """Return what the log tells of the last decisions about a finding, and where all are if there are more."""
    wanted = LogFilter(org_id=viewer.org_id, org_zone=viewer.org_zone, target=("finding", found.id))
    log = url_for("audit_log.index", org=viewer.org_slug)
    in_full = Moments(current_time(), viewer.zone, absolute=True)
    page = find_page(wanted, size=_SHOWN_DECISIONS)
    decisions = [
        Decision(
            visible(row.summary),
            visible(row.actor_name),
            in_full.since(ids.moment_of(row.id)),
            f"{log}/entries/{ids.to_text(row.id)}",
            visible_lines(row.facts.get("note", "")),
        )
        for row in page.rows
    ]
    return decisions, log + wanted.query() if page.has_older else ""


def _wanted(viewer: MemberViewer, args: MultiDict[str, str]) -> tuple[Wanted, dict[str, str]]:
    """Read which findings are asked for, and return that as parameters, too; raises BadFilter."""
    given = {}
    for name in args:
        if name not in {"kind", "state", "before", *_DATES}:
            raise BadFilter(name, f"The review has no filter called “{name[:40]}”.")
        values = [value for value in args.getlist(name) if value]
        if len(values) > 1:
            raise BadFilter(name, f"The link gives more than one value for “{name}”, and the review takes one.")
        if values:
            given[name] = values[0]
    state, kind = given.get("state", ""), given.get("kind")
    if state not in _STATES:
        raise BadFilter("state", f"“{state[:40]}” is not a state. One is open, confirmed, set_aside or all.")
    if state == State.OPEN:
        del given["state"]
    if kind is not None and kind not in set(Flag):
        raise BadFilter("kind", f"The review finds nothing called “{kind[:40]}”. A kind is {KINDS}.")
    since, until = _bounds(_dates(viewer, given))
    wanted = Wanted(
        org_id=viewer.org_id, kind=Flag(kind) if kind else None, state=_STATES[state], since=since, until=until
    )
    return wanted, given


def _dates(viewer: MemberViewer, args: dict[str, str]) -> LogFilter:
    return asked(viewer, MultiDict([(name, args[name]) for name in _DATES if name in args]))


def _described(viewer: MemberViewer, args: dict[str, str]) -> str:
    """Tell in words which findings are asked for."""
    state = _STATES[args.get("state", "")]
    told = f"{state.label.lower()} findings" if state else "all findings"
    if "kind" in args:
        told += f" of the kind “{Flag(args['kind']).label}”"
    return ", ".join(filter(None, (told, _dates(viewer, args).dates())))


def _bounds(dates: LogFilter) -> tuple[Any, Any]:
    values = dates.values(current_time())
    return tuple(  # type: ignore[return-value]
        ids.moment_of(int(values[name])) if name in values else None for name in ("since", "until")
    )


def _states(base: str, args: dict[str, str], numbers: dict[State, int]) -> list[Tab]:
    labels = {"": "Open", "confirmed": "Confirmed", "set_aside": "Set aside", "all": "All"}
    most, chosen = findings.MOST_COUNTED, args.get("state", "")
    tabs = []
    for value, label in labels.items():
        state = _STATES[value]
        number = numbers[state] if state else sum(numbers.values())
        href = base + _query({**args, "state": value})
        tabs.append(Tab(label, href, value == chosen, str(number) if number <= most else f"{most}+"))
    return tabs


def _query(args: dict[str, str]) -> str:
    given = urlencode({name: value for name, value in args.items() if value}, safe=":/")
    return f"?{given}" if given else ""


def _row(viewer: MemberViewer, moments: Moments, found: Listed) -> Row:
    log = url_for("audit_log.index", org=viewer.org_slug)
    own: str
    about = Markup("")
    if found.subject.type in set(ActorType):
        own, about = actor_href(log, found.subject), person_href(log, found.subject)
    elif found.subject.type == "category":
        own = log + query_of({"category": found.subject.id})
    else:
        own = log
    in_full = Moments(current_time(), viewer.zone, absolute=True)
    pattern = found.pattern
    return Row(
        id=found.id,
        kind=found.kind.label,
        icon=ICONS[found.kind],
        sentence=visible(found.sentence),
        title=visible_text(f"{found.kind.label}: {found.name}"),
        unusual=visible(found.unusual),
        subject=visible(found.name),
        log=own,
        about=about,
        at=moments.since(found.at),
        state=found.state,
        note=visible_lines(found.note),
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
        pattern=Pattern(moments.day(pattern.since), visible(pattern.asker), visible_lines(pattern.note))
        if pattern
        else None,
        scope=visible(scope_of(found.kind, found.place)),
    )
