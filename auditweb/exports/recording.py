"""That entries leave the log is itself an entry."""

from auditweb import catalogue
from auditweb.exports.entries import Export
from auditweb.parties import Actor, Origin
from auditweb.reading.counts import Count
from auditweb.recorder import MAX_FACT, record


def record_export(org_id: int, export: Export, counted: Count, *, by: Actor, origin: Origin) -> None:
    """Add to the caller's transaction that *export* begins."""
    entries = f"{counted.number:,}{'' if counted.exact else '+'}"
    facts = {"format": export.format.label, "filter": _cut(export.words), "entries": entries}
    record(catalogue.LOG_EXPORTED, org_id=org_id, actor=by, facts=facts, origin=origin)


def _cut(words: str) -> str:
    return words if len(words) <= MAX_FACT else words[: MAX_FACT - 1] + "…"
