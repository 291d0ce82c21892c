"""How the learning rate goes from the first step to the last: schedules of Keras by name.

Adding one is one entry of :data:`SCHEDULES`.

- ``constant``;
- ``cosine``: half a wave, from the first rate to the final one, after a warm-up if wanted:
  I. Loshchilov, F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017;
- ``linear``: a straight line to the final rate;
- ``exponential``: by one factor after every epoch, such that the factor after the last would give
  the final rate: M. Courbariaux et al., arXiv:1602.02830, 2016;
- ``step``: a tenth of it after half of the steps, and again after three quarters: K. He et al.,
  "Deep Residual Learning for Image Recognition", CVPR 2016.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RateSpan:
    """What a schedule needs to know."""

    rate: float
    """Learning rate that is started with, or warmed up to."""
    final_rate: float
    epochs: int
    warmup_epochs: int
    steps: int
    """Steps of an epoch."""


@dataclass(frozen=True, slots=True)
class RateSchedule:
    """A course of the learning rate."""

    make: Callable[[Any, RateSpan], Any]
    """Given ``tf_keras``; gives a Keras schedule, or a number."""
    warms_up: bool = False
    """Whether it can begin by rising from zero."""
    final: tuple[bool, bool] = (True, True)
    """Whether the final rate may be zero, and whether it may be positive."""


def _cosine(keras: Any, span: RateSpan) -> Any:
    warmup = span.warmup_epochs * span.steps
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else span.rate,
        decay_steps=span.steps * span.epochs - warmup,
        alpha=span.final_rate / span.rate,
        warmup_target=span.rate if warmup else None,
        warmup_steps=warmup,
    )


def _linear(keras: Any, span: RateSpan) -> Any:
    return keras.optimizers.schedules.PolynomialDecay(
        span.rate, span.steps * span.epochs, end_learning_rate=span.final_rate, power=1.0
    )


def _exponential(keras: Any, span: RateSpan) -> Any:
    factor = (span.final_rate / span.rate) ** (1 / span.epochs)
    return keras.optimizers.schedules.ExponentialDecay(
        span.rate, decay_steps=span.steps, decay_rate=factor, staircase=True
    )


def _step(keras: Any, span: RateSpan) -> Any:
    whole = span.steps * span.epochs
    return keras.optimizers.schedules.PiecewiseConstantDecay(
        [whole // 2, whole * 3 // 4], [span.rate, span.rate / 10, span.rate / 100]
    )


SCHEDULES: dict[str, RateSchedule] = {
    "constant": RateSchedule(lambda keras, span: span.rate, final=(True, False)),
    "cosine": RateSchedule(_cosine, warms_up=True),
    "linear": RateSchedule(_linear),
    "exponential": RateSchedule(_exponential, final=(False, True)),
    "step": RateSchedule(_step, final=(True, False)),
}
"""Every schedule by name."""
