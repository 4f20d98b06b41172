"""The demo: two businesses and two years of their work, with stories in it to find."""

from auditweb.demo.cast import PASSWORD, SIGN_INS
from auditweb.demo.loading import DEFAULT_ENTRIES, DemoError, check, load
from auditweb.demo.mark import find_mark, keep_demo_to_this_machine, keep_to_this_machine

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
