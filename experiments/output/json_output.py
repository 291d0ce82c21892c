"""Results as JSON, for files and for ``--json``."""

from __future__ import annotations

import json


def text(document: object, *, allow_nan: bool = False) -> str:
    """Return a result as JSON; ValueError for what is no number, unless it is allowed.

    >>> print(text({"images": 3}))
    {
      "images": 3
    }
    """
    return json.dumps(document, indent=2, allow_nan=allow_nan)


def show(document: object, *, allow_nan: bool = False) -> None:
    """Print a result: one object, and nothing else."""
    print(text(document, allow_nan=allow_nan))
