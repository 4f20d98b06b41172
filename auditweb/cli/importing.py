"""`auditweb import`: entries of another log, out of a file."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from auditweb import database
from auditweb.accounts import listing
from auditweb.cli import opening
from auditweb.cli.stopping import stopping_between_steps
from auditweb.importing import loading, reading
from auditweb.importing.loading import Import, Refused
from auditweb.importing.mapping import MappingFile, read_mapping
from auditweb.importing.reading import FileError, Found
from auditweb.importing.refusals import refusal_file
from auditweb.web.foreign_text import visible_text

REFUSED, MENDABLE, STOPPED = 1, 2, 130  # how it ends, if not well

_SHOWN = 5  # of what is refused
_ENDINGS = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "ndjson"}


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--organisation", metavar="SLUG", required=True, help="The organisation whose log they go to.")
@click.option("--format", "kind", type=click.Choice(["csv", "ndjson"]), help="What FILE is, if its name does not say.")
@click.option("--mapping", metavar="FILE", help="What the lines mean: a mapping file, or github.")
@click.option("--dry-run", is_flag=True, help="Check everything and write nothing to the log.")
@click.option("--refused", type=click.Path(path_type=Path), help="A new file for the lines that are refused, and why.")
def import_entries(
    file: Path, organisation: str, kind: str | None, mapping: str | None, dry_run: bool, refused: Path | None
) -> None:
    """Take entries of another log over from FILE. Running it again adds only what is not there yet."""
    meaning = None if mapping is None else read_mapping(mapping)
    columns = _columns(file, kind, meaning)
    told: list[Refused] = []
    with ExitStack() as stack:
        found, position = stack.enter_context(reading.opened(file, columns))
        stack.enter_context(opening.application())
        org_id = listing.id_of_organisation(organisation)
        write = stack.enter_context(refusal_file(refused)) if refused else None
        stop_here = stack.enter_context(stopping_between_steps())
        show = stack.enter_context(_bar(file, position))

        def step() -> None:
            show()
            stop_here()

        def tell(each: Refused) -> None:
            if write is not None:
                write(each)
            if len(told) < _SHOWN:
                told.append(each)

        run = Import(org_id, loading.shown_name(file), meaning, tell, step, dry_run=dry_run)
        code, why = _ending(run, found)
        show()
    _report(run, told)
    if why:
        click.echo(f"auditweb: {why}", err=True)
    raise SystemExit(code)


def _ending(run: Import, found: Iterator[Found]) -> tuple[int, str]:
    """Do the work, and return the code that it ends with, and why it did not come to its end."""
    try:
        run.run(found)
    except KeyboardInterrupt:
        return STOPPED, f"Stopped. {_AGAIN}"
    except FileError as error:
        return MENDABLE, f"{error} {_AGAIN if run.tally.recorded else ''}".rstrip()
    except database.OUT_OF_REACH:
        return MENDABLE, f"The database did not answer in time. {_AGAIN}"
    return REFUSED if run.tally.refused else 0, ""


def _columns(file: Path, kind: str | None, meaning: MappingFile | None) -> list[str] | None:
    """Return the columns that the file needs if it is CSV; None if it is JSON."""
    ending = [each.lower() for each in file.suffixes if each.lower() != ".gz"][-1:]
    kind = kind or (meaning and meaning.format) or _ENDINGS.get("".join(ending))
    if kind is None:
        raise click.UsageError(f"What is {visible_text(file.name)}? Say so with --format csv or --format ndjson.")
    if kind == "ndjson":
        return None
    if meaning is None:
        raise click.UsageError("CSV needs a --mapping: it says what the columns mean.")
    return sorted(meaning.names)


@contextmanager
def _bar(file: Path, position: Callable[[], int]) -> Iterator[Callable[[], None]]:
    """Give what shows how much of the file was read, by its bytes."""
    label = f"Importing {visible_text(file.name)}"
    with click.progressbar(length=max(file.stat().st_size, 1), label=label) as bar:
        yield lambda: bar.update(position() - bar.pos)


def _report(run: Import, told: list[Refused]) -> None:
    tally = run.tally
    parts = [f"{tally.recorded:,} {'would be ' if run.dry_run else ''}recorded", f"{tally.known:,} known already"]
    if tally.ignored:
        parts.append(f"{tally.ignored:,} ignored")
    parts.append(f"{tally.refused:,} refused")
    click.echo(f"Read {tally.read:,}: {', '.join(parts)}.")
    for each in told:
        reasons = "; ".join(f"{fault.field}: {fault.reason}" if fault.field else fault.reason for fault in each.faults)
        click.echo(f"  line {each.line:,}: {visible_text(reasons)}")
    if tally.refused > len(told):
        click.echo(f"  and {tally.refused - len(told):,} more: --refused FILE has them all")


_AGAIN = "What was recorded stays: run the same command again for the rest."
