"""Signs of values that Keras gives either sign.

In their tails, some activations are a tiny negative number in one kernel of Keras and 0 in another
(:attr:`bnn.model.activation_functions.Function.disputed`). ``model.predict`` is followed; how often
a sign rests on that is counted here.

>>> from bnn.model.network import Activation
>>> net = Network("n", (2,), (Activation("m", "mish"), Activation("s", "ste_sign")))
>>> disputes = Disputes(net)
>>> disputes.look(0, np.float32([[-20, 1]]))
>>> disputes.counts
{'m': 1}
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.model import quantizers
from bnn.model.activation_functions import disputed
from bnn.model.layers.layer import Layer
from bnn.model.layers.product import Product
from bnn.model.network import Activation, Network


class Disputes:
    """Counts them by layer."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._ranges: dict[int, tuple[float, float]] = {}
        signed = [False] * len(network.layers)  # whether a sign of what the layer gives is taken
        for index in reversed(range(len(network.layers))):
            layers = [(place, network.layers[place]) for place in network.consumers[index]]
            signed[index] = any(
                quantizers.is_sign(_quantizer(layer)) or (layer.commutes and signed[place])
                for place, layer in layers
            )
            found = disputed(function_of(network.layers[index]))
            if signed[index] and found is not None:
                self._ranges[index] = found
        self.counts: dict[str, int] = {}
        """By name of the layer that has the activation."""

    def watches(self, index: int) -> bool:
        """Whether it matters what the activation of layer ``index`` is fed with."""
        return index in self._ranges

    def look(self, index: int, values: NDArray[Any]) -> None:
        """Count those of ``values``, with which the activation of a layer is fed."""
        low, high = self._ranges[index]
        found = int(np.count_nonzero((values >= low) & (values <= high)))
        if found:
            name = self._network.layers[index].name
            self.counts[name] = self.counts.get(name, 0) + found


def function_of(layer: Layer) -> str:
    """Return the name of the activation that a layer is, or ends with."""
    if isinstance(layer, Activation):
        return layer.function
    return layer.activation if isinstance(layer, Product) else "linear"


def _quantizer(layer: Layer) -> str | None:
    return layer.input_quantizer if isinstance(layer, Product) else function_of(layer)
