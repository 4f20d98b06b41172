"""`auditweb purge` and invitations: those that nobody accepted are closed, a month after their link died."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from flask import Flask

from auditweb import clock
from auditweb.accounts import stale_invitations
from auditweb.cli import commands
from auditweb.extensions import db
from auditweb.models import Invitation
from tests.databases import Database
from tests.integration.conftest import SignedInAs
from tests.log_entries import entries_of
from tests.readers import Place


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command tidies the folder of exports: not that of whoever runs the tests."""
    monkeypatch.setenv("AUDITWEB_DATA_DIR", str(tmp_path))


def invited(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(sa.select(Invitation.email).order_by(Invitation.email)))


def purge(url: str, *options: str) -> str:
    done = CliRunner().invoke(commands, ["purge", *options], env={"AUDITWEB_DATABASE_URL": url})
    assert done.exit_code == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("late", "closed"), [(timedelta(seconds=1), 2), (timedelta(minutes=-1), 0)])
def test_an_invitation_that_nobody_accepted_is_closed_by_an_entry(
    app: Flask, fresh: Database, organisation: Place, signed_in_as: SignedInAs, late: timedelta, closed: int
) -> None:
    owner, now = signed_in_as("owner"), clock.now()
    addresses = "ana@example.org, bo@example.org, cy@example.org"
    owner.post("/o/northgate/settings/team/invite", {"addresses": addresses, "role": "member"})
    died = now - stale_invitations.LISTED - late
    with app.app_context():
        theirs = Invitation.email.in_(["ana@example.org", "bo@example.org"])
        db.session.execute(sa.update(Invitation).where(theirs).values(expires_at=died))
        db.session.commit()

    planned, done = purge(fresh.owner_url, "--dry-run"), purge(fresh.owner_url)

    told = [entry for entry in entries_of(app, organisation) if entry.action == "invitation.expired"]
    assert [(entry.summary, entry.actor_name, entry.ip) for entry in told] == [
        (f"Closed the invitation to {email}, which nobody had accepted", "Operator (command line)", None)
        for email in ("ana@example.org", "bo@example.org")[:closed]
    ]
    assert len(invited(app)) == 3 - closed
    if closed:
        assert planned == "Northgate Imports: 2 invitations that nobody accepted would be closed.\n"
        assert done == "Northgate Imports: closed 2 invitations that nobody accepted.\n"
    assert purge(fresh.owner_url) == "Nothing is due.\n"
