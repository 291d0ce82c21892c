"""Results as JSON, for files and for ``--json``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def without_nan(result: Any) -> Any:
    """Return a result with None for nan, such as energies of a part without currents.

    >>> without_nan({"energy_pj": {"total": math.nan}, "latency_ps": [3]})
    {'energy_pj': {'total': None}, 'latency_ps': [3]}
    """
    if isinstance(result, dict):
        return {key: without_nan(value) for key, value in result.items()}
    if isinstance(result, list | tuple):
        return [without_nan(value) for value in result]
    return None if isinstance(result, float) and math.isnan(result) else result


def text(document: object, *, allow_nan: bool = False) -> str:
    """Return a result as JSON; raise ValueError for nan or infinity unless allowed.

    >>> print(text({"images": 3}))
    {
      "images": 3
    }
    """
    return json.dumps(document, indent=2, allow_nan=allow_nan)


def with_more(text_of: str, more: Mapping[str, Any]) -> str:
    """Return the text of an object that has entries, with further entries at its end.

    >>> with_more(text({"images": 3}), {"html": "report.html"}) == text(
    ...     {"images": 3, "html": "report.html"}
    ... )
    True
    """
    return text_of.removesuffix("\n}") + "," + text(more).removeprefix("{") if more else text_of


def show(document: object, *, allow_nan: bool = False) -> None:
    """Print a result: one object, and nothing else."""
    print(text(document, allow_nan=allow_nan))
