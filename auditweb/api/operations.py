"""What can be done through the API, in words: each operation is put around its view, and is all that is told of it."""

from typing import Final

from auditweb.api import calls
from auditweb.api.answer_schemas import Actions, Counts, Entries, Entry, LineResult, TakenAsSent
from auditweb.api.description import COUNTED, JSON, LINES, Answer, Body, Operation, with_problems
from auditweb.api.schemas import (
    Conditional,
    Matching,
    Place,
    Retried,
    SentCloudEvent,
    SentCloudEvents,
    SentEvent,
    SentEvents,
)

_KEPT = (*COUNTED, "ETag")
_UNCHANGED = Answer("Nothing has changed since the `ETag` that was sent", (), _KEPT)

WRITE_EVENTS: Final = Operation(
    "writeEvents",
    "Write events",
    "Takes a key with the scope `events:write`. The answer is sent once the entries are in the database for good.\n\n"
    "An action of the catalogue brings its own category and sentence; any other brings `category` and `summary`. "
    "Without an `actor` the key itself acted. Null is as good as left out, and any field that is not named here is "
    "refused. A body is 4 MiB at most and a line 64 KiB; lines have no limit in all, and are committed 500 at a time.",
    bodies=(
        Body(JSON, SentEvents),
        Body(LINES, SentEvent),
        Body("application/cloudevents+json", SentCloudEvent),
        Body("application/cloudevents-batch+json", SentCloudEvents),
    ),
    headers=Retried,
    answers=with_problems(
        {
            200: Answer(
                "All of it was there already, by its idempotency keys; or what became of each line",
                (Body(JSON, TakenAsSent), Body(LINES, LineResult)),
                COUNTED,
            ),
            201: Answer("It is recorded for good", (Body(JSON, TakenAsSent),), (*COUNTED, "Location")),
        },
        s409="An idempotency key belongs to an entry that says something else",
        s413="This is too much at once",
        s415="This media type is not taken",
        s422="An event cannot be recorded; `errors` names all that is wrong",
    ),
    calls=calls.WRITE,
)
LIST_EVENTS: Final = Operation(
    "listEvents",
    "Read entries",
    "Takes a key with the scope `events:read`. The filters are those of the page: whatever stands behind the question "
    "mark of a link to the log can be used as it is.\n\n"
    "Newest first, page by page: follow `older` until it is null. With `order=leaf` in the order of commits, without "
    "gaps: keep `next` and send it as `after`. With `Accept: application/x-ndjson` all that match in one answer, "
    "newest first, from `before` on; a stream that breaks off does not end as HTTP says an answer ends.",
    query=Place,
    headers=Conditional,
    answers=with_problems(
        {
            200: Answer(
                "The entries that match",
                (Body(JSON, Entries), Body(LINES, Entry)),
                (*_KEPT, "Link"),
            ),
            304: _UNCHANGED,
        },
        s409="The log ends before `after`: it was restored or begun anew. Collect it again from `after=-1`",
    ),
    calls=calls.LIST,
)
READ_EVENT: Final = Operation(
    "readEvent",
    "Read one entry",
    "Takes a key with the scope `events:read`. Another organisation's entry and a missing one are the same 404.",
    path_parameters={"entry_id": "The entry's id"},
    headers=Conditional,
    answers=with_problems(
        {200: Answer("The entry", (Body(JSON, Entry),), _KEPT), 304: _UNCHANGED},
        s404="There is no such entry in this organisation",
    ),
    calls=calls.ONE,
)
COUNT_EVENTS: Final = Operation(
    "countEvents",
    "Count entries",
    "Takes a key with the scope `events:read`. These are the numbers on the tabs of the log. Counting stops at 10,000 "
    "for questions that are not only about categories, actors and times.",
    query=Matching,
    headers=Conditional,
    answers=with_problems({200: Answer("The numbers", (Body(JSON, Counts),), _KEPT), 304: _UNCHANGED}),
    calls=calls.COUNT,
)
LIST_ACTIONS: Final = Operation(
    "listActions",
    "Read the catalogue",
    "Takes a key with the scope `events:read`. Each action with its sentence, the facts it needs and those it may "
    "carry.",
    headers=Conditional,
    answers=with_problems({200: Answer("The catalogue", (Body(JSON, Actions),), _KEPT), 304: _UNCHANGED}),
    calls=calls.CATALOGUE,
)
