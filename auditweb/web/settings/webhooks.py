"""Settings → Webhooks: which other systems are told of what is new, and what became of each delivery."""

from functools import partial
from typing import NamedTuple, cast

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
from werkzeug.exceptions import BadRequest, NotFound

from auditweb.accounts.key_rights import InvalidError
from auditweb.accounts.permissions import Right
from auditweb.accounts.team import MissingError, RefusedError
from auditweb.accounts.viewers import MemberViewer
from auditweb.config import Settings
from auditweb.extensions import db
from auditweb.parties import ActorRef
from auditweb.web import errors
from auditweb.web.foreign_text import visible, visible_text
from auditweb.web.gate import member_of, origin
from auditweb.web.moments import Moments, Told
from auditweb.web.settings.fields import marked
from auditweb.web.settings.proof import ProofForm
from auditweb.web.settings.webhook_forms import FINDINGS, NewHookForm, PlainForm, SecretForm, TargetForm
from auditweb.webhooks import deliveries
from auditweb.webhooks import hooks as rules
from auditweb.webhooks.deliveries import Delivery
from auditweb.webhooks.hooks import Hook, Made
from auditweb.webhooks.targets import Policy

UNCHANGED = "That is how it was already: nothing was changed."
MEANWHILE, NOW = "meanwhile", "now"

_POLICY = "auditweb.webhooks"

bp = Blueprint("webhooks", __name__, url_prefix="/o/<org>/settings/webhooks")


class Row(NamedTuple):
    """A webhook ready to be shown. *tells* of what it is about is found at *href*; *misses* is why some is missed."""

    id: str
    name: Markup
    title: str
    host: str
    url: Markup
    tells: Markup
    href: str
    misses: str
    maker: Markup
    maker_left: bool
    made: Told
    paused: Told | None
    answered: Told | None
    failing: Told | None
    former: Told | None
    waiting: int
    history: str


class Sent(NamedTuple):
    """A delivery ready to be shown. *answer* says what came of its last try, *due* when the next one is."""

    id: str
    what: str
    state: str
    made: Told
    tries: int
    answer: Markup
    tried: Told | None
    due: Told | None
    under_way: bool


def init_app(app: Flask, settings: Settings) -> None:
    app.extensions[_POLICY] = Policy.of(settings)


@bp.get("")
def index(org: str) -> ResponseReturnValue:
    """List the webhooks by name."""
    viewer = member_of(org, Right.MANAGE_WEBHOOKS)
    rows = [_row(viewer, hook) for hook in rules.find_hooks(viewer.org_id)]
    return render_template("settings/webhooks/index.html", viewer=viewer, rows=rows, problems=False)


@bp.route("/new", methods=["GET", "POST"])
def new(org: str) -> ResponseReturnValue:
    """Ask what is to be told to whom, and show the secret of it, this once."""
    viewer = member_of(org, Right.MANAGE_WEBHOOKS)
    form = NewHookForm(viewer, _policy(), request.args.get("view", ""))
    if not (form.is_submitted() and form.proves()):
        return _page("new", form, viewer)
    try:
        made = rules.create(viewer.org_id, viewer.person, form.draft, origin=origin())
    except InvalidError as error:
        return _page("new", marked(form, error), viewer)
    except RefusedError as error:
        return _refused("new", error, form, viewer)
    return _hand_out(viewer, made, "Created")


@bp.get("/<hook_id>")
def show(org: str, hook_id: str) -> ResponseReturnValue:
    """Show a webhook with its deliveries, the newest first."""
    viewer = member_of(org, Right.MANAGE_WEBHOOKS)
    return _show(viewer, rules.find_hook(viewer.org_id, hook_id))


@bp.route("/<hook_id>/change", methods=["GET", "POST"])
def change(org: str, hook_id: str) -> ResponseReturnValue:
    """Ask for another name or address, with fresh proof: another address is as good as another webhook."""
    viewer = member_of(org, Right.MANAGE_WEBHOOKS)
    hook = rules.find_hook(viewer.org_id, hook_id)
    form = TargetForm(viewer.person, viewer.org_id, _policy(), hook)
    if not (form.is_submitted() and form.proves()):
        return _page("change", form, viewer, hook)
    given = {"name": form.name.data, "url": form.url.data}
    try:
        changed = rules.change(viewer.org_id, viewer.person, hook_id, **given, origin=origin())
    except InvalidError as error:
        return _page("change", marked(form, error), viewer, hook)
    return _back(viewer, hook_id, "The webhook is changed, from its next delivery on." if changed else UNCHANGED)


@bp.route("/<hook_id>/secret", methods=["GET", "POST"])
def rotate(org: str, hook_id: str) -> ResponseReturnValue:
    """Ask when the former secret signs no more, and show the new one, this once."""
    viewer = member_of(org, Right.MANAGE_WEBHOOKS)
    hook = rules.find_hook(viewer.org_id, hook_id)
    form = SecretForm(viewer.person, hook)
    if not (form.is_submitted() and form.proves()):
        return _page("secret", form, viewer, hook)
    version = form.version.data or ""
    try:
        made = rules.rotate(viewer.org_id, viewer.person, hook_id, form.overlap.data, version=version, origin=origin())
    except RefusedError as error:
        return _refused("secret", error, form, viewer, hook)
    return _hand_out(viewer, made, "Replaced")


@bp.post("/<hook_id>/pause")
def pause(org: str, hook_id: str) -> ResponseReturnValue:
    """Send nothing until it may go on."""
    viewer = member_of(org, Right.MANAGE_WEBHOOKS)
    done = rules.pause(viewer.org_id, viewer.person, hook_id, origin=origin())
    return _back(viewer, hook_id, "It is paused: nothing is sent until you let it go on." if done else UNCHANGED)


@bp.post("/<hook_id>/resume")
def resume(org: str, hook_id: str) -> ResponseReturnValue:
    """Go on, with what came meanwhile or with what comes."""
    viewer = member_of(org, Right.MANAGE_WEBHOOKS)
    begin = request.form.get("begin", "")
    if begin not in (MEANWHILE, NOW):
        raise BadRequest("Choose whether to begin with what came meanwhile or with what comes from now on.")
    done = rules.resume(viewer.org_id, viewer.person, hook_id, from_now=begin == NOW, origin=origin())
    return _back(viewer, hook_id, "It goes on." if done else UNCHANGED)


@bp.post("/<hook_id>/test")
def test(org: str, hook_id: str) -> ResponseReturnValue:
    """Have a delivery sent that tells of nothing."""
    viewer = member_of(org, Right.MANAGE_WEBHOOKS)
    try:
        deliveries.send_test(viewer.org_id, viewer.person, hook_id)
    except RefusedError as error:
        return _show_refused(viewer, hook_id, error)
    return _back(viewer, hook_id, "A test is on its way: open this page again in a moment to see what was answered.")


@bp.post("/<hook_id>/deliveries/<delivery_id>/again")
def send_again(org: str, hook_id: str, delivery_id: str) -> ResponseReturnValue:
    """Have a delivery sent at once, whether it arrived or not."""
    viewer = member_of(org, Right.MANAGE_WEBHOOKS)
    try:
        done = deliveries.send_again(viewer.org_id, viewer.person, hook_id, delivery_id)
    except RefusedError as error:
        return _show_refused(viewer, hook_id, error)
    return _back(viewer, hook_id, "It is sent again." if done else "It is being sent at this moment.")


@bp.route("/<hook_id>/delete", methods=["GET", "POST"])
def delete(org: str, hook_id: str) -> ResponseReturnValue:
    """Ask whether a webhook is to go, and delete it."""
    viewer = member_of(org, Right.MANAGE_WEBHOOKS)
    hook = rules.find_hook(viewer.org_id, hook_id)
    if request.method != "POST":
        return _page("delete", None, viewer, hook)
    name = rules.remove(viewer.org_id, viewer.person, hook_id, origin=origin())
    db.session.commit()
    flash(f"{visible_text(name)} is deleted: nothing is sent there any more.")
    return redirect(url_for(".index", org=org), 303)


@bp.errorhandler(MissingError)
def show_missing(_error: MissingError) -> ResponseReturnValue:
    """Answer as for any page that is not there: another organisation's webhook is no different."""
    db.session.rollback()
    return errors.show(NotFound())


def _policy() -> Policy:
    return cast(Policy, current_app.extensions[_POLICY])


def _show(viewer: MemberViewer, hook: Hook, status: int = 200) -> Response:
    if others := [name for name in request.args if name != "after"]:
        raise BadRequest(f"The list of deliveries has no filter called “{visible_text(others[0][:40])}”.")
    found = deliveries.find_deliveries(viewer.org_id, hook.id, after=request.args.get("after"))
    here = partial(url_for, ".show", org=viewer.org_slug, hook_id=hook.id)
    page = render_template(
        "settings/webhooks/show.html",
        viewer=viewer,
        hook=_row(viewer, hook),
        deliveries=[_sent(viewer, each) for each in found.rows],
        first=here() if "after" in request.args else "",
        more=here(after=found.rows[-1].id) if found.has_more else "",
        problems=False,
    )
    return make_response(page, status)


def _show_refused(viewer: MemberViewer, hook_id: str, error: RefusedError) -> Response:
    db.session.rollback()
    flash(str(error), "bad")
    return _show(viewer, rules.find_hook(viewer.org_id, hook_id), 409)


def _page(
    name: str, form: ProofForm | PlainForm | None, viewer: MemberViewer, hook: Hook | None = None, status: int = 200
) -> Response:
    """Render a page about a webhook, or about one to be; what was refused says so."""
    problems = bool(form and form.errors)
    row = _row(viewer, hook) if hook else None
    page = render_template(f"settings/webhooks/{name}.html", viewer=viewer, form=form, hook=row, problems=problems)
    return make_response(page, 422 if problems else status)


def _refused(
    name: str, error: RefusedError, form: ProofForm, viewer: MemberViewer, hook: Hook | None = None
) -> Response:
    db.session.rollback()
    flash(str(error), "bad")
    return _page(name, form, viewer, hook, 409)


def _back(viewer: MemberViewer, hook_id: str, message: str) -> ResponseReturnValue:
    db.session.commit()
    flash(message)
    return redirect(url_for(".show", org=viewer.org_slug, hook_id=hook_id), 303)


def _hand_out(viewer: MemberViewer, made: Made, what: str) -> Response:
    """Show a secret in the answer itself: it is in no address, no cookie and no other page."""
    db.session.commit()
    hook = _row(viewer, rules.find_hook(viewer.org_id, made.id))
    page = render_template(
        "settings/webhooks/handed_out.html", viewer=viewer, hook=hook, secret=made.secret, what=what, problems=False
    )
    return make_response(page)


def _row(viewer: MemberViewer, hook: Hook) -> Row:
    moments = Moments.of(viewer)
    log = url_for("audit_log.index", org=viewer.org_slug)
    tells = "Findings of the security review" if hook.kind == FINDINGS else hook.view or "All entries"
    return Row(
        id=hook.id,
        name=visible(hook.name),
        title=visible_text(hook.name),
        host=hook.host,
        url=visible(hook.url),
        tells=visible(tells),
        href="" if hook.kind == FINDINGS else log + hook.query,
        misses=rules.why_unwatched(hook.query, org_id=viewer.org_id, org_zone=viewer.org_zone),
        maker=visible(hook.maker),
        maker_left=hook.maker_left,
        made=moments.day(hook.created_at),
        paused=moments.since(hook.paused_at) if hook.paused_at else None,
        answered=moments.since(hook.answered_at) if hook.answered_at else None,
        failing=moments.since(hook.failing_since) if hook.failing_since else None,
        former=moments.until(hook.former_until) if hook.former_until else None,
        waiting=hook.waiting,
        history=f"{log}?target={ActorRef('webhook', hook.id)}",
    )


def _sent(viewer: MemberViewer, delivery: Delivery) -> Sent:
    moments = Moments.of(viewer)
    is_due = delivery.state == "waiting" and not delivery.under_way
    return Sent(
        id=delivery.id,
        what=_what(delivery),
        state=delivery.state,
        made=moments.since(delivery.created_at),
        tries=delivery.tries,
        answer=visible(_answer(delivery)),
        tried=moments.since(delivery.tried_at) if delivery.tried_at else None,
        due=moments.until(delivery.next_at) if is_due else None,
        under_way=delivery.under_way,
    )


def _what(delivery: Delivery) -> str:
    if delivery.kind == "test":
        return "A test"
    one, many = ("entry", "entries") if delivery.kind == "entries" else ("finding", "findings")
    return f"{delivery.number} {one if delivery.number == 1 else many}"


def _answer(delivery: Delivery) -> str:
    if delivery.status is None:
        return delivery.reason
    if 300 <= delivery.status < 400:
        return f"Answered {delivery.status}: redirects are not followed."
    return f"Answered {delivery.status}"
