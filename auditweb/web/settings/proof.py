"""The fields that ask once more who is there, for forms whose effect cannot be taken back."""

from functools import partial

from flask import Response, after_this_request
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from auditweb.accounts import proof
from auditweb.accounts.sessions import SignedIn
from auditweb.web.sign_in import LONGEST_CODE, LONGEST_PASSWORD, duration

WRONG = {
    "password": "This is not your password.",
    "code": "This code is not right, or was used already. Wait for the app’s next one.",
}
WANTED_NOW = "Two-factor authentication was turned on meanwhile. Open this page again: it asks for a code then."


class ProofForm(FlaskForm):  # type: ignore[misc]
    """Asks for the password and, of someone with a second factor, for a code or a recovery code."""

    password = PasswordField(
        "Your password",
        validators=[InputRequired("Enter your password."), Length(max=LONGEST_PASSWORD, message="This is too long.")],
    )
    code = StringField(
        "Authentication code",
        validators=[InputRequired("Enter the code."), Length(max=LONGEST_CODE, message="This is too long.")],
    )

    def __init__(self, person: SignedIn, **values: object) -> None:
        super().__init__(**values)
        self._person = person
        if not person.has_two_factor:
            del self.code

    @property
    def username(self) -> str:
        """The address that goes with the password."""
        return self._person.email

    def proves(self) -> bool:
        """
        Tell whether all that was typed fits and the person has shown who they are; if not, the fields say why.

        The proof is looked at last: a form that is refused for another reason uses up no code. After too many tries
        the answer to this request is a 429, whatever shows the form again.
        """
        if not self.validate():
            return False
        found = proof.prove(self._person.person_id, self.password.data, self.code.data if self.code else "")
        for name in found.wrong:
            if name in self:
                self[name].errors = [WRONG[name]]
            else:
                self.password.errors = [WANTED_NOW]
        if found.seconds:
            self.password.errors = [f"Too many tries. Wait {duration(found.seconds)}, then try again."]
            after_this_request(partial(_too_many, found.seconds))
        return found.good


def _too_many(seconds: int, response: Response) -> Response:
    response.status_code = 429
    response.headers["Retry-After"] = str(seconds)
    return response
