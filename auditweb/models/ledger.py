"""What the sealer keeps of each organisation's log: its order, its counts and its search index."""

from sqlalchemy import BigInteger, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from auditweb.models.base import Base


class SealQueue(Base):
    """
    A committed event that no sealer has taken yet. A trigger of the event table adds it, a sealer removes it.

    One that has a leaf already (*leaf_index*) was put back, to be counted and indexed anew.
    """

    __tablename__ = "seal_queue"

    org_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    event_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    leaf_index: Mapped[int | None] = mapped_column(BigInteger)


class LogHead(Base):
    """
    How far an organisation's log is sealed: *size* leaves. Who holds the lock of this row may seal.

    *revision* grows with everything that sealers, repairs and purges write. *mending* is 1 while a repair takes the
    counts and the search index away, to be made anew: meanwhile nobody may seal or purge, or rely on them.
    """

    __tablename__ = "log_head"

    org_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    revision: Mapped[int] = mapped_column(BigInteger)
    mending: Mapped[int] = mapped_column(BigInteger, default=0)


class Leaf(Base):
    """
    The place of an event in the order of sealing: dense from 0, in the order of commits, never altered.

    Collectors read by it: ids and times of transactions that were open for long appear late. A purged event keeps its
    place, so that nothing can be taken out unseen; only with the whole log does the order go.
    """

    __tablename__ = "leaf"

    org_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    leaf_index: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    event_id: Mapped[int] = mapped_column(BigInteger)


class Tally(Base):
    """
    How many sealed events a chain has in one month of UTC, *month* being the first id that month can have.

    A chain is all events of an organisation, those of a category, of an actor ("member:42"), or of both; an empty
    text stands for all. *last_id* is the newest of them.
    """

    __tablename__ = "tally"

    org_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    category: Mapped[str] = mapped_column(primary_key=True)
    actor: Mapped[str] = mapped_column(primary_key=True)
    month: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)
    last_id: Mapped[int] = mapped_column(BigInteger)


class Mark(Base):
    """
    The rank of one event in its chain: *n* sealed events of the chain and of the same month come before it.

    From one mark to the next it is a few hundred events at most, and so it is from the beginning of a month to the
    first and from the last to the end.
    """

    __tablename__ = "mark"

    org_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    category: Mapped[str] = mapped_column(primary_key=True)
    actor: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)


class Segment(Base):
    """
    A few thousand events that were indexed one after the other, for searching.

    *ids* are theirs, spelled as `reading/postings.py` does; *first_id* and *last_id* the least and the greatest of
    them. *size* counts places: at that of a purged event is nobody.
    """

    __tablename__ = "segment"

    org_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    first_id: Mapped[int] = mapped_column(BigInteger)
    last_id: Mapped[int] = mapped_column(BigInteger)
    size: Mapped[int] = mapped_column(BigInteger)
    ids: Mapped[bytes] = mapped_column(LargeBinary)


class Posting(Base):
    """In which places of a segment a word occurs."""

    __tablename__ = "posting"

    org_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    word: Mapped[str] = mapped_column(primary_key=True)
    segment: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    places: Mapped[bytes] = mapped_column(LargeBinary)
