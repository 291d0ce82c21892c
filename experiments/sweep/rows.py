"""Reads rows of a store and checks each; a store may come from an untrusted source.

>>> digest("ab12", 0, '{"failed":1,"samples":10}')[:12]
'bbdc7cf79e83'
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from experiments.sweep.measures.measure import Counts, Measure
from experiments.sweep.points import canonical
from pimsim.documents import json_value, shown
from pimsim.errors import InputError

_MOST_BYTES = 4096
"""Longest key, counts or digest, in bytes; a sweep writes about a hundred."""
_MOST_TRIALS = 2**31

# A value of another type than a sweep writes is read as NULL. Texts are read as bytes, because they
# may not be valid text.
_PARTS = (
    "CASE typeof(point) WHEN 'text' THEN CAST(point AS BLOB) END",
    "CASE typeof(trial) WHEN 'integer' THEN trial END",
    "CASE typeof(counts) WHEN 'text' THEN CAST(counts AS BLOB) END",
    "typeof(wall_s) = 'real' AND wall_s >= 0",
)
_DIGEST = "CASE typeof(digest) WHEN 'text' THEN CAST(digest AS BLOB) END"


@dataclass(frozen=True, slots=True)
class Trial:
    """A valid row."""

    point: str
    number: int
    counts: Counts


@dataclass(frozen=True, slots=True)
class Broken:
    """An invalid row."""

    where: str
    """Which row it is."""
    reason: str


def digest(point: str, trial: int, counts: str) -> str:
    """Return the digest stored with a trial: SHA-256 of point, number and counts."""
    return hashlib.sha256(canonical([point, trial, counts]).encode("ascii")).hexdigest()


def read(
    connection: sqlite3.Connection, measure: Measure, point: str | None, *, digests: bool
) -> Iterator[Trial | Broken]:
    """Yield the trials of a point, or all, in order; ``digests``: whether rows have digests."""
    where, which = ("", ()) if point is None else ("WHERE point = ?", (point,))
    parts = ", ".join((*_PARTS, _DIGEST) if digests else _PARTS)
    for row in connection.execute(
        f"SELECT {parts} FROM trial {where} ORDER BY point, trial", which
    ):
        yield _judged(measure, *row)


def drop_broken(connection: sqlite3.Connection, measure: Measure, *, digests: bool) -> None:
    """Delete every row that :func:`read` finds broken."""
    parts = (*_PARTS, _DIGEST) if digests else _PARTS
    connection.create_function(
        "broken", len(parts), lambda *row: isinstance(_judged(measure, *row), Broken)
    )
    connection.execute(f"DELETE FROM trial WHERE broken({', '.join(parts)})")


def _judged(
    measure: Measure,
    point: bytes | None,
    number: int | None,
    counts: bytes | None,
    timed: int | None,
    *stated: bytes | None,
) -> Trial | Broken:
    """Return the row, or what is wrong with it; ``stated`` is its digest, if rows have digests."""
    key, text = _text(point), _text(counts)
    where = f"trial {shown(number)} of point {shown(key)}"
    if key is None or number is None or not 0 <= number < _MOST_TRIALS:
        return Broken(where, "it has no key that a sweep gives")
    if text is None or not timed:
        return Broken(where, "its counts or its time are not of the type that a sweep writes")
    if stated and _text(stated[0]) != digest(key, number, text):
        return Broken(where, f"its counts {shown(text)} do not have the digest that stands there")
    try:
        found = json_value(text, "its counts")
        fault = measure.fault(found)
        if fault is None and canonical(found) != text:
            fault = f"must be written as {canonical(found)}, not {shown(text)}"
    except InputError as error:
        return Broken(where, str(error))
    if fault is not None:
        return Broken(where, f"its counts {fault}")
    return Trial(key, number, found)


def _text(part: bytes | None) -> str | None:
    if part is None or len(part) > _MOST_BYTES:
        return None
    try:
        return part.decode("utf-8")
    except UnicodeDecodeError:
        return None
