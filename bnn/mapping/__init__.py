"""Mappings: where operands lie in DRAM and how products are counted there.

A mapping is a module, or a package, of :mod:`bnn.mapping.dataflows` that has what
:class:`bnn.mapped.mapped_stage.Mapping` asks for. To add a mapping, add its file.

Read :mod:`bnn.mapped` first (what a mapping returns), then one of the dataflows;
:mod:`bnn.backends` book a mapped stage or carry it out. :mod:`~bnn.mapping.choice` prices mappings,
:mod:`~bnn.mapping.frontier` finds the best combination, and :mod:`~bnn.mapping.selection` gives
each stage of a network its mapping, and decides which stages form a :mod:`~bnn.mapping.chain`.

Nothing here knows of files, or of how values get from layer to layer.

>>> next(iter(MAPPINGS))
'output-stationary'
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import cast

from bnn.mapped.mapped_stage import Mapping
from bnn.mapping import dataflows

__all__ = ["MAPPINGS"]


def _found() -> list[Mapping]:
    """Every mapping in its rank; other modules there are what several mappings share."""
    names = [f"{dataflows.__name__}.{module.name}" for module in iter_modules(dataflows.__path__)]
    mappings = [module for module in map(import_module, names) if hasattr(module, "map_stage")]
    return sorted((cast(Mapping, module) for module in mappings), key=lambda one: one.rank)


MAPPINGS: dict[str, Mapping] = {mapping.name: mapping for mapping in _found()}
"""Every mapping by name, the default first."""
