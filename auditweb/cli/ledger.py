"""`auditweb seal` and `auditweb doctor`: looking after what is kept of a log besides its entries."""

import signal
import threading

import click

from auditweb import database
from auditweb.config import Settings
from auditweb.ledger.doctor import STEPS, Doctor
from auditweb.ledger.sealer import Sealer
from auditweb.ledger.watch import watch


def seal(settings: Settings, *, forever: bool) -> None:
    """Seal what waits, showing how far it is; *forever* also what comes after, until SIGTERM or SIGINT."""
    stopping = threading.Event()
    if forever:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
    with database.patient_engine(settings.database_url) as engine:
        done = _seal(Sealer(engine), stopping)
        click.echo(f"Sealed {_entries(done)}." if done else "Everything was sealed already.")
        if forever:
            click.echo("Sealing what comes; Ctrl+C stops it.")
            watch(engine, stopping)


def examine(settings: Settings, *, repair: bool) -> bool:
    """Say whether the database and each log's ledger are sound, mend what can be, and return whether all is well."""
    with database.patient_engine(settings.database_url) as engine:
        doctor, sealer = Doctor(engine), Sealer(engine)
        dangers = doctor.find_dangers()
        for danger in dangers:
            click.echo(f"Database: {danger}")
        if not dangers:
            click.echo("Database: its settings are safe.")
        waiting = sealer.count_waiting()
        click.echo(f"Sealing: {_entries(waiting)} behind." if waiting else "Sealing: nothing waits.")
        well = not dangers
        for org_id in doctor.organisations():
            problems = _examine(doctor, org_id)
            if problems and repair:
                click.echo(f"Organisation {org_id}: counts and search index are made anew.")
                doctor.put_back(org_id)
                _seal(sealer, threading.Event())
                problems = _examine(doctor, org_id)
            well = well and not problems
        return well


def _examine(doctor: Doctor, org_id: int) -> list[str]:
    """Compare the ledger of one organisation with its entries, and say what was found."""
    sealed = doctor.count_sealed(org_id)
    with click.progressbar(length=STEPS * sealed, label=f"Examining organisation {org_id}") as bar:
        problems = doctor.examine(org_id, bar.update)
    for problem in problems:
        click.echo(f"Organisation {org_id}: {problem}")
    if not problems:
        click.echo(f"Organisation {org_id}: counts and search index agree with {_entries(sealed)} sealed.")
    return problems


def _seal(sealer: Sealer, stopping: threading.Event) -> int:
    with click.progressbar(length=sealer.count_waiting(), label="Sealing") as bar:
        return sealer.run(bar.update, stopped=stopping.is_set)


def _entries(number: int) -> str:
    return f"{number:,} {'entry' if number == 1 else 'entries'}"
