"""Recording what was read: checked record by record, committed in chunks, each entry once however often it is run."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from auditweb import bulk, recorder, transactions
from auditweb.accounts.entries import OPERATOR
from auditweb.api.ingest import Fault, Sender, conflicts, read_event
from auditweb.bulk import Checked
from auditweb.catalogue import LOG_IMPORT_STARTED, LOG_IMPORTED
from auditweb.extensions import db
from auditweb.importing.lines import Counter, counter, key_of
from auditweb.importing.mapping import MappingFile
from auditweb.importing.reading import Found
from auditweb.parties import Actor, ActorType
from auditweb.recordable import shortened
from auditweb.recorder import IdempotencyConflict, record

CHUNK: Final = 500  # committed at once: on SQLite, where writers take turns, nobody waits long

_OURS = frozenset({"id", "recorded_at"})


class Refused(NamedTuple):
    """A record that is not in the log: the line it begins in, why, and how it stands there."""

    line: int
    faults: list[Fault]
    source: str


@dataclass(slots=True)
class Tally:
    """How many records were read, and what became of them."""

    read: int = 0
    recorded: int = 0
    known: int = 0
    ignored: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Import:
    """
    One run: the log that entries go to, the name of the file they come from, what it means, and what is told of it.

    *tell* gets each record that is refused; *step* is called every CHUNK records, and may end the run by raising. With
    *dry_run* everything is checked and nothing written.
    """

    org_id: int
    file_name: str
    mapping: MappingFile | None
    tell: Callable[[Refused], object]
    step: Callable[[], object]
    dry_run: bool = False
    tally: Tally = field(default_factory=Tally)

    def run(self, found: Iterable[Found]) -> None:
        """Record all that is *found*; the tally tells, also if it ends early, what is in the log."""
        sender = Sender(self.org_id, Actor(ActorType.SYSTEM, "import", shortened(f"Import of {self.file_name}")))
        with counter() as seen:
            checks = _DryRun(sender, seen) if self.dry_run else _Writing(sender, self.file_name)
            chunk: dict[int, tuple[Found, Checked]] = {}
            for place, each in enumerate(found):
                if place % CHUNK == 0:
                    self.step()
                self.tally.read += 1
                item = self._item(each, sender, place, seen)
                if isinstance(item, list):
                    self._refuse(each, item)
                elif item is None:
                    self.tally.ignored += 1
                else:
                    chunk[place] = each, item
                if len(chunk) == CHUNK:
                    self._take(chunk, checks)
                    chunk = {}
            self._take(chunk, checks)
            if self.tally.recorded and not self.dry_run:
                _record_end(self.org_id, self.file_name, self.tally)

    def _item(self, each: Found, sender: Sender, place: int, seen: Counter) -> Checked | list[Fault] | None:
        if each.fault:
            return [Fault("", each.fault)]
        try:
            return self._event(each, sender, place, seen)
        except RecursionError:
            return [Fault("", "this is nested too deeply")]

    def _event(self, each: Found, sender: Sender, place: int, seen: Counter) -> Checked | list[Fault] | None:
        event: Any = each.value
        if self.mapping is not None:
            event = self.mapping.event_of(event)
            if event is None or isinstance(event, list):
                return event
        key = key_of(each.value, seen) if event.get("idempotency_key") is None else None
        return read_event(event, sender, place, key)

    def _take(self, chunk: dict[int, tuple[Found, Checked]], checks: "_Writing | _DryRun") -> None:
        """Take a chunk into the log, without those whose idempotency key belongs to something else."""
        items = [item for _, item in chunk.values()]
        while items:
            try:
                new = checks.take(items)
            except IdempotencyConflict as error:
                # All that can be found at once: asking again for each would take long, if there are many.
                found = {each.index: each for each in (*conflicts(items, checks.sender), error)}
                for place, conflict in found.items():
                    self._refuse(chunk[place or 0][0], [Fault(conflict.field, conflict.reason)])
                items = [item for item in items if item.place not in found]
                continue
            self.tally.recorded += sum(new)
            self.tally.known += len(new) - sum(new)
            return

    def _refuse(self, each: Found, faults: list[Fault]) -> None:
        self.tally.refused += 1
        self.tell(Refused(each.line, faults, each.source))


class _Writing:
    """Commits chunks. The first that brings something new says in the same transaction that an import began."""

    def __init__(self, sender: Sender, file_name: str) -> None:
        self.sender = sender
        self._file_name = file_name
        self._told = False

    def take(self, items: Sequence[Checked]) -> Sequence[bool]:
        try:
            new = bulk.write_checked(items, org_id=self.sender.org_id)
            if not self._told and any(new):
                facts = {"file": self._file_name}
                record(LOG_IMPORT_STARTED, org_id=self.sender.org_id, actor=OPERATOR, facts=facts)
            db.session.commit()
        except BaseException:
            db.session.rollback()
            raise
        self._told |= any(new)
        return new


class _DryRun:
    """Says of chunks what `_Writing` would: of what is in the log, and of what came before in the same file."""

    def __init__(self, sender: Sender, seen: Counter) -> None:
        self.sender = sender
        self._seen = seen
        self._compared: dict[int, tuple[int, bool]] = {}

    def take(self, items: Sequence[Checked]) -> Sequence[bool]:
        org_id = self.sender.org_id
        try:
            with transactions.reading():
                if found := bulk.find_conflicts(items, org_id=org_id):
                    raise found[0]
                keys = [item.row["idempotency_key"] for item in items]
                known = recorder.find_by_keys(db.session.connection(), org_id, keys)
        finally:
            db.session.rollback()
        return [self._is_new(item) and item.row["idempotency_key"] not in known for item in items]

    def _is_new(self, item: Checked) -> bool:
        if item.place not in self._compared:  # one that came to here before, with another that was then refused
            said = {name: value for name, value in item.row.items() if name not in item.omitted | _OURS}
            self._compared[item.place] = self._seen.compare(f"key {item.row['idempotency_key']}", repr(said))
        times, same = self._compared[item.place]
        if not same:
            error = IdempotencyConflict("idempotency_key", "an earlier line with this key says something else")
            error.index = item.place
            raise error
        return times == 1


def shown_name(path: Path) -> str:
    """Return the name of a file as entries have it: without its folder, and in UTF-8 whatever its bytes are."""
    return os.fsencode(path.name).decode("utf-8", "replace").strip() or "a file without a name"


def _record_end(org_id: int, file_name: str, tally: Tally) -> None:
    counts = {"entries": tally.recorded, "known": tally.known, "ignored": tally.ignored, "refused": tally.refused}
    told = {name: f"{number:,}" for name, number in counts.items() if number}
    try:
        record(LOG_IMPORTED, org_id=org_id, actor=OPERATOR, facts={"file": file_name} | told)
        db.session.commit()
    finally:
        db.session.rollback()
