"""Layers, one family a module, and their readers by the class names of model files.

Adding a layer is adding its class and its reader to a family, or a family to the list here. Read
:mod:`~bnn.model.layers.layer` first, which says what every layer has; layers with a kernel share
:mod:`~bnn.model.layers.product`, and readers are given a :mod:`~bnn.model.layers.reading`.

No layer knows of another, of the graph around it, or of the file that it is read from.

>>> "QuantConv2D" in READERS, "Lambda" in READERS
(True, False)
"""

from __future__ import annotations

from bnn.model.layers import (
    activation,
    convolution,
    dense,
    local,
    merge,
    norm,
    pooling,
    preprocessing,
    shape,
    transposed,
)
from bnn.model.layers.reading import Reader
from bnn.model.operations import operators

READERS: dict[str, Reader] = {
    **dense.READERS,
    **convolution.READERS,
    **transposed.READERS,
    **local.READERS,
    **norm.READERS,
    **pooling.READERS,
    **activation.READERS,
    **merge.READERS,
    **operators.READERS,
    **shape.READERS,
    **preprocessing.READERS,
}
"""Every class of a model file that pimsim carries out."""
