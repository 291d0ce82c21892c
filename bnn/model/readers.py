"""Every class of a model file that pimsim carries out, and what makes layers of it.

>>> "QuantConv2D" in READERS, "Lambda" in READERS
(True, False)
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from bnn.model import layers
from bnn.model.layers.layer import Reader
from bnn.model.operations import operators

READERS: dict[str, Reader] = dict(operators.READERS)
"""The readers of every module of :mod:`bnn.model.layers`, and of calls of TensorFlow functions."""

for _module in iter_modules(layers.__path__, f"{layers.__name__}."):
    READERS |= getattr(import_module(_module.name), "READERS", {})
