"""
What masked values are called in one share: a number for each, given once and kept.

A reader's page asks for the values on it. Those that nobody has seen before get their numbers in a short transaction
of their own, as a session notes its use: a slice that follows has new people in it, and no page can know them before.
"""

import hashlib
from collections.abc import Iterable, Iterator
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, Update, func, insert, select, update

from auditweb import transactions
from auditweb.extensions import db
from auditweb.models import FormerName, Membership, Person, Share, ShareAlias
from auditweb.sharing.kinds import Kind
from auditweb.sharing.masking import Names, Subject, names_of_members
from auditweb.sharing.opening import ClosedError

_Stamps = tuple[int, int]
_Place = tuple[str, str]  # a kind, and the hash of a value
_MOST_REMEMBERED = 50  # organisations
_AT_ONCE = 500  # values asked for in one question

_remembered: WeakKeyDictionary[Engine, dict[tuple[int, _Stamps], Names]] = WeakKeyDictionary()


class StoredAliases:
    """The numbers of one share. One that is not known yet is 0, until `settle` has found or given it."""

    def __init__(self, org_id: int, share_id: str) -> None:
        self._org_id = org_id
        self._share_id = share_id
        self._known: dict[_Place, int] = {}
        self._missing: dict[_Place, Subject] = {}

    def number(self, subject: Subject) -> int:
        place = (subject.kind.value, _key(subject.value))
        if (known := self._known.get(place)) is not None:
            return known
        if subject.name or place not in self._missing:
            self._missing[place] = subject
        return 0

    def settle(self) -> bool:
        """Look up or give all numbers that were asked for in vain; False if none was."""
        if not self._missing:
            return False
        self._known.update(self._find())
        self._missing = {place: subject for place, subject in self._missing.items() if place not in self._known}
        if self._missing:
            self._give()
        self._missing = {}
        return True

    def ref(self, kind: Kind, number: int) -> str | None:
        """Return the type and the id that a number stands for, if there are any."""
        theirs = ShareAlias.share_id == self._share_id, ShareAlias.kind == kind.value, ShareAlias.number == number
        return db.session.scalar(select(ShareAlias.ref).where(*theirs, ShareAlias.ref.is_not(None)).limit(1))

    def _find(self) -> dict[_Place, int]:
        rows = self._among(db.session.connection(), self._missing)
        return {(kind, key): number for kind, key, number, _ in rows}

    def _give(self) -> None:
        names = {
            place: (subject.kind.value, _key(subject.name)) for place, subject in self._missing.items() if subject.name
        }
        with transactions.writing(), db.engine.begin() as connection:
            # One at a time gives numbers in a share, and nobody in one that is over: they went with it.
            here = select(Share.id).where(Share.id == self._share_id, Share.ended_at.is_(None))
            if connection.scalar(here.with_for_update()) is None:
                raise ClosedError
            known: dict[_Place, tuple[int, str | None]] = {}
            for kind, key, number, ref in self._among(connection, [*self._missing, *names.values()]):
                known[kind, key] = number, ref
            numbers = _Numbers(connection, self._share_id)
            new: dict[_Place, tuple[int, str | None]] = {}
            for place, subject in sorted(self._missing.items(), key=lambda each: each[1].ref is None):
                if place in known:
                    continue
                number = 0
                if (name := names.get(place)) is not None:
                    if name not in known:
                        number = numbers.next(place[0])
                        new[name] = known[name] = number, subject.ref
                    elif known[name][1] is None:  # only the name was met so far
                        number = known[name][0]
                        known[name] = number, subject.ref
                        connection.execute(self._bound(name, subject.ref))
                new[place] = known[place] = number or numbers.next(place[0]), subject.ref
            if new:
                connection.execute(insert(ShareAlias), [self._row(*each) for each in new.items()])
            self._known.update({place: number for place, (number, _) in known.items()})

    def _bound(self, name: _Place, ref: str | None) -> Update:
        kind, key = name
        theirs = ShareAlias.share_id == self._share_id, ShareAlias.kind == kind, ShareAlias.key == key
        return update(ShareAlias).where(*theirs).values(ref=ref)

    def _row(self, place: _Place, given: tuple[int, str | None]) -> dict[str, object]:
        mine = {"share_id": self._share_id, "org_id": self._org_id}
        return mine | {"kind": place[0], "key": place[1], "number": given[0], "ref": given[1]}

    def _among(self, connection: Connection, places: Iterable[_Place]) -> Iterator[tuple[str, str, int, str | None]]:
        columns = select(ShareAlias.kind, ShareAlias.key, ShareAlias.number, ShareAlias.ref)
        mine = columns.where(ShareAlias.share_id == self._share_id)
        keys = sorted({key for _, key in places})
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            yield from connection.execute(mine.where(ShareAlias.key.in_(some)))


class _Numbers:
    """The numbers of a share that nobody has yet, for each kind."""

    def __init__(self, connection: Connection, share_id: str) -> None:
        last = select(ShareAlias.kind, func.max(ShareAlias.number)).where(ShareAlias.share_id == share_id)
        self._last = {row[0]: row[1] for row in connection.execute(last.group_by(ShareAlias.kind))}

    def next(self, kind: str) -> int:
        self._last[kind] = self._last.get(kind, 0) + 1
        return self._last[kind]


def names_in(org_id: int, stamps: _Stamps) -> Names:
    """
    Return the names of all who belong to an organisation or did, those they had before included.

    They are remembered until one of its *stamps* is another.
    """
    memory = _remembered.setdefault(db.engine, {})
    if (known := memory.get((org_id, stamps))) is not None:
        return known
    theirs = Membership.org_id == org_id
    now = select(Person.id, Person.name).join(Membership, Membership.person_id == Person.id).where(theirs)
    before = select(FormerName.person_id, FormerName.name).join(
        Membership, Membership.person_id == FormerName.person_id
    )
    found = names_of_members(db.session.execute(now.union_all(before.where(theirs))))
    if len(memory) >= _MOST_REMEMBERED:
        memory.clear()
    memory[org_id, stamps] = found
    return found


def _key(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()[:32]
