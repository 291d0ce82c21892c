"""Results as JSON, for files and for ``--json``."""

from __future__ import annotations

import json


def text(document: object) -> str:
    """Return a result as JSON; ValueError for numbers that JSON has not.

    >>> print(text({"images": 3}))
    {
      "images": 3
    }
    """
    return json.dumps(document, indent=2, allow_nan=False)


def show(document: object) -> None:
    """Print a result: one object, and nothing else."""
    print(text(document))
