"""Who may do what. The pages and the checks both read this one table."""

from enum import StrEnum


class Role(StrEnum):
    """A member's part in one organisation. An auditor is granted the log and nothing more."""

    OWNER = "owner"
    ADMIN = "admin"
    AUDITOR = "auditor"
    MEMBER = "member"


class TwoFactorRule(StrEnum):
    """Of whom an organisation asks a second factor."""

    OPTIONAL = "optional"
    ADMINS = "admins"
    EVERYONE = "everyone"

    def covers(self, role: Role) -> bool:
        """Tell whether someone with *role* needs one."""
        return self is TwoFactorRule.EVERYONE or (self is TwoFactorRule.ADMINS and role in CAN_GRANT)


class Right(StrEnum):
    READ_LOG = "read and filter the whole audit log"
    SHARE_LOG = "share part of the audit log with people outside, and end that"
    REVIEW_MEMBERS = "review what new and departing members did"
    REVIEW = "confirm or set aside what the security review finds"
    MANAGE_SETTINGS = "change the organisation’s name, address, time zone and sign-in rules"
    MANAGE_TEAM = "invite people, change roles, remove members and reset their two-factor authentication"
    MANAGE_KEYS = "create, change and revoke API keys"
    MANAGE_WEBHOOKS = "have entries sent to other systems, by webhooks"
    OWN = "make and unmake owners, hand over ownership, set how long the log is kept, delete the organisation"
    READ_OWN_LOG = "see their own entries, change their own profile and how they sign in"


GRANTED: dict[Right, frozenset[Role]] = {
    Right.READ_LOG: frozenset({Role.OWNER, Role.ADMIN, Role.AUDITOR}),
    Right.SHARE_LOG: frozenset({Role.OWNER, Role.ADMIN}),
    Right.REVIEW_MEMBERS: frozenset({Role.OWNER, Role.ADMIN}),
    Right.REVIEW: frozenset({Role.OWNER, Role.ADMIN}),
    Right.MANAGE_SETTINGS: frozenset({Role.OWNER, Role.ADMIN}),
    Right.MANAGE_TEAM: frozenset({Role.OWNER, Role.ADMIN}),
    Right.MANAGE_KEYS: frozenset({Role.OWNER, Role.ADMIN}),
    Right.MANAGE_WEBHOOKS: frozenset({Role.OWNER, Role.ADMIN}),
    Right.OWN: frozenset({Role.OWNER}),
    Right.READ_OWN_LOG: frozenset(Role),
}

SUBJECTS: dict[Right, str] = {
    Right.READ_LOG: "The audit log of {organisation}",
    Right.SHARE_LOG: "Sharing the audit log of {organisation}",
    Right.REVIEW_MEMBERS: "Reviewing members of {organisation}",
    Right.REVIEW: "Deciding about findings in {organisation}",
    Right.MANAGE_SETTINGS: "This part of the settings of {organisation}",
    Right.MANAGE_TEAM: "The team page of {organisation}",
    Right.MANAGE_KEYS: "The API keys page of {organisation}",
    Right.MANAGE_WEBHOOKS: "The webhooks page of {organisation}",
    Right.OWN: "Ownership, retention and deletion of {organisation}",
    Right.READ_OWN_LOG: "This page of {organisation}",
}
"""What a right is about, for the page that tells someone they do not have it."""

CAN_GRANT: frozenset[Role] = frozenset({Role.OWNER, Role.ADMIN})
"""Who can give someone else a right, and so whom to ask for one."""


def may(role: Role, right: Right) -> bool:
    """Tell whether someone with *role* has *right*."""
    return role in GRANTED[right]


def may_manage(role: Role, other: Role) -> bool:
    """Tell whether someone with *role* may change or remove a member with the role *other*, or make them that."""
    return may(role, Right.MANAGE_TEAM) and (other != Role.OWNER or may(role, Right.OWN))


def refusal(right: Right, organisation: str) -> str:
    """Tell in a sentence who has a *right* that the reader lacks."""
    roles = [f"{role.value}s" for role in Role if role in GRANTED[right]]
    listed = ", ".join(roles[:-1]) + " and " + roles[-1] if len(roles) > 1 else roles[0]
    verb = "are" if right is Right.OWN else "is"
    return f"{SUBJECTS[right].format(organisation=organisation)} {verb} for {listed}."
