"""Who may do what. The pages and the checks both read this one table."""

from enum import StrEnum


class Role(StrEnum):
    """A member's part in one organisation. An auditor is granted the log and nothing more."""

    OWNER = "owner"
    ADMIN = "admin"
    AUDITOR = "auditor"
    MEMBER = "member"


class Right(StrEnum):
    READ_LOG = "read and filter the whole log"


GRANTED: dict[Right, frozenset[Role]] = {
    Right.READ_LOG: frozenset({Role.OWNER, Role.ADMIN, Role.AUDITOR}),
}

CAN_GRANT: frozenset[Role] = frozenset({Role.OWNER, Role.ADMIN})
"""Who can give someone else a right, and so whom to ask for one."""


def may(role: Role, right: Right) -> bool:
    """Tell whether someone with *role* has *right*."""
    return role in GRANTED[right]
