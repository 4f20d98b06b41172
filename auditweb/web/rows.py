"""
Entries as rows of the page.

Python, not the database, is what a page costs, and most of that is escaping. So whatever repeats (a tile, an actor, a
target, a day) is written once a page, and a row is written here in one go, instead of piece by piece in a template.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from urllib.parse import quote

from markupsafe import Markup, escape

from auditweb import catalogue, ids
from auditweb.catalogue import Action, Category
from auditweb.parties import ActorRef, Outcome
from auditweb.reading.flagged import Shown
from auditweb.reading.pages import Row
from auditweb.reading.words import Words
from auditweb.sentences import Part
from auditweb.viewer import ActorProfile
from auditweb.web.actor_kinds import avatar, badges, explanation, icon, kind_of
from auditweb.web.foreign_text import marked, visible, visible_text
from auditweb.web.htmx import IN_PAGE
from auditweb.web.paths import person_href, thing_href
from auditweb.web.times import Clock, is_late

TILES = {
    Category.ORGANISATION: ("k-org", "building-2"),
    Category.TEAM: ("k-team", "users"),
    Category.AUTHENTICATION: ("k-auth", "key-round"),
    Category.VEHICLES: ("k-veh", "car"),
    Category.CUSTOMERS: ("k-cus", "contact"),
    Category.DOCUMENTS: ("k-doc", "file-text"),
    Category.SHIPMENTS: ("k-shp", "ship"),
    Category.SUPPLIERS: ("k-sup", "factory"),
    Category.DATA_EXPORT: ("k-exp", "download"),
}
_NOTHING = Markup("")
_UNFLAGGED: Mapping[int, Sequence[Shown]] = {}
_LONGEST_BESIDE = 40  # characters of a fact behind a sentence
_OUTCOMES = {Outcome.FAILURE.value: "Failed", Outcome.DENIED.value: "Denied"}

# Type, id, name and address of what was acted on; type, id and name of who acted, then of what they acted through.
TargetKey = tuple[str | None, str | None, str | None, str | None]
ActorKey = tuple[str, str, str, str | None, str | None, str | None]


class Presenter:
    """
    Writes the entries of one page for one reader, what they searched for highlighted.

    *base* is the log's address, *sprite* that of the icons. Where it *narrows*, actors and targets lead to their
    entries in that log, by *in_page* if the table of it is there; where they have *pages* of their own, to those, too.
    *flagged* tells which entries show findings of the security review.
    """

    def __init__(
        self,
        clock: Clock,
        profiles: Mapping[ActorRef, ActorProfile],
        *,
        base: str,
        sprite: str,
        words: Words | None = None,
        narrows: bool = True,
        pages: bool = False,
        in_page: Markup = IN_PAGE,
        flagged: Mapping[int, Sequence[Shown]] = _UNFLAGGED,
    ) -> None:
        self._flagged = flagged
        self._words = words
        self._narrows = narrows
        self._pages = pages
        self._in_page = in_page
        self._tell = self._marked_sentence if words else self._sentence
        self._name = self._marked_name if words else visible
        self._clock = clock
        self._profiles = profiles
        self._base = base
        self._sprite = sprite
        self._chevron = icon(sprite, "chevron-right")
        self._tiles: dict[str, str] = {}
        self._actors: dict[ActorKey, str] = {}
        self._targets: dict[TargetKey, str] = {}

    def days(self, rows: Sequence[Row]) -> list[tuple[Markup, Markup]]:
        """Return the days on which *rows* occurred in the reader's zone, in their order, each with its rows."""
        told = [(*self._clock.tell(row.id), row) for row in rows]
        return [
            (self._heading(day), Markup("\n".join([self._row(row, *times) for _, *times, row in entries])))
            for day, entries in groupby(told, key=itemgetter(0))
        ]

    def tile(self, category: str) -> Markup:
        """Return the icon and the name of *category*."""
        known = Category(category)
        kind, name = TILES[known]
        return Markup(
            f'<span class="cat {kind}"><span class="tile">{icon(self._sprite, name)}</span>{known.label}</span>'
        )

    def sentence(self, action: Action | None, summary: str, facts: Mapping[str, str], target: TargetKey) -> Markup:
        """
        Return the stored *summary*, its target and values marked up.

        Only where the catalogue's sentence and the facts give exactly that text today: what is seen is what was stored.
        """
        return Markup(self._sentence(action, summary, facts, target))

    def target(self, type_: str | None, id_: str | None, name: str | None, url: str | None) -> Markup:
        """Return the name of a target as a link: to itself where its host gave an address, else to its entries."""
        return self._target(type_, id_, url, visible(name or id_ or ""))

    def actor(self, row: Row) -> Markup:
        """Return who acted and, if so, through what."""
        who = (row.actor_type, row.actor_id, row.actor_name, row.via_type, row.via_id, row.via_name)
        return Markup(self._actor(who))

    def findings(self, id_: int) -> Markup:
        """Return which findings an entry shows, as small flags that lead to them, to follow its sentence."""
        return Markup("".join([f" {finding_link(self._base, shown)}" for shown in self._flagged.get(id_, ())]))

    def page_of(self, ref: ActorRef) -> Markup:
        """Return the address of the page about an actor; nothing where there are none."""
        return person_href(self._base, ref) if self._pages else _NOTHING

    def page_about(self, type_: str, id_: str) -> Markup:
        """Return the address of the page about a target; nothing where there are none."""
        return thing_href(self._base, type_, id_) if self._pages else _NOTHING

    # Below, plain text is markup already.

    def _target(self, type_: str | None, id_: str | None, url: str | None, shown: Markup) -> Markup:
        if url and is_address(url):
            return Markup(f'<a class="tgt" dir="auto" href="{escape(url)}">{shown}</a>')
        if not type_ or not id_ or not self._narrows:
            return Markup(f'<b dir="auto">{shown}</b>')
        href = target_href(self._base, type_, id_)
        return Markup(f'<a class="tgt" dir="auto" href="{href}"{self._swaps(href)}>{shown}</a>')

    def _swaps(self, href: Markup) -> str:
        return f' hx-get="{href}" {self._in_page}' if self._in_page else ""

    def _row(self, row: Row, utc: str, full: str, brief: str) -> str:
        (
            id_, recorded_at, category, slug, summary, facts, actor_type, actor_id, actor_name,
            via_type, via_id, via_name, target_type, target_id, target_name, target_url, outcome,
        ) = row  # fmt: skip
        action = catalogue.find(slug)
        spelled = ids.to_text(id_)
        href = f"{self._base}/entries/{spelled}"
        if (tile := self._tiles.get(category)) is None:
            tile = self._tiles[category] = self.tile(category)
        who = (actor_type, actor_id, actor_name, via_type, via_id, via_name)
        if (actor := self._actors.get(who)) is None:
            actor = self._actors[who] = self._actor(who)
        sentence = self._tell(action, summary, facts, (target_type, target_id, target_name, target_url))
        sentence += _flags(action, facts, outcome, late=is_late(id_, recorded_at))
        if id_ in self._flagged:
            sentence += str(self.findings(id_))  # markup would take the sentence for text
        return (
            f'<tr class="row" id="e-{spelled}" role="row">'
            f'<td class="c-x" role="cell"><a class="x" href="{href}" hx-get="{href}" hx-target="closest tr"'
            f' hx-swap="afterend" aria-expanded="false" aria-controls="d-{spelled}" aria-label="Details">'
            f"{self._chevron}</a></td>"
            f'<td class="c-cat" role="cell">{tile}</td>'
            f'<th class="c-sum" scope="row" role="rowheader">{sentence}</th>'
            f'<td class="c-act" role="cell">{actor}</td>'
            f'<td class="c-time" role="cell"><time datetime="{utc}" title="{full}">{brief}</time></td></tr>'
        )

    def _sentence(self, action: Action | None, summary: str, facts: Mapping[str, str], target: TargetKey) -> str:
        parts = _parts(action, summary, facts, target[2])
        if not parts:
            return f"<bdi>{visible(summary)}</bdi>"
        return "".join([self._part(kind, text, target) for kind, text in parts])

    def _marked_sentence(self, action: Action | None, summary: str, facts: Mapping[str, str], target: TargetKey) -> str:
        """Write the same with hits highlighted. They are found in the whole: a phrase may span target and values."""
        spans = self._words.spans(summary) if self._words else []
        if not spans:
            return self._sentence(action, summary, facts, target)
        parts = _parts(action, summary, facts, target[2])
        if not parts:
            return f"<bdi>{marked(summary, spans)}</bdi>"
        written: list[str] = []
        at = 0
        for kind, text in parts:
            end = at + len(text)
            shown = marked(text, [(max(a, at) - at, min(b, end) - at) for a, b in spans if a < end and b > at])
            if kind == "text":
                written.append(shown)
            elif kind == "fact":
                written.append(f'<span class="val" dir="auto">{shown}</span>')
            else:
                written.append(self._target(target[0], target[1], target[3], shown))
            at = end
        return "".join(written)

    def _marked_name(self, name: str) -> Markup:
        return marked(name, self._words.spans(name) if self._words else [])

    def _part(self, kind: str, text: str, target: TargetKey) -> str:
        if kind == "text":
            return _own_words(text)
        if kind == "fact":
            return f'<span class="val" dir="auto">{visible(text)}</span>'
        if (link := self._targets.get(target)) is None:
            link = self._targets[target] = self.target(*target)
        return link

    def _actor(self, who: ActorKey) -> str:
        type_, id_, name, *via = who
        ref = ActorRef(type_, id_)
        profile = self._profiles.get(ref)
        kind = kind_of(ref, profile)
        title = escape(visible_text(explanation(ref, name, profile)))
        tag, leads = "span", ""
        if self._narrows:
            href = actor_href(self._base, ref)
            tag, leads = "a", f' href="{href}"{self._swaps(href)}'
        picture = avatar(ref, name, kind, self._sprite)
        if self._pages:  # for the mouse; those who use the keyboard find the same link in the details
            about = f'title="About {escape(visible_text(name))}" tabindex="-1" aria-hidden="true"'
            picture = Markup(f'<a class="whois" href="{self.page_of(ref)}" {about}>{picture}</a>')
        return (
            f'<span class="actor">{picture}'
            f'<{tag} class="who" dir="auto" title="{title}"{leads}>{self._name(name)}</{tag}>'
            f"{badges(ref, name, kind)}</span>{self._via(*via)}"
        )

    def _via(self, type_: str | None, id_: str | None, name: str | None) -> str:
        if not type_ or not id_:
            return ""
        ref = ActorRef(type_, id_)
        title = escape(visible_text(explanation(ref, name or id_, self._profiles.get(ref))))
        return f'<small class="via" title="{title}">through <bdi>{self._name(name or id_)}</bdi></small>'

    def _heading(self, day: date) -> Markup:
        name, told = self._clock.heading(day)
        return Markup(f"<b>{name}</b> {told}" if name else told)


def flags_of(action: Action | None, facts: Mapping[str, str], outcome: str, *, late: bool) -> Markup:
    """Return what a reader should notice about an entry, as small flags to follow its sentence."""
    return Markup(_flags(action, facts, outcome, late=late))


def finding_link(base: str, shown: Shown) -> Markup:
    """Return a finding's kind as a small flag that leads to the finding."""
    return Markup(f'<a class="flag f-find" href="{escape(base)}/review/{shown.finding_id}">{shown.flag.label}</a>')


def actor_href(base: str, ref: ActorRef) -> Markup:
    """Return the address of everything that *ref* did."""
    return escape(f"{base}?actor={quote(str(ref), safe=':/')}")


def target_href(base: str, type_: str, id_: str) -> Markup:
    """Return the address of everything done to a target."""
    return escape(f"{base}?target={quote(f'{type_}:{id_}', safe=':/')}")


def is_address(url: str) -> bool:
    """Tell whether *url* may be linked to: https, or a path on this host. Others are never stored, and never shown."""
    return url.startswith("https://") or (url[:1] == "/" and url[1:2] not in ("/", "\\"))


def _flags(action: Action | None, facts: Mapping[str, str], outcome: str, *, late: bool) -> str:
    flags = ""
    if action and action.beside and (told := facts.get(action.beside)):
        told = visible(str(told)[:_LONGEST_BESIDE])
        flags += f' <span class="flag f-late">{action.beside.capitalize()} {told}</span>'
    if outcome in _OUTCOMES:
        flags += f' <span class="flag f-fail">{_OUTCOMES[outcome]}</span>'
    if action and action.sensitive:
        flags += ' <span class="flag f-warn">Sensitive</span>'
    if late:
        flags += ' <span class="flag f-late">Recorded late</span>'
    return flags


def _parts(action: Action | None, summary: str, facts: Mapping[str, str], target_name: str | None) -> list[Part]:
    """Return the pieces of a sentence if together they are the stored *summary* today, else none."""
    try:
        parts = action.parts(facts, target_name or "") if action else []
        told = "".join([text for _, text in parts])
    except (ValueError, TypeError):  # TypeError: facts that came into the table by another way may not be texts
        return []
    return parts if told == summary else []


@lru_cache(maxsize=4096)
def _own_words(text: str) -> str:
    """Escape a piece of a sentence of the catalogue, of which there are only so many."""
    return escape(text)
