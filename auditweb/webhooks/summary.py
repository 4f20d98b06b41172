"""
What a log tells of a week that is over, as a plain text: what the security review found, and exact numbers.

Each has the address of what it tells of.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, func, select

from auditweb import catalogue, ids
from auditweb.catalogue import Action, Category
from auditweb.extensions import db
from auditweb.hidden_characters import visible_text
from auditweb.models import Finding, Leaf, LogHead, ReviewCursor
from auditweb.reading import days
from auditweb.reading.counts import Count, count
from auditweb.reading.filters import LogFilter, query_of
from auditweb.reading.flags import Flag

AT: Final = time(8)  # on Monday, by the clocks of the organisation
MOST_FINDINGS: Final = 99  # from before the week, that are counted
TOLD_FINDINGS: Final = 10  # of the week, that are told one by one
WORTH_A_LOOK: Final[tuple[tuple[str, Action], ...]] = (
    ("Refused sign-ins", catalogue.SIGN_IN_REFUSED),
    ("Two-factor resets", catalogue.TWO_FACTOR_RESET),
    ("Parts of the log shared", catalogue.LOG_SHARED),
    ("Exports of the log", catalogue.LOG_EXPORTED),
    ("Exports prepared on request", catalogue.EXPORT_REQUESTED),
)


@dataclass(frozen=True, slots=True)
class Week:
    """A week of an organisation, from its *monday* on, in the organisation's zone. *log* is the address of its log."""

    org_id: int
    name: str
    zone: str
    log: str
    monday: date

    @property
    def sunday(self) -> date:
        return self.monday + timedelta(days=6)

    @property
    def subject(self) -> str:
        return f"{visible_text(self.name)}: the week from {days.span(self.monday, self.sunday)}"


def due(monday: date, zone: str) -> datetime:
    """Return when the mail of a Monday is sent, about the week before."""
    return datetime.combine(monday, AT, ZoneInfo(zone)).astimezone(UTC)


def tell(week: Week, *, setting: str) -> str:
    """Return the text about a week; *setting* is where its reader says that they want no more of these."""
    return "\n".join(_lines(week, setting))


def _lines(week: Week, setting: str) -> Iterator[str]:
    wanted = LogFilter(org_id=week.org_id, org_zone=week.zone, from_=week.monday, to=week.sunday, tz=week.zone)
    counted = count(wanted).categories
    total = counted[None]
    span = f"{days.span(week.monday, week.sunday)} ({days.place(week.zone)} time)"
    yield f"{visible_text(week.name)}, {span}"
    yield ""
    if not total.number and total.exact:
        yield "Nothing was recorded in the audit log. If that is a surprise, see what is recorded and when it was last:"
        yield week.log + "/coverage"
    else:
        yield f"{_spelled(total)} {'entry' if total == Count(1) else 'entries'} in the audit log:"
        yield week.log + wanted.query()
    yield ""
    yield "Security review"
    yield from _findings(week, wanted)
    if total != Count(0):
        yield ""
        yield "By category"
        for category in Category:
            if (number := counted[category]) != Count(0):
                yield f"{category.label}: {_spelled(number)}"
                yield week.log + wanted.with_(category=category).query()
        yield ""
        yield "Worth a look"
        yield from _worth_a_look(week, wanted)
    yield ""
    yield "You get this on Monday because you asked for it. To get no more of it, say so in your profile:"
    yield setting
    yield ""


def _worth_a_look(week: Week, wanted: LogFilter) -> Iterator[str]:
    for label, action in WORTH_A_LOOK:
        asked = wanted.with_(action=action.slug)
        number = count(asked).categories[None]
        if number == Count(0):
            yield f"{label}: none"
        else:
            yield f"{label}: {_spelled(number)}"
            yield week.log + asked.query()


def _findings(week: Week, wanted: LogFilter) -> Iterator[str]:
    """Tell what was found in the week, whatever became of it since, and how much from before waits for a decision."""
    since, until = days.start_of(week.monday, week.zone), days.end_of(week.sunday, week.zone)
    here = (Finding.org_id == week.org_id, Finding.at >= since, Finding.at < until)
    states = select(Finding.state, func.count()).where(*here).group_by(Finding.state)
    numbers: dict[str, int] = dict(db.session.execute(states).all())
    total = sum(numbers.values())
    if waiting := _not_reviewed(week.org_id, ids.first_id_at(until)):
        entries = "1 entry is" if waiting == 1 else f"{waiting:,} entries are"
        yield f"It has not come to the end of this week yet: {entries} still to be reviewed."
    yield f"Findings: {total or 'none'}"
    if total:
        yield f"{week.log}/review{query_of(wanted.to_args())}&state=all"
        rows = db.session.execute(_told(*here)).all()
        for row in rows:
            yield from _finding(week, row)
        if more := total - len(rows):
            aside = numbers.get("set_aside", 0)
            yield ""
            yield f"{more} more{f', {aside} of them set aside' if 0 < aside < more else ' set aside' if aside else ''}"
    # Such as a second factor that was reset on Sunday, and is not set up again a day later.
    since_then = Finding.found_at >= due(week.monday, week.zone)
    before = (Finding.org_id == week.org_id, Finding.at >= since - timedelta(days=7), Finding.at < since, since_then)
    if late := db.session.execute(_told(*before)).all():
        yield ""
        yield "Found since the last mail, of the week that it told of:"
        for row in late:
            yield from _finding(week, row)
    if earlier := _open_before(week.org_id, since):
        yield ""
        yield f"Still open from before this week: {_spelled(earlier)}"
        yield f"{week.log}/review?to={week.monday - timedelta(days=1)}&tz={week.zone}"


def _told(*conditions: ColumnElement[bool]) -> Select[str, str, str, str, str]:
    """Ask for the newest findings that nobody has set aside."""
    columns = (Finding.id, Finding.kind, Finding.subject_name, Finding.sentence, Finding.state)
    wanted = select(*columns).where(*conditions, Finding.state != "set_aside")
    return wanted.order_by(Finding.at.desc(), Finding.id.desc()).limit(TOLD_FINDINGS)


def _finding(week: Week, row: Any) -> Iterator[str]:
    yield ""
    decided = " (confirmed)" if row.state == "confirmed" else ""
    yield f"{Flag(row.kind).label}: {visible_text(row.subject_name)}{decided}"
    yield visible_text(row.sentence)
    yield f"{week.log}/review/{row.id}"


def _open_before(org_id: int, moment: datetime) -> Count | None:
    """Return how many findings of before a moment are open, or None where there are none."""
    mine = (Finding.org_id == org_id, Finding.state == "open", Finding.at < moment)
    some = select(Finding.id).where(*mine).limit(MOST_FINDINGS + 1)
    number = db.session.scalar(select(func.count()).select_from(some.subquery())) or 0
    return Count(min(number, MOST_FINDINGS), exact=number <= MOST_FINDINGS) if number else None


def _not_reviewed(org_id: int, before: int) -> int:
    """Return how many entries the review has not read yet, if the next of them is of a time before an id."""
    read = func.coalesce(select(ReviewCursor.position).where(ReviewCursor.org_id == org_id).scalar_subquery(), 0)
    size = db.session.execute(select(LogHead.size, read).where(LogHead.org_id == org_id)).first()
    if size is None or size[1] >= size[0]:
        return 0
    mine = (Leaf.org_id == org_id, Leaf.leaf_index == size[1])
    following = db.session.scalar(select(Leaf.event_id).where(*mine))
    return int(size[0] - size[1]) if following is not None and following < before else 0


def _spelled(number: Count) -> str:
    return f"{number.number:,}{'' if number.exact else '+'}"
