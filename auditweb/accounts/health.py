"""Whether the database can be worked with."""

import logging

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from auditweb.extensions import db
from auditweb.models import Organisation

log = logging.getLogger(__name__)


def database_answers() -> bool:
    """Tell whether the database answers a short query and has its tables."""
    try:
        db.session.execute(select(Organisation.id).limit(1)).first()
    except SQLAlchemyError as error:
        log.warning("the database does not answer: %s", type(error).__name__)
        db.session.rollback()
        return False
    return True
