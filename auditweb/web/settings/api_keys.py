"""Settings → API keys: what other systems write to the log and read from it with."""

import json
from datetime import timedelta
from typing import NamedTuple

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from werkzeug.exceptions import NotFound

from auditweb import clock
from auditweb.accounts import api_keys as rules
from auditweb.accounts.api_keys import Key, Keys, Made
from auditweb.accounts.callers import Scope
from auditweb.accounts.key_rights import InvalidError, scope_words
from auditweb.accounts.permissions import Right
from auditweb.accounts.team import MissingError, RefusedError
from auditweb.accounts.viewers import MemberViewer
from auditweb.catalogue import Category
from auditweb.extensions import db
from auditweb.parties import ActorRef, ActorType
from auditweb.web import errors, placing
from auditweb.web.actor_kinds import API_KEY, REVOKED_API_KEY, avatar
from auditweb.web.assets import asset_url
from auditweb.web.foreign_text import visible, visible_text
from auditweb.web.gate import member_of, origin
from auditweb.web.moments import Moments, Told
from auditweb.web.settings.api_key_forms import NameForm, NewKeyForm, RightsForm, RotateForm, shown_network
from auditweb.web.settings.fields import marked
from auditweb.web.settings.proof import ProofForm
from auditweb.web.viewing import absolute

SOON = timedelta(days=14)
UNCHANGED = "That is how it was already: nothing was changed."
EVENTS = "/api/v1/events"

bp = Blueprint("api_keys", __name__, url_prefix="/o/<org>/settings/api-keys")


class Row(NamedTuple):
    """A key ready to be shown. *expires* is its last day, *soon* whether that is near."""

    id: str
    picture: Markup
    name: Markup
    title: str
    maker: Markup
    maker_left: bool
    made: Told
    may: str
    writes: bool
    categories: list[str]
    networks: list[str]
    expires: Told | None
    soon: bool
    has_expired: bool
    has_secret: bool
    former: Told | None
    revoked: Told | None
    used: Told | None
    used_from: str | None
    used_near: str | None
    entries: str
    history: str


class Line(NamedTuple):
    """What to type into a terminal to try a key out."""

    label: str
    command: str


@bp.get("")
def index(org: str) -> ResponseReturnValue:
    """List the keys by name."""
    viewer = member_of(org, Right.MANAGE_KEYS)
    return _list(viewer, "index", rules.find_keys(viewer.org_id))


@bp.get("/revoked")
def revoked(org: str) -> ResponseReturnValue:
    """List the keys that were revoked, the last one first."""
    viewer = member_of(org, Right.MANAGE_KEYS)
    return _list(viewer, "revoked", rules.find_revoked(viewer.org_id, after=request.args.get("after")))


@bp.route("/new", methods=["GET", "POST"])
def new(org: str) -> ResponseReturnValue:
    """Ask what a new key is for, and show its secret, this once."""
    viewer = member_of(org, Right.MANAGE_KEYS)
    form = NewKeyForm(viewer, data={"scopes": [Scope.WRITE.value]})
    if not (form.is_submitted() and form.proves()):
        return _page("new", form, viewer)
    try:
        made = rules.create(viewer.org_id, viewer.person, form.name.data, form.rights, origin=origin())
    except InvalidError as error:
        return _page("new", marked(form, error), viewer)
    except RefusedError as error:
        return _refused("new", error, form, viewer)
    return _hand_out(viewer, made, "Created")


@bp.get("/<key_id>")
def show(org: str, key_id: str) -> ResponseReturnValue:
    """Show what is known of a key, and what can be changed."""
    viewer = member_of(org, Right.MANAGE_KEYS)
    key = rules.find_key(viewer.org_id, key_id)
    return _page("show", NameForm(formdata=None, data={"name": key.name}), viewer, key)


@bp.post("/<key_id>/name")
def rename(org: str, key_id: str) -> ResponseReturnValue:
    """Call a key something else."""
    viewer = member_of(org, Right.MANAGE_KEYS)
    key = rules.find_key(viewer.org_id, key_id)
    form = NameForm()
    if not form.validate():
        return _page("show", form, viewer, key)
    try:
        changed = rules.rename(viewer.org_id, viewer.person, key_id, form.name.data, origin=origin())
    except InvalidError as error:
        return _page("show", marked(form, error), viewer, key)
    except RefusedError as error:
        return _refused("show", error, form, viewer, key)
    return _back(viewer, key_id, f"It is called {visible_text(form.name.data)} from now on." if changed else UNCHANGED)


@bp.route("/<key_id>/rights", methods=["GET", "POST"])
def change_rights(org: str, key_id: str) -> ResponseReturnValue:
    """Ask what a key may do from now on, with fresh proof: more rights are as good as a new key."""
    viewer = member_of(org, Right.MANAGE_KEYS)
    key = rules.find_key(viewer.org_id, key_id)
    form = RightsForm.of(viewer, key.rights)
    if not (form.is_submitted() and form.proves()):
        return _page("rights", form, viewer, key)
    try:
        changed = rules.change_rights(viewer.org_id, viewer.person, key_id, form.rights, origin=origin())
    except InvalidError as error:
        return _page("rights", marked(form, error), viewer, key)
    except RefusedError as error:
        return _refused("rights", error, form, viewer, key)
    return _back(viewer, key_id, "What the key may do is changed, from its next request on." if changed else UNCHANGED)


@bp.route("/<key_id>/secret", methods=["GET", "POST"])
def rotate(org: str, key_id: str) -> ResponseReturnValue:
    """Ask when the former secret stops working, and show the new one, this once."""
    viewer = member_of(org, Right.MANAGE_KEYS)
    key = rules.find_key(viewer.org_id, key_id)
    form = RotateForm(viewer, key)
    if not (form.is_submitted() and form.proves()):
        return _page("secret", form, viewer, key)
    try:
        made = rules.rotate(
            viewer.org_id, viewer.person, key_id, form.chosen, version=form.version.data, origin=origin()
        )
    except RefusedError as error:
        return _refused("secret", error, form, viewer, key)
    return _hand_out(viewer, made, "Replaced")


@bp.route("/<key_id>/revoke", methods=["GET", "POST"])
def revoke(org: str, key_id: str) -> ResponseReturnValue:
    """Ask whether a key is to be revoked, and do so."""
    viewer = member_of(org, Right.MANAGE_KEYS)
    key = rules.find_key(viewer.org_id, key_id)
    if request.method != "POST":
        return _page("revoke", None, viewer, key)
    done = rules.revoke(viewer.org_id, viewer.person, key_id, origin=origin())
    db.session.commit()
    name = visible_text(key.name)
    flash(f"{name} is revoked: nothing opens with it any more." if done else f"{name} was revoked before.")
    return redirect(url_for(".index", org=org), 303)


@bp.errorhandler(MissingError)
def show_missing(_error: MissingError) -> ResponseReturnValue:
    """Answer as for any page that is not there: another organisation's key is no different."""
    db.session.rollback()
    return errors.show(NotFound())


def _list(viewer: MemberViewer, name: str, found: Keys) -> Response:
    rows = [_row(viewer, key) for key in found.rows]
    more = url_for(".revoked", org=viewer.org_slug, after=rows[-1].id) if found.has_more else ""
    first = url_for(".revoked", org=viewer.org_slug) if "after" in request.args else ""
    page = render_template(
        f"settings/api_keys/{name}.html",
        viewer=viewer,
        problems=False,
        counts=rules.count(viewer.org_id),
        rows=rows,
        first=first,
        more=more,
    )
    return make_response(page)


def _page(
    name: str,
    form: NameForm | ProofForm | None,
    viewer: MemberViewer,
    key: Key | None = None,
    status: int = 200,
) -> Response:
    """Render a page about a key, or about one to be; what was refused says so."""
    problems = bool(form and form.errors)
    row = _row(viewer, key) if key else None
    page = render_template(f"settings/api_keys/{name}.html", viewer=viewer, form=form, key=row, problems=problems)
    return make_response(page, 422 if problems else status)


def _refused(
    name: str,
    error: RefusedError,
    form: NameForm | ProofForm,
    viewer: MemberViewer,
    key: Key | None = None,
) -> Response:
    db.session.rollback()
    flash(str(error), "bad")
    return _page(name, form, viewer, key, 409)


def _back(viewer: MemberViewer, key_id: str, message: str) -> ResponseReturnValue:
    db.session.commit()
    flash(message)
    return redirect(url_for(".show", org=viewer.org_slug, key_id=key_id), 303)


def _hand_out(viewer: MemberViewer, made: Made, what: str) -> Response:
    """Show a secret in the answer itself: it is in no address, no cookie and no other page."""
    db.session.commit()
    key = rules.find_key(viewer.org_id, made.id)
    page = render_template(
        "settings/api_keys/handed_out.html",
        viewer=viewer,
        key=_row(viewer, key),
        token=made.token,
        lines=_lines(key, made.token),
        what=what,
        problems=False,
    )
    return make_response(page)


def _lines(key: Key, token: str) -> list[Line]:
    """Return what tries each scope of a key out, ready to be pasted: nothing in it means anything to a shell."""
    call = f'curl -H "Authorization: Bearer {token}"'
    lines = []
    if Scope.WRITE in key.rights.scopes:
        category = next((each for each in Category if each in key.rights.categories), Category.ORGANISATION)
        event = {"action": "api_key.tried", "category": category.value, "summary": "Tried out an API key"}
        body = f"-H \"Content-Type: application/json\" -d '{json.dumps(event)}'"
        lines.append(Line("Write a first entry", f"{call} {body} {absolute(EVENTS)}"))
    if Scope.READ in key.rights.scopes:
        lines.append(Line("Read the newest entries", f"{call} {absolute(EVENTS)}"))
    return lines


def _row(viewer: MemberViewer, key: Key) -> Row:
    ref, moments, rights = ActorRef(ActorType.API_KEY, key.id), Moments.of(viewer), key.rights
    in_the_organisation = Moments(clock.now(), viewer.org_zone, absolute=viewer.absolute_times)
    log = url_for("audit_log.index", org=viewer.org_slug)
    expires_at = rights.expires_at
    return Row(
        id=key.id,
        picture=avatar(ref, key.name, REVOKED_API_KEY if key.revoked_at else API_KEY, asset_url("vendor/icons.svg")),
        name=visible(key.name),
        title=visible_text(key.name),
        maker=visible(key.maker),
        maker_left=key.maker_left,
        made=moments.day(key.created_at),
        may=scope_words(rights.scopes).capitalize(),
        writes=Scope.WRITE in rights.scopes,
        categories=[each.label for each in Category if each in rights.categories],
        networks=[shown_network(network) for network in rights.networks],
        expires=in_the_organisation.day(expires_at - timedelta(seconds=1)) if expires_at else None,
        soon=expires_at is not None and expires_at - clock.now() < SOON,
        has_expired=key.has_expired,
        has_secret=key.has_secret,
        former=moments.until(key.former_until) if key.former_until else None,
        revoked=moments.day(key.revoked_at) if key.revoked_at else None,
        used=moments.since(key.used_at) if key.used_at else None,
        used_from=key.used_from,
        used_near=placing.place_of(key.used_from),
        entries=f"{log}?actor={ref}",
        history=f"{log}?target={ref}",
    )
