"""What the tests of the security review do again and again: put a finding there, and decide about it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb.extensions import db
from auditweb.models import Finding, FindingEvent
from auditweb.reading.flags import Flag
from tests.log_pages import LOG, NOW
from tests.readers import Page, Place, Reader

REVIEW = f"{LOG}/review"

Find = Callable[..., str]
Ask = Callable[[Any], list[Any]]


@pytest.fixture
def find(app: Flask, organisation: Place) -> Find:
    """Put a finding among those of the organisation, with these entries, and return its id."""

    def put(kind: Flag = Flag.BURST, events: list[int] | None = None, **more: Any) -> str:
        given: dict[str, Any] = {
            "id": f"f{kind.value}{len(more)}{more.get('at', '')}"[:20].replace(" ", ""),
            "subject_type": "member",
            "subject_id": "42",
            "subject_name": "Hana <b>Sato</b>",
            "place": "",
            "at": NOW - timedelta(days=1),
            "sentence": "Hana <b>Sato</b> did far more than usual.",
            "unusual": "Usually about 2.",
            "run": 1,
            "found_at": NOW,
            "state": "open",
            "note": "",
        } | more
        org_id = given.pop("org_id", organisation.id)
        with app.app_context():
            db.session.execute(sa.insert(Finding).values(org_id=org_id, kind=kind.value, **given))
            for event_id in events or []:
                shown = int(given["state"] != "set_aside")
                row = {"finding_id": given["id"], "event_id": event_id, "kind": kind.value, "shown": shown}
                db.session.execute(sa.insert(FindingEvent).values(org_id=org_id, **row))
            db.session.commit()
        return str(given["id"])

    return put


@pytest.fixture
def ask(app: Flask) -> Callable[[Any], list[Any]]:
    """Ask the database."""

    def answer(query: Any) -> list[Any]:
        with app.app_context():
            return list(db.session.execute(query).all())

    return answer


def seen_in(reader: Reader, finding: str) -> str:
    """Return what the form on a finding's page says that it was made for."""
    return str(reader.get(f"{REVIEW}/{finding}").select("input[name=made_for]")[0]["value"])


def decide(reader: Reader, finding: str, decision: str, **more: str) -> Page:
    """Decide about a finding as its page has it now."""
    given = {"made_for": seen_in(reader, finding)} | more
    return reader.post(f"{REVIEW}/{finding}", {"decision": decision, **given})
