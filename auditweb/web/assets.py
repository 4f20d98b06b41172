"""Static files, addressed by their content so that browsers may keep them for good."""

import hashlib
import mimetypes
from functools import cache
from pathlib import Path

from flask import Flask, current_app, g, request, url_for
from werkzeug.security import safe_join

FOR_GOOD = "public, max-age=31536000, immutable"
ASK_AGAIN = "public, no-cache"

# Not every machine's own table has these right, and with nosniff a wrong type is a file not used.
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("font/woff2", ".woff2")
mimetypes.add_type("image/svg+xml", ".svg")


def init_app(app: Flask) -> None:
    _version.cache_clear()
    app.add_template_global(asset_url)


def asset_url(filename: str) -> str:
    """Return the address of a static file, with the hash of its content; worked out once a request."""
    known: dict[str, str] = g.setdefault("asset_urls", {})  # a page names its sprite for every icon
    if filename not in known:
        known[filename] = url_for("static", filename=filename, v=_current_version(filename))
    return known[filename]


def cache_control() -> str:
    """Return how long the static file just answered may be kept: for good under the hash of its content."""
    filename = (request.view_args or {}).get("filename", "")
    version = request.args.get("v")
    return FOR_GOOD if version and version == _current_version(filename) else ASK_AGAIN


def _current_version(filename: str) -> str | None:
    path = safe_join(current_app.static_folder or "", filename)
    try:
        return _version(path, Path(path).stat().st_mtime_ns) if path else None
    except OSError:
        return None


@cache
def _version(path: str, _modified: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]
