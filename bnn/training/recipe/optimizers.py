"""How weights follow the gradient: optimizers of Keras, and Larq's Bop, by name.

Adding one is one entry of :data:`OPTIMIZERS`.

``bop`` has no latent weights: the binary weights themselves are turned, where a running mean of
the gradient asks for it beyond a threshold; everything that is not binary is left to Adam.
K. Helwegen et al., "Latent Weights Do Not Exist: Rethinking Binarized Neural Network
Optimization", NeurIPS 2019.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_MOMENTUM = 0.9
"""Of ``momentum`` and ``nesterov``; the usual choice."""


@dataclass(frozen=True, slots=True)
class OptimizerSettings:
    """What an optimizer is made for."""

    rate: Any
    """Learning rate: a number or a Keras schedule."""
    weight_decay: float
    """Share of every latent weight, times the learning rate, that a step takes away."""
    bop_threshold: float
    bop_gamma: float


@dataclass(frozen=True, slots=True)
class Optimizer:
    """A way to follow the gradient."""

    make: Callable[[Any, Any, OptimizerSettings], Any]
    """Given ``tf_keras`` and ``larq``."""
    learning_rate: float | None
    """A rate to begin with, large because only signs count: with it, ``digits-mlp`` gets at least
    94 % of images that it has not learned right after 15 epochs. None where the architecture's
    own is meant for it."""
    latent: bool = True
    """Whether it trains latent weights, of which the network uses the signs."""


def _keras(kind: str, **options: Any) -> Callable[[Any, Any, OptimizerSettings], Any]:
    def make(keras: Any, larq: Any, wanted: OptimizerSettings) -> Any:
        decay = wanted.weight_decay or None
        optimizer = getattr(keras.optimizers, kind)(wanted.rate, weight_decay=decay, **options)
        if decay:
            optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "alpha", "scale"])
        return optimizer

    return make


def _bop(keras: Any, larq: Any, wanted: OptimizerSettings) -> Any:
    bop = larq.optimizers.Bop(threshold=wanted.bop_threshold, gamma=wanted.bop_gamma)
    rest = keras.optimizers.legacy.Adam(wanted.rate)
    return larq.optimizers.CaseOptimizer(
        (larq.optimizers.Bop.is_binary_variable, bop), default_optimizer=rest
    )


OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": Optimizer(_keras("SGD"), 5.0),
    "momentum": Optimizer(_keras("SGD", momentum=_MOMENTUM), 0.5),
    "nesterov": Optimizer(_keras("SGD", momentum=_MOMENTUM, nesterov=True), 0.5),
    "adagrad": Optimizer(_keras("Adagrad"), 0.5),
    "rmsprop": Optimizer(_keras("RMSprop"), 5e-3),
    "adadelta": Optimizer(_keras("Adadelta"), 5.0),
    "adam": Optimizer(_keras("Adam"), None),
    "bop": Optimizer(_bop, None, latent=False),
}
"""Every optimizer by name."""
