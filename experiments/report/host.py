"""The layers of a run that the host computes, and why; all from the report.

>>> layers = [
...     {"where": "host", "macs": 16, "host_reasons": {"fc": "its weights are real numbers"}},
...     {"where": "host", "macs": 0, "host_reasons": {"norm": "nothing to multiply"}},
... ]
>>> words({"layers": layers})
'fc: its weights are real numbers; norm: nothing to multiply; only their traffic is costed'
>>> unused({"layers": layers})
True
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bnn.lowering.host_reasons import NO_PRODUCT
from experiments.output.words import listed

NOTHING = (
    "no layer is carried out in DRAM, which only holds what the host fetches: times and energies "
    "are those of fetching"
)
"""Note on the numbers of a run in which the host computes everything."""


def words(report: Mapping[str, Any]) -> str:
    """Return which layers are on the host, grouped by reason, products first; '' if none."""
    alike: dict[str, list[str]] = {}
    for layer in report["layers"]:
        for name, why in layer.get("host_reasons", layer.get("no_room", {})).items():
            alike.setdefault(why, []).append(name)
    others = alike.pop(NO_PRODUCT, [])
    if others:
        alike[NO_PRODUCT] = others
    said = [f"{listed(names)}: {why}" for why, names in alike.items()]
    return "; ".join([*said, "only their traffic is costed"]) if said else ""


def unused(report: Mapping[str, Any]) -> bool:
    """Whether no layer is carried out in DRAM."""
    return all(layer["where"] == "host" for layer in report["layers"])
