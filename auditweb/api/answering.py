"""Answers to those who read: JSON that need not be sent again as long as nothing has changed."""

from collections.abc import Mapping
from urllib.parse import urlencode

from flask import Response, make_response, request

from auditweb.addresses import absolute
from auditweb.reading.as_json import spell


def answer(told: Mapping[str, object], **links: str | None) -> Response:
    """Answer with *told*, or with 304 where the caller has just that already. *links* go into the header Link."""
    response = make_response(spell(told) + "\n")
    response.mimetype = "application/json"
    there = [f'<{address}>; rel="{rel}"' for rel, address in links.items() if address]
    if there:
        response.headers["Link"] = ", ".join(there)
    response.add_etag()
    response.make_conditional(request)
    return response


def address_with(args: Mapping[str, str]) -> str:
    """Return the whole address of this request with other parameters."""
    query = urlencode(args, safe=":/")
    return absolute(request.path) + (f"?{query}" if query else "")
