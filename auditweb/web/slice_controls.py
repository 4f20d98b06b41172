"""What surrounds the table of a shared part of the log: the controls of the log, as far as the part goes."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from werkzeug.utils import cached_property

from auditweb.catalogue import Category
from auditweb.reading.counts import Count
from auditweb.reading.filters import LogFilter
from auditweb.reading.histogram import bars_for
from auditweb.reading.numbers import Numbers
from auditweb.reading.pages import Page
from auditweb.viewer import Viewer
from auditweb.web.control_parts import Chip, Tab
from auditweb.web.controls import Controls
from auditweb.web.pager import Jumps, Link, Pager
from auditweb.web.times import Clock


class SliceControls(Controls):
    """
    The controls around one page of *part*; *wanted* is what the reader asked for within it.

    What the part fixes already is no choice. Nothing is told of what lies outside it.
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
        part: LogFilter,
        counted: bool,
    ) -> None:
        super().__init__(viewer, wanted, page, _within(numbers, part), clock, names, base=base)
        self._part = part
        self.counted = counted

    @property
    def tabs(self) -> list[Tab]:
        return super().tabs if self._part.category is None else []

    @property
    def chips(self) -> list[Chip]:
        return [chip for chip in super().chips if chip.label != "limit"]

    @property
    def picks_actors(self) -> bool:
        return False

    @property
    def narrows(self) -> bool:
        return bool(self._args)

    @property
    def outcomes(self) -> list[Link]:
        return super().outcomes if self._part.outcome is None else []

    @cached_property
    def stretches(self) -> list[Link]:
        if not self._part.dated:
            return super().stretches
        return [Link("All its days", self.all_time, not self._wanted.dated)]

    @property
    def first_day(self) -> str:
        return self._part.from_.isoformat() if self._part.from_ else super().first_day

    @property
    def last_day(self) -> str:
        return self._part.to.isoformat() if self._part.to else super().last_day

    @property
    def news(self) -> str:
        return ""

    @cached_property
    def pager(self) -> Pager:
        numbers = self._numbers
        total = numbers.categories[self._wanted.category] if self.counted else None
        return _Pager(self._viewer, self._wanted, self._page, self._clock, numbers.position, total, self._href)


class _Pager(Pager):
    """A pager without the forms to other pages."""

    @property
    def jumps(self) -> Jumps | None:
        return None


def uncounted(question: LogFilter, now: datetime, zone: str) -> Numbers:
    """Return numbers that tell nothing."""
    categories: dict[Category | None, Count] = {None: Count(0, exact=False)}
    categories |= dict.fromkeys(Category, Count(0, exact=False))
    return Numbers(categories, None, bars_for(question, now, zone), (), Count(0))


def _within(numbers: Numbers, part: LogFilter) -> Numbers:
    """Return *numbers* without those of the categories that are not shared."""
    if part.category is None:
        return numbers
    shared = numbers.categories[part.category]
    categories: dict[Category | None, Count] = dict.fromkeys(Category, Count(0))
    return replace(numbers, categories=categories | {None: shared, part.category: shared})
