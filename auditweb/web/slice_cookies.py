"""
The cookie that a reader gets by opening a share: for that share only, and for half a day at most.

Another one keeps for a while where in a share somebody wanted to go who had not opened it.
"""

from datetime import timedelta
from typing import Final
from urllib.parse import quote, unquote

from flask import Response, current_app, request
from itsdangerous import BadSignature, URLSafeSerializer

from auditweb import clock
from auditweb.sharing.opening import Slice

LASTS: Final = timedelta(hours=12)
_PLACE_LASTS: Final = timedelta(minutes=10)
_LONGEST_PLACE: Final = 1000  # characters
MOST: Final = 20  # shares that one browser has open: more cookies than a request can carry would be refused


def let_in(response: Response, slice_: Slice) -> None:
    """Give the browser the cookie for a share that was just opened, and take the oldest where it has too many."""
    lasts = min(LASTS, slice_.expires_at - clock.now())
    stamp = int(clock.now().timestamp())
    response.set_cookie(
        _name(slice_.id),
        _signer().dumps([slice_.id, stamp]),
        max_age=max(int(lasts.total_seconds()), 1),
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
        path="/",
    )
    theirs = [name for name in request.cookies if name.startswith(_name("")) and name != _name(slice_.id)]
    for name in sorted(theirs, key=_opened, reverse=True)[MOST - 1 :]:
        response.delete_cookie(
            name, secure=current_app.config["SESSION_COOKIE_SECURE"], httponly=True, samesite="Lax", path="/"
        )


def has_opened(share_id: str) -> bool:
    """Tell whether this browser opened a share, not too long ago."""
    return clock.now().timestamp() - _opened(_name(share_id)) < LASTS.total_seconds()


def note_place(response: Response, share_id: str) -> None:
    """Keep the address that was asked for, of a share that this browser has not opened, whether or not there is one."""
    place = request.full_path.removesuffix("?")
    if request.method == "GET" and not has_opened(share_id) and len(place) <= _LONGEST_PLACE:
        response.set_cookie(
            _place(),
            quote(place, safe=""),
            max_age=int(_PLACE_LASTS.total_seconds()),
            secure=current_app.config["SESSION_COOKIE_SECURE"],
            httponly=True,
            samesite="Lax",
            path="/",
        )


def take_place(response: Response, base: str) -> str | None:
    """Return the address that was noted, if it is *base* or within, and forget it."""
    noted = request.cookies.get(_place())
    if noted is None:
        return None
    response.delete_cookie(
        _place(), secure=current_app.config["SESSION_COOKIE_SECURE"], httponly=True, samesite="Lax", path="/"
    )
    place = unquote(noted)
    path = place.partition("?")[0]
    return place if place.isprintable() and (path == base or path.startswith(f"{base}/")) else None


def _place() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}-place"


def _opened(name: str) -> int:
    """Return when the share of a cookie was opened, in seconds since 1970; 0 for a cookie that is not ours."""
    try:
        share_id, stamp = _signer().loads(request.cookies.get(name, ""))
    except (BadSignature, ValueError, TypeError):
        return 0
    return stamp if name == _name(share_id) and isinstance(stamp, int) else 0


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.secret_key or "", salt="auditweb.slice")


def _name(share_id: str) -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}-slice-{share_id}"
