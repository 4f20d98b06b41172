"""The way to a page by its number or by its day: two small forms, each answered with the page's own address."""

import re

from flask import make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from auditweb import clock, ids
from auditweb.reading import days
from auditweb.reading.counts import count, find_at
from auditweb.reading.filters import LogFilter
from auditweb.reading.pages import SIZE
from auditweb.reading.parameters import BadFilter
from auditweb.viewer import Viewer
from auditweb.web.htmx import private
from auditweb.web.viewing import asked, current_viewer

NUMBER, DAY = "page", "date"

_NUMBER = re.compile(r"0*[1-9][0-9]{0,9}|[1-9][0-9]{0,2}(,[0-9]{3}){1,3}")


def index(org: str) -> ResponseReturnValue:
    """Lead to the page with a number, or to the newest one that begins on a day, other filters kept."""
    viewer = current_viewer()
    rest = [(name, value) for name, value in request.args.items(multi=True) if name not in {NUMBER, DAY}]
    wanted = asked(viewer, MultiDict(rest)).at()
    number, day = _given(NUMBER), _given(DAY)
    if number and day:
        raise BadFilter(NUMBER, "The link asks for a page and for a day at once.", also=(DAY,))
    if not number and not day:
        raise BadFilter(NUMBER, "Say which page or which day to go to.", also=(DAY,))
    before = _before_page(wanted, number) if number else _before_night(viewer, day)
    return private(make_response(redirect(url_for("audit_log.index", org=org) + wanted.at(before=before).query())))


def _given(name: str) -> str:
    values = [value for value in request.args.getlist(name) if value]
    if len(values) > 1:
        raise BadFilter(name, f"The link gives more than one {name} to go to.")
    return values[0].strip() if values else ""


def _before_page(wanted: LogFilter, text: str) -> int | None:
    """Return the place at which a page begins; None for the newest page."""
    if not _NUMBER.fullmatch(text):
        raise BadFilter(NUMBER, f"“{text[:40]}” is not the number of a page. The newest page is 1.")
    number = int(text.replace(",", ""))
    if number == 1:
        return None
    now = clock.now()
    first = find_at(wanted, (number - 1) * SIZE + 1, now)
    if first is not None:
        return min(first + 1, ids.LAST_ID)
    total = count(wanted, now=now).categories[wanted.category]
    pages = max(-(-total.number // SIZE), 1)
    if not total.exact:
        raise BadFilter(
            NUMBER, f"Here pages are counted up to {pages:,}, and this asks for page {number:,}. Go to a day instead."
        )
    filled = f"there are {pages:,} pages" if pages > 1 else "there is one page"
    raise BadFilter(NUMBER, f"There is no page {number:,}: {filled}.")


def _before_night(viewer: Viewer, text: str) -> int | None:
    """Return the place after which a day is over; None if it is not over yet."""
    zone = request.args.get("tz") or viewer.org_zone
    try:
        day = asked(viewer, MultiDict([("to", text), ("tz", zone)])).to
    except BadFilter as problem:
        raise BadFilter(DAY, problem.reason) from None
    assert day
    end = days.end_of(day, zone)
    return ids.first_id_at(end) if end <= clock.now() else None
