"""What Keras has inside a model: operands and accumulators of every product, and the logits.

Nothing is recomputed here: a layer is called as it is, only with its bias and activation switched
off while its accumulators are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]
See = Callable[[str, Values, Values], None]
"""Called with a layer's name, its operands ``(n, ..., in)`` behind the input quantizer and before
padding, and its accumulators ``(n, ..., out)`` before bias and activation."""

_SOFTMAX = ("softmax", "softmax_v2")


class Observer:
    """Runs a Keras model that is one chain of layers, a layer at a time."""

    def __init__(self, model: Any, keras: Any) -> None:
        layers = [one for one in model.layers if not isinstance(one, keras.layers.InputLayer)]
        last = layers[-1]
        self._softmax = isinstance(last, keras.layers.Softmax) or (
            getattr(getattr(last, "activation", None), "__name__", None) in _SOFTMAX
        )
        self._layers = layers
        self.products: dict[str, Any] = {one.name: one for one in layers if hasattr(one, "kernel")}
        """Keras's layers that multiply, by name."""

    def run(self, x: Values, see: See) -> Values:
        """Run a batch.

        Args:
            x: inputs, ``(n, ...)``.
            see: told what each product was fed with and what it summed up.

        Returns:
            Logits ``(n, classes)``: the output of the last layer before a softmax.
        """
        values: Any = x
        for layer in self._layers:
            logits = self._softmax and layer is self._layers[-1]
            if layer.name in self.products:
                sums = self.sums(layer.name, values)
                see(layer.name, self._operands(layer, values), sums)
                with _set(layer, **({"activation": None} if logits else {})):
                    values = layer(values, training=False)
            elif not logits or len(self._layers) == 1:
                values = layer(values, training=False)
        return np.asarray(values)

    def sums(self, name: str, values: Any) -> Values:
        """Accumulators of one layer, fed with ``values`` (n, ...), without bias or activation."""
        layer = self.products[name]
        with _set(layer, use_bias=False, activation=None):
            return np.asarray(layer(values, training=False))

    def _operands(self, layer: Any, values: Any) -> Values:
        quantizer = getattr(layer, "input_quantizer", None)
        return np.asarray(values if quantizer is None else quantizer(values))


@contextmanager
def _set(layer: Any, **attributes: Any) -> Iterator[None]:
    """Give attributes of a layer other values for a while."""
    saved = {name: getattr(layer, name) for name in attributes}
    try:
        for name, value in attributes.items():
            setattr(layer, name, value)
        yield
    finally:
        for name, value in saved.items():
            setattr(layer, name, value)
