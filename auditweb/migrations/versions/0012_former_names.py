"""
Names that people had before, so that they are masked like their present ones.

Of names given up until now the entries of those people tell: the whole log is read once.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_KNOWN = """
    INSERT INTO former_name (person_id, name)
    SELECT DISTINCT person.id, event.actor_name
    FROM membership
    JOIN person ON person.id = membership.person_id
    JOIN event ON event.org_id = membership.org_id
        AND event.actor_type = 'member' AND event.actor_id = CAST(person.id AS TEXT)
    WHERE event.actor_name <> person.name
"""


def upgrade() -> None:
    op.create_table(
        "former_name",
        sa.Column("person_id", sa.Integer, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("person_id", "name", name="pk_former_name"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_former_name_person_id_person"),
    )
    op.execute(_KNOWN)


def downgrade() -> None:
    op.drop_table("former_name")
