"""
From JSON that somebody sent to rows of the log, without any HTTP.

`parse` reads text, `read_event` turns what it says into a checked row or tells all that is wrong with it, and `write`
commits rows.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, NoReturn

from pydantic import ValidationError

from auditweb import bulk, catalogue, recordable, transactions
from auditweb.api.schemas import SentEvent, Told
from auditweb.bulk import Checked
from auditweb.catalogue import Category, ForeignAction
from auditweb.extensions import db
from auditweb.parties import Actor, ActorType, Origin, Target
from auditweb.recordable import AnyAction, RecordError
from auditweb.recorder import IdempotencyConflict

DEEPEST: Final = 8  # levels of lists and objects; an event needs two, and a list of cloud events five
MOST_FAULTS: Final = 10  # told of one event
MOST_FIELDS: Final = 200  # of an object; of what may be sent, facts have the most
LONGEST_PATH: Final = 200


class UnreadableError(ValueError):
    """This is no JSON that can be meant; the text says why, and repeats nothing of it."""


class Fault(NamedTuple):
    """One thing that is wrong with an event, by the path of its field. *forbidden*: this sender may not say that."""

    field: str
    reason: str
    forbidden: bool = False


@dataclass(frozen=True, slots=True)
class Sender:
    """
    Whose events are read: the log they go to, and who is named where an event tells of no actor.

    *categories* are those they may write; None stands for all of them. *ip* is where they are. Who does not *read*
    learns nothing of what others sent.
    """

    org_id: int
    actor: Actor
    categories: frozenset[Category] | None = None
    ip: str | None = None
    reads: bool = False

    def may_write(self, category: Category) -> bool:
        return self.categories is None or category in self.categories

    def told(self, conflict: IdempotencyConflict) -> Fault:
        """Return what this sender is told of a *conflict*."""
        is_own = conflict.recorder == (self.actor.type, self.actor.id)
        return Fault(conflict.field, conflict.reason if self.reads or is_own else _ANOTHERS)


def parse(text: bytes) -> object:
    """Return what JSON in UTF-8 says; UnreadableError also for what readers of JSON understand differently."""
    try:
        return _read(text.decode())
    except UnicodeDecodeError:
        raise UnreadableError("this is not UTF-8") from None
    except RecursionError:
        raise UnreadableError(_TOO_DEEP) from None
    except json.JSONDecodeError as error:
        raise UnreadableError(f"this is no JSON: see line {error.lineno}, column {error.colno}") from None
    except UnreadableError:
        raise
    except ValueError:  # Python reads no whole numbers of thousands of digits
        raise UnreadableError("this holds a number that is too long") from None


def read_event(sent: object, sender: Sender, place: int, key: str | None = None) -> Checked | list[Fault]:
    """
    Return the row that *sent* makes, or all that is wrong with it.

    *key* is the idempotency key, where it comes from outside of the event; *place* is the event's among others.
    """
    if crowd := crowd_in(sent):
        return [crowd]
    try:
        event = SentEvent.model_validate(sent)
    except ValidationError as error:
        return faults_of(error, sent)
    if key is not None and event.idempotency_key is not None:
        return [Fault("idempotency_key", "there is one in the header Idempotency-Key already: leave out either")]
    return row_of(event, event.action, event.occurred_at, event.idempotency_key if key is None else key, sender, place)


def row_of(
    told: Told, slug: str, occurred_at: str | None, key: str | None, sender: Sender, place: int
) -> Checked | list[Fault]:
    """Return the row that a well-formed event makes, or all that is wrong with it."""
    faults: list[Fault] = []
    action = _action(slug, told, faults)
    if action is not None and not sender.may_write(action.category):
        faults.append(Fault("category", f"this key may not write {action.category.label}", forbidden=True))
    try:
        happened = None if occurred_at is None else moment(occurred_at)
    except ValueError as error:
        faults.append(Fault("occurred_at", str(error)))
    if faults or action is None:
        return faults
    actor = sender.actor if told.actor is None else Actor(ActorType(told.actor.type), told.actor.id, told.actor.name)
    via = None if told.actor is None else sender.actor
    thing = told.target
    target = None if thing is None else Target(thing.type, thing.id, thing.name, thing.url)
    origin = _origin(told, sender)
    try:
        row = recordable.checked(
            action, sender.org_id, actor, target, told.facts, via, told.outcome, happened, origin, key
        )
    except RecordError as error:
        return [Fault(error.field.removeprefix("origin."), error.reason)]
    if key is None:
        return Checked(row, place)
    # Which key sent it is no part of what was said: it may have been replaced by another since.
    unsaid = {"actor_id", "actor_name"} if via is None else {"via_id", "via_name"}
    if told.ip is None:
        unsaid.add("ip")
    return Checked(row, place, recordable.omitted(action, told.facts, told.outcome, happened) | unsaid)


def write(items: Sequence[Checked], sender: Sender) -> Sequence[bool]:
    """Commit rows, a thousand at most, all or none; return which are new. Those that are not get the ids they have."""
    if len(items) == 1:
        return [bulk.write_alone(items[0])]
    try:
        new = bulk.write_checked(items, org_id=sender.org_id)
        db.session.commit()
    except BaseException:
        db.session.rollback()
        raise
    return new


def conflicts(items: Sequence[Checked], sender: Sender) -> list[IdempotencyConflict]:
    """Return what `write` would refuse, all of it: each names one of *items* by its place."""
    try:
        with transactions.reading():
            return bulk.find_conflicts(items, org_id=sender.org_id)
    finally:
        db.session.rollback()


def moment(text: str) -> datetime:
    """Read a date and time as RFC 3339 has it; ValueError says what is wrong."""
    if _MOMENT.fullmatch(text):
        try:
            return datetime.fromisoformat(text.upper())
        except ValueError:
            pass
    raise ValueError("a date and time with its zone is needed, such as 2026-03-02T09:30:00Z")


def crowd_in(sent: object, path: tuple[str, ...] = ()) -> Fault | None:
    """Return the object in *sent* with too many fields: checking each takes half a kilobyte and more for its fault."""
    if not isinstance(sent, dict):
        return None
    if len(sent) > MOST_FIELDS:
        return Fault(_path(path), f"this has more than {MOST_FIELDS} fields")
    if len(path) == _DEEPEST_FIELDS:
        return None
    return next((found for name, value in sent.items() if (found := crowd_in(value, (*path, name)))), None)


def faults_of(error: ValidationError, sent: object) -> list[Fault]:
    """Tell in our own words what the models found wrong with what was *sent*."""
    if _is_deeper(sent, DEEPEST):  # looked for only here, since no event that is well-formed is
        return [Fault("", _TOO_DEEP)]
    found = error.errors(include_url=False, include_input=False)
    return [Fault(_path(fault["loc"]), _reason(fault["type"], fault.get("ctx", {}))) for fault in found[:MOST_FAULTS]]


def _action(slug: str, told: Told, faults: list[Fault]) -> AnyAction | None:
    """Return the catalogue's action of that name, or one that brings its own sentence; what keeps it from being one."""
    known = catalogue.find(slug)
    own = {"category": told.category, "summary": told.summary}
    if known is not None:
        extra = [name for name, value in own.items() if value is not None]
        faults += [Fault(name, f"the catalogue has the action {slug}, which brings its own") for name in extra]
        return known
    missing = [name for name, value in own.items() if value is None]
    faults += [Fault(name, "an action that the catalogue does not know brings its own") for name in missing]
    if told.category is None or told.summary is None:
        return None
    try:
        return ForeignAction(slug, told.category, told.summary)
    except ValueError:
        faults.append(Fault("action", "thing-dot-past-tense in lower case is needed, such as order.shipped"))
        return None


def _origin(told: Told, sender: Sender) -> Origin | None:
    """
    Return where the event came from, as far as it was said.

    What the sender did for itself came from the sender. Of somebody else, nothing is invented.
    """
    if told.ip is None and told.user_agent is None and told.request_id is None:
        return Origin(ip=sender.ip) if told.actor is None and sender.ip is not None else None
    ip = sender.ip if told.ip is None and told.actor is None else told.ip
    return Origin(ip, told.user_agent, told.request_id)


def _path(steps: Sequence[str | int]) -> str:
    path = ".".join([str(step) for step in steps if step != "[key]"])
    return path if len(path) <= LONGEST_PATH else path[: LONGEST_PATH - 1] + "…"


def _reason(kind: str, context: Mapping[str, Any]) -> str:
    if kind in ("enum", "literal_error"):
        return f"one of these is needed: {context['expected']}".replace(" or ", ", ").replace("'", "")
    return _REASONS.get(kind, "this is not what is needed here")


_REASONS = {
    "missing": "this is missing",
    "extra_forbidden": "there is no such field",
    "string_type": "a text is needed",
    "string_too_short": "this is empty",
    "string_pattern_mismatch": "this is empty, or has a blank in it",
    "string_unicode": "this contains half a character (a lone surrogate)",
    "dict_type": "an object of names and texts is needed",
    "model_type": "an object is needed",
    "model_attributes_type": "an object is needed",
}
_ANOTHERS = "an entry of another sender has this key, and says something else"
_DEEPEST_FIELDS = 2  # names before those of an actor in the data of a cloud event
_TOO_DEEP = f"this is nested deeper than {DEEPEST} levels"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _is_deeper(value: object, levels: int) -> bool:
    if isinstance(value, dict):
        return levels == 0 or any(_is_deeper(inner, levels - 1) for inner in value.values())
    if isinstance(value, list):
        return levels == 0 or any(_is_deeper(inner, levels - 1) for inner in value)
    return False


def _each_name_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    read = dict(pairs)
    if len(read) < len(pairs):
        # Which of the two counts is up to each reader of JSON: what is checked here might not be what others see.
        raise UnreadableError("an object in this has two fields of the same name")
    return read


def _no_number(_name: str) -> NoReturn:
    raise UnreadableError("NaN and Infinity are no JSON")


_read = json.JSONDecoder(object_pairs_hook=_each_name_once, parse_constant=_no_number).decode
