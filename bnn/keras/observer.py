"""What Keras has inside a model: operands and accumulators of every product, and the logits.

The model runs as it is, whatever its graph, as in ``model.predict``. To get its accumulators, each
product is then called once more on its inputs, with bias and activation switched off. A separable
layer is two products, of which the first is its depthwise step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.training.parts import Backend

Values = NDArray[np.float32]
See = Callable[[str, Values, Values], None]
"""Called with a layer's name, its operands ``(n, ..., in)`` behind the input quantizer and before
padding, and its accumulators ``(n, ..., out)`` before bias and activation."""

_SOFTMAX = ("softmax", "softmax_v2")
_KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")
DEPTHWISE = "/depthwise"
"""Behind the name of a separable layer: its first step."""


class Observer:
    """Runs a Keras model and looks at what happens in its products.

    Layers have the names that :func:`bnn.larq.model_file.read_model` gives them, those of the
    models around them included.
    """

    def __init__(self, model: Any, tools: Backend) -> None:
        keras = tools.keras
        self._model = model
        # As a graph, whose kernels are those of `model.predict`; a batch is one trace.
        self._graph = tools.tensorflow.function(self._forward, autograph=False)
        self._no_kernel = tools.tensorflow.errors.UnimplementedError
        self._last = _last(model)
        self._softmax = _is_softmax(self._last, keras)
        self.products: dict[str, Any] = {}
        """Keras's layers that multiply, by name."""
        self.kernels: dict[str, tuple[int, ...]] = {}
        """Shapes of the kernels of all products, by name; a separable layer has two."""
        for name, layer in _layers(model, ""):
            kernels = [tuple(getattr(layer, key).shape) for key in _KERNELS if hasattr(layer, key)]
            if kernels:
                self.products[name] = layer
                self.kernels[name] = kernels[-1]
            if len(kernels) > 1:
                self.kernels[name + DEPTHWISE] = kernels[0]

    def run(self, x: Values, see: See) -> Values:
        """Run a batch.

        Args:
            x: inputs, ``(n, ...)``.
            see: told what each product was fed with and what it summed up; of a separable layer,
                what went into its first step and came out of its second.

        Returns:
            Logits ``(n, classes)``: the output of the last layer before a softmax.
        """
        try:
            logits, values, operands = self._graph(x)
        except self._no_kernel:
            # TensorFlow 2.21 fuses a BatchNorm with a tanh, and has no kernel for the two.
            self._graph = self._forward
            logits, values, operands = self._graph(x)
        for use, fed in values.items():
            name = use.partition("#")[0]
            see(use, np.asarray(operands[use]), self.sums(name, fed))
        return np.asarray(logits)

    def _forward(self, x: Any) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        """Give logits and, for every use of a product, what it is fed with and its operands."""
        uses: dict[str, int] = {}
        fed: dict[str, Any] = {}
        operands: dict[str, Any] = {}
        with ExitStack() as stack:
            if self._softmax and (self._last not in self.products.values()):
                stack.enter_context(_called(self._last, lambda _, values: values))
            elif self._softmax:
                stack.enter_context(_set(self._last, activation=_linear))
            for name, layer in self.products.items():

                def look(call: Any, values: Any, name: str = name, layer: Any = layer) -> Any:
                    number = uses[name] = uses.get(name, 0) + 1
                    use = name if number == 1 else f"{name}#{number}"
                    quantizer = getattr(layer, "input_quantizer", None)
                    fed[use] = values
                    operands[use] = values if quantizer is None else quantizer(values)
                    return call(values)

                stack.enter_context(_called(layer, look))
            return self._model(x, training=False), fed, operands

    def sums(self, name: str, values: Any) -> Values:
        """Accumulators of one layer, fed with ``values`` (n, ...), without bias or activation."""
        layer = self.products[name]
        with _set(layer, use_bias=False, activation=_linear):
            return np.asarray(layer(values, training=False))


def _is_softmax(layer: Any, keras: Any) -> bool:
    """Whether a layer ends in a softmax over classes: itself, its activation, or an operator."""
    own = getattr(layer, "activation", None)
    if any(isinstance(one, keras.layers.Softmax) and one.axis == -1 for one in (layer, own)):
        return True
    if isinstance(own, keras.layers.Layer):
        return _is_softmax(own, keras)
    if getattr(layer, "symbol", None) == "nn.softmax":
        return layer.inbound_nodes[0].call_kwargs.get("axis") in (None, -1)
    return getattr(own, "__name__", None) in _SOFTMAX


def _layers(model: Any, around: str) -> Iterator[tuple[str, Any]]:
    for layer in model.layers:
        name = f"{around}{layer.name}"
        if hasattr(layer, "layers"):
            yield from _layers(layer, f"{name}/")
        else:
            yield name, layer


def _linear(values: Any) -> Any:
    """Stand for an activation; locally connected layers cannot do without one."""
    return values


def _last(model: Any) -> Any:
    """The layer whose output is that of the model."""
    while hasattr(model, "layers"):
        model = next(one for one in model.layers if one.name == model.output_names[0])
    return model


@contextmanager
def _called(layer: Any, instead: Callable[[Any, Any], Any]) -> Iterator[None]:
    """For a while, call ``instead`` with a layer's own call and its inputs."""
    own = layer.call

    def call(values: Any, *_: Any, **__: Any) -> Any:
        return instead(own, values)

    layer.call = call
    try:
        yield
    finally:
        del layer.call


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
