"""That entries leave the log is itself an entry."""

from auditweb import catalogue
from auditweb.exports.entries import Export
from auditweb.parties import Actor, Origin
from auditweb.reading.counts import Count
from auditweb.recordable import MAX_FACT
from auditweb.recorder import record


def record_export(
    org_id: int, export: Export, counted: Count, *, by: Actor, origin: Origin, sha256: str | None = None
) -> None:
    """Add to the caller's transaction that *export* begins; *sha256* is that of a file that is made already."""
    entries = f"{counted.number:,}{'' if counted.exact else '+'}"
    facts = {"format": export.format.label, "filter": _cut(export.words), "entries": entries}
    if sha256 is not None:
        facts["sha256"] = sha256
    record(catalogue.LOG_EXPORTED, org_id=org_id, actor=by, facts=facts, origin=origin)


def _cut(words: str) -> str:
    return words if len(words) <= MAX_FACT else words[: MAX_FACT - 1] + "…"
