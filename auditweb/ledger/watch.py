"""Sealing without end."""

import threading
from contextlib import nullcontext

import structlog
from sqlalchemy import Engine

from auditweb.ledger.leading import ServerThread, keep_at
from auditweb.ledger.sealer import Sealer

PAUSE = 0.5  # seconds between looks at the queue
FINISH_IT = "If no repair is at work, one was cut short. Run: auditweb doctor --repair"

_log = structlog.stdlib.get_logger("auditweb.sealer")


def watch(engine: Engine, stopping: threading.Event) -> None:
    """Seal whatever comes until *stopping* is set."""
    sealer = Sealer(engine)
    told: set[int] = set()

    def seal() -> None:
        nonlocal told
        sealer.run(stopped=stopping.is_set)
        if held_up := sealer.held_up - told:
            _log.warning("held_up_by_a_repair", organisations=sorted(held_up), advice=FINISH_IT)
        told = set(sealer.held_up)

    keep_at(engine, "sealer", stopping, lambda: nullcontext(seal), pause=PAUSE)


def sealing_thread(url: str) -> ServerThread:
    """Return what seals the logs of the database at *url*."""
    return ServerThread("sealer", url, watch)
