"""Every action of the catalogue: its exact sentence, its category, and the rules that all sentences follow."""

import re
from dataclasses import replace

import pytest

from auditweb import catalogue, recordable
from auditweb.catalogue import Action, Category

# One line per action: its slug and its sentence, the facts (and the target's name) marked with what they are called.
SENTENCES = """
organisation.created = Created the organisation [name: Northgate Imports]
organisation.renamed = Renamed the organisation to [name: Northgate Imports]
organisation.slug_changed = Moved the organisation’s pages to the address [slug: northgate]
organisation.address_changed = Changed the registered address
organisation.vat_number_changed = Changed the VAT number
organisation.eori_number_changed = Changed the EORI number used for customs
organisation.logo_changed = Changed the organisation’s logo
organisation.time_zone_changed = Set the organisation’s time zone to [zone: Asia/Tokyo]
organisation.currency_changed = Set the main currency to [currency: GBP]
organisation.billing_details_changed = Changed the billing details
organisation.plan_changed = Moved to the [plan: Business] plan
organisation.plan_renewed = Renewed the [plan: Business] plan
organisation.setting_changed = Changed the setting [setting: Weekly summary]
organisation.two_factor_required = Made two-factor authentication compulsory for everyone
organisation.two_factor_required_of_admins = Made two-factor authentication compulsory for owners and admins
organisation.two_factor_deadline_changed = Changed the day from which two-factor authentication is compulsory
organisation.two_factor_made_optional = Made two-factor authentication optional
organisation.session_limits_changed = Changed how long people stay signed in
organisation.integration_connected = Connected [integration: HMRC CDS declarations]
organisation.integration_disconnected = Disconnected [integration: HMRC CDS declarations]
support_access.allowed = Allowed support to open this organisation
support_access.ended = Ended support’s access to this organisation
api_key.created = Created the API key [target: Dealer feed]
api_key.renamed = Renamed an API key to [target: Dealer feed]
api_key.scope_changed = Changed what the API key [target: Dealer feed] may do
api_key.rotated = Replaced the secret of the API key [target: Dealer feed]
api_key.revoked = Revoked the API key [target: Dealer feed]
webhook.created = Created the webhook [target: Duty channel]
webhook.changed = Changed the webhook [target: Duty channel]
webhook.rotated = Replaced the secret of the webhook [target: Duty channel]
webhook.paused = Paused the webhook [target: Duty channel]
webhook.resumed = Resumed the webhook [target: Duty channel]
webhook.deleted = Deleted the webhook [target: Duty channel]
organisation.document_retention_changed = Changed how long documents are kept
organisation.log_retention_changed = Changed how long audit log entries are kept
organisation.log_retention_shortened = Announced that audit log entries will be kept for a shorter time
organisation.log_retention_shortening_cancelled = Called off keeping audit log entries for a shorter time
organisation.log_purged = Removed audit log entries older than [period: 2 years], [entries: 1,204] in all
organisation.log_import_started = Started to import entries into the audit log from [file: audit-2025.ndjson]
organisation.log_imported = Imported entries into the audit log from [file: audit-2025.ndjson]
organisation.person_erased = Erased the personal details of a former member
organisation.ownership_transferred = Made [target: Maya Okafor] the owner of the organisation
organisation.ownership_offered = Offered the ownership of the organisation to [target: Maya Okafor]
organisation.ownership_accepted = Accepted the ownership of the organisation from [target: Maya Okafor]
organisation.ownership_declined = Declined the ownership of the organisation, offered by [target: Maya Okafor]
organisation.ownership_offer_withdrawn = Withdrew the offer of the ownership to [target: Maya Okafor]
organisation.deletion_requested = Asked for the organisation to be deleted
organisation.deletion_cancelled = Cancelled the deletion of the organisation
organisation.switched_off = Switched the organisation off: nobody can open it
organisation.switched_on = Switched the organisation on again

member.invited = Invited [email: nadia@northgate.example] as [role: admin]
invitation.resent = Sent the invitation to [email: nadia@northgate.example] again
invitation.withdrawn = Withdrew the invitation to [email: nadia@northgate.example]
invitation.expired = Closed the invitation to [email: nadia@northgate.example], which nobody had accepted
member.joined = Accepted the invitation and joined as [role: admin]
member.added = Added [target: Sofia Marques] as [role: admin]
member.role_changed = Changed the role of [target: Sofia Marques] to [role: admin]
member.role_raised = Raised the role of [target: Sofia Marques] to [role: admin]
member.auditor_appointed = Gave [target: Sofia Marques] access to the audit log
member.auditor_dismissed = Took away the audit log access of [target: Sofia Marques]
member.suspended = Suspended [target: Sofia Marques]
member.reinstated = Reinstated [target: Sofia Marques]
member.removed = Removed [target: Sofia Marques] from the organisation
member.left = Left the organisation
member.onboarding_reviewed = Reviewed the first week of [target: Priya Raman]
member.offboarding_reviewed = Reviewed the last week of [target: Priya Raman]
two_factor.reset = Reset two-factor authentication for [target: Sofia Marques]
group.created = Created the team [target: Bristol yard]
group.member_added = Added [member: Callum Byrne] to the team [target: Bristol yard]
group.member_removed = Took [member: Callum Byrne] out of the team [target: Bristol yard]
team_finding.confirmed = Confirmed the finding [target: Burst of activity: Gareth Pugh]
team_finding.set_aside = Set aside the finding [target: Burst of activity: Gareth Pugh]
team_finding.reopened = Opened the finding [target: Burst of activity: Gareth Pugh] again
team_finding.pattern_ended = Stopped setting aside findings like [target: Burst of activity: Gareth Pugh]

sign_in.succeeded = Signed in
sign_in.new_device_seen = Signed in from a new device
sign_in.new_place_seen = Signed in from an unfamiliar place, [place: Bristol]
sign_in.refused = Could not sign in as [email: nadia@northgate.example]: [reason: wrong password]
sign_in.blocked = Paused sign-in as [email: nadia@northgate.example] after too many attempts
sign_out.completed = Signed out
session.all_ended = Signed [target: Nia Coleman] out on every device
session.ended = Signed out one of their other devices
session.others_ended = Signed out all their other devices
session.expired = Signed [target: Nia Coleman] out after a time without activity
password.changed = Changed their password
password.reset_requested = Asked for a link to reset the password of [target: Sofia Marques]
password.reset = Reset their password with a link sent by e-mail
password.set = Set a new password for [target: Sofia Marques]
sign_in.address_changed = Changed the e-mail address they sign in with
two_factor.enrolled = Set up two-factor authentication
two_factor.removed = Turned off their two-factor authentication
recovery_codes.created = Created a new set of recovery codes
recovery_codes.used = Signed in with a recovery code
passkey.added = Added the passkey [name: Work laptop]
passkey.removed = Removed the passkey [name: Work laptop]
support_access.opened = Opened this organisation to help with ticket [ticket: #48213]
sign_in_finding.confirmed = Confirmed the finding [target: Burst of activity: Gareth Pugh]
sign_in_finding.set_aside = Set aside the finding [target: Burst of activity: Gareth Pugh]
sign_in_finding.reopened = Opened the finding [target: Burst of activity: Gareth Pugh] again
sign_in_finding.pattern_ended = Stopped setting aside findings like [target: Burst of activity: Gareth Pugh]

vehicle.created = Added [target: 2021 Alphard]
vehicle.updated = Updated the details of [target: 2021 Alphard]
vehicle.many_updated = Updated [count: 22] vehicles from [source: the dealer feed]
vehicle.deleted = Deleted [target: 2021 Alphard]
vehicle.restored = Restored [target: 2021 Alphard]
vehicle.shortlisted = Shortlisted [target: 2021 Alphard] for bidding
vehicle.bid_placed = Placed a bid on [target: 2021 Alphard]
vehicle.bid_raised = Raised the bid on [target: 2021 Alphard]
vehicle.bid_withdrawn = Withdrew the bid on [target: 2021 Alphard]
vehicle.auction_lost = Was outbid on [target: 2021 Alphard] at [auction: USS Yokohama]
vehicle.bought = Bought [target: 2021 Alphard] at [auction: USS Yokohama]
vehicle.grade_changed = Changed the auction grade of [target: 2021 Alphard]
vehicle.mileage_verified = Verified the mileage of [target: 2021 Alphard]
vehicle.inspected = Recorded the inspection of [target: 2021 Alphard] in [place: Bristol]
vehicle.deregistered = Recorded that [target: 2021 Alphard] was deregistered in Japan
vehicle.moved = Moved [target: 2021 Alphard] to [place: Bristol]
vehicle.status_changed = Marked [target: 2021 Alphard] as [status: in transit]
vehicle.customs_cleared = Marked [target: 2021 Alphard] as cleared customs
vehicle.duty_paid = Recorded that duty and VAT were paid on [target: 2021 Alphard]
vehicle.nova_submitted = Notified HMRC of the arrival of [target: 2021 Alphard]
vehicle.iva_booked = Booked an IVA test for [target: 2021 Alphard] at [station: Avonmouth]
vehicle.iva_passed = Recorded that [target: 2021 Alphard] passed its IVA test
vehicle.iva_failed = Recorded that [target: 2021 Alphard] failed its IVA test
vehicle.mot_passed = Recorded that [target: 2021 Alphard] passed its MOT
vehicle.registered = Registered [target: 2021 Alphard] with the DVLA as [registration: HX20 KLM]
vehicle.listed = Listed [target: 2021 Alphard] for sale
vehicle.unlisted = Took [target: 2021 Alphard] off sale
vehicle.asking_price_changed = Changed the asking price of [target: 2021 Alphard]
vehicle.photos_added = Added photos of [target: 2021 Alphard]
vehicle.reserved = Reserved [target: 2021 Alphard] for [customer: Peak Overland]
vehicle.reservation_released = Released the reservation of [target: 2021 Alphard]
vehicle.sold = Sold [target: 2021 Alphard] to [customer: Peak Overland]
vehicle.handed_over = Handed over [target: 2021 Alphard] to [customer: Peak Overland]

customer.created = Added [target: Ashdown Campers] as a customer
customer.updated = Updated the record of [target: Ashdown Campers]
customer.address_changed = Changed the delivery address of [target: Ashdown Campers]
customer.contact_changed = Changed the contact details of [target: Ashdown Campers]
customer.manager_changed = Made [member: Callum Byrne] the contact for [target: Ashdown Campers]
customer.credit_limit_changed = Changed the credit limit of [target: Ashdown Campers]
customer.verified = Confirmed the identity of [target: Ashdown Campers]
customer.merged = Merged [duplicate: J. Whitcombe] into [target: Ashdown Campers]
customer.archived = Archived [target: Ashdown Campers]
customer.restored = Restored [target: Ashdown Campers]
customer.deleted = Deleted the record of [target: Ashdown Campers]
deposit.requested = Asked [target: Ashdown Campers] for a deposit
deposit.received = Recorded a deposit from [target: Ashdown Campers]
deposit.refunded = Refunded the deposit of [target: Ashdown Campers]
invoice.sent = Sent invoice [invoice: INV-2291] to [target: Ashdown Campers]
invoice.paid = Recorded that [target: Ashdown Campers] paid invoice [invoice: INV-2291]
invoice.cancelled = Cancelled invoice [invoice: INV-2291] to [target: Ashdown Campers]

document.uploaded = Uploaded the [document: V55 form] for [target: 2019 Elgrand]
document.many_uploaded = Uploaded [count: 22] documents from [source: the dealer feed]
document.updated = Changed the [document: V55 form] for [target: 2019 Elgrand]
document.replaced = Replaced the [document: V55 form] for [target: 2019 Elgrand]
document.translated = Added a translation of the [document: V55 form] for [target: 2019 Elgrand]
document.approved = Approved the [document: V55 form] for [target: 2019 Elgrand]
document.rejected = Rejected the [document: V55 form] for [target: 2019 Elgrand]: [reason: wrong chassis]
document.signed = Signed the [document: V55 form] for [target: 2019 Elgrand]
document.requested = Asked for the [document: V55 form] for [target: Ashdown Campers]
document.reminder_sent = Sent a reminder that the [document: V55 form] for [target: Ashdown Campers] is missing
document.shared = Shared the [document: V55 form] for [target: 2019 Elgrand] with [recipient: Ashdown]
document.expired = Marked the [document: V55 form] for [target: 2019 Elgrand] as expired
document.deleted = Deleted the [document: V55 form] for [target: 2019 Elgrand]
document.restored = Restored the [document: V55 form] for [target: 2019 Elgrand]
document.customs_pack_signed_off = Signed off the customs pack for [target: 2019 Elgrand]

shipment.created = Created the shipment [target: voyage 118]
shipment.updated = Updated the details of [target: voyage 118]
shipment.booked = Confirmed the booking for [target: voyage 118]
shipment.vehicle_added = Added [vehicle: 2018 Toyota Hiace] to [target: voyage 118]
shipment.vehicle_removed = Took [vehicle: 2018 Toyota Hiace] off [target: voyage 118]
shipment.insured = Insured [target: voyage 118] with [insurer: Gard Marine]
shipment.loaded = Recorded that [target: voyage 118] was loaded at [port: Southampton]
shipment.departed = Recorded the departure of [target: voyage 118] from [port: Southampton]
shipment.delayed = Pushed back the arrival of [target: voyage 118]
shipment.brought_forward = Brought forward the arrival of [target: voyage 118]
shipment.arrived = Recorded the arrival of [target: voyage 118] at [port: Southampton]
shipment.customs_lodged = Lodged the customs entry for [target: voyage 118]
shipment.customs_held = Marked [target: voyage 118] as held by customs
shipment.customs_cleared = Marked [target: voyage 118] as cleared customs
shipment.released = Recorded that [port: Southampton] released [target: voyage 118]
shipment.collected = Recorded that [carrier: Kanto] collected [target: voyage 118]
shipment.delivered = Marked [target: voyage 118] as delivered to [place: Bristol]
shipment.status_changed = Marked [target: voyage 118] as [status: in transit]
shipment.cancelled = Cancelled the shipment [target: voyage 118]
shipment.deleted = Deleted the shipment [target: voyage 118]

supplier.created = Added [target: Kanto Auto] as a supplier
supplier.updated = Updated the record of [target: Kanto Auto]
supplier.contact_changed = Changed the contact details of [target: Kanto Auto]
supplier.bank_details_changed = Changed the bank details of [target: Kanto Auto]
supplier.approved = Approved [target: Kanto Auto] as a supplier
supplier.suspended = Suspended [target: Kanto Auto]
supplier.made_default = Made [target: Kanto Auto] the usual [kind: inland haulier]
supplier.contract_renewed = Renewed the contract with [target: Kanto Auto]
supplier.invoice_approved = Approved invoice [invoice: INV-2291] from [target: Kanto Auto]
supplier.paid = Recorded the payment of invoice [invoice: INV-2291] to [target: Kanto Auto]
supplier.archived = Archived the supplier [target: Kanto Auto]
supplier.restored = Brought the supplier [target: Kanto Auto] back from the archive
supplier.deleted = Deleted the supplier [target: Kanto Auto]

export.requested = Asked for an export of [scope: all vehicles]
export.completed = Finished the export of [scope: all vehicles]
export.failed = Could not finish the export of [scope: all vehicles]
export.cancelled = Cancelled the export of [scope: all vehicles]
export.downloaded = Downloaded the export of [scope: all vehicles]
export.expired = Deleted the prepared export of [scope: all vehicles], as its time was over
export.deleted = Deleted the prepared export of [scope: all vehicles] before its time was over
export.scheduled = Scheduled a [frequency: weekly] export of [scope: all vehicles]
export.unscheduled = Stopped the [frequency: weekly] export of [scope: all vehicles]
audit_log.exported = Exported audit log entries as [format: CSV]
audit_log.shared = Shared part of the audit log with [recipient: Ashdown]
audit_log.share_opened = Opened the part of the audit log shared with [recipient: Ashdown]
audit_log.share_revoked = Stopped sharing part of the audit log with [recipient: Ashdown]
audit_log.share_expired = Ended the sharing of part of the audit log with [recipient: Ashdown], as its time was over
"""

SENSITIVE = """
organisation.two_factor_made_optional
organisation.session_limits_changed
organisation.integration_connected
support_access.allowed
api_key.created
api_key.scope_changed
api_key.rotated
webhook.created
webhook.changed
organisation.log_retention_changed
organisation.log_retention_shortened
organisation.log_purged
organisation.log_import_started
organisation.log_imported
organisation.person_erased
organisation.ownership_transferred
organisation.ownership_offered
organisation.ownership_accepted
organisation.deletion_requested
organisation.switched_off
member.added
member.role_raised
member.auditor_appointed
two_factor.reset
sign_in.new_device_seen
sign_in.new_place_seen
sign_in.blocked
password.reset
password.set
sign_in.address_changed
two_factor.removed
recovery_codes.used
support_access.opened
customer.credit_limit_changed
customer.deleted
deposit.refunded
invoice.cancelled
document.shared
supplier.bank_details_changed
supplier.deleted
export.requested
export.downloaded
export.scheduled
audit_log.exported
audit_log.shared
"""

MARKED = re.compile(r"\[(\w+): ([^]]*)]")
EXAMPLES = dict(line.split(" = ", 1) for line in SENTENCES.splitlines() if line)


def test_every_action_has_its_line() -> None:
    assert [action.slug for action in catalogue.all_actions()] == list(EXAMPLES)


@pytest.mark.parametrize("slug", EXAMPLES)
def test_sentence(slug: str) -> None:
    """The sentence is made of just these facts, word for word, and its parts make it up again."""
    action = _action(slug)
    facts = dict(MARKED.findall(EXAMPLES[slug]))
    target_name = facts.pop("target", "")
    expected = MARKED.sub(r"\2", EXAMPLES[slug])

    assert action.sentence(facts, target_name) == expected
    assert action.needed == facts.keys()
    assert action.takes_target == bool(target_name)
    parts = action.parts(facts, target_name)
    assert "".join(part.text for part in parts) == expected
    assert [part.text for part in parts if part.kind != "text"] == [text for _, text in MARKED.findall(EXAMPLES[slug])]


def test_there_are_enough() -> None:
    """Nine categories, each of them used, and at least seventy actions."""
    assert len(EXAMPLES) >= 70
    assert [category.value for category in Category] == list(
        dict.fromkeys(action.category.value for action in catalogue.all_actions())
    )


def test_labels_of_the_categories() -> None:
    assert [category.label for category in Category] == [
        "Organisation",
        "Team",
        "Authentication",
        "Vehicles",
        "Customers",
        "Documents",
        "Shipments",
        "Suppliers",
        "Data export",
    ]


@pytest.mark.parametrize(
    ("slug", "category"),
    [
        ("organisation.renamed", "organisation"),
        ("member.invited", "team"),
        ("member.role_changed", "team"),
        ("member.removed", "team"),
        ("two_factor.reset", "team"),
        ("sign_in.succeeded", "authentication"),
        ("password.changed", "authentication"),
        ("two_factor.enrolled", "authentication"),
        ("vehicle.created", "vehicles"),
        ("vehicle.updated", "vehicles"),
        ("vehicle.deleted", "vehicles"),
        ("customer.updated", "customers"),
        ("document.uploaded", "documents"),
        ("document.approved", "documents"),
        ("document.updated", "documents"),
        ("shipment.created", "shipments"),
        ("shipment.updated", "shipments"),
        ("shipment.status_changed", "shipments"),
        ("supplier.created", "suppliers"),
        ("supplier.updated", "suppliers"),
        ("supplier.archived", "suppliers"),
        ("export.requested", "data_export"),
        ("export.completed", "data_export"),
        ("api_key.created", "organisation"),
        ("organisation.ownership_transferred", "organisation"),
        ("organisation.deletion_requested", "organisation"),
    ],
)
def test_what_the_help_article_names_is_where_it_says(slug: str, category: str) -> None:
    assert _action(slug).category == category


def test_what_a_security_review_looks_at_first() -> None:
    assert [action.slug for action in catalogue.all_actions() if action.sensitive] == SENSITIVE.split()


IRREGULAR = {
    "Bought", "Brought", "Could", "Gave", "Left", "Made", "Reset", "Sent", "Set", "Sold", "Took", "Was", "Withdrew",
}  # fmt: skip


@pytest.mark.parametrize("action", catalogue.all_actions(), ids=lambda action: action.slug)
def test_sentences_keep_the_rules(action: Action) -> None:
    """A verb in the past first, no full stop, no before-and-after, and nothing that would be redacted."""
    verb = action.summary.split()[0]
    names = action.needed | set(action.details)

    assert verb in IRREGULAR or verb.endswith("ed")
    assert not re.search(r"\bfrom \{\w+\} to\b|\bwas \{|\bpreviously\b|\bold\b|\binstead of\b", action.summary)
    assert not any(re.search(r"(^|_)(old|before|previous|was|from|amount|price|date)(_|$)", name) for name in names)
    assert not any(recordable._is_secret(name) for name in names)
    assert re.fullmatch(r"[a-z_]+\.[a-z_]+", action.slug)


def test_constants_are_what_find_returns() -> None:
    assert catalogue.find("member.invited") is catalogue.MEMBER_INVITED
    assert catalogue.find("vehicle.exploded") is None


def test_host_adds_its_own_with_one_call() -> None:
    washed = Action("vehicle.washed", Category.VEHICLES, "Washed {target}", details=("by",))
    waxed = Action("vehicle.waxed", Category.VEHICLES, "Waxed {target}")

    catalogue.add(washed, waxed)

    assert catalogue.find("vehicle.waxed") is waxed
    assert catalogue.all_actions()[-2:] == (washed, waxed)


def test_adding_the_same_action_again_changes_nothing() -> None:
    washed = Action("vehicle.washed", Category.VEHICLES, "Washed {target}")
    catalogue.add(washed)

    catalogue.add(replace(washed), washed)

    assert catalogue.find("vehicle.washed") == washed
    assert len(catalogue.all_actions()) == len(EXAMPLES) + 1


@pytest.mark.parametrize(
    "taken",
    [
        Action("member.invited", Category.TEAM, "Asked {email} in"),
        Action("vehicle.washed", Category.VEHICLES, "Rinsed {target}"),
    ],
)
def test_taken_slug_is_refused_and_nothing_added(taken: Action) -> None:
    washed = Action("vehicle.washed", Category.VEHICLES, "Washed {target}")

    with pytest.raises(ValueError, match=f"already another action {taken.slug}"):
        catalogue.add(washed, taken)

    assert len(catalogue.all_actions()) == len(EXAMPLES)


def _action(slug: str) -> Action:
    action = catalogue.find(slug)
    assert action is not None
    return action
