"""Every class of a model file that pimsim carries out, and what makes layers of it.

>>> "QuantConv2D" in READERS, "Lambda" in READERS
(True, False)
"""

from __future__ import annotations

from bnn.model.layers import (
    activation,
    convolution,
    merge,
    norm,
    pooling,
    preprocessing,
    product,
    shape,
    transposed,
)
from bnn.model.layers.reading import Reader
from bnn.model.operations import operators

READERS: dict[str, Reader] = {
    **product.READERS,
    **convolution.READERS,
    **transposed.READERS,
    **norm.READERS,
    **pooling.READERS,
    **activation.READERS,
    **merge.READERS,
    **operators.READERS,
    **shape.READERS,
    **preprocessing.READERS,
}
"""Every class of a model file that pimsim carries out."""
