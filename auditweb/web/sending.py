"""Files that leave the log: sent to be saved, for as long as whoever asked for one may have it."""

from collections.abc import Callable, Iterator
from time import monotonic

from flask import Flask, Response, current_app

from auditweb import transactions

ASKED_EVERY = 5.0  # seconds


def attached(content: Iterator[bytes], media_type: str, name: str, check: Callable[[], None]) -> Response:
    """Answer with a file called *name*, which breaks off when *check*, asked now and then, raises."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # there is no other way to it
    response = Response(_watched(app, content, check), content_type=media_type)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def _watched(app: Flask, content: Iterator[bytes], check: Callable[[], None]) -> Iterator[bytes]:
    asked_at = monotonic()
    for some in content:
        if monotonic() - asked_at >= ASKED_EVERY:
            with app.app_context(), transactions.reading():
                check()
            asked_at = monotonic()
        yield some
