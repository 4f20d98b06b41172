"""Where things are found, for people and programs elsewhere."""

from flask import current_app, request, url_for

_LOGS = "auditweb.paths_of_logs"  # building one takes longer than most else about an entry


def absolute(path: str) -> str:
    """Return the address of *path* for people elsewhere."""
    return (current_app.config.get("PUBLIC_URL") or request.host_url).rstrip("/") + path


def log_of(org_slug: str) -> str:
    """Return the whole address of an organisation's log; those of its entries begin with it."""
    paths: dict[str, str] = current_app.extensions.setdefault(_LOGS, {})
    path = paths.get(org_slug)
    if path is None:
        path = paths[org_slug] = url_for("audit_log.index", org=org_slug)
    return absolute(path)


def entries_of(org_slug: str) -> str:
    """Return what the addresses of an organisation's entries begin with; each ends in the entry's id."""
    return f"{log_of(org_slug)}/entries/"
