"""The thread that brings what waits in a spool to the server, for as long as it takes."""

import json
import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from auditweb.client.calls import Calls, NotTakenError
from auditweb.client.errors import ClientError, Fault, Refused, SpoolError
from auditweb.client.spool import Spool, add_durably

MOST: Final = 500  # events in one request
LARGEST: Final = 3 * 1024 * 1024  # bytes of them: the API takes 4 MiB
GATHERING: Final = 0.05  # seconds from one request to the next, while fewer wait: keys have so many requests a minute
FIRST_DELAY: Final = 0.25  # seconds before the second try; then twice as long each time
LONGEST_DELAY: Final = 60.0
LONGEST_UNSYNCED: Final = 1.0  # seconds that what was recorded without fsync stays so

_log = logging.getLogger("auditweb.client")


class Sending:
    """Sends what waits in *spool* with *calls*, until it is stopped."""

    def __init__(
        self, spool: Spool, calls: Calls, refused: Path, on_refused: Callable[[Refused], object] | None
    ) -> None:
        self._spool = spool
        self._calls = calls
        self._refused = refused
        self._on_refused = on_refused
        self._changed = threading.Condition()
        self._is_stopping = False
        self._is_hurried = False
        self._most = MOST
        self._tries = 0
        self._again_at = self._not_before = self._synced_at = 0.0  # by the monotonic clock
        self.trouble: str | None = None
        self._thread = threading.Thread(target=self._run, name="auditweb.client", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Say that something waits."""
        with self._changed:
            self._changed.notify_all()

    def check_thread(self) -> None:
        """Raise ClientError in the thread that sends: it would wait there for what it is to do itself."""
        if threading.current_thread() is self._thread:
            raise ClientError("on_refused cannot flush or close: it runs in the thread that sends. Do it in another.")

    def wait_until_settled(self, number: int, timeout: float | None) -> bool:
        """Wait until the first *number* events added are settled; a delay that nobody asked for is cut short."""
        with self._changed:
            self._is_hurried = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._spool.settled >= number, timeout)

    def stop(self, timeout: float) -> None:
        """Send nothing more; a request that is under way has *timeout* seconds to be answered."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._is_stopping:
            try:
                if self._spool.waiting:
                    self._spool.sync()
                    self._send_some()
                    self._went_well()
            except NotTakenError as error:
                self._went_wrong(str(error), error)
            except (ClientError, OSError) as error:
                self._went_wrong(str(error))
            except Exception as error:  # noqa: BLE001 - a fault of ours loses nothing either
                _log.exception("sending failed")
                self._went_wrong(f"Sending failed: {type(error).__name__}.")
            self._pause()
        self._calls.close()

    def _send_some(self) -> None:
        """Send the next batch, and settle it."""
        batch = self._spool.take(self._most, LARGEST)
        try:
            refused = self._deliver(batch.events)
        except NotTakenError as error:
            if error.is_too_much:
                self._most = max(1, len(batch.events) // 2)
            raise
        if refused:
            lines = [json.dumps(_as_line(one), ensure_ascii=False) + "\n" for one in refused]
            add_durably(self._refused, "".join(lines).encode())
        for one in refused:
            self._tell(one)
        self._spool.settle(batch)
        self._most = min(MOST, self._most + max(1, self._most // 8))
        with self._changed:
            self._changed.notify_all()

    def _deliver(self, events: Sequence[bytes]) -> list[Refused]:
        """Return once all *events* are with the server, but for those returned, which it will never take."""
        refused: list[Refused] = []
        left = list(events)
        while left:
            try:
                self._calls.send(left)
                break
            except NotTakenError as error:
                if not error.faults:
                    raise
                for place, faults in error.faults.items():
                    refused.append(Refused(json.loads(left[place]), error.status, tuple(faults)))
                left = [event for place, event in enumerate(left) if place not in error.faults]
        return refused

    def _tell(self, one: Refused) -> None:
        _log.error(
            "the event %s was refused (%d): %s. It is in %s",
            one.idempotency_key,
            one.status,
            "; ".join(_words(fault) for fault in one.faults),
            self._refused,
        )
        if self._on_refused is not None:
            try:
                self._on_refused(one)
            except Exception:  # noqa: BLE001 - it is the caller's, and must not keep other events waiting
                _log.exception("on_refused failed")

    def _went_well(self) -> None:
        self._tries = 0
        self._again_at = 0.0 if self._spool.waiting >= self._most else time.monotonic() + GATHERING
        if self.trouble is not None:
            self.trouble = None
            _log.info("events go to the server again")

    def _went_wrong(self, text: str, error: NotTakenError | None = None) -> None:
        """Tell of *text*, once, and choose when to try again."""
        now = time.monotonic()
        if error is not None and error.is_too_much and error.status:
            return  # at once, with fewer
        if text != self.trouble:
            self.trouble = text
            level = logging.ERROR if error is None or error.is_ours else logging.WARNING
            _log.log(level, "%s Nothing is lost: %s in the spool.", text, in_words(self._spool.waiting))
        self._again_at = now + min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(self._tries, 20)) * random.uniform(0.5, 1)
        self._tries += 1
        if error is not None and error.wait:
            self._not_before = now + error.wait + random.uniform(0, min(1.0, error.wait))

    def _pause(self) -> None:
        """Wait until something waits and it is time to send it; flushing cuts a delay short that nobody asked for."""
        while not self._is_time():
            if time.monotonic() - self._synced_at >= LONGEST_UNSYNCED:
                self._sync()

    def _is_time(self) -> bool:
        """Return whether to go on; False after some waiting, to be asked again."""
        with self._changed:
            left = max(self._not_before, 0.0 if self._is_hurried else self._again_at) - time.monotonic()
            if self._is_stopping or (left <= 0 and self._spool.waiting):
                self._is_hurried = False
                return True
            self._changed.wait(min(left, LONGEST_UNSYNCED) if left > 0 else None)
            return False

    def _sync(self) -> None:
        self._synced_at = time.monotonic()
        try:
            self._spool.sync()
        except SpoolError as error:
            if str(error) != self.trouble:
                self.trouble = str(error)
                _log.error("%s", error)


def in_words(waiting: int) -> str:
    """Tell how many events wait."""
    return "1 event waits" if waiting == 1 else f"{waiting:,} events wait"


def _as_line(one: Refused) -> dict[str, object]:
    return {
        "status": one.status,
        "errors": [{"field": fault.field, "reason": fault.reason} for fault in one.faults],
        "event": one.event,
    }


def _words(fault: Fault) -> str:
    return f"{fault.field}: {fault.reason}" if fault.field else fault.reason
