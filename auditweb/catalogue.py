"""
The vocabulary of the log: every action, the category it belongs to and the sentence that tells of it.

A slug is stored in every row, so it is never renamed and never reused. A sentence starts with a verb in the past tense,
since the actor stands beside it, and says what happened at a high level: it may name the new state, never the old one,
and of amounts, addresses and dates only that they changed. A host adds its own actions with `catalogue.add(...)`.
"""

from collections.abc import Iterator

from auditweb.sentences import Action as Action
from auditweb.sentences import Category as Category
from auditweb.sentences import ForeignAction as ForeignAction
from auditweb.sentences import Part as Part


def find(slug: str) -> Action | None:
    """Return the action called *slug*; None if there is none, as for entries of a host that dropped its own."""
    return _actions.get(slug)


def all_actions() -> tuple[Action, ...]:
    """Return every action, ours in the order of this file, then the host's as they were added."""
    return tuple(_actions.values())


def add(*actions: Action) -> None:
    """
    Add a host's own actions, all or (ValueError) none: a slug that another action has is refused.

    Adding the very same action again changes nothing, so an app may be created twice in one process.
    """
    added: dict[str, Action] = {}
    for action in actions:
        if added.get(action.slug, _actions.get(action.slug, action)) != action:
            raise ValueError(f"there is already another action {action.slug}")
        added[action.slug] = action
    _actions.update(added)


def _constants() -> Iterator[Action]:
    for name, value in globals().items():
        if isinstance(value, Action) and name.isupper():
            yield value


# Organisation: changes to the organisation record itself, its settings and its API keys

_C = Category.ORGANISATION
ORGANISATION_CREATED = Action("organisation.created", _C, "Created the organisation {name}", details=("owner",))
ORGANISATION_RENAMED = Action("organisation.renamed", _C, "Renamed the organisation to {name}")
SLUG_CHANGED = Action("organisation.slug_changed", _C, "Moved the organisation’s pages to the address {slug}")
ORGANISATION_ADDRESS_CHANGED = Action("organisation.address_changed", _C, "Changed the registered address")
VAT_NUMBER_CHANGED = Action("organisation.vat_number_changed", _C, "Changed the VAT number")
EORI_NUMBER_CHANGED = Action("organisation.eori_number_changed", _C, "Changed the EORI number used for customs")
ORGANISATION_LOGO_CHANGED = Action("organisation.logo_changed", _C, "Changed the organisation’s logo")
TIME_ZONE_CHANGED = Action("organisation.time_zone_changed", _C, "Set the organisation’s time zone to {zone}")
CURRENCY_CHANGED = Action("organisation.currency_changed", _C, "Set the main currency to {currency}")
BILLING_DETAILS_CHANGED = Action("organisation.billing_details_changed", _C, "Changed the billing details")
PLAN_CHANGED = Action("organisation.plan_changed", _C, "Moved to the {plan} plan")
PLAN_RENEWED = Action("organisation.plan_renewed", _C, "Renewed the {plan} plan", details=("period",))
SETTING_CHANGED = Action("organisation.setting_changed", _C, "Changed the setting {setting}")
TWO_FACTOR_REQUIRED = Action(
    "organisation.two_factor_required",
    _C,
    "Made two-factor authentication compulsory for everyone",
    details=("deadline",),
)
TWO_FACTOR_REQUIRED_OF_ADMINS = Action(
    "organisation.two_factor_required_of_admins",
    _C,
    "Made two-factor authentication compulsory for owners and admins",
    details=("deadline",),
)
TWO_FACTOR_DEADLINE_CHANGED = Action(
    "organisation.two_factor_deadline_changed",
    _C,
    "Changed the day from which two-factor authentication is compulsory",
    details=("deadline",),
)
TWO_FACTOR_MADE_OPTIONAL = Action(
    "organisation.two_factor_made_optional", _C, "Made two-factor authentication optional", sensitive=True
)
SESSION_LIMITS_CHANGED = Action(
    "organisation.session_limits_changed",
    _C,
    "Changed how long people stay signed in",
    details=("without_use", "at_most"),
    sensitive=True,
)
INTEGRATION_CONNECTED = Action("organisation.integration_connected", _C, "Connected {integration}", sensitive=True)
INTEGRATION_DISCONNECTED = Action("organisation.integration_disconnected", _C, "Disconnected {integration}")
SUPPORT_ACCESS_ALLOWED = Action(
    "support_access.allowed", _C, "Allowed support to open this organisation", details=("ticket",), sensitive=True
)
SUPPORT_ACCESS_ENDED = Action("support_access.ended", _C, "Ended support’s access to this organisation")
_KEY_RIGHTS = ("scope", "categories", "addresses", "expires")
API_KEY_CREATED = Action("api_key.created", _C, "Created the API key {target}", details=_KEY_RIGHTS, sensitive=True)
API_KEY_RENAMED = Action("api_key.renamed", _C, "Renamed an API key to {target}")
API_KEY_SCOPE_CHANGED = Action(
    "api_key.scope_changed", _C, "Changed what the API key {target} may do", details=_KEY_RIGHTS, sensitive=True
)
API_KEY_ROTATED = Action(
    "api_key.rotated", _C, "Replaced the secret of the API key {target}", details=("overlap",), sensitive=True
)
API_KEY_REVOKED = Action("api_key.revoked", _C, "Revoked the API key {target}")
WEBHOOK_CREATED = Action(
    "webhook.created", _C, "Created the webhook {target}", details=("destination", "tells"), sensitive=True
)
WEBHOOK_CHANGED = Action(
    "webhook.changed", _C, "Changed the webhook {target}", details=("destination",), sensitive=True
)
WEBHOOK_ROTATED = Action("webhook.rotated", _C, "Replaced the secret of the webhook {target}", details=("overlap",))
WEBHOOK_PAUSED = Action("webhook.paused", _C, "Paused the webhook {target}")
WEBHOOK_RESUMED = Action("webhook.resumed", _C, "Resumed the webhook {target}", details=("begins",))
WEBHOOK_DELETED = Action("webhook.deleted", _C, "Deleted the webhook {target}", details=("destination",))
DOCUMENT_RETENTION_CHANGED = Action(
    "organisation.document_retention_changed", _C, "Changed how long documents are kept"
)
LOG_RETENTION_CHANGED = Action(
    "organisation.log_retention_changed",
    _C,
    "Changed how long audit log entries are kept",
    details=("period",),
    sensitive=True,
)
LOG_RETENTION_SHORTENED = Action(
    "organisation.log_retention_shortened",
    _C,
    "Announced that audit log entries will be kept for a shorter time",
    details=("period", "begins"),
    sensitive=True,
)
LOG_RETENTION_SHORTENING_CANCELLED = Action(
    "organisation.log_retention_shortening_cancelled",
    _C,
    "Called off keeping audit log entries for a shorter time",
)
LOG_PURGED = Action(
    "organisation.log_purged",
    _C,
    "Removed audit log entries older than {period}, {entries} in all",
    details=("up_to",),
    sensitive=True,
)
LOG_IMPORT_STARTED = Action(
    "organisation.log_import_started", _C, "Started to import entries into the audit log from {file}", sensitive=True
)
LOG_IMPORTED = Action(
    "organisation.log_imported",
    _C,
    "Imported entries into the audit log from {file}",
    details=("entries", "known", "ignored", "refused"),
    sensitive=True,
)
PERSON_ERASED = Action(
    "organisation.person_erased", _C, "Erased the personal details of a former member", sensitive=True
)
OWNERSHIP_TRANSFERRED = Action(
    "organisation.ownership_transferred", _C, "Made {target} the owner of the organisation", sensitive=True
)
OWNERSHIP_OFFERED = Action(
    "organisation.ownership_offered", _C, "Offered the ownership of the organisation to {target}", sensitive=True
)
OWNERSHIP_ACCEPTED = Action(
    "organisation.ownership_accepted", _C, "Accepted the ownership of the organisation from {target}", sensitive=True
)
OWNERSHIP_DECLINED = Action(
    "organisation.ownership_declined", _C, "Declined the ownership of the organisation, offered by {target}"
)
OWNERSHIP_OFFER_WITHDRAWN = Action(
    "organisation.ownership_offer_withdrawn", _C, "Withdrew the offer of the ownership to {target}"
)
DELETION_REQUESTED = Action(
    "organisation.deletion_requested", _C, "Asked for the organisation to be deleted", sensitive=True
)
DELETION_CANCELLED = Action("organisation.deletion_cancelled", _C, "Cancelled the deletion of the organisation")
ORGANISATION_SWITCHED_OFF = Action(
    "organisation.switched_off", _C, "Switched the organisation off: nobody can open it", sensitive=True
)
ORGANISATION_SWITCHED_ON = Action("organisation.switched_on", _C, "Switched the organisation on again")

# Team: invites, role changes, removals, 2FA resets

_C = Category.TEAM
MEMBER_INVITED = Action("member.invited", _C, "Invited {email} as {role}")
INVITATION_RESENT = Action("invitation.resent", _C, "Sent the invitation to {email} again")
INVITATION_WITHDRAWN = Action("invitation.withdrawn", _C, "Withdrew the invitation to {email}")
INVITATION_EXPIRED = Action("invitation.expired", _C, "Closed the invitation to {email}, which nobody had accepted")
MEMBER_JOINED = Action("member.joined", _C, "Accepted the invitation and joined as {role}")
MEMBER_ADDED = Action("member.added", _C, "Added {target} as {role}", sensitive=True)
MEMBER_ROLE_CHANGED = Action("member.role_changed", _C, "Changed the role of {target} to {role}")
MEMBER_ROLE_RAISED = Action("member.role_raised", _C, "Raised the role of {target} to {role}", sensitive=True)
AUDITOR_APPOINTED = Action("member.auditor_appointed", _C, "Gave {target} access to the audit log", sensitive=True)
AUDITOR_DISMISSED = Action("member.auditor_dismissed", _C, "Took away the audit log access of {target}")
MEMBER_SUSPENDED = Action("member.suspended", _C, "Suspended {target}")
MEMBER_REINSTATED = Action("member.reinstated", _C, "Reinstated {target}")
MEMBER_REMOVED = Action("member.removed", _C, "Removed {target} from the organisation")
MEMBER_LEFT = Action("member.left", _C, "Left the organisation")
ONBOARDING_REVIEWED = Action(
    "member.onboarding_reviewed", _C, "Reviewed the first week of {target}", details=("seen", "note"), beside="seen"
)
OFFBOARDING_REVIEWED = Action(
    "member.offboarding_reviewed", _C, "Reviewed the last week of {target}", details=("seen", "note"), beside="seen"
)
TWO_FACTOR_RESET = Action("two_factor.reset", _C, "Reset two-factor authentication for {target}", sensitive=True)
GROUP_CREATED = Action("group.created", _C, "Created the team {target}")
GROUP_JOINED = Action("group.member_added", _C, "Added {member} to the team {target}")
GROUP_LEFT = Action("group.member_removed", _C, "Took {member} out of the team {target}")
_DECIDED = ("note", "pattern")
TEAM_FINDING_CONFIRMED = Action("team_finding.confirmed", _C, "Confirmed the finding {target}", details=_DECIDED)
TEAM_FINDING_SET_ASIDE = Action("team_finding.set_aside", _C, "Set aside the finding {target}", details=_DECIDED)
TEAM_FINDING_REOPENED = Action("team_finding.reopened", _C, "Opened the finding {target} again", details=_DECIDED)
_NO_LONGER = "Stopped setting aside findings like {target}"
TEAM_PATTERN_ENDED = Action("team_finding.pattern_ended", _C, _NO_LONGER, details=("scope",))

# Authentication: sign-ins, password changes, 2FA enrolment

_C = Category.AUTHENTICATION
SIGNED_IN = Action("sign_in.succeeded", _C, "Signed in", details=("method", "place"))
SIGNED_IN_NEW_DEVICE = Action(
    "sign_in.new_device_seen", _C, "Signed in from a new device", details=("method", "place"), sensitive=True
)
SIGNED_IN_NEW_PLACE = Action(
    "sign_in.new_place_seen", _C, "Signed in from an unfamiliar place, {place}", details=("method",), sensitive=True
)
SIGN_IN_REFUSED = Action("sign_in.refused", _C, "Could not sign in as {email}: {reason}", details=("method", "place"))
SIGN_IN_BLOCKED = Action(
    "sign_in.blocked", _C, "Paused sign-in as {email} after too many attempts", details=("attempts",), sensitive=True
)
SIGNED_OUT = Action("sign_out.completed", _C, "Signed out")
SESSIONS_ENDED = Action("session.all_ended", _C, "Signed {target} out on every device", details=("devices",))
SESSION_ENDED = Action("session.ended", _C, "Signed out one of their other devices", details=("device",))
OTHER_SESSIONS_ENDED = Action("session.others_ended", _C, "Signed out all their other devices", details=("devices",))
SESSION_EXPIRED = Action("session.expired", _C, "Signed {target} out after a time without activity")
PASSWORD_CHANGED = Action("password.changed", _C, "Changed their password")
PASSWORD_RESET_REQUESTED = Action("password.reset_requested", _C, "Asked for a link to reset the password of {target}")
PASSWORD_RESET = Action("password.reset", _C, "Reset their password with a link sent by e-mail", sensitive=True)
PASSWORD_SET = Action("password.set", _C, "Set a new password for {target}", sensitive=True)
SIGN_IN_ADDRESS_CHANGED = Action(
    "sign_in.address_changed", _C, "Changed the e-mail address they sign in with", sensitive=True
)
TWO_FACTOR_ENROLLED = Action("two_factor.enrolled", _C, "Set up two-factor authentication", details=("method",))
TWO_FACTOR_REMOVED = Action("two_factor.removed", _C, "Turned off their two-factor authentication", sensitive=True)
RECOVERY_CODES_CREATED = Action("recovery_codes.created", _C, "Created a new set of recovery codes")
RECOVERY_CODE_USED = Action("recovery_codes.used", _C, "Signed in with a recovery code", sensitive=True)
PASSKEY_ADDED = Action("passkey.added", _C, "Added the passkey {name}")
PASSKEY_REMOVED = Action("passkey.removed", _C, "Removed the passkey {name}")
SUPPORT_SIGNED_IN = Action(
    "support_access.opened", _C, "Opened this organisation to help with ticket {ticket}", sensitive=True
)
SIGN_IN_FINDING_CONFIRMED = Action("sign_in_finding.confirmed", _C, "Confirmed the finding {target}", details=_DECIDED)
SIGN_IN_FINDING_SET_ASIDE = Action("sign_in_finding.set_aside", _C, "Set aside the finding {target}", details=_DECIDED)
SIGN_IN_FINDING_REOPENED = Action("sign_in_finding.reopened", _C, "Opened the finding {target} again", details=_DECIDED)
SIGN_IN_PATTERN_ENDED = Action("sign_in_finding.pattern_ended", _C, _NO_LONGER, details=("scope",))

# Vehicles: creations, updates, deletions, and other notable vehicle actions

_C = Category.VEHICLES
VEHICLE_CREATED = Action("vehicle.created", _C, "Added {target}", details=("chassis", "source"))
VEHICLE_UPDATED = Action("vehicle.updated", _C, "Updated the details of {target}", details=("chassis", "fields"))
VEHICLES_UPDATED = Action("vehicle.many_updated", _C, "Updated {count} vehicles from {source}")
VEHICLE_DELETED = Action("vehicle.deleted", _C, "Deleted {target}", details=("chassis",))
VEHICLE_RESTORED = Action("vehicle.restored", _C, "Restored {target}", details=("chassis",))
AUCTION_SHORTLISTED = Action("vehicle.shortlisted", _C, "Shortlisted {target} for bidding", details=("sale", "lot"))
BID_PLACED = Action("vehicle.bid_placed", _C, "Placed a bid on {target}", details=("sale", "lot"))
BID_RAISED = Action("vehicle.bid_raised", _C, "Raised the bid on {target}", details=("sale", "lot"))
BID_WITHDRAWN = Action("vehicle.bid_withdrawn", _C, "Withdrew the bid on {target}", details=("sale", "lot"))
AUCTION_LOST = Action("vehicle.auction_lost", _C, "Was outbid on {target} at {auction}", details=("sale", "lot"))
VEHICLE_BOUGHT = Action("vehicle.bought", _C, "Bought {target} at {auction}", details=("sale", "lot", "chassis"))
AUCTION_GRADE_CHANGED = Action("vehicle.grade_changed", _C, "Changed the auction grade of {target}")
MILEAGE_VERIFIED = Action("vehicle.mileage_verified", _C, "Verified the mileage of {target}")
VEHICLE_INSPECTED = Action("vehicle.inspected", _C, "Recorded the inspection of {target} in {place}")
VEHICLE_DEREGISTERED = Action("vehicle.deregistered", _C, "Recorded that {target} was deregistered in Japan")
VEHICLE_MOVED = Action("vehicle.moved", _C, "Moved {target} to {place}")
VEHICLE_STATUS_CHANGED = Action("vehicle.status_changed", _C, "Marked {target} as {status}")
VEHICLE_CLEARED_CUSTOMS = Action(
    "vehicle.customs_cleared", _C, "Marked {target} as cleared customs", details=("declaration", "port")
)
DUTY_PAID = Action(
    "vehicle.duty_paid", _C, "Recorded that duty and VAT were paid on {target}", details=("declaration",)
)
NOVA_SUBMITTED = Action(
    "vehicle.nova_submitted", _C, "Notified HMRC of the arrival of {target}", details=("reference",)
)
IVA_BOOKED = Action("vehicle.iva_booked", _C, "Booked an IVA test for {target} at {station}")
IVA_PASSED = Action("vehicle.iva_passed", _C, "Recorded that {target} passed its IVA test", details=("station",))
IVA_FAILED = Action(
    "vehicle.iva_failed", _C, "Recorded that {target} failed its IVA test", details=("station", "reason")
)
MOT_PASSED = Action("vehicle.mot_passed", _C, "Recorded that {target} passed its MOT", details=("station",))
VEHICLE_REGISTERED = Action("vehicle.registered", _C, "Registered {target} with the DVLA as {registration}")
VEHICLE_LISTED = Action("vehicle.listed", _C, "Listed {target} for sale")
VEHICLE_UNLISTED = Action("vehicle.unlisted", _C, "Took {target} off sale")
ASKING_PRICE_CHANGED = Action("vehicle.asking_price_changed", _C, "Changed the asking price of {target}")
PHOTOS_ADDED = Action("vehicle.photos_added", _C, "Added photos of {target}", details=("photos",))
VEHICLE_RESERVED = Action("vehicle.reserved", _C, "Reserved {target} for {customer}")
RESERVATION_RELEASED = Action("vehicle.reservation_released", _C, "Released the reservation of {target}")
VEHICLE_SOLD = Action("vehicle.sold", _C, "Sold {target} to {customer}")
VEHICLE_HANDED_OVER = Action("vehicle.handed_over", _C, "Handed over {target} to {customer}")

# Customers: customer record changes, their deposits and invoices

_C = Category.CUSTOMERS
CUSTOMER_CREATED = Action("customer.created", _C, "Added {target} as a customer", details=("kind",))
CUSTOMER_UPDATED = Action("customer.updated", _C, "Updated the record of {target}", details=("fields",))
CUSTOMER_ADDRESS_CHANGED = Action("customer.address_changed", _C, "Changed the delivery address of {target}")
CUSTOMER_CONTACT_CHANGED = Action("customer.contact_changed", _C, "Changed the contact details of {target}")
CUSTOMER_MANAGER_CHANGED = Action("customer.manager_changed", _C, "Made {member} the contact for {target}")
CUSTOMER_CREDIT_CHANGED = Action(
    "customer.credit_limit_changed", _C, "Changed the credit limit of {target}", sensitive=True
)
CUSTOMER_VERIFIED = Action("customer.verified", _C, "Confirmed the identity of {target}")
CUSTOMERS_MERGED = Action("customer.merged", _C, "Merged {duplicate} into {target}")
CUSTOMER_ARCHIVED = Action("customer.archived", _C, "Archived {target}")
CUSTOMER_RESTORED = Action("customer.restored", _C, "Restored {target}")
CUSTOMER_DELETED = Action("customer.deleted", _C, "Deleted the record of {target}", sensitive=True)
DEPOSIT_REQUESTED = Action("deposit.requested", _C, "Asked {target} for a deposit", details=("vehicle", "invoice"))
DEPOSIT_RECEIVED = Action("deposit.received", _C, "Recorded a deposit from {target}", details=("vehicle", "invoice"))
DEPOSIT_REFUNDED = Action(
    "deposit.refunded", _C, "Refunded the deposit of {target}", details=("vehicle", "invoice"), sensitive=True
)
INVOICE_SENT = Action("invoice.sent", _C, "Sent invoice {invoice} to {target}", details=("vehicle",))
INVOICE_PAID = Action("invoice.paid", _C, "Recorded that {target} paid invoice {invoice}", details=("vehicle",))
INVOICE_CANCELLED = Action("invoice.cancelled", _C, "Cancelled invoice {invoice} to {target}", sensitive=True)

# Documents: uploads, approvals, and changes; the target is what the paper is about

_C = Category.DOCUMENTS
DOCUMENT_UPLOADED = Action("document.uploaded", _C, "Uploaded the {document} for {target}", details=("file",))
DOCUMENTS_UPLOADED = Action("document.many_uploaded", _C, "Uploaded {count} documents from {source}")
DOCUMENT_UPDATED = Action("document.updated", _C, "Changed the {document} for {target}", details=("file", "fields"))
DOCUMENT_REPLACED = Action("document.replaced", _C, "Replaced the {document} for {target}", details=("file",))
DOCUMENT_TRANSLATED = Action("document.translated", _C, "Added a translation of the {document} for {target}")
DOCUMENT_APPROVED = Action("document.approved", _C, "Approved the {document} for {target}")
DOCUMENT_REJECTED = Action("document.rejected", _C, "Rejected the {document} for {target}: {reason}")
DOCUMENT_SIGNED = Action("document.signed", _C, "Signed the {document} for {target}")
DOCUMENT_REQUESTED = Action("document.requested", _C, "Asked for the {document} for {target}")
DOCUMENT_REMINDED = Action("document.reminder_sent", _C, "Sent a reminder that the {document} for {target} is missing")
DOCUMENT_SHARED = Action(
    "document.shared", _C, "Shared the {document} for {target} with {recipient}", details=("file",), sensitive=True
)
DOCUMENT_EXPIRED = Action("document.expired", _C, "Marked the {document} for {target} as expired")
DOCUMENT_DELETED = Action("document.deleted", _C, "Deleted the {document} for {target}", details=("file",))
DOCUMENT_RESTORED = Action("document.restored", _C, "Restored the {document} for {target}", details=("file",))
CUSTOMS_PACK_SIGNED_OFF = Action("document.customs_pack_signed_off", _C, "Signed off the customs pack for {target}")

# Shipments: creations, updates, status changes

_C = Category.SHIPMENTS
SHIPMENT_CREATED = Action("shipment.created", _C, "Created the shipment {target}", details=("vessel", "voyage", "port"))
SHIPMENT_UPDATED = Action("shipment.updated", _C, "Updated the details of {target}", details=("fields",))
SHIPMENT_BOOKED = Action(
    "shipment.booked", _C, "Confirmed the booking for {target}", details=("vessel", "voyage", "port")
)
SHIPMENT_VEHICLE_ADDED = Action("shipment.vehicle_added", _C, "Added {vehicle} to {target}")
SHIPMENT_VEHICLE_REMOVED = Action("shipment.vehicle_removed", _C, "Took {vehicle} off {target}")
SHIPMENT_INSURED = Action("shipment.insured", _C, "Insured {target} with {insurer}", details=("policy",))
SHIPMENT_LOADED = Action(
    "shipment.loaded", _C, "Recorded that {target} was loaded at {port}", details=("vessel", "voyage")
)
SHIPMENT_DEPARTED = Action(
    "shipment.departed", _C, "Recorded the departure of {target} from {port}", details=("vessel", "voyage")
)
SHIPMENT_DELAYED = Action("shipment.delayed", _C, "Pushed back the arrival of {target}", details=("reason",))
SHIPMENT_BROUGHT_FORWARD = Action("shipment.brought_forward", _C, "Brought forward the arrival of {target}")
SHIPMENT_ARRIVED = Action(
    "shipment.arrived", _C, "Recorded the arrival of {target} at {port}", details=("vessel", "voyage")
)
CUSTOMS_ENTRY_LODGED = Action(
    "shipment.customs_lodged", _C, "Lodged the customs entry for {target}", details=("declaration",)
)
CUSTOMS_HELD = Action(
    "shipment.customs_held", _C, "Marked {target} as held by customs", details=("declaration", "reason")
)
CUSTOMS_CLEARED = Action("shipment.customs_cleared", _C, "Marked {target} as cleared customs", details=("declaration",))
SHIPMENT_RELEASED = Action("shipment.released", _C, "Recorded that {port} released {target}")
SHIPMENT_COLLECTED = Action("shipment.collected", _C, "Recorded that {carrier} collected {target}")
SHIPMENT_DELIVERED = Action("shipment.delivered", _C, "Marked {target} as delivered to {place}")
SHIPMENT_STATUS_CHANGED = Action("shipment.status_changed", _C, "Marked {target} as {status}")
SHIPMENT_CANCELLED = Action("shipment.cancelled", _C, "Cancelled the shipment {target}", details=("reason",))
SHIPMENT_DELETED = Action("shipment.deleted", _C, "Deleted the shipment {target}")

# Suppliers: creations, updates, archive actions

_C = Category.SUPPLIERS
SUPPLIER_CREATED = Action("supplier.created", _C, "Added {target} as a supplier", details=("kind",))
SUPPLIER_UPDATED = Action("supplier.updated", _C, "Updated the record of {target}", details=("fields",))
SUPPLIER_CONTACT_CHANGED = Action("supplier.contact_changed", _C, "Changed the contact details of {target}")
SUPPLIER_BANK_DETAILS_CHANGED = Action(
    "supplier.bank_details_changed", _C, "Changed the bank details of {target}", sensitive=True
)
SUPPLIER_APPROVED = Action("supplier.approved", _C, "Approved {target} as a supplier")
SUPPLIER_SUSPENDED = Action("supplier.suspended", _C, "Suspended {target}", details=("reason",))
SUPPLIER_MADE_DEFAULT = Action("supplier.made_default", _C, "Made {target} the usual {kind}")
SUPPLIER_CONTRACT_RENEWED = Action("supplier.contract_renewed", _C, "Renewed the contract with {target}")
SUPPLIER_INVOICE_APPROVED = Action("supplier.invoice_approved", _C, "Approved invoice {invoice} from {target}")
SUPPLIER_PAID = Action("supplier.paid", _C, "Recorded the payment of invoice {invoice} to {target}")
SUPPLIER_ARCHIVED = Action("supplier.archived", _C, "Archived the supplier {target}")
SUPPLIER_RESTORED = Action("supplier.restored", _C, "Brought the supplier {target} back from the archive")
SUPPLIER_DELETED = Action("supplier.deleted", _C, "Deleted the supplier {target}", sensitive=True)

# Data export: requests for and completions of exports of the organisation's data, and shares of the log

_C = Category.DATA_EXPORT
EXPORT_REQUESTED = Action("export.requested", _C, "Asked for an export of {scope}", details=("format",), sensitive=True)
EXPORT_COMPLETED = Action(
    "export.completed", _C, "Finished the export of {scope}", details=("format", "records", "size", "sha256")
)
EXPORT_FAILED = Action("export.failed", _C, "Could not finish the export of {scope}", details=("format", "reason"))
EXPORT_CANCELLED = Action("export.cancelled", _C, "Cancelled the export of {scope}", details=("format",))
EXPORT_DOWNLOADED = Action(
    "export.downloaded", _C, "Downloaded the export of {scope}", details=("format", "size"), sensitive=True
)
EXPORT_EXPIRED = Action("export.expired", _C, "Deleted the prepared export of {scope}, as its time was over")
EXPORT_DELETED = Action(
    "export.deleted", _C, "Deleted the prepared export of {scope} before its time was over", details=("format", "size")
)
EXPORT_SCHEDULED = Action(
    "export.scheduled",
    _C,
    "Scheduled a {frequency} export of {scope}",
    details=("format", "destination"),
    sensitive=True,
)
EXPORT_UNSCHEDULED = Action("export.unscheduled", _C, "Stopped the {frequency} export of {scope}")
LOG_EXPORTED = Action(
    "audit_log.exported",
    _C,
    "Exported audit log entries as {format}",
    details=("filter", "entries", "sha256"),
    sensitive=True,
)
LOG_SHARED = Action(
    "audit_log.shared",
    _C,
    "Shared part of the audit log with {recipient}",
    details=("filter", "entries", "until", "masks"),
    sensitive=True,
)
LOG_SHARE_OPENED = Action("audit_log.share_opened", _C, "Opened the part of the audit log shared with {recipient}")
LOG_SHARE_REVOKED = Action("audit_log.share_revoked", _C, "Stopped sharing part of the audit log with {recipient}")
LOG_SHARE_EXPIRED = Action(
    "audit_log.share_expired", _C, "Ended the sharing of part of the audit log with {recipient}, as its time was over"
)

_actions = {action.slug: action for action in _constants()}
