"""Reading the log in the order of commits: without gaps, from where one was, and waiting for what is to come."""

import time

from flask import Response, request

from auditweb import clock, holding
from auditweb.accounts.callers import Caller, Scope
from auditweb.addresses import log_of
from auditweb.api import callers, streaming
from auditweb.api.answering import address_with, answer
from auditweb.api.asking import number, read_query, refuse
from auditweb.api.problems import Problem
from auditweb.extensions import db
from auditweb.reading.as_json import entry_object
from auditweb.reading.filters import LogFilter
from auditweb.reading.leaves import LARGEST, Stretch, find_last, find_stretch
from auditweb.reading.parameters import BadFilter

LONGEST_WAIT = 30
LOOK_EVERY = 0.25  # seconds
LATER = 5  # seconds until those come back who asked to wait and may not

_LAST_PLACE = 10**18 - 1


def index(caller: Caller) -> Response:
    """Answer with the entries after a place in the order, where to go on, and how far the log is complete."""
    wanted, own = read_query(caller, "order", "after", "limit", "wait")
    if own.get("order") != "leaf":
        raise BadFilter("order", "The one order to ask for is leaf. Without it, entries come newest first.")
    refuse(wanted, ("before", "oldest"), "In the order of commits, after= alone says where to go on.")
    refuse(wanted, ("q",), "What is searched for comes newest first only: leave order=leaf away.")
    refuse(
        wanted, ("flag",), "Entries are flagged after they were committed, so who goes by that order would miss some."
    )
    if streaming.is_wanted():
        raise BadFilter("order", "A stream goes newest first. In the order of commits, ask page by page.")
    after = number(own, "after", -1, least=-1, most=_LAST_PLACE)
    limit = number(own, "limit", LARGEST, least=1, most=LARGEST)
    wait = number(own, "wait", 0, least=0, most=LONGEST_WAIT)
    stretch = _read(wanted, after, limit)
    waited = True
    if wait and _has_come_to_its_end(stretch):
        stretch, waited = _wait(wanted, stretch, limit, wait)
    following = address_with({**request.args.to_dict(), "after": str(stretch.read_to)})
    log = log_of(caller.org_slug)
    response = answer(
        {
            "filter": wanted.describe(),
            "next": stretch.read_to,
            "complete_up_to": stretch.last,
            "events": [
                {**entry_object(row, organisation=caller.org_slug, log=log), "leaf_index": place}
                for place, row in stretch.rows
            ],
        },
        next=following,
    )
    if not waited:
        response.headers["Retry-After"] = str(min(wait, LATER))
    return response


def _wait(wanted: LogFilter, stretch: Stretch, limit: int, seconds: int) -> tuple[Stretch, bool]:
    """
    Return what comes within so many seconds; between looks no connection is held.

    Not all who ask may wait: the second value tells whether these did.
    """
    until = time.monotonic() + seconds
    with holding.may_wait(wanted.org_id) as allowed:
        while allowed and _has_come_to_its_end(stretch) and (left := until - time.monotonic()) > 0:
            time.sleep(min(LOOK_EVERY, left))
            last = find_last(wanted.org_id)
            db.session.rollback()
            if last != stretch.last:
                callers.authenticate()  # a key that was revoked meanwhile learns nothing more
                callers.current_caller(Scope.READ)
                stretch = _read(wanted, stretch.read_to, limit)
    return stretch, allowed


def _read(wanted: LogFilter, after: int, limit: int) -> Stretch:
    stretch = find_stretch(wanted, after, limit, clock.now())
    db.session.rollback()
    if after > stretch.last:
        raise Problem(
            409,
            "ahead-of-the-log",
            "The log does not go that far",
            f"Its last place is {stretch.last}: it was restored or begun anew since. Collect it again from after=-1.",
        )
    return stretch


def _has_come_to_its_end(stretch: Stretch) -> bool:
    return not stretch.rows and stretch.read_to >= stretch.last
