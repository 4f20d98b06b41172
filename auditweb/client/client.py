"""The client: what a program calls to record events elsewhere."""

import json
import logging
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from uuid import uuid4

from auditweb.client.calls import Calls
from auditweb.client.errors import ClientError, EventError, Refused
from auditweb.client.sending import Sending, in_words
from auditweb.client.spool import LONGEST, Spool
from auditweb.parties import Actor, Outcome, Target

DEFAULT_LIMIT: Final = 256 * 1024 * 1024
DEFAULT_TIMEOUT: Final = 30.0
CLOSING: Final = 10.0  # seconds that closing waits for the server

_log = logging.getLogger("auditweb.client")


class Client:
    """
    Records events in the log of the organisation that *key* belongs to, at the server *url*.

    What `record` returns for is in the file *spool*, on the disk, and goes from there to the server in the background,
    whatever becomes of this process, the machine or the server meanwhile: once. Each client needs a spool of its own;
    whoever opens it next sends what still waits in it. Any thread may call it; a process that was forked needs its own.

    Up to *limit* bytes may wait. Events that the server refuses for good go to the file `<spool>.refused`, to the
    program's log, and to *on_refused*, which is called in the background and may record but not flush or close.
    Certificates are checked against those that the machine trusts, or those in the file *ca*. *timeout* is how many
    seconds an answer may take. Without *fsync*, `record` does not wait for the disk: the end of the process loses
    nothing, that of the machine the last second.

    Raises ValueError for an address or a key that cannot be meant, SpoolError where the spool cannot be used.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        spool: Path | str,
        on_refused: Callable[[Refused], object] | None = None,
        limit: int = DEFAULT_LIMIT,
        timeout: float = DEFAULT_TIMEOUT,
        ca: Path | str | None = None,
        fsync: bool = True,
    ) -> None:
        path = Path(spool).absolute()
        calls = Calls(url, key, timeout=timeout, ca=None if ca is None else Path(ca))
        self._fsync = fsync
        self._process = os.getpid()
        self._is_closed = False
        try:
            self._spool = Spool(path, limit=limit)
        except BaseException:
            calls.close()
            raise
        self._told = f"<Client of {calls.url}, spool {path}>"
        self._sending = Sending(self._spool, calls, path.with_name(path.name + ".refused"), on_refused)

    def __repr__(self) -> str:
        return self._told

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def waiting(self) -> int:
        """How many events the server does not have yet."""
        return self._spool.waiting

    @property
    def trouble(self) -> str | None:
        """Why what waits does not get to the server at the moment; None while it does."""
        return self._sending.trouble

    def record(
        self,
        action: str,
        *,
        category: str | None = None,
        summary: str | None = None,
        facts: Mapping[str, str] | None = None,
        actor: Actor | None = None,
        target: Target | None = None,
        ip: str | None = None,
        user_agent: str | None = None,
        request_id: str | None = None,
        outcome: Outcome | str | None = None,
        occurred_at: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """
        Keep an event for the server, and return its idempotency key. It happened now unless *occurred_at* is given.

        Raises EventError for what no server could take, SpoolFullError and SpoolError where it cannot be kept.
        """
        self._check_process()
        key = uuid4().hex if idempotency_key is None else idempotency_key
        event = {
            "action": action,
            "category": category,
            "summary": summary,
            "facts": dict(facts) if isinstance(facts, Mapping) else facts,
            "actor": None if actor is None else {"type": actor.type, "id": actor.id, "name": actor.name},
            "target": None if target is None else _target(target),
            "ip": ip,
            "user_agent": user_agent,
            "request_id": request_id,
            "outcome": outcome,
            "occurred_at": _moment(occurred_at),
            "idempotency_key": key,
        }
        number = self._spool.add(_encoded({name: value for name, value in event.items() if value is not None}))
        if self._fsync:
            self._spool.sync(number)
        self._sending.wake()
        return key

    def flush(self, timeout: float | None = None) -> bool:
        """
        Wait until the server has, or has refused, all that was recorded before; False if *timeout* seconds do not do.

        Nothing is lost by that: what still waits is sent later.
        """
        self._check_process()
        if self._is_closed:
            raise ClientError("This client is closed.")
        self._sending.check_thread()
        return self._sending.wait_until_settled(self._spool.added, timeout)

    def close(self, timeout: float = CLOSING) -> None:
        """Flush, and let go of the spool. What still waits in it then, the next client that opens it will send."""
        self._check_process()
        self._sending.check_thread()
        if self._is_closed:
            return
        self._is_closed = True
        if not self._sending.wait_until_settled(self._spool.added, timeout):
            _log.warning("%s in the spool, for the next client that opens it", in_words(self.waiting))
        self._sending.stop(timeout=1.0)
        self._spool.close()

    def _check_process(self) -> None:
        if os.getpid() != self._process:
            raise ClientError("This client was made in another process: make one here, with a spool of its own.")


def _moment(occurred_at: object) -> str:
    moment = datetime.now(UTC) if occurred_at is None else occurred_at
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise EventError("occurred_at needs to be a datetime with its time zone.")
    try:
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        raise EventError("occurred_at is in no year that there is.") from None


def _target(target: Target) -> dict[str, str]:
    told = {"type": target.type, "id": target.id, "name": target.name}
    return told if target.url is None else told | {"url": target.url}


def _encoded(event: Mapping[str, Any]) -> bytes:
    for name, value in event.items():
        if not _is_text(value):
            raise EventError(f"{name} is no text, or has something in it that is none.")
    try:
        encoded = json.dumps(event, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise EventError("A text in it contains half a character (a lone surrogate).") from None
    if len(encoded) > LONGEST:
        raise EventError(f"An event has {LONGEST} bytes at most; this has {len(encoded)}.")
    return encoded


def _is_text(value: object) -> bool:
    """
    Tell whether *value* is a text, or names and texts.

    JSON would make a text of its own of anything else: of the names 1 and "1" the same one twice.
    """
    if isinstance(value, dict):
        return all(isinstance(name, str) and isinstance(said, str) for name, said in value.items())
    return isinstance(value, str)
