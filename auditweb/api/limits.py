"""How much may be sent: the size of bodies, and how many requests a key may make."""

from typing import Final, cast

from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from auditweb import holding
from auditweb.accounts.call_rates import MINUTE, CallRates, Standing
from auditweb.api.problems import Problem
from auditweb.config import Settings

LARGEST_BODY: Final = 4 * 1024 * 1024  # of what is taken as a whole
MOST_EVENTS: Final = 1_000  # in one array

_ANY_SIZE = 2**63 - 1  # None would mean the limit of forms
_RATES = "auditweb.call_rates"


def init_app(app: Flask, settings: Settings) -> None:
    """Let each key call *app* as often as *settings* say."""
    app.extensions[_RATES] = CallRates(settings.api_requests_a_minute)


def count() -> None:
    """Count this request of the current caller, and refuse it (429) if it is one too many."""
    g.standing = cast(CallRates, current_app.extensions[_RATES]).count(g.caller.key_id)
    if not g.standing.allowed:
        raise Problem(
            429,
            "too-many",
            "This key has sent too many requests",
            f"It may send {g.standing.limit} in a minute. Wait as long as the header Retry-After says, in seconds, and "
            "send more events in one request.",
            headers={"Retry-After": str(g.standing.resets_in)},
        )


def tell(response: Response) -> Response:
    """Say in the headers how many requests the key has left."""
    if "standing" in g:
        standing = cast(Standing, g.standing)
        response.headers["RateLimit-Policy"] = f'"key";q={standing.limit};w={MINUTE}'
        response.headers["RateLimit"] = f'"key";r={standing.left};t={standing.resets_in}'
    return response


def whole_body() -> bytes:
    """Return the body of this request, of LARGEST_BODY at most (413); an empty one is a 400, too many at once 503."""
    request.max_content_length = LARGEST_BODY
    try:
        with holding.reading(g.caller.org_id):
            body = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise Problem(
            413,
            "too-large",
            "This is too much at once",
            f"Send at most {LARGEST_BODY // 1024**2} MiB in one request, or newline-delimited JSON of any length.",
        ) from None
    if not body or body.isspace():
        raise empty()
    return body


def unlimited_body() -> None:
    """Let the body of this request be of any size: it is not kept."""
    request.max_content_length = _ANY_SIZE


def empty() -> Problem:
    """Return what is said of a body with nothing in it."""
    return Problem(400, "empty", "There is nothing in this request", "Send at least one event.")
