"""Settings → Team: resetting the second factor of a member, by those who may wherever they belong."""

import sqlalchemy as sa
from flask import Flask

from auditweb.accounts import sessions, two_factor
from auditweb.accounts.permissions import Role
from auditweb.extensions import db
from auditweb.models import Person, SignInSession
from auditweb.parties import Origin
from tests.integration.conftest import SignedInAs
from tests.readers import Place, Reader, Someone, join, leave
from tests.second_factors import enrol
from tests.teams import at_once, entries, notice, of, priya, told

# ruff: noqa: F401, F811  (fixtures are imported)


def test_a_reset_signs_out_and_asks_for_another(
    app: Flask, organisation: Place, other_organisation: Place, owner: Reader, priya: Someone
) -> None:
    join(app, other_organisation, priya)
    enrol(app, priya)
    with app.app_context():
        sessions.start(priya.id, Origin(ip="127.0.0.1"))
        db.session.commit()

    answer = owner.post(of(organisation, priya, "/two-factor"))

    assert (answer.status, answer.location) == (303, of(organisation, priya))
    with app.app_context():
        assert not two_factor.is_enrolled(priya.id)
        assert two_factor.count_recovery_codes(priya.id) == 0
        assert db.session.get_one(Person, priya.id).must_enrol
        assert not db.session.scalars(sa.select(SignInSession).filter_by(person_id=priya.id)).all()
    for place, by in ((organisation, "Maya Okafor"), (other_organisation, "Another organisation")):
        assert told(app, place) == ["Reset two-factor authentication for Priya Raman"]
        (entry,) = entries(app, place)
        assert (entry.actor_name, entry.ip is None) == (by, place is other_organisation), "unknown there, they stay so"


ELSEWHERE = [  # my role here, theirs elsewhere and mine there; what is answered
    ("owner", "owner", None, 409),
    ("owner", "admin", "auditor", 409),
    ("owner", "owner", "admin", 409),
    ("owner", "admin", "admin", 303),
    ("admin", "owner", "owner", 303),
    ("admin", "auditor", None, 409),
    ("admin", "auditor", "admin", 303),
    ("admin", "member", None, 303),
]


def test_who_runs_another_organisation_is_reset_only_by_those_who_may_there(
    app: Flask, organisation: Place, other_organisation: Place, owner: Reader, priya: Someone
) -> None:
    assert owner.someone
    enrol(app, priya)
    for here, theirs, mine, status in ELSEWHERE:
        join(app, organisation, owner.someone, here)
        join(app, other_organisation, priya, theirs)
        join(app, other_organisation, owner.someone, mine) if mine else leave(app, other_organisation, owner.someone)
        before = len(entries(app))

        page = owner.post(of(organisation, priya, "/two-factor"))

        assert page.status == status, (here, theirs, mine)
        assert len(entries(app)) - before == (2 if status == 303 else 0)
        if status == 409:
            assert "not for you alone to reset" in notice(page)
            assert mine or other_organisation.name not in page.text
        else:
            enrol(app, priya)


def test_there_has_to_be_something_to_reset(app: Flask, organisation: Place, owner: Reader, priya: Someone) -> None:
    page = owner.post(of(organisation, priya, "/two-factor"))
    assert (page.status, "has no two-factor authentication" in notice(page)) == (409, True)

    assert owner.someone
    enrol(app, owner.someone)
    page = owner.post(of(organisation, owner.someone, "/two-factor"))
    assert (page.status, "in your sign-in settings" in notice(page)) == (409, True)
    assert entries(app) == []


def test_of_two_resets_at_once_one_counts(
    app: Flask, organisation: Place, other_organisation: Place, owner: Reader, priya: Someone, signed_in_as: SignedInAs
) -> None:
    """Also where they come from two organisations, which do not wait for each other."""
    kenji = signed_in_as(Role.OWNER, other_organisation, name="Kenji Mori")
    join(app, other_organisation, priya)
    enrol(app, priya)
    for reader in (owner, kenji):
        reader.token()

    answers = at_once(
        lambda: owner.post(of(organisation, priya, "/two-factor")).status,
        lambda: kenji.post(of(other_organisation, priya, "/two-factor")).status,
    )

    assert sorted(answers) == [303, 409]
    assert len(entries(app)) == 2
