"""The store of trials: an SQLite file that stays valid if the sweep is killed.

A trial is a row with the primary key ``(point, trial)``, written in one transaction: it is stored
completely or not at all, and never twice. Each row has a digest of point, number and counts, so
damaged or edited rows are found when the store is opened. Trials of points that a specification no
longer has stay in the store, and are used if it has them again.

>>> import tempfile
>>> folder = Path(tempfile.mkdtemp())
>>> with Store.open(folder / "sweep.sqlite", Owner("demo", "tra-failure", 1)) as store:
...     store.add("ab12", {"values": {}}, 0, {"failed": 1, "samples": 10}, 0.5)
...     store.trials("ab12")
{0: {'failed': 1, 'samples': 10}}
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from experiments.sweep import rows
from experiments.sweep.measures.measure import Counts, load_measure
from experiments.sweep.points import Keys, canonical
from pimsim.documents import shown
from pimsim.errors import InputError, PimsimError, unreadable

APPLICATION_ID = 0x50494D53
"""``PIMS``: marks an SQLite file as a store."""
VERSION = 2
"""Version of the store's format, raised with every change."""
WITHOUT_DIGESTS = 1
"""The version before, without digests. It can be read, and a sweep converts it."""

_MAGIC = b"SQLite format 3\0"
_VERSION_AT, _APPLICATION_AT = 60, 68  # in the header of an SQLite file: 32-bit, big-endian
_HEADER_BYTES = 100
_PATIENCE_S = 10.0

_OTHERS = (
    "CREATE TABLE sweep (name TEXT NOT NULL, measure TEXT NOT NULL, seed INTEGER NOT NULL)",
    "CREATE TABLE point (point TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID",
)
_TRIALS = {
    version: "CREATE TABLE trial (point TEXT NOT NULL, trial INTEGER NOT NULL, "
    f"counts TEXT NOT NULL, wall_s REAL NOT NULL, {digest}PRIMARY KEY (point, trial)) WITHOUT ROWID"
    for version, digest in ((WITHOUT_DIGESTS, ""), (VERSION, "digest TEXT NOT NULL, "))
}


Kept = tuple[str, Mapping[str, Any], int, Counts, float]
"""A trial to store: key and content of its point, its number, its counts, its time in s."""


class StoreError(PimsimError):
    """The store cannot be read or written; its content is unchanged."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The sweep that a store belongs to."""

    name: str
    measure: str
    seed: int


class Store:
    """Trials by point."""

    def __init__(
        self, path: Path, connection: sqlite3.Connection, owner: Owner, version: int
    ) -> None:
        self.path = path
        self.notes: list[str] = []
        """Messages for the user about opening it, line by line."""
        self._connection = connection
        self._owner, self._version = owner, version
        self._measure = load_measure(owner.measure)
        self._contents = Keys()
        self._found: dict[str, dict[int, Counts]] | None = None
        """All trials by point, if opening the store has read them."""

    @classmethod
    def open(cls, path: Path, owner: Owner, *, create: bool = True, repair: bool = False) -> Store:
        """Open the store of a sweep; with ``create``, make it if there is none.

        The digest of every trial is checked. A trial with a wrong digest is an error; with
        ``repair`` it is dropped instead, and can be run again. With ``create``, a store of the
        version before gets digests.

        Raises :class:`~pimsim.errors.InputError`, without changing the file, if it is not a store,
        has another version, or belongs to another sweep; :class:`StoreError` if it cannot be read
        or written, or has content that no sweep has written.
        """
        version = _check_header(path, create=create)
        with _explained(path):
            connection = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None)
        store = cls(path, connection, owner, version)
        try:
            with _explained(path):
                store._enter(write=create, repair=repair)
        except BaseException:
            connection.close()
            raise
        return store

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *raised: object) -> None:
        self._connection.close()

    def trials(self, point: str) -> dict[int, Counts]:
        """Return the counts of a point's trials, by number."""
        if self._found is not None:
            return dict(self._found.get(point, {}))
        with _explained(self.path):
            return {trial.number: trial.counts for trial in self._kept(point)}

    def add(
        self, point: str, content: Mapping[str, Any], trial: int, counts: Counts, wall_s: float
    ) -> None:
        """Store a trial; a trial that is stored already is not changed.

        Args:
            point: key of the point.
            content: everything that the key is made of, for people to read.
            trial: its number.
            counts: what it counted.
            wall_s: time that it took.

        Raises :class:`StoreError` if it cannot be written; then nothing is stored.
        """
        self.add_all([(point, content, trial, counts, wall_s)])

    def add_all(self, trials: Iterable[Kept]) -> None:
        """Store several trials as :meth:`add` does, all or none."""
        points, made = [], []
        for point, content, trial, counts, wall_s in trials:
            text = canonical(dict(counts))
            points.append((point, self._contents.text(content)))
            made.append((point, trial, text, wall_s, rows.digest(point, trial, text)))
        with _explained(self.path), self._transaction():
            self._connection.executemany("INSERT OR IGNORE INTO point VALUES (?, ?)", points)
            self._connection.executemany("INSERT OR IGNORE INTO trial VALUES (?, ?, ?, ?, ?)", made)
        if self._found is not None:
            for point, trial, text, *_ in made:
                self._found.setdefault(point, {}).setdefault(trial, json.loads(text))

    def _enter(self, *, write: bool, repair: bool) -> None:
        """Make the tables if there are none; otherwise check owner and contents."""
        self._connection.execute("PRAGMA trusted_schema = OFF")
        self._connection.text_factory = lambda text: text.decode("utf-8", "replace")
        made = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not made:
            with self._transaction():
                self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self._connection.execute(f"PRAGMA user_version = {VERSION}")
                for table in (*_OTHERS, _TRIALS[VERSION]):
                    self._connection.execute(table)
                self._connection.execute("INSERT INTO sweep VALUES (?, ?, ?)", astuple(self._owner))
            self._version = VERSION
        self._check_form()
        self._check_owner()
        self._check_trials(repair=repair)
        if self._version == WITHOUT_DIGESTS:
            self._add_digests(write=write)
        # A write-ahead log if the file system has shared memory; otherwise SQLite keeps its
        # journal.
        self._connection.execute("PRAGMA journal_mode = WAL").fetchall()
        self._connection.execute("PRAGMA synchronous = FULL")

    def _check_form(self) -> None:
        """Refuse tables, views and triggers that no sweep makes, and damaged pages."""
        found = self._connection.execute(
            "SELECT substr(sql, 1, 400) FROM sqlite_master WHERE sql IS NOT NULL"
        )
        if {text for (text,) in found} != {*_OTHERS, _TRIALS[self._version]}:
            raise StoreError(
                f"{str(self.path)!r} must have the tables of a sweep and nothing else, "
                "and has others: give another --out"
            )
        sound = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if sound != "ok":
            said = " ".join(str(sound).replace("*", "").split())
            raise StoreError(f"{str(self.path)!r} is damaged ({shown(said)}): give another --out")

    def _check_owner(self) -> None:
        found = self._connection.execute("SELECT name, measure, seed FROM sweep LIMIT 2").fetchall()
        if len(found) != 1:
            raise StoreError(
                f"{str(self.path)!r} must name one sweep that it belongs to, not "
                f"{'none' if not found else 'several'}: give another --out"
            )
        for what, kept in zip(("name", "measure", "seed"), found[0], strict=True):
            if kept != getattr(self._owner, what):
                raise InputError(
                    f"{str(self.path)!r} must be of a sweep with `{what}` "
                    f"{getattr(self._owner, what)!r}, not {shown(kept)}: give another --out"
                )

    def _check_trials(self, *, repair: bool) -> None:
        """Check the digest of every trial; with ``repair``, drop those with a wrong one."""
        if not repair:
            found: dict[str, dict[int, Counts]] = {}
            for one in self._kept():
                found.setdefault(one.point, {})[one.number] = one.counts
            self._found = found
            return
        every = rows.read(self._connection, self._measure, None, digests=self._digests)
        broken = [found for found in every if isinstance(found, rows.Broken)]
        if not broken:
            self.notes.append("every trial is as it was written: there is nothing to repair")
            return
        with self._transaction():
            rows.drop_broken(self._connection, self._measure, digests=self._digests)
        self.notes += [f"dropped {one.where}, to be made again: {one.reason}" for one in broken]

    def _add_digests(self, *, write: bool) -> None:
        """Convert a store of the version before; its trials do not change."""
        if not write:
            self.notes.append(
                f"{str(self.path)!r} was written without digests: a change of its trials cannot "
                "be seen; they get digests when the sweep goes on"
            )
            return
        kept = self._connection.execute("SELECT point, trial, counts, wall_s FROM trial").fetchall()
        with self._transaction():
            self._connection.execute("DROP TABLE trial")
            self._connection.execute(_TRIALS[VERSION])
            self._connection.executemany(
                "INSERT INTO trial VALUES (?, ?, ?, ?, ?)",
                ((*row, rows.digest(*row[:3])) for row in kept),
            )
            self._connection.execute(f"PRAGMA user_version = {VERSION}")
        self._version = VERSION
        self.notes.append(
            f"{str(self.path)!r} was written without digests: its {len(kept):,} trials "
            "are taken as they are, and have digests from now on"
        )

    def _kept(self, point: str | None = None) -> Iterator[rows.Trial]:
        """Return the trials; :class:`StoreError` for the first that was damaged or edited."""
        for found in rows.read(self._connection, self._measure, point, digests=self._digests):
            if isinstance(found, rows.Broken):
                raise StoreError(
                    f"{str(self.path)!r} is damaged or was edited at {found.where}: "
                    f"{found.reason}; with --repair such trials are dropped and made again, "
                    "and all others are kept"
                )
            yield found

    @property
    def _digests(self) -> bool:
        return self._version != WITHOUT_DIGESTS

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._connection:  # this commits, or rolls back
            self._connection.execute("BEGIN IMMEDIATE")
            yield


def _check_header(path: Path, *, create: bool) -> int:
    """Check the first bytes before SQLite opens the file; return the version."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except FileNotFoundError:
        if create:
            return VERSION
        raise InputError(f"{str(path)!r} must be the store of a sweep, and is not there") from None
    except OSError as error:
        raise unreadable(path, error) from error
    if not header:  # a sweep that was stopped while it made the file
        return VERSION
    application, version = (
        int.from_bytes(header[at : at + 4], "big") for at in (_APPLICATION_AT, _VERSION_AT)
    )
    if not header.startswith(_MAGIC) or application != APPLICATION_ID:
        raise InputError(f"{str(path)!r} must be the store of a sweep, and is some other file")
    if version not in _TRIALS:
        raise InputError(
            f"{str(path)!r} must be a store of version {VERSION}, as this pimsim keeps them, "
            f"not {version}: give another --out"
        )
    return version


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreError(
            f"{str(path)!r} cannot be used: {error}; the trials that it holds are kept"
        ) from error
