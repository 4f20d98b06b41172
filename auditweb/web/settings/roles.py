"""Roles as people choose them, and what to call them in a sentence."""

from collections.abc import Collection, Mapping

from flask_wtf import FlaskForm
from wtforms import RadioField, ValidationError
from wtforms.fields.choices import SelectChoice

from auditweb.accounts.permissions import Role, may_manage

IN_SHORT: Mapping[Role, str] = {
    Role.OWNER: "Runs the organisation. There is always at least one.",
    Role.ADMIN: "Looks after its settings and its people, owners excepted.",
    Role.AUDITOR: "Reads the audit log, and changes nothing.",
    Role.MEMBER: "Works in the product, and sees their own entries.",
}
"""What a role is for. What exactly it may do, the table of rights tells."""


class RoleForm(FlaskForm):  # type: ignore[misc]
    """Offers the roles that someone with *role* may give."""

    role = RadioField("Role", validate_choice=False)

    def __init__(self, role: Role, *, without: Collection[Role] = (), **values: object) -> None:
        super().__init__(**values)
        self.role.choices = [
            SelectChoice(each.value, each.value.capitalize())
            for each in Role
            if may_manage(role, each) and each not in without
        ]

    def validate_role(self, field: RadioField) -> None:
        if field.data == Role.OWNER.value and field.data not in {choice.value for choice in field.choices}:
            raise ValidationError("Only an owner can make someone an owner.")
        if field.data not in {choice.value for choice in field.choices}:
            raise ValidationError("Choose one of these roles.")

    @property
    def chosen(self) -> Role:
        return Role(self.role.data)


def with_article(role: Role) -> str:
    """Return "an owner", "a member"."""
    return f"{'a' if role is Role.MEMBER else 'an'} {role.value}"
