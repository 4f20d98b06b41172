"""One request to the API, and what its answer means for the events in it."""

import json
import re
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import httpx

from auditweb.client.errors import Fault

PATH: Final = "/api/v1/events"
LONGEST_WAIT: Final = 3600.0  # seconds, whatever Retry-After says
UNREADABLE: Final = "urn:auditweb:problem:unreadable"

_KEY = re.compile(r"[\x21-\x7e]{1,500}")
_LONGEST_TEXT = 300
_NO_FAULTS: dict[int, list[Fault]] = {}


class NotTakenError(Exception):
    """
    The server has taken nothing of what was sent; the text says why.

    *faults* are those of single events, by their place. *is_too_much*: fewer may do. *is_ours*: it will go on until
    somebody does something about it. *wait* is how many seconds the server wants to be left alone.
    """

    def __init__(
        self,
        text: str,
        *,
        status: int = 0,
        faults: dict[int, list[Fault]] = _NO_FAULTS,
        is_too_much: bool = False,
        is_ours: bool = False,
        wait: float = 0.0,
    ) -> None:
        super().__init__(text)
        self.status = status
        self.faults = faults
        self.is_too_much = is_too_much
        self.is_ours = is_ours
        self.wait = wait


class Calls:
    """The API at *url*, called with *key*."""

    def __init__(self, url: str, key: str, *, timeout: float, ca: Path | None) -> None:
        address = _address(url)
        if not _KEY.fullmatch(key):
            raise ValueError("an API key is printable ASCII without blanks: aw_…")
        try:
            trusted = ssl.create_default_context(cafile=ca)
        except OSError as error:
            raise ValueError(f"no certificates can be read from {ca}") from error
        self.url = str(address)
        is_plain = address.scheme == "http"
        self._http = httpx.Client(
            headers={
                "Authorization": f"Bearer {key}",
                "Content-Type": "application/json",
                "User-Agent": "auditweb.client",
            },
            timeout=timeout,
            verify=trusted,
            trust_env=not is_plain,  # no proxy gets to see the key
            follow_redirects=False,
        )

    def send(self, events: Sequence[bytes]) -> None:
        """Return once the server has *events* for good, all of them; NotTakenError if it has none for certain."""
        body = b"[" + b",".join(events) + b"]"
        try:
            answer = self._http.post(self.url + PATH, content=body)
        except (httpx.ReadTimeout, httpx.WriteTimeout):
            raise NotTakenError("The server did not answer in time.", is_too_much=len(events) > 1) from None
        except httpx.HTTPError as error:
            raise NotTakenError(
                f"The server cannot be reached: {_cut(str(error)).rstrip('.') or type(error).__name__}."
            ) from None
        said = _read(answer)
        if answer.status_code in (200, 201):
            results = said.get("events")
            if not isinstance(results, list) or len(results) != len(events):
                raise NotTakenError("What answers is not the API of auditweb: is the address right?", is_ours=True)
            return
        raise _not_taken(answer, said, len(events))

    def close(self) -> None:
        self._http.close()


def _address(url: str) -> httpx.URL:
    """Return where the server is; ValueError unless what is sent there is read by nobody else."""
    try:
        address = httpx.URL(url.rstrip("/"))
    except httpx.InvalidURL:
        raise ValueError("the address of the server is no URL") from None
    if address.scheme not in ("https", "http") or not address.host:
        raise ValueError("the address of the server begins with https://")
    if address.userinfo or address.query or address.fragment:
        raise ValueError("the address of the server has no user, query or fragment")
    if address.scheme == "http" and not _is_loopback(address.host):
        raise ValueError("plain http is for this machine alone: use https://")
    return address


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _not_taken(answer: httpx.Response, said: dict[str, Any], number: int) -> NotTakenError:
    status = answer.status_code
    words = " ".join(_cut(text) for name in ("title", "detail") if isinstance(text := said.get(name), str))
    text = f"The server answered {status}" + (f": {words}" if words else ".")
    faults = _faults(said.get("errors"), number)
    if status in (409, 422) or (status == 403 and faults):
        return NotTakenError(text, status=status, faults=faults, is_ours=True)
    if status == 413:
        return _not_taken_together(text, status, "this is more than the server takes at once", number)
    if status == 400 and said.get("type") == UNREADABLE:  # other answers of 400 are not about the events
        return _not_taken_together(text, status, words, number)
    if status in (401, 403):
        return NotTakenError(f"The key may not write. {text}", status=status, is_ours=True, wait=_wait(answer))
    return NotTakenError(text, status=status, is_ours=status < 500 and status not in (408, 429), wait=_wait(answer))


def _not_taken_together(text: str, status: int, reason: str, number: int) -> NotTakenError:
    """Return what is said where one event spoils the others: which it is comes out when each is sent by itself."""
    faults = {0: [Fault("", reason)]} if number == 1 else _NO_FAULTS
    return NotTakenError(text, status=status, faults=faults, is_too_much=number > 1)


def _faults(errors: object, number: int) -> dict[int, list[Fault]]:
    """Return what is wrong with which event; nothing if any of that cannot be understood."""
    found: dict[int, list[Fault]] = {}
    for error in errors if isinstance(errors, list) else []:
        place = error.get("index") if isinstance(error, dict) else None
        if type(place) is not int or not 0 <= place < number:
            return {}
        found.setdefault(place, []).append(Fault(_cut(str(error.get("field"))), _cut(str(error.get("reason")))))
    return found


def _read(answer: httpx.Response) -> dict[str, Any]:
    try:
        said = json.loads(answer.content)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _wait(answer: httpx.Response) -> float:
    """Return how many seconds Retry-After asks for, whichever of its two forms it has."""
    told = answer.headers.get("Retry-After", "").strip()
    if told.isascii() and told.isdigit():
        return min(float(told[:9]), LONGEST_WAIT)
    try:
        seconds = (parsedate_to_datetime(told).astimezone(UTC) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), LONGEST_WAIT)


def _cut(text: str) -> str:
    plain = "".join(letter if letter.isprintable() else "?" for letter in text)
    return plain if len(plain) <= _LONGEST_TEXT else plain[: _LONGEST_TEXT - 1] + "…"
