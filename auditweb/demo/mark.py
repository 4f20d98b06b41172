"""The mark on a database that holds the demo, whose password everyone knows."""

from sqlalchemy import inspect, select

from auditweb.config import ConfigError, Settings
from auditweb.extensions import db
from auditweb.models import DemoMark


def find_mark() -> DemoMark | None:
    """Return the mark of a database that holds the demo, or part of it."""
    return db.session.scalar(select(DemoMark))


def keep_to_this_machine(settings: Settings) -> None:
    """Raise ConfigError if *settings* would show the demo to other machines."""
    if not settings.loopback:
        raise ConfigError("AUDITWEB_HOST must be 127.0.0.1 for the demo: everyone knows its password.")
    if not settings.public_on_loopback:
        raise ConfigError("AUDITWEB_PUBLIC_URL must not be set for the demo: everyone knows its password.")


def keep_demo_to_this_machine(settings: Settings) -> None:
    """Raise ConfigError if the database holds the demo and *settings* would show it to other machines."""
    if settings.loopback and settings.public_on_loopback:
        return
    try:
        if inspect(db.engine).has_table(DemoMark.__tablename__) and find_mark() is not None:
            keep_to_this_machine(settings)
    finally:
        db.session.remove()
        db.engine.dispose()  # a server may fork from here, and no connection can be shared
