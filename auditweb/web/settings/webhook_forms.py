"""What is asked about a webhook: its name, where it calls, what it tells, and how long its former secret counts."""

from collections.abc import Mapping

from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, StringField, ValidationError
from wtforms.fields.choices import RadioField, SelectChoice
from wtforms.validators import DataRequired, Length

from auditweb.accounts.key_rights import InvalidError
from auditweb.accounts.sessions import SignedIn
from auditweb.accounts.team import MissingError
from auditweb.accounts.viewers import MemberViewer
from auditweb.viewer import NamedView
from auditweb.web import saved_views
from auditweb.web.foreign_text import visible_text
from auditweb.web.ready_views import READY
from auditweb.web.settings.fields import one_line, visible_only
from auditweb.web.settings.proof import ProofForm
from auditweb.webhooks import hooks, targets
from auditweb.webhooks.hooks import LONGEST_NAME, OVERLAPS, Draft, Hook
from auditweb.webhooks.sources import SOURCES
from auditweb.webhooks.targets import LONGEST, Policy, Target, TargetError

USUAL_OVERLAP = "24 hours"
FINDINGS = "findings"
ALL = "all"

_LOOKED_UP_WITHIN = 3.0  # seconds
_OVERLAPS = {
    "at once": ("At once", "For a secret that somebody has got hold of."),
    "1 hour": ("After 1 hour", "For a receiver that you change over now."),
    "24 hours": ("After 24 hours", "For a receiver that somebody else looks after."),
    "7 days": ("After 7 days", "For what is only changed over with its next release."),
}


class TargetForm(ProofForm):
    """What a webhook is called and where it calls. A name is looked up at once, so that a wrong one is seen here."""

    name = StringField(
        "Name",
        filters=[one_line],
        validators=[
            DataRequired("Enter a name."),
            Length(max=LONGEST_NAME, message=f"A name has at most {LONGEST_NAME} characters."),
            visible_only,
        ],
    )
    url = StringField(
        "Address",
        filters=[lambda text: text.strip() if text else text],
        validators=[
            DataRequired("Enter the address that is to be called."),
            Length(max=LONGEST, message=f"An address has at most {LONGEST} characters."),
        ],
    )

    def __init__(self, person: SignedIn, org_id: int, policy: Policy, hook: Hook | None = None) -> None:
        super().__init__(person, data={"name": hook.name, "url": hook.url} if hook else {})
        self._org_id = org_id
        self._policy = policy
        self._own = hook.id if hook else ""

    def validate_name(self, field: StringField) -> None:
        """Look for another webhook of that name here as well, so that finding one uses up no code."""
        try:
            hooks.check_name(self._org_id, field.data, but=self._own)
        except InvalidError as error:
            raise ValidationError(error.reason) from None

    def validate_url(self, field: StringField) -> None:
        try:
            targets.resolve(Target.parse(field.data), self._policy, within=_LOOKED_UP_WITHIN)
        except TargetError as error:
            raise ValidationError(visible_text(str(error))) from None


class NewHookForm(TargetForm):
    """What is to be told as well: all entries, findings, or those of a view, which may be *chosen* by the address."""

    view = SelectField("It tells of", validate_choice=False)

    def __init__(self, viewer: MemberViewer, policy: Policy, chosen: str) -> None:
        """Raise MissingError if there is no such view to be *chosen*."""
        super().__init__(viewer.person, viewer.org_id, policy)
        self._viewer = viewer
        own = {view.id: view for view in viewer.views()}
        ready = [view._replace(shared=True) for _, views in READY for view in views]
        self._views = own | {f"ready-{number}": view for number, view in enumerate(ready, 1)}
        watched = {key: view for key, view in self._views.items() if not self._why_unwatched(view)}
        self.view.choices = [SelectChoice(ALL, "All entries"), *_findings(), *_named(watched)]
        if not self.is_submitted():
            self._choose(chosen or ALL)
        if self.view.data not in self._known:
            self.view.choices.insert(0, SelectChoice("", "Choose what it tells of"))

    def validate_view(self, field: SelectField) -> None:
        if not field.data or field.data not in self._known:
            view = self._views.get(field.data)
            raise ValidationError(self._why_unwatched(view) if view else "Choose one of these.")

    @property
    def draft(self) -> Draft:
        chosen = self.view.data
        if chosen == FINDINGS:
            return Draft(self.name.data, self.url.data, "findings")
        if chosen == ALL:
            return Draft(self.name.data, self.url.data, "entries")
        view = self._views[chosen]
        # That there is a private view nobody else sees, so what it shows takes the place of its name.
        told = view.name if view.shared else saved_views.describe(self._viewer, view)
        return Draft(self.name.data, self.url.data, "entries", told, view.query)

    def _choose(self, chosen: str) -> None:
        if chosen not in self._known and chosen not in self._views:
            raise MissingError
        self.view.data = chosen
        if chosen not in self._known:
            self.view.errors = [self._why_unwatched(self._views[chosen])]

    def _why_unwatched(self, view: NamedView) -> str:
        return hooks.why_unwatched(view.query, org_id=self._viewer.org_id, org_zone=self._viewer.org_zone)

    @property
    def _known(self) -> set[str]:
        return {choice.value for choice in self.view.choices}


class SecretForm(ProofForm):
    """Until when deliveries are signed with the former secret, too, and which one the person had before them."""

    overlap = RadioField("The former secret signs no more", validate_choice=False)
    version = HiddenField()

    def __init__(self, person: SignedIn, hook: Hook) -> None:
        super().__init__(person, data={"overlap": USUAL_OVERLAP, "version": hook.version})
        self.overlap.choices = [SelectChoice(value, label) for value, (label, _) in _OVERLAPS.items()]
        self.in_short = {value: hint for value, (_, hint) in _OVERLAPS.items()}

    def validate_overlap(self, field: RadioField) -> None:
        if field.data not in OVERLAPS:
            raise ValidationError("Choose one of these.")


class PlainForm(FlaskForm):  # type: ignore[misc]
    """A button, with nothing to fill in."""


def _findings() -> list[SelectChoice]:
    return [SelectChoice(FINDINGS, "Findings of the security review")] if FINDINGS in SOURCES else []


def _named(views: Mapping[str, NamedView]) -> list[SelectChoice]:
    return [SelectChoice(key, visible_text(view.name)) for key, view in views.items()]
