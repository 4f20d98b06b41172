"""The description of the API: it is OpenAPI 3.1, every example in it is true, and so are those of the documentation."""

import json
import re
import shlex
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from auditweb import ids
from auditweb.accounts.callers import Scope
from auditweb.api import calls
from auditweb.api.calls import ENTRY, SERVER, Call
from auditweb.config import ROOT, Settings
from auditweb.extensions import db
from auditweb.ledger.sealer import Sealer
from auditweb.models import Event
from auditweb.parties import Actor, ActorType, Outcome, Target
from tests.callers import new_key
from tests.integration.conftest import AnEvent
from tests.readers import Place, Reader, Someone

pytestmark = pytest.mark.usefixtures("at_now")

API = "/api/v1"
DOCUMENT = "/api/openapi.json"
PAGE = "/api/docs"
PROBLEM = "application/problem+json"
LINES = "application/x-ndjson"
CALLS = [*calls.LIST, *calls.ONE, *calls.COUNT, *calls.CATALOGUE, *calls.WRITE]


@pytest.fixture
def app(make_app: Any, settings: Settings) -> Flask:
    """The app at the address of the examples."""
    made: Flask = make_app(settings.model_copy(update={"public_url": SERVER}))
    return made


@pytest.fixture
def keys(app: Flask, organisation: Place, somebody: Someone) -> dict[str, str]:
    """The keys that examples are sent with, by what they are for."""
    reading = new_key(app, organisation, somebody, scopes=[Scope.READ])
    return {"both": new_key(app, organisation, somebody, scopes=list(Scope)), "reading": reading, "": ""}


@pytest.fixture
def entry(app: Flask, organisation: Place, engine: Engine) -> None:
    """The log has the one entry of the examples in it."""
    said = {name: ENTRY[name] for name in ("category", "action", "summary", "facts", "ip", "outcome")}
    parties = {f"{role}_{name}": ENTRY[role][name] for role in ("actor", "target") for name in ("type", "id", "name")}
    moments = {name: datetime.fromisoformat(ENTRY[name]) for name in ("occurred_at", "recorded_at")}
    with app.app_context():
        db.session.add(Event(org_id=organisation.id, id=ids.from_text(ENTRY["id"]), **said, **parties, **moments))
        db.session.commit()
    Sealer(engine).run()


def document(client: FlaskClient) -> dict[str, Any]:
    answer = client.get(DOCUMENT, base_url=SERVER)
    assert answer.status_code == 200
    told: dict[str, Any] = json.loads(answer.text)
    return told


def operations(told: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in told["paths"].items():
        for method, found in methods.items():
            yield path, method, found


def check(told: dict[str, Any], path: str, method: str, answer: TestResponse) -> None:
    """Assert that an answer is what the description says: status, media type, headers and body."""
    operation = told["paths"][path][method]
    assert str(answer.status_code) in operation["responses"], answer.text
    said = operation["responses"][str(answer.status_code)]
    for name, reference in said.get("headers", {}).items():
        header = told["components"]["headers"][reference["$ref"].rpartition("/")[2]]
        assert not header["required"] or name in answer.headers, (answer.status_code, name)
    if "content" in said:
        check_body(told, said["content"], answer.mimetype or "", answer.text)
    else:
        assert answer.text == ""


def check_body(told: dict[str, Any], contents: dict[str, Any], media_type: str, text: str) -> None:
    assert media_type in contents
    lines = contents[media_type].get("x-item-schema")
    validator = jsonschema_rs.validator_for(
        {**(lines or contents[media_type]["schema"]), "components": told["components"]}, validate_formats=True
    )
    for each in text.splitlines() if lines else [text]:
        validator.validate(json.loads(each))


def settled(value: object) -> Any:
    """Return what is told, without what is another each time: ids of entries and of requests."""
    text = json.dumps(value, sort_keys=True)
    text = re.sub(r'"[0-7][0-9A-HJKMNP-TV-Z]{12}"|(?<=entries/)[0-9A-Z]{13}', "ID", text)
    text = re.sub(r'"request_id": "[0-9a-f]{16}"', '"request_id": REQUEST', text)
    return re.sub(r"(?<=entry )[0-7][0-9A-HJKMNP-TV-Z]{12}", "ID", text)


def read(text: str, media_type: str) -> Any:
    return [json.loads(line) for line in text.splitlines()] if media_type == LINES else json.loads(text)


def send(client: FlaskClient, keys: dict[str, str], call: Call) -> TestResponse:
    headers = dict(call.headers)
    if call.key:
        headers["Authorization"] = f"Bearer {keys[call.key]}"
    kind = call.media_type if call.body is not None else None
    return client.open(
        call.path,
        method=call.method,
        data=call.body,
        content_type=kind,
        headers=headers,
        base_url=SERVER,
        buffered=True,
    )


# The description


def test_it_is_openapi_3_1(client: FlaskClient) -> None:
    told = document(client)

    assert told["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(told).validate()
    for schema in told["components"]["schemas"].values():
        jsonschema_rs.meta.validate({**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"})
    text = json.dumps(told)
    assert '"nullable"' not in text
    references = set(re.findall(r'"\$ref": "#/components/(\w+)/([\w-]+)"', text))
    assert all(name in told["components"][kind] for kind, name in references)
    assert {name for kind, name in references if kind == "schemas"} == set(told["components"]["schemas"])


def test_every_address_is_in_it(app: Flask, client: FlaskClient) -> None:
    rules = {
        (re.sub(r"<(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(API)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    told = document(client)

    assert {(path, method) for path, method, _ in operations(told)} == rules
    assert told["security"] == [{"key": []}]
    assert told["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert told["servers"] == [{"url": SERVER}]


def test_every_parameter_of_the_filter_is_in_it(client: FlaskClient) -> None:
    told = document(client)
    names = {"category", "actor", "target", "action", "outcome", "from", "to", "tz", "last", "q", "upto", "flag"}
    places = {"before", "after", "oldest"}

    def query(path: str) -> set[str]:
        return {each["name"] for each in told["paths"][path]["get"]["parameters"] if each["in"] == "query"}

    assert query(f"{API}/counts") == names
    assert query(f"{API}/events") == names | places | {"order", "limit", "wait"}


def test_any_cache_may_keep_it(client: FlaskClient) -> None:
    first = client.get(DOCUMENT, base_url=SERVER)
    again = client.get(DOCUMENT, base_url=SERVER, headers={"If-None-Match": first.headers["ETag"]})

    for answer in (first, again):
        assert answer.headers["Cache-Control"] == "public, no-cache"
        assert "Vary" not in answer.headers
        assert "Set-Cookie" not in answer.headers
    assert (again.status_code, again.text) == (304, "")


# Its examples


@pytest.mark.usefixtures("entry")
def test_every_example_is_answered_so(app: Flask, client: FlaskClient, keys: dict[str, str]) -> None:
    told = document(client)
    shown = {
        (name, status)
        for _, _, found in operations(told)
        for status, answer in found["responses"].items()
        for content in answer.get("content", {}).values()
        for name in content.get("examples", ())
    }

    for call in CALLS:
        answer = send(client, keys, call)
        path = re.sub(r"/events/\w+", "/events/{entry_id}", call.path.partition("?")[0])

        assert (answer.status_code, answer.mimetype) == (call.status, call.answered_as), (call.name, answer.text)
        check(told, path, call.method.lower(), answer)
        got = read(answer.text, call.answered_as)
        said: Any = read(call.answer, call.answered_as) if isinstance(call.answer, str) else call.answer
        if call.name == "actions":
            assert all(each in got[name] for name, several in said.items() for each in several)
        else:
            assert settled(got) == settled(said), call.name
        text = call.answer if isinstance(call.answer, str) else json.dumps(call.answer)
        content = told["paths"][path][call.method.lower()]["responses"][str(call.status)]["content"]
        check_body(told, content, call.answered_as, text)
        shown.remove((call.name, str(call.status)))
    assert not shown


def run(client: FlaskClient, command: str, key: str) -> TestResponse:
    """Send what a command for curl would."""
    words = shlex.split(command.replace("\\\n", " ").replace("$KEY", key))
    assert words.pop(0) == "curl"
    address, headers, data, method = "", {}, None, "GET"
    while words:
        word = words.pop(0)
        if word == "-H":
            name, _, value = words.pop(0).partition(": ")
            headers[name] = value
        elif word in ("-d", "--data-binary"):
            data, method = words.pop(0).encode(), "POST"
        else:
            assert not address
            address = word
    assert address.startswith(SERVER)
    return client.open(
        address.removeprefix(SERVER), method=method, data=data, headers=headers, base_url=SERVER, buffered=True
    )


@pytest.mark.usefixtures("entry")
def test_every_line_of_the_page_can_be_sent(client: FlaskClient, keys: dict[str, str]) -> None:
    told = document(client)
    page = Reader(client, base_url=SERVER).get(PAGE)
    samples = [
        (path, method, each["source"]) for path, method, found in operations(told) for each in found["x-codeSamples"]
    ]

    assert [tag.get_text() for tag in page.select(".sample pre")] == [source for _, _, source in samples]
    for path, method, source in samples:
        answer = run(client, source, keys["both"])
        assert answer.status_code in (200, 201), (source, answer.text)
        check(told, path, method, answer)


@pytest.mark.usefixtures("entry")
def test_every_example_of_the_documentation_is_true(client: FlaskClient, keys: dict[str, str]) -> None:
    text = (Path(ROOT) / "docs" / "api.md").read_text()
    commands = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    answers = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    known = {settled(read(call.answer, LINES) if isinstance(call.answer, str) else call.answer) for call in CALLS}

    assert (len(commands), len(answers)) == (3, 4)
    for command in commands:
        assert run(client, command, keys["both"]).status_code in (200, 201), command
    for answer in answers:
        several = answer.startswith('{"line"')
        assert settled(read(answer, LINES if several else "")) in known, answer


# What is answered, of whatever there is in the log


def test_whatever_is_in_the_log_is_answered_as_described(
    app: Flask, client: FlaskClient, keys: dict[str, str], organisation: Place, an_event: AnEvent, engine: Engine
) -> None:
    """Each kind of actor and outcome, with all that an entry can have and with none of it."""
    told = document(client)
    stepwgn = Target("vehicle", "veh_4471", "2020 Honda Stepwgn Spada", "/vehicles/4471")
    for kind in ActorType:
        an_event(org_id=organisation.id, actor=Actor(kind, "1", "Somebody"), target=stepwgn)
    for outcome in Outcome:
        an_event("two_factor.reset", org_id=organisation.id, outcome=outcome, via=Actor(ActorType.API_KEY, "k", "Feed"))
    Sealer(engine).run()
    asked = [
        (f"{API}/events", ["", "limit=2", "limit=2&oldest=1", "q=stepwgn", "outcome=denied", "actor=member:nobody"]),
        (f"{API}/events", ["order=leaf", "order=leaf&limit=2", "order=leaf&after=99", "limit=0", "colour=red"]),
        (f"{API}/counts", ["", "category=vehicles&last=7d", "q=stepwgn", "oldest=1"]),
        (f"{API}/actions", ["", "colour=red"]),
    ]
    addresses = [(path, f"{path}?{question}") for path, questions in asked for question in questions]
    first = client.get(f"{API}/events", headers={"Authorization": f"Bearer {keys['both']}"}, base_url=SERVER)
    addresses += [(f"{API}/events/{{entry_id}}", f"{API}/events/{each['id']}") for each in first.json["events"]]  # type: ignore[index]
    addresses.append((f"{API}/events/{{entry_id}}", f"{API}/events/nothing"))

    for path, address in addresses:
        for accept in ("application/json", LINES):
            headers = {"Authorization": f"Bearer {keys['reading']}", "Accept": accept}
            answer = client.get(address, headers=headers, base_url=SERVER, buffered=True)
            check(told, path, "get", answer)
            if "ETag" in answer.headers:
                headers["If-None-Match"] = answer.headers["ETag"]
                again = client.get(address, headers=headers, base_url=SERVER, buffered=True)
                assert again.status_code == 304
                check(told, path, "get", again)


def test_too_many_requests_are_answered_as_described(
    make_app: Any, settings: Settings, organisation: Place, somebody: Someone
) -> None:
    app = make_app(settings.model_copy(update={"public_url": SERVER, "api_requests_a_minute": 1}))
    client, key = app.test_client(), new_key(app, organisation, somebody, scopes=[Scope.READ])
    answers = [
        client.get(f"{API}/counts", headers={"Authorization": f"Bearer {key}"}, base_url=SERVER) for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [200, 429]
    for answer in answers:
        check(document(client), f"{API}/counts", "get", answer)
