"""
Who is asking, and whether they may: the signed-in person, the way to the sign-in page and back, the viewer of a log.

Nothing about a person is kept between requests but the id in their cookie.
"""

import ipaddress
import re
from collections.abc import Callable
from urllib.parse import quote

from flask import Flask, Response, abort, g, make_response, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user
from werkzeug.exceptions import Forbidden

from auditweb import transactions
from auditweb.accounts import sessions
from auditweb.accounts.people import Helper, find_by_former_slug, find_switched_off, who_can_help
from auditweb.accounts.permissions import CAN_GRANT, GRANTED, Right, refusal
from auditweb.accounts.sessions import Place, SignedIn
from auditweb.accounts.viewers import MemberViewer
from auditweb.extensions import db, login_manager
from auditweb.logs import request_id
from auditweb.parties import Origin
from auditweb.recordable import MAX_USER_AGENT

_LOCAL_PATH = re.compile(r"/(?!/)[!-\[\]-~]*")  # visible ASCII without the backslash, which browsers read as a slash
_PUNCTUATION = "/:@!$&'()*+,;=-._~%"
_WAITING = "awaits_code"
_ON_ITS_OWN = {
    "audit_log.new",
    "exports.progress",
}  # what a page asks again and again by itself: that is no use of a session


class NotAllowed(Forbidden):
    """A member without the right; *reason* says so, *helpers* are those who can help."""

    def __init__(self, reason: str, helpers: list[Helper]) -> None:
        super().__init__()
        self.reason = reason
        self.helpers = helpers


class RightLostError(Exception):
    """Whoever asked for what is being sent is signed out meanwhile, or may not have it any more."""


class Visitor:
    """What Flask-Login keeps for a request: the session id of the cookie, and who is behind it."""

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def __init__(self, session_id: str, person: SignedIn) -> None:
        self._session_id = session_id
        self.person = person

    def get_id(self) -> str:
        return self._session_id


def init_app(app: Flask) -> None:
    login_manager.init_app(app, add_context_processor=False)  # pages read `shell`
    login_manager.session_protection = None  # people change networks; the session table has its own limits
    login_manager.user_loader(_find_visitor)
    login_manager.unauthorized_handler(to_sign_in)
    app.register_error_handler(sessions.SessionEndedError, _sign_in_anew)
    app.extensions["auditweb.viewer"] = find_viewer
    app.after_request(_note_use)


def signed_in() -> SignedIn | None:
    """Return the person behind this request, or None."""
    return current_user.person if current_user.is_authenticated else None


def let_in(session_id: str) -> None:
    """Give the browser a new cookie for a session just opened; nothing planted in the old one survives."""
    forget()
    person = sessions.find(session_id)
    if person is None:
        raise RuntimeError("a session just opened is not there")
    login_user(Visitor(session_id, person))


def keep_in(session_id: str) -> None:
    """Give the browser a new cookie for the session it has, whose id has changed."""
    organisation = session.get("organisation")
    let_in(session_id)
    if organisation:
        session["organisation"] = organisation


def let_wait(session_id: str) -> None:
    """Give the browser a cookie that opens nothing but the page that asks for a code."""
    forget()
    session[_WAITING] = session_id


def waiting() -> str | None:
    """Return the id of the session that awaits a code from this browser."""
    found = session.get(_WAITING)
    return found if isinstance(found, str) else None


def forget() -> None:
    """Empty the cookie. Forms on a page shown after it need a token of their own."""
    session.clear()
    g.pop("csrf_token", None)  # where Flask-WTF keeps it for the length of a request


def require_person(*, enrolled: bool = True) -> SignedIn:
    """
    Return the signed-in person; for anyone else the answer is the way to the sign-in page and back.

    Whoever has to set up a second factor first is led there; *enrolled* is False for the pages that do it.
    """
    person = signed_in()
    if person is None:
        abort(make_response(to_sign_in()))
    if enrolled and person.lacks_two_factor():
        abort(_lead_to(url_for("two_factor.set_up", next=_page_url())))
    return person


def member_of(org_slug: str, right: Right = Right.READ_OWN_LOG) -> MemberViewer:
    """
    Return the signed-in person in an organisation, where they have *right*.

    Signed out, the answer is the way to the sign-in page; an organisation that is not theirs and one that does not
    exist get the same 404; one of theirs that is switched off says so; a former address of theirs leads to the present
    one; where a second factor is due, the answer is the way to setting one up; a member without the right gets a 403
    that names who can help.
    """
    person = require_person()
    place = person.place(org_slug)
    if place is None:
        _refuse_switched_off(person, org_slug)
        abort(_moved(person, org_slug) or 404)
    g.place = place
    if person.lacks_two_factor(place):
        abort(_lead_to(url_for("two_factor.set_up", next=_page_url())))
    if not place.may(right):
        raise NotAllowed(refusal(right, place.name), list(who_can_help(place.org_id, GRANTED[right] & CAN_GRANT)))
    if session.get("organisation") != place.org_id:
        session["organisation"] = place.org_id  # where `/` leads from now on
    return MemberViewer(person, place)


def still(right: Right) -> Callable[[], None]:
    """
    Return what raises RightLostError once the person of this request may not use *right* where they are, also after it.

    As long as it is asked their session is in use.
    """
    session_id, org_id = current_user.get_id(), g.place.org_id

    def check() -> None:
        person = sessions.find(session_id)
        place = next((place for place in person.places if place.org_id == org_id), None) if person else None
        if person is None or place is None or not place.may(right) or person.lacks_two_factor(place):
            raise RightLostError
        if person.is_due:
            with transactions.writing():
                sessions.touch(person, None)

    return check


def find_viewer(org_slug: str) -> MemberViewer:
    """Return the signed-in person as a viewer of an organisation's log; see `member_of`."""
    return member_of(org_slug, Right.READ_LOG)


def _refuse_switched_off(person: SignedIn, org_slug: str) -> None:
    """Tell members of an organisation that nobody can open it at present."""
    for organisation in find_switched_off(person.person_id):
        if organisation.slug == org_slug:
            raise NotAllowed(f"{organisation.name} is switched off. Whoever runs this server can switch it on.", [])


def _moved(person: SignedIn, org_slug: str) -> Response | None:
    """Return the way to the present address of an organisation of *person* that was called *org_slug* once."""
    org_id = find_by_former_slug(org_slug)
    place = next((place for place in person.places if place.org_id == org_id), None)
    if place is None:
        return None
    address = url_for(str(request.endpoint), **{**(request.view_args or {}), "org": place.slug})
    query = request.query_string.decode()
    # Also where htmx asked for a part of a page: it gets the same part there.
    return make_response(redirect(f"{address}?{query}" if query else address, 308))


def last_place(person: SignedIn) -> Place | None:
    """Return the organisation this browser used last or, if they have one only, that one."""
    last = next((place for place in person.places if place.org_id == session.get("organisation")), None)
    return last or (person.places[0] if len(person.places) == 1 else None)


def to_sign_in() -> ResponseReturnValue:
    """Send someone signed out to the sign-in page, and from there back to where they were going."""
    if request.endpoint in _ON_ITS_OWN:
        return "", 401  # the reader may be in the middle of something
    return _lead_to(url_for("sign_in.index", next=_page_url()))


def _sign_in_anew(_error: sessions.SessionEndedError) -> ResponseReturnValue:
    db.session.rollback()
    forget()
    return to_sign_in()


def _lead_to(address: str) -> Response:
    """Send the browser to another page, also from where htmx asked only for a part of one."""
    if "HX-Request" in request.headers or "HX-History-Restore-Request" in request.headers:
        # A redirect would be followed, and the page found there swapped into the table.
        return make_response("", 401, {"HX-Redirect": address})
    return make_response(redirect(address))


def safe_path(text: str | None) -> str | None:
    """Return *text* if it leads to a page of this site and nowhere else, else None."""
    if not text or not _LOCAL_PATH.fullmatch(text) or "//" in text.partition("?")[0]:
        return None
    return text


def came_from() -> str | None:
    """Return the path and query of the page that a form was sent from, as htmx or the browser tells it."""
    address = request.headers.get("HX-Current-URL") or request.headers.get("Referer") or ""
    here, _, rest = address.partition("//")[2].partition("/")
    return safe_path("/" + rest.partition("#")[0]) if here == request.host else None


def origin() -> Origin:
    """Return where this request came from."""
    agent = request.user_agent.string.replace("\0", "")[:MAX_USER_AGENT]
    return Origin(ip=_address(), user_agent=agent or None, request_id=request_id())


def _address() -> str | None:
    try:
        return str(ipaddress.ip_address(request.remote_addr or ""))
    except ValueError:
        return None


def _find_visitor(session_id: str) -> Visitor | None:
    person = sessions.find(session_id)
    if person is None:
        return None
    if request.endpoint not in _ON_ITS_OWN:
        g.session_in_use = person
    return Visitor(session_id, person)


def _note_use(response: Response) -> Response:
    """Keep the session from idling out, and note who is where, once the request's own transaction is over."""
    person, place = g.pop("session_in_use", None), g.get("place")
    if person is not None and (person.is_due or (place is not None and place.is_due)):
        db.session.rollback()
        sessions.touch(person, place)
    return response


def _page_url() -> str | None:
    """Return the address to come back to: what was asked for or, if that was a form, the page it stood on."""
    if request.method not in {"GET", "HEAD"}:
        return came_from()
    path = quote(request.script_root + request.path, safe=_PUNCTUATION.replace("%", ""))
    query = quote(request.query_string, safe=_PUNCTUATION + "?/[]")
    wanted = safe_path(f"{path}?{query}" if query else path)
    return None if wanted == url_for("home.index") else wanted
