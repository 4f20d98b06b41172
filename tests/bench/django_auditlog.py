"""
What `record()` costs, held against django-auditlog on the same engine.

Both write what happens in the demo, by turns a batch of ours and as many of theirs, each in a transaction of its own
that stays open: what is timed is writing, and no commit.

Ours is `record()` as a caller has it: what is given is checked, the sentence made, and a row written that has actor,
target, facts, address, browser and request id, with all indexes and triggers.

Theirs is an entry of a project as small as Django makes them, with the usual settings of Django and django-auditlog:
one registered model of a name and one more text, a user, and a request that has an address and an id. The entry
holds these and our sentence, as the text that changed; no facts, browser or link. It is timed in two ways:

- `log_create()`: the change is known, and handed to `LogEntry.objects.log_create`. Only an entry is written.
- `pre_save`: all that django-auditlog does when a model is saved, which is how it is used. Told by Django's signal, it
  reads the stored row, compares the fields, and then calls `log_create()`. The saving itself is not timed.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from auditweb.demo.cast import NORTHGATE
from auditweb.demo.happenings import Happening
from auditweb.models import Event
from tests.bench import recording
from tests.bench.timing import Comparison, compare
from tests.databases import Database, fresh_database
from tests.ledgers import server_engine


class Change(NamedTuple):
    """A stored row of the registered model, and the sentence to log about it."""

    thing: Any
    sentence: str


class Project(NamedTuple):
    """What is used of Django once it is set up: the registered model, the model of entries, and a signal."""

    thing: Any
    entry: Any
    pre_save: Any

    def create(self, change: Change) -> None:
        """Write the entry that `save` leads to."""
        changes = {"news": ["", change.sentence]}
        self.entry.objects.log_create(change.thing, action=self.entry.Action.UPDATE, changes=changes)

    def save(self, change: Change) -> None:
        """Have django-auditlog write an entry, by the signal that saving begins with."""
        change.thing.news = change.sentence
        self.pre_save.send(sender=self.thing, instance=change.thing, raw=False, using="default", update_fields=None)


WHOLE = "pre_save"  # which of them is what it does for a change
WAYS: dict[str, Callable[[Project, Change], None]] = {"log_create()": Project.create, WHOLE: Project.save}


def is_installed() -> bool:
    return find_spec("auditlog") is not None


def measure(way: str, engine_name: str, folder: Path, *, seconds: float) -> Comparison:
    """
    Return the time of a batch of `record()`, and that of as many entries of django-auditlog, written in one of WAYS.

    A process of its own measures them: Django is set up once in each, for one database.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_measure, way, engine_name, folder, seconds).result()


def _measure(way: str, engine_name: str, folder: Path, seconds: float) -> Comparison:
    happenings = recording.happenings()
    with (
        fresh_database(engine_name, folder) as ours,
        fresh_database(engine_name, folder) as theirs,
        server_engine(ours.url) as engine,
        Session(engine) as session,
        _project(theirs) as project,
    ):
        changes = _changes(project, happenings)
        tell = WAYS[way]
        compared = compare(
            recording.batches(happenings, lambda happening: recording.tell(session, happening)),
            recording.batches(changes, lambda change: tell(project, change)),
            seconds=seconds,
        )
        recorded, logged = session.scalar(select(func.count()).select_from(Event)), project.entry.objects.count()
        if recorded != logged:
            raise RuntimeError(f"{recorded} entries were recorded, and django-auditlog wrote {logged}")
        return compared


@contextmanager
def _project(made: Database) -> Iterator[Project]:
    """Set Django up on a database that it may add its tables to; a request is under way, and its transaction open."""
    import django
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection, models, transaction

    apps = ["django.contrib.contenttypes", "django.contrib.auth", "auditlog"]
    settings.configure(DATABASES={"default": _address(made)}, INSTALLED_APPS=apps)
    django.setup()
    from auditlog.cid import correlation_id  # these look at the settings when they are imported
    from auditlog.context import set_actor
    from auditlog.models import LogEntry
    from django.contrib.auth.models import User

    class Thing(models.Model):  # type: ignore[misc]
        name = models.TextField()
        news = models.TextField(default="")

        class Meta:
            app_label = "bench"

        def __str__(self) -> str:
            return str(self.name)

    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Thing)
    user = User.objects.create(username="maya", email="maya@northgate.example")
    correlation_id.set("5f3c09ab")
    try:
        with set_actor(user, remote_addr="203.0.113.24"), transaction.atomic():
            yield Project(Thing, LogEntry, models.signals.pre_save)
            transaction.set_rollback(True)
    finally:
        connection.close()


def _changes(project: Project, happenings: list[Happening]) -> list[Change]:
    """Return what happens as changes of rows that are stored: the target's, or else the organisation's."""
    from auditlog.registry import auditlog

    names = [happening.target.name if happening.target else NORTHGATE.name for happening in happenings]
    things = {name: project.thing.objects.create(name=name) for name in set(names)}
    auditlog.register(project.thing)
    return [
        Change(things[name], happening.action.sentence(happening.facts, name))
        for name, happening in zip(names, happenings, strict=True)
    ]


def _address(made: Database) -> dict[str, object]:
    """Return how Django is told of a database. A file of SQLite's stays in the WAL mode that it is in."""
    url = make_url(made.owner_url)
    if made.engine_name == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": url.database}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.database,
        "USER": url.username,
        "PASSWORD": url.password,
        "HOST": url.host,
        "PORT": url.port,
        "OPTIONS": dict(url.query),
    }
