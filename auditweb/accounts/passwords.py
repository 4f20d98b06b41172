"""Argon2 hashes of passwords, and the check that takes as long for an address nobody has."""

import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher()


def configure(hasher: PasswordHasher) -> None:
    """Use *hasher* from now on: its parameters decide what a hash costs."""
    global _hasher
    _hasher = hasher
    _nobodys_hash.cache_clear()


def hash_password(password: str) -> str:
    """Return what to store in place of *password*."""
    return _hasher.hash(_same_everywhere(password))


def verify(password_hash: str | None, password: str) -> bool:
    """Tell whether *password* is the one hashed; with no hash at all, take as long and say no."""
    try:
        _hasher.verify(_nobodys_hash() if password_hash is None else password_hash, _same_everywhere(password))
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def is_outdated(password_hash: str) -> bool:
    """Tell whether *password_hash* was made with other parameters than are used now."""
    return _hasher.check_needs_rehash(password_hash)


def prepare() -> None:
    """Make the hash that unknown addresses are checked against, so that no request has to."""
    _nobodys_hash()


@cache
def _nobodys_hash() -> str:
    return _hasher.hash("the password of nobody")


def _same_everywhere(password: str) -> bytes:
    # The same accented letter is typed as one character on one machine and as two on another.
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
