"""What happened since a page was opened: its first page asks now and then, by itself."""

import re

from flask import make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from auditweb import clock
from auditweb.reading.pages import count_newer
from auditweb.reading.parameters import BadFilter
from auditweb.web.assets import asset_url
from auditweb.web.htmx import IN_PAGE, private, render, wants_fragment
from auditweb.web.viewing import asked, current_viewer

SEEN = "seen"
MOST = 100

_NUMBER = re.compile(r"[1-9][0-9]{0,2}")


def index(org: str) -> ResponseReturnValue:
    """Say how many entries are newer than the one that the page begins with; nothing while it has *seen* as many."""
    viewer = current_viewer()
    rest = [(name, value) for name, value in request.args.items(multi=True) if name != SEEN]
    wanted = asked(viewer, MultiDict(rest))
    if wanted.after is None:
        raise BadFilter("after", "The link does not say after which entry others are new.")
    seen = request.args.get(SEEN, "")
    if seen and not _NUMBER.fullmatch(seen):
        raise BadFilter(SEEN, "The link does not say how many new entries have been seen.")
    base = url_for("audit_log.index", org=org)
    if not wants_fragment():
        return private(make_response(redirect(base + wanted.at().query())))
    number = count_newer(wanted, wanted.after, MOST + 1, clock.now())
    if not number or str(number) == seen:
        return private(make_response("", 204))
    counted = f"{MOST}+" if number > MOST else str(number)
    return render(
        "audit_log/_new.html",
        "audit_log/_new.html",
        href=base + wanted.at().query(),
        news=f"{base}/new{wanted.query()}&{SEEN}={number}",
        told=f"{counted} new {'entry' if number == 1 else 'entries'}",
        announced=not seen,
        in_page=IN_PAGE,
        sprite=asset_url("vendor/icons.svg"),
    )
