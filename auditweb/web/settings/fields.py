"""What forms of the Settings area ask for again and again: names, whole numbers, days."""

import re
from collections.abc import Container
from datetime import date
from typing import TypeVar

from flask_wtf import FlaskForm
from wtforms import Field, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.validators import StopValidation

from auditweb.accounts.key_rights import InvalidError
from auditweb.extensions import db
from auditweb.web.foreign_text import visible_text

Form = TypeVar("Form", bound=FlaskForm)


def marked(form: Form, error: InvalidError) -> Form:
    """Say beside a field of *form* what is wrong with what it holds; nothing was changed."""
    db.session.rollback()
    form[error.field].errors = [visible_text(error.reason)]
    return form


def choices(**labels: str) -> list[SelectChoice]:
    """Return what can be chosen, each value with its label."""
    return [SelectChoice(value, label) for value, label in labels.items()]


def one_line(text: str | None) -> str | None:
    """Take away blanks around a text and doubled ones in it."""
    return " ".join(text.split()) if text else text


def lines(text: str | None) -> str:
    """Take away blanks around a text of several lines, tabs in it, and what browsers make of its lines' ends."""
    return (text or "").strip().replace("\r\n", "\n").replace("\t", " ")


def once(_form: FlaskForm, field: Field) -> None:
    """Refuse what was sent twice: it is not known which was meant."""
    if len(field.raw_data or ()) > 1:
        raise StopValidation("This was sent more than once. Open the page anew, and try again.")


def visible_only(_form: FlaskForm, field: Field) -> None:
    """Refuse characters that nobody could see."""
    if visible_text(field.data) != field.data:
        raise ValidationError("Leave out characters that cannot be seen.")


def visible_lines_only(_form: FlaskForm, field: Field) -> None:
    """Refuse characters that nobody could see, but for the ends of lines."""
    if any(visible_text(line) != line for line in (field.data or "").split("\n")):
        raise ValidationError("Leave out characters that cannot be seen.")


def check_one(field: Field, options: Container[str]) -> None:
    """Refuse all but one of the *options*: what was not sent, or sent twice, says nothing."""
    if len(field.raw_data or ()) != 1 or field.data not in options:
        raise ValidationError("Choose one of these.")


class WholeNumber:
    """Takes the whole numbers *within* bounds, of *what*. The field keeps what was typed; `number` reads it."""

    def __init__(self, within: range, what: str) -> None:
        self._within = within
        self._what = what

    def __call__(self, _form: FlaskForm, field: Field) -> None:
        if not re.fullmatch(r" *0*[0-9]{1,6} *", field.data or "") or number(field) not in self._within:
            least, most = self._within[0], self._within[-1]
            raise ValidationError(f"Enter a whole number of {self._what} from {least} to {most}.")


def number(field: Field) -> int:
    """Return the whole number that a field holds."""
    return int(field.data)


def a_day(_form: FlaskForm, field: Field) -> None:
    """Refuse what is no day, such as browsers without a calendar let through. `day` reads the field."""
    if field.data and day(field) is None:
        raise ValidationError("Write the day as year, month and day, such as 2026-12-01.")


def day(field: Field) -> date | None:
    """Return the day that a field holds, or None."""
    text = (field.data or "").strip()
    try:
        return date.fromisoformat(text) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
    except ValueError:
        return None
