"""What the page about an actor tells at a glance, ready to be shown: each number is what the log then shows."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from flask import url_for
from markupsafe import Markup
from werkzeug.utils import cached_property

from auditweb import ids
from auditweb.accounts.viewers import MemberViewer
from auditweb.catalogue import Category
from auditweb.insights import findings as review
from auditweb.insights import people as rules
from auditweb.insights.decisions import State
from auditweb.insights.people import Known
from auditweb.parties import ActorRef, ActorType
from auditweb.reading import activity, days, lives
from auditweb.reading.activity import Habits
from auditweb.reading.counts import Count, Counted, count, count_total
from auditweb.reading.filters import LogFilter
from auditweb.reading.names import names_in
from auditweb.reading.pages import Page, Row, find_page
from auditweb.reading.purges import find_last_purge
from auditweb.web import activity as drawing
from auditweb.web import figures, placing, timeline
from auditweb.web.assets import asset_url
from auditweb.web.by_day import ByDay
from auditweb.web.foreign_text import visible, visible_text
from auditweb.web.moments import Moments, Told
from auditweb.web.paths import person_href
from auditweb.web.rows import TILES
from auditweb.web.timeline import Moment
from auditweb.web.times import Clock

MOST_ADDRESSES = 6
MOST_ROLES = 5
MOST_FINDINGS = 10
FEW = 10  # entries, of which nine in ten are all


class Fact(NamedTuple):
    """What is known of somebody: a term, what there is to say, and what else in smaller letters."""

    term: str
    value: Markup
    more: tuple[Markup, ...] = ()


class Share(NamedTuple):
    """A category with its number of entries and, in hundredths, how long its bar is."""

    label: str
    tile: tuple[str, str]
    number: str
    width: float
    href: str


class Address(NamedTuple):
    """An address that entries came from: about where that is, how many came from it, when the last one did."""

    ip: str
    place: str
    number: str
    last: Told
    href: str


class FindingAbout(NamedTuple):
    """A finding of the security review about the actor: its kind, in a sentence, when, how it was decided."""

    kind: str
    sentence: Markup
    at: Told
    state: State
    href: str


class Glance:
    """*ref*, of whom the organisation itself knows *known*, as far as *wanted* goes; each part is asked for once."""

    def __init__(
        self, viewer: MemberViewer, ref: ActorRef, known: Known | None, wanted: LogFilter, now: datetime
    ) -> None:
        self._viewer = viewer
        self._ref = ref
        self._known = known
        self._wanted = wanted
        self._now = now
        self._base = url_for("audit_log.index", org=viewer.org_slug)
        self._moments = Moments(now, viewer.zone, absolute=viewer.absolute_times)

    # What is known

    @cached_property
    def facts(self) -> list[Fact]:
        known = self._known
        if known is None:
            return list(self._of_entries())
        return list(self._of_member(known) if known.person_id is not None else self._of_key(known))

    def _of_member(self, known: Known) -> Iterator[Fact]:
        history = rules.find_history(self._viewer.org_id, known)
        invited = rules.find_invitation(self._viewer.org_id, known)
        if invited is None:
            yield Fact("Invited", Markup('<span class="muted">Not in the log</span>'))
        else:
            yield Fact("Invited", self._entry(invited), (self._by(invited),))
        yield Fact("Joined", self._told(self._moments.day(known.began)))
        is_told = bool(history.roles) and history.roles[0].role is known.role
        role = known.role.value.capitalize() if known.role else ""
        more = [Markup("since {}").format(self._entry(given.row)) for given in history.roles[:1] if is_told]
        more += [
            Markup("before: {}, from {}").format(given.role.value, self._entry(given.row))
            for given in history.roles[is_told:MOST_ROLES]
        ]
        yield Fact("Role until then" if known.ended else "Role", Markup(role), tuple(more))
        if known.ended is None:
            since = known.factor_since
            told = Markup("On since {}").format(self._told(self._moments.day(since))) if since else Markup("Off")
            yield Fact("Two-factor", told)
        seen = self._told(self._moments.since(known.seen)) if known.seen else Markup("Never")
        yield Fact("Last active", seen, () if known.is_active else (Markup("Switched off by the operator"),))
        if known.ended is not None:
            more = [self._by(history.ended)] if history.ended else []
            yield Fact("Left", self._told(self._moments.day(known.ended)), tuple(more))

    def _of_key(self, known: Known) -> Iterator[Fact]:
        made = self._told(self._moments.day(known.began))
        by = []
        if known.maker:
            ref, name = known.maker
            href = person_href(self._base, ref)
            told = Markup('by <a class="link" href="{}"><bdi>{}</bdi></a>{}')
            by.append(told.format(href, visible(name), ", who has left" if known.maker_left else ""))
        yield Fact("Made", made, tuple(by))
        yield Fact("Last used", self._told(self._moments.since(known.seen)) if known.seen else Markup("Never"))
        if known.expires:
            over = known.expires <= self._now
            yield Fact("Expired" if over else "Expires", self._told(self._moments.day(known.expires)))
        if known.ended:
            yield Fact("Revoked", self._told(self._moments.day(known.ended)))

    def _of_entries(self) -> Iterator[Fact]:
        for term, row in (("First entry", self._oldest), ("Last entry", self._newest)):
            if row:
                yield Fact(term, self._told(self._moments.day(ids.moment_of(row.id))))
        if self._ref.type == ActorType.MEMBER:
            yield Fact("Membership", Markup("None, now or before"))

    # What the security review found

    @cached_property
    def findings(self) -> list[FindingAbout]:
        return [
            FindingAbout(
                each.kind.label,
                visible(each.sentence),
                self._moments.since(each.at),
                each.state,
                f"{self._base}/review/{each.id}",
            )
            for each in self._found[:MOST_FINDINGS]
        ]

    @property
    def found(self) -> str:
        """Say how many findings there are, and how many of them wait for a decision."""
        number, is_open = len(self._found), sum(each.state is State.OPEN for each in self._found)
        more = " or more" if number == review.MOST_ABOUT else ""
        told = "1 finding" if number == 1 else f"{number} findings{more}"
        here = f", the last {MOST_FINDINGS} of them here" if number > MOST_FINDINGS else ""
        if not is_open:
            return f"{told}{here}, {'those' if more else 'all'} decided."
        return f"{told}{here}; {is_open:,}{more} to be decided."

    @cached_property
    def _found(self) -> list[review.About]:
        return review.find_about(self._viewer.org_id, self._ref)

    # First and last

    @cached_property
    def ends(self) -> list[tuple[str, Moment, str, str]]:
        """Return the first and the last action: what it is, itself, when it was, and the way to those around it."""
        found = []
        told = Clock(self._now, self._viewer.zone, absolute=self._viewer.absolute_times)
        rows = [row for row in (self._oldest, self._newest) if row]
        profiles = self._viewer.actors(timeline.refs_of(rows))
        flagged = {**self._first_page.flags, **self._last_page.flags}
        writer = timeline.presenter(told, profiles, flagged, base=self._base, sprite=asset_url("vendor/icons.svg"))
        for label, row, wanted in (
            ("First action", self._oldest, self._wanted.at(oldest=True)),
            ("Last action", self._newest, self._wanted),
        ):
            if row:
                moment = timeline.moment(row, self._ref, told, writer, base=self._base)
                found.append((label, moment, told.place(told.local(row.id)), self._base + wanted.query()))
        return found

    # Counted

    @property
    def total(self) -> str:
        return figures.headed(self._total)

    @property
    def log(self) -> str:
        """Return the query of the entries that this tells of."""
        return self._wanted.query()

    @cached_property
    def about(self) -> tuple[str, str] | None:
        """Return how many entries are about the actor, and the way to them; None where there are none."""
        wanted = self._wanted.with_(actor=None, target=(self._ref.type, self._ref.id))
        counted = count_total(wanted, self._now)
        return (figures.headed(counted), self._base + wanted.query()) if counted.number else None

    @cached_property
    def categories(self) -> list[Share]:
        counts = {category: number for category, number in self._counted.categories.items() if category}
        most = max(max(number.number for number in counts.values()), 1)
        chosen = self._wanted.category
        return [
            Share(
                category.label,
                TILES[category],
                figures.exact(counts[category]),
                round(100 * counts[category].number / most, 1),
                self._base + self._wanted.with_(category=category).query(),
            )
            for category in Category
            if counts[category].number and chosen in (None, category)
        ]

    @property
    def narrowed(self) -> str:
        """Say what the page is narrowed to; nothing where it is not."""
        if not self._wanted.with_(actor=None).narrows:
            return ""
        page = Page([self._newest] if self._newest else [], has_newer=False, has_older=False)
        names = names_in(self._wanted, page, self._viewer.actors([self._ref]))
        return visible_text(self._wanted.describe(names, within=True))

    @cached_property
    def by_day(self) -> ByDay | None:
        """Return how the entries lie in two years of days; None where there are none."""
        if self._newest is None or self._oldest is None:
            return None
        until = self._known.ended if self._known else None
        return ByDay(self._base, self._wanted, self._viewer.zone, self._now, self._oldest, self._newest, until)

    # Habits

    @cached_property
    def habits(self) -> Habits | None:
        last_purge, _ = self._counts
        return activity.find_habits(self._wanted, self._viewer.zone, self._now, last_purge, self._total)

    @property
    def whole(self) -> bool:
        """Whether the sample is all there is."""
        assert self.habits is not None
        return self.habits.size < lives.SAMPLE

    @property
    def sampled(self) -> str:
        """Say of which entries hours and places are told."""
        assert self.habits is not None
        if self.whole:
            return f"Of all {figures.entries(self.habits.size)}" if self.habits.size > 1 else "Of the one entry"
        since = days.spelled(days.day_of(ids.moment_of(self.habits.oldest), self._viewer.zone))
        return f"Of the last {self.habits.size:,} entries, since {since}"

    @property
    def usual(self) -> str:
        """Say in words when nine in ten entries are made."""
        assert self.habits is not None
        first, final = self.habits.usual
        if (first - final) % 24 == 0:
            return "At any hour"
        return f"{first:02}:00 to {final:02}:00"

    @property
    def often(self) -> str:
        """Say how many of the entries that is true of: of a few it is all, and of one no habit."""
        assert self.habits is not None
        if self.habits.size == 1:
            return f"once, on a {self.weekdays}"
        return "nine times in ten" if self.habits.size >= FEW else "every time"

    @property
    def weekdays(self) -> str:
        assert self.habits is not None
        return drawing.weekdays_told(self.habits.weekdays)

    @property
    def hours(self) -> Markup:
        assert self.habits is not None
        return drawing.draw_hours(self.habits)

    @cached_property
    def addresses(self) -> list[Address]:
        habits = self.habits
        assert habits is not None
        return [
            Address(
                visible_text(ip),
                placing.place_of(ip) or "",
                figures.entries(number) if self.whole else f"{number:,} of them",
                self._moments.since(ids.moment_of(newest)),
                self._base + self._wanted.with_(q=ip).query() if not self._wanted.q else "",
            )
            for ip, number, newest in habits.addresses[:MOST_ADDRESSES]
        ]

    @property
    def other_addresses(self) -> int:
        assert self.habits is not None
        return len(self.habits.addresses) - len(self.addresses)

    # What is asked once

    @property
    def _newest(self) -> Row | None:
        return next(iter(self._last_page.rows), None)

    @property
    def _oldest(self) -> Row | None:
        return next(iter(self._first_page.rows), None)

    @cached_property
    def _last_page(self) -> Page:
        return find_page(self._wanted, size=1, now=self._now)

    @cached_property
    def _first_page(self) -> Page:
        return find_page(self._wanted.at(oldest=True), size=1, now=self._now)

    @property
    def _counted(self) -> Counted:
        _, counted = self._counts
        return counted

    @cached_property
    def _counts(self) -> tuple[int, Counted]:
        """The last purge, and what was counted after it, or after a later one."""
        return find_last_purge(self._viewer.org_id), count(self._wanted, now=self._now)

    @property
    def _total(self) -> Count:
        return self._counted.categories[self._wanted.category]

    def _told(self, told: Told) -> Markup:
        return Markup('<time datetime="{0.machine}" title="{0.full}">{0.brief}</time>').format(told)

    def _entry(self, row: Row) -> Markup:
        """Return the day of an entry as a link to it."""
        told = self._told(self._moments.day(ids.moment_of(row.id)))
        return Markup('<a class="link" href="{}/entries/{}">{}</a>').format(self._base, ids.to_text(row.id), told)

    def _by(self, row: Row) -> Markup:
        ref = ActorRef(row.actor_type, row.actor_id)
        if ref == self._ref:
            return Markup("by themselves")
        href = person_href(self._base, ref)
        return Markup('by <a class="link" href="{}"><bdi>{}</bdi></a>').format(href, visible(row.actor_name))
