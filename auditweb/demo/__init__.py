"""The demo: two businesses and two years of their work, with stories in it to find."""

from auditweb.demo.cast import PASSWORD
from auditweb.demo.loading import DEFAULT_ENTRIES, DemoError, find_mark, load

SIGN_INS = (
    ("maya@northgate.example", "owner of Northgate Imports"),
    ("ines@northgate.example", "admin"),
    ("olu@northgate.example", "auditor"),
    ("tom@northgate.example", "member, who may not read the log"),
    ("kenji@osaka-bay.example", "owner of Osaka Bay Motors"),
)

__all__ = ["DEFAULT_ENTRIES", "PASSWORD", "SIGN_INS", "DemoError", "find_mark", "load"]
