"""
Leaves are never altered, by the database's own rules on SQLite too.

PostgreSQL's server has no right to. SQLite's guard of connections cannot see what INSERT OR REPLACE deletes, but a
trigger can.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

TRIGGERS = [
    """
CREATE TRIGGER leaf_is_not_changed BEFORE UPDATE ON leaf
BEGIN
    SELECT RAISE(ABORT, 'leaf: the order of entries is never changed');
END
""",
    """
CREATE TRIGGER leaf_is_not_deleted BEFORE DELETE ON leaf
WHEN NOT EXISTS (SELECT 1 FROM purge WHERE org_id = OLD.org_id AND finished_at IS NULL)
BEGIN
    SELECT RAISE(ABORT, 'leaf: the order of entries is never changed, except by a purge');
END
""",
]


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for statement in TRIGGERS:
            op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER leaf_is_not_deleted")
        op.execute("DROP TRIGGER leaf_is_not_changed")
