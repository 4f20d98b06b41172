"""The actors to choose from: a page with a search form that works by itself, and the options of the combobox."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from flask import request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from auditweb.parties import ActorRef, ActorType
from auditweb.reading.actors import find_actors_in_log
from auditweb.reading.counts import Count, count_actors
from auditweb.reading.filters import LogFilter
from auditweb.reading.parameters import BadFilter
from auditweb.viewer import ActorProfile, Standing, Viewer
from auditweb.web import figures
from auditweb.web.actor_kinds import avatar, badges, kind_of
from auditweb.web.assets import asset_url
from auditweb.web.foreign_text import fits_a_form, visible
from auditweb.web.htmx import IN_PAGE, render
from auditweb.web.viewing import asked, current_viewer

SEARCH = "name"
LIMIT = 50
LONGEST_SEARCH = 100
_IN_LOG = (ActorType.SYSTEM, ActorType.SUPPORT, ActorType.ANONYMOUS)


class Option(NamedTuple):
    """Someone to choose: their picture, name, what explains them, the log narrowed to them, with how many entries."""

    picture: Markup
    name: Markup
    badges: Markup
    note: Markup
    id: Markup
    href: str
    current: bool
    number: str
    spoken: str


class Group(NamedTuple):
    label: str
    options: list[Option]


def index(org: str) -> ResponseReturnValue:
    """List who can be chosen, narrowed to names with some text in them; each leads to the log, other filters kept."""
    viewer = current_viewer()
    text = _sought()
    others = [(name, value) for name, value in request.args.items(multi=True) if name != SEARCH]
    wanted = asked(viewer, MultiDict(others)).at()
    base = url_for("audit_log.index", org=org)
    kept = wanted.to_args()
    found = viewer.find_actors(text, limit=LIMIT + 1)
    profiles = [*found[:LIMIT], *_in_log(viewer, text)]
    counts = count_actors(wanted.without("actor"), [profile.ref for profile in profiles])
    return render(
        "audit_log/actors.html",
        "audit_log/_actor_options.html",
        viewer=viewer,
        base=base,
        in_page=IN_PAGE,
        sprite=asset_url("vendor/icons.svg"),
        text=text,
        kept=list(kept.items()) if fits_a_form(kept.values()) else None,
        anyone=base + wanted.without("actor").query(),
        groups=list(_groups(profiles, counts, wanted, base)),
        more=len(found) > LIMIT,
        limit=LIMIT,
    )


def _sought() -> str:
    """Return the text to look for; what cannot be looked for is refused, as with filters."""
    given = [value for value in request.args.getlist(SEARCH) if value]
    if len(given) > 1:
        raise BadFilter(SEARCH, "The link gives more than one name to look for, and the list takes one.")
    text = given[0].strip() if given else ""
    if len(text) > LONGEST_SEARCH:
        raise BadFilter(SEARCH, f"A name to look for has at most {LONGEST_SEARCH} characters.")
    if not fits_a_form([text]):
        raise BadFilter(SEARCH, "The name to look for has characters in it that cannot be seen.")
    return text


def _in_log(viewer: Viewer, text: str) -> list[ActorProfile]:
    sought = text.casefold()
    profiles = find_actors_in_log(viewer.org_id, _IN_LOG)
    return [profile for profile in profiles if sought in profile.name.casefold() or sought in profile.ref.id.casefold()]


def _groups(
    profiles: list[ActorProfile], counts: Mapping[ActorRef, Count], wanted: LogFilter, base: str
) -> Iterator[Group]:
    sprite = asset_url("vendor/icons.svg")
    members = [profile for profile in profiles if profile.ref.type == ActorType.MEMBER]
    kinds = {
        "Members": [profile for profile in members if profile.standing is Standing.CURRENT],
        "Former members": [profile for profile in members if profile.standing is Standing.FORMER],
        "System processes": [profile for profile in profiles if profile.ref.type == ActorType.SYSTEM],
        "API keys": [profile for profile in profiles if profile.ref.type == ActorType.API_KEY],
        "Support": [profile for profile in profiles if profile.ref.type == ActorType.SUPPORT],
        "Not signed in": [profile for profile in profiles if profile.ref.type == ActorType.ANONYMOUS],
    }
    for label, found in kinds.items():
        if found:
            yield Group(label, [_option(profile, counts.get(profile.ref), wanted, base, sprite) for profile in found])


def _option(profile: ActorProfile, count: Count | None, wanted: LogFilter, base: str, sprite: str) -> Option:
    ref, name = profile.ref, profile.name
    kind = kind_of(ref, profile)
    return Option(
        picture=avatar(ref, name, kind, sprite),
        name=visible(name),
        badges=badges(ref, name, kind),
        note=visible(profile.note),
        id=visible(str(ref)),
        href=base + wanted.with_(actor=ref).query(),
        current=wanted.actor == ref,
        number=figures.exact(count) if count else "",
        spoken=figures.spoken(count) if count else "",
    )
