"""
Looking for what webhooks are to be told, without end: a thread of the server, of which one among all workers and
machines is at work.

What is found is written down as a delivery, and the cursor moved, in one transaction: killed at any moment, nothing
is lost. While nothing is new, it asks one short question twice a second for each organisation that has webhooks.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy import Engine, Row

from auditweb import transactions
from auditweb.ledger.leading import ServerThread, keep_at
from auditweb.models import Organisation, Webhook
from auditweb.reading.parameters import BadFilter
from auditweb.webhooks import outbox
from auditweb.webhooks.delivering import LogOf, deliver
from auditweb.webhooks.sending import Caller
from auditweb.webhooks.sources import SOURCES, Kind, New, Watched
from auditweb.webhooks.turns import Turns

PAUSE: Final = 0.5  # seconds between looks
LOOK_LASTS: Final = 1.0  # seconds, about
TIDY_EVERY: Final = 60.0
SENDERS: Final = 8  # deliveries under way at once

_TOLD_AFTER: Final = 1000  # places without anything, after which a cursor is moved all the same
_TOLD_EVERY: Final = 30.0  # seconds

_log = structlog.stdlib.get_logger("auditweb.webhooks")


@dataclass(slots=True)
class _Behind:
    """A webhook that was told of all up to *cursor*, while there may be more up to *end*."""

    kind: Kind
    hook: Row[Any]
    end: int
    cursor: int
    is_done: bool = False


class Watcher:
    """
    Finds what is new for each webhook, and writes it down to be sent.

    All get on by a step at a time, and a look ends after *lasts* seconds: whoever has much to look through after a long
    pause holds up nobody else, and goes on with the next look.
    """

    def __init__(self, engine: Engine, *, lasts: float = LOOK_LASTS) -> None:
        self._engine = engine
        self._lasts = lasts
        # How far each was looked through beyond its cursor: nothing was there, and that is seldom worth a write.
        self._seen: dict[str, tuple[int, float]] = {}
        self._had_last = ""  # the webhook that got on last

    def look(self) -> int:
        """Write down what is new; return how many deliveries that made."""
        until = monotonic() + self._lasts
        behind, made = self._find_behind(), 0
        while behind:
            for each in list(behind):
                try:
                    made += self._step(each)
                except BadFilter as error:
                    _log.warning("view_cannot_be_read", webhook=each.hook.id, reason=error.reason)
                    each.is_done = True
                except Exception:  # noqa: BLE001 - whatever is wrong with one, the others are told
                    _log.exception("watching failed", webhook=each.hook.id)
                    each.is_done = True
                self._had_last = each.hook.id
                if monotonic() >= until:
                    return made
            behind = [each for each in behind if not each.is_done]
        return made

    def _find_behind(self) -> list[_Behind]:
        """Return the webhooks for which there may be something new, first those that had their turn longest ago."""
        behind = []
        for kind in SOURCES:
            with transactions.reading(), self._engine.connect() as connection:
                watching = connection.execute(_watching(kind)).all()
                ends = {org_id: SOURCES[kind].end(connection, org_id) for org_id in {hook.org_id for hook in watching}}
            behind += [_Behind(kind, hook, ends[hook.org_id], hook.cursor) for hook in watching]
        behind.sort(key=lambda each: (each.hook.id <= self._had_last, each.hook.id))
        return [each for each in behind if self._place(each)[0] < each.end]

    def _place(self, each: _Behind) -> tuple[int, float]:
        """Return how far one was looked through, and when it was last told that there was nothing."""
        seen, since = self._seen.get(each.hook.id, (each.cursor, monotonic()))
        return max(seen, each.cursor), since

    def _step(self, each: _Behind) -> int:
        """Go on by a step for one webhook; return how many deliveries that made."""
        hook = each.hook
        seen, since = self._place(each)
        watched = Watched(hook.org_id, hook.slug, hook.zone, hook.query)
        with transactions.reading(), self._engine.connect() as connection:
            if not outbox.has_room(connection, hook.org_id, hook.id):
                each.is_done = True
                return 0
            new = SOURCES[each.kind].after(connection, watched, seen)
        each.is_done = new.cursor <= seen or new.cursor >= each.end
        is_late = new.cursor > seen and monotonic() - since >= _TOLD_EVERY
        if new.items or is_late or new.cursor - each.cursor >= _TOLD_AFTER:
            if not self._write(each.kind, hook, each.cursor, new):
                each.is_done = True  # it was changed meanwhile: the next look goes by what is true then
                return 0
            each.cursor, since = new.cursor, monotonic()
        self._seen[hook.id] = (new.cursor, since)
        return 1 if new.items else 0

    def _write(self, kind: Kind, hook: Row[Any], cursor: int, new: New) -> bool:
        """Move the cursor and write the delivery down, if the webhook is still as it was."""
        same = (Webhook.org_id == hook.org_id, Webhook.id == hook.id, Webhook.cursor == cursor)
        moved = sa.update(Webhook).where(*same, Webhook.paused_at.is_(None)).values(cursor=new.cursor)
        with self._engine.begin() as connection:
            if connection.execute(moved).rowcount != 1:
                self._seen.pop(hook.id, None)
                return False
            if new.items:
                outbox.add(connection, hook.org_id, hook.id, kind, new.items)
        return True


class Senders:
    """Sends what is due, so many deliveries at once; whoever is done with one goes on with what has its turn next."""

    def __init__(self, engine: Engine, caller: Caller, log_of: LogOf, pool: ThreadPoolExecutor) -> None:
        self._engine = engine
        self._caller = caller
        self._log_of = log_of
        self._pool = pool
        self._turns = Turns()
        self._lock = threading.Lock()
        self._at_work = 0
        self._ends = False

    def dispatch(self) -> None:
        """See what is due, and have it sent, as far as there is somebody to do it."""
        resting = self._turns.resting()
        self._turns.know(outbox.due(self._engine), outbox.asked_for(self._engine, resting))
        with self._lock:
            while self._at_work < SENDERS and (due := self._turns.take()):
                self._at_work += 1
                self._pool.submit(self._work, due)

    def end(self) -> None:
        """Let what is being sent be the last."""
        self._ends = True

    def _work(self, due: outbox.Due | None) -> None:
        try:
            while due is not None:
                self._serve(due)
                due = None if self._ends else self._turns.take()
        finally:
            with self._lock:
                self._at_work -= 1

    def _serve(self, due: outbox.Due) -> None:
        answered: bool | None = None
        try:
            if claimed := outbox.claim(self._engine, due):
                answered = deliver(self._engine, self._caller, self._log_of, claimed).status is not None
        except Exception:  # noqa: BLE001 - a claim is over soon, and it is tried again
            _log.exception("delivering failed", webhook=due.hook_id)
        finally:
            self._turns.give_back(due, answered=answered)


def watch(
    engine: Engine,
    stopping: threading.Event,
    *,
    make_caller: Callable[[], Caller],
    log_of: LogOf,
    more: Callable[[], object],
) -> None:
    """Tell webhooks what is new until *stopping* is set, and do *more* every minute."""
    caller = make_caller()

    @contextmanager
    def begin() -> Iterator[Callable[[], None]]:
        with ThreadPoolExecutor(SENDERS + 1, "webhook") as pool:
            watcher, senders = Watcher(engine), Senders(engine, caller, log_of, pool)
            chores = Chores(pool, lambda: _do_chores(engine, more))

            def tell_and_send() -> None:
                watcher.look()
                senders.dispatch()
                chores.do_when_due()

            try:
                yield tell_and_send
            finally:
                senders.end()

    keep_at(engine, "webhooks", stopping, begin, pause=PAUSE)


class Chores:
    """What is done every minute, beside the rest."""

    def __init__(self, pool: ThreadPoolExecutor, do_them: Callable[[], None]) -> None:
        self._pool = pool
        self._do_them = do_them
        self._last: Future[None] | None = None
        self._begun_at = -TIDY_EVERY

    def do_when_due(self) -> None:
        """Begin them again, once those before are done."""
        if monotonic() - self._begun_at >= TIDY_EVERY and (self._last is None or self._last.done()):
            self._last, self._begun_at = self._pool.submit(self._do_them), monotonic()


def _do_chores(engine: Engine, more: Callable[[], object]) -> None:
    """Do what nobody waits for, beside the rest: a mail server that is slow holds up no delivery."""
    try:
        outbox.tidy(engine)
        more()
    except Exception:  # noqa: BLE001 - it is tried again in a minute
        _log.exception("chores failed")


def webhooks_thread(
    url: str, make_caller: Callable[[], Caller], log_of: LogOf, *, more: Callable[[], object]
) -> ServerThread:
    """Return what looks after the webhooks of the database at *url*."""
    return ServerThread("webhooks", url, partial(watch, make_caller=make_caller, log_of=log_of, more=more))


def _watching(kind: Kind) -> sa.Select[*tuple[Any, ...]]:
    """Which webhooks are told of something."""
    columns = (Webhook.id, Webhook.org_id, Webhook.query, Webhook.cursor, Organisation.slug, Organisation.zone)
    return (
        sa.select(*columns)
        .join(Organisation, Organisation.id == Webhook.org_id)
        .where(Webhook.kind == kind, Webhook.paused_at.is_(None), Organisation.disabled_at.is_(None))
    )
