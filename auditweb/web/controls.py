"""What surrounds the table: tabs, menus, chips and pager. Each is a link to another question about the same log."""

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import NamedTuple

from markupsafe import Markup

from auditweb import ids
from auditweb.catalogue import Category
from auditweb.parties import Outcome
from auditweb.reading import days
from auditweb.reading.filters import LogFilter, query_of
from auditweb.reading.pages import Page
from auditweb.viewer import Viewer
from auditweb.web.foreign_text import fits_a_form, visible_text
from auditweb.web.times import Clock

OUTCOMES = {None: "Any", Outcome.SUCCESS: "Succeeded", Outcome.FAILURE: "Failed", Outcome.DENIED: "Denied"}
_STRETCHES = (
    ("24h", "Last 24 hours"), ("7d", "Last 7 days"), ("30d", "Last 30 days"), ("90d", "Last 90 days"),
)  # fmt: skip
_NONE = Markup("")
_TAB_IDS = ("org", "team", "auth", "veh", "cus", "doc", "shp", "sup", "exp")


class Link(NamedTuple):
    """A link among others of its kind, perhaps to what is being shown already."""

    label: str
    href: str
    current: bool = False
    id: str = ""
    attributes: Markup = _NONE


class Chip(NamedTuple):
    """One thing the reader narrowed the log by, with the address of the log without it."""

    label: str
    value: str
    href: str


class Range(NamedTuple):
    """The form for a range of one's own: its two days, their zone, and the filters it keeps."""

    kept: list[tuple[str, str]]
    first: str
    final: str
    tz: str
    place: str


class Controls:
    """The controls around one page: *wanted* is the question, *names* what its actor, target and action are called."""

    def __init__(self, viewer: Viewer, wanted: LogFilter, page: Page, clock: Clock, names: Mapping[str, str]) -> None:
        self._viewer = viewer
        self._wanted = wanted
        self._page = page
        self._clock = clock
        self._names = {field: visible_text(name) for field, name in names.items()}
        self._args = wanted.at().to_args()

    @property
    def place(self) -> str:
        """Say where in the log this page is: "newest", "before 22 Nov 20:18"."""
        wanted, told = self._wanted, self._clock
        if wanted.before is not None:
            return f"before {told.place(told.local(wanted.before))}"
        if wanted.after is not None and self._page.has_newer:
            return f"after {told.place(told.local(wanted.after))}"
        return "oldest" if wanted.oldest and self._page.has_newer else ""

    @property
    def title(self) -> str:
        """Name the page, its place included: "Vehicles, before 22 Nov 20:18"."""
        category = self._wanted.category
        subject = category.label if category and self._args.keys() == {"category"} else self.description
        return f"{subject}, {self.place}" if self.place else subject

    @property
    def status(self) -> str:
        """Say what has just appeared, for those who cannot see it appear."""
        number = len(self._page.rows)
        if not number:
            return f"No entries. {self.description}"
        counted = f"{number} {'entry' if number == 1 else 'entries'}"
        return f"{counted}, {self.place or 'newest first'}. {self.description}"

    @cached_property
    def description(self) -> str:
        return self._wanted.describe(self._names)

    @property
    def nothing(self) -> str:
        """Say which entries there are none of."""
        described = self.description
        return f"No {described[0].lower()}{described[1:]}."

    @property
    def tabs(self) -> list[Link]:
        wanted = self._wanted
        tabs = [Link("All", self._href(category=""), wanted.category is None, "tab-all")]
        for category, tab in zip(Category, _TAB_IDS, strict=True):
            tabs.append(
                Link(category.label, self._href(category=category.value), category is wanted.category, f"tab-{tab}")
            )
        return tabs

    @property
    def chips(self) -> list[Chip]:
        wanted = self._wanted
        chips = []
        if wanted.actor:
            chips.append(Chip("actor", self._names.get("actor") or str(wanted.actor), self._href(actor="")))
        if wanted.target:
            name = self._names.get("target") or visible_text(" ".join(wanted.target))
            chips.append(Chip("target", name, self._href(target="")))
        if wanted.action:
            chips.append(Chip("action", self._names.get("action") or wanted.action, self._href(action="")))
        if wanted.outcome:
            chips.append(Chip("outcome", OUTCOMES[wanted.outcome], self._href(outcome="")))
        if wanted.dated:
            told = wanted.dates()
            chips.append(Chip("date", told[0].upper() + told[1:], self.all_time))
        return chips

    @property
    def cleared(self) -> str:
        """Return the query of the same tab without any filter."""
        return query_of({"category": self._wanted.category.value}) if self._wanted.category else ""

    @property
    def picker(self) -> str:
        """Return the query of the list of actors to choose from, other filters kept."""
        return self._href()

    @property
    def all_time(self) -> str:
        return self._dated()

    @property
    def outcome(self) -> str:
        return OUTCOMES[self._wanted.outcome]

    @property
    def actor_name(self) -> str:
        return self._names.get("actor") or (str(self._wanted.actor) if self._wanted.actor else "")

    @property
    def ends(self) -> list[Link]:
        """Return the ways to the first and the last things that the actor asked for did."""
        wanted = self._wanted
        if not wanted.actor:
            return []
        newest = wanted.before is None and not wanted.oldest and not self._page.has_newer
        return [
            Link("First actions", self._href(oldest="1"), wanted.oldest, "first-actions"),
            Link("Last actions", self._href(), newest, "last-actions"),
        ]

    @cached_property
    def stretches(self) -> list[Link]:
        """Return the dates to choose from without typing."""
        wanted, year = self._wanted, self._clock.today.year
        links = [Link("All time", self.all_time, not wanted.dated)]
        for last, label in _STRETCHES:
            links.append(Link(label, self._dated(last=last), wanted.last == last))
        first, final, tz = date(year, 1, 1), date(year, 12, 31), self._viewer.zone
        this_year = self._dated(**{"from": first.isoformat(), "to": final.isoformat(), "tz": tz})
        links.append(Link("This year", this_year, (wanted.from_, wanted.to, wanted.tz) == (first, final, tz)))
        return links

    @property
    def dates(self) -> str:
        """Say which days are shown, as short as a button is wide."""
        current = next((link.label for link in self.stretches if link.current), "")
        return current or self._wanted.dates()

    @property
    def outcomes(self) -> list[Link]:
        chosen = self._wanted.outcome
        return [
            Link(label, self._href(outcome=outcome.value if outcome else ""), outcome is chosen)
            for outcome, label in OUTCOMES.items()
        ]

    @property
    def range(self) -> Range | None:
        """Return the form for other days; None where a filter it must keep is such that no form could."""
        wanted = self._wanted
        kept = wanted.without("dates").to_args()
        if not fits_a_form(kept.values()):
            return None
        tz = wanted.tz or self._viewer.zone
        return Range(
            kept=list(kept.items()),
            first=wanted.from_.isoformat() if wanted.from_ else "",
            final=wanted.to.isoformat() if wanted.to else "",
            tz=tz,
            place=days.place(tz),
        )

    @property
    def pager(self) -> list[Link]:
        """Return the other pages that there are, newest to oldest."""
        page = self._page
        links = []
        if page.has_newer:
            links.append(Link("Newest", self._href(), id="pager-newest"))
            if page.rows:
                newer = self._href(after=ids.to_text(page.rows[0].id))
                links.append(Link("Newer", newer, id="pager-newer", attributes=self._turns("prev", "[")))
        if page.has_older:
            older = self._href(before=ids.to_text(page.rows[-1].id))
            links.append(Link("Older", older, id="pager-older", attributes=self._turns("next", "]")))
        if page.has_older or (page.has_newer and not page.rows):
            links.append(Link("Oldest", self._href(oldest="1"), id="pager-oldest"))
        return links

    @cached_property
    def span(self) -> str:
        """Say from when to when the entries of this page are."""
        rows, told = self._page.rows, self._clock
        first, final = told.place(told.local(rows[0].id)), told.place(told.local(rows[-1].id))
        return f"{final} to {first}" if first != final else first

    @property
    def lasting(self) -> str:
        """Return the address of this view that means the same tomorrow, for copying."""
        wanted, rows = self._wanted, self._page.rows
        lasting = wanted.frozen(self._clock.now, self._viewer.zone)
        if wanted.last and wanted.oldest and rows:
            lasting = lasting.at(before=min(rows[0].id + 1, ids.LAST_ID))  # whole days may begin with older ones
        return lasting.query()

    def _turns(self, rel: str, key: str) -> Markup:
        """Return what says that a link turns the page, by key too for those who have the keys switched on."""
        return Markup(f' rel="{rel}"' + (f' aria-keyshortcuts="{key}"' if self._viewer.shortcuts else ""))

    def _href(self, **changes: str) -> str:
        """Return the query of this filter with *changes*, an empty one taking something away; at its newest page."""
        # Not with_() and query(): thirty times a page, they take longer than finding the entries.
        return query_of({name: value for name, value in (self._args | changes).items() if value})

    def _dated(self, **dates: str) -> str:
        """Return the query of this filter for other days, or for all."""
        return self._href(**({"from": "", "to": "", "tz": "", "last": ""} | dates))
