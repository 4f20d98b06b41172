"""Settings → Webhooks: making one, what became of its deliveries, and for whom the pages are."""

from collections.abc import Callable
from contextvars import copy_context
from datetime import timedelta
from functools import partial
from ipaddress import ip_network

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb import clock
from auditweb.accounts.key_rights import InvalidError
from auditweb.accounts.permissions import Role
from auditweb.config import Settings
from auditweb.extensions import db
from auditweb.models import Membership, SavedView, Webhook, WebhookDelivery
from auditweb.web import gate
from auditweb.web.settings import webhooks as pages
from auditweb.webhooks import targets
from tests.integration.conftest import AnEvent, SignedInAs
from tests.log_entries import entries_of, one_entry
from tests.log_pages import LOG, NOW
from tests.readers import PASSWORD, Page, Place, Reader, add_person, join, leave, set_role
from tests.teams import at_once, error, notice
from tests.webhooks import deliveries, look, make, member, stored, webhooks

pytestmark = pytest.mark.usefixtures("at_now")

URL = "https://hooks.example.org/services/canary?x=1"


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each name have an address of the internet."""
    monkeypatch.setattr(targets, "look_up", lambda _host, _port: ["203.0.114.7"])


@pytest.fixture
def ines(signed_in_as: SignedInAs) -> Reader:
    return signed_in_as(Role.ADMIN, name="Ines Ferreira")


def form(**fields: str) -> dict[str, str | list[str]]:
    return {"name": "Duty channel", "url": URL, "view": "all", "password": PASSWORD, **fields}


def create(reader: Reader, place: Place, **fields: str) -> tuple[str, str]:
    """Make a webhook on its page, and return its address and its secret."""
    page = reader.post(webhooks(place, "/new"), form(**fields))
    assert page.status == 200, page.words
    tag, link = page.select_one(".handout .secret"), page.select_one("main .formend a")
    assert tag is not None
    assert link is not None
    return str(link["href"]), tag.get_text()


def rows(page: Page) -> list[str]:
    return [" ".join(row.get_text(" ").split()) for row in page.select(".hooklist tbody tr")]


def listed(page: Page) -> list[str]:
    return [" ".join(each.get_text(" ").split()) for each in page.select(".deliveries > li")]


def test_made_once_and_its_secret_shown_once(app: Flask, ines: Reader, organisation: Place) -> None:
    assert "No webhooks" in ines.get(webhooks(organisation)).words
    with one_entry(app, organisation) as entries:
        address, secret = create(ines, organisation)

    (entry,) = entries
    assert (entry.action, entry.summary) == ("webhook.created", "Created the webhook Duty channel")
    assert entry.facts == {"destination": "hooks.example.org", "tells": "entries"}
    assert entry.actor_name == "Ines Ferreira"
    assert secret.startswith("whsec_")
    assert stored(app, address.rpartition("/")[2]).secret == secret
    for page in (ines.get(address), ines.get(webhooks(organisation))):
        assert secret not in page.text
    assert rows(ines.get(webhooks(organisation))) == [
        "Duty channel hooks.example.org made by Ines Ferreira on 23 Nov 2026 All entries Last arrived Never "
        "Nothing sent yet Manage"
    ]
    assert "canary" not in ines.get(webhooks(organisation)).text
    assert URL.replace("&", "&amp;") in ines.get(address).text


def test_watch_this_from_a_view(app: Flask, ines: Reader, organisation: Place, an_event: AnEvent) -> None:
    ines.post(f"{LOG}/views/new?category=team", {"name": "Team", "audience": "private"})
    links = {str(link["aria-label"]): str(link["href"]) for link in ines.get(f"{LOG}/views").select(".does a")}
    asked = ines.get(links["Watch this: Team"])
    (chosen,) = asked.select("#view option[selected]")
    assert chosen.get_text() == "Team"

    address, _ = create(ines, organisation, view=str(chosen["value"]))
    ready = ines.get(links["Watch this: Two-factor resets"]).select_one("#view option[selected]")
    assert ready is not None
    second, _ = create(ines, organisation, name="Resets", view=str(ready["value"]))

    hook = stored(app, address.rpartition("/")[2])
    assert (hook.view, hook.query) == ("Team entries", "?category=team")
    assert stored(app, second.rpartition("/")[2]).query == "?action=two_factor.reset"
    (tells,) = ines.get(address).select(".facts4 a")
    assert (tells.get_text(), tells["href"]) == ("Team entries", f"{LOG}?category=team")
    assert ines.get(f"{LOG}/views").status == 200


def test_the_name_of_a_private_view_is_told_to_nobody(
    app: Flask, ines: Reader, organisation: Place, an_event: AnEvent, signed_in_as: SignedInAs
) -> None:
    """What it shows is, and the name of one that is shared."""
    kenji = an_event("member.invited", org_id=organisation.id, actor="Kenji Mori")
    for name, audience in (("Watching Kenji secretly", "private"), ("Team by Kenji", "shared")):
        query = f"?category=team&actor={kenji.actor_type}:{kenji.actor_id}"
        assert ines.post(f"{LOG}/views/new{query}", {"name": name, "audience": audience}).status == 303
    options = {
        option.get_text(): str(option["value"]) for option in ines.get(webhooks(organisation, "/new")).select("option")
    }
    for number, name in enumerate(("Watching Kenji secretly", "Team by Kenji")):
        create(ines, organisation, name=f"Channel {number}", view=options[name])

    maya = signed_in_as(Role.OWNER, name="Maya Okafor")
    told = [row.split(" Last arrived")[0].rpartition("2026 ")[2] for row in rows(maya.get(webhooks(organisation)))]
    assert told == ["Team entries by Kenji Mori", "Team by Kenji"]
    facts = [entry.facts["tells"] for entry in entries_of(app, organisation) if entry.action == "webhook.created"]
    assert sorted(facts) == ["Team by Kenji", "Team entries by Kenji Mori"]


def test_a_view_of_what_is_flagged_cannot_be_watched(
    app: Flask, ines: Reader, organisation: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flag comes after the entry, so that the webhook would have passed it."""
    for query, name in (("?flag=any", "Flagged"), ("?category=team", "Team")):
        ines.post(f"{LOG}/views/new{query}", {"name": name, "audience": "private"})
    links = {str(link["aria-label"]) for link in ines.get(f"{LOG}/views").select(".does a")}
    assert {"Watch this: Team", "Change: Flagged"} <= links, links
    assert not [each for each in links if "Watch" in each and "lagged" in each]
    with app.app_context():
        flagged = db.session.scalar(sa.select(SavedView.id).where(SavedView.name == "Flagged"))
    assert flagged is not None
    address = webhooks(organisation, "/new")
    assert "Flagged" not in {option.get_text() for option in ines.get(address).select("option")}
    for page in (ines.get(f"{address}?view={flagged}"), ines.post(address, form(view=flagged))):
        assert page.status == 422
        assert "Choose the findings of the security review instead" in error(page, "view")
        assert chosen(page) == "Choose what it tells of"
    with pytest.raises(InvalidError, match="would miss some"):
        make(app, organisation, member(ines), query="?flag=any")

    with monkeypatch.context() as formerly:
        formerly.setattr("auditweb.webhooks.hooks.check_query", lambda *_: None)
        hook_id, _ = make(app, organisation, member(ines), query="?flag=any")
    assert "It does not tell of all that comes." in ines.get(webhooks(organisation, f"/{hook_id}")).words


def test_what_it_tells_of_is_never_chosen_in_silence(app: Flask, ines: Reader, organisation: Place) -> None:
    address = webhooks(organisation, "/new")
    assert chosen(ines.get(address)) == "All entries"
    for unknown in ("nothing", "ready-0", "%00"):
        assert ines.get(f"{address}?view={unknown}").status == 404
    without = {name: value for name, value in form().items() if name != "view"}
    for page in (
        ines.post(address, without),
        ines.post(f"{address}?view=ready-1", without),
        ines.post(address, form(view="")),
    ):
        assert (page.status, error(page, "view")) == (422, "Choose one of these.")
        assert chosen(page) == "Choose what it tells of"
    with app.app_context():
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Webhook)) == 0


def chosen(page: Page) -> str:
    """Return what the form has chosen to tell of; a browser takes the first where nothing is."""
    options = page.select("#view option")
    return next((each for each in options if each.has_attr("selected")), options[0]).get_text()


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"name": ""}, "name", "Enter a name"),
        ({"name": "x" * 81}, "name", "at most 80"),
        ({"url": ""}, "url", "Enter the address"),
        ({"url": "http://hooks.example.org/"}, "url", "has to start with https://"),
        ({"url": "https://127.1/"}, "url", "four numbers"),
        ({"url": "https://10.0.0.1/"}, "url", "no address of the internet"),
        ({"url": "https://u:p@hooks.example.org/"}, "url", "signed instead"),
        ({"view": "nothing"}, "view", "Choose one of these"),
        ({"password": "wrong"}, "password", "not your password"),
    ],
)
def test_what_is_refused(
    app: Flask, ines: Reader, organisation: Place, fields: dict[str, str], field: str, reason: str
) -> None:
    page = ines.post(webhooks(organisation, "/new"), form(**fields))

    assert page.status == 422
    assert reason in error(page, field)
    name, url = page.select_one("#name"), page.select_one("#url")
    assert name is not None
    assert url is not None
    assert (name["value"], url["value"]) == (fields.get("name", "Duty channel"), fields.get("url", URL))
    with app.app_context():
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Webhook)) == 0


def test_a_name_of_the_inside_is_refused_at_once(
    ines: Reader, organisation: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, "look_up", lambda _host, _port: ["203.0.114.7", "10.0.0.7"])
    page = ines.post(webhooks(organisation, "/new"), form())
    assert "hooks.example.org is no address of the internet" in error(page, "url")


def test_a_network_that_the_operator_allows(
    settings: Settings, make_app: Callable[[Settings], Flask], organisation: Place, ines: Reader
) -> None:
    assert settings.webhook_networks == ""
    allowing = Settings(**{**settings.model_dump(), "webhook_networks": "10.20.0.0/16, fd12::/48"})
    assert allowing.webhook_networks == "10.20.0.0/16 fd12::/48"
    other = Reader(make_app(allowing).test_client(), ines.someone)
    other.keep(ines.cookie())
    assert other.post(webhooks(organisation, "/new"), form(url="https://10.20.0.7/")).status == 200
    assert other.post(webhooks(organisation, "/new"), form(name="2", url="https://10.21.0.7/")).status == 422
    assert ip_network("10.20.0.0/16") in targets.Policy.of(allowing).networks


def test_changed_with_fresh_proof(app: Flask, ines: Reader, organisation: Place) -> None:
    address, _ = create(ines, organisation)
    new = {"name": "Night channel", "url": "https://other.example.org:8443/in"}
    assert ines.post(f"{address}/change", new).status == 422
    with one_entry(app, organisation) as entries:
        assert ines.post(f"{address}/change", {**new, "password": PASSWORD}).status == 303
    (entry,) = entries
    assert (entry.action, entry.target_name) == ("webhook.changed", "Night channel")
    assert entry.facts == {"destination": "other.example.org:8443"}
    before = len(entries_of(app, organisation))
    assert ines.post(f"{address}/change", {**new, "password": PASSWORD}).status == 303
    assert "nothing was changed" in notice(ines.get(address))
    assert len(entries_of(app, organisation)) == before


def test_each_act_is_an_entry(app: Flask, ines: Reader, organisation: Place) -> None:
    address, secret = create(ines, organisation)
    version = ines.get(f"{address}/secret").select_one("[name=version]")
    assert version is not None
    rotation = {"overlap": "24 hours", "version": str(version["value"]), "password": PASSWORD}
    acts: list[tuple[str, str, dict[str, str | list[str]], str, dict[str, str]]] = [
        ("/secret", "webhook.rotated", {**rotation}, "", {"overlap": "24 hours"}),
        ("/pause", "webhook.paused", {}, "It is paused", {}),
        ("/resume", "webhook.resumed", {"begin": "meanwhile"}, "It goes on", {"begins": "with what came meanwhile"}),
        ("/delete", "webhook.deleted", {}, "is deleted", {"destination": "hooks.example.org"}),
    ]
    for rest, action, sent, said, facts in acts:
        with one_entry(app, organisation) as entries:
            page = ines.post(address + rest, sent)
        assert [(each.action, each.facts) for each in entries] == [(action, facts)]
        if page.location:
            assert said in notice(ines.get(page.location))
        else:
            fresh = page.select_one(".handout .secret")
            assert fresh is not None
            assert fresh.get_text() != secret
            assert "signed with the former one, too: it stops in 24 h" in ines.get(address).words.replace(
                "in a day", "in 24 h"
            )
    assert ines.get(address).status == 404
    assert ines.post(f"{address}/pause").status == 404


def test_deliveries_are_listed(app: Flask, ines: Reader, organisation: Place, an_event: AnEvent) -> None:
    hook_id, _ = make(app, organisation, member(ines), query="?category=team", view="Team")
    address = webhooks(organisation, f"/{hook_id}")
    an_event("member.invited", org_id=organisation.id)
    an_event("member.invited", org_id=organisation.id)
    look(app)
    assert ines.post(f"{address}/test").status == 303
    told, test = deliveries(app, hook_id)
    with app.app_context():
        failed = {
            "tries": 3,
            "tried_at": NOW - timedelta(minutes=2),
            "status": 503,
            "next_at": NOW + timedelta(hours=2),
        }
        db.session.execute(sa.update(WebhookDelivery).where(WebhookDelivery.id == told.id).values(failed))
        moved = {"state": "failed", "tries": 10, "tried_at": NOW - timedelta(minutes=9), "status": 302}
        db.session.execute(sa.update(WebhookDelivery).where(WebhookDelivery.id == test.id).values(moved))
        db.session.execute(sa.update(Webhook).values(failing_since=NOW - timedelta(hours=3)))
        db.session.commit()

    page = ines.get(address)
    assert listed(page) == [
        f"A test Given up Written down just now · {test.id} Answered 302: redirects are not followed. · 9 min ago · "
        "10 tries Send again",
        f"2 entries Waiting Written down just now · {told.id} Answered 503 · 2 min ago · 3 tries Next try in 2 h "
        "Send now",
    ]
    assert "Nothing has arrived since 3 h ago" in page.words
    assert rows(ines.get(webhooks(organisation)))[0].endswith("Failing since 3 h ago 1 waiting Manage")
    for delivery in (told, test):
        assert ines.post(f"{address}/deliveries/{delivery.id}/again").status == 303
        assert notice(ines.get(address)).startswith("It is sent again.")
    assert [(each.state, each.tries, each.next_at) for each in deliveries(app, hook_id)] == [("waiting", 0, NOW)] * 2
    with app.app_context():
        db.session.execute(sa.update(WebhookDelivery).values(claimed_until=NOW + timedelta(seconds=20)))
        db.session.commit()
    ines.post(f"{address}/deliveries/{told.id}/again")
    assert notice(ines.get(address)).startswith("It is being sent at this moment.")
    assert "Being sent" in ines.get(address).words


def test_page_by_page(app: Flask, ines: Reader, organisation: Place) -> None:
    hook_id, _ = make(app, organisation, member(ines))
    address = webhooks(organisation, f"/{hook_id}")
    with app.app_context():
        rows_ = [
            WebhookDelivery(
                id=f"msg_{number:03}", org_id=organisation.id, hook_id=hook_id, kind="test", items="[]",
                state="delivered", tries=1, created_at=NOW - timedelta(minutes=number // 3), next_at=NOW, status=200,
            )
            for number in range(120)
        ]  # fmt: skip
        db.session.add_all(rows_)
        db.session.commit()
    seen: list[str] = []
    following: str | None = address
    while following:
        page = ines.get(following)
        seen += [code.get_text() for code in page.select(".deliveries code")]
        link = page.select_one(".listpager [rel=next]")
        following = str(link["href"]) if link else None
    assert len(seen) == len(set(seen)) == 120
    assert ines.get(f"{address}?after=msg_nothing").status == 404
    assert ines.get(f"{address}?after=%00").status == 404
    assert ines.get(f"{address}?state=failed").status == 400


def test_whose_they_are(
    app: Flask, ines: Reader, organisation: Place, other_organisation: Place, signed_in_as: SignedInAs
) -> None:
    """Owners' and admins' of that organisation: for all others it is a 403, or a page that is not there."""
    hook_id, _ = make(app, organisation, member(ines))
    ines.post(webhooks(organisation, f"/{hook_id}/test"))
    (delivery,) = deliveries(app, hook_id)
    kenji = signed_in_as(Role.OWNER, other_organisation, name="Kenji Mori")
    theirs, _ = make(app, other_organisation, member(kenji))
    auditor = signed_in_as(Role.AUDITOR, name="Ola Nordmann")
    acts = [f"/{hook_id}/{each}" for each in ("change", "secret", "pause", "resume", "test", "delete")]
    acts += [f"/{hook_id}/deliveries/{delivery.id}/again"]
    sent = {"begin": "now", "password": PASSWORD, "name": "Theirs", "url": URL, "overlap": "at once"}
    for act in acts:
        assert kenji.post(webhooks(other_organisation, act), sent).status == 404
        assert kenji.post(webhooks(organisation, act), sent).status == 404
        assert auditor.post(webhooks(organisation, act), sent).status == 403
    again = webhooks(other_organisation, f"/{theirs}/deliveries/{delivery.id}/again")
    assert kenji.post(again).status == 404
    assert kenji.get(webhooks(other_organisation, f"/{theirs}?after={delivery.id}")).status == 404
    for address in ("", "/new", f"/{hook_id}"):
        assert auditor.get(webhooks(organisation, address)).status == 403
        assert kenji.get(webhooks(organisation, address)).status == 404
    assert not [link for link in auditor.get(f"{LOG}/views").select("a") if "webhooks" in str(link["href"])]
    assert stored(app, hook_id).paused_at is None
    assert rows(kenji.get(webhooks(other_organisation)))[0].startswith("Duty channel 127.0.0.1:8443")


def test_somebody_demoted_meanwhile_changes_nothing(
    app: Flask, ines: Reader, organisation: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook_id, _ = make(app, organisation, member(ines))
    allowed = gate.member_of

    def then_demoted(*asked: object) -> object:
        viewer = allowed(*asked)  # type: ignore[arg-type]
        db.session.execute(sa.update(Membership).values(role="auditor"))
        db.session.commit()
        return viewer

    monkeypatch.setattr(pages, "member_of", then_demoted)
    page = ines.post(webhooks(organisation, f"/{hook_id}/pause"))
    assert page.status in (403, 409)
    assert stored(app, hook_id).paused_at is None
    set_role(app, organisation, member(ines), Role.ADMIN)


def test_it_goes_on_when_its_maker_has_left(
    app: Flask, ines: Reader, organisation: Place, signed_in_as: SignedInAs
) -> None:
    ben = add_person(app, "Ben Harker")
    join(app, organisation, ben, Role.ADMIN)
    make(app, organisation, ben)
    leave(app, organisation, ben)
    assert "made by Ben Harker , who has left," in rows(ines.get(webhooks(organisation)))[0]


def test_two_people_pause_and_delete_at_once(
    app: Flask, ines: Reader, organisation: Place, signed_in_as: SignedInAs
) -> None:
    maya = signed_in_as(Role.OWNER, name="Maya Okafor")
    hook_id, _ = make(app, organisation, member(ines))
    address = webhooks(organisation, f"/{hook_id}")
    for reader in (ines, maya):
        reader.token()
    pages = at_once(*[partial(copy_context().run, each.post, f"{address}/pause") for each in (ines, maya)])
    assert [page.status for page in pages] == [303, 303]
    assert [each.action for each in entries_of(app, organisation)].count("webhook.paused") == 1
    pages = at_once(*[partial(copy_context().run, each.post, f"{address}/delete") for each in (ines, maya)])
    assert sorted(page.status for page in pages) == [303, 404]
    assert [each.action for each in entries_of(app, organisation)].count("webhook.deleted") == 1


def test_a_paused_webhook_says_so(app: Flask, ines: Reader, organisation: Place) -> None:
    hook_id, _ = make(app, organisation, member(ines))
    address = webhooks(organisation, f"/{hook_id}")
    ines.post(f"{address}/test")
    ines.post(f"{address}/pause")
    page = ines.get(address)
    assert "It was paused just now" in page.words
    assert not page.select("form[action$=again], form[action$=test]")
    assert ines.post(f"{address}/test").status == 409
    assert ines.post(f"{address}/resume", {"begin": "sometime"}).status == 400
    with clock.set_to(NOW + timedelta(minutes=10)):
        assert ines.post(f"{address}/resume", {"begin": "now"}).status == 303
    assert not deliveries(app, hook_id)
