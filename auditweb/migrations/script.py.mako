"""
${message}.

A migration is frozen: it imports nothing of the application. There is no way down, since that would be a way to lose
entries: restore a backup instead.
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
