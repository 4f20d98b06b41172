"""
Events, which are written once, and purges, the one way out of them.

Written by hand for each engine, since the schema itself is what keeps the log honest: see the triggers.
"""

from alembic import op

from auditweb import partitions

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

CATEGORIES = (
    "'organisation', 'team', 'authentication', 'vehicles', 'customers', 'documents', 'shipments', 'suppliers', "
    "'data_export'"
)
ACTORS = "'member', 'system', 'api_key', 'support', 'anonymous'"

CHECKS = f"""
    CONSTRAINT ck_event_id CHECK (id >= 0),
    CONSTRAINT ck_event_org_id CHECK (org_id > 0),
    CONSTRAINT ck_event_actor_id CHECK (actor_id <> ''),
    CONSTRAINT ck_event_category CHECK (category IN ({CATEGORIES})),
    CONSTRAINT ck_event_actor_type CHECK (actor_type IN ({ACTORS})),
    CONSTRAINT ck_event_via CHECK (
        (via_type IN ({ACTORS}) AND via_id IS NOT NULL AND via_name IS NOT NULL)
        OR (via_type IS NULL AND via_id IS NULL AND via_name IS NULL)
    ),
    CONSTRAINT ck_event_target CHECK (
        (target_type IS NOT NULL AND target_id IS NOT NULL AND target_name IS NOT NULL)
        OR (target_type IS NULL AND target_id IS NULL AND target_name IS NULL AND target_url IS NULL)
    ),
    CONSTRAINT ck_event_outcome CHECK (outcome IN ('success', 'failure', 'denied'))
"""

# STRICT holds SQLite to the types. Its indexes end with the rowid, which is the id, so they need not name it.
SQLITE = [
    f"""
CREATE TABLE event (
    org_id INTEGER NOT NULL,
    id INTEGER PRIMARY KEY,
    occurred_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    category TEXT NOT NULL,
    action TEXT NOT NULL,
    summary TEXT NOT NULL,
    facts TEXT NOT NULL CONSTRAINT ck_event_facts CHECK (json_valid(facts) AND json_type(facts) = 'object'),
    actor_type TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    via_type TEXT,
    via_id TEXT,
    via_name TEXT,
    target_type TEXT,
    target_id TEXT,
    target_name TEXT,
    target_url TEXT,
    ip TEXT,
    user_agent TEXT,
    request_id TEXT,
    outcome TEXT NOT NULL,
    idempotency_key TEXT,
    -- The id is made from the time of occurrence: milliseconds since 2000, which is 946684800 seconds after 1970.
    CONSTRAINT ck_event_occurred_at CHECK (id >> 22 = occurred_at / 1000 - 946684800000),
    CONSTRAINT ck_event_recorded_at CHECK (recorded_at / 1000 - 946684800000 BETWEEN 0 AND (1 << 41) - 1),
    {CHECKS}
) STRICT
""",
    "CREATE INDEX ix_event_org ON event (org_id)",
    "CREATE INDEX ix_event_category ON event (org_id, category)",
    "CREATE INDEX ix_event_actor ON event (org_id, actor_type, actor_id)",
    "CREATE INDEX ix_event_actor_category ON event (org_id, actor_type, actor_id, category)",
    "CREATE INDEX ix_event_target ON event (org_id, target_type, target_id) WHERE target_id IS NOT NULL",
    "CREATE INDEX ix_event_action ON event (org_id, action)",
    "CREATE INDEX ix_event_outcome ON event (org_id, outcome) WHERE outcome <> 'success'",
    "CREATE UNIQUE INDEX uq_event_idempotency_key ON event (org_id, idempotency_key) WHERE idempotency_key IS NOT NULL",
    # What ANALYZE would find in a big log: rows in all, then rows for each value of the first column, the first two,
    # and so on. Without it SQLite guesses, and walks a whole month where a filter matches ten entries of it.
    "ANALYZE",
    """
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('event', 'ix_event_org', '1000000 200000'),
    ('event', 'ix_event_category', '1000000 200000 25000'),
    ('event', 'ix_event_actor', '1000000 200000 60000 10000'),
    ('event', 'ix_event_actor_category', '1000000 200000 60000 10000 2000'),
    ('event', 'ix_event_target', '800000 160000 100000 10'),
    ('event', 'ix_event_action', '1000000 200000 2000'),
    ('event', 'ix_event_outcome', '10000 2000 1000'),
    ('event', 'uq_event_idempotency_key', '100000 20000 1')
""",
    """
CREATE TABLE purge (
    id INTEGER PRIMARY KEY CONSTRAINT ck_purge_id CHECK (id > 0),
    org_id INTEGER NOT NULL,
    up_to_id INTEGER NOT NULL,
    who TEXT NOT NULL CONSTRAINT ck_purge_who CHECK (trim(who) <> ''),
    why TEXT NOT NULL CONSTRAINT ck_purge_why CHECK (trim(why) <> ''),
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    -- While a purge is unfinished it refers to a row that cannot exist; a deferred key is checked at commit.
    unfinished INTEGER GENERATED ALWAYS AS (CASE WHEN finished_at IS NULL THEN -1 END) STORED
        CONSTRAINT purge_must_be_finished_before_commit REFERENCES purge (id) DEFERRABLE INITIALLY DEFERRED
) STRICT
""",
    "CREATE INDEX ix_purge_unfinished ON purge (org_id) WHERE finished_at IS NULL",
    # INSERT OR REPLACE deletes the old row without a delete trigger, and a missing id would be made up.
    """
CREATE TRIGGER event_is_added BEFORE INSERT ON event
WHEN NEW.id < 0
    OR EXISTS (SELECT 1 FROM event WHERE id = NEW.id)
    OR (
        NEW.idempotency_key IS NOT NULL
        AND EXISTS (SELECT 1 FROM event WHERE org_id = NEW.org_id AND idempotency_key = NEW.idempotency_key)
    )
BEGIN
    SELECT RAISE(ABORT, 'event: an entry is added once, with an id and an idempotency key that no other has');
END
""",
    """
CREATE TRIGGER event_is_not_changed BEFORE UPDATE ON event
BEGIN
    SELECT RAISE(ABORT, 'event: what is recorded is never changed');
END
""",
    """
CREATE TRIGGER event_is_not_deleted BEFORE DELETE ON event
WHEN NOT EXISTS (
    SELECT 1 FROM purge WHERE org_id = OLD.org_id AND up_to_id >= OLD.id AND finished_at IS NULL
)
BEGIN
    SELECT RAISE(ABORT, 'event: what is recorded is never deleted, except by a purge that covers it');
END
""",
    # Without foreign keys (a setting that cannot change within a transaction) nothing would make a purge finish.
    """
CREATE TRIGGER purge_is_added BEFORE INSERT ON purge
WHEN NEW.finished_at IS NOT NULL
    OR (SELECT foreign_keys FROM pragma_foreign_keys) = 0
    OR EXISTS (SELECT 1 FROM purge WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'purge: a new purge begins unfinished, on a connection with foreign keys on');
END
""",
    """
CREATE TRIGGER purge_is_only_finished BEFORE UPDATE ON purge
WHEN OLD.finished_at IS NOT NULL OR NEW.finished_at IS NULL
    OR NEW.id <> OLD.id OR NEW.org_id <> OLD.org_id OR NEW.up_to_id <> OLD.up_to_id
    OR NEW.who <> OLD.who OR NEW.why <> OLD.why OR NEW.started_at <> OLD.started_at
BEGIN
    SELECT RAISE(ABORT, 'purge: a purge is finished once and otherwise never changed');
END
""",
    """
CREATE TRIGGER purge_is_not_deleted BEFORE DELETE ON purge
BEGIN
    SELECT RAISE(ABORT, 'purge: the record of a purge is never deleted');
END
""",
]

# Slugs and ids are compared byte by byte (COLLATE "C"): faster, and the same whatever the server's language.
POSTGRESQL = [
    f"""
CREATE TABLE event (
    org_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    occurred_at TIMESTAMPTZ NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    category TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    summary TEXT NOT NULL,
    facts JSON NOT NULL,
    actor_type TEXT COLLATE "C" NOT NULL,
    actor_id TEXT COLLATE "C" NOT NULL,
    actor_name TEXT NOT NULL,
    via_type TEXT COLLATE "C",
    via_id TEXT COLLATE "C",
    via_name TEXT,
    target_type TEXT COLLATE "C",
    target_id TEXT COLLATE "C",
    target_name TEXT,
    target_url TEXT,
    ip TEXT,
    user_agent TEXT,
    request_id TEXT,
    outcome TEXT COLLATE "C" NOT NULL,
    idempotency_key TEXT COLLATE "C",
    CONSTRAINT pk_event PRIMARY KEY (org_id, id),
    -- The id is made from the time of occurrence: milliseconds since 2000, which is 946684800 seconds after 1970.
    CONSTRAINT ck_event_occurred_at CHECK (id >> 22 = floor(extract(epoch FROM occurred_at) * 1000) - 946684800000),
    CONSTRAINT ck_event_recorded_at CHECK (recorded_at >= '2000-01-01Z' AND recorded_at < '2069-01-01Z'),
    CONSTRAINT ck_event_facts CHECK (json_typeof(facts) = 'object'),
    {CHECKS}
) {{cut}}
""",
    "CREATE INDEX ix_event_category ON event (org_id, category, id)",
    "CREATE INDEX ix_event_actor ON event (org_id, actor_type, actor_id, id)",
    "CREATE INDEX ix_event_actor_category ON event (org_id, actor_type, actor_id, category, id)",
    "CREATE INDEX ix_event_target ON event (org_id, target_type, target_id, id) WHERE target_id IS NOT NULL",
    "CREATE INDEX ix_event_action ON event (org_id, action, id)",
    "CREATE INDEX ix_event_outcome ON event (org_id, outcome, id) WHERE outcome <> 'success'",
    "CREATE UNIQUE INDEX uq_event_idempotency_key ON event (org_id, idempotency_key) WHERE idempotency_key IS NOT NULL",
    """
CREATE TABLE purge (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY CONSTRAINT pk_purge PRIMARY KEY CONSTRAINT ck_purge_id CHECK (id > 0),
    org_id BIGINT NOT NULL,
    up_to_id BIGINT NOT NULL,
    who TEXT NOT NULL CONSTRAINT ck_purge_who CHECK (trim(who) <> ''),
    why TEXT NOT NULL CONSTRAINT ck_purge_why CHECK (trim(why) <> ''),
    started_at TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ,
    -- While a purge is unfinished it refers to a row that cannot exist; a deferred key is checked at commit.
    unfinished BIGINT GENERATED ALWAYS AS (CASE WHEN finished_at IS NULL THEN -1 END) STORED
        CONSTRAINT purge_must_be_finished_before_commit REFERENCES purge (id) DEFERRABLE INITIALLY DEFERRED
)
""",
    "CREATE INDEX ix_purge_unfinished ON purge (org_id) WHERE finished_at IS NULL",
    # The function looks at the real purges, whatever a session's search_path or temporary tables would show it.
    """
CREATE FUNCTION event_is_kept() RETURNS trigger LANGUAGE plpgsql SET search_path = {schema}, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM 1 FROM purge
            WHERE org_id = OLD.org_id AND up_to_id >= OLD.id AND finished_at IS NULL;
        IF FOUND THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'event: what is recorded is never deleted, except by a purge that covers it'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RAISE EXCEPTION 'event: what is recorded is never changed' USING ERRCODE = 'integrity_constraint_violation';
END
$$
""",
    """
CREATE FUNCTION purge_is_kept() RETURNS trigger LANGUAGE plpgsql SET search_path = {schema}, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.finished_at IS NULL THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL
        AND (NEW.id, NEW.org_id, NEW.up_to_id, NEW.who, NEW.why, NEW.started_at)
            = (OLD.id, OLD.org_id, OLD.up_to_id, OLD.who, OLD.why, OLD.started_at)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'purge: a purge begins unfinished, is finished once and otherwise never changed'
        USING ERRCODE = 'integrity_constraint_violation';
END
$$
""",
    """
CREATE TRIGGER event_is_kept BEFORE UPDATE OR DELETE ON event
    FOR EACH ROW EXECUTE FUNCTION event_is_kept()
""",
    """
CREATE TRIGGER event_is_not_truncated BEFORE TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION event_is_kept()
""",
    """
CREATE TRIGGER purge_is_kept BEFORE INSERT OR UPDATE OR DELETE ON purge
    FOR EACH ROW EXECUTE FUNCTION purge_is_kept()
""",
    """
CREATE TRIGGER purge_is_not_truncated BEFORE TRUNCATE ON purge
    FOR EACH STATEMENT EXECUTE FUNCTION purge_is_kept()
""",
    # ALWAYS: session_replication_role does not switch them off.
    "ALTER TABLE event ENABLE ALWAYS TRIGGER event_is_kept",
    "ALTER TABLE event ENABLE ALWAYS TRIGGER event_is_not_truncated",
    "ALTER TABLE purge ENABLE ALWAYS TRIGGER purge_is_kept",
    "ALTER TABLE purge ENABLE ALWAYS TRIGGER purge_is_not_truncated",
]


# What partitions do not get from their table: triggers for each statement, and that all fire ALWAYS.
PARTITION = [
    "CREATE TRIGGER event_is_not_truncated BEFORE TRUNCATE ON {part} "
    "FOR EACH STATEMENT EXECUTE FUNCTION event_is_kept()",
    "ALTER TABLE {part} ENABLE ALWAYS TRIGGER event_is_kept",
    "ALTER TABLE {part} ENABLE ALWAYS TRIGGER event_is_not_truncated",
]


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        for statement in SQLITE:
            connection.exec_driver_sql(statement)
        return
    schema = connection.exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    config = op.get_context().config
    number = config.attributes.get("partitions", 0) if config else 0
    for statement in POSTGRESQL:
        connection.exec_driver_sql(statement.replace("{schema}", schema).replace("{cut}", partitions.clause(number)))
    for statement in partitions.creation("event", number):
        connection.exec_driver_sql(statement)
    for part in partitions.names("event", number):
        for statement in PARTITION:
            connection.exec_driver_sql(statement.replace("{part}", part))
