"""Why a layer is the host's, in words for whoever reads a report.

>>> import numpy as np
>>> from bnn.lowering.operand_analysis import analyse
>>> from bnn.model.network import Dense, Flatten, Network
>>> kernel = np.ones((4, 4), np.float32)
>>> net = Network("n", (4,), (
...     Flatten("flat"),
...     Dense("real", kernel, None, "ste_sign", None),
...     Dense("unasked", kernel, None, None, "ste_sign"),
... ))
>>> found = analyse(net, None)
>>> for place in range(3):
...     print(net.layers[place].name, "-", reason(net, found, place))
flat - nothing to multiply
real - its weights are real numbers (no kernel_quantizer)
unasked - it is fed with real numbers (no input_quantizer)
"""

from __future__ import annotations

from bnn.lowering.operand_analysis import Analysis
from bnn.model import quantizers
from bnn.model.layers.product import has_integer_kernel
from bnn.model.network import INPUT, Network, Product

NO_PRODUCT = "nothing to multiply"
"""Why layers are on the host that are no sums of products."""


def reason(network: Network, analysis: Analysis, place: int) -> str:
    """Return why the layer at ``place`` is no stage in DRAM, if it is not for want of room."""
    layer = network.layers[place]
    if not isinstance(layer, Product):
        return NO_PRODUCT
    kernel = layer.kernel_quantizer
    if not has_integer_kernel(layer):
        if kernel is None:
            return "its weights are real numbers (no kernel_quantizer)"
        if kernel == quantizers.NO_OP:
            return "its weights are real numbers (the kernel_quantizer NoOp changes none)"
        return f"its kernel_quantizer {kernel} gives each input a scale of its own"
    if place in analysis.misfit:
        return f"its padding with {layer.pad_values:g} is none of the integers it is fed with"
    if network.inputs[place] == (INPUT,):
        return "the network's inputs are real numbers (no pixels of 8 bits, and no input_quantizer)"
    return "it is fed with real numbers (no input_quantizer)"
