"""Each action of the team writes exactly one entry, in each organisation concerned, with who, what and where from."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from flask import Flask

from auditweb import clock
from auditweb.accounts.permissions import Role
from auditweb.extensions import db
from auditweb.models import TwoFactor
from tests.integration.conftest import SignedInAs
from tests.readers import Page, Place, Reader, Someone, add_person, join, open_session
from tests.teams import FIREFOX, accept, entries, invitations, invite, links, of, team


@dataclass
class Scene:
    """Maya, an owner of Northgate Imports; Priya, who belongs to Osaka Bay Motors too, and has a second factor."""

    app: Flask
    place: Place
    elsewhere: Place
    maya: Reader
    priya: Someone

    def invite(self, email: str = "new@x.example") -> tuple[str, int]:
        """Invite somebody, and return the link and the invitation's id."""
        (link,) = links(invite(self.maya, self.place, email, role="admin"))
        return link, next(one.id for one in invitations(self.app, self.place) if one.email == email)

    def newcomer(self) -> Reader:
        return Reader(self.app.test_client(), headers={"User-Agent": FIREFOX})


@dataclass(frozen=True)
class Case:
    """What is done, after what was prepared; the sentence, and about whom; and who did it, and where it is told."""

    act: Callable[[Scene], Page]
    sentence: str
    about: str = ""
    by: str = "Maya Okafor"
    everywhere: bool = False
    action: str = ""
    facts: tuple[tuple[str, str], ...] = ()


def resend(scene: Scene) -> Page:
    _, id_ = scene.invite("again@x.example")
    with clock.set_to(clock.now() + timedelta(minutes=2)):
        return scene.maya.post(team(scene.place, f"/invitations/{id_}/resend"))


def withdraw(scene: Scene) -> Page:
    return scene.maya.post(team(scene.place, f"/invitations/{scene.invite('back@x.example')[1]}/withdraw"))


def join_with_account(scene: Scene) -> Page:
    tom = add_person(scene.app, "Tom Price", "tom@x.example")
    link, _ = scene.invite(tom.email)
    return _browser_of(scene.app, tom).post(link)


def leave(scene: Scene) -> Page:
    lea = add_person(scene.app, "Lea Brandt", "lea@x.example")
    join(scene.app, scene.place, lea, Role.AUDITOR)
    return _browser_of(scene.app, lea).post(team(scene.place, "/leave"))


def change_role(role: str) -> Callable[[Scene], Page]:
    return lambda scene: scene.maya.post(of(scene.place, scene.priya, "/role"), {"role": role})


PRIYA = "Priya Raman"
CASES = [
    Case(lambda scene: invite(scene.maya, scene.place, "new@x.example"), "Invited new@x.example as member",
         action="member.invited", facts=(("email", "new@x.example"), ("role", "member"))),
    Case(resend, "Sent the invitation to again@x.example again", action="invitation.resent"),
    Case(withdraw, "Withdrew the invitation to back@x.example", action="invitation.withdrawn"),
    Case(lambda scene: accept(scene.newcomer(), scene.invite("nadia@x.example")[0]),
         "Accepted the invitation and joined as admin", by="Nadia Rahman", action="member.joined"),
    Case(join_with_account, "Accepted the invitation and joined as admin", by="Tom Price", action="member.joined"),
    Case(change_role("auditor"), f"Gave {PRIYA} access to the audit log", PRIYA, action="member.auditor_appointed"),
    Case(change_role("admin"), f"Raised the role of {PRIYA} to admin", PRIYA, action="member.role_raised"),
    Case(change_role("auditor"), f"Changed the role of {PRIYA} to auditor", PRIYA, action="member.role_changed",
         facts=(("role", "auditor"),)),
    Case(change_role("member"), f"Took away the audit log access of {PRIYA}", PRIYA, action="member.auditor_dismissed"),
    Case(lambda scene: scene.maya.post(of(scene.place, scene.priya, "/two-factor")),
         f"Reset two-factor authentication for {PRIYA}", PRIYA, everywhere=True, action="two_factor.reset"),
    Case(lambda scene: scene.maya.post(of(scene.place, scene.priya, "/remove")),
         f"Removed {PRIYA} from the organisation", PRIYA, action="member.removed"),
    Case(leave, "Left the organisation", by="Lea Brandt", action="member.left"),
]  # fmt: skip


@pytest.fixture
def scene(app: Flask, organisation: Place, other_organisation: Place, signed_in_as: SignedInAs) -> Scene:
    maya = signed_in_as(Role.OWNER, name="Maya Okafor")
    maya.headers = {"User-Agent": FIREFOX}
    priya = add_person(app, "Priya Raman")
    for place in (organisation, other_organisation):
        join(app, place, priya)
    with app.app_context():
        db.session.add(TwoFactor(person_id=priya.id, secret="A" * 32, last_step=0, enrolled_at=clock.now()))
        db.session.commit()
    return Scene(app, organisation, other_organisation, maya, priya)


def _browser_of(app: Flask, someone: Someone) -> Reader:
    browser = open_session(app, app.test_client(), someone)
    browser.headers = {"User-Agent": FIREFOX}
    return browser


def test_each_action_is_told_once_with_who_and_where_from(scene: Scene) -> None:
    told: set[int] = set()
    for case in CASES:
        assert case.act(scene).status in {200, 303}, case.sentence

        new = [entry for entry in entries(scene.app) if entry.id not in told]
        told.update(entry.id for entry in new)
        new = [entry for entry in new if entry.summary == case.sentence or not entry.summary.startswith("Invited")]
        assert [entry.summary for entry in new] == [case.sentence] * (2 if case.everywhere else 1)
        where = {scene.place.id, scene.elsewhere.id} if case.everywhere else {scene.place.id}
        assert {entry.org_id for entry in new} == where, case.sentence
        for entry in new:
            assert (entry.action, entry.category, entry.outcome) == (case.action, "team", "success")
            if entry.org_id == scene.elsewhere.id:  # where it is nobody's business who Maya is
                assert (entry.actor_type, entry.actor_name, entry.ip) == ("system", "Another organisation", None)
                continue
            assert (entry.actor_type, entry.actor_name) == ("member", case.by)
            assert (entry.target_name or "") == case.about
            if case.about:
                assert (entry.target_type, entry.target_id) == ("member", str(scene.priya.id))
            assert (entry.ip, entry.user_agent) == ("127.0.0.1", FIREFOX), case.sentence
            assert entry.request_id
            if case.facts:
                assert entry.facts == dict(case.facts)
