"""The archive of all that is held about an organisation: all of it, nothing secret, and with words for what it is."""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import Column, Table
from sqlalchemy.sql import visitors

from auditweb import clock
from auditweb.accounts.permissions import Role
from auditweb.exports.check import check
from auditweb.exports.holdings import SHEETS, settings_of
from auditweb.exports.left_out import LEFT_OUT, LEFT_OUT_COLUMNS
from auditweb.extensions import db
from auditweb.models import Base, Organisation
from auditweb.parties import Actor, ActorType, Target
from auditweb.recorder import record
from tests.api_keys import add as add_key
from tests.export_jobs import ask_for_all, fetch_all, job, prepare
from tests.integration.conftest import FillLog, SignedInAs
from tests.readers import Place, Reader, Someone, add_person, join, leave
from tests.teams import invite

CANARY = "KANARI"
HOSTILE = ["=cmd|'/c calc'!A0", "\u202etxt.exe", "<script>alert(1)</script>", "x" * 300, 'a\r\nb,"c"', "\x1b[31m"]
SECRET = ("hash", "secret", "token", "password")
"""What is in the name of every column that opens a door."""


@pytest.fixture
def maya(signed_in_as: SignedInAs) -> Reader:
    return signed_in_as(Role.OWNER, name="Maya Okafor")


def archive(app: Flask, place: Place, reader: Reader, folder: Path) -> dict[str, bytes]:
    """Return the files of the archive of an organisation."""
    job_id = str(ask_for_all(reader, place).location).rpartition("/")[2]
    assert prepare(app, folder) == 1
    assert job(app, job_id).state == "done", job(app, job_id).reason
    with zipfile.ZipFile(io.BytesIO(fetch_all(reader, place, job_id).data)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def test_it_tells_what_it_is_and_can_be_checked(
    app: Flask, organisation: Place, maya: Reader, tmp_path: Path, fill: FillLog
) -> None:
    events = fill(7)
    found = archive(app, organisation, maya, tmp_path)

    assert next(iter(found)) == "README.txt"
    assert list(found)[-1] == "manifest.json"
    manifest = json.loads(found["manifest.json"])
    listed = {each["name"]: (each["bytes"], each["sha256"]) for each in manifest["files"]}
    assert listed == {
        name: (len(content), hashlib.sha256(content).hexdigest())
        for name, content in found.items()
        if name != "manifest.json"
    }
    readme = found["README.txt"].decode()
    for name in list(found)[1:]:
        assert name in readme
    assert max(map(len, readme.splitlines())) <= 80
    assert "Northgate Imports" in readme
    assert "Maya Okafor" in readme
    (path,) = (tmp_path / "exports").glob("*.zip")
    assert check(path).problems == []
    lines = [json.loads(line) for line in found["entries.jsonl"].splitlines()]
    assert len(lines) == manifest["entries"]
    assert (lines[0]["id"], lines[-1]["id"]) == (manifest["first"], manifest["last"])
    assert {event.summary for event in events} <= {line["summary"] for line in lines}


def test_what_was_changed_or_cut_off_is_told_from_what_is_whole(
    app: Flask, organisation: Place, maya: Reader, tmp_path: Path, fill: FillLog
) -> None:
    fill(3)
    found = archive(app, organisation, maya, tmp_path)
    (path,) = (tmp_path / "exports").glob("*.zip")
    whole = path.read_bytes()
    changed = {
        "members.csv is not what was exported": found | {"members.csv": b"nobody"},
        ", and the manifest says": found | {"entries.jsonl": found["entries.jsonl"].split(b"\n", 1)[1]},
        "Its last entry is": found | {"manifest.json": found["manifest.json"].replace(b'"last"', b'"least"')},
        "There should be": {name: found[name] for name in found if name != "roles.json"},
    }
    for says, files_ in changed.items():
        with zipfile.ZipFile(path, "w") as again:
            for name, content in files_.items():
                again.writestr(name, content)
        assert any(says in problem for problem in check(path).problems), says
    for length in (len(whole) - 1, len(whole) // 2, 100):
        path.write_bytes(whole[:length])
        assert check(path).problems


def test_who_is_and_was_there_is_in_it(
    app: Flask, organisation: Place, maya: Reader, signed_in_as: SignedInAs, tmp_path: Path
) -> None:
    tom, gone = add_person(app, "Tom Price"), add_person(app, "Gone Away", "gone@northgate.example")
    join(app, organisation, tom, Role.AUDITOR)
    join(app, organisation, gone, Role.ADMIN)
    leave(app, organisation, gone)
    invite(maya, organisation, "new@northgate.example", role=Role.MEMBER)
    add_key(app, organisation, tom, id_="key_aaaaaaaaaa")
    found = archive(app, organisation, maya, tmp_path)

    members = {row["name"]: row for row in json.loads(found["members.json"])}
    assert {name: row["role"] for name, row in members.items()} == {
        "Maya Okafor": "owner",
        "Tom Price": "auditor",
        "Gone Away": "admin",
    }
    assert members["Tom Price"]["left_at"] is None
    assert members["Gone Away"]["left_at"].endswith("Z")
    assert (members["Tom Price"]["two_factor"], members["Gone Away"]["two_factor"]) == (False, None)
    (invitation,) = json.loads(found["invitations.json"])
    assert (invitation["email"], invitation["invited_by"]) == ("new@northgate.example", "Maya Okafor")
    (key,) = json.loads(found["api-keys.json"])
    assert (key["key"], key["made_by"]) == ("key_aaaaaaaaaa", "Tom Price")
    (export,) = json.loads(found["exports.json"])
    assert (export["kind"], export["asked_by"], export["state"]) == ("organisation", "Maya Okafor", "running")
    settings = json.loads(found["organisation.json"])
    assert (settings["name"], settings["address"], settings["time_zone"]) == (
        "Northgate Imports",
        "northgate",
        "Europe/London",
    )
    assert {role["role"] for role in json.loads(found["roles.json"])} == set(Role)


def test_hostile_names_come_out_whole_as_json_and_safe_as_csv(
    app: Flask, organisation: Place, maya: Reader, tmp_path: Path
) -> None:
    for number, name in enumerate(HOSTILE):
        join(app, organisation, add_person(app, name, f"h{number}@northgate.example"))
    with app.app_context():
        db.session.execute(sa.update(Organisation).values(name=HOSTILE[0]))
        db.session.commit()
    found = archive(app, organisation, maya, tmp_path)

    assert set(HOSTILE) <= {row["name"] for row in json.loads(found["members.json"])}
    assert json.loads(found["organisation.json"])["name"] == HOSTILE[0]
    text = found["members.csv"].decode("utf-8-sig")
    table = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(table) == len(HOSTILE) + 1 == text.count("\r\n") - 1
    for row in table:
        assert not row["name"].startswith(tuple("=+-@\t\r\n"))
        assert "\u202e" not in row["name"]
    assert "\u202e" not in found["README.txt"].decode()
    assert "All data of '=cmd" in found["README.txt"].decode()


def test_nothing_of_another_organisation_is_in_it(
    app: Flask,
    organisation: Place,
    other_organisation: Place,
    maya: Reader,
    signed_in_as: SignedInAs,
    tmp_path: Path,
) -> None:
    kenji = signed_in_as(Role.OWNER, other_organisation, name=f"Kenji {CANARY}")
    invite(kenji, other_organisation, f"{CANARY.lower()}@osaka.example")
    assert kenji.someone is not None
    with app.app_context():
        record(
            "vehicle.updated",
            org_id=other_organisation.id,
            actor=Actor(ActorType.MEMBER, "k", CANARY),
            target=Target("vehicle", CANARY, CANARY),
        )
        db.session.execute(sa.update(Organisation).where(Organisation.id == other_organisation.id).values(name=CANARY))
        db.session.commit()
    add_key(app, other_organisation, kenji.someone, id_="key_kanari0000")
    ask_for_all(kenji, other_organisation)
    prepare(app, tmp_path)
    for name, content in archive(app, organisation, maya, tmp_path).items():
        assert CANARY.lower().encode() not in content.lower(), name


def test_no_secret_is_in_it(app: Flask, organisation: Place, maya: Reader, tmp_path: Path) -> None:
    """Every column that opens a door holds a canary, for somebody of this very organisation."""
    assert maya.someone is not None
    invite(maya, organisation, "new@northgate.example")
    add_key(app, organisation, maya.someone)
    job_id = str(ask_for_all(maya, organisation).location).rpartition("/")[2]  # before no password fits any more
    planted = _plant(app, maya.someone)

    assert {"invitation.token_hash", "api_key.secret_hash", "api_key.former_hash", "person.password_hash"} <= planted
    assert {"two_factor.secret", "recovery_code.code_hash", "sign_in_session.id_hash"} <= planted
    assert prepare(app, tmp_path) == 1
    path = next((tmp_path / "exports").glob(f"*-{job_id}.*.zip"))
    with zipfile.ZipFile(path) as opened:
        for name in opened.namelist():
            assert CANARY.encode() not in opened.read(name), name
    assert CANARY.encode() not in path.read_bytes()


def _plant(app: Flask, someone: Someone) -> set[str]:
    """Put canaries into all columns whose name says that they are secret; return which those are."""
    planted = set()
    with app.app_context(), db.engine.begin() as connection:
        for table in Base.metadata.sorted_tables:
            for column in table.columns:
                if not isinstance(column.type, sa.String) or not any(word in column.name for word in SECRET):
                    continue
                _give_a_row(connection, table, someone)
                value: Any = f"{CANARY}-{table.name}"
                if column.primary_key or column.unique:
                    value = sa.literal(f"{CANARY}-") + column
                connection.execute(sa.update(table).values({column.name: value}))
                planted.add(f"{table.name}.{column.name}")
    return planted


def _give_a_row(connection: sa.Connection, table: Table, someone: Someone) -> None:
    """See to it that somebody has a row in a table of people's secrets."""
    if "person_id" not in table.columns or connection.execute(sa.select(table).limit(1)).first():
        return
    given: dict[str, Any] = {"person_id": someone.id}
    for column in table.columns:
        if column.name in given or column.nullable:
            continue
        if isinstance(column.type, sa.String):
            given[column.name] = "x"
        elif isinstance(column.type, sa.Boolean):
            given[column.name] = False
        elif isinstance(column.type, sa.Integer):
            given[column.name] = 1
        else:
            given[column.name] = clock.now()
    connection.execute(sa.insert(table).values(given))


def test_every_table_of_an_organisation_is_in_it_or_left_out_for_a_reason() -> None:
    read = {column.table.name for column in _columns_read()}
    of_an_organisation = {table.name for table in Base.metadata.sorted_tables if "org_id" in table.columns}

    assert of_an_organisation - read == set(LEFT_OUT)
    assert all(LEFT_OUT.values())


def test_every_column_is_in_it_or_left_out_for_a_reason() -> None:
    read = {f"{column.table.name}.{column.name}" for column in _columns_read()}
    tables = {name.partition(".")[0] for name in read} - {"person", "two_factor"}
    there = {f"{table.name}.{column.name}" for table in Base.metadata.sorted_tables for column in table.columns}

    missing = {name for name in there if name.partition(".")[0] in tables} - read
    assert missing == set(LEFT_OUT_COLUMNS)
    assert not [name for name in read if any(word in name for word in SECRET)]


def _columns_read() -> Iterator["Column[Any]"]:
    """Yield all columns that the questions for the archive ask for, or go by."""
    for query in (settings_of(1), *(sheet.query(1) for sheet in SHEETS)):
        for element in visitors.iterate(query):
            if isinstance(element, Column):
                yield element


def test_the_docs_name_each_file_that_is_in_it() -> None:
    told = (Path(__file__).parents[2] / "docs" / "export.md").read_text()

    assert [sheet.name for sheet in SHEETS if f"`{sheet.name}`" not in told] == []
