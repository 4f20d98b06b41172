"""What the log records: each action that there is, since when, how often and when last; and what was never seen."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from auditweb import catalogue, clock
from auditweb.catalogue import Category
from auditweb.ids import moment_of
from auditweb.reading import days
from auditweb.reading.counts import Count, count
from auditweb.reading.coverage import Recorded, find_recorded
from auditweb.reading.filters import LogFilter
from auditweb.reading.parameters import BadFilter
from auditweb.web import figures
from auditweb.web.foreign_text import visible, visible_text
from auditweb.web.times import Clock, Told
from auditweb.web.viewing import current_viewer


class Line(NamedTuple):
    """An action: what it is called, and what there is of it; nothing where it was never recorded."""

    slug: str
    words: Markup
    is_ours: bool
    first: Told | None
    last: Told | None
    number: str
    spoken: str
    href: str


class Part(NamedTuple):
    """A category: how many entries it has, since when and until when, and each of its actions, *seen* of them ever."""

    category: Category
    entries: str
    href: str
    first: Told | None
    last: Told | None
    seen: int
    lines: list[Line]


def index(org: str) -> ResponseReturnValue:
    """Show for each action what was ever recorded: "nothing happened" and "nothing was recorded" look different."""
    viewer = current_viewer()
    for name in request.args:
        called = visible_text(name[:40])
        raise BadFilter(name, f"What is recorded is told of the whole log: this page has no filter called “{called}”.")
    now = clock.now()
    base = url_for("audit_log.index", org=org)
    recorded, has_more = find_recorded(viewer.org_id)
    counted = count(LogFilter(org_id=viewer.org_id, org_zone=viewer.org_zone), now=now).categories
    told = Clock(now, viewer.zone, absolute=viewer.absolute_times)
    parts = list(_parts(recorded, counted, told, base))
    return render_template(
        "audit_log/coverage.html",
        viewer=viewer,
        base=base,
        parts=parts,
        seen=sum(part.seen for part in parts),
        known=sum(len(part.lines) for part in parts),
        has_more=has_more,
        zone_place=days.place(viewer.zone),
    )


def _parts(
    recorded: Sequence[Recorded], counted: dict[Category | None, Count], told: Clock, base: str
) -> Iterator[Part]:
    found = {each.action: each for each in recorded}
    lines: dict[Category, list[Line]] = {category: [] for category in Category}
    for action in catalogue.all_actions():
        lines[action.category].append(_line(action.slug, action.words, found.pop(action.slug, None), told, base))
    for each in found.values():  # of other systems, which bring their sentences along
        lines[each.category].append(_line(each.action, "", each, told, base))
    for category, theirs in lines.items():
        yield Part(
            category,
            figures.headed(counted[category]),
            f"{base}?category={category.value}",
            *_span(category, recorded, told),
            sum(bool(line.last) for line in theirs),
            theirs,
        )


def _span(category: Category, recorded: Iterable[Recorded], told: Clock) -> tuple[Told | None, Told | None]:
    """Return when the first and the last entry of a category were."""
    theirs = [each for each in recorded if each.category is category]
    if not theirs:
        return None, None
    first, last = min(each.first_id for each in theirs), max(each.last_id for each in theirs)
    return told.told(moment_of(first)), told.told(moment_of(last))


def _line(slug: str, words: str, seen: Recorded | None, told: Clock, base: str) -> Line:
    name = visible(words or slug)
    if seen is None:
        return Line(slug, name, bool(words), None, None, "", "", "")
    return Line(
        slug,
        name,
        bool(words),
        told.told(moment_of(seen.first_id)),
        told.told(moment_of(seen.last_id)),
        figures.exact(seen.number),
        figures.spoken(seen.number),
        f"{base}?action={slug}",
    )
