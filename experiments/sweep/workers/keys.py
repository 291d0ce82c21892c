"""The key of a point: a hash of everything that decides what its trials count.

That is the measure and its version, the value of every field with defaults filled in, what files
hold (a field that names a file counts by its content, not its path), the seed of the sweep and
:data:`pimsim.RESULT_VERSION`. Not the other points, not when to stop, not who counts.

>>> canonical({"b": 1.0, "a": "x"})
'{"a":"x","b":1.0}'
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from experiments.sweep.measures.fields import table
from experiments.sweep.measures.measure import Measure, Values
from pimsim import RESULT_VERSION


def canonical(document: object) -> str:
    """Return the one JSON text of JSON values."""
    return json.dumps(
        document, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True
    )


def content(measure: Measure, values: Values, seed: int) -> dict[str, Any]:
    """Return everything that decides what the trials of a point count, as JSON values.

    Raises :class:`~pimsim.errors.InputError` for values that cannot be run.
    """
    known = table()
    return {
        "result_version": RESULT_VERSION,
        "measure": measure.name,
        "measure_version": measure.version,
        "seed": seed,
        "values": {n: value for n, value in values.items() if not known[n].is_file(value)},
        "identity": dict(measure.identity(values)),
    }


def of(content: object) -> str:
    """Return the SHA-256 of a content's canonical JSON."""
    return hashlib.sha256(canonical(content).encode("ascii")).hexdigest()
