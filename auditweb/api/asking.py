"""What a caller asks for in the query string: read strictly, since what is ignored would make the answer lie."""

import re
from collections.abc import Mapping

from flask import Response, request
from werkzeug.datastructures import MultiDict

from auditweb.accounts.callers import Caller
from auditweb.api import problems
from auditweb.api.problems import Problem
from auditweb.reading.filters import LogFilter
from auditweb.reading.parameters import BadFilter

_PLACES = ("before", "after")
_NUMBER = re.compile(r"-?[0-9]{1,18}", re.ASCII)


def read_query(caller: Caller, *own: str) -> tuple[LogFilter, dict[str, str]]:
    """Return the filter in the query string, in the page's own grammar, and the parameters that are no part of it."""
    args = request.args
    given = {}
    for name in own:
        values = args.getlist(name)
        if len(values) > 1:
            raise BadFilter(name, f"There is more than one value for “{name}”, and one is taken.")
        if values:
            given[name] = _said(name, values[0])
    for name in _PLACES:
        if name not in own and name in args:
            _said(name, args[name])
    rest = MultiDict([(name, value) for name, value in args.items(multi=True) if name not in own])
    return LogFilter.from_args(rest, org_id=caller.org_id, org_zone=caller.org_zone), given


def _said(name: str, value: str) -> str:
    """Return a value that is not empty: a program that sends none has lost it, such as its place in the log."""
    if not value:
        raise BadFilter(name, f"“{name}” is empty: give it a value, or leave it away.")
    return value


def read_nothing() -> None:
    """Refuse every parameter."""
    for name in request.args:
        raise BadFilter(name, "This address takes no parameters.")


def number(given: Mapping[str, str], name: str, default: int, *, least: int, most: int) -> int:
    """Return a whole number out of *given*, or *default*."""
    value = given.get(name, str(default))
    if not _NUMBER.fullmatch(value) or not least <= int(value) <= most:
        raise BadFilter(name, f"“{value[:40]}” is not a whole number from {least} to {most}.")
    return int(value)


def refuse(wanted: LogFilter, names: tuple[str, ...], reason: str) -> None:
    """Refuse those parameters of a filter that have no meaning where it was sent."""
    for name in names:
        if name in wanted.to_args():
            raise BadFilter(name, reason)


def show_bad_filter(error: BadFilter) -> Response:
    """Tell which parameter is wrong, and why."""
    errors = [{"field": name, "reason": error.reason} for name in error.fields]
    return problems.answer(
        Problem(400, "bad-parameter", "What is asked for cannot be read", error.reason, errors=errors)
    )
