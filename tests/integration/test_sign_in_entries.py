"""Each thing that is done about signing in is one entry in each organisation where the person is an active member."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from flask import Flask
from sqlalchemy import select

from auditweb import clock
from auditweb.accounts import sessions, two_factor
from auditweb.config import Settings
from auditweb.extensions import db
from auditweb.models import Event
from auditweb.parties import Origin
from tests.mail_servers import MailServer, mail_server
from tests.readers import PASSWORD, Place, Reader, Someone, add_organisation, join, leave, open_session
from tests.second_factors import Phone, enrol

HERE = "/o/northgate/settings/sign-in"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"
NEW = "a new one that nobody guesses"


@dataclass
class Scene:
    """Ada with her browsers, one signed in and one not, her phone, and the mail that comes."""

    app: Flask
    ada: Someone
    inside: Reader
    outside: Reader
    mail: MailServer
    phone: Phone = field(default_factory=lambda: Phone(""))

    def with_factor(self) -> "Scene":
        self.phone = enrol(self.app, self.ada)
        return self

    def another_device(self) -> str:
        with self.app.app_context():
            sessions.start(self.ada.id, Origin("203.0.113.9", AGENT))
            db.session.commit()
        button = self.inside.get(HERE).select_one("button[name=device]")
        assert button is not None
        return str(button["value"])

    def link(self) -> str:
        self.outside.post("/forgotten-password", {"email": self.ada.email})
        found = re.search(r"/reset-password/\S+", self.mail.wait_for()[0].get_content())
        assert found is not None
        return found[0]

    def proof(self) -> dict[str, str]:
        return {"password": PASSWORD, "code": self.phone.code()}


def sign_in(scene: Scene) -> None:
    scene.outside.sign_in(scene.ada.email)


def sign_in_with_code(scene: Scene) -> None:
    scene.with_factor().outside.sign_in(scene.ada.email)
    scene.outside.post("/sign-in/code", {"code": scene.phone.code()})


def sign_in_with_recovery_code(scene: Scene) -> None:
    scene.with_factor().outside.sign_in(scene.ada.email)
    scene.outside.post("/sign-in/code?with=recovery-code", {"code": scene.phone.recovery_codes[0]})


def type_a_wrong_password(scene: Scene) -> None:
    scene.outside.sign_in(scene.ada.email, "wrong")


def type_a_wrong_code(scene: Scene) -> None:
    scene.with_factor().outside.sign_in(scene.ada.email)
    scene.outside.post("/sign-in/code", {"code": scene.phone.wrong_code()})


def sign_out(scene: Scene) -> None:
    scene.inside.post("/sign-out")


def set_up_a_second_factor(scene: Scene) -> None:
    scene.inside.post("/two-factor/set-up/begin")
    with scene.app.app_context():
        phone = Phone(two_factor.pending_secret(scene.ada.id) or "")
    scene.inside.post("/two-factor/set-up", {"code": phone.code()})


def turn_it_off(scene: Scene) -> None:
    scene.with_factor().inside.post(f"{HERE}/two-factor/turn-off", scene.proof())


def make_recovery_codes(scene: Scene) -> None:
    scene.with_factor().inside.post(f"{HERE}/two-factor/recovery-codes", scene.proof())


def change_the_password(scene: Scene) -> None:
    scene.inside.post(f"{HERE}/password", {"password": PASSWORD, "new": NEW})


def ask_for_a_link(scene: Scene) -> None:
    scene.outside.post("/forgotten-password", {"email": scene.ada.email})


def use_the_link(scene: Scene) -> None:
    scene.outside.post(scene.link(), {"new": NEW})


def sign_out_one_device(scene: Scene) -> None:
    scene.inside.post(f"{HERE}/devices/sign-out", {"device": scene.another_device()})


def sign_out_all_others(scene: Scene) -> None:
    scene.another_device()
    scene.another_device()
    scene.inside.post(f"{HERE}/devices/sign-out-others")


WHO_TRIED = "anonymous:unknown"
ADA = "member:ada"
WRONG = {"email": "ada@northgate.example"}
DONE: list[tuple[Callable[[Scene], None], str, str, str | None, str, dict[str, str]]] = [
    (sign_in, "sign_in.succeeded", ADA, None, "success", {"method": "password"}),
    (sign_in_with_code, "sign_in.succeeded", ADA, None, "success", {"method": "password and code"}),
    (sign_in_with_recovery_code, "recovery_codes.used", ADA, None, "success", {}),
    (type_a_wrong_password, "sign_in.refused", WHO_TRIED, ADA, "failure", WRONG | {"reason": "wrong password"}),
    (type_a_wrong_code, "sign_in.refused", WHO_TRIED, ADA, "failure", WRONG | {"reason": "wrong code"}),
    (sign_out, "sign_out.completed", ADA, None, "success", {}),
    (set_up_a_second_factor, "two_factor.enrolled", ADA, None, "success", {"method": "authenticator app"}),
    (turn_it_off, "two_factor.removed", ADA, None, "success", {}),
    (make_recovery_codes, "recovery_codes.created", ADA, None, "success", {}),
    (change_the_password, "password.changed", ADA, None, "success", {}),
    (ask_for_a_link, "password.reset_requested", WHO_TRIED, ADA, "success", {}),
    (use_the_link, "password.reset", ADA, None, "success", {}),
    (sign_out_one_device, "session.ended", ADA, None, "success", {"device": "Firefox 150 on Linux"}),
    (sign_out_all_others, "session.others_ended", ADA, None, "success", {"devices": "2"}),
]


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture
def settings(settings: Settings, mail: MailServer) -> Settings:
    return settings.model_copy(update=mail.settings)


@pytest.fixture
def scene(app: Flask, organisation: Place, other_organisation: Place, somebody: Someone, mail: MailServer) -> Scene:
    join(app, organisation, somebody, "owner")
    join(app, other_organisation, somebody, "member")
    former = add_organisation(app, "leith", "Leith Cars")
    join(app, former, somebody, "admin")
    leave(app, former, somebody)
    add_organisation(app, "elsewhere", "Elsewhere Ltd")
    inside = open_session(app, app.test_client(), somebody)
    inside.headers = {"User-Agent": AGENT}
    return Scene(app, somebody, inside, Reader(app.test_client(), headers={"User-Agent": AGENT}), mail)


@pytest.mark.parametrize(
    ("act", "action", "actor", "target", "outcome", "facts"), DONE, ids=[told[0].__name__ for told in DONE]
)
def test_it_is_one_entry_in_each_organisation(
    scene: Scene,
    organisation: Place,
    other_organisation: Place,
    act: Callable[[Scene], None],
    action: str,
    actor: str,
    target: str | None,
    outcome: str,
    facts: dict[str, str],
) -> None:
    began = clock.now()

    act(scene)

    with scene.app.app_context():
        entries = db.session.scalars(select(Event).order_by(Event.org_id)).all()
    if act is use_the_link:  # which was asked for before
        entries = [entry for entry in entries if entry.action != "password.reset_requested"]
    names = {ADA: f"member:{scene.ada.id}"}
    assert [entry.org_id for entry in entries] == [organisation.id, other_organisation.id]
    for entry in entries:
        assert (entry.action, entry.category, entry.outcome, entry.facts) == (action, "authentication", outcome, facts)
        assert f"{entry.actor_type}:{entry.actor_id}" == names.get(actor, actor)
        assert entry.actor_name == (scene.ada.name if actor == ADA else "Unknown person")
        about = f"{entry.target_type}:{entry.target_id}" if entry.target_type else None
        assert about == (names[target] if target else None)
        assert (entry.ip, entry.user_agent) == ("127.0.0.1", AGENT)
        assert re.fullmatch("[0-9a-f]{16}", entry.request_id or "")
        assert entry.occurred_at >= began
    assert len({entry.occurred_at for entry in entries}) == 1
