"""A program that records with `auditweb.client`, in a process of its own, which loads nothing of the server."""

import sys
import time
from pathlib import Path
from typing import Final

from auditweb.client import Client

ACTION: Final = "order.shipped"


def record_some(log: Client, name: str, first: int, number: int) -> list[str]:
    """Record *number* events as *name*, counted on from *first*; return what each says."""
    return [_record(log, name, count) for count in range(first, first + number)]


def record_until_killed(url: str, key: str, spool: str, name: str, returned: str) -> None:
    """Record, again and again, and write to the file *returned* what `record` has returned for."""
    with Path(returned).open("a", buffering=1) as file, Client(url, key, spool=spool) as log:
        for number in range(sys.maxsize):
            file.write(_record(log, name, number) + "\n")
            time.sleep(0.005)


def returned_for(file: Path) -> set[str]:
    """Return what `record` has returned for in a process that was killed; a line cut short says nothing."""
    return set(file.read_text().split("\n")[:-1]) if file.exists() else set()


def _record(log: Client, name: str, number: int) -> str:
    said = f"{name} {number}"
    log.record(ACTION, category="shipments", summary="Shipped the order 4471 to Osaka", facts={"said": said})
    return said
