"""`/healthz`: whether this server can do its work, for whatever watches it."""

from flask import Blueprint, Response, jsonify

from auditweb.accounts.health import database_answers

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def index() -> tuple[Response, int]:
    """Answer 200 while the database answers, 503 otherwise; nothing else is told."""
    healthy = database_answers()
    return jsonify(status="ok" if healthy else "unavailable"), 200 if healthy else 503
