"""The address of an organisation: the word that stands for it in the addresses of its pages, /o/<slug>/…"""

import re
import unicodedata
from typing import Final

SHORTEST, LONGEST = 3, 40

RESERVED: Final = frozenset((
    "about", "account", "accounts", "admin", "api", "app", "assets", "audit", "audit-log", "auditweb", "auth",
    "billing", "blog", "dashboard", "demo", "docs", "domain", "download", "downloads", "error", "export", "help",
    "home", "importops", "index", "internal", "invitation", "invitations", "invite", "join", "legal", "login",
    "logout", "mail", "new", "null", "operator", "org", "organisation", "organisations", "owner", "owners", "pages",
    "password", "privacy", "profile", "public", "root", "search", "security", "settings", "setup", "shared",
    "sign-in", "sign-out", "sign-up", "signin", "signout", "signup", "static", "status", "support", "system", "team",
    "teams", "terms", "test", "undefined", "user", "users", "www",
))  # fmt: skip
"""Words that would pass for a part of the product itself."""

_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_OTHERS = re.compile(r"[^a-z0-9]+")
_APOSTROPHES = re.compile("['’]")


def problem_with(slug: str) -> str | None:
    """Tell in a sentence why *slug* cannot be an organisation's address, or return None if it can."""
    if not SHORTEST <= len(slug) <= LONGEST:
        return f"An address has {SHORTEST} to {LONGEST} characters."
    if not _SLUG.fullmatch(slug):
        return "An address has small letters (a to z), digits and hyphens, with a letter or digit at either end."
    if slug in RESERVED:
        return "This word is kept for other pages. Choose another."
    return None


def propose(name: str) -> str:
    """Return an address made of an organisation's *name*; nothing where too few letters a to z are in it."""
    letters = unicodedata.normalize("NFKD", _APOSTROPHES.sub("", name)).encode("ascii", "ignore").decode().lower()
    slug = _OTHERS.sub("-", letters).strip("-")[:LONGEST].strip("-")
    return slug if problem_with(slug) is None else ""
