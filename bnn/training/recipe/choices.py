"""Every choice of a training by name: where weights start, what is made small, and how.

Adding one is one entry of its table: :data:`INITIALIZERS`, :data:`ACTIVATIONS`, :data:`LOSSES`,
:data:`OPTIMIZERS` or :data:`SCHEDULES`.

>>> LOSSES["squared-hinge"].targets(np.array([2, 0]), 3).tolist()
[[-1.0, -1.0, 1.0], [1.0, -1.0, -1.0]]
>>> LOSSES["cross-entropy"].targets(np.array([2, 0]), 3).tolist()
[2, 0]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bnn.training.recipe.settings import Settings

# -- layers ----------------------------------------------------------------------------------

_GLOROT_UNIFORM, _GLOROT_NORMAL = "glorot_uniform", "glorot_normal"

INITIALIZERS: dict[str, str | dict[str, Any]] = {
    "glorot-uniform": _GLOROT_UNIFORM,
    "glorot-normal": _GLOROT_NORMAL,
    "xavier-uniform": _GLOROT_UNIFORM,
    "xavier-normal": _GLOROT_NORMAL,
    "he-uniform": "he_uniform",
    "he-normal": "he_normal",
    "unit-uniform": {"class_name": "RandomUniform", "config": {"minval": -1.0, "maxval": 1.0}},
}
"""What Keras makes each initializer of latent weights from.

With ``n`` inputs and ``m`` outputs of a unit:

- ``glorot`` (also called ``xavier``): variance ``2/(n + m)``; X. Glorot, Y. Bengio,
  "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010;
- ``he``: variance ``2/n``; K. He et al., "Delving deep into rectifiers", ICCV 2015;
- ``unit-uniform``: from -1 to 1, as M. Courbariaux et al., arXiv:1602.02830, 2016, start.

The size of a latent weight does not matter to the network, only to how long a training takes to
turn its sign.
"""

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
    "none": None,
    "relu": _function("relu"),
    "prelu": _prelu,
    "tanh": _function("tanh"),
    "hard-tanh": _function("hard_tanh"),
    "sigmoid": _function("sigmoid"),
}
"""Activations between a product and its normalization, before the next sign; Larq's examples have
none.

Makes the layer, given ``tf_keras``, its name, and whether it is fed with images."""

# -- losses ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss function."""

    keras: str
    """What Keras calls it."""
    softmax: bool = False
    """Whether it compares a softmax with a label. Otherwise it compares the outputs themselves with
    a target for every class: +1 for the right one, -1 for the rest."""

    def targets(self, labels: NDArray[np.int64], classes: int) -> NDArray[Any]:
        """Return what the outputs are compared with: labels ``(n,)`` or +-1 ``(n, classes)``."""
        if self.softmax:
            return labels
        return np.where(labels[:, None] == np.arange(classes), np.float32(1), np.float32(-1))


LOSSES: dict[str, Loss] = {
    # -log of the probability given to the label
    "cross-entropy": Loss("sparse_categorical_crossentropy", softmax=True),
    "hinge": Loss("hinge"),  # mean of max(0, 1 - target*output)
    "squared-hinge": Loss("squared_hinge"),  # mean of max(0, 1 - target*output)^2
    "mse": Loss("mean_squared_error"),
    "mae": Loss("mean_absolute_error"),
    "huber": Loss("huber"),  # squared errors up to 1, absolute ones beyond
    "log-cosh": Loss("log_cosh"),  # mean of log(cosh(error))
}
"""What a training makes small: loss functions of Keras."""

# -- optimizers ------------------------------------------------------------------------------

_MOMENTUM = 0.9
"""Momentum of ``momentum`` and ``nesterov``; the usual choice."""


@dataclass(frozen=True, slots=True)
class Optimizer:
    """A way to follow the gradient."""

    make: Callable[[Any, Any, Settings, Any], Any]
    """Given ``tf_keras``, ``larq``, the settings, and the learning rate: a number or a schedule of
    Keras."""
    learning_rate: float | None
    """A rate to begin with, large because only signs count: with it, ``digits-mlp`` gets at least
    94 % of images that it has not learned right after 15 epochs. None where the architecture's
    own is meant for it."""
    latent: bool = True
    """Whether it trains latent weights, of which the network uses the signs."""


def _keras(kind: str, **options: Any) -> Callable[[Any, Any, Settings, Any], Any]:
    def make(keras: Any, larq: Any, settings: Settings, rate: Any) -> Any:
        decay = settings.weight_decay or None
        optimizer = getattr(keras.optimizers, kind)(rate, weight_decay=decay, **options)
        if decay:
            optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "alpha", "scale"])
        return optimizer

    return make


def _bop(keras: Any, larq: Any, settings: Settings, rate: Any) -> Any:
    bop = larq.optimizers.Bop(threshold=settings.bop_threshold, gamma=settings.bop_gamma)
    return larq.optimizers.CaseOptimizer(
        (larq.optimizers.Bop.is_binary_variable, bop),
        default_optimizer=keras.optimizers.legacy.Adam(rate),
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
"""How weights follow the gradient: optimizers of Keras, and Larq's Bop.

``bop`` has no latent weights. It flips a binary weight when a running mean of its gradient exceeds
a threshold; everything that is not binary is left to Adam. K. Helwegen et al., "Latent Weights Do
Not Exist: Rethinking Binarized Neural Network Optimization", NeurIPS 2019.
"""

# -- schedules -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RateSchedule:
    """A course of the learning rate."""

    make: Callable[[Any, Settings, int], Any]
    """Given ``tf_keras``, the settings, and the steps of an epoch; gives a Keras schedule, or a
    number."""
    warms_up: bool = False
    """Whether it can begin by rising from zero."""
    final: tuple[bool, bool] = (True, True)
    """Whether the final rate may be zero, and whether it may be positive."""


def _cosine(keras: Any, settings: Settings, steps: int) -> Any:
    rate, warmup = settings.learning_rate, settings.warmup_epochs * steps
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else rate,
        decay_steps=steps * settings.epochs - warmup,
        alpha=settings.final_learning_rate / rate,
        warmup_target=rate if warmup else None,
        warmup_steps=warmup,
    )


def _linear(keras: Any, settings: Settings, steps: int) -> Any:
    rate, final = settings.learning_rate, settings.final_learning_rate
    return keras.optimizers.schedules.PolynomialDecay(
        rate, steps * settings.epochs, end_learning_rate=final, power=1.0
    )


def _exponential(keras: Any, settings: Settings, steps: int) -> Any:
    rate, final = settings.learning_rate, settings.final_learning_rate
    return keras.optimizers.schedules.ExponentialDecay(
        rate, decay_steps=steps, decay_rate=(final / rate) ** (1 / settings.epochs), staircase=True
    )


def _step(keras: Any, settings: Settings, steps: int) -> Any:
    rate, whole = settings.learning_rate, steps * settings.epochs
    return keras.optimizers.schedules.PiecewiseConstantDecay(
        [whole // 2, whole * 3 // 4], [rate, rate / 10, rate / 100]
    )


SCHEDULES: dict[str, RateSchedule] = {
    "constant": RateSchedule(
        lambda keras, settings, steps: settings.learning_rate, final=(True, False)
    ),
    "cosine": RateSchedule(_cosine, warms_up=True),
    "linear": RateSchedule(_linear),
    "exponential": RateSchedule(_exponential, final=(False, True)),
    "step": RateSchedule(_step, final=(True, False)),
}
"""How the learning rate goes from the first step to the last: schedules of Keras.

- ``cosine``: half a wave, from the first rate to the final one, after a warm-up if wanted:
  I. Loshchilov, F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017;
- ``linear``: a straight line to the final rate;
- ``exponential``: by one factor after every epoch, such that the factor after the last would give
  the final rate: M. Courbariaux et al., arXiv:1602.02830, 2016;
- ``step``: a tenth of it after half of the steps, and again after three quarters: K. He et al.,
  "Deep Residual Learning for Image Recognition", CVPR 2016.
"""
