"""
Stamps: numbers drawn anew when anything changes that is told of people and keys.

An organisation's own stamp changes with its memberships and keys, the one in `directory` with anybody's name or
address. Names have one of their own, and not each organisation of the person another, because a transaction that
renames someone and one that makes them a member do not see each other, and locking many rows is how deadlocks begin.

Triggers draw them, so that no way of changing people can forget to; random, so that neither a change taken back nor a
restored backup brings an old one back.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_PLACES = "UPDATE organisation SET people_stamp = {random} WHERE id IN (OLD.org_id, NEW.org_id)"
_NAMES = "UPDATE directory SET names_stamp = {random}"
_IS_NEW_NAME = "OLD.name IS DISTINCT FROM NEW.name OR OLD.email IS DISTINCT FROM NEW.email"

SQLITE = [
    *(
        f"CREATE TRIGGER {table}_{name}_is_stamped AFTER {event} ON {table} BEGIN {statement}; END"
        for table in ("membership", "api_key")
        for name, event, statement in (
            ("added", "INSERT", _PLACES.replace("OLD.org_id, ", "")),
            ("changed", "UPDATE", _PLACES),
            ("removed", "DELETE", _PLACES.replace(", NEW.org_id", "")),
        )
    ),
    f"CREATE TRIGGER person_changed_is_stamped AFTER UPDATE OF name, email ON person WHEN {_IS_NEW_NAME} "
    f"BEGIN {_NAMES}; END",
    f"CREATE TRIGGER person_replaced_is_stamped AFTER INSERT ON person BEGIN {_NAMES}; END",  # INSERT OR REPLACE
]
_FUNCTION = "RETURNS trigger LANGUAGE plpgsql SET search_path = {schema}, pg_temp AS $$ BEGIN"
POSTGRESQL = [
    f"CREATE FUNCTION place_is_stamped() {_FUNCTION} {_PLACES}; RETURN NULL; END $$",
    f"CREATE FUNCTION name_is_stamped() {_FUNCTION} {_NAMES}; RETURN NULL; END $$",
    *(
        f"CREATE TRIGGER {table}_is_stamped AFTER INSERT OR UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION place_is_stamped()"
        for table in ("membership", "api_key")
    ),
    "CREATE TRIGGER person_is_stamped AFTER UPDATE OF name, email ON person "
    f"FOR EACH ROW WHEN ({_IS_NEW_NAME}) EXECUTE FUNCTION name_is_stamped()",
    # ALWAYS: also where another server's changes are taken over.
    *(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_is_stamped" for table in ("membership", "api_key", "person")),
]


def upgrade() -> None:
    op.add_column("organisation", sa.Column("people_stamp", sa.BigInteger, nullable=False, server_default="0"))
    op.create_table(
        "directory",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("names_stamp", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_directory"),
    )
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        schema, random, statements = "", "random()", SQLITE
    else:
        schema = connection.exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
        random, statements = "(random() * 9007199254740991)::bigint", POSTGRESQL
    first = [
        "INSERT INTO directory (id, names_stamp) VALUES (1, {random})",
        "UPDATE organisation SET people_stamp = {random}",
    ]
    for statement in first + statements:
        connection.exec_driver_sql(statement.replace("{schema}", schema).replace("{random}", random))


def downgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        for table in ("membership", "api_key"):
            for name in ("added", "changed", "removed"):
                op.execute(f"DROP TRIGGER {table}_{name}_is_stamped")
        for name in ("changed", "replaced"):
            op.execute(f"DROP TRIGGER person_{name}_is_stamped")
    else:
        op.execute("DROP FUNCTION place_is_stamped, name_is_stamped CASCADE")
    op.drop_table("directory")
    op.drop_column("organisation", "people_stamp")
