"""Where trials are kept: an SQLite file that survives whatever happens to the sweep.

A trial is a row, ``(point, trial)`` its primary key, and it comes in one transaction: it is there
whole or not at all, and never twice. Trials of points that no specification asks for any more
stay where they are, and are there when one asks again.

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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from experiments.sweep.estimates import Counts
from experiments.sweep.keys import canonical
from pimsim.errors import InputError, PimsimError

APPLICATION_ID = 0x50494D53
"""``PIMS``: by which the file is known as a store."""
VERSION = 1
"""Form of the store; raised with every change."""

_MAGIC = b"SQLite format 3\0"
_VERSION_AT, _APPLICATION_AT = 60, 68  # in the header of an SQLite file: 32-bit, big-endian
_HEADER_BYTES = 100
_PATIENCE_S = 10.0

_TABLES = (
    "CREATE TABLE sweep (name TEXT NOT NULL, measure TEXT NOT NULL, seed INTEGER NOT NULL)",
    "CREATE TABLE point (point TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE trial (point TEXT NOT NULL, trial INTEGER NOT NULL, counts TEXT NOT NULL, "
    "wall_s REAL NOT NULL, PRIMARY KEY (point, trial)) WITHOUT ROWID",
)


class StoreError(PimsimError):
    """A store that cannot be read or written; what it holds is intact."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The sweep that a store belongs to."""

    name: str
    measure: str
    seed: int


class Store:
    """Trials by point."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    def open(cls, path: Path, owner: Owner, *, create: bool = True) -> Store:
        """Open the store of a sweep; make it if there is none and ``create`` says so.

        Raises :class:`~pimsim.errors.InputError`, and leaves the file as it is, if that is no
        store, is of another version, or belongs to another sweep; :class:`StoreError` if it
        cannot be read or written.
        """
        _check_header(path, create=create)
        with _explained(path):
            connection = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None)
        store = cls(path, connection)
        try:
            with _explained(path):
                store._enter(owner)
        except BaseException:
            connection.close()
            raise
        return store

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def trials(self, point: str) -> dict[int, Counts]:
        """Return what is kept of a point, by the number of the trial."""
        with _explained(self.path):
            rows = self._connection.execute(
                "SELECT trial, counts FROM trial WHERE point = ? ORDER BY trial", (point,)
            ).fetchall()
        return {trial: json.loads(counts) for trial, counts in rows}

    def add(
        self, point: str, content: Mapping[str, Any], trial: int, counts: Counts, wall_s: float
    ) -> None:
        """Keep a trial; one that is there already stays as it is.

        Args:
            point: key of the point.
            content: what the key is made of, for people.
            trial: its number.
            counts: what it counted.
            wall_s: time that it took.

        Raises :class:`StoreError` if it cannot be written; nothing of it is kept then.
        """
        row = (point, trial, canonical(dict(counts)), wall_s)
        with _explained(self.path), self._transaction():
            self._connection.execute(
                "INSERT OR IGNORE INTO point VALUES (?, ?)", (point, canonical(content))
            )
            self._connection.execute("INSERT OR IGNORE INTO trial VALUES (?, ?, ?, ?)", row)

    def _enter(self, owner: Owner) -> None:
        """Make the tables if there are none; else make sure that they are the owner's."""
        made = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not made:
            with self._transaction():
                self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self._connection.execute(f"PRAGMA user_version = {VERSION}")
                for table in _TABLES:
                    self._connection.execute(table)
                self._connection.execute("INSERT INTO sweep VALUES (?, ?, ?)", astuple(owner))
        self._check_owner(owner)
        # A log of changes where the file system has shared memory, else SQLite keeps its journal.
        self._connection.execute("PRAGMA journal_mode = WAL").fetchall()
        self._connection.execute("PRAGMA synchronous = FULL")

    def _check_owner(self, owner: Owner) -> None:
        rows = self._connection.execute("SELECT name, measure, seed FROM sweep").fetchall()
        kept = Owner(*rows[0])
        for what in ("name", "measure", "seed"):
            if getattr(kept, what) != getattr(owner, what):
                raise InputError(
                    f"{str(self.path)!r} must be of a sweep with `{what}` "
                    f"{getattr(owner, what)!r}, not {getattr(kept, what)!r}: give another --out"
                )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


def _check_header(path: Path, *, create: bool) -> None:
    """Look at the first bytes before SQLite may touch the file."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except FileNotFoundError:
        if create:
            return
        raise InputError(f"{str(path)!r} must be the store of a sweep, and is not there") from None
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror}") from error
    if not header:  # a sweep that was stopped while it made the file
        return
    application, version = (
        int.from_bytes(header[at : at + 4], "big") for at in (_APPLICATION_AT, _VERSION_AT)
    )
    if not header.startswith(_MAGIC) or application != APPLICATION_ID:
        raise InputError(f"{str(path)!r} must be the store of a sweep, and is some other file")
    if version != VERSION:
        raise InputError(
            f"{str(path)!r} must be a store of version {VERSION}, as this pimsim keeps them, "
            f"not {version}: give another --out"
        )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError, IndexError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise StoreError(
            f"{str(path)!r} cannot be used: {error}; the trials that it holds are kept"
        ) from error
