"""Addresses of pages, for those who call the API."""

from flask import current_app, request, url_for


def entries_of(slug: str) -> str:
    """Return what the addresses of an organisation's entries begin with; each ends in the entry's id."""
    origin = (current_app.config.get("PUBLIC_URL") or request.host_url).rstrip("/")
    return f"{origin}{url_for('audit_log.index', org=slug)}/entries/"
