"""What anyone may read about the API: its description for programs, and the same as a page for people."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from flask import Blueprint, Response, make_response, render_template, request

from auditweb.api import description
from auditweb.reading.as_json import spell

bp = Blueprint("api_reference", __name__, url_prefix="/api")

_Object = dict[str, Any]


class Piece(NamedTuple):
    """A part of what is said about a type; *target* is the object it names, or ''."""

    text: str
    target: str = ""


class Field(NamedTuple):
    name: str
    kind: list[Piece]
    required: bool
    text: str
    place: str = ""


class Example(NamedTuple):
    label: str
    text: str


class Content(NamedTuple):
    media_type: str
    kind: list[Piece]
    examples: list[Example]


class Answer(NamedTuple):
    status: str
    text: str
    contents: list[Content]
    headers: list[str]


class Operation(NamedTuple):
    id: str
    title: str
    method: str
    path: str
    paragraphs: list[str]
    parameters: list[Field]
    bodies: list[Content]
    samples: list[Example]
    answers: list[Answer]


class Shape(NamedTuple):
    """An object, a choice between some, or a list of values."""

    name: str
    text: str
    kind: list[Piece]
    fields: list[Field]


@bp.get("/openapi.json")
def openapi() -> Response:
    """Describe the API for programs. Any cache may keep it, and asks whether it is still so."""
    response = make_response(spell(description.document()) + "\n")
    response.mimetype = "application/json"
    response.cache_control.public = True
    response.cache_control.no_cache = True
    response.add_etag()
    response.make_conditional(request)
    return response


@bp.get("/docs")
def page() -> str:
    """Describe the API for people, out of the same description."""
    told = description.document()
    return render_template(
        "api/reference.html",
        about=told["info"]["description"].split("\n\n"),
        key=told["components"]["securitySchemes"]["key"]["description"],
        operations=list(_operations(told)),
        headers=[_header(name, header) for name, header in told["components"]["headers"].items()],
        shapes=[_shape(name, schema) for name, schema in sorted(told["components"]["schemas"].items())],
    )


def _operations(told: _Object) -> Iterator[Operation]:
    for path, methods in told["paths"].items():
        for method, found in methods.items():
            yield Operation(
                found["operationId"],
                found["summary"],
                method.upper(),
                path,
                found["description"].split("\n\n"),
                [_parameter(each) for each in found["parameters"]],
                _contents(found.get("requestBody", {})),
                [Example(each["label"], each["source"]) for each in found["x-codeSamples"]],
                [
                    Answer(status, each["description"], _contents(each), list(each.get("headers", ())))
                    for status, each in found["responses"].items()
                ],
            )


def _parameter(told: _Object) -> Field:
    return Field(
        told["name"], _kind(told["schema"]), told["required"], _text(told["description"], told["schema"]), told["in"]
    )


def _header(name: str, told: _Object) -> Field:
    return Field(name, _kind(told["schema"]), told["required"], _text(told["description"], told["schema"]))


def _contents(told: Mapping[str, Any]) -> list[Content]:
    return [
        Content(media_type, _content_kind(content), list(_examples(content)))
        for media_type, content in told.get("content", {}).items()
    ]


def _content_kind(content: _Object) -> list[Piece]:
    line = content.get("x-item-schema")
    return [*_kind(line), Piece(" on each line")] if line else _kind(content["schema"])


def _examples(content: _Object) -> Iterator[Example]:
    for example in content.get("examples", {}).values():
        value = example["value"]
        text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
        yield Example(example["summary"], text.rstrip("\n"))


def _shape(name: str, schema: _Object) -> Shape:
    required = schema.get("required", ())
    fields = [
        Field(each, _kind(told), each in required, _text(told.get("description", ""), told))
        for each, told in schema.get("properties", {}).items()
    ]
    return Shape(name, _sentence(schema.get("description", "")), [] if fields else _kind(schema), fields)


def _sentence(text: str) -> str:
    return " ".join(text.replace("*", "`").split())


def _text(text: str, schema: _Object) -> str:
    """Return what is said of a field, with an example of it where there is one."""
    given = [f"`{each}`" for each in schema.get("examples", ())]
    return ", such as ".join([*([text] if text else []), *given])


def _kind(schema: _Object) -> list[Piece]:
    """Say what a value is."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return [Piece(name, name)]
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        pieces: list[Piece] = []
        for choice in choices:
            pieces += [*([Piece(" or ")] if pieces else []), *_kind(choice)]
        return pieces
    if "const" in schema:
        return [Piece(f"`{schema['const']}`")]
    if "enum" in schema:
        return [Piece(", ".join([f"`{value}`" for value in schema["enum"]]))]
    if schema.get("type") == "array":
        return [Piece("list of "), *_kind(schema["items"]), *_limits(schema, "minItems", "maxItems", "")]
    if isinstance(schema.get("additionalProperties"), dict):
        return [Piece("object of names and "), *_kind(schema["additionalProperties"])]
    return [
        Piece(_WORDS.get(schema.get("format", ""), _WORDS.get(schema.get("type", ""), "anything"))),
        *_length(schema),
    ]


def _length(schema: _Object) -> list[Piece]:
    if schema.get("type") in ("integer", "number"):
        return _limits(schema, "minimum", "maximum", "")
    return _limits(schema, "minLength", "maxLength", " characters")


def _limits(schema: _Object, least: str, most: str, unit: str) -> list[Piece]:
    if most in schema:
        return [Piece(f", {schema.get(least, 0):,} to {schema[most]:,}{unit}")]
    return []


_WORDS = {
    "string": "text",
    "integer": "whole number",
    "boolean": "`true` or `false`",
    "object": "object",
    "null": "`null`",
    "date": "date",
    "date-time": "date and time",
    "uri": "address",
}
