"""Telling equal lines apart, so that running an import again finds each of them in the log."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any


class Counter:
    """How often each of any number of texts was counted. What does not fit into memory is in a temporary file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute(_TABLE)

    def count(self, text: str) -> int:
        """Count *text* once more and return how often it has been."""
        return self.compare(text, "")[0]

    def compare(self, text: str, content: str) -> tuple[int, bool]:
        """Count *text* once more; tell also whether *content* is what came with it the first time."""
        digest = _digest(content)
        times, first = self._connection.execute(_COUNT, (_digest(text), digest)).fetchone()
        return times, first == digest


@contextmanager
def counter() -> Iterator[Counter]:
    connection = sqlite3.connect("", isolation_level=None)  # SQLite deletes the file of a database without a name
    try:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        yield Counter(connection)
    finally:
        connection.close()


def key_of(record: Mapping[str, Any], seen: Counter) -> str:
    """
    Return the idempotency key of a record that brings none: what it says, and which of those that say the same it is.

    How it is written, in blanks and in the order of its fields, plays no part.
    """
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), default=asdict)
    return f"import:{_digest(text).hex()}/{seen.count(text)}"


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


_TABLE = "CREATE TABLE seen (digest BLOB PRIMARY KEY, content BLOB NOT NULL, times INTEGER NOT NULL) WITHOUT ROWID"
_COUNT = "INSERT INTO seen VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET times = times + 1 RETURNING times, content"
