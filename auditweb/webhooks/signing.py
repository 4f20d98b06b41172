"""
Signatures of deliveries, as Standard Webhooks has them (standardwebhooks.com).

What is signed is the id of the delivery, the second it was sent at and its body, with dots between: so neither can be
changed, and an old one that is sent again is known by its time.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from typing import Final

PREFIX: Final = "whsec_"
TOLERANCE: Final = 300  # seconds that a receiver lets a clock be wrong

_BYTES: Final = 32


def new_secret() -> str:
    """Return a secret that nobody can guess."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def headers(delivery_id: str, second: int, body: bytes, with_secrets: Sequence[str]) -> Mapping[str, str]:
    """Return the headers that go with a delivery: one signature for each secret, so that either of them fits."""
    signed = f"{delivery_id}.{second}.".encode() + body
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(second),
        "webhook-signature": " ".join(_signature(secret, signed) for secret in with_secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
