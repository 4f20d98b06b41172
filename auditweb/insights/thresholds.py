"""
From when on something counts as unusual: every number of the security review, in one place.

docs/review.md says what each is for and where the statistics come from.
"""

from datetime import timedelta
from typing import Final

REMEMBERED_DAYS: Final = 180  # how far back "never before" looks
EVIDENCE: Final = 50  # entries that are named for one finding
GRACE: Final = timedelta(minutes=10)  # that entries may come late before a deadline counts as passed

# Signing in
FEW_SIGN_INS: Final = 20  # until somebody has signed in so often within the days remembered, every place is new
LEARNING_DAYS: Final = 14  # and so it is in their first days
COLLEAGUES: Final = 3  # so many who sign in from a network make it the organisation's own
FASTEST_KMH: Final = 900.0  # an airliner
NEAREST_KM: Final = 500.0  # files of places are wrong by as much
REFUSALS: Final = 5  # before one that worked
REFUSALS_WITHIN: Final = timedelta(hours=1)

# Second factors
ENROLS_WITHIN: Final = timedelta(days=1)
NEVER_RESET_DAYS: Final = 90  # somebody who has been here for so long and never reset a second factor

# Keys
ROAMING: Final = 5  # networks: a key that is used from more of them is at home nowhere
KEY_ENTRIES: Final = 3  # from its first network, before another one says anything

# Exports
LARGE: Final = 1_000  # entries or records; smaller ones are never large
LARGER: Final = ((10, 3.0), (3, 10.0))  # after so many, so many times the largest of them
NEVER_EXPORTED_DAYS: Final = 90

# Bursts
WINDOW: Final = timedelta(hours=1)
LEAST_IN_BURST: Final = 25.0
DELETION: Final = 3.0  # what a deletion weighs
MODIFIED_Z: Final = 6.0  # of counts after Anscombe's transform; Iglewicz and Hoaglin suggest 3.5 for single samples
BUSIER: Final = 1.5  # times the busiest hour so far
KNOWN_DAYS: Final = 10  # active days: before that, the organisation's busiest hours are what somebody is held against
CALM: Final = timedelta(hours=2)  # after which another burst is another one

# Hours
AROUND: Final = 3  # hours before and after that count as the same time of day
ACTIVE_DAYS: Final = 30
WEEKS_KNOWN: Final = 4
ACTIVE_DAYS_FOR_WEEKDAY: Final = 60
WEEKS_FOR_WEEKDAY: Final = 12
REST: Final = timedelta(hours=6)  # after which being there again is another occasion

# Silence
WEEKS_COMPARED: Final = 8
EXPECTED: Final = 40.0  # entries that would usually have come
SILENT_FOR: Final = timedelta(hours=24)
OTHERS_GO_ON: Final = 0.4  # of what is usual elsewhere: less, and it is a holiday
