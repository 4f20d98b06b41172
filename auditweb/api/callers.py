"""Who calls, by the key in the Authorization header, and whether they may."""

from collections.abc import Callable
from typing import cast

from flask import g, request

from auditweb.accounts.callers import Caller, Scope, UnknownCallerError, find_caller
from auditweb.api.problems import Problem
from auditweb.parties import Origin

_SCHEME = "Bearer "
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="auditweb"'}


def authenticate() -> None:
    """Find out who calls, before anything of the request is read; whoever has no key that opens gets a 401."""
    g.called_from = request.remote_addr
    try:
        found_again()
    except UnknownCallerError:
        raise Problem(
            401,
            "no-key",
            "No key opens with what was sent",
            "Send a valid key of this organisation in the header Authorization: Bearer aw_…",
            headers=_CHALLENGE,
        ) from None


def found_again() -> None:
    """Look at the key anew, as a request does that goes on for long; UnknownCallerError once it opens no more."""
    g.caller = find_caller(_token(), g.called_from)


def still(scope: Scope) -> Callable[[], None]:
    """Return what raises UnknownCallerError once this request's key is good for *scope* no more, also after it."""
    token, ip = _token(), g.called_from

    def check() -> None:
        if not find_caller(token, ip).may(scope):
            raise UnknownCallerError

    return check


def _token() -> str:
    header = request.headers.get("Authorization", "")
    return header[len(_SCHEME) :].strip() if header[: len(_SCHEME)].lower() == _SCHEME.lower() else ""


def current_caller(scope: Scope) -> Caller:
    """Return who calls; a key without *scope* gets a 403."""
    caller = cast(Caller, g.caller)
    if not caller.may(scope):
        raise Problem(403, "out-of-scope", "This key may not do that", f"It takes a key with the scope {scope}.")
    return caller


def request_origin() -> Origin:
    """Return the address that the request came from."""
    return Origin(ip=g.called_from)
