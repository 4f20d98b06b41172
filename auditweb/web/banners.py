"""What stands across the top of every page of an organisation while something is about to happen to it."""

from datetime import datetime
from typing import NamedTuple

from flask import url_for
from markupsafe import Markup

from auditweb import clock
from auditweb.accounts.permissions import Right
from auditweb.accounts.retention import told
from auditweb.accounts.sessions import Place
from auditweb.reading import days
from auditweb.web.foreign_text import visible


class Banner(NamedTuple):
    """A sentence, and where to go about it, if the reader can do anything. *grave*: it cannot be taken back later."""

    sentence: Markup
    label: str = ""
    url: str = ""
    grave: bool = False


def banners(place: Place) -> list[Banner]:
    """Return what someone has to know in *place*, the gravest first."""
    owns = place.may(Right.OWN)
    found = []
    if place.deletion_due_at is not None:
        found.append(_deletion(place, place.deletion_due_at, owns=owns))
    if place.shorter_from is not None and owns:
        found.append(_shorter_log(place, place.shorter_from))
    if place.is_offered:
        found.append(_offer(place))
    return found


def _deletion(place: Place, due_at: datetime, *, owns: bool) -> Banner:
    sentence = Markup(
        "<bdi>{}</bdi> and its whole log will be deleted on {}."
        if due_at > clock.now()
        else "<bdi>{}</bdi> and its whole log will be deleted at any moment: that day was {}."
    ).format(visible(place.name), _day(due_at, place))
    if not owns:
        return Banner(sentence + Markup(" Until then any owner can call it off."), grave=True)
    return Banner(sentence, "Call it off", url_for("data.index", org=place.slug, _anchor="deletion"), grave=True)


def _shorter_log(place: Place, begins: datetime) -> Banner:
    sentence = Markup("From {} on, audit log entries are kept {} only, and older ones are removed.").format(
        _day(begins, place), told(place.shorter_months)
    )
    return Banner(sentence, "See or call off", url_for("data.index", org=place.slug, _anchor="retention"))


def _offer(place: Place) -> Banner:
    sentence = Markup("The ownership of <bdi>{}</bdi> is offered to you.").format(visible(place.name))
    return Banner(sentence, "Accept or decline", url_for("ownership.index", org=place.slug))


def _day(moment: datetime, place: Place) -> str:
    return days.spelled(days.day_of(moment, place.zone))
