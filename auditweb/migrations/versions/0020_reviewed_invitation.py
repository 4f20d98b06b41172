"""A finished review keeps which entry of an invitation was part of it, which followed from how many it had."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

_TICKED_BEFORE = (
    "SELECT min(event_id) FROM member_review_tick WHERE review_id = member_review.id AND event_id < since_id"
)


def upgrade() -> None:
    op.add_column("member_review", sa.Column("invitation_id", sa.BigInteger))
    op.execute(f"UPDATE member_review SET invitation_id = ({_TICKED_BEFORE}) WHERE finished_at IS NOT NULL")


def downgrade() -> None:
    op.drop_column("member_review", "invitation_id")
