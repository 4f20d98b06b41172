"""
Preparing exports: taking one, writing its file, and saying how far it is.

The file is written under a name that ends in .part, brought to the disk, and renamed only when it is whole; then the
job is done. What a worker says of a job counts only as long as the job is its own: one that was cancelled, or taken
over because its worker seemed to be gone, is put down at the next look, and what was written of it deleted.
"""

import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path
from time import monotonic
from typing import Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from auditweb import catalogue, clock, transactions
from auditweb.database import OUT_OF_REACH
from auditweb.exports import contents
from auditweb.exports.contents import Contents
from auditweb.exports.jobs import EXPORTER, KEPT, UNDER_WAY, size_in_words, tell
from auditweb.exports.keeping import name_of
from auditweb.exports.workers import Worker, is_gone
from auditweb.models import ExportJob, Organisation

AT_ONCE: Final = 2  # of an organisation
MOST_TRIES: Final = 3
SILENT: Final = timedelta(seconds=60)  # after which a worker of which nothing else is known is taken for gone
SAID_EVERY: Final = 1.0  # seconds
KEPT_FREE: Final = (
    1_000_000_000,
    10,
)  # bytes of the disk, or one part of so many where that is less: none of it is taken

KILLED: Final = (
    f"The server was stopped {MOST_TRIES} times while this was being prepared. Start the export again; if that happens "
    "again, tell whoever runs this server."
)
TOO_BUSY: Final = (
    f"The database was out of reach or too busy {MOST_TRIES} times while this was being prepared. Start the export "
    "again later; if that happens again, tell whoever runs this server."
)
NO_ROOM: Final = (
    "There was no room left for the file on the server’s disk. Delete prepared exports that nobody needs any more, or "
    "ask whoever runs this server to make room, then start the export again, or export fewer entries."
)
_NOT_WRITTEN: Final = (
    "The file could not be written on the server ({reason}). Tell whoever runs this server, then start the export "
    "again."
)
_BROKEN: Final = (
    "Something went wrong on the server while this was being prepared. Start the export again; if that happens again, "
    "tell whoever runs this server that its log has the details of export {id}."
)

_log = structlog.stdlib.get_logger("auditweb.exports")


class _PutDown(Exception):  # noqa: N818  (its name says what it is)
    """The job is not this worker's any more."""


class _Stopped(Exception):  # noqa: N818
    """Whoever started this worker has had enough of it."""


@dataclass(frozen=True, slots=True)
class _Written:
    size: int
    sha256: str
    entries: int


def is_claimable(engine: Engine) -> bool:
    """Tell whether there is something to do."""
    with transactions.reading(), Session(engine) as session:
        return bool(_waiting(session))


def work(engine: Engine, folder: Path, worker: Worker, stopping: threading.Event) -> int:
    """Prepare one export after the other until none waits or *stopping* is set; return how many were taken."""
    taken = 0
    while not stopping.is_set() and (job := claim(engine, worker)):
        taken += 1
        prepare(engine, folder, worker, job, stopping)
    return taken


def claim(engine: Engine, worker: Worker) -> ExportJob | None:
    """Make a waiting export *worker*'s own and return it; of several organisations, whose last turn was longest ago."""
    with transactions.reading(), Session(engine) as session:
        waiting = _waiting(session)
    for org_id, job_id in waiting:
        with Session(engine, expire_on_commit=False) as session, session.begin():
            # Two workers that take two exports of the same organisation see each other's.
            session.execute(_locked(org_id))
            if (session.scalar(_running(org_id)) or 0) >= AT_ONCE:
                continue
            now = clock.now()
            claimed = (
                sa.update(ExportJob)
                .where(ExportJob.org_id == org_id, ExportJob.id == job_id, ExportJob.state == "queued")
                .values(
                    state="running",
                    claimed_by=worker.name,
                    heartbeat_at=now,
                    started_at=now,
                    done=0,
                    tries=ExportJob.tries + 1,
                )
                .returning(ExportJob)
            )
            if job := session.scalars(claimed).first():
                return job
    return None


def prepare(engine: Engine, folder: Path, worker: Worker, job: ExportJob, stopping: threading.Event) -> None:
    """Write the file of a *job* that is *worker*'s own, and say what became of it."""
    part = folder / name_of(job.org_id, job.id, worker, ".part")
    try:
        made = contents.of(engine, job)
        written = _write(part, made.pieces(), _sayer(engine, folder, worker, job, stopping))
        _finish(engine, folder, worker, job, part, made, written)
    except _PutDown:
        _log.info("put_down", export=job.id)
    except _Stopped:
        _put_back(engine, worker, job, tries=job.tries - 1)  # which was no fault of it
    except OUT_OF_REACH as error:
        _log.warning("out_of_reach", export=job.id, error=type(error).__name__)
        with suppress(*OUT_OF_REACH):  # or it is found when this worker is gone
            _give_up(engine, worker, job)
    except contents.NothingToSayError as error:
        _fail(engine, worker, job, str(error))
    except OSError as error:
        _log.warning("not_written", export=job.id, error=str(error))
        full = error.errno in (ENOSPC, EDQUOT, EFBIG)
        _fail(engine, worker, job, NO_ROOM if full else _NOT_WRITTEN.format(reason=error.strerror or "unknown"))
    except Exception:  # noqa: BLE001 - whatever it was, whoever waits for the file must learn of it
        _log.exception("export failed", export=job.id)
        _fail(engine, worker, job, _BROKEN.format(id=job.id))
    finally:
        part.unlink(missing_ok=True)


def revive(engine: Engine, folder: Path) -> int:
    """Have exports begun anew whose worker is gone, or let them fail that were tried often; return how many."""
    with transactions.reading(), Session(engine) as session:
        running = sa.select(ExportJob.org_id, ExportJob.id, ExportJob.claimed_by, ExportJob.heartbeat_at)
        found = session.execute(running.where(*UNDER_WAY, ExportJob.state == "running")).all()
    dead = [
        (org_id, job_id, name)
        for org_id, job_id, name, said_at in found
        if name is None or _is_silent(said_at) or is_gone(name, folder)
    ]
    return sum(_take_away(engine, *each) for each in dead)


def _is_silent(said_at: datetime | None) -> bool:
    return said_at is None or said_at < clock.now() - SILENT


def _take_away(engine: Engine, org_id: int, job_id: str, name: str | None) -> bool:
    with Session(engine) as session, session.begin():
        mine = (ExportJob.org_id == org_id, ExportJob.id == job_id, ExportJob.state == "running")
        query = sa.select(ExportJob).where(*mine, ExportJob.claimed_by.is_not_distinct_from(name)).with_for_update()
        job = session.scalars(query).first()
        if job is None:
            return False
        _again_or_never(session, job, KILLED)
    _log.warning("worker_gone", export=job_id)
    return True


def _again_or_never(session: Session, job: ExportJob, reason: str) -> None:
    """Let a job wait for another worker, or fail for the last *reason* if it was tried often."""
    if job.tries < MOST_TRIES:
        job.state, job.claimed_by, job.heartbeat_at = "queued", None, None
    else:
        _set_failed(session, job, reason)


# Writing


def _write(part: Path, pieces: Iterator[tuple[bytes, int]], say: Callable[[int], None]) -> _Written:
    """Write *pieces*, each with the number of entries up to it, so that they are on the disk; *say* how far it is."""
    digest, size, entries = hashlib.sha256(), 0, 0
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        _check_room(part.parent)
        for piece, entries in pieces:
            file.write(piece)
            digest.update(piece)
            size += len(piece)
            say(entries)
        file.flush()
        os.fsync(file.fileno())
    return _Written(size, digest.hexdigest(), entries)


def _check_room(folder: Path) -> None:
    """Raise OSError once the disk has no more room than what others on it need, such as the database."""
    disk = shutil.disk_usage(folder)
    most, part = KEPT_FREE
    if disk.free < min(most, disk.total // part):
        raise OSError(ENOSPC, os.strerror(ENOSPC))


def _sayer(
    engine: Engine, folder: Path, worker: Worker, job: ExportJob, stopping: threading.Event
) -> Callable[[int], None]:
    """Return what writes down how far a job is, now and then, and raises if it is not to be gone on with."""
    said_at = monotonic()

    def say(entries: int) -> None:
        nonlocal said_at
        if stopping.is_set():
            raise _Stopped
        if monotonic() - said_at < SAID_EVERY:
            return
        _check_room(folder)
        with Session(engine) as session, session.begin():
            values = {"done": entries, "heartbeat_at": clock.now()}
            _only(session.execute(sa.update(ExportJob).where(*_own(worker, job)).values(values)))
        said_at = monotonic()

    return say


def _finish(
    engine: Engine, folder: Path, worker: Worker, job: ExportJob, part: Path, made: Contents, written: _Written
) -> None:
    """Give the file its name, and say that it is there: in this order, or there might be none."""
    suffix = Path(made.file_name).suffix
    path = folder / name_of(job.org_id, job.id, worker, suffix)
    part.rename(path)
    try:
        _sync(folder)
        with Session(engine) as session, session.begin():
            now = clock.now()
            values = {
                "state": "done",
                "claimed_by": None,
                "done": written.entries,
                "file": path.name,
                "file_name": made.file_name,
                "size": written.size,
                "sha256": written.sha256,
                "finished_at": now,
                "expires_at": now + KEPT,
            }
            _only(session.execute(sa.update(ExportJob).where(*_own(worker, job)).values(values)))
            size = size_in_words(written.size)
            facts = {"records": f"{written.entries:,}", "size": size, "sha256": written.sha256}
            tell(catalogue.EXPORT_COMPLETED, job, EXPORTER, facts, session=session)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _sync(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _fail(engine: Engine, worker: Worker, job: ExportJob, reason: str) -> None:
    with Session(engine) as session, session.begin():
        own = session.scalars(sa.select(ExportJob).where(*_own(worker, job)).with_for_update()).first()
        if own is not None:
            _set_failed(session, own, reason)


def _give_up(engine: Engine, worker: Worker, job: ExportJob) -> None:
    with Session(engine) as session, session.begin():
        own = session.scalars(sa.select(ExportJob).where(*_own(worker, job)).with_for_update()).first()
        if own is not None:
            _again_or_never(session, own, TOO_BUSY)


def _put_back(engine: Engine, worker: Worker, job: ExportJob, *, tries: int) -> None:
    with Session(engine) as session, session.begin():
        values = {"state": "queued", "claimed_by": None, "heartbeat_at": None, "done": 0, "tries": tries}
        session.execute(sa.update(ExportJob).where(*_own(worker, job)).values(values))


def _set_failed(session: Session, job: ExportJob, reason: str) -> None:
    job.state, job.claimed_by, job.reason, job.finished_at = "failed", None, reason, clock.now()
    tell(catalogue.EXPORT_FAILED, job, EXPORTER, {"reason": reason}, session=session)


def _only(result: Any) -> None:
    if result.rowcount != 1:
        raise _PutDown


# Questions


def _own(worker: Worker, job: ExportJob) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        ExportJob.org_id == job.org_id,
        ExportJob.id == job.id,
        ExportJob.state == "running",
        ExportJob.claimed_by == worker.name,
    )


def _waiting(session: Session) -> list[tuple[int, str]]:
    """Return the first waiting export of each organisation that may have another prepared, as they should be taken."""
    found = sa.select(ExportJob.org_id, ExportJob.id, ExportJob.state, ExportJob.started_at).where(*UNDER_WAY)
    first: dict[int, str] = {}
    running: dict[int, int] = {}
    for org_id, job_id, state, _ in session.execute(
        found.order_by(ExportJob.org_id, ExportJob.created_at, ExportJob.id)
    ):
        if state == "queued":
            first.setdefault(org_id, job_id)
        else:
            running[org_id] = running.get(org_id, 0) + 1
    free = [org_id for org_id in first if running.get(org_id, 0) < AT_ONCE]
    if len(free) > 1:
        free.sort(
            key=lambda org_id: (running.get(org_id, 0), session.scalar(_last_turn(org_id)) or _NEVER, first[org_id])
        )
    return [(org_id, first[org_id]) for org_id in free]


_NEVER: Final = datetime.min.replace(tzinfo=clock.now().tzinfo)


def _last_turn(org_id: int) -> sa.Select[datetime | None]:
    return sa.select(sa.func.max(ExportJob.started_at)).where(ExportJob.org_id == org_id)


def _running(org_id: int) -> sa.Select[int]:
    return sa.select(sa.func.count()).where(ExportJob.org_id == org_id, *UNDER_WAY, ExportJob.state == "running")


def _locked(org_id: int) -> sa.Select[int]:
    return sa.select(Organisation.id).where(Organisation.id == org_id).with_for_update(key_share=True)
