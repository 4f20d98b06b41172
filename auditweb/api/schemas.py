"""
What callers send, as pydantic models: one place for the check of a field's shape and its description.

How long a text may be, and what else holds for its content, the recorder checks, for this and for every other way in.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from auditweb import recordable
from auditweb.catalogue import Category
from auditweb.parties import Outcome
from auditweb.reading.flags import Flag


class _Sent(BaseModel):
    """An object that has the fields named here and no others, each of exactly its type."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _text(longest: int, description: str) -> object:
    return Field(json_schema_extra={"minLength": 1, "maxLength": longest}, description=description)


_Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class SentActor(_Sent):
    """On whose behalf the key acted."""

    type: Literal["member", "system", "support", "anonymous"]
    id: Annotated[str, _text(recordable.MAX_ID, "Your stable id of that person or process")]
    name: Annotated[str, _text(recordable.MAX_NAME, "Their name at the time; it stays with the entry")]


class SentTarget(_Sent):
    """The thing that was acted on."""

    type: Annotated[str, _text(recordable.MAX_TYPE, "Lower case letters, digits and underscores, such as vehicle")]
    id: Annotated[str, _text(recordable.MAX_ID, "Your stable id of the thing")]
    name: Annotated[str, _text(recordable.MAX_NAME, "Its name at the time")]
    url: Annotated[str | None, Field(description="https://… or a path that starts with one slash")] = None


class Told(_Sent):
    """What every event may tell, in whichever envelope it comes. Null is as good as left out."""

    category: Annotated[
        Category | None, Field(strict=False, description="Of an action that the catalogue does not know")
    ] = None
    summary: Annotated[
        str | None,
        Field(description="What happened, in a sentence that starts with a verb; goes with category"),
    ] = None
    facts: Annotated[dict[str, str] | None, Field(description="Named texts, up to 64")] = None
    actor: Annotated[SentActor | None, Field(description="Who acted; without one, the key itself did")] = None
    target: SentTarget | None = None
    ip: Annotated[str | None, Field(description="The address the actor came from")] = None
    user_agent: Annotated[str | None, Field(description="The actor's browser; longer ones are cut")] = None
    request_id: str | None = None
    outcome: Annotated[Outcome | None, Field(strict=False, description="success unless said otherwise")] = None


class SentEvent(Told):
    """One event."""

    action: Annotated[str, _text(recordable.MAX_SLUG, "A slug of the catalogue, or your own: order.shipped")]
    occurred_at: Annotated[
        _Moment | None, Field(description="With its zone; now if left out, at most five minutes ahead")
    ] = None
    idempotency_key: Annotated[
        str | None, Field(description="Makes sending it again harmless for as long as the entry is kept")
    ] = None


class SentCloudEvent(_Sent):
    """
    One event in the envelope of CloudEvents 1.0.

    *type* is the action and *time* when it happened; *source* and *id* make the idempotency key. *subject* is the
    target, as `type:id`.
    """

    specversion: Literal["1.0"]
    id: Annotated[str, Field(min_length=1)]
    source: Annotated[str, Field(pattern=r"^\S+$")]
    type: str
    time: _Moment | None = None
    subject: str | None = None
    datacontenttype: str | None = None
    data: Told | None = None


class SentEvents(RootModel[SentEvent | Annotated[list[SentEvent], Field(min_length=1, max_length=1_000)]]):
    """One event, or a list of up to 1,000 that are recorded together or not at all."""


class SentCloudEvents(RootModel[Annotated[list[SentCloudEvent], Field(min_length=1, max_length=1_000)]]):
    """Up to 1,000 cloud events that are recorded together or not at all."""


# The parameters. They are described here and read by `asking`: the filter's grammar is that of the page.


def _spelled(pattern: str, description: str, example: str) -> object:
    return Field(json_schema_extra={"pattern": pattern, "examples": [example]}, description=description)


def _day(description: str, example: str) -> object:
    return Field(json_schema_extra={"format": "date", "examples": [example]}, description=description)


ENTRY_ID = "^[0-7][0-9A-HJKMNP-TV-Z]{12}$"
_ACTOR = "^(member|system|api_key|support|anonymous):"


class Matching(BaseModel):
    """Which entries are asked for. What is left out narrows nothing."""

    category: Annotated[Category | None, Field(description="A tab of the log")] = None
    actor: Annotated[str | None, _spelled(_ACTOR, "Who acted: a type, a colon and the id", "member:42")] = None
    target: Annotated[
        str | None, _spelled("^[^:]+:.", "What was acted on: a type, a colon and the id", "vehicle:veh_4471")
    ] = None
    action: Annotated[
        str | None, _spelled(r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$", "What happened", "member.role_changed")
    ] = None
    outcome: Annotated[Outcome | None, Field(description="How it ended")] = None
    flag: Annotated[
        Literal["any"] | Flag | None, Field(description="What the security review found that entries show")
    ] = None
    from_: Annotated[str | None, _day("The first day, with `tz` or in the organisation's zone", "2026-03-01")] = Field(
        None, alias="from"
    )
    to: Annotated[str | None, _day("The last day, which is included", "2026-03-31")] = None
    tz: Annotated[
        str | None, Field(description="The zone of these days", json_schema_extra={"examples": ["Asia/Tokyo"]})
    ] = None
    last: Annotated[
        str | None, _spelled("^[1-9][0-9]{0,3}[hd]$", "So many hours or days back from now, in place of days", "7d")
    ] = None
    q: Annotated[
        str | None,
        Field(
            description="Words to search for, as in the search field of the log",
            json_schema_extra={"examples": ["stepwgn"]},
        ),
    ] = None
    upto: Annotated[
        str | None,
        _spelled(ENTRY_ID, "Only entries up to this id, so that a question finds the same later", "32ST6QNF15NM7"),
    ] = None


class Place(Matching):
    """Which entries are asked for, and from where on."""

    before: Annotated[str | None, _spelled(ENTRY_ID, "The page of entries older than this one", "32ST6QNF15NM7")] = None
    after: Annotated[
        str | None,
        _spelled(
            "^(-1|[0-9]{1,18}|[0-7][0-9A-HJKMNP-TV-Z]{12})$",
            "The page of entries newer than this one; with `order=leaf` the place to go on from, -1 for the beginning",
            "32ST6QNF15NM7",
        ),
    ] = None
    oldest: Annotated[Literal["1"] | None, Field(description="The oldest page")] = None
    order: Annotated[
        Literal["leaf"] | None,
        Field(
            description="In the order of commits, for collectors. Goes with neither `q` nor `flag`, `before`, `oldest`"
        ),
    ] = None
    limit: Annotated[
        int | None,
        Field(ge=1, le=1_000, description="How many at most: up to 500, 50 without it; up to 1,000 in the order leaf"),
    ] = None
    wait: Annotated[
        int | None, Field(ge=0, le=30, description="With `order=leaf`: seconds to wait for something to come")
    ] = None


class _Header(BaseModel):
    """Headers of a request."""


class Conditional(_Header):
    if_none_match: Annotated[
        str | None,
        Field(alias="If-None-Match", description="An `ETag` that you have: 304 where nothing has changed since"),
    ] = None


class Retried(_Header):
    idempotency_key: Annotated[
        str | None,
        Field(
            alias="Idempotency-Key",
            pattern=r"^[\x20-\x7e]{1,150}$",
            description="Makes sending the same again harmless: the only event gets it as it is, event n of a list "
            "(from 0) and line n (from 1) `<key>/<n>`. Goes with neither `idempotency_key` in events nor CloudEvents",
        ),
    ] = None
