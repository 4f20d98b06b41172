"""The receiver of docs/webhooks.md, as it stands there, on what this server sends."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from auditweb.config import ROOT
from auditweb.webhooks import signing

BODY = '{"type":"test","organisation":"Ōsaka"}'.encode()
NOW = 1_795_430_527


@pytest.fixture(scope="module")
def is_genuine() -> Callable[..., bool]:
    (sample,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "webhooks.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(sample, "docs/webhooks.md", "exec"), names)
    found: Callable[..., bool] = names["is_genuine"]
    return found


def test_it_takes_what_is_genuine(is_genuine: Callable[..., bool]) -> None:
    secret, former = signing.new_secret(), signing.new_secret()
    for secrets in ([secret], [secret, former]):
        headers = signing.headers("msg_1", NOW, BODY, secrets)
        for later in (-300, 0, 300):
            assert is_genuine(headers, BODY, secret, NOW + later)
        assert is_genuine(headers, BODY, former, NOW) is (former in secrets)


def test_it_refuses_what_is_not(is_genuine: Callable[..., bool]) -> None:
    secret = signing.new_secret()
    headers = dict(signing.headers("msg_1", NOW, BODY, [secret]))
    assert not is_genuine(headers, BODY, signing.new_secret(), NOW)
    assert not is_genuine(headers, BODY, secret, NOW + 301)
    assert not is_genuine(headers, BODY, secret, NOW - 301)
    assert not is_genuine(headers, BODY, secret)  # as of today
    for place in range(len(BODY)):
        altered = BODY[:place] + bytes([BODY[place] ^ 1]) + BODY[place + 1 :]
        assert not is_genuine(headers, altered, secret, NOW)
    assert not is_genuine(headers, BODY + b" ", secret, NOW)
    for name, value in (
        ("webhook-id", "msg_2"),
        ("webhook-timestamp", str(NOW + 1)),
        ("webhook-timestamp", "soon"),
        ("webhook-timestamp", "-1"),
        ("webhook-signature", ""),
        ("webhook-signature", "v1,"),
        ("webhook-signature", headers["webhook-signature"].replace("v1,", "v0,")),
        ("webhook-signature", headers["webhook-signature"].swapcase()),
    ):
        assert not is_genuine(headers | {name: value}, BODY, secret, NOW), name


def test_a_dot_in_one_part_is_none_of_another(is_genuine: Callable[..., bool]) -> None:
    """What is signed cannot be cut elsewhere: the timestamp is all digits, and ids of ours have no dot."""
    secret = signing.new_secret()
    headers = dict(signing.headers("msg_1", NOW, b"5.rest", [secret]))
    assert not is_genuine(headers | {"webhook-timestamp": f"{NOW}.5"}, b"rest", secret, NOW)


def test_secrets_cannot_be_guessed() -> None:
    made = {signing.new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret) for secret in made)
