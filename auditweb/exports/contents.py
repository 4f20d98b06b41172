"""What the file of a prepared export holds: entries in a ZIP with their manifest, or all about an organisation."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl

import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from auditweb import transactions
from auditweb.exports import archive, organisation
from auditweb.exports.entries import Export
from auditweb.exports.formats import Format
from auditweb.models import ExportJob, Organisation, Person
from auditweb.reading.filters import LogFilter


class NothingToSayError(Exception):
    """What was to be exported is not there any more; the text is a sentence for whoever asked."""


@dataclass(frozen=True, slots=True)
class Contents:
    """
    A file called *file_name* for whoever downloads it.

    *pieces* goes through all of it, each time from the start, with the number of entries up to each piece.
    """

    file_name: str
    pieces: Callable[[], Iterator[tuple[bytes, int]]]


def of(engine: Engine, job: ExportJob) -> Contents:
    """Return what belongs into the file of *job*. Called for the same job again, it is the same."""
    with transactions.reading(), Session(engine) as session:
        names = sa.select(Organisation.slug, Organisation.name, Organisation.zone, Person.name, Person.email)
        named = names.join(Person, Person.id == job.maker_id).where(Organisation.id == job.org_id)
        found = session.execute(named).first()
    if found is None:
        raise NothingToSayError("The organisation is not there any more.")
    slug, name, org_zone, maker, email = found
    wanted = LogFilter.from_args(_args(job.question), org_id=job.org_id, org_zone=org_zone)
    export = Export.of(
        wanted,
        Format.JSONL if job.kind == "organisation" else Format(job.format),
        zone=job.zone,
        organisation=slug,
        name=name,
        log=job.log,
        made_by=f"{maker} ({email})",
        made_at=job.created_at,
        words=job.words,
    )
    if job.kind == "organisation":
        stem = f"{slug}-organisation-{job.created_at:%Y%m%d-%H%M%S}"
        return Contents(f"{stem}.zip", lambda: organisation.archive_of(engine, job.org_id, export))
    return Contents(f"{export.stem}.zip", lambda: archive.zipped(export))


def _args(question: str) -> MultiDict[str, str]:
    """Read a canonical query string as the page would."""
    return MultiDict(parse_qsl(question, keep_blank_values=True))
