"""Mappings: where operands lie in DRAM and how products are counted there.

A mapping is a module with a ``name``, a ``summary`` and a ``prepare``; see
:class:`bnn.mapping.work.Mapping`. Adding one is adding its file and its entry here.

>>> sorted(MAPPINGS)
['no-local-reuse', 'output-stationary', 'weight-stationary']
"""

from __future__ import annotations

from bnn.mapping import no_local_reuse, output_stationary, weight_stationary
from bnn.mapping.work import Draft, Execute, Mapping, Result, SumChecker, Usage, Work

__all__ = ["MAPPINGS", "Draft", "Execute", "Mapping", "Result", "SumChecker", "Usage", "Work"]

MAPPINGS: dict[str, Mapping] = {
    mapping.name: mapping for mapping in (output_stationary, weight_stationary, no_local_reuse)
}
"""Every mapping by name, the default first."""
