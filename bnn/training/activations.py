"""Functions between a product and the normalization behind it, by name.

The sign that the next layer takes of its inputs is no matter of choice; this is what may stand
before the normalization, and so shape what the sign is taken of. Adding one is one entry of
:data:`ACTIVATIONS`; each makes a layer of the given ``tf_keras`` under a name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

NO_ACTIVATION = "none"
"""The product's sums as they are, as Larq's examples have it."""

_PRELU_START = 0.25
"""Slope below zero that PReLU starts with: K. He et al., "Delving deep into rectifiers", 2015."""


def _function(function: str) -> Callable[[Any, str, bool], Any]:
    return lambda keras, name, image: keras.layers.Activation(function, name=name)


def _prelu(keras: Any, name: str, image: bool) -> Any:
    """One slope a channel of an image, one a unit elsewhere."""
    start = keras.initializers.Constant(_PRELU_START)
    shared = [1, 2] if image else None
    return keras.layers.PReLU(alpha_initializer=start, shared_axes=shared, name=name)


ACTIVATIONS: dict[str, Callable[[Any, str, bool], Any] | None] = {
    NO_ACTIVATION: None,
    "relu": _function("relu"),
    "prelu": _prelu,
    "tanh": _function("tanh"),
    "hard-tanh": _function("hard_tanh"),
    "sigmoid": _function("sigmoid"),
}
"""Makes the layer, given ``tf_keras``, its name, and whether it is fed with images."""
