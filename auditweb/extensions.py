"""The Flask extensions, created once and bound to an app in `create_app`."""

from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect

from auditweb.models.base import Base


class _SessionsOnly(LoginManager):  # type: ignore[misc]
    def _load_user_from_remember_cookie(self, cookie: str) -> None:
        """Read no such cookie: none is ever given out, and a forged one is an error in there."""


db = SQLAlchemy(model_class=Base)
migrate = Migrate()
login_manager = _SessionsOnly()
csrf = CSRFProtect()
