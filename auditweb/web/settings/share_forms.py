"""What is asked about a part of the log that is to be shared."""

from flask import request
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, SelectMultipleField, StringField, TextAreaField, ValidationError
from wtforms.fields.choices import RadioField, SelectChoice
from wtforms.validators import DataRequired, Length

from auditweb import clock, ids
from auditweb.recordable import MAX_AHEAD
from auditweb.sharing.masking import Mask
from auditweb.sharing.shares import LONGEST_NOTE, LONGEST_RECIPIENT, PERIODS
from auditweb.web.settings.fields import check_one, choices, lines, one_line, visible_lines_only, visible_only

FROZEN, FOLLOWING = "frozen", "following"
LINK, SUPPORT = "link", "support"
USUAL_PERIOD = "7 days"

IN_SHORT = {
    FROZEN: "What happens later does not show. An entry that is only recorded later, for a time before, does.",
    FOLLOWING: "Entries that match show as they come, until the share is over.",
    LINK: "No account is needed. Whoever gets hold of the link can read it.",
    SUPPORT: "They sign in first. The link opens for nobody else.",
    Mask.NAMES.value: "Members, customers, support staff and whatever else an entry is about become Person 1, "
    "Customer 2, Name 3. Known things stay, such as a vehicle, a document or a supplier. Someone who is not a member "
    "is found where their entry names them as who acted, as whom it is about, or in a detail such as “buyer”. "
    "What else is in a text stays: a first name alone, say.",
    Mask.EMAILS.value: "Wherever one stands, also in a sentence.",
    Mask.ADDRESSES.value: "Where people signed in from, and with which browser.",
}


class ShareForm(FlaskForm):  # type: ignore[misc]
    """*seen* is the id up to which the page told what is shared, so that it is just that."""

    recipient = StringField(
        "For whom",
        filters=[one_line],
        validators=[
            DataRequired("Say for whom it is, such as support or the number of a ticket."),
            Length(max=LONGEST_RECIPIENT, message=f"Use {LONGEST_RECIPIENT} characters at most."),
            visible_only,
        ],
    )
    period = SelectField(
        "Open for", choices=[SelectChoice(period, period) for period in PERIODS], validate_choice=False
    )
    extent = RadioField(
        "Entries", choices=choices(frozen="Those that are there now", following="New ones, too"), validate_choice=False
    )
    audience = RadioField(
        "Who can open it",
        choices=choices(link="Anyone with the link", support="Only support staff"),
        validate_choice=False,
    )
    masks = SelectMultipleField(
        "Masked", choices=[SelectChoice(mask.value, mask.label) for mask in Mask], validate_choice=False
    )
    note = TextAreaField(
        "Note for the reader",
        filters=[lines],
        validators=[
            visible_lines_only,
            Length(max=LONGEST_NOTE, message=f"A note has {LONGEST_NOTE:,} characters at most."),
        ],
    )
    seen = HiddenField()

    def __init__(self, *, seen: int, may_follow: bool, has_support: bool) -> None:
        usual = {
            "period": USUAL_PERIOD,
            "extent": FROZEN,
            "audience": LINK,
            "masks": [mask.value for mask in Mask],
            "seen": ids.to_text(seen),
        }
        # What was sent stands for itself: a field that is missing there was not left as it usually is.
        super().__init__(data=None if request.method == "POST" else usual)
        self.in_short = IN_SHORT
        self._may_follow = may_follow
        self._has_support = has_support
        # What is not to be asked may have been asked a moment ago: an answer to it counts, or is refused.
        if not may_follow and not self.extent.raw_data:
            del self.extent
        if not has_support and not self.audience.raw_data:
            del self.audience

    def validate_period(self, field: SelectField) -> None:
        check_one(field, PERIODS)

    def validate_extent(self, field: RadioField) -> None:
        check_one(field, {FROZEN, FOLLOWING})
        if field.data == FOLLOWING and not self._may_follow:
            raise ValidationError(
                "These entries have an end, so no new ones can come: choose those that are there now."
            )

    def validate_audience(self, field: RadioField) -> None:
        check_one(field, {LINK, SUPPORT})
        if field.data == SUPPORT and not self._has_support:
            raise ValidationError("There are no support staff any more: nobody could open the link. Choose again.")

    def validate_masks(self, field: SelectMultipleField) -> None:
        if not set(field.data or ()) <= set(Mask):
            raise ValidationError("Choose from these only.")

    def validate_seen(self, field: HiddenField) -> None:
        if self._seen is None or len(field.raw_data or ()) != 1:
            raise ValidationError("This page is damaged. Open it again from the log.")

    @property
    def up_to(self) -> int:
        """The id up to which the page told what is shared."""
        return self._seen or 0

    @property
    def follows(self) -> bool:
        return self.extent is not None and self.extent.data == FOLLOWING

    @property
    def support_only(self) -> bool:
        return self.audience is not None and self.audience.data == SUPPORT

    @property
    def masked(self) -> frozenset[Mask]:
        return frozenset(map(Mask, self.masks.data or ()))

    @property
    def _seen(self) -> int | None:
        try:
            seen = ids.from_text(self.seen.data or "")
        except ValueError:
            return None
        return seen if 0 < seen <= ids.last_id_at(clock.now() + MAX_AHEAD) else None
