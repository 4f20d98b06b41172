"""`auditweb check-export`: whether a file that was exported is whole and unchanged."""

from pathlib import Path

import click

from auditweb.exports.check import check, digest_of
from auditweb.hidden_characters import visible_text


def check_export(path: Path) -> bool:
    """Say what is in an export, and what is wrong with it; return whether nothing is."""
    found = check(path)
    file = visible_text(str(path))
    if found.problems:
        click.echo(f"{file} is not whole and unchanged.", err=True)
        for problem in found.problems:
            click.echo(f"- {visible_text(problem)}", err=True)
        return False
    told = f"{found.entries:,} {'entry' if found.entries == 1 else 'entries'} of {found.organisation}: {found.filter}"
    since = visible_text(f"{found.made_by} exported it ({found.made_at})")
    click.echo(f"{file} is whole, and as its manifest says: {since}.")
    click.echo(visible_text(told))
    click.echo(f"SHA-256 of the file: {digest_of(path)}")
    click.echo(
        "How many entries there are, the first, the last and every byte of them are held against the manifest. Of whom "
        "they are, which filter found them, who exported them and when, only the manifest tells."
    )
    click.echo(
        "Somebody who changed the entries and their manifest is found out by the log alone: if this was prepared in "
        "the background, compare that with the details of “Finished the export …”."
    )
    return True
