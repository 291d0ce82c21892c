"""Everything that decides how a network is trained, apart from the network and the data.

>>> adam = Settings(epochs=20, batch_size=100, learning_rate=0.01)
>>> replace(adam, head="scaled")
Traceback (most recent call last):
...
pimsim.errors.InputError: `head` must be one of norm, scale, not 'scaled'; did you mean `scale`?
>>> " ".join(flags(replace(adam, optimizer="sgd", flip=True)))
'--epochs 20 --batch-size 100 --learning-rate 0.01 --seed 1 --optimizer sgd --flip'
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from bnn.training.recipe.choices import (
    ACTIVATIONS,
    INITIALIZERS,
    LOSSES,
    OPTIMIZERS,
    SCHEDULES,
)
from pimsim.documents import nearest
from pimsim.errors import InputError

PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
"""Keras's policy by the name of a precision. Weights, the last normalization and the softmax are
float32 with either, and so is the whole last epoch: the statistics that the file holds are those
of exact sums."""

HEADS = ("norm", "scale")
"""What may stand between the last product and the loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to train.

    Raises:
        InputError: a value is out of its range, a name is unknown (the nearest is suggested), or
            two settings exclude each other.
    """

    epochs: int
    """Times that all training images are gone through, unless stopped early."""
    batch_size: int
    """Images a step."""
    learning_rate: float
    """Learning rate of the first step, or of the end of the warm-up."""
    seed: int = 1
    """Seed of the first weights, and of everything random in an epoch."""
    schedule: str = "cosine"
    """Course of the learning rate, one of :data:`~bnn.training.recipe.choices.SCHEDULES`."""
    final_learning_rate: float = 0.0
    """Learning rate that the schedule ends with."""
    warmup_epochs: int = 0
    """Epochs in which the learning rate rises from zero, before it falls."""
    optimizer: str = "adam"
    """One of :data:`~bnn.training.recipe.choices.OPTIMIZERS`."""
    bop_threshold: float = 1e-8
    """Mean gradient beyond which Bop turns a weight; Larq's default."""
    bop_gamma: float = 1e-4
    """Weight of the newest gradient in that mean; Larq's default."""
    loss: str = "cross-entropy"
    """One of :data:`~bnn.training.recipe.choices.LOSSES`."""
    initializer: str = "glorot-uniform"
    """Initializer of latent weights, one of :data:`~bnn.training.recipe.choices.INITIALIZERS`."""
    activation: str = "none"
    """Behind all products but the last, one of :data:`~bnn.training.recipe.choices.ACTIVATIONS`."""
    head: str = "norm"
    """Behind the last product, one of :data:`HEADS`: a batch normalization, or one learned factor
    for every class, which starts at :data:`~bnn.training.parts.SCALE_START`."""
    dropout: float = 0.0
    """Share of the signs between two layers that are left out, by chance, in every step."""
    weight_decay: float = 0.0
    """Share of every latent weight, times the learning rate, that a step takes away."""
    bipolar_pull: float = 0.0
    """Weight in the loss of ``sum(1 - w^2)`` over the latent weights ``w``. It pulls them towards
    -1 and +1, away from 0, where a small step changes the sign."""
    weight_clip: bool = True
    """Keep latent weights between -1 and +1."""
    batch_norm_momentum: float = 0.99
    """Share of the past in the running statistics of a batch normalization."""
    batch_norm_epsilon: float = 1e-3
    """Added to the variance in a batch normalization."""
    flip: bool = False
    """Mirror images left to right by chance."""
    shift_pixels: int = 0
    """Move images by chance, by up to this many pixels."""
    precision: str = "float32"
    """Number format of products in training, one of :data:`PRECISIONS`."""
    validation_split: float = 0.0
    """Share of the training images that is not learned from, but watched."""
    patience: int = 0
    """Epochs without a smaller loss of the validation images after which the training stops, and
    the best epoch's weights are taken; 0: it does not stop."""

    def __post_init__(self) -> None:
        for name, known in _NAMED.items():
            check_name(name, getattr(self, name), known)
        for names, (allowed, right) in _RANGES.items():
            for name in names:
                if not right(getattr(self, name)):
                    raise InputError(f"`{name}` must be {allowed}, not {getattr(self, name)!r}")
        self._check_schedule()
        self._check_optimizer()
        if self.patience and not self.validation_split:
            raise InputError("`patience` must come with a `validation_split` above 0, not with 0")
        if self.patience and self.precision != "float32":
            raise InputError(  # a training that may stop has no last epoch to be float32
                f"`precision` must be float32 with `patience`, not {self.precision!r}"
            )

    @property
    def augmented(self) -> bool:
        """Whether images are changed before they are learned."""
        return self.flip or self.shift_pixels > 0

    def _check_schedule(self) -> None:
        schedule = SCHEDULES[self.schedule]
        if self.warmup_epochs and not schedule.warms_up:
            able = [name for name, one in SCHEDULES.items() if one.warms_up]
            raise InputError(
                f"`schedule` must be {' or '.join(able)} with a warm-up, not {self.schedule!r}"
            )
        if not 0 <= self.warmup_epochs < self.epochs:
            raise InputError(
                f"`warmup_epochs` must be from 0 to {self.epochs - 1}, one less than the epochs, "
                f"not {self.warmup_epochs!r}"
            )
        may_be_zero, may_be_positive = schedule.final
        if not (may_be_positive if self.final_learning_rate else may_be_zero):
            raise InputError(
                f"`final_learning_rate` must be {'0' if may_be_zero else 'positive'} with the "
                f"schedule {self.schedule!r}, not {self.final_learning_rate!r}"
            )
        if self.final_learning_rate > self.learning_rate:
            raise InputError(
                f"`final_learning_rate` must be at most the learning rate, {self.learning_rate!r}, "
                f"not {self.final_learning_rate!r}"
            )

    def _check_optimizer(self) -> None:
        if OPTIMIZERS[self.optimizer].latent:
            return
        for name, value in (("weight_decay", 0.0), ("bipolar_pull", 0.0), ("precision", "float32")):
            if getattr(self, name) != value:
                raise InputError(
                    f"`{name}` must be {value} with the optimizer {self.optimizer!r}, which has no "
                    f"latent weights, not {getattr(self, name)!r}"
                )


def changed(base: Settings, *changes: Mapping[str, Any]) -> Settings:
    """Return ``base`` with changes, the later ones taking precedence.

    What is not among the changes may follow from them: an optimizer other than that of ``base``
    brings its own learning rate, and another schedule begins without a warm-up and ends at 0.

    >>> adam = Settings(epochs=20, batch_size=100, learning_rate=0.01)
    >>> changed(adam, {"optimizer": "sgd"}, {"epochs": 7}).learning_rate
    5.0
    """
    together = {name: value for change in changes for name, value in change.items()}
    optimizer = together.get("optimizer", base.optimizer)
    if optimizer != base.optimizer and optimizer in OPTIMIZERS:
        rate = OPTIMIZERS[optimizer].learning_rate
        together.setdefault("learning_rate", base.learning_rate if rate is None else rate)
    if together.get("schedule", base.schedule) != base.schedule:
        together = {"warmup_epochs": 0, "final_learning_rate": 0.0} | together
    return replace(base, **together)


def flags(settings: Settings, *bases: Settings) -> list[str]:
    """Return options of ``pimsim train`` that lead to ``settings``, whatever it takes by itself.

    Named are the first four settings, and what differs from the defaults of :class:`Settings` or
    from any of ``bases``.
    """
    words: list[str] = []
    for field in fields(Settings):
        value = getattr(settings, field.name)
        usual = {getattr(base, field.name) for base in bases}
        if field.name not in _ALWAYS and usual | {field.default} == {value}:
            continue
        option = field.name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        else:
            words += [f"--{option}", str(value)]
    return words


_ALWAYS = ("epochs", "batch_size", "learning_rate", "seed")
_NAMED: dict[str, Iterable[str]] = {
    "schedule": SCHEDULES,
    "optimizer": OPTIMIZERS,
    "loss": LOSSES,
    "initializer": INITIALIZERS,
    "activation": ACTIVATIONS,
    "head": HEADS,
    "precision": PRECISIONS,
}
_MOST_SEED = 2**32 - 1
_RANGES: dict[tuple[str, ...], tuple[str, Callable[[float], bool]]] = {
    ("epochs", "batch_size"): ("at least 1", lambda n: n >= 1),
    ("shift_pixels", "patience"): ("at least 0", lambda n: n >= 0),
    ("seed",): (f"from 0 to {_MOST_SEED}", lambda n: 0 <= n <= _MOST_SEED),
    ("learning_rate", "batch_norm_epsilon", "bop_threshold"): (
        "positive",
        lambda x: 0 < x < math.inf,
    ),
    ("final_learning_rate", "weight_decay", "bipolar_pull"): (
        "at least 0",
        lambda x: 0 <= x < math.inf,
    ),
    ("dropout", "validation_split", "batch_norm_momentum"): (
        "at least 0 and below 1",
        lambda x: 0 <= x < 1,
    ),
    ("bop_gamma",): ("above 0 and at most 1", lambda x: 0 < x <= 1),
}
"""What settings must be, in words and as a test."""


def check_name(name: str, value: object, known: Iterable[str]) -> None:
    """Raise InputError if ``value`` is none of the ``known`` names; the nearest is suggested."""
    names = tuple(known)
    if value not in names:
        hint = nearest(str(value), names, "")
        raise InputError(f"`{name}` must be one of {', '.join(names)}, not {value!r}{hint}")
