"""The tables, and nothing else."""

from auditweb.models.accounts import (
    ApiKey,
    ApiKeyUse,
    DeletedOrganisation,
    Directory,
    FormerName,
    FormerSlug,
    Invitation,
    Membership,
    Organisation,
    OwnershipOffer,
    PasswordReset,
    Person,
    Presence,
    Rate,
    RecoveryCode,
    SignInSession,
    TwoFactor,
)
from auditweb.models.base import Base
from auditweb.models.demo import DemoMark
from auditweb.models.event import Event, Purge
from auditweb.models.exports import ExportJob
from auditweb.models.insights import Finding, FindingEvent, FindingPattern, ReviewCursor, ReviewMemory
from auditweb.models.ledger import Leaf, LogHead, Mark, Posting, SealQueue, Segment, Tally
from auditweb.models.reviews import MemberReview, MemberReviewTick
from auditweb.models.sharing import Share, ShareAlias, ShareOpening
from auditweb.models.views import SavedView
from auditweb.models.webhooks import Webhook, WebhookDelivery, WeeklyMail

__all__ = [
    "ApiKey",
    "ApiKeyUse",
    "Base",
    "DeletedOrganisation",
    "DemoMark",
    "Directory",
    "Event",
    "ExportJob",
    "Finding",
    "FindingEvent",
    "FindingPattern",
    "FormerName",
    "FormerSlug",
    "Invitation",
    "Leaf",
    "LogHead",
    "Mark",
    "MemberReview",
    "MemberReviewTick",
    "Membership",
    "Organisation",
    "OwnershipOffer",
    "PasswordReset",
    "Person",
    "Posting",
    "Presence",
    "Purge",
    "Rate",
    "RecoveryCode",
    "ReviewCursor",
    "ReviewMemory",
    "SavedView",
    "SealQueue",
    "Segment",
    "Share",
    "ShareAlias",
    "ShareOpening",
    "SignInSession",
    "Tally",
    "TwoFactor",
    "Webhook",
    "WebhookDelivery",
    "WeeklyMail",
]
