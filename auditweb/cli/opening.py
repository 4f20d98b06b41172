"""What commands begin with: the settings of the environment, a database that is up to date, the application on it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from auditweb import database
from auditweb.accounts import operators
from auditweb.app import create_app
from auditweb.config import ConfigError, Settings
from auditweb.extensions import db


def read_settings(host: str | None = None, port: int | None = None, *, for_demo: bool = False) -> Settings:
    """Read the settings, options of the command line first. The demo has a SQLite file beside that of real data."""
    environ = dict(os.environ)
    if host is not None:
        environ["AUDITWEB_HOST"] = host
    if port is not None:
        environ["AUDITWEB_PORT"] = str(port)
    settings = Settings.from_environ(environ)
    if for_demo and not environ.get("AUDITWEB_DATABASE_URL"):
        return settings.model_copy(update={"database_url": f"sqlite:///{settings.data_dir / 'demo.sqlite3'}"})
    return settings


def up_to_date(settings: Settings) -> Settings:
    """Return *settings* if their database has all migrations; ConfigError with what to do if not."""
    if not database.is_current(settings.database_url):
        place = place_of(settings)
        raise ConfigError(f"AUDITWEB_DATABASE_URL: the database {place} is not up to date. Run: auditweb upgrade")
    return settings


def place_of(settings: Settings) -> str:
    """Return the address of the database without its password."""
    return database.normalise_url(settings.database_url).render_as_string()


@contextmanager
def application(settings: Settings | None = None) -> Iterator[None]:
    """Give the block the application, on *settings* or on those of the environment."""
    with create_app(up_to_date(settings or read_settings())).app_context():
        try:
            with operators.answered():
                yield
        finally:
            db.session.remove()
            db.engine.dispose()
