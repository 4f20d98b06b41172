"""
The folder of exports: who may read it, which files belong there, and when they go.

Files are deleted seven days after they were ready, and each time that is an entry. What a worker left behind that was
killed goes at the next look; files of which nothing is known go once they are older than any export can be.
"""

import re
import time
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from auditweb import catalogue, clock, transactions
from auditweb.exports.jobs import KEPT, LISTED, tell
from auditweb.exports.workers import LOCKS, Worker
from auditweb.models import DeletedOrganisation, ExportJob
from auditweb.parties import Actor

_AT_ONCE: Final = 500
_NAME: Final = re.compile(r"([0-9]{1,18})-([0-9a-z]+)\.([0-9a-z]+)\.")


def folder_in(data_dir: Path) -> Path:
    """Return the folder of exports, which only whoever runs the server can read."""
    folder = data_dir / "exports"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def name_of(org_id: int, job_id: str, worker: Worker, suffix: str) -> str:
    """Return what the file of an export is called while *worker* has it: it tells whose it is, and shares no name."""
    return f"{org_id}-{job_id}.{worker.mark}{suffix}"


def delete(folder: Path, names: Sequence[str]) -> None:
    """Delete files of exports, of which some may be gone already."""
    for name in names:
        with suppress(FileNotFoundError):
            (folder / name).unlink()


def count_expired(engine: Engine) -> int:
    """Return of how many exports the time is over, without doing anything."""
    with transactions.reading(), Session(engine) as session:
        return session.scalar(sa.select(sa.func.count()).where(*_is_over())) or 0


def expire(engine: Engine, folder: Path, *, actor: Actor) -> int:
    """Delete the files of exports whose time is over, with an entry for each; return how many they were."""
    gone = 0
    while True:
        with Session(engine) as session, session.begin():
            over = sa.select(ExportJob).where(*_is_over()).order_by(ExportJob.expires_at, ExportJob.id).limit(_AT_ONCE)
            jobs = session.scalars(over.with_for_update(skip_locked=True)).all()
            files = [job.file for job in jobs if job.file]
            for job in jobs:
                job.state, job.file = "expired", None
                tell(catalogue.EXPORT_EXPIRED, job, actor, session=session)
        # Killed here, it leaves files of which no job tells: they are swept.
        delete(folder, files)
        gone += len(jobs)
        if len(jobs) < _AT_ONCE:
            return gone


def tidy(engine: Engine, folder: Path) -> None:
    """Delete what lies in the folder and belongs to no export any more, and forget those that ended long ago."""
    present = {path: _read(path.name) for path in folder.iterdir() if path.is_file()}
    with transactions.reading(), Session(engine) as session:
        wanted = sa.select(ExportJob.id, ExportJob.file, ExportJob.claimed_by)
        asked = {job_id for _, job_id, _ in present.values()}
        known = {job_id: rest for job_id, *rest in session.execute(wanted.where(ExportJob.id.in_(asked)))}
        gone = set(
            session.scalars(
                sa.select(DeletedOrganisation.org_id).where(
                    DeletedOrganisation.org_id.in_({org_id for org_id, *_ in present.values()})
                )
            )
        )
    for path, (org_id, job_id, mark) in present.items():
        if job_id in known:
            file, claimed_by = known[job_id]
            # The names were read first: a file that was there then is its job's, or was that of an earlier worker.
            is_left_behind = path.name != file and (claimed_by is None or Worker(claimed_by).mark != mark)
        else:
            is_ours = bool(job_id) or path.suffix == LOCKS
            is_left_behind = org_id in gone or (is_ours and _is_older_than_all(path))
        if is_left_behind:
            path.unlink(missing_ok=True)
    forget(engine)


def forget(engine: Engine) -> None:
    """Take exports off the list that ended long ago; the log goes on telling of them."""
    with Session(engine) as session, session.begin():
        ended = (ExportJob.state.in_(("failed", "cancelled", "expired")), ExportJob.finished_at < clock.now() - LISTED)
        session.execute(sa.delete(ExportJob).where(*ended))


@contextmanager
def without_files_of(engine: Engine, org_id: int, folder: Path) -> Iterator[None]:
    """Delete the files of an organisation that is deleted within the block, with all that tells of them."""
    with transactions.reading(), Session(engine) as session:
        known = set(session.scalars(sa.select(ExportJob.id).where(ExportJob.org_id == org_id)))
    _delete_those_of(known, folder)
    yield
    _delete_those_of(known, folder)  # and what a process was about to finish


def _delete_those_of(jobs: Set[str], folder: Path) -> None:
    delete(folder, [path.name for path in folder.iterdir() if _read(path.name)[1] in jobs])


def _read(name: str) -> tuple[int, str, str]:
    """Return whose a file is, of which export and by which worker; what is not named as one is nobody's."""
    found = _NAME.match(name)
    return (int(found[1]), found[2], found[3]) if found else (0, "", "")


def _is_over() -> tuple[sa.ColumnElement[bool], ...]:
    return ExportJob.state == "done", ExportJob.expires_at <= clock.now()


def _is_older_than_all(path: Path) -> bool:
    """Tell whether no export can have a file any more, not even one that another database tells of."""
    try:
        return path.stat().st_mtime < time.time() - KEPT.total_seconds() - 3600
    except FileNotFoundError:
        return False
