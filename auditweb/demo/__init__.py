"""The demo: two businesses and two years of their work, with stories in it to find."""

from auditweb.demo.cast import PASSWORD
from auditweb.demo.loading import DEFAULT_ENTRIES, DemoError, check, load
from auditweb.demo.mark import find_mark, keep_demo_to_this_machine, keep_to_this_machine

SIGN_INS = (
    ("maya@northgate.example", "owner of Northgate Imports"),
    ("ines@northgate.example", "admin"),
    ("olu@northgate.example", "auditor"),
    ("tom@northgate.example", "member, who sees their own entries only"),
    ("kenji@osaka-bay.example", "owner of Osaka Bay Motors"),
)

__all__ = [
    "DEFAULT_ENTRIES",
    "PASSWORD",
    "SIGN_INS",
    "DemoError",
    "check",
    "find_mark",
    "keep_demo_to_this_machine",
    "keep_to_this_machine",
    "load",
]
