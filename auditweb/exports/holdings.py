"""
What is held about an organisation besides its log, as questions: one for each file of its archive.

Columns are named one by one, so that none gets out unseen. The tables and columns that are left out stand here, too,
each with the reason.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, case, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from auditweb.accounts.permissions import GRANTED, Right, Role
from auditweb.models import (
    ApiKey,
    ApiKeyUse,
    ExportJob,
    Finding,
    FormerSlug,
    Invitation,
    MemberReview,
    MemberReviewTick,
    Membership,
    Organisation,
    OwnershipOffer,
    Person,
    Presence,
    Purge,
    SavedView,
    Share,
    ShareOpening,
    TwoFactor,
    Webhook,
    WebhookDelivery,
)

Question = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A list called *name*, what it is *told* in the README, and the question whose columns are its own."""

    name: str
    told: str
    query: Callable[[int], Question]


def settings_of(org_id: int) -> Question:
    """Return the question for what an organisation has decided about itself, one row."""
    asked_by, offered_by, offered_to = aliased(Person), aliased(Person), aliased(Person)
    return (
        select(
            Organisation.id,
            Organisation.slug.label("address"),
            Organisation.name,
            Organisation.zone.label("time_zone"),
            Organisation.created_at,
            Organisation.two_factor_rule,
            Organisation.two_factor_from,
            Organisation.idle_minutes,
            Organisation.session_hours,
            Organisation.retention_months,
            Organisation.shorter_months,
            Organisation.shorter_from,
            offered_by.name.label("ownership_offered_by"),
            offered_to.name.label("ownership_offered_to"),
            OwnershipOffer.offered_at.label("ownership_offered_at"),
            asked_by.name.label("deletion_asked_by"),
            Organisation.deletion_asked_at,
            Organisation.deletion_due_at,
            Organisation.disabled_at.label("switched_off_at"),
        )
        .outerjoin(OwnershipOffer, OwnershipOffer.org_id == Organisation.id)
        .outerjoin(offered_by, offered_by.id == OwnershipOffer.from_id)
        .outerjoin(offered_to, offered_to.id == OwnershipOffer.to_id)
        .outerjoin(asked_by, asked_by.id == Organisation.deletion_asked_by)
        .where(Organisation.id == org_id)
    )


def roles() -> list[dict[str, object]]:
    """Return what each role may do."""
    return [{"role": role.value, "may": [right.value for right in Right if role in GRANTED[right]]} for role in Role]


def _members(org_id: int) -> Question:
    belongs = Membership.removed_at.is_(None)
    return (
        select(
            Person.id.label("member"),
            Person.name,
            Person.email,
            Membership.role,
            Membership.joined_at,
            Membership.removed_at.label("left_at"),
            # How somebody signs in is no business of an organisation that they have left.
            _only_if(belongs, Person.active).label("can_sign_in"),
            _only_if(belongs, TwoFactor.enrolled_at.is_not(None)).label("two_factor"),
            Presence.seen_at.label("last_seen_at"),
        )
        .join(Person, Person.id == Membership.person_id)
        .outerjoin(TwoFactor, TwoFactor.person_id == Person.id)
        .outerjoin(Presence, and_(Presence.org_id == Membership.org_id, Presence.person_id == Person.id))
        .where(Membership.org_id == org_id)
        .order_by(Person.id)
    )


def _only_if(
    condition: ColumnElement[bool], value: ColumnElement[bool] | InstrumentedAttribute[bool]
) -> ColumnElement[bool]:
    return case((condition, value))


def _former_addresses(org_id: int) -> Question:
    return (
        select(FormerSlug.slug.label("address"), FormerSlug.given_up_at)
        .where(FormerSlug.org_id == org_id)
        .order_by(FormerSlug.given_up_at, FormerSlug.slug)
    )


def _invitations(org_id: int) -> Question:
    return (
        select(
            Invitation.email,
            Invitation.role,
            Person.name.label("invited_by"),
            Invitation.created_at,
            Invitation.sent_at,
            Invitation.expires_at,
            Invitation.mail,
        )
        .join(Person, Person.id == Invitation.inviter_id)
        .where(Invitation.org_id == org_id)
        .order_by(Invitation.id)
    )


def _keys(org_id: int) -> Question:
    return (
        select(
            ApiKey.id.label("key"),
            ApiKey.name,
            Person.name.label("made_by"),
            ApiKey.created_at,
            ApiKey.scopes,
            ApiKey.categories,
            ApiKey.networks,
            ApiKey.expires_at,
            ApiKey.revoked_at,
            ApiKey.former_until.label("former_secret_until"),
            ApiKeyUse.used_at.label("last_used_at"),
            ApiKeyUse.ip.label("last_used_from"),
        )
        .join(Person, Person.id == ApiKey.maker_id)
        .outerjoin(ApiKeyUse, and_(ApiKeyUse.key_id == ApiKey.id, ApiKeyUse.org_id == ApiKey.org_id))
        .where(ApiKey.org_id == org_id)
        .order_by(ApiKey.created_at, ApiKey.id)
    )


def _member_reviews(org_id: int) -> Question:
    starter, finisher = aliased(Person), aliased(Person)
    return (
        select(
            MemberReview.id.label("review"),
            Person.id.label("member"),
            Person.name,
            MemberReview.kind,
            MemberReview.zone.label("time_zone"),
            MemberReview.since_id,
            MemberReview.until_id,
            MemberReview.invitation_id.label("invitation"),
            MemberReview.note,
            starter.name.label("started_by"),
            MemberReview.started_at,
            finisher.name.label("finished_by"),
            MemberReview.finished_at,
            MemberReview.entries,
        )
        .join(Person, Person.id == MemberReview.person_id)
        .join(starter, starter.id == MemberReview.starter_id)
        .outerjoin(finisher, finisher.id == MemberReview.finisher_id)
        .where(MemberReview.org_id == org_id)
        .order_by(MemberReview.started_at, MemberReview.id)
    )


def _member_review_ticks(org_id: int) -> Question:
    return (
        select(
            MemberReviewTick.review_id.label("review"),
            MemberReviewTick.event_id.label("entry"),
            Person.name.label("ticked_by"),
            MemberReviewTick.ticked_at,
        )
        .join(Person, Person.id == MemberReviewTick.person_id)
        .where(MemberReviewTick.org_id == org_id)
        .order_by(MemberReviewTick.review_id, MemberReviewTick.event_id)
    )


def _shares(org_id: int) -> Question:
    return (
        select(
            Share.id.label("share"),
            Share.recipient,
            Share.described.label("filter"),
            Share.filter.label("question"),
            Share.masks,
            Share.note,
            Share.follows,
            Share.support_only,
            Person.name.label("made_by"),
            Share.created_at,
            Share.expires_at,
            Share.ended_at,
            Share.ended_how,
        )
        .join(Person, Person.id == Share.maker_id)
        .where(Share.org_id == org_id)
        .order_by(Share.created_at, Share.id)
    )


def _share_openings(org_id: int) -> Question:
    return (
        select(
            ShareOpening.share_id.label("share"),
            ShareOpening.opened_at,
            ShareOpening.who.label("opened_by"),
            ShareOpening.ip,
            ShareOpening.user_agent,
        )
        .where(ShareOpening.org_id == org_id)
        .order_by(ShareOpening.opened_at, ShareOpening.share_id, ShareOpening.who)
    )


def _exports(org_id: int) -> Question:
    return (
        select(
            ExportJob.id.label("export"),
            ExportJob.kind,
            ExportJob.words.label("filter"),
            ExportJob.question,
            ExportJob.log,
            ExportJob.format,
            ExportJob.zone.label("time_zone"),
            Person.name.label("asked_by"),
            ExportJob.created_at.label("asked_at"),
            ExportJob.state,
            ExportJob.reason,
            ExportJob.done.label("entries"),
            ExportJob.total.label("about"),
            ExportJob.file_name,
            ExportJob.size,
            ExportJob.sha256,
            ExportJob.finished_at,
            ExportJob.expires_at,
        )
        .join(Person, Person.id == ExportJob.maker_id)
        .where(ExportJob.org_id == org_id)
        .order_by(ExportJob.created_at, ExportJob.id)
    )


def _views(org_id: int) -> Question:
    return (
        select(SavedView.name, SavedView.query.label("question"), Person.name.label("kept_by"), SavedView.created_at)
        .join(Person, Person.id == SavedView.maker_id)
        .where(SavedView.org_id == org_id, SavedView.shared.is_(True))
        .order_by(SavedView.created_at, SavedView.id)
    )


def _findings(org_id: int) -> Question:
    return (
        select(
            Finding.id.label("finding"),
            Finding.kind,
            Finding.subject_type.label("about_type"),
            Finding.subject_id.label("about"),
            Finding.subject_name.label("about_name"),
            Finding.at,
            Finding.sentence,
            Finding.unusual,
            Finding.found_at,
            Finding.state,
            Person.name.label("decided_by"),
            Finding.decided_at,
            Finding.by_itself.label("set_aside_by_itself"),
            Finding.note,
        )
        .outerjoin(Person, Person.id == Finding.decided_by)
        .where(Finding.org_id == org_id)
        .order_by(Finding.at, Finding.id)
    )


def _webhooks(org_id: int) -> Question:
    return (
        select(
            Webhook.id.label("webhook"),
            Webhook.name,
            Webhook.kind.label("tells_of"),
            Webhook.view,
            Webhook.query.label("question"),
            Person.name.label("made_by"),
            Webhook.created_at,
            Webhook.paused_at,
            Webhook.former_until.label("former_secret_until"),
            Webhook.answered_at.label("last_arrived_at"),
            Webhook.failing_since,
        )
        .join(Person, Person.id == Webhook.maker_id)
        .where(Webhook.org_id == org_id)
        .order_by(Webhook.created_at, Webhook.id)
    )


def _webhook_deliveries(org_id: int) -> Question:
    return (
        select(
            WebhookDelivery.id.label("delivery"),
            WebhookDelivery.hook_id.label("webhook"),
            WebhookDelivery.kind.label("tells_of"),
            WebhookDelivery.created_at,
            WebhookDelivery.state,
            WebhookDelivery.tries,
            WebhookDelivery.tried_at,
            WebhookDelivery.status,
            WebhookDelivery.reason,
            WebhookDelivery.next_at,
        )
        .where(WebhookDelivery.org_id == org_id)
        .order_by(WebhookDelivery.hook_id, WebhookDelivery.created_at, WebhookDelivery.id)
    )


def _purges(org_id: int) -> Question:
    return (
        select(Purge.up_to_id, Purge.who, Purge.why, Purge.started_at, Purge.finished_at)
        .where(Purge.org_id == org_id)
        .order_by(Purge.id)
    )


SHEETS: Final = (
    Sheet("former-addresses", "Addresses that its pages had before: old links lead to the new one.", _former_addresses),
    Sheet("members", "Everybody who belongs to the organisation, or did once (left_at), with their role.", _members),
    Sheet("member-reviews", "Reviews of what new and departing members did, and what was noted.", _member_reviews),
    Sheet(
        "member-review-ticks",
        "The entries that were ticked as seen in each review (their ids, as numbers).",
        _member_review_ticks,
    ),
    Sheet("invitations", "Invitations that nobody has accepted yet.", _invitations),
    Sheet("api-keys", "API keys, revoked ones too, what each may do and when it was last used.", _keys),
    Sheet("shares", "Parts of the log that were shared by a link, what is masked in each, and until when.", _shares),
    Sheet("share-openings", "Who opened a share when, and from where: once for each reader and hour.", _share_openings),
    Sheet(
        "views",
        "Views of the log that are kept by name for everybody; others are their makers’ own.",
        _views,
    ),
    Sheet("findings", "What the security review found, and what was decided about it.", _findings),
    Sheet("webhooks", "Which other systems are told of what is new, and how far that works.", _webhooks),
    Sheet(
        "webhook-deliveries",
        "What was sent to them in the last month, how often it was tried, and what was answered.",
        _webhook_deliveries,
    ),
    Sheet("exports", "Exports that were asked for in the last weeks, this one included.", _exports),
    Sheet(
        "purges",
        "Each time that entries past their time were removed, the number of the newest one (its id, as a number), who "
        "removed them and why.",
        _purges,
    ),
)
