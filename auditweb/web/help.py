"""The help article, for anyone: it tells nothing about anybody."""

from flask import Blueprint, render_template

bp = Blueprint("help", __name__)


@bp.get("/help/audit-log")
def audit_log() -> str:
    """Explain what the log is, what it is for and what it is not."""
    return render_template("help/audit_log.html")
