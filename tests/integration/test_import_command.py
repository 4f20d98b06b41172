"""`auditweb import`: entries of another log out of a file, each once, and what is said of those that cannot be."""

import json
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from auditweb import bulk
from auditweb.importing import loading, reading
from auditweb.web import actor_kinds
from tests.callers import BID, HANA, ORDER, rows
from tests.integration.conftest import Operate, SignedInAs
from tests.readers import Place

DOCS = Path(__file__).parents[2] / "docs" / "import.md"
STARTED = (
    "organisation.log_import_started",
    "operator",
    "Started to import entries into the audit log from log.ndjson",
)
IMPORTED = ("organisation.log_imported", "operator", "Imported entries into the audit log from log.ndjson")

Import = Callable[..., tuple[int, str, str]]


@pytest.fixture
def log(tmp_path: Path) -> Callable[..., Path]:
    """Write a file, of lines of JSON unless it is text: `log(ORDER, BID)`."""

    def write(*content: object, name: str = "log.ndjson") -> Path:
        place = tmp_path / name
        place.write_text("".join(each if isinstance(each, str) else json.dumps(each) + "\n" for each in content))
        return place

    return write


@pytest.fixture
def import_(operate: Operate, organisation: Place) -> Import:
    """Import a file into Northgate's log: `import_(file, "--dry-run")`; how it ended, what was said, what was wrong."""

    def call(file: Path, *options: str | Path) -> tuple[int, str, str]:
        done = operate(f"import --organisation {organisation.slug}", str(file), *map(str, options))
        return done.code, done.said.removeprefix(f"Importing {file.name}\n"), done.refused

    return call


def entries(app: Flask) -> list[tuple[str, str, str]]:
    return [(row["action"], row["actor_id"], row["summary"]) for row in rows(app)]


def theirs(app: Flask) -> list[dict[str, Any]]:
    """What was imported, without the operator's entries that tell of it."""
    return [row for row in rows(app) if row["actor_id"] != "operator"]


# Without a mapping


def test_lines_are_events_as_the_api_takes_them(
    app: Flask, import_: Import, organisation: Place, log: Callable[..., Path]
) -> None:
    file = log(
        ORDER | {"occurred_at": "2025-03-02T09:30:00Z"},
        BID | {"actor": HANA, "facts": {}, "occurred_at": "2025-03-02T09:31:00Z", "ip": "192.0.2.7"},
    )

    assert import_(file) == (0, "Read 2: 2 recorded, 0 known already, 0 refused.\n", "")

    order, bid, *told = rows(app)
    assert {row["org_id"] for row in rows(app)} == {organisation.id}
    assert (order["actor_type"], order["actor_id"], order["actor_name"]) == ("system", "import", "Import of log.ndjson")
    assert (order["via_type"], order["ip"], order["summary"]) == (None, None, ORDER["summary"])
    assert (bid["actor_name"], bid["via_type"], bid["via_name"]) == ("Hana Sato", "system", "Import of log.ndjson")
    assert [(row["action"], row["actor_id"], row["summary"]) for row in told] == [STARTED, IMPORTED]
    assert [row["facts"] for row in told] == [{"file": "log.ndjson"}, {"file": "log.ndjson", "entries": "2"}]


def test_running_it_again_adds_what_is_new(app: Flask, import_: Import, log: Callable[..., Path]) -> None:
    """Equal lines stay as many as they are, however they are written; a line with a key of its own is known by that."""
    keyed = BID | {"idempotency_key": "k1"}
    import_(log(ORDER, ORDER, keyed))
    before = rows(app)
    spelled = json.dumps(dict(reversed(ORDER.items())), indent=1).replace("\n", " ") + "\n"

    assert import_(log(ORDER, ORDER, keyed))[1] == "Read 3: 0 recorded, 3 known already, 0 refused.\n"
    assert rows(app) == before, "a run without anything new left a trace"

    said = import_(log(spelled, keyed, spelled, ORDER, name="other.ndjson"))[1]

    assert said == "Read 4: 1 recorded, 3 known already, 0 refused.\n"
    assert len(theirs(app)) == 4
    keys = sorted(row["idempotency_key"] for row in theirs(app))
    assert [key.partition("/")[2] for key in keys] == ["1", "2", "3", ""]


def test_what_is_refused_is_told_of_and_kept(
    app: Flask, import_: Import, log: Callable[..., Path], tmp_path: Path
) -> None:
    import_(log(ORDER | {"idempotency_key": "k"}))
    bad = [
        ORDER | {"idempotency_key": "k", "summary": "Shipped another one"},
        "{\n",
        ORDER | {"colour\x1b[31m": "red", "actor": HANA | {"id": ""}},
        ORDER | {"occurred_at": "2099-01-01T00:00:00Z"},
    ]
    refused = tmp_path / "refused.ndjson"

    code, said, wrong = import_(log(ORDER, *bad, *[{}] * 4, BID), "--refused", refused)

    assert (code, wrong) == (1, "")
    assert said.splitlines() == [
        "Read 10: 2 recorded, 0 known already, 8 refused.",
        "  line 3: this is no JSON: see line 2, column 1",
        "  line 4: colour\\u{1b}[31m: there is no such field",
        "  line 5: occurred_at: this is more than five minutes in the future",
        "  line 6: action: this is missing",
        "  line 7: action: this is missing",
        "  and 3 more: --refused FILE has them all",
    ]
    kept = [json.loads(line) for line in refused.read_text().splitlines()]
    assert [each["line"] for each in kept] == [3, 4, 5, 6, 7, 8, 9, 2]
    assert [each["source"] for each in kept[:2]] == ["{", json.dumps(bad[2])]
    conflict = {"field": "idempotency_key", "reason": "an entry with this key has another summary"}
    assert kept[-1] == {"line": 2, "errors": [conflict], "source": json.dumps(bad[0])}
    assert stat.S_IMODE(refused.stat().st_mode) == 0o600
    assert len(theirs(app)) == 3
    assert rows(app)[-1]["facts"] == {"file": "log.ndjson", "entries": "2", "refused": "8"}


def test_dry_run_says_what_would_be_and_writes_nothing(
    app: Flask, import_: Import, log: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows what the log has, and what other lines of the same file say, also in another chunk."""
    monkeypatch.setattr(loading, "CHUNK", 2)
    keyed = ORDER | {"idempotency_key": "k"}
    import_(log(keyed, ORDER))
    before = rows(app)
    new = BID | {"idempotency_key": "n", "occurred_at": "2025-03-02T09:30:00Z"}
    other = new | {"occurred_at": "2025-03-03T09:30:00Z"}
    file = log(new, keyed, keyed | {"summary": "Else"}, ORDER, ORDER, new, other, other, {}, new, name="next.ndjson")

    dry = import_(file, "--dry-run")
    assert rows(app) == before

    assert dry[:2] == (1, dry[1])
    assert dry[1].startswith("Read 10: 2 would be recorded, 4 known already, 4 refused.\n")
    assert import_(file)[1].startswith("Read 10: 2 recorded, 4 known already, 4 refused.\n")


def test_mistakes_end_with_2_and_change_nothing(
    app: Flask, operate: Operate, import_: Import, log: Callable[..., Path], tmp_path: Path
) -> None:
    file, table = log(ORDER), log("a,b\n1,2\n", name="t.csv")
    there = log("x", name="there")
    mapping = log('[event]\naction = "a.b"\noccurred_at = "{When}"\n', name="m.toml")
    mistakes = [
        (import_(file, "--mapping", tmp_path / "none.toml"), "No such file"),
        (import_(file, "--mapping", file), "is no TOML"),
        (import_(tmp_path / "none.ndjson"), "none.ndjson cannot be read: No such file"),
        (import_(tmp_path, "--format", "ndjson"), "cannot be read: Is a directory"),
        (import_(there), "Say so with --format csv or --format ndjson"),
        (import_(table), "CSV needs a --mapping"),
        (import_(table, "--mapping", mapping), "There is no column When, which the mapping names. There are: a, b."),
        (import_(file, "--refused", there), "exists already"),
        (import_(file, "--refused", file), "exists already"),
        (import_(file, "--refused", tmp_path / "no" / "folder"), "cannot be written"),
        (import_(file, "--format", "xml"), "'xml' is not one of"),
        (import_(log("{}", name="x.ndjson.gz")), "cannot be read on"),
    ]
    nobody = operate("import --organisation nobody", str(file))
    mistakes.append(((nobody.code, "", nobody.refused), "There is no organisation with the address nobody"))

    for (code, _, wrong), reason in mistakes:
        assert (code, reason in wrong) == (2, True), (wrong, reason)
    assert rows(app) == []
    assert there.read_text() == "x"


def test_no_refusals_leave_no_file(import_: Import, log: Callable[..., Path], tmp_path: Path) -> None:
    assert import_(log(ORDER), "--refused", tmp_path / "refused")[0] == 0
    assert not (tmp_path / "refused").exists()


def test_strangest_lines_and_names_break_nothing(app: Flask, import_: Import, log: Callable[..., Path]) -> None:
    mapping = log('[event]\naction = "a.b"\noccurred_at = "{at}"\nip = "{ip}"\n', name="m.toml")
    deep = '{"ip": ' + "[" * 400 + "]" * 400 + "}\n"
    file = log(
        ORDER | {"facts": {"\ud800": "x"}}, ORDER | {"summary": "\ud800"}, deep, {"at": "\0"}, name=" \x1b[31m.json"
    )

    plain, mapped = import_(file), import_(file, "--mapping", mapping)

    assert (plain[0], mapped[0]) == (1, 1)
    assert "\x1b" not in plain[1]
    assert "nested" in plain[1]
    assert "nested" in mapped[1]
    assert theirs(app) == []


def test_numbers_are_taken_as_they_are_written(app: Flask, import_: Import, log: Callable[..., Path]) -> None:
    """By a mapping; an event is none of numbers, as the API has it."""
    told = 'action = "lot.priced"\ncategory = "vehicles"\nsummary = "Priced"\n'
    mapping = log(f'[event]\n{told}occurred_at = "{{at}}"\nfacts.price = "{{price}}"\n', name="m.toml")
    line = '{"at": "2025-03-02T09:30:00Z", "price": %s}\n'
    file = log(line % "4471.10", line % "4471.1", line % "1e999", line % "4471.10")

    assert import_(file, "--mapping", mapping)[1] == "Read 4: 4 recorded, 0 known already, 0 refused.\n"
    assert import_(file, "--mapping", mapping)[1] == "Read 4: 0 recorded, 4 known already, 0 refused.\n"
    assert sorted(row["facts"]["price"] for row in theirs(app)) == ["1e999", "4471.1", "4471.10", "4471.10"]

    assert "line 1: facts.price: a text is needed" in import_(log(BID | {"facts": {"price": 4471.1}}))[1]
    assert "line 1: actor: an object is needed" in import_(log(BID | {"actor": 7}))[1]
    assert "line 1: summary: a text is needed" in import_(log(BID | {"summary": 7}))[1]


# Stopped and run again


def test_stopped_between_two_chunks_it_goes_on_when_run_again(
    app: Flask, import_: Import, log: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "CHUNK", 2)
    file = log(*[ORDER | {"summary": f"Shipped the order {n}"} for n in range(7)])
    write, times = bulk.write_checked, []

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        times.append(1)
        if len(times) == 2:
            os.kill(os.getpid(), 2)
        return write(*args, **kwargs)

    with monkeypatch.context() as stopping:
        stopping.setattr(bulk, "write_checked", interrupted)
        code, said, wrong = import_(file)

    assert (code, said) == (130, "Read 4: 4 recorded, 0 known already, 0 refused.\n")
    assert wrong.endswith("Stopped. What was recorded stays: run the same command again for the rest.\n")
    assert len(theirs(app)) == 4
    assert [row["action"] for row in rows(app) if row["actor_id"] == "operator"] == [STARTED[0]]

    assert import_(file)[:2] == (0, "Read 7: 3 recorded, 4 known already, 0 refused.\n")
    assert sorted(row["summary"] for row in theirs(app)) == [f"Shipped the order {n}" for n in range(7)]


def test_list_that_breaks_off_ends_with_2_and_no_word_of_an_end(
    app: Flask, import_: Import, log: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "CHUNK", 2)
    members = [json.dumps(ORDER | {"summary": f"Shipped the order {n}"}) for n in range(5)]
    members.insert(2, '{"facts": ' * 5_000)

    code, said, wrong = import_(log(f"[{', '.join(members)}]", name="log.json"))

    assert (code, said) == (2, "Read 2: 2 recorded, 0 known already, 0 refused.\n")
    assert "cannot be read from line 1 on" in wrong
    assert "What was recorded stays" in wrong
    assert len(theirs(app)) == 2
    assert [row["action"] for row in rows(app) if row["actor_id"] == "operator"] == [STARTED[0]]

    assert import_(log(f"[{', '.join(members[:2] + members[3:])}]", name="log.json"))[1].startswith(
        "Read 5: 3 recorded"
    )


def test_database_that_goes_away_is_said(
    app: Flask, import_: Import, log: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any, **_kwargs: Any) -> Any:
        raise OperationalError("INSERT", None, Exception("gone"))

    monkeypatch.setattr(bulk, "write_checked", fail)

    code, said, wrong = import_(log(ORDER))

    assert (code, said) == (2, "Read 1: 0 recorded, 0 known already, 0 refused.\n")
    assert "The database did not answer in time." in wrong
    assert rows(app) == []


def test_chunk_and_the_entry_that_tells_of_it_go_together(
    app: Flask, import_: Import, log: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any, **_kwargs: Any) -> Any:
        raise OperationalError("INSERT", None, Exception("gone"))

    with monkeypatch.context() as broken:
        broken.setattr(loading, "record", fail)
        assert import_(log(ORDER))[0] == 2

    assert rows(app) == []


# GitHub


def github(action: str, **more: object) -> dict[str, Any]:
    """A line as GitHub exports it."""
    return {
        "@timestamp": 1740907800123,
        "_document_id": f"doc-{action}",
        "action": action,
        "actor": "hana-s",
        "actor_id": 42,
        "actor_ip": "192.0.2.10",
        "actor_is_bot": False,
        "actor_location": {"country_code": "GB"},
        "created_at": 1740907800123,
        "operation_type": "create",
        "org": "octo-org",
        "org_id": 7,
        "request_id": "E0B2:1F:99",
        "user_agent": "Mozilla/5.0",
    } | more


# The line, and the category and sentence of its entry.
GITHUB = [
    (github("repo.create", repo="octo-org/hello"), "organisation", "Created the repository octo-org/hello"),
    (
        github("repo.access", repo="octo-org/hello", visibility="private"),
        "organisation",
        "Made the repository octo-org/hello private",
    ),
    (github("org.add_member", user="tom-l"), "team", "Added tom-l to the GitHub organisation octo-org"),
    (
        github("org.update_member", user="tom-l", permission="admin", old_permission="read"),
        "team",
        "Changed the role of tom-l in octo-org to admin",
    ),
    (github("team.add_member", user="tom-l", team="o/devs"), "team", "Added tom-l to the GitHub team o/devs"),
    (github("team.add_member", _document_id="old"), "team", "Acted on GitHub: team.add_member"),
    (github("user.failed_login"), "authentication", "Could not sign in to GitHub"),
    (
        github("personal_access_token.access_granted", user_programmatic_access_name="ci"),
        "authentication",
        "Allowed the personal access token ci into octo-org",
    ),
    (github("git.clone", repo="octo-org/hello"), "data_export", "Cloned octo-org/hello"),
    (github("hook.create", events=["push"]), "organisation", "Added a webhook to the GitHub organisation octo-org"),
    (github("some.new_thing", repo="o/hello"), "organisation", "Acted on GitHub in o/hello: some.new_thing"),
    (github("repo.config.set_this"), "organisation", "Acted on GitHub: repo.config.set_this"),
]


def test_github_export(app: Flask, import_: Import, log: Callable[..., Path], signed_in_as: SignedInAs) -> None:
    file = log(*[line for line, _, _ in GITHUB])

    assert import_(file, "--mapping", "github")[:2] == (0, "Read 12: 12 recorded, 0 known already, 0 refused.\n")

    found = {row["idempotency_key"]: row for row in theirs(app)}
    for line, category, sentence in GITHUB:
        row = found[f"github:{line['_document_id']}"]
        assert (row["action"], row["category"], row["summary"]) == (f"github.{line['action']}", category, sentence)
        assert (row["actor_type"], row["actor_id"], row["actor_name"]) == ("member", "github:hana-s", "hana-s")
        assert row["occurred_at"].isoformat().startswith("2025-03-02T09:30:00.123")
        assert (row["ip"], row["request_id"]) == ("192.0.2.10", "E0B2:1F:99")
        assert row["outcome"] == ("failure" if "failed" in line["action"] else "success")
        assert row["facts"]["country"] == "GB"
    created = found["github:doc-repo.create"]
    assert (created["target_id"], created["target_url"]) == (
        "github:octo-org/hello",
        "https://github.com/octo-org/hello",
    )
    assert found["github:doc-user.failed_login"]["target_id"] is None
    page = signed_in_as("owner").get("/o/northgate/settings/audit-log?actor=member:github:hana-s")
    assert page.status == 200
    assert "Created the repository octo-org/hello" in page.text
    assert "Not a member" in page.text

    as_list = log(json.dumps([line for line, _, _ in GITHUB], indent=2), name="export.json")
    assert import_(as_list, "--mapping", "github")[:2] == (0, "Read 12: 0 recorded, 12 known already, 0 refused.\n")


def test_who_acts_on_github(app: Flask, import_: Import, log: Callable[..., Path]) -> None:
    nobody = {name: value for name, value in github("a.b", _document_id="3").items() if not name.startswith("actor")}
    lines = [
        github("a.b", _document_id="1", actor="renovate", actor_is_bot=True),
        github("a.b", _document_id="2", actor="dependabot[bot]", actor_is_bot=None),
        nobody,
        github("a.b", _document_id="4", actor_is_bot=None),
    ]

    import_(log(*lines), "--mapping", "github")

    found = sorted(theirs(app), key=lambda row: str(row["idempotency_key"]))
    assert [(row["actor_type"], row["actor_id"]) for row in found] == [
        ("system", "github:renovate"),
        ("system", "github:dependabot[bot]"),
        ("system", "github"),
        ("member", "github:hana-s"),
    ]


# What the documentation shows


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", DOCS.read_text(), re.DOTALL)


def test_documented_event_is_taken(app: Flask, import_: Import, log: Callable[..., Path]) -> None:
    (line,) = blocks("json")

    assert import_(log(line))[0] == 0
    assert theirs(app)[0]["summary"] == "Shipped the order 4471 to Osaka"


def test_documented_mapping_does_what_is_said(app: Flask, import_: Import, log: Callable[..., Path]) -> None:
    (table,), (mapping, _) = blocks("csv"), blocks("toml")

    done = import_(log(table, name="yard.csv"), "--mapping", log(mapping, name="yard.toml"))

    assert done[:2] == (0, "Read 4: 3 recorded, 0 known already, 1 ignored, 0 refused.\n")
    made = [
        f"| {row['occurred_at']:%Y-%m-%d %H:%M} | {row['actor_name']} ({row['actor_type']}:{row['actor_id']}) "
        f"| {row['action']}: {row['summary']} |"
        for row in theirs(app)
    ]
    assert made == [line for line in DOCS.read_text().splitlines() if line.startswith("| 2025-")]
    assert [row["outcome"] for row in theirs(app)] == ["success", "success", "denied"]
    assert [row["target_name"] for row in theirs(app)] == ["Lot 4471", "Lot 4471", None]


def test_documented_change_of_githubs_mapping_fits(app: Flask, import_: Import, log: Callable[..., Path]) -> None:
    _, ignoring = blocks("toml")
    shipped = (Path(loading.__file__).parent / "github.toml").read_text()
    mapping = log(shipped + "\n" + ignoring, name="mine.toml")

    done = import_(log(github("git.clone"), github("repo.create", repo="octo-org/hello")), "--mapping", mapping)

    assert done[:2] == (0, "Read 2: 1 recorded, 0 known already, 1 ignored, 0 refused.\n")


def test_actors_are_called_on_the_page_as_is_documented() -> None:
    text = DOCS.read_text()

    kinds = (actor_kinds.FORMER_MEMBER, actor_kinds.OUTSIDER, actor_kinds.SYSTEM, actor_kinds.SUPPORT)
    assert [kind.badge for kind in kinds if f"*{kind.badge}*" not in text] == []
    assert f"*{actor_kinds.UNKNOWN_PERSON.label}*" in text


def test_bounds_are_those_that_are_documented() -> None:
    text = DOCS.read_text()

    assert f"committed {loading.CHUNK} at a time" in text
    assert (f"{reading.LONGEST_CELL // 1024} KiB" in text, f"{reading.LONGEST // 1024**2} MiB" in text) == (True, True)
