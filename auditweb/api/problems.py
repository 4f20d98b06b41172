"""What went wrong, for programs: problem details as RFC 9457 has them."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import structlog
from flask import Blueprint, Response, json, make_response
from werkzeug.exceptions import HTTPException

from auditweb.database import OUT_OF_REACH
from auditweb.extensions import db
from auditweb.holding import RETRY_AFTER, HeldError
from auditweb.logs import request_id

MEDIA_TYPE: Final = "application/problem+json"
TYPES: Final = "urn:auditweb:problem:"

_log = structlog.stdlib.get_logger("auditweb.api")

_NOTHING: Mapping[str, str] = {}


class Problem(Exception):  # noqa: N818  (its name is the RFC's)
    """
    A request that cannot be answered as it was meant.

    *name* identifies the kind for good, *title* tells it in words and *detail* what to do about this one. *errors* name
    each thing that is wrong: `{"index": 3, "field": "actor.id", "reason": "this is empty"}`.
    """

    def __init__(
        self,
        status: int,
        name: str,
        title: str,
        detail: str = "",
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] = _NOTHING,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.name = name
        self.title = title
        self.detail = detail
        self.errors = errors
        self.headers = headers

    def body(self) -> dict[str, Any]:
        """Return the object that tells of it."""
        told: dict[str, Any] = {"type": TYPES + self.name, "title": self.title, "status": self.status}
        if self.detail:
            told["detail"] = self.detail
        if self.errors:
            told["errors"] = list(self.errors)
        return told | {"request_id": request_id()}


def answer_errors_of(bp: Blueprint) -> None:
    """Have whatever goes wrong in views of *bp* told as a problem."""
    bp.register_error_handler(Problem, answer)
    bp.register_error_handler(HTTPException, show)
    bp.register_error_handler(HeldError, _held)
    for error in OUT_OF_REACH:
        bp.register_error_handler(error, _out_of_reach)


def answer(problem: Problem) -> Response:
    """Tell of *problem*; whatever its request had begun to change is taken back."""
    db.session.rollback()
    response = make_response(json.dumps(problem.body()) + "\n", problem.status, problem.headers)
    response.mimetype = MEDIA_TYPE
    return response


def show(error: HTTPException) -> Response | HTTPException:
    """Tell of an error of the framework, in words of our own: what libraries say is not for others to see."""
    status = error.code or 500
    if status < 400:
        return error
    title, detail = _WORDS.get(status, (HTTPStatus(status).phrase, ""))
    response = answer(Problem(status, _NAMES.get(status, str(status)), title, detail))
    for name, value in error.get_headers():
        if name not in {"Content-Type", "Content-Length"}:
            response.headers[name] = value
    return response


def _held(error: HeldError) -> Response:
    headers = {"Retry-After": str(RETRY_AFTER)}
    if error.busy:
        return answer(Problem(503, "busy", error.title, "Send the request again in a while.", headers=headers))
    detail = "Wait until one of them is over, or read page by page."
    return answer(Problem(429, "too-many", error.title, detail, headers=headers))


def _out_of_reach(error: Exception) -> Response:
    _log.error("the database did not do what the API asked for", exc_info=error)
    return answer(Problem(503, "busy", *_WORDS[503], headers={"Retry-After": "5"}))


_NAMES = {
    400: "unreadable",
    404: "not-found",
    405: "wrong-method",
    413: "too-large",
    415: "wrong-media-type",
    429: "too-many",
    500: "failed",
    503: "busy",
}
_WORDS = {
    400: ("This request cannot be read", "Something in it is damaged or not understood."),
    404: ("There is nothing at this address", "The addresses there are, are listed in /api/openapi.json."),
    405: ("This address does not take that method", "The header Allow names those that it takes."),
    413: ("This is too much at once", "Send less in one request."),
    415: ("This media type is not taken here", ""),
    500: ("Something went wrong on our side", "Nothing was changed. Send the request again."),
    503: ("The log cannot be reached at the moment", "Nothing was changed. Send the request again in a while."),
}
