"""A program that reads the log through the API, with a key of its own."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

API = "/api/v1"
EVENTS = f"{API}/events"
LINES = {"Accept": "application/x-ndjson"}


@dataclass
class Program:
    """What it reads has to be sound, whatever the test is about."""

    client: FlaskClient
    token: str
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, address: str, *, method: str = "GET", **headers: str) -> TestResponse:
        sent = {"Authorization": f"Bearer {self.token}", **self.headers}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.client.open(address, method=method, headers=sent)
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Vary"] == "Authorization, Accept"
        if answer.status_code >= 400:
            assert answer.mimetype == "application/problem+json"
            assert answer.headers["Cache-Control"] == "private, no-store"
        elif answer.mimetype != LINES["Accept"]:
            assert answer.headers["Cache-Control"] == "private, no-cache"
            assert answer.headers["ETag"]
        return answer

    def read(self, address: str) -> dict[str, Any]:
        """Return the object at an address."""
        answer = self.get(address)
        assert (answer.status_code, answer.mimetype) == (200, "application/json"), answer.text
        assert isinstance(answer.json, dict)
        return answer.json

    def lines(self, address: str) -> list[str]:
        """Return the lines of a stream that is read to its end."""
        answer = self.get(address, **LINES)
        assert (answer.status_code, answer.mimetype) == (200, LINES["Accept"]), answer.text
        lines = answer.text.split("\n")
        answer.close()
        assert lines.pop() == ""
        return lines

    def walk(self, address: str, way: str = "older") -> Iterator[dict[str, Any]]:
        """Yield pages from one to the next, *way* being "older" or "newer"."""
        following: str | None = address
        while following:
            parts = urlsplit(following)
            page = self.read(f"{parts.path}?{parts.query}" if parts.query else parts.path)
            yield page
            following = page[way]

    def wrong_fields(self, address: str, **headers: str) -> list[str]:
        """Return what a refused question is refused for."""
        answer = self.get(address, **headers)
        assert answer.status_code == 400, (address, answer.status_code)
        assert answer.json is not None
        assert all(error["reason"] for error in answer.json["errors"])
        return [error["field"] for error in answer.json["errors"]]


def ids_of(page: dict[str, Any]) -> list[str]:
    return [event["id"] for event in page["events"]]
