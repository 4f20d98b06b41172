"""All that matches, one entry a line, newest first: however much it is, it takes no more memory than a page."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from flask import Flask, Response, current_app, request

from auditweb import clock, holding, transactions
from auditweb.accounts.callers import Caller, Scope
from auditweb.addresses import log_of
from auditweb.api import callers
from auditweb.api.asking import read_query, refuse
from auditweb.reading.as_json import entry_object, spell
from auditweb.reading.filters import LogFilter
from auditweb.reading.pages import LARGEST, WholePage, WholeRow, check_action, find_whole_page
from auditweb.reading.parameters import BadFilter

MEDIA_TYPE = "application/x-ndjson"


def is_wanted() -> bool:
    """Tell whether the caller would rather have lines than one object."""
    return request.accept_mimetypes.best_match(["application/json", MEDIA_TYPE]) == MEDIA_TYPE


def index(caller: Caller) -> Response:
    """Begin a stream. It ends with the last entry that matches; one that breaks off before is an error for http."""
    wanted, own = read_query(caller, "limit", "wait")
    for name in own:
        raise BadFilter(name, "A stream goes on to its end: leave this away.")
    refuse(wanted, ("after", "oldest"), "A stream goes from the newest entry, or from before=, to the oldest.")
    if request.method == "HEAD":
        check_action(wanted)
        return Response(mimetype=MEDIA_TYPE)
    end = holding.begin_stream(caller.org_id)
    try:
        now = clock.now()
        first = find_whole_page(wanted, size=LARGEST, now=now)
        if not first.rows:
            check_action(wanted)
        line = partial(_line, caller.org_slug, log_of(caller.org_slug))
        app = current_app._get_current_object()  # type: ignore[attr-defined]  # there is no other way to it
        lines = _lines(app, wanted, first, now, line, callers.still(Scope.READ))
        response = Response(lines, mimetype=MEDIA_TYPE)
    except BaseException:
        end()
        raise
    response.call_on_close(end)
    return response


def _lines(
    app: Flask,
    wanted: LogFilter,
    page: WholePage,
    now: datetime,
    line: Callable[[WholeRow], str],
    check: Callable[[], None],
) -> Iterator[str]:
    """Yield page after page, each read in a short transaction of its own and only by a key that is still good."""
    while True:
        yield "".join(map(line, page.rows))
        if page.searched_to is not None:
            wanted = wanted.at(before=page.searched_to)
        elif page.has_older:
            wanted = wanted.at(before=page.rows[-1].id)
        else:
            return
        with app.app_context(), transactions.reading():
            check()
            page = find_whole_page(wanted, size=LARGEST, now=now)


def _line(organisation: str, log: str, row: WholeRow) -> str:
    return spell(entry_object(row, organisation=organisation, log=log)) + "\n"
