"""The place of an address, where the operator supplied a file of them."""

from flask import Flask, current_app

from auditweb.config import Settings
from auditweb.places import Places

_KEY = "auditweb.places"


def init_app(app: Flask, settings: Settings) -> None:
    if settings.places_file:
        app.extensions[_KEY] = Places.open(settings.places_file)


def place_of(ip: str | None) -> str | None:
    """Tell where an address is, about, or None where that is not known."""
    found = current_app.extensions.get(_KEY)
    return found.of(ip) if isinstance(found, Places) else None
