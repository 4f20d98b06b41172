"""
What callers send and what they get, as pydantic models: one place for the check of a field's shape and its description.

How long a text may be, and what else holds for its content, the recorder checks, for this and for every other way in.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from auditweb import recorder
from auditweb.catalogue import Category
from auditweb.parties import Outcome


class _Sent(BaseModel):
    """An object that has the fields named here and no others, each of exactly its type."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _text(longest: int, description: str) -> object:
    return Field(json_schema_extra={"minLength": 1, "maxLength": longest}, description=description)


_Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class SentActor(_Sent):
    """On whose behalf the key acted."""

    type: Literal["member", "system", "support", "anonymous"]
    id: Annotated[str, _text(recorder.MAX_ID, "Your stable id of that person or process")]
    name: Annotated[str, _text(recorder.MAX_NAME, "Their name at the time; it stays with the entry")]


class SentTarget(_Sent):
    """The thing that was acted on."""

    type: Annotated[str, _text(recorder.MAX_TYPE, "Lower case letters, digits and underscores, such as vehicle")]
    id: Annotated[str, _text(recorder.MAX_ID, "Your stable id of the thing")]
    name: Annotated[str, _text(recorder.MAX_NAME, "Its name at the time")]
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

    action: Annotated[str, _text(recorder.MAX_SLUG, "A slug of the catalogue, or your own: order.shipped")]
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


class Taken(_Sent):
    """An event that is in the log for good. Known: its idempotency key was there already."""

    id: str
    url: str
    status: Literal["created", "known"]


class TakenMany(_Sent):
    """One for each event sent, in their order."""

    events: list[Taken]


class Fault(_Sent):
    """One thing that is wrong, by the path of its field ('' is the whole). *index* counts the events from 0."""

    index: int | None = None
    field: str
    reason: str


class LineTaken(Taken):
    """What became of a line that is in the log. Lines are counted from 1."""

    line: int


class LineRefused(_Sent):
    """What became of a line that is not in the log: refused for good, or failed, to be sent again."""

    line: int
    status: Literal["refused", "failed"]
    errors: list[Fault]
