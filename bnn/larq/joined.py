"""Activations that Keras's ``model.predict`` computes in one step with the dense layer before them.

TensorFlow's graph optimizer makes one operation of a matrix product, its bias and a gelu, and that
one has another tail than a gelu by itself: a sign behind it is another one.

>>> import numpy as np
>>> from bnn.model.network import Dense
>>> bias = np.zeros(3, np.float32)
>>> dense = Dense("d", np.ones((2, 3), np.float32), bias, None, None)
>>> net = joined(Network("n", (2,), (dense, Activation("a", "gelu"), Activation("s", "ste_sign"))))
>>> [layer.function for layer in net.layers[1:]]
['gelu behind dense', 'ste_sign']
"""

from __future__ import annotations

from dataclasses import replace

from bnn.model.activation_functions import BEHIND_DENSE, OF_DENSE
from bnn.model.network import INPUT, Activation, Dense, Network


def joined(network: Network) -> Network:
    """Return the network with the activations that Keras joins with a dense layer named so.

    Keras does that to a dense layer with a bias that is fed with vectors, where nothing else is
    fed with what comes before the activation.
    """
    layers = list(network.layers)
    for index, layer in enumerate(network.layers):
        if isinstance(layer, Dense) and layer.activation in OF_DENSE:
            if _is_joined(network, index):
                layers[index] = replace(layer, activation=layer.activation + BEHIND_DENSE)
        elif isinstance(layer, Activation) and layer.function in OF_DENSE:
            source = _before(network, index)
            dense = network.layers[source] if source != INPUT else None
            plain = isinstance(dense, Dense) and dense.activation == "linear"
            if plain and _is_joined(network, source):
                layers[index] = replace(layer, function=layer.function + BEHIND_DENSE)
    return replace(network, layers=tuple(layers))


def _is_joined(network: Network, index: int) -> bool:
    dense = network.layers[index]
    vectors = len(network.shape_before(index)) == 1
    return isinstance(dense, Dense) and dense.bias is not None and vectors


def _before(network: Network, index: int) -> int:
    """Find what an activation is fed with, beyond activations that do nothing.

    ``INPUT`` where something else is fed with it as well.
    """
    while True:
        (index,) = network.inputs[index]
        if index == INPUT or len(network.consumers[index]) != 1:
            return INPUT
        layer = network.layers[index]
        if not (isinstance(layer, Activation) and layer.function == "linear"):
            return index
