"""
A stamp on each organisation, drawn anew when anything changes that is told of its people and keys.

Triggers draw it, so that no way of changing them can forget to; random, so that neither a rolled back change nor a
restored backup brings an old one back.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_PLACES = "UPDATE organisation SET people_stamp = {random} WHERE id IN (OLD.org_id, NEW.org_id)"
_PERSON = """
    UPDATE organisation SET people_stamp = {random} WHERE id IN (
        SELECT org_id FROM membership WHERE person_id = NEW.id UNION SELECT org_id FROM api_key WHERE maker_id = NEW.id
    )
"""

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
    f"CREATE TRIGGER person_is_stamped AFTER UPDATE OF name, email ON person BEGIN {_PERSON}; END",
]
_FUNCTION = "LANGUAGE plpgsql SET search_path = {schema}, pg_temp AS $$ BEGIN"
POSTGRESQL = [
    f"CREATE FUNCTION place_is_stamped() RETURNS trigger {_FUNCTION} {_PLACES}; RETURN NULL; END $$",
    f"CREATE FUNCTION person_is_stamped() RETURNS trigger {_FUNCTION} {_PERSON}; RETURN NULL; END $$",
    *(
        f"CREATE TRIGGER {table}_is_stamped AFTER INSERT OR UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION place_is_stamped()"
        for table in ("membership", "api_key")
    ),
    "CREATE TRIGGER person_is_stamped AFTER UPDATE OF name, email ON person "
    "FOR EACH ROW EXECUTE FUNCTION person_is_stamped()",
    # ALWAYS: also where another server's changes are taken over.
    *(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_is_stamped" for table in ("membership", "api_key", "person")),
]


def upgrade() -> None:
    op.add_column("organisation", sa.Column("people_stamp", sa.BigInteger, nullable=False, server_default="0"))
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        for statement in SQLITE:
            connection.exec_driver_sql(statement.replace("{random}", "random()"))
        return
    schema = connection.exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    for statement in POSTGRESQL:
        random = "(random() * 9007199254740991)::bigint"
        connection.exec_driver_sql(statement.replace("{schema}", schema).replace("{random}", random))


def downgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        for table in ("membership", "api_key"):
            for name in ("added", "changed", "removed"):
                op.execute(f"DROP TRIGGER {table}_{name}_is_stamped")
        op.execute("DROP TRIGGER person_is_stamped")
    else:
        op.execute("DROP FUNCTION place_is_stamped, person_is_stamped CASCADE")
    op.drop_column("organisation", "people_stamp")
