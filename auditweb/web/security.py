"""What holds for every request and every response: transport, host, cookies, headers, caching."""

from flask import Flask, Request, Response, current_app, make_response, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from itsdangerous import URLSafeTimedSerializer
from werkzeug.exceptions import SecurityError

from auditweb import transactions
from auditweb.config import Settings, is_loopback
from auditweb.web import assets
from auditweb.web.htmx import private

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
TRANSPORT_SECURITY = "max-age=31536000; includeSubDomains"
LARGEST_BODY = 64 * 1024
MOST_FORM_PARTS = 100

_API = "/api/v1/"
_VARY_OF_API = "Authorization, Accept"
_SHARED = frozenset({"static", "api_reference.openapi"})


# What readers outside open: its address, which may be all that lets them in, is told to nobody, and listed nowhere.
_UNTOLD = frozenset({"shared", "slices"})


def init_app(app: Flask, settings: Settings) -> None:
    """Put these rules before every other handler of *app*."""
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SESSION_COOKIE_NAME="__Host-auditweb" if settings.secure else "auditweb",
        SESSION_COOKIE_SECURE=settings.secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        TRUSTED_HOSTS=[settings.public_host] if settings.public_host else ["localhost", "127.0.0.1", settings.host],
        PREFERRED_URL_SCHEME="https" if settings.secure else "http",
        PUBLIC_URL=settings.public_url,  # what links for people elsewhere start with
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        MAX_FORM_MEMORY_SIZE=LARGEST_BODY,
        MAX_FORM_PARTS=MOST_FORM_PARTS,
        WTF_CSRF_TIME_LIMIT=None,  # a page left open over lunch still works; the session's own limits end it
    )
    app.session_interface = _SessionCookie()
    app.before_request(_begin)
    app.before_request(_refuse_what_is_not_for_us)
    app.after_request(_add_headers)
    app.teardown_request(_finish)


class _SessionCookie(SecureCookieSessionInterface):
    """The signed cookie of Flask, kept out of the API and of what is the same for all, which any cache may share."""

    _serializer: URLSafeTimedSerializer | None = None

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return the same one each time: making it costs as much as reading a cookie."""
        if self._serializer is None:
            self._serializer = super().get_signing_serializer(app)
        return self._serializer

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if request.endpoint not in _SHARED and not request.path.startswith(_API):
            super().save_session(app, session, response)


def _begin() -> None:
    transactions.set_reading(request.method in SAFE_METHODS)


def _finish(_error: BaseException | None) -> None:
    transactions.set_reading(False)


def _refuse_what_is_not_for_us() -> Response | None:
    """Answer in plain words: for a host that is not ours no links can be made, out of such an address nothing read."""
    if not request.is_secure and not _is_local(request):
        return _plain(403, "Plain http is for this machine alone. Use the https address.")
    if isinstance(request.routing_exception, SecurityError):
        return _plain(400, "No site of that name is served here.")
    try:
        request.query_string.decode()
    except UnicodeDecodeError:
        return _plain(400, "This address is damaged: it holds bytes that are no text.")
    return None


def _is_local(request: Request) -> bool:
    return not request.remote_addr or is_loopback(request.remote_addr)  # none: a socket in the file system


def _plain(status: int, sentence: str) -> Response:
    response = make_response(sentence + "\n", status)
    response.mimetype = "text/plain"
    return response


def _add_headers(response: Response) -> Response:
    response.headers.extend(HEADERS)
    if request.blueprint in _UNTOLD:
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    if current_app.config["SESSION_COOKIE_SECURE"]:
        response.headers["Strict-Transport-Security"] = TRANSPORT_SECURITY
    if request.endpoint == "static" and request.method != "OPTIONS" and response.status_code in {200, 206, 304}:
        response.headers["Cache-Control"] = assets.cache_control()
        return response
    if request.endpoint in _SHARED and response.cache_control.public:
        return response
    if "ETag" in response.headers:  # a program may keep it, and asks each time whether it is still so
        response.headers["Cache-Control"] = "private, no-cache"
        response.headers["Vary"] = _VARY_OF_API
        return response
    private(response)
    if request.path.startswith(_API):
        response.headers["Vary"] = _VARY_OF_API  # cookies are never looked at there, and there are no fragments
    return response
