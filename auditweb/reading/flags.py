"""What the security review can find: the flags of entries, and what `flag=` asks for."""

from enum import StrEnum
from typing import Final

from auditweb.sentences import Category

ANY: Final = "any"
"""Asks for entries with a flag, whichever."""


class Flag(StrEnum):
    """A kind of finding. The slug is stored, so it is never renamed and never reused."""

    UNFAMILIAR_PLACE = "unfamiliar_place"
    IMPOSSIBLE_TRAVEL = "impossible_travel"
    TWO_FACTOR_RESET = "two_factor_reset"
    TWO_FACTOR_OFF = "two_factor_off"
    RECOVERY_CODE = "recovery_code"
    GUESSED_PASSWORD = "guessed_password"
    KEY_NEW_NETWORK = "key_new_network"
    KEY_WITHOUT_MAKER = "key_without_maker"
    ROLE_RAISED = "role_raised"
    LARGE_EXPORT = "large_export"
    BURST = "burst"
    ODD_HOURS = "odd_hours"
    GONE_QUIET = "gone_quiet"

    @property
    def label(self) -> str:
        return _LABELS[self]

    @property
    def category(self) -> Category:
        """Where the log tells that such a finding was confirmed or set aside."""
        return Category.AUTHENTICATION if self in _OF_SIGN_IN else Category.TEAM


_LABELS: Final = {
    Flag.UNFAMILIAR_PLACE: "Unfamiliar place",
    Flag.IMPOSSIBLE_TRAVEL: "Too far apart",
    Flag.TWO_FACTOR_RESET: "Two-factor reset",
    Flag.TWO_FACTOR_OFF: "Two-factor turned off",
    Flag.RECOVERY_CODE: "Recovery code used",
    Flag.GUESSED_PASSWORD: "Refused, then signed in",
    Flag.KEY_NEW_NETWORK: "Key from a new network",
    Flag.KEY_WITHOUT_MAKER: "Key outlived its maker",
    Flag.ROLE_RAISED: "Role raised",
    Flag.LARGE_EXPORT: "Larger export than ever",
    Flag.BURST: "Burst of activity",
    Flag.ODD_HOURS: "Unusual hours",
    Flag.GONE_QUIET: "Category gone quiet",
}
_OF_SIGN_IN: Final = frozenset(
    {
        Flag.UNFAMILIAR_PLACE,
        Flag.IMPOSSIBLE_TRAVEL,
        Flag.TWO_FACTOR_OFF,
        Flag.RECOVERY_CODE,
        Flag.GUESSED_PASSWORD,
        Flag.ODD_HOURS,
    }
)

KINDS: Final = f"{', '.join(list(Flag)[:-1])} or {list(Flag)[-1]}"
"""All kinds in words, for those who asked for another."""
