"""
The page and its fragment from one address: when htmx asks for a part, and how either is answered.

A fragment goes only to a partial request. Back asks for a full page and sends no HX-Request at all.
"""

from typing import Final
from urllib.parse import urlsplit

from flask import Response, make_response, render_template, request
from markupsafe import Markup

# What a link to another view of the log does besides leading there: it swaps the table and pushes the address.
IN_PAGE: Final = Markup(
    'hx-target="#audit-table" hx-swap="outerHTML show:none" hx-push-url="true" hx-sync="#audit:replace"'
)
VARY: Final = "HX-Request, HX-Request-Type, HX-History-Restore-Request, Cookie"


def wants_fragment() -> bool:
    """Tell whether the answer is to replace a part of a page that is already there."""
    return request.headers.get("HX-Request-Type") == "partial"


def in_page(log: str) -> Markup:
    """
    Return what links do besides leading to the *log*, an address: on its own page they swap the table.

    Details of an entry open under its row on other pages, too, where no such table is.
    """
    if not wants_fragment():
        return Markup("")
    here = urlsplit(request.headers.get("HX-Current-URL", "")).path
    return IN_PAGE if here in ("", log) else Markup("")


def render(whole: str, fragment: str, /, **context: object) -> Response:
    """Render *fragment* for htmx and *whole*, which shows the same, for everyone else."""
    response = make_response(render_template(fragment if wants_fragment() else whole, **context))
    return private(response)


def private(response: Response) -> Response:
    """Keep *response* out of caches, and a fragment from being taken for the page of the same address."""
    response.headers["Vary"] = VARY
    response.headers["Cache-Control"] = "private, no-store"
    return response
