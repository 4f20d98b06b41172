"""
The description of the API as OpenAPI 3.1: spectree makes it out of the views and the pydantic models.

spectree knows one media type, and neither headers of answers nor examples: `Answers` adds those, `document` the rest.
It checks nothing here. The views read what they are sent more strictly than it would, and a stream that it looked at
would be in memory as a whole.
"""

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import spectree
from flask.typing import ResponseReturnValue
from pydantic import BaseModel
from spectree.models import SecureType, SecurityScheme, SecuritySchemeData
from spectree.plugins.flask_plugin import FlaskPlugin

from auditweb.addresses import absolute
from auditweb.api.answer_schemas import Problem
from auditweb.api.calls import Call
from auditweb.api.problems import MEDIA_TYPE as PROBLEM
from auditweb.api.schemas import ENTRY_ID

OPENAPI: Final = "3.1.0"
JSON: Final = "application/json"
LINES: Final = "application/x-ndjson"

_TITLE = "ImportOps audit log"
_VERSION = "1.0.0"  # of /api/v1
_ABOUT = (
    "Other systems write to the audit log of an organisation and read from it, each with a key of its own. A key "
    "belongs to one organisation and sees nothing of any other. Cookies are never looked at.\n\n"
    "What GET answers, HEAD answers too, without the body. Moments are RFC 3339 in UTC; those that are sent need a "
    "zone. Whatever goes wrong is told as a problem (RFC 9457)."
)
_KEY = (
    "A key of Settings → API keys, as `Authorization: Bearer aw_…`. Writing takes one with the scope `events:write`, "
    "reading one with `events:read`."
)

_View = Callable[..., ResponseReturnValue]
_Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent or answered as one media type. Of lines, *model* is one line."""

    media_type: str
    model: type[BaseModel]

    def content(self) -> _Object:
        """Return what OpenAPI says of it."""
        schema = {"$ref": f"#/components/schemas/{self.model.__name__}"}
        if self.media_type == LINES:
            words = f"One {self.model.__name__} a line, in JSON. This version of OpenAPI has no words for that."
            return {"schema": {"type": "string", "description": words}, "x-item-schema": schema}
        return {"schema": schema}


@dataclass(frozen=True, slots=True)
class Answer:
    """One status: when it comes, with which bodies and headers."""

    when: str
    bodies: tuple[Body, ...] = ()
    headers: tuple[str, ...] = ()


class Answers(spectree.Response):
    """All answers of an operation, for spectree."""

    def __init__(self, answers: Mapping[int, Answer]) -> None:
        super().__init__()
        self._answers = answers

    @property
    def models(self) -> Iterable[type[BaseModel]]:
        return [body.model for answer in self._answers.values() for body in answer.bodies]

    def add_model(self, *_model: object, **_more: object) -> None:
        """Have no answer added: what validation by spectree would answer never comes."""

    def generate_spec(self, naming_strategy: object = None) -> _Object:
        return {
            str(status): {
                "description": answer.when,
                "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in answer.headers},
                "content": {body.media_type: body.content() for body in answer.bodies},
            }
            for status, answer in sorted(self._answers.items())
        }


@dataclass(frozen=True, slots=True)
class Operation:
    """What can be done at one address by one method, and calls that show it."""

    id: str
    title: str
    text: str
    answers: Mapping[int, Answer]
    calls: tuple[Call, ...]
    query: type[BaseModel] | None = None
    headers: type[BaseModel] | None = None
    bodies: tuple[Body, ...] = ()
    path_parameters: Mapping[str, str] | None = None

    def __call__(self, view: _View) -> _View:
        """Return *view*, described as this operation."""
        _spec.operations[self.id] = self
        for body in self.bodies:
            _spec.add_model(body.model)
        described: _View = _spec.validate(
            query=self.query,
            headers=self.headers,
            resp=Answers(self.answers),
            skip_validation=True,
            operation_id=self.id,
            path_parameter_descriptions=self.path_parameters,
        )(view)
        return described


class _OnlyDescribe(FlaskPlugin):
    """spectree that takes no part in requests."""

    def validate(self, func: _View, *_settings: object, **view_args: Any) -> ResponseReturnValue:
        return func(**view_args)


class _Description(spectree.SpecTree):
    """spectree that also knows models of bodies which are sent as something else than JSON."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.operations: dict[str, Operation] = {}

    def add_model(self, model: type[BaseModel]) -> None:
        self._add_model(model)


_spec = _Description(
    backend=_OnlyDescribe,
    mode="strict",
    annotations=False,
    naming_strategy=lambda model: model.__name__,
    nested_naming_strategy=lambda _parent, child: child,
    openapi_version=OPENAPI,
    title=_TITLE,
    version=_VERSION,
    description=_ABOUT,
    security_schemes=[
        SecurityScheme(
            name="key",
            data=SecuritySchemeData(type=SecureType.HTTP, scheme="bearer", bearer_format="aw_…", description=_KEY),
        )
    ],
    security={"key": []},
)


def document() -> _Object:
    """Return the whole description, for the address that this server is called by."""
    told = deepcopy(_made())
    server = absolute("")
    told["servers"] = [{"url": server}]
    for operation, found in _operations_in(told):
        found["x-codeSamples"] = [
            {"lang": "Shell", "label": call.label, "source": call.curl(server)}
            for call in operation.calls
            if call.shown
        ]
    return told


@cache
def _made() -> _Object:
    """Return what is the same on every server; asked for first within an app."""
    told: _Object = deepcopy(_spec.spec)
    del told["tags"]
    told["components"]["headers"] = HEADERS
    paths = told["paths"]
    told["paths"] = {}
    for operation in _spec.operations.values():  # in the order in which they are told
        for path, methods in paths.items():
            for method, found in methods.items():
                if found["operationId"] == operation.id:
                    _complete(found, operation)
                    told["paths"].setdefault(path, {})[method] = found
    for operation in _spec.operations.values():
        for model in (operation.query, operation.headers):
            if model is not None:
                told["components"]["schemas"].pop(model.__name__, None)
    return told


def _operations_in(told: _Object) -> Iterable[tuple[Operation, _Object]]:
    for methods in told["paths"].values():
        for found in methods.values():
            yield _spec.operations[found["operationId"]], found


def _complete(found: _Object, operation: Operation) -> None:
    found["summary"], found["description"] = operation.title, operation.text
    del found["tags"]
    for parameter in found["parameters"]:
        parameter["schema"] = _without_null(parameter["schema"])
        parameter["schema"].pop("description", None)
        if parameter["in"] == "query":
            parameter["allowEmptyValue"] = True  # as good as left out: a form sends what nobody filled in
        if parameter["in"] == "path":
            parameter["schema"] = {"type": "string", "pattern": ENTRY_ID, "examples": ["32ST6QNF15NM7"]}
    if operation.bodies:
        content = {body.media_type: body.content() for body in operation.bodies}
        found["requestBody"] = {"required": True, "content": content}
    for call in operation.calls:
        if call.sent is not None and call.shown:
            _add_example(found["requestBody"]["content"][call.media_type], call, call.sent)
        if call.answer is not None:
            _add_example(found["responses"][str(call.status)]["content"][call.answered_as], call, call.answer)
    for answer in found["responses"].values():
        for name in ("headers", "content"):
            if not answer[name]:
                del answer[name]


def _add_example(content: _Object, call: Call, value: object) -> None:
    content.setdefault("examples", {})[call.name] = {"summary": call.label, "value": value}


def _without_null(schema: _Object) -> _Object:
    """Return what a parameter is where it is given: one that may be left out can be null for pydantic."""
    schema = {name: value for name, value in schema.items() if name not in ("default", "title")}
    kinds = [kind for kind in schema.pop("anyOf", []) if kind != {"type": "null"}]
    for kind in kinds:
        schema |= kind
    return schema


def _header(description: str, example: object, *, always: bool = False, kind: str = "string") -> _Object:
    return {"description": description, "required": always, "schema": {"type": kind, "examples": [example]}}


HEADERS: Final[Mapping[str, _Object]] = {
    "RateLimit-Policy": _header(
        "How many requests the key may send, and in how many seconds", '"key";q=6000;w=60', always=True
    ),
    "RateLimit": _header(
        "How many requests are left, and in how many seconds there are all again", '"key";r=5999;t=42', always=True
    ),
    "Retry-After": _header("How many seconds to wait before sending it again", 10, always=True, kind="integer"),
    "ETag": _header("What to send as `If-None-Match` next time", '"2c1f5e3d"'),
    "Link": _header(
        "The addresses of the pages beside this one (`prev`, `next`)", '<https://audit.example.org/…>; rel="next"'
    ),
    "Location": _header("The page of the entry", "https://audit.example.org/o/northgate/…", kind="string"),
    "WWW-Authenticate": _header("How to say who calls", 'Bearer realm="auditweb"', always=True),
    "Accept-Post": _header("The media types that are taken", "application/json, …", always=True),
}
COUNTED: Final = ("RateLimit-Policy", "RateLimit")

PROBLEMS: Final[Mapping[int, Answer]] = {
    400: Answer("It cannot be read, or a parameter is unknown, damaged or without meaning here", (), COUNTED),
    401: Answer(
        "No key opens: it is missing, wrong, revoked or expired, or not for your address", (), ("WWW-Authenticate",)
    ),
    403: Answer("The key may not do that", (), COUNTED),
    429: Answer("The key has sent too many requests", (), (*COUNTED, "Retry-After")),
    503: Answer("The log cannot be reached at the moment, or the question takes too long", (), ("Retry-After",)),
}
_HEADERS_OF = {415: (*COUNTED, "Accept-Post")}


def with_problems(answers: Mapping[int, Answer], **more: str) -> dict[int, Answer]:
    """Return the answers of an operation with what can go wrong everywhere, and with *more*: `s404="…"`."""
    own = {int(name[1:]): when for name, when in more.items()}
    wrong = {**PROBLEMS, **{status: Answer(when, (), _HEADERS_OF.get(status, COUNTED)) for status, when in own.items()}}
    body = (Body(PROBLEM, Problem),)
    return {**answers, **{status: Answer(answer.when, body, answer.headers) for status, answer in wrong.items()}}
