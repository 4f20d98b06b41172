"""What things in a question are called, for the words that repeat it."""

from collections.abc import Mapping

from auditweb import catalogue
from auditweb.parties import ActorRef
from auditweb.reading.actors import find_name
from auditweb.reading.filters import LogFilter
from auditweb.reading.pages import Page, WholePage
from auditweb.viewer import ActorProfile


def names_in(wanted: LogFilter, page: Page | WholePage, profiles: Mapping[ActorRef, ActorProfile]) -> dict[str, str]:
    """
    Return what the actor, the target and the action asked for are called.

    An actor is called as *profiles* have them today; one whom they do not know, as in the newest entry.
    """
    names = {}
    if wanted.actor:
        if wanted.actor in profiles:
            names["actor"] = profiles[wanted.actor].name
        else:
            names["actor"] = page.rows[0].actor_name if page.rows else find_name(wanted.org_id, wanted.actor)
    if wanted.target and page.rows:
        names["target"] = page.rows[0].target_name or ""
    if wanted.action and (action := catalogue.find(wanted.action)):
        names["action"] = action.words
    return names
