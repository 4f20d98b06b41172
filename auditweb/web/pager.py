"""Where in the log a page is, and the ways to other pages: the next ones, one by its number, one by its day."""

from collections.abc import Callable
from typing import NamedTuple

from markupsafe import Markup
from werkzeug.utils import cached_property

from auditweb import ids
from auditweb.reading import days
from auditweb.reading.counts import Count
from auditweb.reading.filters import LogFilter
from auditweb.reading.pages import SIZE, Page
from auditweb.viewer import Viewer
from auditweb.web import figures
from auditweb.web.foreign_text import fits_a_form
from auditweb.web.times import Clock

_NONE = Markup("")


class Link(NamedTuple):
    """A link among others of its kind, perhaps to what is being shown already."""

    label: str
    href: str
    current: bool = False
    id: str = ""
    attributes: Markup = _NONE


class Jumps(NamedTuple):
    """The forms to another page: the filters they keep, in whose zone days are meant, where one is, of how many."""

    kept: list[tuple[str, str]]
    tz: str
    place: str
    page: int | None
    pages: str


class Pager:
    """
    The pages around *page*, whose first entry is at *position* of *total*, where somebody counts.

    *href* makes the query of the same filter at another place.
    """

    def __init__(
        self,
        viewer: Viewer,
        wanted: LogFilter,
        page: Page,
        clock: Clock,
        position: int | None,
        total: Count | None,
        href: Callable[..., str],
    ) -> None:
        self._viewer = viewer
        self._wanted = wanted
        self._page = page
        self._clock = clock
        self._position = position
        self._total = total
        self._href = href

    @property
    def links(self) -> list[Link]:
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
    def shown(self) -> str:
        """Say which entries of all these are, counted from the newest: "101–150"; nothing where that is not known."""
        if self._position is None:
            return ""
        first, final = self._position, self._position + len(self._page.rows) - 1
        return f"{first:,}–{final:,}" if first != final else f"{first:,}"

    @property
    def total(self) -> str:
        return figures.exact(self._total) if self._total else ""

    @property
    def spoken(self) -> str:
        """Say how many entries these are and of how many: "101 to 150 of 18,432 entries"."""
        number = len(self._page.rows)
        if self._total is None or (self._total.exact and self._total.number <= number):
            return figures.entries(number)
        total = figures.spoken(self._total)
        if self._position is None:
            return f"{number} of {total}"
        return f"{self._position:,} to {self._position + number - 1:,} of {total}"

    @property
    def jumps(self) -> Jumps | None:
        """Return the forms to go elsewhere; None on the only page, where nobody counts, and for what no form holds."""
        page, wanted = self._page, self._wanted
        kept = {name: value for name, value in wanted.at().to_args().items() if name != "tz"}
        if self._total is None or not (page.has_newer or page.has_older) or not fits_a_form(kept.values()):
            return None
        tz = wanted.tz or self._viewer.zone
        pages = Count(-(-self._total.number // SIZE), self._total.exact)
        return Jumps(list(kept.items()), tz, days.place(tz), self._number, figures.exact(pages))

    @property
    def _number(self) -> int | None:
        """Return the number of this page. One that was entered in the middle counts as the one that it ends on."""
        if self._position is None:
            return None
        return -(-(self._position + len(self._page.rows) - 1) // SIZE)

    def _turns(self, rel: str, key: str) -> Markup:
        """Return what says that a link turns the page, by key too for those who have the keys switched on."""
        return Markup(f' rel="{rel}"' + (f' aria-keyshortcuts="{key}"' if self._viewer.shortcuts else ""))
