"""What publications and other people's tools say of the networks in :mod:`bnn.tables`.

>>> published("vgg16", "parameters").value
138357544
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Published:
    """A figure that somebody printed."""

    value: int
    step: int
    """Step of its last digit: the exact value is within half a step."""
    counts: str
    """What else it counts, or counts otherwise; empty where it counts what the table does."""
    source: str


def published(network: str, quantity: str) -> Published:
    """Return the figure for ``macs`` or ``parameters`` of a network."""
    return _all()[network, quantity]


@cache
def _all() -> dict[tuple[str, str], Published]:
    text = files("bnn.tables").joinpath("published.csv").read_text("utf-8")
    return {
        (row["network"], row["quantity"]): Published(
            int(row["value"]), int(row["step"]), row["counts"], row["source"]
        )
        for row in csv.DictReader(text.splitlines())
    }
