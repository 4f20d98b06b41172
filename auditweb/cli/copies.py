"""`auditweb backup`: the whole database, into a file."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from auditweb import backups
from auditweb.config import Settings


def back_up(settings: Settings, path: Path) -> None:
    """Write a backup to the new file *path*, showing how far it is."""
    _heed_sigterm()
    with _bar("Backing up", has_eta=False) as show:
        size = backups.back_up(settings.database_url, path, show)
    click.echo(f"The backup {path} is whole: {size:,} bytes.")


@contextmanager
def _bar(label: str, *, has_eta: bool = True) -> Iterator[Callable[[int, int, str], None]]:
    """
    Give what shows a bar, once something is done: how much, of how much, and at what it is.

    Without *has_eta* it does not say when it will be over: pg_dump does not tell how far it is within a table.
    """
    with ExitStack() as shown:
        bar: Any = click.progressbar(
            length=1, label=label, item_show_func=lambda doing: doing, show_eta=has_eta, update_min_steps=0
        )

        def show(done: int, of: int, doing: str) -> None:
            if not bar.entered:
                shown.enter_context(bar)
            bar.pos, bar.length = done, max(of, 1)
            bar.update(0, doing)

        yield show


def _heed_sigterm() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as to Ctrl+C: nothing half done is left
