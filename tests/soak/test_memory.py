"""One worker under mixed load: reading, searching, jumping and recording do not make it grow."""

import random
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from sqlalchemy.orm import Session

from auditweb import catalogue, ids
from auditweb.app import create_app
from auditweb.bulk import record_many
from auditweb.config import Settings
from auditweb.extensions import db
from auditweb.ledger.sealer import Sealer
from auditweb.parties import Actor, ActorType, Target
from tests.databases import Database
from tests.ledgers import NOON, a_bid, server_engine
from tests.readers import add_organisation, add_person, hash_cheaply, join, open_session
from tests.servers import LiveServer, serve

Rounds = Callable[[int, int], int]

SECRET = "m" * 32
WARM, GROWTH = 1 / 3, 1.1  # of the time, before which caches fill; what it may take more after that than before
PAUSE = 0.02  # seconds from one request to the next: the load of a large organisation's admins all at once
WORDS = ["honda", "stepwgn", "toyota", "2020", "spada", "sato", "lot", "updated", "raised"]


def test_a_worker_does_not_grow(fresh: Database, tmp_path: Path, rounds: Rounds, pytestconfig: pytest.Config) -> None:
    """An hour of it, when run at full length: pages, searches that differ, jumps, details, and ten entries a second."""
    entries = rounds(6_000, 20_000)
    cookie = _fill(fresh, tmp_path, entries)
    chance = random.Random(5)
    settings = {"AUDITWEB_WORKERS": "1", "AUDITWEB_SECRET_KEY": SECRET}
    sizes: list[int] = []
    answers: dict[int, int] = {}
    with serve(fresh.url, tmp_path, settings=settings) as server, server_engine(fresh.url) as engine:
        worker = _worker_of(server)
        began, seconds = time.monotonic(), rounds(12, 3600)
        for number, address in enumerate(_addresses(chance, entries)):
            if time.monotonic() > began + seconds:
                break
            asked = Request(server.url + address, headers={"Cookie": cookie, "HX-Request": "true"})
            with urlopen(asked, timeout=30) as answer:
                answer.read()
                answers[answer.status] = answers.get(answer.status, 0) + 1
            if number % 5 == 0:
                with Session(engine) as session, session.begin():
                    a_bid(session, facts={"lot": f"{chance.random()}"})
            if number % 10 == 0:
                sizes.append(_resident(worker))
            time.sleep(PAUSE)
        assert _worker_of(server) == worker  # the one there was at the beginning
    warm = int(len(sizes) * WARM)
    before, after = max(sizes[:warm]), max(sizes[warm:])
    told = f"{fresh.engine_name}: {sum(answers.values())} requests in {seconds} s"
    pytestconfig.get_terminal_writer().line(f"{told}, {before >> 20} MB at first, then {after >> 20} MB")
    assert set(answers) <= {200, 204}
    assert after < before * GROWTH


def _fill(fresh: Database, folder: Path, entries: int) -> str:
    """Make an organisation with entries, and return the cookie of one who may read them."""
    hash_cheaply()
    app = create_app(Settings(data_dir=folder, database_url=fresh.url, secret_key=SECRET))
    place = add_organisation(app, "northgate", "Northgate")
    ines = add_person(app, "Ines Ferreira")
    join(app, place, ines, "owner")
    with server_engine(fresh.url) as engine, Session(engine) as session:
        record_many((_event(number) for number in range(entries)), org_id=place.id, session=session)
        session.commit()
        Sealer(engine).run()  # while thousands wait, pages far back have no number, and the way to one is refused
    cookie = open_session(app, app.test_client(), ines).cookie() or ""
    with app.app_context():
        db.engine.dispose()
    return f"auditweb={cookie}"


def _event(number: int) -> dict[str, object]:
    return {
        "action": catalogue.VEHICLE_UPDATED,
        "actor": Actor(ActorType.MEMBER, f"m{number % 40}", f"Member {number % 40}"),
        "target": Target("vehicle", f"v{number % 999}", f"2020 Honda Stepwgn Spada {number % 999}"),
        "occurred_at": NOON - timedelta(minutes=number * 20),
    }


def _addresses(chance: random.Random, entries: int) -> Iterator[str]:
    log = "/o/northgate/settings/audit-log"
    while True:
        day = (NOON - timedelta(days=chance.randrange(270))).date()
        place = ids.to_text(ids.first_id_at(NOON - timedelta(minutes=chance.randrange(entries * 20))))
        questions: list[dict[str, object]] = [
            {},
            {"category": chance.choice(list(catalogue.Category)).value},
            {"actor": f"member:m{chance.randrange(40)}"},
            {"before": place},
            {"from": day, "to": day, "tz": chance.choice(["Asia/Tokyo", "Europe/London", "Asia/Kathmandu"])},
            {"q": f"{chance.choice(WORDS)} {chance.choice(WORDS)}"},
            {"q": f'"{chance.choice(WORDS)} {chance.randrange(10**6)}"'},
            {"q": f"{chance.choice(WORDS)[:3]}* -{chance.randrange(999)}"},
        ]
        yield f"{log}?{urlencode(chance.choice(questions), safe=':/')}"
        yield f"{log}/go?page={chance.randrange(1, entries // 50)}"
        yield f"{log}/new?after={place}"
        yield f"{log}/actors?name={chance.randrange(40)}"


def _worker_of(server: LiveServer) -> int:
    pid = server.process.pid
    (worker,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(worker)


def _resident(pid: int) -> int:
    """Return the bytes of memory that a process has."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096
