"""
What the sealer keeps: the order in which entries were committed, how many there are, and where their words occur.

A trigger puts every new entry on a queue, so that no way of writing one, raw SQL and COPY included, can miss it. The
entries that are there already are put on it here; the first sealer takes them in.
"""

from collections.abc import Iterable, Iterator

from alembic import op
from sqlalchemy import Connection

from auditweb import partitions

revision = "0005"
down_revision = "0004"

TABLES = """
CREATE TABLE seal_queue (
    org_id BIGINT NOT NULL,
    event_id BIGINT NOT NULL,
    leaf_index BIGINT,
    CONSTRAINT pk_seal_queue PRIMARY KEY (org_id, event_id)
) {organised};

CREATE TABLE log_head (
    org_id BIGINT NOT NULL,
    size BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    mending BIGINT NOT NULL,
    CONSTRAINT pk_log_head PRIMARY KEY (org_id)
) {organised};

CREATE TABLE leaf (
    org_id BIGINT NOT NULL,
    leaf_index BIGINT NOT NULL,
    event_id BIGINT NOT NULL,
    CONSTRAINT pk_leaf PRIMARY KEY (org_id, leaf_index)
) {organised};

CREATE TABLE tally (
    org_id BIGINT NOT NULL,
    category {text} NOT NULL,
    actor {text} NOT NULL,
    month BIGINT NOT NULL,
    n BIGINT NOT NULL,
    last_id BIGINT NOT NULL,
    CONSTRAINT pk_tally PRIMARY KEY (org_id, category, actor, month)
) {organised};

CREATE TABLE mark (
    org_id BIGINT NOT NULL,
    category {text} NOT NULL,
    actor {text} NOT NULL,
    id BIGINT NOT NULL,
    n BIGINT NOT NULL,
    CONSTRAINT pk_mark PRIMARY KEY (org_id, category, actor, id)
) {organised};

CREATE TABLE segment (
    org_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    first_id BIGINT NOT NULL,
    last_id BIGINT NOT NULL,
    size BIGINT NOT NULL,
    ids {bytes} NOT NULL,
    CONSTRAINT pk_segment PRIMARY KEY (org_id, number)
) {rowed};

CREATE TABLE posting (
    org_id BIGINT NOT NULL,
    word {text} NOT NULL,
    segment BIGINT NOT NULL,
    places {bytes} NOT NULL,
    CONSTRAINT pk_posting PRIMARY KEY (org_id, word, segment)
) {organised};

CREATE INDEX ix_segment_first_id ON segment (org_id, first_id, last_id, number, size);

CREATE INDEX ix_segment_last_id ON segment (org_id, last_id, first_id, number, size)
"""

_SQLITE = {"text": "TEXT", "bytes": "BLOB", "organised": "STRICT, WITHOUT ROWID", "rowed": "STRICT"}
_POSTGRESQL = {"text": 'TEXT COLLATE "C"', "bytes": "BYTEA", "organised": "{cut}", "rowed": "{cut}"}

QUEUED_ON_SQLITE = """
CREATE TRIGGER event_is_queued AFTER INSERT ON event
BEGIN
    INSERT INTO seal_queue (org_id, event_id) VALUES (NEW.org_id, NEW.id);
END
"""

# One call a statement, however many entries it brings. ALWAYS: also where another server's changes are taken over.
QUEUED_ON_POSTGRESQL = [
    """
CREATE FUNCTION event_is_queued() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO {schema}.seal_queue (org_id, event_id) SELECT org_id, id FROM fresh ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$
""",
    """
CREATE TRIGGER event_is_queued AFTER INSERT ON {table}
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION event_is_queued()
""",
    "ALTER TABLE {table} ENABLE ALWAYS TRIGGER event_is_queued",
]


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        statements: Iterable[str] = [
            *TABLES.format(**_SQLITE).replace("BIGINT", "INTEGER").split(";\n"),
            QUEUED_ON_SQLITE,
        ]
    else:
        statements = _on_postgresql(connection)
    for statement in statements:
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql("INSERT INTO seal_queue (org_id, event_id) SELECT org_id, id FROM event")


def _on_postgresql(connection: Connection) -> Iterator[str]:
    number = partitions.count(connection)
    schema = connection.exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    yield from TABLES.format(**_POSTGRESQL).replace("{cut}", partitions.clause(number)).split(";\n")
    for table in partitions.TABLES:
        if table != "event":
            yield from partitions.creation(table, number)
    function, *triggers = QUEUED_ON_POSTGRESQL
    yield function.replace("{schema}", schema)
    # A partition that is written to directly calls its own trigger and not its table's.
    for table in ("event", *partitions.names("event", number)):
        for statement in triggers:
            yield statement.replace("{table}", table)


def downgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        op.execute("DROP TRIGGER event_is_queued")
    else:
        op.execute("DROP FUNCTION event_is_queued CASCADE")
    for table in ("posting", "segment", "mark", "tally", "leaf", "log_head", "seal_queue"):
        op.drop_table(table)
