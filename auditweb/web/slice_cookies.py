"""The cookie that a reader gets by opening a share: for that share only, and for half a day at most."""

from datetime import timedelta
from typing import Final

from flask import Response, current_app, request
from itsdangerous import BadSignature, URLSafeSerializer

from auditweb import clock
from auditweb.sharing.opening import Slice

LASTS: Final = timedelta(hours=12)
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
