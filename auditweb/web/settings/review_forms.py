"""What is asked of somebody who decides about a finding."""

from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, StringField, TextAreaField, ValidationError
from wtforms.validators import Length

from auditweb.insights.decisions import LONGEST_NOTE, State
from auditweb.web.settings.fields import lines, once, visible_lines_only


class DecisionForm(FlaskForm):  # type: ignore[misc]
    """The buttons are its *decision*, and *made_for* the state of the finding that its reader saw."""

    made_for = HiddenField()
    note = TextAreaField(
        "Note",
        filters=[lines],
        validators=[
            once,
            visible_lines_only,
            Length(max=LONGEST_NOTE, message=f"A note has {LONGEST_NOTE} characters at most."),
        ],
    )
    always = BooleanField("Set aside the same pattern from now on", validators=[once])
    decision = StringField(validators=[once])

    def validate_decision(self, field: StringField) -> None:
        if field.data not in set(State):
            raise ValidationError("Choose whether to confirm the finding or to set it aside.")
        if not self.made_for.data or len(self.made_for.raw_data) != 1:
            raise ValidationError("The form did not say what it was made for. Look at the finding, then decide again.")

    def validate_always(self, field: BooleanField) -> None:
        if field.raw_data not in ([], ["y"]):
            raise ValidationError("Tick this, or leave it as it is.")
        if field.data and self.decision.data in (State.CONFIRMED, State.OPEN):
            raise ValidationError("This goes with Set aside only. Take the tick away, or set the finding aside.")

    @property
    def chosen(self) -> State:
        return State(self.decision.data)
