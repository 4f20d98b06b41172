"""What surrounds the table: tabs, search, menus, chips, strip. Each leads to another question about the same log."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date

from markupsafe import escape
from werkzeug.utils import cached_property

from auditweb import ids
from auditweb.catalogue import Category
from auditweb.parties import Outcome
from auditweb.reading import days
from auditweb.reading.counts import Count
from auditweb.reading.filters import LogFilter, query_of
from auditweb.reading.flags import ANY, Flag
from auditweb.reading.histogram import DAYS, Bar
from auditweb.reading.numbers import Numbers
from auditweb.reading.pages import Page
from auditweb.viewer import Viewer
from auditweb.web import figures, strip
from auditweb.web.control_parts import Chip, Pin, Range, Search, Tab, Unsearched, Way
from auditweb.web.foreign_text import fits_a_form, visible_text
from auditweb.web.pager import Link, Pager
from auditweb.web.paths import person_href, thing_href
from auditweb.web.strip import Strip
from auditweb.web.times import Clock

OUTCOMES = {None: "Any", Outcome.SUCCESS: "Succeeded", Outcome.FAILURE: "Failed", Outcome.DENIED: "Denied"}
_STRETCHES = (
    ("24h", "Last 24 hours"), ("7d", "Last 7 days"), ("30d", "Last 30 days"), ("90d", "Last 90 days"),
)  # fmt: skip
_EXPORTS = (
    ("file-text", "CSV", "For spreadsheets", "csv"),
    ("scroll-text", "JSON Lines", "For programs, and as evidence", "jsonl"),
    ("shield-check", "OCSF", "For a SIEM", "ocsf"),
)
_TAB_IDS = ("org", "team", "auth", "veh", "cus", "doc", "shp", "sup", "exp")
_PLAIN_WORD = re.compile(r"[^\W_]+")


class Controls:
    """
    The controls around one page of the log at *base*.

    *wanted* is the question, *names* what its actor, target and action are called, which may have *pages*.
    """

    def __init__(
        self,
        viewer: Viewer,
        wanted: LogFilter,
        page: Page,
        numbers: Numbers,
        clock: Clock,
        names: Mapping[str, str],
        *,
        base: str,
        pages: bool = False,
    ) -> None:
        self._base = base
        self._pages = pages
        self._numbers = numbers
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
        if not self._page.rows:
            return f"No entries. {self.description}"
        return f"{self.pager.spoken}, {self.place or 'newest first'}. {self.description}"

    @cached_property
    def description(self) -> str:
        return visible_text(self._wanted.describe(self._names))

    @property
    def nothing(self) -> str:
        """Say which entries there are none of."""
        described = self.description
        return f"No {described[0].lower()}{described[1:]}."

    @property
    def tabs(self) -> list[Tab]:
        tabs = [self._tab(None, "All", "tab-all")]
        tabs += [
            self._tab(category, category.label, f"tab-{tab}") for category, tab in zip(Category, _TAB_IDS, strict=True)
        ]
        return tabs

    @property
    def has_uncounted(self) -> bool:
        """Tell whether a tab has a number with a plus sign, which takes its room."""
        return not all(count.exact for count in self._numbers.categories.values())

    @property
    def search(self) -> Search | None:
        """Return the search form; None where the other filters cannot stand in one."""
        kept = {name: value for name, value in self._args.items() if name != "q"}
        if not fits_a_form(kept.values()):
            return None
        return Search(list(kept.items()), visible_text(self._wanted.q))

    @property
    def begun(self) -> str:
        """Return the query for words that only begin with the one searched for; nothing if it is not one plain word."""
        return self._href(q=f"{self._wanted.q}*") if _PLAIN_WORD.fullmatch(self._wanted.q) else ""

    @property
    def unsearched(self) -> Unsearched | None:
        """Return what a search left out when its time was over; None if it left out nothing."""
        searched_to: int | None = getattr(self._page, "searched_to", None)
        if searched_to is None:
            return None
        place = self._clock.place(self._clock.local(searched_to))
        if self._wanted.oldest or self._wanted.after is not None:
            return Unsearched("Newer", place, self._href(after=ids.to_text(searched_to)))
        return Unsearched("Older", place, self._href(before=ids.to_text(searched_to)))

    @cached_property
    def strip(self) -> Strip | None:
        """Return the drawing of how the entries lie in time; None for a log without any."""
        numbers, histogram = self._numbers, self._numbers.histogram
        if not histogram.bars or not (self._page.rows or self._page.has_newer or self._wanted.narrows):
            return None
        several = histogram.bars[0].first != histogram.bars[-1].final
        whole, address = numbers.categories[self._wanted.category], self._narrowing() if several else None
        return strip.draw(histogram, numbers.bars, whole, self._clock.today.year, address)

    @property
    def strip_span(self) -> str:
        """Say which time the strip shows."""
        wanted = self._wanted
        told = wanted.dates().partition(" (")[0] or f"last {DAYS} days"
        if wanted.to and not wanted.from_:
            told = told.replace("up", f"{DAYS} days", 1)
        for month in days.MONTHS:
            told = told.replace(month, month[:3])
        return told[0].upper() + told[1:]

    @cached_property
    def pager(self) -> Pager:
        numbers = self._numbers
        total = numbers.categories[self._wanted.category]
        return Pager(self._viewer, self._wanted, self._page, self._clock, numbers.position, total, self._href)

    @property
    def news(self) -> str:
        """Return the query that asks what is newer than the newest page; nothing on other pages."""
        page, wanted = self._page, self._wanted
        if page.has_newer or wanted.before is not None or wanted.oldest or wanted.upto is not None:
            return ""
        return self._href(after=ids.to_text(page.rows[0].id if page.rows else 0))

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
        if wanted.flag:
            told = "Any finding" if wanted.flag == ANY else Flag(wanted.flag).label
            chips.append(Chip("flag", told, self._href(flag="")))
        if wanted.q:
            chips.append(Chip("search", visible_text(wanted.q), self._href(q="")))
        if wanted.dated:
            told = wanted.dates()
            chips.append(Chip("date", told[0].upper() + told[1:], self.all_time))
        if wanted.upto is not None:
            place = self._clock.place(self._clock.local(wanted.upto))
            chips.append(Chip("limit", f"Up to {place}", self._href(upto="")))
        return chips

    @property
    def cleared(self) -> str:
        """Return the query of the same tab without any filter."""
        return query_of({"category": self._wanted.category.value}) if self._wanted.category else ""

    @property
    def picks_actors(self) -> bool:
        """Whether there is a list of actors to choose from."""
        return True

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

    @property
    def about(self) -> list[Link]:
        """Return the ways to the pages about the actor and the target asked for, where there are such pages."""
        wanted, links = self._wanted, []
        if self._pages and wanted.actor:
            links.append(Link(f"About {self.actor_name}", person_href(self._base, wanted.actor), id="about-actor"))
        if self._pages and wanted.target:
            kind = visible_text(wanted.target[0].replace("_", " "))
            links.append(Link(f"About this {kind}", thing_href(self._base, *wanted.target), id="about-target"))
        return links

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
    def first_day(self) -> str:
        """Return the first day that can be chosen."""
        return "2000-01-01"

    @property
    def last_day(self) -> str:
        return "2069-12-31"

    @property
    def lasting(self) -> str:
        """Return the address of this view that means the same tomorrow, for copying."""
        wanted, rows = self._wanted, self._page.rows
        lasting = wanted.frozen(self._clock.now, self._viewer.zone)
        if wanted.last and wanted.oldest and rows:
            lasting = lasting.at(before=min(rows[0].id + 1, ids.LAST_ID))  # whole days may begin with older ones
        return lasting.query()

    @property
    def exact(self) -> str:
        """Return the address of these very entries, for copying: what happens later does not show there."""
        newest = max(row.id for row in self._page.rows) if self._page.rows else 0
        pinned = self._wanted.pinned(self._clock.now)
        # A clock that is ahead may have dated an entry some minutes from now.
        return replace(pinned, upto=max(pinned.upto or 0, newest)).query()

    @property
    def pin(self) -> Pin | None:
        """Return what a link to exact entries leaves out; None where the log is shown as it is now."""
        wanted = self._wanted
        if wanted.upto is None:
            return None
        later = self._numbers.later
        told = f"{figures.exact(later)} {'entry has' if later == Count(1) else 'entries have'}" if later.number else ""
        return Pin(self._clock.place(self._clock.local(wanted.upto)), told, self._href(upto=""))

    @property
    def matching(self) -> str:
        """Say how many entries an export of this view has."""
        return figures.headed(self._numbers.categories[self._wanted.category])

    @property
    def exports(self) -> list[Way]:
        """Return the ways to take out what this view finds, wherever in it the reader is."""
        return [
            *[Way(icon, label, hint, f"export{self._export_query(name)}") for icon, label, hint, name in _EXPORTS],
            Way("printer", "Print", "A plain page, for paper or PDF", f"print{self._href()}"),
        ]

    def _export_query(self, name: str) -> str:
        query = self._href()
        return f"{query}{'&' if query else '?'}format={name}"

    def _tab(self, category: Category | None, label: str, id_: str) -> Tab:
        count = self._numbers.categories[category]
        return Tab(
            label,
            self._href(category=category.value if category else ""),
            category is self._wanted.category,
            id_,
            figures.brief(count),
            figures.titled(count),
            figures.spoken(count),
        )

    def _narrowing(self) -> Callable[[Bar], str]:
        """Return what makes the address of the days of a bar: a hundred times a page, so it is put together once."""
        day = date.min.isoformat()
        address = self._base + self._dated(**{"from": day, "to": day, "tz": self._numbers.histogram.zone})
        head, _, tail = address.partition(f"from={day}&to={day}")
        before, after = str(escape(head)), str(escape(tail))
        return lambda bar: f"{before}from={bar.first.isoformat()}&amp;to={bar.final.isoformat()}{after}"

    def _href(self, **changes: str) -> str:
        """Return the query of this filter with *changes*, an empty one taking something away; at its newest page."""
        # Not with_() and query(): thirty times a page, they take longer than finding the entries.
        return query_of({name: value for name, value in (self._args | changes).items() if value})

    def _dated(self, **dates: str) -> str:
        """Return the query of this filter for other days, or for all."""
        return self._href(**({"from": "", "to": "", "tz": "", "last": ""} | dates))
