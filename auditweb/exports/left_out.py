"""What of the tables of an organisation is in no export of its data, and why: a test holds that nothing else is."""

from collections.abc import Mapping
from typing import Final

_MADE_FROM_ENTRIES: Final = "made from the entries, to count and to search them"

LEFT_OUT: Final[Mapping[str, str]] = {
    "event": "the log itself, which has a file of its own",
    "leaf": "the order in which the server took the entries in; each entry tells itself when it was recorded",
    "log_head": "how far that order goes",
    "mark": _MADE_FROM_ENTRIES,
    "tally": _MADE_FROM_ENTRIES,
    "segment": _MADE_FROM_ENTRIES,
    "posting": _MADE_FROM_ENTRIES,
    "seal_queue": _MADE_FROM_ENTRIES,
    "finding_event": "which entries show a finding",
    "finding_pattern": "part of what was decided about findings; each decision is an entry",
    "review_cursor": "how far the security review has read",
    "review_memory": "made from the entries, to tell what is unusual",
    "share_alias": "what masked values are called in a share, by hashes of them",
    "weekly_mail": "which of its people want a mail each week: their own choice",
    "deleted_organisation": "what remains of an organisation that is no more",
}
"""Tables with rows of an organisation that no question of `holdings` reads."""

LEFT_OUT_COLUMNS: Final[Mapping[str, str]] = {
    "organisation.people_stamp": "a random number, to notice changes by",
    "organisation.purged_entries": "part of a purge under way; what was removed is an entry",
    "organisation.purged_up_to": "part of a purge under way; what was removed is an entry",
    "organisation.purged_months": "part of a purge under way; what was removed is an entry",
    "membership.id": "a number of ours",
    "invitation.token_hash": "secret: the link of the invitation",
    "api_key.secret_hash": "secret: of the key",
    "api_key.former_hash": "secret: of the key",
    "share.token_hash": "secret: the link of the share",
    "share_opening.reader": "a hash, to tell one reader from another",
    "share_opening.hour": "to count a reader once an hour; opened_at tells more",
    "finding.number": "a number of ours",
    "finding.run": "the last reading of the log that found it",
    "finding.place": "a part of its sentence, to tell one pattern from another",
    "webhook.secret": "secret: what deliveries are signed with",
    "webhook.former_secret": "secret: what deliveries are signed with",
    "webhook.url": "may hold a secret of the other system",
    "webhook.cursor": "how far it has been told",
    "webhook_delivery.items": "which entries it told of, as numbers of ours",
    "webhook_delivery.claimed_until": "which process sends it",
    "export_job.claimed_by": "which process prepares it",
    "export_job.heartbeat_at": "which process prepares it",
    "export_job.tries": "which process prepares it",
    "export_job.started_at": "which process prepares it",
    "export_job.file": "where the server keeps it",
}
"""Columns of the tables that it reads which are left out."""
