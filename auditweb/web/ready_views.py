"""Views of the log that every organisation has, for the four things it is good for."""

from collections.abc import Sequence
from typing import Final

from auditweb.viewer import NamedView

READY: Final[Sequence[tuple[str, Sequence[NamedView]]]] = (
    (
        "Who did this?",
        (
            NamedView("", "Vehicles, last 7 days", "?category=vehicles&last=7d"),
            NamedView("", "Deleted vehicles", "?action=vehicle.deleted"),
        ),
    ),
    (
        "Joiners and leavers",
        (
            NamedView("", "Team, last 30 days", "?category=team&last=30d"),
            NamedView("", "Removed members", "?action=member.removed"),
        ),
    ),
    (
        "Security reviews",
        (
            NamedView("", "Flagged entries, last 30 days", "?flag=any&last=30d"),
            NamedView("", "Sign-ins from an unfamiliar place", "?action=sign_in.new_place_seen"),
            NamedView("", "Two-factor resets", "?action=two_factor.reset"),
            NamedView("", "Refused sign-ins, last 7 days", "?action=sign_in.refused&last=7d"),
        ),
    ),
    (
        "Support cases",
        (
            NamedView("", "Failed, last 7 days", "?outcome=failure&last=7d"),
            NamedView("", "Exports and shares, last 30 days", "?category=data_export&last=30d"),
        ),
    ),
)
"""Views that every organisation has, by what they are good for."""
