"""Reading the log: the page's questions and the page's answers, as JSON."""

from flask import Response, request

from auditweb import catalogue, clock, ids
from auditweb.accounts.callers import Scope
from auditweb.accounts.directory import profiles_of
from auditweb.addresses import log_of
from auditweb.api import collecting, streaming
from auditweb.api.answering import address_with, answer
from auditweb.api.asking import number, read_nothing, read_query, refuse
from auditweb.api.callers import current_caller
from auditweb.api.problems import Problem
from auditweb.reading.as_json import entry_object
from auditweb.reading.counts import Count
from auditweb.reading.filters import LogFilter
from auditweb.reading.flagged import find_flags
from auditweb.reading.names import names_in
from auditweb.reading.numbers import find_numbers
from auditweb.reading.pages import LARGEST, SIZE, Page, WholePage, check_action, find_event, find_page, find_whole_page
from auditweb.reading.parameters import BadFilter


def events() -> Response:
    """List entries: newest first by the page, in the order of commits for collectors, or all that match in a stream."""
    caller = current_caller(Scope.READ)
    if "order" in request.args:
        return collecting.index(caller)
    if streaming.is_wanted():
        return streaming.index(caller)
    wanted, own = read_query(caller, "limit", "wait")
    if "wait" in own:
        raise BadFilter("wait", "Only order=leaf waits for what is to come.")
    size = number(own, "limit", SIZE, least=1, most=LARGEST)
    page = find_whole_page(wanted, size=size)
    if not page.rows:
        check_action(wanted)
    newer, older = _places_around(wanted, page)
    kept = {"limit": own["limit"]} if "limit" in own else {}
    newer_address, older_address = [address_with(at.to_args() | kept) if at else None for at in (newer, older)]
    log = log_of(caller.org_slug)
    return answer(
        {
            "filter": wanted.describe(_names(wanted, page)),
            "newer": newer_address,
            "older": older_address,
            "searched_to": None if page.searched_to is None else ids.to_text(page.searched_to),
            "flags": _flags(caller.org_id, page, log),
            "events": [entry_object(row, organisation=caller.org_slug, log=log) for row in page.rows],
        },
        prev=newer_address,
        next=older_address,
    )


def event(entry_id: str) -> Response:
    """Tell everything about one entry; another organisation's and a missing one are the same 404."""
    caller = current_caller(Scope.READ)
    read_nothing()
    try:
        event_id = ids.from_text(entry_id)
    except ValueError as error:
        raise BadFilter("id", f"This address seems to have been cut short or changed: {error}.") from None
    found = find_event(caller.org_id, event_id)
    if found is None:
        raise Problem(404, "not-found", "There is no such entry", "It is not in the log of this key's organisation.")
    return answer(entry_object(found, organisation=caller.org_slug, log=log_of(caller.org_slug)))


def actions() -> Response:
    """Tell the catalogue: every action that there is, with its sentence and what goes with it."""
    current_caller(Scope.READ)
    read_nothing()
    return answer(
        {
            "categories": [{"category": each.value, "label": each.label} for each in catalogue.Category],
            "actions": [
                {
                    "action": action.slug,
                    "category": action.category.value,
                    "sentence": action.summary,
                    "facts": sorted(action.needed),
                    "details": list(action.details),
                    "takes_target": action.takes_target,
                    "sensitive": action.sensitive,
                }
                for action in catalogue.all_actions()
            ],
        }
    )


def counts() -> Response:
    """Tell how many entries match, in all and in each category: what the page has on its tabs."""
    caller = current_caller(Scope.READ)
    wanted, _ = read_query(caller)
    refuse(wanted, ("before", "after", "oldest"), "All entries are counted, wherever in the log: leave this away.")
    now = clock.now()
    page = find_page(wanted, now=now)
    if not page.rows:
        check_action(wanted)
    counted = find_numbers(wanted, page, now, caller.org_zone).categories
    return answer(
        {
            "filter": wanted.describe(_names(wanted, page)),
            "matching": _count(counted[wanted.category]),
            "all": _count(counted[None]),
            "categories": {each.value: _count(counted[each]) for each in catalogue.Category},
        }
    )


def _places_around(wanted: LogFilter, page: WholePage) -> tuple[LogFilter | None, LogFilter | None]:
    """
    Return the newer and the older page; None where there is none.

    Where the time for searching ran out, the page to go on with begins where that was.
    """
    newer = older = None
    if page.has_newer:
        newer = wanted.at(after=page.rows[0].id) if page.rows else wanted.at()
    if page.has_older:
        older = wanted.at(before=page.rows[-1].id) if page.rows else wanted.at(oldest=True)
    if page.searched_to is not None:
        if wanted.oldest or wanted.after is not None:
            newer = wanted.at(after=page.searched_to)
        else:
            older = wanted.at(before=page.searched_to)
    return newer, older


def _names(wanted: LogFilter, page: WholePage | Page) -> dict[str, str]:
    profiles = profiles_of(wanted.org_id, [wanted.actor]) if wanted.actor else {}
    return names_in(wanted, page, profiles)


def _flags(org_id: int, page: WholePage, log: str) -> dict[str, list[dict[str, str]]]:
    """Return by their ids which entries show findings. They stand beside the entries, which never change."""
    found = find_flags(org_id, [row.id for row in page.rows])
    return {
        ids.to_text(id_): [{"flag": each.flag.value, "url": f"{log}/review/{each.finding_id}"} for each in shown]
        for id_, shown in sorted(found.items(), reverse=True)
    }


def _count(count: Count) -> dict[str, object]:
    """Tell a count. One that is *capped* stopped there: there are at least so many."""
    return {"number": count.number, "capped": not count.exact}
