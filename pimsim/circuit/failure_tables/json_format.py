"""The JSON form of a failure table; texts come from anybody, so that nothing is taken on trust.

An entry states its kind, rows, ones and halves, and either counts (trials, wrong, bitlines,
always_wrong) or an estimate (static, access; low, high, level, source). Of counts, probability and
interval are written too, for readers; they are not read, but a probability must not contradict.

>>> entries, provenance = parsed('''{"format": "pimsim failure table 2", "provenance": {},
... "entries": [{"kind": "sense", "rows": 1, "ones": 0, "halves": 0, "static": 0.01, "access": 0}]
... }''', "mine.json")
>>> entries[0].rate
Rate(static=0.01, access=0.0)
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from pimsim.circuit.failure_tables.entry import Entry, Estimate
from pimsim.documents import json_value, read_text, require_known, shown
from pimsim.errors import InputError

FORMAT = "pimsim failure table 2"
"""First member of the JSON form; the number changes with the form."""
FORMAT_1 = "pimsim failure table 1"
"""The form before: counts, all of the kind ``sense``."""
MOST_BYTES = 8 << 20
"""Largest file: a table of every majority on every number of rows takes a hundredth."""

_COUNTS = tuple(one.name for one in fields(Entry) if one.name != "kind")
_RATES = ("rows", "ones", "halves", "static", "access")
_OPTIONAL = ("low", "high", "level", "source")
_DERIVED = ("probability", "low", "high")


def text(entries: Sequence[Entry | Estimate], provenance: Mapping[str, Any]) -> str:
    """Return the JSON text of a table.

    Raises :class:`~pimsim.errors.InputError` if the provenance has values that JSON has not.
    """
    document = {
        "format": FORMAT,
        "entries": [_row(entry) for entry in entries],
        "provenance": dict(provenance),
    }
    try:
        return json.dumps(document, indent=1, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise InputError(f"`provenance` must consist of JSON values: {error}") from error


def parsed(text: str, where: str) -> tuple[tuple[Entry | Estimate, ...], dict[str, Any]]:
    """Return entries and provenance of a JSON text.

    Raises :class:`~pimsim.errors.InputError`, naming ``where``, if the text is no table.
    """
    document = json_value(text, where)
    stated = document.get("format") if isinstance(document, dict) else None
    if not isinstance(document, dict) or stated not in (FORMAT, FORMAT_1):
        raise InputError(f'{where} must be a JSON object with "format": "{FORMAT}"')
    given, provenance = document.get("entries"), document.get("provenance")
    if not isinstance(given, list) or not isinstance(provenance, dict):
        raise InputError(f"{where} must have a list `entries` and an object `provenance`")
    require_known(document, ("format", "entries", "provenance"), where)
    entries = []
    for number, row in enumerate(given):
        at = f"{where}: entry {number}"
        if not isinstance(row, dict):
            raise InputError(f"{at} must be an object, not {shown(row)}")
        try:
            entries.append(_entry(row, at, counts_only=stated == FORMAT_1))
        except InputError as error:
            message = str(error)
            raise InputError(message if message.startswith(at) else f"{at}: {message}") from error
    return tuple(entries), provenance


def read(path: Path) -> str:
    """Return the text of a file.

    Raises :class:`~pimsim.errors.InputError` if it cannot be read, is no text or too large.
    """
    return read_text(path, repr(str(path)), "JSON", MOST_BYTES)


def _row(entry: Entry | Estimate) -> dict[str, Any]:
    row = {"kind": entry.kind, **asdict(entry)}
    if isinstance(entry, Entry):
        low, high = entry.interval()
        return row | {"probability": entry.probability, "low": low, "high": high}
    return {key: value for key, value in row.items() if value is not None and value != ""} | {
        "probability": entry.probability
    }


def _entry(row: dict[str, Any], at: str, *, counts_only: bool) -> Entry | Estimate:
    counted = counts_only or "static" not in row
    wanted = _COUNTS if counted else _RATES
    needed = wanted if counts_only else ("kind", *wanted)
    if not set(needed) <= set(row):
        either = ", or static and access in place of counts"
        raise InputError(
            f"{at} must have {', '.join(needed)}{either if counted and not counts_only else ''}"
        )
    known = (*needed, *_DERIVED) if counted else (*needed, *_OPTIONAL, "probability")
    require_known(row, known, at)
    entry: Entry | Estimate
    if counted:
        entry = Entry(**{name: row[name] for name in needed})
    else:
        entry = Estimate(**{name: row[name] for name in (*needed, *_OPTIONAL) if name in row})
    stated = row.get("probability", entry.probability)
    if isinstance(stated, bool) or not isinstance(stated, int | float):
        raise InputError(f"`probability` must be a number, not {shown(stated)}")
    if not math.isclose(stated, entry.probability, rel_tol=1e-9, abs_tol=0.0):
        raise InputError(
            f"`probability` must be {entry.probability!r}, which follows from the rest, "
            f"not {stated!r}"
        )
    return entry
