"""A mapping file: where each field of our events comes from in the records of another log."""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError
from werkzeug.utils import cached_property

from auditweb.api.ingest import Fault
from auditweb.catalogue import Category
from auditweb.importing import times
from auditweb.importing.templates import Record, Template, UnfitError, text_of
from auditweb.parties import Outcome

SHIPPED: Final = {"github": Path(__file__).with_name("github.toml")}

_ACTORS = ("member", "system", "support", "anonymous")


class MappingError(Exception):
    """This mapping cannot be used; the text names the key and says what is wrong with it."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)


def _template(value: object) -> Template:
    if not isinstance(value, str):
        raise PydanticCustomError("text", "a text is needed")
    if not value:
        raise PydanticCustomError("text", "this is empty: leave out what there is nothing to say about")
    try:
        return Template.of(value)
    except ValueError as error:
        raise PydanticCustomError("text", "{why}", {"why": str(error)}) from None


Text = Annotated[Template, BeforeValidator(_template)]


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


Texts = Annotated[list[Text], BeforeValidator(_as_list), Field(min_length=1)]


class Lookup(_Part):
    """What a field says, looked up in a table: the first text of *from* that there is, and what goes with it."""

    from_: Texts = Field(alias="from")
    values: dict[str, Text]
    otherwise: Text | None = None

    def texts(self) -> Iterator[Template]:
        yield from self.values.values()
        if self.otherwise is not None:
            yield self.otherwise

    def find(self, record: Record) -> str | None:
        """Return what goes with what *record* says; None if it says nothing."""
        said = _first(self.from_, record)
        if said is None:
            return None
        found = self.values.get(said, self.otherwise)
        if found is None:
            raise UnfitError("the mapping lists no such value, and says nothing of others")
        return found.fill(record)


def _kind(value: object) -> str:
    return "table" if isinstance(value, dict | Lookup) else "text"


_Value = Annotated[
    Annotated[Lookup, Tag("table")] | Annotated[Text, Tag("text")],
    Discriminator(_kind),
]
Value = Annotated[list[_Value], BeforeValidator(_as_list), Field(min_length=1)]
"""A text, a table, or a list of them of which the first counts that a record has something for."""


def _among(allowed: Iterable[str]) -> AfterValidator:
    """Check what can be checked before any record is read: that texts without names are among those *allowed*."""
    names = tuple(allowed)

    def check(value: list[Lookup | Template]) -> list[Lookup | Template]:
        for each in value:
            for text in each.texts() if isinstance(each, Lookup) else (each,):
                if text.constant is not None and text.constant not in names:
                    raise PydanticCustomError("among", "one of these is needed: {names}", {"names": ", ".join(names)})
        return value

    return AfterValidator(check)


class Moment(_Part):
    """When it happened, and how that is written."""

    from_: Texts = Field(alias="from")
    time: str = times.ISO
    zone: str | None = None

    @cached_property
    def _read(self) -> Callable[[str], datetime]:
        return times.reader_of(self.time, None if self.zone is None else ZoneInfo(self.zone))

    def find(self, record: Record) -> str | None:
        """Return the moment that *record* tells of, as an event has it."""
        said = _first(self.from_, record)
        if said is None:
            return None
        try:
            return self._read(said).astimezone(UTC).isoformat().replace("+00:00", "Z")
        except OverflowError:
            raise UnfitError("this is in no year that there is") from None


def _moment(value: object) -> object:
    return value if isinstance(value, dict) else {"from": value}


def _readable(moment: Moment) -> Moment:
    try:
        if moment.zone is not None:
            ZoneInfo(moment.zone)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise PydanticCustomError("zone", "zone: there is no such time zone; one is called as Europe/London") from None
    try:
        times.reader_of(moment.time, None if moment.zone is None else ZoneInfo(moment.zone))
    except ValueError as error:
        raise PydanticCustomError("time", "time: {why}", {"why": str(error)}) from None
    return moment


class ActorPart(_Part):
    type: Annotated[Value, _among(_ACTORS)]
    id: Value
    name: Value


class TargetPart(_Part):
    type: Value
    id: Value
    name: Value
    url: Value | None = None


class Case(_Part):
    """What is told of records of one kind."""

    action: Value | None = None
    category: Annotated[Value, _among(Category)] | None = None
    summary: Value | None = None
    facts: dict[str, Value] = {}
    actor: ActorPart | None = None
    target: TargetPart | None = None
    ip: Value | None = None
    user_agent: Value | None = None
    request_id: Value | None = None
    outcome: Annotated[Value, _among(Outcome)] | None = None


class Event(Case):
    """What is told of every record, where its case says nothing else."""

    action: Value
    occurred_at: Annotated[Moment, BeforeValidator(_moment), AfterValidator(_readable)]
    idempotency_key: Value | None = None


class MappingFile(_Part):
    """A whole mapping, as its file has it."""

    format: Literal["csv", "ndjson"] | None = None
    ignore: dict[str, list[str]] = {}
    event: Event
    by: Text | None = None
    cases: dict[str, Case] = {}

    @model_validator(mode="after")
    def _by_something(self) -> "MappingFile":
        if (self.by is None) != (not self.cases):
            raise PydanticCustomError("by", "by says what the cases are chosen by: one needs the other")
        return self

    @cached_property
    def names(self) -> frozenset[str]:
        """Every field of a record that is named somewhere."""
        return frozenset([*self.ignore, *_names(self)])

    def event_of(self, record: Record) -> dict[str, Any] | list[Fault] | None:
        """Return the event that *record* tells of, or all that is wrong with it; None if it is one to ignore."""
        faults: list[Fault] = []
        try:
            if any(text_of(record, name) in values for name, values in self.ignore.items()):
                return None
            case = self._merged.get(self.by.fill(record) or "", self.event) if self.by else self.event
        except UnfitError as error:
            return [Fault("", str(error))]
        event = {
            "action": _found("action", case.action, record, faults),
            "category": _found("category", case.category, record, faults),
            "summary": _found("summary", case.summary, record, faults),
            "actor": _party("actor", case.actor, record, faults),
            "target": _party("target", case.target, record, faults),
            "ip": _found("ip", case.ip, record, faults),
            "user_agent": _found("user_agent", case.user_agent, record, faults),
            "request_id": _found("request_id", case.request_id, record, faults),
            "outcome": _found("outcome", case.outcome, record, faults),
            "occurred_at": _found("occurred_at", [self.event.occurred_at], record, faults),
            "idempotency_key": _found("idempotency_key", self.event.idempotency_key, record, faults),
        }
        if event["occurred_at"] is None and not faults:
            faults.append(Fault("occurred_at", "this is missing"))  # now is when it was imported, not when it was
        facts = {name: _found(f"facts.{name}", value, record, faults) for name, value in case.facts.items()}
        if event["target"] is not None and "id" not in event["target"]:
            event["target"] = None
        if faults:
            return faults
        kept = {name: value for name, value in facts.items() if value is not None}
        return {name: value for name, value in event.items() if value is not None} | {"facts": kept}

    @cached_property
    def _merged(self) -> dict[str, Case]:
        """The cases, each with what is told of every record besides."""
        return {name: self._with_the_rest(case) for name, case in self.cases.items()}

    def _with_the_rest(self, case: Case) -> Case:
        said = {name: getattr(case, name) for name in case.model_fields_set}
        for name, value in said.items():
            if isinstance(value, list):
                said[name] = value + (getattr(self.event, name) or [])
        return self.event.model_copy(update=said | {"facts": self.event.facts | case.facts})


def read_mapping(source: str) -> MappingFile:
    """Return the mapping in the file *source*, or the one shipped under that name; MappingError if it is of no use."""
    path = SHIPPED.get(source, Path(source))
    try:
        written = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise MappingError(f"{source} cannot be read: {error.strerror}. Shipped are: {', '.join(SHIPPED)}") from None
    except UnicodeDecodeError:
        raise MappingError(f"{source} is not written in UTF-8.") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise MappingError(f"{source} is no TOML: {error}") from None
    try:
        return MappingFile.model_validate(written)
    except ValidationError as error:
        found = [(_path(each["loc"], written), _reason(each)) for each in error.errors(include_url=False)]
        told = "\n".join(f"  {path}: {reason}" if path else f"  {reason}" for path, reason in found)
        raise MappingError(f"{source} is not a mapping that can be used:\n{told}") from None


def _found(
    field: str, value: Iterable[Lookup | Template | Moment] | None, record: Record, faults: list[Fault]
) -> str | None:
    try:
        return None if value is None else _first(value, record)
    except UnfitError as error:
        faults.append(Fault(field, str(error)))
        return None


def _first(value: Iterable[Lookup | Template | Moment], record: Record) -> str | None:
    for each in value:
        text = each.fill(record) if isinstance(each, Template) else each.find(record)
        if text is not None:
            return text
    return None


def _party(
    field: str, part: ActorPart | TargetPart | None, record: Record, faults: list[Fault]
) -> dict[str, str] | None:
    if part is None:
        return None
    said = {name: _found(f"{field}.{name}", getattr(part, name), record, faults) for name in type(part).model_fields}
    return {name: text for name, text in said.items() if text is not None}


def _names(part: object) -> Iterator[str]:
    if isinstance(part, Template):
        yield from part.names
    elif isinstance(part, BaseModel):
        for name in type(part).model_fields:
            yield from _names(getattr(part, name))
    elif isinstance(part, list | dict):
        for each in part.values() if isinstance(part, dict) else part:
            yield from _names(each)


def _path(steps: Iterable[str | int], written: Any) -> str:
    """Return the key that an error is about, without the steps that only the models know."""
    path = ""
    former: str | int = ""
    for step in steps:
        if (isinstance(step, int) and not isinstance(written, list)) or (isinstance(former, int) and step in _TAGS):
            former = step
            continue
        path += f"[{step}]" if isinstance(step, int) else f".{_key(step)}" if path else _key(step)
        former = step
        try:
            written = written[step]
        except (KeyError, IndexError, TypeError):
            written = None
    return path


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name}"'


def _reason(error: Any) -> str:
    if error["type"] == "literal_error":
        return f"one of these is needed: {error['ctx']['expected']}".replace(" or ", ", ").replace("'", "")
    return str(_REASONS.get(error["type"], error["msg"]))


_TAGS = ("table", "text")
_REASONS = {
    "missing": "this is missing",
    "extra_forbidden": "there is no such key",
    "string_type": "a text is needed",
    "list_type": "a list of texts is needed",
    "dict_type": "a table is needed",
    "model_type": "a table is needed",
    "too_short": "this list is empty",
}
