"""`auditweb setup`, and what `auditweb serve` says where it has not been run: the ways to the first organisation."""

import click

from auditweb import database
from auditweb.accounts import first_start, listing
from auditweb.accounts.founding import RefusedError
from auditweb.cli import asking, opening
from auditweb.config import Settings

SERVER_ROLE = "auditweb_server"


@click.command()
@click.option("--name", metavar="NAME", help="What the organisation is called.")
@click.option(
    "--slug", metavar="SLUG", help="Its address: its pages begin with /o/SLUG. Made of the name if you agree."
)
@click.option("--zone", metavar="ZONE", help="Its time zone, such as Europe/London.")
@click.option("--owner", metavar="EMAIL", help="The address that its owner signs in with.")
@click.option("--owner-name", metavar="NAME", help="What its owner is called.")
@asking.PASSWORD_STDIN
@click.option(
    "--server-role",
    metavar="ROLE",
    default=SERVER_ROLE,
    show_default=True,
    help="On PostgreSQL: the role that the server connects as, for the rights that are printed.",
)
def setup(
    name: str | None,
    slug: str | None,
    zone: str | None,
    owner: str | None,
    owner_name: str | None,
    password_stdin: bool,
    server_role: str,
) -> None:
    """
    Create the first organisation and its owner.

    It works once, in a database that is made or brought up to date first. What no option says is asked for.
    """
    settings = opening.read_settings()
    if not database.is_current(settings.database_url):
        click.echo("Preparing the database")
        database.upgrade(settings.database_url)
    with opening.application(settings):
        with listing.looking_up():
            due = first_start.is_due()
        if not due:
            raise RefusedError(
                f"{first_start.OVER} More of them: auditweb org create. More people: auditweb user create."
            )
        asking.check_options(name=name, slug=slug, zone=zone, owner=owner, owner_name=owner_name)
        new = asking.for_organisation(name, slug, zone)
        email = asking.for_email(owner, option="--owner")
        person = asking.for_person(email, owner_name, place=new.name, from_stdin=password_stdin, option="--owner-name")
        first_start.by_operator(new, person)
    click.echo(f"{new.name} is set up, and {person.name} is its owner.")
    if database.normalise_url(settings.database_url).get_backend_name() == "postgresql":
        click.echo(_grants(server_role))
    click.echo(f"Next: auditweb serve, and sign in at {_site(settings)}/o/{new.slug}/settings/audit-log")


def invitation(settings: Settings) -> str:
    """Return what a server without an organisation prints: where to set it up, and the code to do so."""
    return (
        f"\nThere is no organisation yet. Set up the first one at {_site(settings)}/setup\n"
        f"with the one-time code {first_start.code(settings.secret_key)}\n"
    )


def _site(settings: Settings) -> str:
    return settings.public_url or f"http://localhost:{settings.port}"


def _grants(role: str) -> str:
    return (
        "\nLet the server connect as a role of its own, which may add entries and never change or remove them. "
        f"For the role {role} the owner of the tables executes, now and after each upgrade:\n\n"
        f"{database.grants_script(role)}\n"
    )
