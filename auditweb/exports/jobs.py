"""
Exports that are prepared in the background: asking for one, following it, calling it off, fetching and deleting it.

Every function works in the open transaction. What is done about them by itself stands in `work` and `keeping`.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from os import fstat
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Final, Literal, NamedTuple

from sqlalchemy import ColumnElement, Select, func, literal, select, tuple_, update

from auditweb import catalogue, clock, ids
from auditweb.accounts.charge import take_charge
from auditweb.accounts.permissions import Right, Role, may
from auditweb.accounts.sessions import SignedIn
from auditweb.accounts.team import MissingError, RefusedError
from auditweb.catalogue import Action
from auditweb.database import storable
from auditweb.exports.formats import Format
from auditweb.extensions import db
from auditweb.models import ExportJob, Person
from auditweb.parties import Actor, ActorType, Origin
from auditweb.reading.filters import LogFilter
from auditweb.recorder import AnySession, record

Kind = Literal["log", "organisation"]
State = Literal["queued", "running", "done", "failed", "cancelled", "expired"]

KEPT: Final = timedelta(days=7)
LISTED: Final = timedelta(days=30)  # after it is over, as the log tells of it for longer
MOST_WAITING: Final = 10  # of an organisation, those under way included
MOST_KEPT: Final = 20  # of an organisation, those that wait or are under way included
PAGE: Final = 50
LONGEST_WORDS: Final = 900

RIGHTS: Final[dict[str, Right]] = {"log": Right.READ_LOG, "organisation": Right.MANAGE_SETTINGS}
"""What it takes to see, call off and fetch an export of each kind."""

ARCHIVE: Final = "zip"
"""The format of an organisation’s data."""

EXPORTER: Final = Actor(ActorType.SYSTEM, "exports", "Exports")
"""Whoever prepares them, and deletes them when their time is over."""

DELETED: Final = "The file was deleted before its time was over; the audit log tells by whom."
"""Why there is no file any more, where that was no matter of time."""

NOT_THERE: Final = "There is no file to download: it is not ready, was deleted, or its time is over."

_TWICE: Final = timedelta(minutes=1)  # within which the same question is a button pressed twice
_PIN: Final = re.compile(r"&?upto=[^&]*")
_NO_FACTS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Job:
    """
    An export as its organisation knows it; see `ExportJob`.

    *ahead* is how many of the organisation come before one that waits.
    """

    maker: str
    id: str
    kind: Kind
    words: str
    question: str
    format: str
    state: State
    tries: int
    done: int
    total: int | None
    file: str | None
    file_name: str | None
    size: int | None
    sha256: str | None
    reason: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    ahead: int = 0

    @property
    def is_under_way(self) -> bool:
        return self.state in ("queued", "running")

    @property
    def is_ready(self) -> bool:
        """Whether there is a file to fetch: past its time there is none, deleted or not."""
        return self.state == "done" and self.expires_at is not None and self.expires_at > clock.now()

    @property
    def scope(self) -> str:
        """What it is an export of, in words."""
        return scope_of(self.kind, self.words)

    @property
    def right(self) -> Right:
        """What it takes to see it."""
        return RIGHTS[self.kind]


@dataclass(frozen=True, slots=True)
class Jobs:
    """A page of a list, and whether there are more after it."""

    rows: Sequence[Job]
    has_more: bool = False


# Asking for one


def request_log(
    wanted: LogFilter,
    format_: Format,
    *,
    words: str,
    zone: str,
    log: str,
    total: int | None,
    by: SignedIn,
    origin: Origin,
) -> str:
    """
    Ask for the entries that are *wanted*, and return the id of the job.

    *words* tell the filter, and say nothing where all entries are meant; *log* is the whole address of the log, and
    *total* about how many entries there are. Asked for twice by the same person, it is prepared once. RefusedError if
    too many wait already, or too many files are kept.
    """
    question = wanted.at().pinned(clock.now()).query().removeprefix("?")
    asked = _Asked("log", question, words[:LONGEST_WORDS], format_.value, zone, log)
    return _request(asked, wanted.org_id, total, by, origin)


def request_organisation(org_id: int, *, zone: str, log: str, total: int | None, by: SignedIn, origin: Origin) -> str:
    """Ask for all there is about an organisation; see `request_log`."""
    return _request(_Asked("organisation", "", "", ARCHIVE, zone, log), org_id, total, by, origin)


class _Asked(NamedTuple):
    """What makes a job what it is."""

    kind: Kind
    question: str
    words: str
    format: str
    zone: str
    log: str

    def is_that_of(self, job: ExportJob) -> bool:
        """Tell whether a job was asked for the same, a later last entry apart."""
        question = _PIN.sub("", job.question)
        return self._replace(question=_PIN.sub("", self.question)) == (
            job.kind,
            question,
            job.words,
            job.format,
            job.zone,
            job.log,
        )


def _request(asked: _Asked, org_id: int, total: int | None, by: SignedIn, origin: Origin) -> str:
    take_charge(org_id, by, RIGHTS[asked.kind])
    under_way = db.session.scalars(select(ExportJob).where(ExportJob.org_id == org_id, *UNDER_WAY)).all()
    for other in under_way:
        asked_again = other.maker_id == by.person_id and other.created_at > clock.now() - _TWICE
        if asked.kind == other.kind == "organisation" or (asked_again and asked.is_that_of(other)):
            return other.id
    same = ExportJob.maker_id == by.person_id, ExportJob.question == asked.question
    recent = select(ExportJob).where(ExportJob.org_id == org_id, ExportJob.created_at > clock.now() - _TWICE, *same)
    for other in db.session.scalars(recent.where(*_is_ready())):
        if asked.kind == "log" and asked.is_that_of(other):  # with the same last entry: nothing came in between
            return other.id
    if len(under_way) >= MOST_WAITING:
        raise RefusedError(
            f"{len(under_way)} exports of this organisation are being prepared or wait already. "
            "Wait until some are ready, or cancel one."
        )
    ready = db.session.scalar(select(func.count()).where(ExportJob.org_id == org_id, *_is_ready())) or 0
    if ready + len(under_way) >= MOST_KEPT:
        raise RefusedError(
            f"This organisation has {ready} prepared exports, and no more than {MOST_KEPT} are kept at a time. Delete "
            "one that nobody needs any more under Prepared exports, then ask again."
        )
    job = ExportJob(
        id=ids.random_name(20),
        org_id=org_id,
        maker_id=by.person_id,
        **asked._asdict(),
        state="queued",
        tries=0,
        done=0,
        total=total,
        created_at=clock.now(),
    )
    db.session.add(job)
    db.session.flush()
    tell(catalogue.EXPORT_REQUESTED, job, by.actor, origin=origin)
    return job.id


# Which there are


def find_jobs(org_id: int, role: Role, *, after: str | None = None) -> Jobs:
    """Return the exports that someone with *role* may see, the last one first, from the one *after* another on."""
    found = _all(org_id, _kinds(role))
    if after is not None:
        here = db.session.scalar(
            select(ExportJob.created_at).where(ExportJob.org_id == org_id, ExportJob.id == storable(after))
        )
        if here is None:
            raise MissingError
        place = tuple_(literal(here, ExportJob.created_at.type), literal(after))
        found = found.where(tuple_(ExportJob.created_at, ExportJob.id) < place)
    newest_first = found.order_by(ExportJob.created_at.desc(), ExportJob.id.desc())
    rows = db.session.execute(newest_first.limit(PAGE + 1)).all()
    return Jobs([Job(*row) for row in rows[:PAGE]], has_more=len(rows) > PAGE)


def find_job(org_id: int, job_id: str) -> Job:
    """Return one export; MissingError unless the organisation has it."""
    row = db.session.execute(_all(org_id).where(ExportJob.id == storable(job_id))).first()
    if row is None:
        raise MissingError
    job = Job(*row)
    if job.state != "queued":
        return job
    before = tuple_(ExportJob.created_at, ExportJob.id) < tuple_(
        literal(job.created_at, ExportJob.created_at.type), literal(job.id)
    )
    ahead = select(func.count()).where(ExportJob.org_id == org_id, *UNDER_WAY, before)
    return replace(job, ahead=db.session.scalar(ahead) or 0)


# Calling it off, fetching and deleting it


def cancel(org_id: int, job_id: str, *, by: SignedIn, origin: Origin) -> bool:
    """Call an export off that is not ready yet, and tell whether that was in time."""
    right = find_job(org_id, job_id).right
    take_charge(org_id, by, right)
    ended = (
        update(ExportJob)
        .where(ExportJob.org_id == org_id, ExportJob.id == job_id, *UNDER_WAY)
        .values(state="cancelled", finished_at=clock.now(), claimed_by=None)
        .returning(ExportJob)
    )
    job = db.session.scalars(ended).first()
    if job is not None:
        tell(catalogue.EXPORT_CANCELLED, job, by.actor, origin=origin)
    return job is not None


def fetch(org_id: int, job_id: str, folder: Path, *, by: SignedIn, origin: Origin, quietly: bool = False) -> IO[bytes]:
    """
    Open the file of an export that is ready, and put on record that somebody fetched it, unless done *quietly*.

    RefusedError if there is none, or if it is not what it was when it was done. Once open it can be read to its end,
    also when it is deleted meanwhile.
    """
    found = find_job(org_id, job_id)
    if not found.is_ready or found.file is None:
        raise RefusedError(NOT_THERE)
    file = _opened(folder / found.file, found.size)
    if file is None:
        db.session.rollback()  # or it is seen as it was before somebody deleted it
        if not find_job(org_id, job_id).is_ready:
            raise RefusedError(NOT_THERE)
        raise RefusedError(
            "The file is not where it was put. Start the export again; if that happens again, tell whoever runs this "
            "server that the folder of exports must be the same for all its machines."
        )
    if not quietly:
        try:
            job = db.session.get_one(ExportJob, job_id)
            tell(catalogue.EXPORT_DOWNLOADED, job, by.actor, {"size": size_in_words(found.size or 0)}, origin=origin)
        except BaseException:
            file.close()
            raise
    return file


def _opened(path: Path, size: int | None) -> IO[bytes] | None:
    """Return a file to be read, if it is there and of this *size*."""
    try:
        file = path.open("rb")
    except OSError:
        return None
    if fstat(file.fileno()).st_size == size:
        return file
    file.close()
    return None


def delete(org_id: int, job_id: str, *, by: SignedIn, origin: Origin) -> str | None:
    """
    Let an export that is ready be no more, and return which file goes, once that is committed.

    None if there was no file any more: somebody else was first, or its time was over.
    """
    found = find_job(org_id, job_id)
    take_charge(org_id, by, found.right)
    ended = (
        update(ExportJob)
        .where(ExportJob.org_id == org_id, ExportJob.id == job_id, *_is_ready())
        .values(state="expired", file=None, reason=DELETED, expires_at=clock.now())
        .returning(ExportJob)
    )
    job = db.session.scalars(ended).first()
    if job is None:
        return None
    tell(catalogue.EXPORT_DELETED, job, by.actor, {"size": size_in_words(job.size or 0)}, origin=origin)
    return found.file


# What other modules of this package need, too


UNDER_WAY: Final = (ExportJob.state.in_(("queued", "running")),)


def tell(
    action: Action,
    job: ExportJob,
    actor: Actor,
    facts: Mapping[str, str] = _NO_FACTS,
    *,
    origin: Origin | None = None,
    session: AnySession | None = None,
) -> None:
    """Record what became of an export."""
    known = {"scope": scope_of(job.kind, job.words), "format": format_in_words(job.format), **facts}
    given = {name: known[name] for name in (*action.needed, *action.details) if name in known}
    record(action, org_id=job.org_id, actor=actor, facts=given, origin=origin, session=session)


def _is_ready() -> tuple[ColumnElement[bool], ...]:
    return ExportJob.state == "done", ExportJob.expires_at > clock.now()


def scope_of(kind: str, words: str) -> str:
    """Tell what is exported, for the middle of a sentence."""
    if kind == "organisation":
        return "the organisation’s data"
    return f"audit log entries: {words}" if words else "the whole audit log"


def format_in_words(format_: str) -> str:
    """Tell the format of an export."""
    return "ZIP" if format_ == ARCHIVE else Format(format_).label


def size_in_words(size: int) -> str:
    """Tell a number of bytes: "512 bytes", "1.4 MB"."""
    if size < 1000:
        return f"{size} bytes"
    amount = float(size)
    for unit in ("kB", "MB", "GB", "TB"):
        amount /= 1000
        if amount < 999.95 or unit == "TB":
            break
    return f"{amount:.1f} {unit}"


def _all(org_id: int, kinds: Collection[str] = tuple(RIGHTS)) -> Select[Any]:
    columns = [getattr(ExportJob, field.name) for field in fields(Job) if field.name not in ("maker", "ahead")]
    query: Select[Any] = select(Person.name, *columns).join(Person, Person.id == ExportJob.maker_id)
    query = query.where(ExportJob.org_id == org_id)
    return query if len(kinds) == len(RIGHTS) else query.where(ExportJob.kind.in_(kinds))


def _kinds(role: Role) -> list[str]:
    return [kind for kind, right in RIGHTS.items() if may(role, right)]
