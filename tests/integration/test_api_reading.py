"""Reading by the API: the page's questions, the page's answers."""

import json
import re
import socket
import time
from collections import Counter
from contextlib import closing
from datetime import timedelta
from itertools import cycle, product
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb import catalogue, holding, ids
from auditweb.accounts.callers import UnknownCallerError
from auditweb.accounts.permissions import Role
from auditweb.api import reading
from auditweb.bulk import record_many
from auditweb.database import TooSlow
from auditweb.extensions import db
from auditweb.ledger.sealer import Sealer
from auditweb.models import ApiKey
from auditweb.parties import Actor, ActorType, Outcome, Target
from auditweb.reading import postings, search, walks
from tests.callers import new_key
from tests.integration.conftest import AnEvent
from tests.integration.test_numbers import on_tabs
from tests.ledgers import server_engine
from tests.log_pages import ADA, LOG, NOW, STEPWGN, statements
from tests.programs import API, EVENTS, LINES, Program, ids_of
from tests.readers import Place, Reader, Someone, join
from tests.servers import LiveServer, serve

pytestmark = pytest.mark.usefixtures("at_now")

HANA = Actor(ActorType.MEMBER, "hana", "Hana Sato")
FILTERS = [
    "", "category=vehicles", "category=suppliers", "actor=member:hana", "actor=member:nobody", "target=vehicle:v1",
    "action=member.joined", "outcome=failure", "outcome=success", "last=24h", "from=2026-11-21&to=2026-11-22",
    "from=2026-11-21&tz=Asia/Tokyo", "category=team&actor=member:hana&last=9d", "q=stepwgn", "q=alph*",
    "q=%22honda+stepwgn%22", "category=vehicles&q=stepwgn", "actor=member:hana&q=-stepwgn", "q=nothing",
]  # fmt: skip
BAD = {
    "category=none": "category",
    "actor=x": "actor",
    "target=x": "target",
    "action=gone.forgotten": "action",
    "outcome=perhaps": "outcome",
    "from=2026-02-30": "from",
    "last=1y": "last",
    "tz=Moon/Base": "tz",
    "q=%00": "q",
    "q=-": "q",
    "before=x": "before",
    "after=99999999999999999999999999": "after",
    "oldest=2": "oldest",
    "colour=red": "colour",
    "category=team&category=vehicles": "category",
}


@pytest.fixture
def program(app: Flask, organisation: Place, somebody: Someone) -> Program:
    return Program(app.test_client(), new_key(app, organisation, somebody, scopes=["events:read"]))


@pytest.fixture
def filled(app: Flask, organisation: Place, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log of some pages, indexed in small parts, the newest of it not sealed yet."""
    monkeypatch.setattr(postings, "SEGMENT_SIZE", 16)

    def events(first: int, final: int) -> list[dict[str, Any]]:
        return [
            {
                "action": catalogue.MEMBER_JOINED if number % 7 == 0 else catalogue.VEHICLE_UPDATED,
                "actor": HANA if number % 3 else ADA,
                "target": None if number % 7 == 0 else Target("vehicle", f"v{number % 5}", f"{_CARS[number % 2]}"),
                "facts": {"role": "auditor"} if number % 7 == 0 else {},
                "outcome": Outcome.FAILURE if number % 11 == 0 else None,
                "occurred_at": NOW - timedelta(minutes=47 * number + 1),
            }
            for number in range(first, final)
        ]

    with app.app_context():
        record_many(events(20, 170), org_id=organisation.id)
        db.session.commit()
    with server_engine(database_url) as engine:
        Sealer(engine).run()
    with app.app_context():
        record_many(events(0, 20), org_id=organisation.id)
        db.session.commit()


_CARS = ("2020 Honda Stepwgn Spada", "2019 Toyota Alphard")


@pytest.mark.usefixtures("filled")
def test_pages_and_counts_are_those_of_the_page(program: Program, reader: Reader) -> None:
    middle = ids_of(program.read(f"{EVENTS}?limit=100"))[-1]
    places = ["", f"before={middle}", f"after={middle}", "oldest=1"]
    for wanted, place in [*zip(FILTERS, cycle(places), strict=False), *product(FILTERS[:2], places[1:])]:
        query = "&".join(filter(None, (wanted, place)))
        page = reader.client.get(f"{LOG}?{query}", follow_redirects=True, headers={"HX-Request-Type": "partial"}).text
        answer = program.read(f"{EVENTS}?{query}")
        assert ids_of(answer) == re.findall(r'id="e-(\w{13})"', page), query
        assert (answer["newer"] is None) == ('id="pager-newest"' not in page), query
        assert (answer["older"] is None) == ('id="pager-older"' not in page), query
    for wanted in FILTERS[::4]:
        counted = program.read(f"{API}/counts?{wanted}")
        tabs = {"All": counted["all"]} | {each.label: counted["categories"][each.value] for each in catalogue.Category}
        on_page = {label: told[0] for label, told in on_tabs(reader.get(f"{LOG}?{wanted}")).items()}
        assert {label: str(count["number"]) for label, count in tabs.items()} == on_page, query
    for wanted in FILTERS:
        everything = [spelled for page in program.walk(f"{EVENTS}?{wanted}") for spelled in ids_of(page)]
        assert program.read(f"{API}/counts?{wanted}")["matching"] == {"number": len(everything), "capped": False}
        backwards = {
            spelled for page in program.walk(f"{EVENTS}?{wanted}&oldest=1", "newer") for spelled in ids_of(page)
        }
        assert sorted(backwards, reverse=True) == everything, wanted
        assert [json.loads(line)["id"] for line in program.lines(f"{EVENTS}?{wanted}")] == everything, wanted


@pytest.mark.usefixtures("filled")
def test_every_page_leads_to_the_next(program: Program) -> None:
    answer = program.get(f"{EVENTS}?category=vehicles&limit=60")

    assert answer.json is not None
    older = f"http://localhost{EVENTS}?category=vehicles&before={ids_of(answer.json)[-1]}&limit=60"
    assert (answer.json["newer"], answer.json["older"]) == (None, older)
    assert answer.headers["Link"] == f'<{older}>; rel="next"'
    assert answer.json["filter"] == "Vehicles entries"
    sizes = [len(page["events"]) for page in program.walk(f"{EVENTS}?limit=60")]
    assert sizes == [60, 60, 50]
    assert program.read(f"{EVENTS}?actor=member:hana&action=member.joined")["filter"] == (
        "Entries by Hana Sato of the kind “Accepted the invitation and joined as …”"
    )


def test_an_actor_is_called_as_on_the_page(
    app: Flask, program: Program, reader: Reader, organisation: Place, somebody: Someone, an_event: AnEvent
) -> None:
    """By their name of today, and not by the one in their newest entry."""
    join(app, organisation, somebody, Role.AUDITOR)
    actor = f"member:{somebody.id}"
    an_event(actor=Actor(ActorType.MEMBER, str(somebody.id), "Maiden Name"))

    for address in (EVENTS, f"{API}/counts"):
        assert program.read(f"{address}?actor={actor}")["filter"] == f"Entries by {somebody.name}"
    assert f"Entries by {somebody.name}" in reader.get(f"{LOG}?actor={actor}").words


def test_an_entry_has_the_bytes_of_its_own_page(program: Program, reader: Reader, an_event: AnEvent) -> None:
    event = an_event(actor=HANA, target=Target("vehicle", "v1", "Alphard \u2028 é", "/v/1"), idempotency_key="once")
    spelled = ids.to_text(event.id)

    entry = program.get(f"{EVENTS}/{spelled}").text

    assert entry == reader.get(f"{LOG}/entries/{spelled}.json").text
    assert entry.isascii()
    assert entry.splitlines() == [entry.strip()]
    assert program.get(EVENTS).text.endswith(f'"events":[{entry.strip()}]}}\n')
    assert program.lines(EVENTS) == [entry.strip()]
    assert json.loads(entry)["url"] == f"http://localhost{LOG}/entries/{spelled}"


def test_the_catalogue(program: Program) -> None:
    told = program.read(f"{API}/actions")

    assert [each["category"] for each in told["categories"]] == list(catalogue.Category)
    by_slug = {each["action"]: each for each in told["actions"]}
    assert list(by_slug) == [action.slug for action in catalogue.all_actions()]
    assert by_slug["organisation.created"] == {
        "action": "organisation.created",
        "category": "organisation",
        "sentence": "Created the organisation {name}",
        "facts": ["name"],
        "details": ["owner"],
        "takes_target": False,
        "sensitive": False,
    }


def test_what_cannot_be_meant_is_refused_by_name(program: Program, reader: Reader, an_event: AnEvent) -> None:
    spelled = ids.to_text(an_event().id)
    for query, field in BAD.items():
        assert reader.get(f"{LOG}?{query}").status == 400, query
        for address, headers in ((EVENTS, {}), (f"{API}/counts", {}), (EVENTS, LINES)):
            assert program.wrong_fields(f"{address}?{query}", **headers)[0] == field, (address, query)
    assert program.wrong_fields(f"{EVENTS}?from=2026-11-02&to=2026-11-01") == ["from", "to"]
    own = ["limit=0", "limit=501", "limit=-1", "limit=1e2", "limit=٣", "limit=5&limit=6", "wait=1", "order=newest"]
    own += ["limit=", "wait=", "after=", "before="]
    for query in own:
        assert program.wrong_fields(f"{EVENTS}?{query}") == [query.partition("=")[0]], query
    for query in ("limit=5", "wait=1", f"after={spelled}", "oldest=1", "order=leaf"):
        assert program.wrong_fields(f"{EVENTS}?{query}", **LINES) == [query.partition("=")[0]], query
    for query in (f"before={spelled}", "oldest=1", "limit=5"):
        assert program.wrong_fields(f"{API}/counts?{query}") == [query.partition("=")[0]]
    for address in (f"{EVENTS}/{spelled}", f"{API}/actions"):
        assert program.wrong_fields(f"{address}?limit=5") == ["limit"]
    for damaged in ("x", spelled.lower(), "9" * 23, "Z" * 13, spelled + "0"):
        assert program.wrong_fields(f"{EVENTS}/{damaged}") == ["id"]


def test_who_may_read(
    app: Flask,
    program: Program,
    reader: Reader,
    organisation: Place,
    somebody: Someone,
    an_event: AnEvent,
    other_organisation: Place,
) -> None:
    ours, theirs = an_event(org_id=organisation.id), an_event(org_id=other_organisation.id)
    addresses = [EVENTS, f"{EVENTS}?order=leaf", f"{EVENTS}/{ids.to_text(ours.id)}", f"{API}/actions", f"{API}/counts"]
    writer = Program(app.test_client(), new_key(app, organisation, somebody, scopes=["events:write"]))
    for address in addresses:
        assert program.get(address).status_code == 200
        assert writer.get(address).status_code == writer.get(f"{address}?colour=red").status_code == 403
        assert Program(app.test_client(), "aw_nothing").get(address).status_code == 401
        assert reader.client.get(address).status_code == 401  # a browser's cookie opens nothing here
    assert writer.get(EVENTS, **LINES).status_code == 403
    missing, foreign = (program.get(f"{EVENTS}/{ids.to_text(id_)}") for id_ in (theirs.id + 1, theirs.id))
    assert missing.status_code == foreign.status_code == 404
    assert _without_request_id(missing.json) == _without_request_id(foreign.json)
    assert ids_of(program.read(EVENTS)) == [ids.to_text(ours.id)]


def _without_request_id(told: Any) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name != "request_id"}


def test_what_has_not_changed_is_not_sent_again(program: Program, an_event: AnEvent) -> None:
    spelled = ids.to_text(an_event().id)
    for address in (EVENTS, f"{EVENTS}/{spelled}", f"{API}/actions", f"{API}/counts", f"{EVENTS}?category=team"):
        first = program.get(address)
        again = program.get(address, If_None_Match=first.headers["ETag"])
        other = program.get(address, If_None_Match='"other"')
        head = program.get(address, method="HEAD")
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
        assert (other.status_code, other.data) == (200, first.data)
        assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", first.headers["ETag"])
        assert first.headers["Vary"] == "Authorization, Accept"
    before = program.get(EVENTS)
    an_event()
    assert program.get(EVENTS, If_None_Match=before.headers["ETag"]).status_code == 200


@pytest.mark.usefixtures("filled")
def test_a_search_cut_short_says_so_and_goes_on(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    question = f"{EVENTS}?q=-alphard"  # nothing rare to start from
    everything = [spelled for page in program.walk(question) for spelled in ids_of(page)]
    assert program.read(question)["searched_to"] is None

    monkeypatch.setattr(walks, "_GROUPS", (1,))
    monkeypatch.setattr(search, "TIME_LIMIT", 0)

    for way, place in (("older", ""), ("newer", "&oldest=1")):
        pages = list(program.walk(f"{question}&limit=100{place}", way))
        found = [ids_of(page) for page in pages]
        assert any(page["searched_to"] for page in pages), way
        assert sorted((spelled for page in found for spelled in page), reverse=True) == everything, way
    assert [json.loads(line)["id"] for line in program.lines(question)] == everything


def test_a_question_that_takes_too_long_is_a_503(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_slow(*_: object, **__: object) -> Any:
        raise TooSlow("it took too long")

    monkeypatch.setattr(reading, "find_whole_page", too_slow)

    answer = program.get(EVENTS)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


# Streams


@pytest.fixture
def many(app: Flask, organisation: Place) -> int:
    with app.app_context():
        record_many(
            (
                {
                    "action": catalogue.VEHICLE_UPDATED,
                    "actor": ADA,
                    "target": STEPWGN,
                    "occurred_at": NOW - timedelta(seconds=number + 1),
                }
                for number in range(1250)
            ),
            org_id=organisation.id,
        )
        db.session.commit()
    return 1250


def test_a_stream_is_read_page_by_page(app: Flask, program: Program, many: int) -> None:
    with statements(app) as sent:
        lines = program.lines(EVENTS)

    entries = [json.loads(line) for line in lines]
    assert len(entries) == many
    assert [entry["id"] for entry in entries] == sorted({entry["id"] for entry in entries}, reverse=True)
    pages = [statement for statement in sent if "LIMIT 501" in statement]
    assert len(pages) == 3
    assert program.lines(f"{EVENTS}?before={entries[999]['id']}") == lines[1000:]


def test_of_what_is_recorded_meanwhile_a_stream_holds_what_is_older(
    app: Flask, program: Program, organisation: Place, many: int
) -> None:
    late = {"action": catalogue.VEHICLE_UPDATED, "actor": ADA, "target": STEPWGN}
    with closing(program.get(EVENTS, **LINES)) as answer:  # the first page is read by then
        with app.app_context():
            moments = (NOW, NOW - timedelta(seconds=5), NOW - timedelta(days=1))
            record_many([late | {"occurred_at": each} for each in moments], org_id=organisation.id)
            db.session.commit()
        assert len(answer.text.splitlines()) == many + 1


def test_a_stream_ends_with_the_key(app: Flask, program: Program, many: int) -> None:
    answer = program.get(EVENTS, **LINES)
    with app.app_context():
        db.session.execute(sa.update(ApiKey).values(revoked_at=NOW))
        db.session.commit()

    with pytest.raises(UnknownCallerError):  # which breaks the connection off: no end that could be mistaken for one
        answer.get_data()
    answer.close()


def test_streams_of_one_organisation_leave_room_for_others(
    app: Flask, program: Program, other_organisation: Place, somebody: Someone, many: int
) -> None:
    elsewhere = Program(app.test_client(), new_key(app, other_organisation, somebody, scopes=["events:read"]))
    streams = [program.get(EVENTS, **LINES) for _ in range(2)]

    assert elsewhere.lines(EVENTS) == []
    for each in streams:
        each.close()
    assert len(program.lines(EVENTS)) == many


def test_a_worker_has_three_streams_for_all(app: Flask, program: Program, many: int) -> None:
    with app.app_context():
        ends = [holding.begin_stream(org_id) for org_id in (1_000, 1_000, 1_001)]

    refused = program.get(EVENTS, **LINES)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
    for end in ends:
        end()
    assert len(program.lines(EVENTS)) == many


def test_two_streams_at_a_time(
    app: Flask,
    program: Program,
    organisation: Place,
    somebody: Someone,
    many: int,
) -> None:
    """In all workers of a machine together, for which this one stands here."""
    other_key = Program(app.test_client(), new_key(app, organisation, somebody, scopes=["events:read"]))
    one, two = (each.get(EVENTS, **LINES) for each in (program, other_key))

    refused = program.get(EVENTS, **LINES)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
    assert program.get(EVENTS).status_code == 200
    one.close()  # the caller went away
    assert len(program.lines(EVENTS)) == many
    two.close()
    for _ in range(5):
        assert program.get(EVENTS, method="HEAD", **LINES).status_code == 200
        assert program.get(f"{EVENTS}?category=team&action=gone.forgotten", **LINES).status_code == 400


def test_callers_that_go_away_make_room_in_all_workers(
    app: Flask, organisation: Place, somebody: Someone, database_url: str, tmp_path: Path
) -> None:
    """On the real server: streams nobody reads stay open, and closing them ends them."""
    token = new_key(app, organisation, somebody, scopes=["events:read"])
    more = {"action": catalogue.VEHICLE_UPDATED, "actor": ADA, "target": STEPWGN}
    with app.app_context():
        record_many([more] * 8_000, org_id=organisation.id)  # far more than what lies on the way between them
        db.session.commit()
    asked = f"GET {EVENTS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
    asked += "Accept: application/x-ndjson\r\n\r\n"

    def begin(server: LiveServer) -> tuple[socket.socket, str]:
        opened = socket.socket()
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        opened.connect(("127.0.0.1", urlsplit(server.url).port or 0))
        opened.settimeout(20)
        opened.sendall(asked.encode())
        return opened, opened.recv(12).decode().split()[1]

    with serve(database_url, tmp_path, settings={"AUDITWEB_WORKERS": "2"}) as server:
        streams = [begin(server) for _ in range(6)]
        statuses = Counter(status for _, status in streams)
        for opened, _ in streams:
            opened.close()
        give_up_at = time.monotonic() + 20
        while True:
            opened, status = begin(server)
            opened.close()
            if status == "200":
                break
            assert time.monotonic() < give_up_at
            time.sleep(0.05)

    assert statuses == {"200": 2, "429": 4}
