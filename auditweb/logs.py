"""
The server's own log: one JSON object a line, on standard error.

Each request leaves one line with its route, never its path, query, form, cookies or headers, which may hold secrets.
"""

import logging
import re
import secrets
import sys
import time
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any

import structlog
from flask import Flask, Response, g, request
from structlog.contextvars import bind_contextvars, clear_contextvars, merge_contextvars

from auditweb.config import Settings

_HEADER = "X-Request-ID"
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_PLAIN_SLUG = re.compile(r"[a-z0-9-]{1,63}")


def install(app: Flask, settings: Settings) -> None:
    """Log the requests of *app*. Call it before anything else is hooked in, so that its line is written last."""
    configure(settings.log_level)
    log = _request_log(settings.log_level)
    trusts_proxy = settings.proxy_hops > 0

    @app.before_request
    def begin() -> None:
        g.request_began = time.perf_counter()
        g.request_id = _given_id() if trusts_proxy else _fresh_id()
        clear_contextvars()
        bind_contextvars(request_id=g.request_id)

    @app.after_request
    def end(response: Response) -> Response:
        response.headers[_HEADER] = g.request_id
        log.info(
            "request",
            logger="auditweb.requests",
            method=request.method if request.method.isalpha() else "?",
            route=request.url_rule.rule if request.url_rule else None,
            status=response.status_code,
            duration_ms=round((time.perf_counter() - g.request_began) * 1000, 1),
            **_who(),
            request_id=g.request_id,
        )
        return response


def request_id() -> str:
    """Return the id of the current request, by which its line in the log is found."""
    return str(g.request_id)


def configure(level: str) -> None:
    """Have everything that logs in this process, our own code or not, write JSON lines from *level* up."""
    shared: list[structlog.typing.Processor] = [
        merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = _StandardError()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _in_order, _json],
        )
    )
    handler.addFilter(_without_request)
    root = logging.getLogger()
    root.handlers = [other for other in root.handlers if not isinstance(other, _StandardError)] + [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("auditweb").setLevel(level.upper())


def _request_log(level: str) -> Any:
    """Return what writes the lines of requests: without the library's detour, which takes a tenth of a millisecond."""
    return structlog.wrap_logger(
        _Lines(),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _in_order,
            _json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )


class _StandardError(logging.StreamHandler[Any]):
    """Writes to what standard error is at the time. What cannot be written is lost, and fails nothing."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library calls it so
        """Do not tell of it: that would be written to standard error."""

    @property
    def stream(self) -> Any:
        return sys.stderr


class _Lines:
    """Writes lines that are ready to where the others go, each in one piece. No request fails for want of its line."""

    def info(self, line: str) -> None:
        with suppress(OSError, ValueError, AttributeError):  # a full disk, a closed pipe, no standard error at all
            sys.stderr.write(line + "\n")


_json = structlog.processors.JSONRenderer()  # escapes all but ASCII: one entry is one line in every terminal


def _in_order(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put what is read first, first."""
    first = {key: entry[key] for key in ("timestamp", "level", "logger", "event") if key in entry}
    return first | {key: value for key, value in entry.items() if key not in first}


def _without_request(record: logging.LogRecord) -> bool:
    """Keep the path and the headers, which Flask and gunicorn put into their lines about a failure, out of the log."""
    for beginning, instead in _ABOUT_REQUESTS.items():
        if isinstance(record.msg, str) and record.msg.startswith(beginning):
            record.msg, record.args = instead, ()
    return True


_ABOUT_REQUESTS = {
    "Exception on ": "the request failed",
    "Error handling request": "the request failed",
    "Invalid request": "what was sent is not http",
}


def _fresh_id() -> str:
    return secrets.token_hex(8)


def _given_id() -> str:
    """Return the id that our own proxy gave the request, or a fresh one if it gave none."""
    given = request.headers.get(_HEADER, "")
    return given if _PLAIN_ID.fullmatch(given) else _fresh_id()


def _who() -> dict[str, str | None]:
    """Return whose log it was about, and of the API which key called: its name, which opens nothing."""
    if "caller" in g:
        return {"organisation": g.caller.org_slug, "key": g.caller.key_id}
    slug = (request.view_args or {}).get("org")
    return {"organisation": slug if isinstance(slug, str) and _PLAIN_SLUG.fullmatch(slug) else None}
