"""What a log tells of a week that is over, as a plain text: exact numbers, each with the address of what it counts."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sqlalchemy import func, select

from auditweb import catalogue
from auditweb.catalogue import Action, Category
from auditweb.extensions import db
from auditweb.hidden_characters import visible_text
from auditweb.models import Finding
from auditweb.reading import days
from auditweb.reading.counts import Count, count
from auditweb.reading.filters import LogFilter

MOST_FINDINGS: Final = 99  # that are counted
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
    if findings := _open_findings(week.org_id):
        yield f"Findings of the security review that nobody has decided about: {_spelled(findings)}"
        yield week.log + "/review"


def _open_findings(org_id: int) -> Count | None:
    """Return how many findings are open, or None where there are none."""
    some = select(Finding.id).where(Finding.org_id == org_id, Finding.state == "open").limit(MOST_FINDINGS + 1)
    number = db.session.scalar(select(func.count()).select_from(some.subquery())) or 0
    return Count(min(number, MOST_FINDINGS), exact=number <= MOST_FINDINGS) if number else None


def _spelled(number: Count) -> str:
    return f"{number.number:,}{'' if number.exact else '+'}"
