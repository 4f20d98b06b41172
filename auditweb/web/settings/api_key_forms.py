"""What is asked about an API key: its name, what it may do, and how long its former secret goes on working."""

from datetime import date, datetime, timedelta
from typing import Self

from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectMultipleField, StringField, TextAreaField, ValidationError
from wtforms.fields.choices import RadioField, SelectChoice
from wtforms.validators import DataRequired, Length

from auditweb import clock
from auditweb.accounts import api_keys
from auditweb.accounts.api_keys import LONGEST_NAME, OVERLAPS, Key
from auditweb.accounts.callers import Scope
from auditweb.accounts.key_rights import LONGEST_LIFE, InvalidError, Rights, parse_networks
from auditweb.accounts.viewers import MemberViewer
from auditweb.catalogue import Category
from auditweb.reading import days
from auditweb.web.foreign_text import visible_text
from auditweb.web.settings.fields import a_day, day, one_line, visible_only
from auditweb.web.settings.proof import ProofForm

USUAL_OVERLAP = "24 hours"

_SCOPES = {
    Scope.WRITE: ("Write", "Adds entries to the log. None that are there can be changed."),
    Scope.READ: ("Read", "Reads, searches and counts all entries, those of every category."),
}
_OVERLAPS = {
    "at once": ("At once", "For a secret that somebody has got hold of."),
    "1 hour": ("After 1 hour", "For a system that you change over now."),
    "24 hours": ("After 24 hours", "For several systems, or one that somebody else looks after."),
    "7 days": ("After 7 days", "For what is only changed over with its next release."),
}
_NAME = [
    DataRequired("Enter a name."),
    Length(max=LONGEST_NAME, message=f"A name has at most {LONGEST_NAME} characters."),
    visible_only,
]


class NameForm(FlaskForm):  # type: ignore[misc]
    name = StringField("Name", filters=[one_line], validators=_NAME)


class RightsForm(ProofForm):
    """What a key may do. Days are the organisation's, and the last one counts as a whole."""

    scopes = SelectMultipleField("It may", validate_choice=False)
    categories = SelectMultipleField("Categories it may write", validate_choice=False)
    networks = TextAreaField("Only from these addresses")
    expires = StringField("Last day", validators=[a_day])

    def __init__(self, viewer: MemberViewer, **values: object) -> None:
        super().__init__(viewer.person, **values)
        self._org_id = viewer.org_id
        self._zone = viewer.org_zone
        self.scopes.choices = [SelectChoice(scope.value, label) for scope, (label, _) in _SCOPES.items()]
        self.categories.choices = [SelectChoice(category.value, category.label) for category in Category]
        self.in_short = {scope.value: hint for scope, (_, hint) in _SCOPES.items()}

    @classmethod
    def of(cls, viewer: MemberViewer, rights: Rights) -> Self:
        """Return a form that says what a key may do now, unless something else was sent."""
        last_day = rights.expires_at and days.day_of(rights.expires_at - timedelta(microseconds=1), viewer.org_zone)
        return cls(
            viewer,
            data={
                "scopes": list(rights.scopes),
                "categories": list(rights.categories),
                "networks": "\n".join(map(shown_network, rights.networks)),
                "expires": last_day.isoformat() if last_day else "",
            },
        )

    def validate_scopes(self, field: SelectMultipleField) -> None:
        if not field.data:
            raise ValidationError("Choose at least one.")
        _check_choices(field)

    def validate_categories(self, field: SelectMultipleField) -> None:
        _check_choices(field)

    def validate_networks(self, field: TextAreaField) -> None:
        try:
            parse_networks(field.data or "")
        except InvalidError as error:
            raise ValidationError(visible_text(error.reason)) from None

    def validate_expires(self, field: StringField) -> None:
        chosen = day(field)
        if chosen is not None and not self.first_day <= chosen <= self.last_day:
            raise ValidationError("Choose a day that is not over, at most ten years from now.")

    @property
    def first_day(self) -> date:
        return days.day_of(clock.now(), self._zone)

    @property
    def last_day(self) -> date:
        return days.day_of(clock.now() + LONGEST_LIFE, self._zone) - timedelta(days=1)

    @property
    def rights(self) -> Rights:
        """What was asked for. Categories are about writing: a key that may not write has none of its own."""
        scopes = frozenset(map(Scope, self.scopes.data))
        categories = frozenset(map(Category, self.categories.data)) if Scope.WRITE in scopes else frozenset()
        return Rights(scopes, categories, parse_networks(self.networks.data or ""), self._expires_at)

    @property
    def _expires_at(self) -> datetime | None:
        chosen = day(self.expires)
        return None if chosen is None else days.end_of(chosen, self._zone)


class NewKeyForm(RightsForm):
    name = StringField("Name", filters=[one_line], validators=_NAME)

    def validate_name(self, field: StringField) -> None:
        """Look for another key of that name here as well, so that finding one uses up no code."""
        try:
            api_keys.check_name(self._org_id, field.data)
        except InvalidError as error:
            raise ValidationError(error.reason) from None


class RotateForm(ProofForm):
    """When the former secret stops working, and which one the person had before them."""

    overlap = RadioField("The former secret stops working", validate_choice=False)
    version = HiddenField()

    def __init__(self, viewer: MemberViewer, key: Key) -> None:
        super().__init__(viewer.person, data={"overlap": USUAL_OVERLAP, "version": key.version})
        self.overlap.choices = [SelectChoice(value, label) for value, (label, _) in _OVERLAPS.items()]
        self.in_short = {value: hint for value, (_, hint) in _OVERLAPS.items()}
        if not key.has_secret:
            del self.overlap

    def validate_overlap(self, field: RadioField) -> None:
        if field.data not in OVERLAPS:
            raise ValidationError("Choose one of these.")

    @property
    def chosen(self) -> str:
        return self.overlap.data if self.overlap else next(iter(OVERLAPS))


def shown_network(network: str) -> str:
    """Return a range as people write it: a single address without its length."""
    address, _, length = network.partition("/")
    return address if length == ("128" if ":" in address else "32") else network


def _check_choices(field: SelectMultipleField) -> None:
    if not set(field.data or ()) <= {choice.value for choice in field.choices}:
        raise ValidationError("Choose from these only.")
