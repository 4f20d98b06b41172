"""
Runs the migrations on the connection that `database.upgrade` hands over.

`flask db migrate`, for those who write a new one, comes without a connection and takes the app's address. It leaves out
the tables of the ledger, whose migrations are written by hand.
"""

from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import Connection

from auditweb import database
from auditweb.models import Base

BY_HAND = {"event", "purge", "seal_queue", "log_head", "leaf", "tally", "mark", "segment", "posting"}


def is_compared(item: Any, name: str | None, kind: str, *_: object) -> bool:
    table = name if kind == "table" else getattr(getattr(item, "table", None), "name", None)
    return table not in BY_HAND


def run(connection: Connection) -> None:
    context.configure(
        connection=connection, target_metadata=Base.metadata, include_object=is_compared, render_as_batch=True
    )
    with context.begin_transaction():
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    url = current_app.extensions["migrate"].db.engine.url.render_as_string(hide_password=False)
    engine = database.operator_engine(url)
    with engine.begin() as own:
        run(own)
    engine.dispose()
