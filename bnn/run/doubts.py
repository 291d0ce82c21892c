"""What to doubt: signs that Keras gives either way, and the scale that images are fed in."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.data.input_scale import PIXELS, Inputs, pixels_of
from bnn.model import quantizers
from bnn.model.activation_functions import disputed
from bnn.model.layers.activation import BatchNorm
from bnn.model.layers.layer import Layer
from bnn.model.layers.product import Product
from bnn.model.network import INPUT, Network
from bnn.run.scoring import Scoring, function_of

_IMAGES = 64
_WORK = 200_000_000
"""Approximate number of multiplications spent on testing a scale."""
_FAR = 0.25
_NEAR = 0.1
_MARGIN = 10.0
"""Divergences, in nats: from where on a scale does not fit, up to where it fits, and how many times
better the best one must fit."""
_FEWEST = 8
"""Fewest vectors for which mean and variance are meaningful."""
_SPREADS = 3.0
"""Up to this many standard deviations above guessing, an accuracy counts as no better than
guessing."""


class Disputes:
    """Signs of values that Keras gives either sign, counted by layer.

    In their tails, some activations are a tiny negative number in one kernel of Keras and 0 in
    another (:attr:`bnn.model.activation_functions.Function.disputed`). ``model.predict`` is
    followed; how often a sign rests on that is counted here.

    >>> from bnn.model.network import Activation
    >>> net = Network("n", (2,), (Activation("m", "mish"), Activation("s", "ste_sign")))
    >>> disputes = Disputes(net)
    >>> disputes.look(0, np.float32([[-20, 1]]))
    >>> disputes.counts
    {'m': 1}
    """

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


def scale_hint(network: Network, x: Inputs) -> str | None:
    """Return a hint if the first BatchNorm suggests another scale for ``x``; else None.

    It holds the mean and variance of its inputs during training. These are compared with its inputs
    now, for images in each of the usual scales.

    Args:
        network: any.
        x: ``(n, ...)``, as it would be fed.
    """
    place = next((i for i, one in enumerate(network.layers) if isinstance(one, BatchNorm)), None)
    found = None if place is None else pixels_of(x[:_IMAGES])
    if place is None or found is None:
        return None
    norm = network.layers[place]
    assert isinstance(norm, BatchNorm)
    given = next((name for name, scale in PIXELS.items() if scale is found[0]), None)
    if given is None or (np.all(norm.mean == 0) and np.all(norm.variance == 1)):
        return None
    few = found[1][: _affordable(network, place)]
    if len(few) * prod(network.shape_before(place)[:-1]) < _FEWEST:
        return None
    far = {
        name: _divergence(network, place, norm, scale.levels()[few])
        for name, scale in PIXELS.items()
    }
    best = min(far, key=lambda name: far[name])
    if far[given] < _FAR or far[best] > _NEAR or far[given] < _MARGIN * far[best]:
        return None
    return (
        f"the images are {_words(given)}, and layer {norm.name!r} was trained on what images "
        f"{_words(best)} give: try --input-scale {best}"
    )


def guessing_hint(scoring: Scoring, x: Inputs, accuracy: float | None, classes: int) -> str | None:
    """Return in one line that raw bytes may be why the accuracy is one of guessing, or None."""
    if accuracy is None or scoring.labels is None or not scoring.of:
        return None
    found = pixels_of(x[:_IMAGES])
    if found is None or found[0] is not PIXELS["raw"] or x.max() <= 1:
        return None
    guess = 1 / max(classes, 2)
    if accuracy > guess + _SPREADS * np.sqrt(guess * (1 - guess) / scoring.of):
        return None
    return (
        f"the accuracy is one of guessing, and the images are {_words('raw')}: if the network "
        "was trained on scaled ones, try --input-scale unit or symmetric"
    )


def _words(scale: str) -> str:
    return {"raw": "from 0 to 255", "unit": "from 0 to 1", "symmetric": "from -1 to 1"}[scale]


def _affordable(network: Network, place: int) -> int:
    work = 1
    for index, layer in enumerate(network.layers[:place]):
        if isinstance(layer, Product):
            work += layer.macs(network.shape_before(index))
    return max(2, min(_IMAGES, _WORK // work))


def _divergence(network: Network, place: int, norm: BatchNorm, x: NDArray[np.float32]) -> float:
    """Median over the channels of the divergence of what comes in from what came in.

    Both are taken as normal: ``(r - 1 - ln r + d^2) / 2`` nats of the variances' ratio r and the
    means' distance d in standard deviations.
    """
    values: dict[int, NDArray[np.float32]] = {INPUT: x}
    for index in range(place):
        fed = [values[source] for source in network.inputs[index]]
        values[index] = network.layers[index].run(*fed)
    came = values[network.inputs[place][0]].astype(np.float64)
    came = came.reshape(-1, came.shape[-1])
    expected = norm.variance.astype(np.float64) + norm.epsilon
    ratio = (came.var(axis=0) + norm.epsilon) / expected
    apart = (came.mean(axis=0) - norm.mean) ** 2 / expected
    return float(np.median((ratio - 1 - np.log(ratio) + apart) / 2))


def _quantizer(layer: Layer) -> str | None:
    return layer.input_quantizer if isinstance(layer, Product) else function_of(layer)
