"""What callers get, as pydantic models. The views answer without them: the tests hold every answer against them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from auditweb.api.schemas import ENTRY_ID
from auditweb.catalogue import Category
from auditweb.parties import ActorType, Outcome
from auditweb.reading.flags import Flag


class _Told(BaseModel):
    """An object that has the fields named here and no others."""

    model_config = ConfigDict(extra="forbid")


_Id = Annotated[str, Field(pattern=ENTRY_ID)]
_Url = Annotated[str, Field(json_schema_extra={"format": "uri"})]
_Moment = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$",
        json_schema_extra={"format": "date-time"},
        description="In UTC, to the microsecond",
    ),
]


class Taken(_Told):
    """An event that is in the log for good."""

    id: Annotated[_Id, Field(description="The id of its entry")]
    url: Annotated[_Url, Field(description="The page of the entry")]
    status: Annotated[
        Literal["created", "known"], Field(description="known: its idempotency key was there already, with the same")
    ]


class TakenMany(_Told):
    """One for each event sent, in their order."""

    events: list[Taken]


class TakenAsSent(RootModel[Taken | TakenMany]):
    """What became of one event, or of a list."""


class Fault(_Told):
    """One thing that is wrong."""

    index: Annotated[int | None, Field(ge=0, description="Which of the events, counted from 0; only for lists")] = None
    field: Annotated[str, Field(description="The path of the field; empty for the whole")]
    reason: str


class LineTaken(Taken):
    """What became of a line that is in the log. Lines are counted from 1."""

    line: Annotated[int, Field(ge=1)]


class LineRefused(_Told):
    """What became of a line that is not in the log."""

    line: Annotated[int, Field(ge=1)]
    status: Annotated[Literal["refused", "failed"], Field(description="failed: send it again in a while")]
    errors: list[Fault]


class LineResult(RootModel[LineTaken | LineRefused]):
    """What became of one line."""


class Party(_Told):
    """Who acted, by the name of that time."""

    type: ActorType
    id: str
    name: str


class Thing(_Told):
    """What was acted on, by the name of that time."""

    type: str
    id: str
    name: str
    url: Annotated[str | None, Field(description="https://… or a path of the system that it is in")]


class Entry(_Told):
    """One entry of the log, with all that is stored of it."""

    id: _Id
    organisation: Annotated[str, Field(description="The organisation, as in the addresses of its pages")]
    url: Annotated[_Url, Field(description="The page of the entry")]
    occurred_at: _Moment
    recorded_at: _Moment
    category: Annotated[Category, Field(description="The tab it is on")]
    action: str
    summary: Annotated[str, Field(description="What happened, as it was told on the day")]
    facts: dict[str, str]
    actor: Party
    via: Annotated[Party | None, Field(description="The key that wrote it for the actor")]
    target: Thing | None
    ip: str | None
    user_agent: str | None
    request_id: str | None
    outcome: Outcome
    idempotency_key: str | None


class EntryInOrder(Entry):
    """An entry with its place in the order of commits."""

    leaf_index: Annotated[int, Field(ge=0)]


class Raised(_Told):
    """A finding of the security review that an entry shows."""

    flag: Annotated[Flag, Field(description="Its kind, as `flag` asks for it")]
    url: Annotated[_Url, Field(description="The page of the finding")]


class Page(_Told):
    """Entries, newest first."""

    filter: Annotated[str, Field(description="What was asked for, in words")]
    newer: Annotated[_Url | None, Field(description="The address of the newer page")]
    older: Annotated[_Url | None, Field(description="The address of the older page")]
    searched_to: Annotated[
        _Id | None, Field(description="Where a search ran out of time: entries beyond it were not searched yet")
    ]
    flags: Annotated[
        dict[str, list[Raised]], Field(description="By their ids, the entries here that show findings, and which")
    ]
    events: list[Entry]


class Stretch(_Told):
    """Entries in the order of commits."""

    filter: Annotated[str, Field(description="What was asked for, in words")]
    next: Annotated[int, Field(ge=-1, description="What to send as `after` next time")]
    complete_up_to: Annotated[int, Field(ge=-1, description="The last place there is; -1 in an empty log")]
    events: list[EntryInOrder]


class Entries(RootModel[Page | Stretch]):
    """A page of entries; with `order=leaf` a stretch of the order of commits."""


class Number(_Told):
    """How many there are."""

    number: Annotated[int, Field(ge=0)]
    capped: Annotated[bool, Field(description="Whether counting stopped there: there are at least so many")]


class Counts(_Told):
    """How many entries match."""

    filter: Annotated[str, Field(description="What was asked for, in words")]
    matching: Annotated[Number, Field(description="By the question as it is")]
    all: Annotated[Number, Field(description="By the question without its category")]
    categories: Annotated[dict[Category, Number], Field(description="By the question in each category")]


class CategoryLabel(_Told):
    """A category, and what its tab is called."""

    category: Category
    label: str


class KnownAction(_Told):
    """One kind of thing that can happen."""

    action: str
    category: Category
    sentence: Annotated[str, Field(description="What its entries say, with the names of facts in braces")]
    facts: Annotated[list[str], Field(description="Those that it needs")]
    details: Annotated[list[str], Field(description="Those that it may carry beside them")]
    takes_target: Annotated[bool, Field(description="Whether it needs a target")]
    sensitive: Annotated[bool, Field(description="Whether its entries are marked as worth a second look")]


class Actions(_Told):
    """The catalogue."""

    categories: list[CategoryLabel]
    actions: list[KnownAction]


class Problem(_Told):
    """What went wrong, as RFC 9457 has it."""

    type: Annotated[str, Field(pattern="^urn:auditweb:problem:", description="Identifies the kind for good")]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: Annotated[str | None, Field(description="What to do about it")] = None
    errors: Annotated[list[Fault] | None, Field(description="Each thing that is wrong")] = None
    request_id: Annotated[str, Field(description="What to quote to whoever runs the server")]
